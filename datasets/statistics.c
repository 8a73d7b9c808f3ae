#include "statistics.h"
#include "skeleton.h"

#include <math.h>
#include <stdlib.h>

int statistics_begin(struct statistics *s, int nchannels, struct error *e)
{
    *s = (struct statistics){.nchannels = nchannels};
    s->shift = calloc(3 * (size_t)nchannels, sizeof *s->shift);
    if (!s->shift)
        return error_memory(e, "statistics");
    s->sum = s->shift + nchannels;
    s->sum2 = s->sum + nchannels;
    return 0;
}

void statistics_free(struct statistics *s)
{
    free(s->shift);
    *s = (struct statistics){0};
}

int statistics_add(struct statistics *s, const float *rows, int n)
{
    const size_t width = (size_t)s->nchannels, count = (size_t)n * width;
    for (size_t k = 0; k < count; k++)
        if (!isfinite(rows[k])) {
            s->skipped++;
            return 0;
        }
    for (size_t t = 0; t < (size_t)n; t++) {
        const float *row = rows + t * width;
        for (size_t c = 0; c < width; c++) {
            if (s->rows == 0)
                s->shift[c] = (double)row[c];
            const double d = (double)row[c] - s->shift[c];
            s->sum[c] += d;
            s->sum2[c] += d * d;
        }
        s->rows++;
    }
    s->clips++;
    return 1;
}

int statistics_exact(const struct statistics *s, double *mean, double *std, struct error *e)
{
    if (s->rows == 0)
        return error_set(e, ERR_INPUT, "no finite motion to take statistics of (%d clips left out)",
                         s->skipped);
    const double n = (double)s->rows;
    for (int c = 0; c < s->nchannels; c++) {
        const double m = s->sum[c] / n;
        mean[c] = s->shift[c] + m;
        std[c] = sqrt(fmax(0.0, s->sum2[c] / n - m * m));
    }
    return 0;
}

int statistics_features(const struct statistics *s, const struct skeleton *skel,
                        float *mean, float *std, struct error *e)
{
    if (s->nchannels != skel->nfeatures)
        return error_set(e, ERR_INTERNAL, "statistics of %d channels are not those of a skeleton "
                         "with %d features", s->nchannels, skel->nfeatures);
    int bound[FEATURE_GROUPS + 1];
    const size_t width = (size_t)s->nchannels;
    double *exact = malloc(2 * width * sizeof *exact);
    if (!exact)
        return error_memory(e, "statistics");
    double *deviation = exact + width;
    const int rc = statistics_exact(s, exact, deviation, e);
    if (!rc) {
        feature_groups(skel, bound);
        for (int g = 0; g < FEATURE_GROUPS; g++) {
            double total = 0.0;
            for (int c = bound[g]; c < bound[g + 1]; c++)
                total += deviation[c];
            for (int c = bound[g]; c < bound[g + 1]; c++) {
                mean[c] = (float)exact[c];
                std[c] = (float)(total / (bound[g + 1] - bound[g]));
            }
        }
    }
    free(exact);
    return rc;
}

static int biased(const int bound[FEATURE_GROUPS + 1], int channel)
{
    return channel < bound[3] || channel >= bound[6];
}

void statistics_feat_bias_double(const struct skeleton *skel, const double *std, double bias,
                                 int times, double *out)
{
    int bound[FEATURE_GROUPS + 1];
    feature_groups(skel, bound);
    for (int c = 0; c < skel->nfeatures; c++) {
        double v = std[c];
        for (int k = 0; k < times && biased(bound, c); k++)
            v /= bias;
        out[c] = v;
    }
}

void statistics_feat_bias(const struct skeleton *skel, const float *std, double bias, int times,
                          float *out)
{
    int bound[FEATURE_GROUPS + 1];
    feature_groups(skel, bound);
    for (int c = 0; c < skel->nfeatures; c++) {
        double v = (double)std[c];
        for (int k = 0; k < times && biased(bound, c); k++)
            v /= bias;
        out[c] = (float)v;
    }
}

int statistics_add_joints(struct statistics *s, const struct skeleton *skel, const float *features,
                          int n)
{
    const size_t width = 3 * (size_t)skel->njoints;
    float *joints = malloc(((size_t)n * width + 1) * sizeof *joints);
    if (!joints)
        return -1;
    joints_from_features(skel, features, n, joints);
    const int added = statistics_add(s, joints, n);
    free(joints);
    return added;
}

int statistics_spatial(const struct statistics *s, float *raw_mean, float *raw_std, struct error *e)
{
    const size_t width = (size_t)s->nchannels;
    double *exact = malloc(2 * width * sizeof *exact);
    if (!exact)
        return error_memory(e, "statistics");
    const int rc = statistics_exact(s, exact, exact + width, e);
    for (size_t c = 0; !rc && c < width; c++) {
        raw_mean[c] = (float)exact[c];
        raw_std[c] = (float)exact[width + c];
    }
    free(exact);
    return rc;
}
