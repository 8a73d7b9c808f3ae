/* Attention of some rows of queries of one head, on the packed tiles. */
#ifndef MLCM_CPU_ATTEND_H
#define MLCM_CPU_ATTEND_H

#include "cpu_packed.h"

struct attend {
    float *out;                /* (rows, width) */
    const float *q;            /* (rows, width) */
    const float *keys;         /* packed by attend_pack_keys */
    const float *v;            /* (count, width) */
    size_t ldo, ldq, ldv;      /* floats between rows */
    int rows, count, width;    /* count: keys */
    float scale;
    const float *mask;         /* (count): 1 = may be seen; NULL = all */
};

/* Floats that the packed keys take. */
size_t attend_keys_count(int count, int width);
/* Packs rows [first, first + n) of the keys; from: row `first`. Lanes beyond the last key are left as they are. */
void attend_pack_keys(float *panels, const float *from, size_t ld, int first, int n, int width);
/* Floats of scratch for attention over `count` keys, packed keys of one head included. */
size_t attend_scratch_count(int count, int width);
/* scratch: attend_scratch_count floats less the packed keys. */
void attend_rows(const struct attend *a, float *scratch);

#endif
