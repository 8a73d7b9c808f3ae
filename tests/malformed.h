/* The corpus of malformed files: each is made at run time, given to the reader that meets such a
 * file, and must be refused with its error code and a message that names the file and the rule. */
#ifndef MLCM_TESTS_MALFORMED_H
#define MLCM_TESTS_MALFORMED_H

#include "../engine/error.h"
#include <stddef.h>

/* Reads the file wholly, frees what came of it, returns the reader's code. */
typedef int malformed_open(const char *path, struct error *e);

malformed_open open_checkpoint, open_pickle, open_word_list, open_word_rows, open_array, open_archive_of_arrays, open_h5,
    open_set, open_sentencepiece, open_merges, open_pieces, open_motion_capture, open_experiment, open_results, open_names,
    open_captions, open_tar;

/* A format's part of the corpus. Failures are printed as they come; malformed_end prints the
 * number of files and fails the test if there was one. */
struct malformed {
    const char *format;
    char folder[400];          /* of the files */
    int files, failures;
};
void malformed_begin(struct malformed *m, const char *format);
void malformed_end(struct malformed *m);

/* Writes the bytes to the file `name` and reads it: `code` and `rule` (a part of the message) must
 * come, nothing else may lie in the folder afterwards, at most 1 s and 64 MiB and as much again a
 * MiB of the file may be used up. code 0: it must be accepted. */
void malformed_file(struct malformed *m, const char *name, const void *data, size_t size, malformed_open *open, int code,
                    const char *rule);
/* The same for a file that is there already. */
void malformed_path(struct malformed *m, const char *name, malformed_open *open, int code, const char *rule);
/* A fact about the corpus that must hold. */
void malformed_check(struct malformed *m, int ok, const char *what);
/* The full name of a file; 600 bytes. */
const char *malformed_name(const struct malformed *m, const char *name, char path[600]);

/* ---- the formats: cmocka tests ---- */
void malformed_safetensors(void **state);
void malformed_pickles(void **state);
void malformed_zips(void **state);
void malformed_streams(void **state);
void malformed_arrays(void **state);
void malformed_archives_of_arrays(void **state);
void malformed_h5(void **state);
void malformed_word_lists(void **state);
void malformed_sentencepiece(void **state);
void malformed_vocabularies(void **state);
void malformed_motion_capture(void **state);
void malformed_json(void **state);
void malformed_text(void **state);
void malformed_motions(void **state);
void malformed_other_files(void **state);

#endif
