/* HDF5 files: every dataset and attribute of the narrow door, then as a checkpoint and as a set. */
#include "fuzz.h"
#include "../../datasets/set_builder.h"
#include "../../engine/h5.h"
#include "../../engine/weights.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void read_one(struct h5 *f, const char *name)
{
    struct error e = {0};
    int rank, dims[8], count = 0;
    float *x = NULL;
    double *y = NULL, v;
    int32_t *k = NULL;
    int64_t whole;
    char **texts = NULL, text[64];
    size_t n = 0;
    fuzz_verdict(h5_shape(f, name, &rank, dims, &e), &e);
    if (!fuzz_verdict(h5_read_float(f, name, &x, &n, &e), &e)) free(x);
    if (!fuzz_verdict(h5_read_double(f, name, &y, &n, &e), &e)) free(y);
    if (!fuzz_verdict(h5_read_int(f, name, &k, &n, &e), &e)) free(k);
    if (!fuzz_verdict(h5_read_strings(f, name, &texts, &count, &e), &e)) h5_names_free(texts, count);
    fuzz_verdict(h5_attr_double(f, name, "unit", &v, &e), &e);
    fuzz_verdict(h5_attr_int(f, name, "unit", &whole, &e), &e);
    fuzz_verdict(h5_attr_string(f, name, "kind", text, sizeof text, &e), &e);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct h5 *f = NULL;
    struct error e = {0};
    struct weights w;
    struct set s;
    char **names = NULL;
    int count = 0;
    const char *path = fuzz_file(0, data, size);
    if (!fuzz_verdict(h5_open(path, &f, &e), &e)) {
        if (!fuzz_verdict(h5_names(f, "/", &names, &count, &e), &e)) {
            for (int i = 0; i < count && i < 8; i++) read_one(f, names[i]);
            h5_names_free(names, count);
        }
        read_one(f, "/");
        read_one(f, "group/words");
        h5_close(f);
    }
    if (!fuzz_verdict(weights_read(path, &w, &e), &e)) {
        fuzz_values(&w);
        weights_free(&w);
    }
    if (!fuzz_verdict(set_read(path, &s, &e), &e)) set_free(&s);
    return 0;
}

static void must(int rc, const struct error *e)
{
    if (rc) fuzz_breach(e->text);
}

void fuzz_seeds(void)
{
    struct error e = {0};
    struct h5 *f;
    char path[1300];
    static const float values[6] = {1, 2, 3, 4, 5, 6};
    static const double wide[2] = {1, 2};
    static const int32_t whole[3] = {1, 2, 3};
    char a[] = "a", walk[] = "walk", *const words[2] = {a, walk};
    const int two[2] = {2, 3}, three = 3, pair = 2;
    snprintf(path, sizeof path, "%s", fuzz_scratch("values.h5"));
    must(h5_create(path, &f, &e), &e);
    must(h5_write_float(f, "x", 2, two, values, &e), &e);
    must(h5_write_half(f, "h", 2, two, values, &e), &e);
    must(h5_write_double(f, "d", 1, &pair, wide, &e), &e);
    must(h5_write_int(f, "k", 1, &three, whole, &e), &e);
    must(h5_write_strings(f, "group/words", 2, words, &e), &e);
    must(h5_write_attr_double(f, "x", "unit", 0.5, &e), &e);
    must(h5_write_attr_int(f, "k", "unit", 5, &e), &e);
    must(h5_write_attr_string(f, "/", "kind", "values", &e), &e);
    must(h5_commit(f, &e), &e);
    fuzz_seed_file("values", path, NULL, 0);

    struct weights w = {.count = 0};
    struct weight *item;
    must(weights_add(&w, "a.weight", 2, two, &item, &e), &e);
    must(weights_add(&w, "a.bias", 1, &three, &item, &e), &e);
    must(weights_write(&w, path, &e), &e);
    weights_free(&w);
    fuzz_seed_file("weights", path, NULL, 0);

    struct set_builder *b;
    struct set s;
    const struct set_layout layout = {"toy", NULL, 3, 2, 20.0, 1, 40, 1};
    must(set_builder_new(&layout, &b, &e), &e);
    must(set_builder_clip(b, "one", "train", values, 2, "content=walk", &e), &e);
    must(set_builder_caption(b, "a person walks", "a/DET person/NOUN walk/VERB", "", 0, 0, &e), &e);
    must(set_builder_nan(b, "007975", &e), &e);
    must(set_builder_words_from_captions(b, 2, 1, &e), &e);
    must(set_builder_finish(b, &s, &e), &e);
    must(set_write(path, &s, &e), &e);
    set_free(&s);
    fuzz_seed_file("set", path, NULL, 0);
}
