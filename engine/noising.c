#include "noising.h"
#include <math.h>
#include <stdlib.h>

/* The two coefficients of a sample at a timestep. */
typedef void coefficients(const struct noise_schedule *s, int timestep, double *first, double *second);

static void noisy_coefficients(const struct noise_schedule *s, int timestep, double *first, double *second)
{
    *first = sqrt(s->alpha_bar[timestep]);
    *second = sqrt(1 - s->alpha_bar[timestep]);
}

static void clean_coefficients(const struct noise_schedule *s, int timestep, double *first, double *second)
{
    double a = s->alpha_bar[timestep];
    *first = 1 / sqrt(a);
    *second = -sqrt((1 - a) / a);
}

static void consistency_coefficients(const struct noise_schedule *s, int timestep, double *first, double *second)
{
    double skip, out;
    clean_coefficients(s, timestep, first, second);
    boundary_scalings(timestep, &skip, &out);
    *first = skip + out * *first;
    *second *= out;
}

static struct tensor *mix(struct tape *t, const struct noise_schedule *s, const int *timesteps, coefficients *rule,
                          struct tensor *x, struct tensor *y, int batch)
{
    if (!x || !y) return NULL;
    if (batch <= 0 || x->rows % batch) {
        tape_error(t, "%d latent rows in a batch of %d", x->rows, batch);
        return NULL;
    }
    int tokens = x->rows / batch;
    float *host = malloc(2 * (size_t)x->rows * sizeof *host + 1);
    if (!host) {
        tape_error(t, "out of memory");
        return NULL;
    }
    for (int b = 0; b < batch; b++) {
        double first = 0, second = 0;
        if (timesteps[b] < 0 || timesteps[b] >= TRAIN_STEPS) {
            tape_error(t, "timestep %d; use 0 to %d", timesteps[b], TRAIN_STEPS - 1);
            break;
        }
        rule(s, timesteps[b], &first, &second);
        for (int i = b * tokens; i < (b + 1) * tokens; i++) {
            host[i] = (float)first;
            host[x->rows + i] = (float)second;
        }
    }
    struct tensor *a = tape_constant(t, host, x->rows, 1), *c = tape_constant(t, host + x->rows, x->rows, 1);
    free(host);
    return a && c ? op_combine_rows(t, a->x, x, c->x, y) : NULL;
}

struct tensor *noisy_latent(struct tape *t, const struct noise_schedule *s, const int *timesteps, struct tensor *clean,
                            struct tensor *noise, int batch)
{
    return mix(t, s, timesteps, noisy_coefficients, clean, noise, batch);
}

struct tensor *clean_estimate(struct tape *t, const struct noise_schedule *s, const int *timesteps,
                              struct tensor *noisy, struct tensor *noise, int batch)
{
    return mix(t, s, timesteps, clean_coefficients, noisy, noise, batch);
}

struct tensor *consistency_estimate(struct tape *t, const struct noise_schedule *s, const int *timesteps,
                                    struct tensor *noisy, struct tensor *noise, int batch)
{
    return mix(t, s, timesteps, consistency_coefficients, noisy, noise, batch);
}

const float *mean_row_weights(struct tape *t, const struct tensor *x, float share)
{
    struct tensor *w = x ? tape_tensor(t, x->rows, 1) : NULL;
    if (!w) return NULL;
    w->constant = 1;
    t->device->fill(t->device, w->x, share / ((float)x->rows * (float)x->cols), (size_t)x->rows);
    return w->x;
}
