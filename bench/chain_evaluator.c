#include "chain.h"
int chain_evaluator_fingerprint(struct chain *c, struct error *e) { (void)c; (void)e; return 0; }
int train_evaluator_stage(struct chain *c, const char *path, struct error *e) { (void)c; return error_set(e, ERR_INTERNAL, "%s", path); }
