/* The pickled vocabulary of HumanML3D: first byte even, the list of words; odd, their rows. */
#include "fuzz.h"
#include "../../engine/file.h"
#include "../../engine/pickle.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char **words = NULL;
    int *rows = NULL, count = 0, rc;
    struct error e = {0};
    if (size == 0) return 0;
    const char *path = fuzz_file(0, data + 1, size - 1);
    rc = data[0] & 1 ? pickle_read_word_index(path, &words, &rows, &count, &e) : pickle_read_words(path, &words, &count, &e);
    if (fuzz_verdict(rc, &e)) return 0;
    for (int i = 0; rows && i < count; i++)
        if (rows[i] < 0) fuzz_breach("a negative row");
    file_list_free(words, count);
    free(rows);
    return 0;
}

void fuzz_seeds(void)
{
    static const char list[] = "\0\x80\x03]q\0(X\x03\0\0\0sosq\1X\x03\0\0\0eosq\2X\x04\0\0\0walkq\3e.";
    static const char index[] = "\1\x80\x03}q\0(X\x03\0\0\0sosq\1K\0X\x03\0\0\0eosq\2K\1X\x04\0\0\0walkq\3M\2\1u.";
    fuzz_seed("list", list, sizeof list - 1);
    fuzz_seed("index", index, sizeof index - 1);
}
