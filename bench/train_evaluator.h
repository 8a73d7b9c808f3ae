/* Trains an evaluator on a packed set, and measures how well it sees real motions. */
#ifndef MLCM_TRAIN_EVALUATOR_H
#define MLCM_TRAIN_EVALUATOR_H

#include "../datasets/set.h"
#include "../metrics/evaluator_train.h"
#include "../metrics/precision.h"

/* The training data: the train split with its mirrored clips, in the evaluator's statistics. config's nfeats and
 * word width are taken from the set. Writes the evaluator to `path`, its loss curves to PATH.movement.csv and
 * PATH.csv (with R-Precision on the validation split), its state to PATH.state. on: as below. */
int train_evaluator(const struct set *set, struct device *d, const struct evaluator_config *config, const char *on, const char *path,
                    int quiet, struct error *e);
/* What defines the result of train_evaluator: configuration, data and, if `on` names one, the device other than the CPU.
 * 64 hexadecimal digits, NUL. */
void train_evaluator_fingerprint(const struct set *set, const struct evaluator_config *config, const char *on, char out[65]);

/* R-Precision and MM-Dist of real motions of a split: one caption and window an item, drawn from seed, mean over
 * `repeats` random groupings into pools; renormalised zero padding to the longest possible clip. */
int evaluator_precision(const struct evaluator *ev, const struct set *set, const char *split, uint64_t seed, int repeats,
                        struct precision *out, struct error *e);

#endif
