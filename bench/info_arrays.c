/* Arrays and word lists. */
#include "../engine/file.h"
#include "../engine/npy.h"
#include "../engine/npz.h"
#include "../engine/pickle.h"
#include "info.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

int info_array(const char *path, struct error *e)
{
    struct npy a;
    char sha256[65], shape[100];
    int rc = npy_read(path, &a, e);
    if (rc == 0 && (rc = sha256_file(path, sha256, e)) != 0)
        npy_free(&a);
    if (rc)
        return rc;
    double least = DBL_MAX, most = -DBL_MAX;
    size_t bad = 0;
    for (size_t i = 0; i < a.count; i++) {
        if (!isfinite(a.data[i])) {
            bad++;
            continue;
        }
        least = fmin(least, a.data[i]);
        most = fmax(most, a.data[i]);
    }
    info_shape(a.rank, a.shape, shape, sizeof shape);
    int last = a.rank ? a.shape[a.rank - 1] : 0;
    const char *guess = a.rank == 2 && last == 263                    ? "HumanML3D motion features"
                        : a.rank == 2 && last == 251                  ? "KIT-ML motion features"
                        : a.rank == 3 && last == 3                    ? "joint positions"
                        : a.rank == 1 && (last == 263 || last == 251) ? "feature statistics"
                                                                      : "numbers";
    printf("%s: NumPy array, %s, type %s, probably %s\n", path, shape, a.type, guess);
    info_fingerprint(path, sha256);
    if (bad < a.count)
        printf("  values %g to %g", least, most);
    else
        printf("  no finite value");
    printf(", %zu not finite\n", bad);
    npy_free(&a);
    return 0;
}

int info_arrays(const char *path, struct error *e)
{
    struct npz *z = NULL;
    char sha256[65], shape[100];
    int rc = npz_open(path, &z, e);
    if (rc)
        return rc;
    if ((rc = sha256_file(path, sha256, e)) == 0) {
        printf("%s: NumPy archive, %d arrays\n", path, npz_count(z));
        info_fingerprint(path, sha256);
    }
    for (int i = 0; rc == 0 && i < npz_count(z); i++) {
        struct npy a;
        if ((rc = npz_read(z, npz_name(z, i), &a, e)) != 0)
            break;
        info_shape(a.rank, a.shape, shape, sizeof shape);
        printf("  ");
        info_name(40, npz_name(z, i));
        printf(" %-16s type %s\n", shape, a.type);
        npy_free(&a);
    }
    npz_close(z);
    return rc;
}

/* A few of many, in one line. */
static void print_words(char **words, const int *rows, int count)
{
    printf("  ");
    for (int i = 0; i < count && i < 8; i++) {
        info_name(0, words[i]);
        if (rows)
            printf(" %d", rows[i]);
        printf(i + 1 < count && i < 7 ? ", " : "");
    }
    printf(count > 8 ? ", …\n" : "\n");
}

int info_words(const char *path, struct error *e)
{
    char **words = NULL, sha256[65];
    int *rows = NULL, count = 0;
    struct error first = {0};
    int rc = pickle_read_words(path, &words, &count, &first);
    const char *kind = "pickled list of words";
    if (rc) {
        rc = pickle_read_word_index(path, &words, &rows, &count, e);
        kind = "pickled index of words with their rows";
    }
    if (rc) /* neither: what the list lacked says less than a refusal does */
        return rc;
    if ((rc = sha256_file(path, sha256, e)) == 0) {
        printf("%s: %s, %d words\n", path, kind, count);
        info_fingerprint(path, sha256);
        print_words(words, rows, count);
    }
    file_list_free(words, count);
    free(rows);
    return rc;
}
