/* The program's verbs: one file each, `int cmd_X(int argc, char **argv)` with
 * argv[0] the verb. A verb returns an exit code (engine/error.h) and has
 * printed its own one-line error through command_fail. */
#ifndef MLCM_COMMAND_H
#define MLCM_COMMAND_H

#include "../engine/error.h"

int cmd_data(int argc, char **argv);
int cmd_train(int argc, char **argv);
int cmd_bench(int argc, char **argv);
int cmd_time(int argc, char **argv);
int cmd_generate(int argc, char **argv);
int cmd_verify(int argc, char **argv);
int cmd_pack(int argc, char **argv);
int cmd_report(int argc, char **argv);
int cmd_info(int argc, char **argv);
int cmd_compare(int argc, char **argv);
int cmd_sweep(int argc, char **argv);
int cmd_eval(int argc, char **argv);

/* Prints "mlcm: TEXT" to standard error, returns e->code. */
int command_fail(const struct error *e);

#endif
