/* What the fuzz targets share.
 *
 * A target is one file with the two functions at the top. It links either with libFuzzer
 * (clang) or with replay.c, whose main runs files and seeded mutations of them. Both programs
 * understand "--seeds FOLDER": write the target's seeds there and end. */
#ifndef MLCM_TESTS_FUZZ_H
#define MLCM_TESTS_FUZZ_H

#include "../../engine/error.h"
#include <stddef.h>
#include <stdint.h>

/* Runs the reader on one input; always 0. Anything wrong ends the program by abort. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
/* Calls fuzz_seed for each of some small sound inputs, made by the project's own writers. */
void fuzz_seeds(void);

void fuzz_seed(const char *name, const void *data, size_t size);
/* The contents of a file as a seed, behind `before` bytes of `prefix`. */
void fuzz_seed_file(const char *name, const char *path, const void *prefix, size_t before);

/* A path under which readers find the bytes as a regular file in memory; `slot` from 0 to 3 tells
 * files that are there at the same time apart. Valid until the next call with that slot. */
const char *fuzz_file(int slot, const void *data, size_t size);
/* A name in a temporary folder of this process for seeds that a writer must write to disk. */
const char *fuzz_scratch(const char *name);

/* The contract of every reader: 0, or ERR_INPUT with one printable line. Out of memory counts as a
 * breach, because a file must not be able to ask for more than it holds. Returns rc. */
int fuzz_verdict(int rc, const struct error *e);
/* Reads the values of every tensor; errors must keep the contract. */
struct weights;
void fuzz_values(struct weights *w);
/* Bytes as a checkpoint file, read whole with its values. */
void fuzz_checkpoint(const void *data, size_t size);
/* Ends the program with a message. */
void fuzz_breach(const char *what) __attribute__((noreturn));

#endif
