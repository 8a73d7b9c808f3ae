#include "filter.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

int filter_gaussian(const double *in, int n, int width, double sigma, double *out, struct error *e)
{
    const int radius = (int)(4.0 * sigma + 0.5);
    double *weight = malloc((size_t)(radius + 1) * sizeof *weight);
    if (!weight)
        return error_memory(e, "a Gaussian kernel");
    double total = 0.0;
    for (int k = 0; k <= radius; k++) {
        weight[k] = sigma > 0.0 ? exp(-0.5 * (double)k * (double)k / (sigma * sigma)) : 1.0;
        total += k ? 2.0 * weight[k] : weight[k];
    }
    for (int k = 0; k <= radius; k++)
        weight[k] /= total;
    memset(out, 0, (size_t)n * (size_t)width * sizeof *out);
    for (int t = 0; t < n; t++)
        for (int k = -radius; k <= radius; k++) {
            int at = t + k;
            at = at < 0 ? 0 : at >= n ? n - 1 : at;
            const double w = weight[k < 0 ? -k : k];
            for (int c = 0; c < width; c++)
                out[t * width + c] += w * in[at * width + c];
        }
    free(weight);
    return 0;
}

void filter_uniform(const double *in, int n, int size, double *out)
{
    const int radius = size / 2;
    for (int t = 0; t < n; t++) {
        double total = 0.0;
        for (int k = t - radius; k <= t + radius; k++)
            if (k >= 0 && k < n)
                total += in[k];
        out[t] = total / size;
    }
}
