#include "schedule.h"
#include <math.h>
#include <string.h>

void noise_schedule_make(struct noise_schedule *s, double beta_start, double beta_end)
{
    double a = sqrt(beta_start), b = sqrt(beta_end), product = 1;
    for (int t = 0; t < TRAIN_STEPS; t++) {
        double root = a + (b - a) * t / (TRAIN_STEPS - 1);
        s->beta[t] = root * root;
        product *= 1 - s->beta[t];
        s->alpha_bar[t] = product;
    }
}

void ddim_timesteps(int steps, int offset, int *timesteps)
{
    int ratio = TRAIN_STEPS / steps;
    for (int i = 0; i < steps; i++) timesteps[i] = (steps - 1 - i) * ratio + offset;
}

int lcm_timesteps_v1(int steps, int original, int *timesteps, struct error *e)
{
    if (original < 1 || TRAIN_STEPS % original || steps < 1 || steps > original)
        return error_set(e, ERR_USAGE, "%d LCM steps on a grid of %d points; use 1 to %d steps", steps, original, original);
    int k = TRAIN_STEPS / original;
    for (int i = 0; i < steps; i++) timesteps[i] = (original - original * i / steps) * k - 1;
    return 0;
}

int lcm_timesteps_v2(int steps, int *timesteps, struct error *e)
{
    static const int one[] = {799}, two[] = {699, 299}, four[] = {699, 399, 299, 299};
    const int *table = steps == 1 ? one : steps == 2 ? two : steps == 4 ? four : NULL;
    if (!table) return error_set(e, ERR_USAGE, "MotionLCM-V2 is defined for 1, 2 and 4 steps, not %d", steps);
    memcpy(timesteps, table, (size_t)steps * sizeof *timesteps);
    return 0;
}

double lcm_guidance_v2(int steps) { return steps == 1 ? 8.0 : steps == 2 ? 12.5 : 13.5; }

void boundary_scalings(double t, double *c_skip, double *c_out)
{
    double x = 10 * t, sigma = 0.5;
    *c_skip = sigma * sigma / (x * x + sigma * sigma);
    *c_out = x / sqrt(x * x + sigma * sigma);
}

void solver_grid(const struct noise_schedule *s, int n, int *timesteps, double *alpha_previous)
{
    int k = TRAIN_STEPS / n;
    for (int i = 0; i < n; i++) {
        timesteps[i] = k * (i + 1) - 1;
        alpha_previous[i] = i ? s->alpha_bar[timesteps[i] - k] : s->alpha_bar[0];
    }
}

void time_features(float t, int width, float *out)
{
    int half = width / 2;
    for (int i = 0; i < half; i++) {
        float f = expf(-9.210340371976184f * (float)i / (float)half), angle = t * f;
        out[i] = cosf(angle);
        out[half + i] = sinf(angle);
    }
    if (width & 1) out[width - 1] = 0;
}

void guidance_features(float w, int width, float *out)
{
    int half = width / 2;
    float step = 9.210340371976184f / (float)(half - 1);
    for (int i = 0; i < half; i++) {
        float f = expf(-step * (float)i), angle = 1000.0f * w * f;
        out[i] = sinf(angle);
        out[half + i] = cosf(angle);
    }
    if (width & 1) out[width - 1] = 0;
}

double learning_rate_factor(int64_t step, int64_t warmup, int64_t total)
{
    if (step < warmup) return (double)step / (double)(warmup > 0 ? warmup : 1);
    double progress = (double)(step - warmup) / (double)(total - warmup > 0 ? total - warmup : 1);
    double f = 0.5 * (1 + cos(3.14159265358979323846 * progress));
    return f > 0 ? f : 0;
}
