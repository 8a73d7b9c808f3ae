/* Conformance of schedules, the VAE, the denoiser and the samplers.
 *
 * Sinusoidal features have a float32 uncertainty of their own (an angle is up to
 * 15000 times a frequency), so networks are fed with the stored features for a
 * tight comparison, and once with the program's own. */
#include "../engine/sampler.h"
#include "verify_case.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const double result = 1e-5;           /* of results, times max(1, largest) */
static const double own_result = 1e-4;       /* of networks fed with features computed here */
static const double time_table = 1e-4, guidance_table = 2e-3, frequency_table = 1e-6;   /* absolute */

/* --- schedules -------------------------------------------------------------------- */

static void check_doubles(struct verify_case *c, const char *name, const double *values, size_t n)
{
    float *host = case_memory(c, n);
    for (size_t i = 0; host && i < n; i++) host[i] = (float)values[i];
    case_compare(c, name, NULL, host, n, result);
}

static void check_timesteps(struct verify_case *c, const char *name, int generation, int steps)
{
    int timesteps[TRAIN_STEPS];
    if (steps < 1 || steps > TRAIN_STEPS) return;
    if (generation == 0) ddim_timesteps(steps, 1, timesteps);
    else if (generation == 1 && case_note(c, lcm_timesteps_v1(steps, 50, timesteps, c->error))) return;
    else if (generation == 2 && case_note(c, lcm_timesteps_v2(steps, timesteps, c->error))) return;
    case_compare_ints(c, name, timesteps, (size_t)steps);
}

/* Rows of features of the values in dataset `arguments`. */
static void check_features(struct verify_case *c, const char *name, const char *arguments, int width,
                           void (*features)(float, int, float *), double tolerance)
{
    int dims[1] = {0};
    const float *x = width > 1 ? case_floats(c, arguments, 1, dims) : NULL;
    float *host = x ? case_memory(c, (size_t)dims[0] * (size_t)width) : NULL;
    if (!host) return;
    for (int i = 0; i < dims[0]; i++) features(x[i], width, host + (size_t)i * (size_t)width);
    case_compare_absolute(c, name, NULL, host, (size_t)dims[0] * (size_t)width, tolerance);
}

/* The frequencies inside the features: the angles at an argument where angle = frequency. */
static void check_frequencies(struct verify_case *c, const char *name, int width, int guidance)
{
    int half = width / 2;
    if (half < 2) return;
    float *host = case_memory(c, (size_t)width), *frequency = case_memory(c, (size_t)half);
    if (!host || !frequency) return;
    if (guidance) guidance_features(0.001f, width, host);
    else time_features(1.0f, width, host);
    for (int i = 0; i < half; i++)
        frequency[i] = guidance ? atan2f(host[i], host[half + i]) : atan2f(host[half + i], host[i]);
    case_compare_absolute(c, name, NULL, frequency, (size_t)half, frequency_table);
}

static void check_grid(struct verify_case *c, const char *name, const struct noise_schedule *s, int points)
{
    int timesteps[TRAIN_STEPS];
    double previous[TRAIN_STEPS];
    if (points < 1 || TRAIN_STEPS % points) return;
    solver_grid(s, points, timesteps, previous);
    if (strstr(name, "alpha")) check_doubles(c, name, previous, (size_t)points);
    else case_compare_ints(c, name, timesteps, (size_t)points);
}

static void check_rate(struct verify_case *c, const char *name, int warmup, int total)
{
    int dims[1] = {0};
    const float *want = case_floats(c, name, 1, dims);
    float *host = want ? case_memory(c, (size_t)dims[0]) : NULL;
    for (int i = 0; host && i < dims[0]; i++) host[i] = (float)learning_rate_factor(i, warmup, total);
    if (host) case_compare(c, name, NULL, host, (size_t)dims[0], result);
}

static void check_boundary(struct verify_case *c)
{
    int dims[1] = {0};
    const float *t = case_floats(c, "t", 1, dims);
    double *skip = malloc(2 * (size_t)(dims[0] + 1) * sizeof *skip);
    if (t && skip) {
        double *out = skip + dims[0];
        for (int i = 0; i < dims[0]; i++) boundary_scalings((double)t[i], &skip[i], &out[i]);
        check_doubles(c, "c_skip", skip, (size_t)dims[0]);
        check_doubles(c, "c_out", out, (size_t)dims[0]);
    }
    free(skip);
}

/* The arrays of a schedule case tell by their names what they hold. */
static int schedules(struct verify *v, struct h5 *f, struct error *e)
{
    struct verify_case c;
    struct noise_schedule s;
    char **names = NULL;
    int count = 0;
    if (!case_open(&c, v, f, 0, e)) {
        noise_schedule_make(&s, case_number(&c, "beta_start", 0.00085), case_number(&c, "beta_end", 0.012));
        case_note(&c, h5_names(f, "/", &names, &count, e));
    }
    for (int i = 0; i < count && !c.code; i++) {
        const char *name = names[i], *warmup = strstr(name, "_warmup");
        int a, b, end = 0;
#define NAMED(pattern) (end = 0, sscanf(name, pattern "%n", &a, &end) == 1 && end && !name[end])
        if (!strcmp(name, "beta")) check_doubles(&c, name, s.beta, TRAIN_STEPS);
        else if (!strcmp(name, "alpha_cumprod")) check_doubles(&c, name, s.alpha_bar, TRAIN_STEPS);
        else if (!strcmp(name, "c_skip")) check_boundary(&c);
        else if (NAMED("ddim%d_timesteps")) check_timesteps(&c, name, 0, a);
        else if (NAMED("lcm_v1_timesteps_%d")) check_timesteps(&c, name, 1, a);
        else if (NAMED("lcm_v2_timesteps_%d")) check_timesteps(&c, name, 2, a);
        else if (NAMED("solver%d_timesteps")) check_grid(&c, name, &s, a);
        else if (NAMED("solver%d_alpha_prev")) check_grid(&c, name, &s, a);
        else if (NAMED("time_proj_%d")) check_features(&c, name, "t", a, time_features, time_table);
        else if (NAMED("w_embedding_%d")) check_features(&c, name, "w", a, guidance_features, guidance_table);
        else if (NAMED("time_freq_%d")) check_frequencies(&c, name, a, 0);
        else if (NAMED("w_freq_%d")) check_frequencies(&c, name, a, 1);
        else if (warmup && sscanf(warmup, "_warmup%d_total%d", &a, &b) == 2) check_rate(&c, name, a, b);
#undef NAMED
    }
    h5_names_free(names, count);
    return case_close(&c);
}

/* --- VAE ------------------------------------------------------------------------------ */

static int vae(struct verify *v, struct h5 *f, struct error *e)
{
    struct verify_case c;
    struct vae net = {0};
    if (!case_open(&c, v, f, 1, e)) case_vae(&c, &net);
    case_prepare(&c, &net);
    int latents = net.size.latent_tokens, width = net.size.latent_width;
    int motion_dims[3] = {0, 0, net.size.nfeats};
    const float *motion = case_floats(&c, "in/motion", 3, motion_dims);
    int batch = motion_dims[0], frames = motion_dims[1], length_dims[1] = {batch}, latent_dims[3] = {batch, latents, width};
    const int *lengths = case_ints(&c, "in/lengths", 1, length_dims);
    const float *eps = case_floats(&c, "in/eps", 3, latent_dims), *z = case_floats(&c, "in/z", 3, latent_dims);
    float *zero = case_memory(&c, (size_t)(batch * latents * width)), *one = case_memory(&c, (size_t)(batch * latents * width));
    if (c.code) goto out;
    for (int i = 0; i < batch * latents * width; i++) one[i] = 1;
    /* once as in inference, once recording as in training */
    for (int recording = 0; recording < 2 && !c.code; recording++) {
        struct tape *t = &c.tape;
        struct tensor *mu, *logvar;
        tape_start(t, recording, 0, 0, 0);
        vae_encode(t, &net, tape_constant(t, motion, batch * frames, net.size.nfeats), lengths, batch, &mu, &logvar);
        int rows = batch * latents;
        struct tensor *std = op_reparameterise(t, tape_constant(t, zero, rows, width), logvar, tape_constant(t, one, rows, width));
        struct tensor *sample = op_reparameterise(t, mu, logvar, tape_constant(t, eps, rows, width));
        struct tensor *feats = vae_decode(t, &net, tape_constant(t, z, rows, width), lengths, batch, frames);
        struct tensor *recon = vae_decode(t, &net, sample, lengths, batch, frames);
        case_compare_tensor(&c, "out/mu", recording ? "out/mu (training)" : NULL, mu, result);
        case_compare_tensor(&c, "out/logvar", recording ? "out/logvar (training)" : NULL, logvar, result);
        case_compare_tensor(&c, "out/std", recording ? "out/std (training)" : NULL, std, result);
        case_compare_tensor(&c, "out/z_sample", recording ? "out/z_sample (training)" : NULL, sample, result);
        case_compare_tensor(&c, "out/feats", recording ? "out/feats (training)" : NULL, feats, result);
        case_compare_tensor(&c, "out/recon", recording ? "out/recon (training)" : NULL, recon, result);
    }
out:
    vae_free(&net);
    return case_close(&c);
}

/* --- denoiser ------------------------------------------------------------------------- */

struct denoiser_case {
    struct verify_case c;
    struct denoiser net;
    int batch, steps;
    const float *sample, *guidance;   /* (batch, L, D); (batch, guidance width) or NULL */
};

/* time (batch, time_width) on the host. Results on the host: (batch·L·D), and (batch·d) if wanted. */
static void denoise(struct denoiser_case *k, const float *time, const float *guidance, const float *text, int tokens,
                    float *eps, float *embedding)
{
    struct tape *t = &k->c.tape;
    const struct denoiser_size *s = &k->net.size;
    struct tensor *embedded = NULL;
    if (k->c.code || !text || !time) return;
    tape_start(t, 0, 0, 0, 0);
    struct denoiser_input in = {
        .latent = tape_constant(t, k->sample, k->batch * s->latent_tokens, s->latent_width),
        .time = tape_constant(t, time, k->batch, s->time_width),
        .guidance = guidance ? tape_constant(t, guidance, k->batch, s->guidance_width) : NULL,
        .text = tape_constant(t, text, k->batch * tokens, s->text_width),
        .batch = k->batch,
        .text_tokens = tokens,
    };
    struct tensor *out = denoiser_run(t, &k->net, &in, &embedded);
    case_fetch(&k->c, out, eps, (size_t)k->batch * (size_t)(s->latent_tokens * s->latent_width));
    if (embedding) case_fetch(&k->c, embedded, embedding, (size_t)k->batch * (size_t)s->transformer.width);
}

/* Features of n timesteps, (n, time_width), as the program computes them. */
static float *own_time(struct denoiser_case *k, const int *timesteps, int n)
{
    int width = k->net.size.time_width;
    float *host = case_memory(&k->c, (size_t)n * (size_t)width);
    if (!host || !timesteps) return NULL;
    tape_start(&k->c.tape, 0, 0, 0, 0);
    case_fetch(&k->c, time_feature_rows(&k->c.tape, timesteps, n, width), host, (size_t)n * (size_t)width);
    return host;
}

/* All timesteps, each with the whole batch. `embedding` NULL: not compared. */
static void all_steps(struct denoiser_case *k, const float *time, const float *guidance, const char *text_name,
                      const char *out_name, const char *embedding_name, int embedding_per_sample, int own)
{
    struct verify_case *c = &k->c;
    const struct denoiser_size *s = &k->net.size;
    size_t latent = (size_t)k->batch * (size_t)(s->latent_tokens * s->latent_width), wide = (size_t)s->time_width;
    size_t hidden = (size_t)s->transformer.width, rows = (size_t)k->batch;
    int text_dims[3] = {k->batch, 0, s->text_width};
    const float *text = case_floats(c, text_name, 3, text_dims);
    float *eps = case_memory(c, (size_t)k->steps * latent), *embedding = case_memory(c, (size_t)k->steps * rows * hidden);
    float *repeated = case_memory(c, rows * wide);
    if (c->code || !time) return;
    for (int i = 0; i < k->steps; i++) {
        for (size_t b = 0; b < rows; b++) memcpy(repeated + b * wide, time + (size_t)i * wide, wide * sizeof *time);
        float *to = embedding + (size_t)i * (embedding_per_sample ? rows : 1) * hidden;
        denoise(k, repeated, guidance, text, text_dims[1], eps + (size_t)i * latent, to);
    }
    char label[80];
    double tolerance = own ? own_result : result;
    snprintf(label, sizeof label, "%s%s", out_name, own ? " (own features)" : "");
    case_compare(c, out_name, label, eps, (size_t)k->steps * latent, tolerance);
    snprintf(label, sizeof label, "%s%s", embedding_name, own ? " (own features)" : "");
    case_compare(c, embedding_name, label, embedding, (size_t)k->steps * (embedding_per_sample ? rows : 1) * hidden, tolerance);
}

static void one_run(struct denoiser_case *k, const float *time, const float *guidance, const char *text_name,
                    const char *out_name)
{
    const struct denoiser_size *s = &k->net.size;
    size_t latent = (size_t)k->batch * (size_t)(s->latent_tokens * s->latent_width);
    int text_dims[3] = {k->batch, 0, s->text_width};
    const float *text = case_floats(&k->c, text_name, 3, text_dims);
    float *eps = case_memory(&k->c, latent);
    denoise(k, time, guidance, text, text_dims[1], eps, NULL);
    case_compare(&k->c, out_name, NULL, eps, latent, result);
}

static int denoiser(struct verify *v, struct h5 *f, struct error *e)
{
    struct denoiser_case k = {0};
    struct verify_case *c = &k.c;
    if (!case_open(c, v, f, 1, e)) case_denoiser(c, &k.net, "denoiser.");
    case_pack(c, &k.net.params);
    const struct denoiser_size *s = &k.net.size;
    int lcm = h5_has(f, "in/w_embedding");
    int sample_dims[3] = {0, s->latent_tokens, s->latent_width}, step_dims[1] = {0};
    k.sample = case_floats(c, "in/sample", 3, sample_dims);
    k.batch = sample_dims[0];
    const int *timesteps = case_ints(c, "in/timesteps", 1, step_dims);
    k.steps = step_dims[0];
    int mixed_dims[1] = {k.batch}, time_dims[2] = {k.steps, s->time_width}, time_mixed_dims[2] = {k.batch, s->time_width};
    const int *timesteps_mixed = case_ints(c, "in/timesteps_mixed", 1, mixed_dims);
    const float *time = case_floats(c, "mid/time_proj", 2, time_dims);
    const float *time_mixed = case_floats(c, "mid/time_proj_mixed", 2, time_mixed_dims);
    float *own = own_time(&k, timesteps, k.steps), *own_mixed = own_time(&k, timesteps_mixed, k.batch), *own_guidance = NULL;
    if (c->code) goto out;
    case_compare_absolute(c, "mid/time_proj", NULL, own, (size_t)k.steps * (size_t)s->time_width, time_table);
    case_compare_absolute(c, "mid/time_proj_mixed", NULL, own_mixed, (size_t)k.batch * (size_t)s->time_width, time_table);
    if (lcm) {
        int w_dims[1] = {k.batch}, guidance_dims[2] = {k.batch, s->guidance_width};
        const float *w = case_floats(c, "in/w", 1, w_dims);
        size_t count = (size_t)k.batch * (size_t)s->guidance_width;
        k.guidance = case_floats(c, "in/w_embedding", 2, guidance_dims);
        own_guidance = case_memory(c, count);
        if (c->code) goto out;
        tape_start(&c->tape, 0, 0, 0, 0);
        case_fetch(c, guidance_feature_rows(&c->tape, w, k.batch, s->guidance_width), own_guidance, count);
        case_compare_absolute(c, "in/w_embedding", NULL, own_guidance, count, guidance_table);
        all_steps(&k, time, k.guidance, "in/text_cond", "out/eps", "mid/time_embedding", 1, 0);
        all_steps(&k, own, own_guidance, "in/text_cond", "out/eps", "mid/time_embedding", 1, 1);
    } else {
        all_steps(&k, time, NULL, "in/text_cond", "out/eps_cond", "mid/time_embedding", 0, 0);
        all_steps(&k, time, NULL, "in/text_uncond", "out/eps_uncond", "mid/time_embedding", 0, 0);
        all_steps(&k, own, NULL, "in/text_cond", "out/eps_cond", "mid/time_embedding", 0, 1);
    }
    one_run(&k, time_mixed, k.guidance, "in/text_cond", "out/eps_mixed");
    if (h5_has(f, "out/eps_multi_text")) one_run(&k, time_mixed, k.guidance, "in/text_multi", "out/eps_multi_text");
out:
    denoiser_free(&k.net);
    return case_close(c);
}

/* --- samplers ---------------------------------------------------------------------------- */

struct sampler_case {
    struct verify_case c;
    size_t latent;                         /* values of one latent, batch·L·D */
    float *noise, *clean, *latents;        /* (steps, batch, L, D) */
};

static void keep_step(void *context, int step, const struct tensor *noise, const struct tensor *clean,
                      const struct tensor *latent)
{
    struct sampler_case *k = context;
    size_t at = (size_t)step * k->latent;
    case_fetch(&k->c, noise, k->noise + at, k->latent);
    case_fetch(&k->c, clean, k->clean + at, k->latent);
    case_fetch(&k->c, latent, k->latents + at, k->latent);
}

static void make_sampler(struct verify_case *c, struct sampler *s, const struct denoiser *net)
{
    char word[32];
    int ddim = !strcmp(case_word(c, "sampler", word, sizeof word), "ddim");
    int generation = !strcmp(case_word(c, "variant", word, sizeof word), "v2") ? 2 : 1;
    int steps = case_int(c, "num_inference_steps", ddim ? 50 : 4);
    float guidance = (float)case_number(c, "guidance_scale", 7.5);
    memset(s, 0, sizeof *s);
    if (c->code) return;
    if (!ddim && !net->guidance) {
        case_note(c, error_set(c->error, ERR_INPUT, "%s: a consistency sampler needs a denoiser with cond_proj", h5_path(c->file)));
        return;
    }
    case_note(c, ddim ? sampler_ddim(s, steps, guidance, c->error)
                      : sampler_lcm(s, generation, steps, case_int(c, "original_inference_steps", 50), guidance, c->error));
    noise_schedule_make(&s->schedule, case_number(c, "beta_start", 0.00085), case_number(c, "beta_end", 0.012));
}

static int samplers(struct verify *v, struct h5 *f, struct error *e)
{
    struct sampler_case k = {0};
    struct verify_case *c = &k.c;
    struct denoiser net = {0};
    struct sampler s = {0};
    if (!case_open(c, v, f, 1, e)) case_denoiser(c, &net, "denoiser.");
    case_pack(c, &net.params);
    make_sampler(c, &s, &net);
    int noise_dims[3] = {0, net.size.latent_tokens, net.size.latent_width};
    const float *noise = case_floats(c, "in/noise", 3, noise_dims);
    int batch = noise_dims[0], rows = batch * net.size.latent_tokens, text_dims[3] = {batch, 0, net.size.text_width};
    k.latent = (size_t)rows * (size_t)net.size.latent_width;
    const float *text = case_floats(c, "in/text_cond", 3, text_dims), *empty = NULL, *fresh = NULL;
    int lcm = s.kind == SAMPLER_LCM, stored = h5_has(f, "mid/time_proj"), time_dims[2] = {s.steps, net.size.time_width};
    int guidance_dims[2] = {batch, net.size.guidance_width}, fresh_dims[4] = {s.steps - 1, batch, noise_dims[1], noise_dims[2]};
    const float *time = stored ? case_floats(c, "mid/time_proj", 2, time_dims) : NULL;
    const float *guidance = lcm ? case_floats(c, "in/w_embedding", 2, guidance_dims) : NULL;
    if (!lcm) empty = case_floats(c, "in/text_uncond", 3, text_dims);
    if (lcm && s.steps > 1) fresh = case_floats(c, "in/step_noise", 4, fresh_dims);
    k.noise = case_memory(c, (size_t)s.steps * k.latent);
    k.clean = case_memory(c, (size_t)s.steps * k.latent);
    k.latents = case_memory(c, (size_t)s.steps * k.latent);
    if (!c->code) case_compare_ints(c, "out/timesteps", s.timesteps, (size_t)s.steps);
    /* with stored features where the case has them, then with the program's own */
    for (int own = !stored; own < 2 && !c->code; own++) {
        struct tape *t = &c->tape;
        size_t all = (size_t)s.steps * k.latent;
        int text_rows = batch * text_dims[1];
        tape_start(t, 0, 0, 0, 0);
        struct sampler_input in = {
            .noise = tape_constant(t, noise, rows, noise_dims[2]),
            .step_noise = fresh,
            .text = tape_constant(t, text, text_rows, text_dims[2]),
            .text_empty = empty ? tape_constant(t, empty, text_rows, text_dims[2]) : NULL,
            .batch = batch,
            .text_tokens = text_dims[1],
            .time = own ? NULL : tape_constant(t, time, s.steps, time_dims[1]),
            .guidance = own || !guidance ? NULL : tape_constant(t, guidance, batch, guidance_dims[1]),
            .trace = keep_step,
            .context = &k,
        };
        struct tensor *z = sampler_run(t, &s, &net, &in);
        const char *clean = lcm ? "out/denoised" : "out/pred_x0";
        int marked = own && stored;
        case_compare(c, "out/model_output", marked ? "out/model_output (own features)" : NULL, k.noise, all, marked ? own_result : result);
        case_compare(c, clean, marked ? "clean estimate (own features)" : NULL, k.clean, all, marked ? own_result : result);
        case_compare(c, "out/latents", marked ? "out/latents (own features)" : NULL, k.latents, all, marked ? own_result : result);
        case_compare_tensor(c, "out/final", marked ? "out/final (own features)" : NULL, z, marked ? own_result : result);
    }
    denoiser_free(&net);
    return case_close(c);
}

const struct verify_kind verify_kinds_networks[] = {
    {"schedules", schedules}, {"vae", vae},          {"denoiser_mld", denoiser},
    {"denoiser_lcm", denoiser}, {"sampler", samplers}, {NULL, NULL},
};
