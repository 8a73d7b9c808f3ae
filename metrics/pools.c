#include "pools.h"

#include <stdlib.h>
#include <string.h>

int consistency_from_matrix(const void *matrix, int text, int motion)
{
    const struct consistency_matrix *m = matrix;
    if (text < 0 || motion < 0 || text >= m->n || motion >= m->n)
        return 0;
    return m->cell[(long)text * m->n + motion] != 0;
}

static int pools_alloc(int n, int size, int count, struct pools *out, struct error *e)
{
    memset(out, 0, sizeof *out);
    if (size < 1 || count < 1 || n < size)
        return error_set(e, ERR_INPUT,
                         "R-Precision: %d pairs do not fill a pool of %d: use more clips or a "
                         "smaller pool",
                         n, size);
    out->item = malloc((size_t)size * (size_t)count * sizeof *out->item);
    if (!out->item)
        return error_memory(e, "R-Precision's pools");
    out->size = size;
    out->count = count;
    return 0;
}

void pools_free(struct pools *p)
{
    free(p->item);
    memset(p, 0, sizeof *p);
}

int pools_in_order(int n, int size, struct pools *out, struct error *e)
{
    int status = pools_alloc(n, size, size > 0 ? n / size : 0, out, e);
    for (int i = 0; !status && i < out->size * out->count; i++)
        out->item[i] = i;
    return status;
}

int pools_of_order(const int *order, int n, int size, struct pools *out, struct error *e)
{
    int status = pools_alloc(n, size, size > 0 ? n / size : 0, out, e);
    if (status)
        return status;
    unsigned char *seen = calloc((size_t)n, 1);
    if (!seen)
        status = error_memory(e, "R-Precision's order");
    for (int i = 0; i < n && !status; i++) {
        if (order[i] < 0 || order[i] >= n || seen[order[i]]++)
            status = error_set(e, ERR_INPUT,
                               "R-Precision: the order's entry %d is %d: each of 0 to %d is needed "
                               "once",
                               i, order[i], n - 1);
        else if (i < out->size * out->count)
            out->item[i] = order[i];
    }
    free(seen);
    if (status)
        pools_free(out);
    return status;
}

int pools_permuted(int n, int size, struct rng *r, struct pools *out, struct error *e)
{
    int *order = malloc((size_t)(n > 0 ? n : 1) * sizeof *order);
    if (!order)
        return error_memory(e, "R-Precision's order");
    for (int i = 0; i < n; i++)
        order[i] = i;
    if (n > 0)
        rng_shuffle(r, order, n);
    int status = pools_of_order(order, n, size, out, e);
    free(order);
    return status;
}

/* Whether pair `item` fits beside the `filled` pairs already in the pool. */
static int fits(const int *pool, int filled, int item, const struct consistency *c)
{
    for (int k = 0; k < filled; k++)
        if (pool[k] == item || c->holds(c->context, pool[k], item) ||
            c->holds(c->context, item, pool[k]))
            return 0;
    return 1;
}

int pools_distinct(int n, int size, int count, const struct consistency *c, struct rng *r,
                   struct pools *out, struct error *e)
{
    int status = pools_alloc(n, size, count, out, e);
    if (status)
        return status;
    int *order = malloc((size_t)n * sizeof *order);
    int *used = calloc((size_t)n, sizeof *used);
    if (!order || !used)
        status = error_memory(e, "R-Precision's pools");
    for (int p = 0; p < count && !status; p++) {
        int *pool = out->item + (long)p * size, filled = 0, most = 0;
        for (int i = 0; i < n; i++) {
            order[i] = i;
            most = used[i] > most ? used[i] : most;
        }
        rng_shuffle(r, order, n);
        for (int times = 0; times <= most && filled < size; times++)
            for (int i = 0; i < n && filled < size; i++)
                if (used[order[i]] == times && fits(pool, filled, order[i], c))
                    pool[filled++] = order[i];
        if (filled < size)
            status = error_set(e, ERR_INPUT,
                               "R-Precision: only %d of %d pairs that differ in meaning were "
                               "found for a class-distinct pool: use a smaller pool",
                               filled, size);
        else
            for (int k = 0; k < size; k++)
                used[pool[k]]++;
    }
    free(order);
    free(used);
    if (status)
        pools_free(out);
    return status;
}
