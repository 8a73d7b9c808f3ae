#include "seams.h"
#include "physical.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Of n >= 1 sorted values, linear between neighbours. */
static double quantile(const double *x, int n, double q)
{
    double at = q * (n - 1);
    int low = (int)at, high = low + 1 < n ? low + 1 : low;
    return x[low] + (at - low) * (x[high] - x[low]);
}

static int check(const float *joints, int frames, int njoints, const int *first, int count, int faded, struct error *e)
{
    if (frames < 4 || njoints < 1 || count < 1 || faded < 0)
        return error_set(e, ERR_INPUT, "seams: %d frames, %d joints, %d seams; 4 frames, a joint and a seam are needed", frames,
                         njoints, count);
    for (int k = 0; k < count; k++)
        if (first[k] < 1 || first[k] >= frames || (k && first[k] <= first[k - 1]))
            return error_set(e, ERR_INPUT, "seams: one at frame %d of %d; they ascend within the motion", first[k], frames);
    for (size_t i = 0; i < (size_t)frames * (size_t)njoints * 3; i++)
        if (!isfinite(joints[i]))
            return error_set(e, ERR_INPUT, "seams: frame %zu is not finite", i / 3 / (size_t)njoints);
    return 0;
}

int seam_jerk(const float *joints, int frames, int njoints, double fps, const int *first, int count, int faded,
              struct seams *out, double *each, struct error *e)
{
    memset(out, 0, sizeof *out);
    int rc = check(joints, frames, njoints, first, count, faded, e), n = frames - 3, inside = 0;
    if (rc) return rc;
    double *jerk = malloc((size_t)n * sizeof *jerk), *rest = malloc((size_t)n * sizeof *rest), *seam = malloc((size_t)count * sizeof *seam);
    char *touched = calloc((size_t)n, 1);
    if (!jerk || !rest || !seam || !touched) rc = error_memory(e, "seams");
    if (!rc) joint_jerk(joints, frames, njoints, fps, jerk);
    for (int k = 0; k < count && !rc; k++) {      /* third difference t is over frames t … t+3 */
        int from = first[k] > 3 ? first[k] - 3 : 0, to = first[k] + faded, used = 0;
        double sum = 0;
        for (int t = from; t < to && t < n; t++, used++) {
            sum += jerk[t];
            touched[t] = 1;
            out->peak = fmax(out->peak, jerk[t]);
        }
        seam[k] = used ? sum / used : 0;
        out->worst = fmax(out->worst, seam[k]);
    }
    for (int t = 0; t < n && !rc; t++)
        if (!touched[t]) rest[inside++] = jerk[t];
    if (!rc && !inside) rc = error_set(e, ERR_INPUT, "seams: no frame lies inside a segment; make segments longer than their overlap");
    if (!rc) {
        if (each) memcpy(each, seam, (size_t)count * sizeof *each);
        qsort(rest, (size_t)inside, sizeof *rest, ascending);
        qsort(seam, (size_t)count, sizeof *seam, ascending);
        out->count = count;
        out->inside = quantile(rest, inside, 0.5);
        out->inside_p99 = quantile(rest, inside, 0.99);
        out->median = quantile(seam, count, 0.5);
    }
    free(jerk);
    free(rest);
    free(seam);
    free(touched);
    return rc;
}
