#include "precision.h"
#include "embedding.h"

#include <stdlib.h>
#include <string.h>

static int check_pools(const struct pools *pools, int n, struct error *e)
{
    if (pools->count < 1 || pools->size < 1)
        return error_set(e, ERR_INPUT, "R-Precision: no complete pool of pairs");
    for (long i = 0; i < (long)pools->count * pools->size; i++)
        if (pools->item[i] < 0 || pools->item[i] >= n)
            return error_set(e, ERR_INPUT, "R-Precision: a pool names pair %d of %d", pools->item[i],
                             n);
    return 0;
}

static int is_true_of(const struct consistency *c, int text, int motion)
{
    return text == motion || (c && c->holds(c->context, text, motion));
}

/* Rank (from 0) of the best-placed motion that caption pool[query] is true of.
 * distance (size): of that caption to the pool's motions. */
static int best_rank(const int *pool, int size, int query, const double *distance,
                     const struct consistency *any)
{
    int nearest = query;
    for (int j = 0; j < size; j++)
        if (j != query && is_true_of(any, pool[query], pool[j]) &&
            (distance[j] < distance[nearest] ||
             (distance[j] == distance[nearest] && j < nearest)))
            nearest = j;
    int rank = 0;
    for (int j = 0; j < size; j++)
        rank += distance[j] < distance[nearest] ||
                (distance[j] == distance[nearest] && j < nearest);
    return rank;
}

int r_precision(const float *text, const float *motion, int n, int dim, const struct pools *pools,
                const struct consistency *any, struct precision *out, struct error *e)
{
    memset(out, 0, sizeof *out);
    int status;
    if ((status = embedding_check(text, n, dim, "text embeddings", e)) ||
        (status = embedding_check(motion, n, dim, "motion embeddings", e)) ||
        (status = check_pools(pools, n, e)))
        return status;
    double *distance = malloc((size_t)pools->size * sizeof *distance);
    if (!distance)
        return error_memory(e, "R-Precision's distances");
    double sum = 0;
    for (int p = 0; p < pools->count; p++) {
        const int *pool = pools->item + (long)p * pools->size;
        for (int query = 0; query < pools->size; query++) {
            for (int j = 0; j < pools->size; j++)
                distance[j] = embedding_distance(embedding_row(text, pool[query], dim),
                                                 embedding_row(motion, pool[j], dim), dim);
            int rank = best_rank(pool, pools->size, query, distance, any);
            for (int k = 0; k < PRECISION_TOPS; k++)
                out->hits[k] += rank <= k;
            sum += distance[query];
        }
    }
    free(distance);
    out->queries = (long)pools->count * pools->size;
    for (int k = 0; k < PRECISION_TOPS; k++)
        out->top[k] = (double)out->hits[k] / (double)out->queries;
    out->mm_distance = sum / (double)out->queries;
    return 0;
}

int r_precision_ceiling(int n, const struct pools *pools, const struct consistency *c,
                        struct precision_ceiling *out, struct error *e)
{
    memset(out, 0, sizeof *out);
    int status = check_pools(pools, n, e);
    if (status)
        return status;
    for (int p = 0; p < pools->count; p++) {
        const int *pool = pools->item + (long)p * pools->size;
        for (int query = 0; query < pools->size; query++) {
            int consistent = 0;
            for (int j = 0; j < pools->size; j++)
                consistent += is_true_of(c, pool[query], pool[j]);
            for (int k = 1; k <= PRECISION_TOPS; k++)
                out->top[k - 1] += k < consistent ? (double)k / consistent : 1;
            out->mean_consistent += consistent;
            out->ambiguous += consistent > 1;
        }
    }
    out->queries = (long)pools->count * pools->size;
    for (int k = 0; k < PRECISION_TOPS; k++)
        out->top[k] /= (double)out->queries;
    out->mean_consistent /= (double)out->queries;
    out->ambiguous /= (double)out->queries;
    return 0;
}
