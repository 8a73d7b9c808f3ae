#include "diversity.h"
#include "embedding.h"

#include <limits.h>
#include <stdlib.h>

int draw_pairs(int n, int count, struct rng *r, int *first, int *second, struct error *e)
{
    if (count < 1 || n < count)
        return error_set(e, ERR_INPUT,
                         "Diversity: %d pairs are drawn without replacement, but there are %d "
                         "motions: ask for fewer pairs",
                         count, n);
    int *scratch = malloc((size_t)n * sizeof *scratch);
    if (!scratch)
        return error_memory(e, "Diversity's pairs");
    rng_choose(r, first, count, n, scratch);
    rng_choose(r, second, count, n, scratch);
    free(scratch);
    return 0;
}

static int check_pairs(int n, const int *first, const int *second, int count, struct error *e)
{
    if (count < 1)
        return error_set(e, ERR_INPUT, "Diversity: no pair of motions");
    for (int k = 0; k < count; k++)
        if (first[k] < 0 || second[k] < 0 || first[k] >= n || second[k] >= n)
            return error_set(e, ERR_INPUT, "Diversity: pair %d names motions %d and %d of %d", k,
                             first[k], second[k], n);
    return 0;
}

static double sum_of_distances(const float *x, int dim, const int *first, const int *second,
                               int count)
{
    double sum = 0;
    for (int k = 0; k < count; k++)
        sum += embedding_distance(embedding_row(x, first[k], dim),
                                  embedding_row(x, second[k], dim), dim);
    return sum;
}

int diversity(const float *x, int n, int dim, const int *first, const int *second, int count,
              double *out, struct error *e)
{
    int status = embedding_check(x, n, dim, "embeddings for Diversity", e);
    if (!status)
        status = check_pairs(n, first, second, count, e);
    if (!status)
        *out = sum_of_distances(x, dim, first, second, count) / count;
    return status;
}

int multimodality(const float *x, int texts, int repeats, int dim, const int *first,
                  const int *second, int count, double *out, struct error *e)
{
    if (texts < 1 || repeats < 1 || texts > INT_MAX / repeats)
        return error_set(e, ERR_INPUT, "MultiModality: %d texts of %d repeats", texts, repeats);
    int status = embedding_check(x, texts * repeats, dim, "embeddings for MultiModality", e);
    if (!status)
        status = check_pairs(repeats, first, second, count, e);
    if (status)
        return status;
    double sum = 0;
    for (int t = 0; t < texts; t++)
        sum += sum_of_distances(embedding_row(x, t * repeats, dim), dim, first, second, count);
    *out = sum / ((double)texts * count);
    return 0;
}

/* Room for two index lists of `count`, or NULL. */
static int *pair_room(int count)
{
    return count > 0 && count < INT_MAX / 2 ? malloc(2 * (size_t)count * sizeof(int)) : NULL;
}

int diversity_drawn(const float *x, int n, int dim, int count, struct rng *r, double *out,
                    struct error *e)
{
    int *pairs = pair_room(count);
    if (!pairs)
        return error_set(e, ERR_INPUT, "Diversity: no room for %d pairs", count);
    int status = draw_pairs(n, count, r, pairs, pairs + count, e);
    if (!status)
        status = diversity(x, n, dim, pairs, pairs + count, count, out, e);
    free(pairs);
    return status;
}

int multimodality_drawn(const float *x, int texts, int repeats, int dim, int count, struct rng *r,
                        double *out, struct error *e)
{
    int *pairs = pair_room(count);
    if (!pairs)
        return error_set(e, ERR_INPUT, "MultiModality: no room for %d pairs", count);
    int status = draw_pairs(repeats, count, r, pairs, pairs + count, e);
    if (!status)
        status = multimodality(x, texts, repeats, dim, pairs, pairs + count, count, out, e);
    free(pairs);
    return status;
}
