/* What a checkpoint holds. */
#include "../engine/controlnet.h"
#include "../engine/file.h"
#include "../engine/h5.h"
#include "../engine/trajectory_encoder.h"
#include "../engine/vae.h"
#include "../metrics/evaluator.h"
#include "checkpoint_kind.h"
#include "info.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- Networks: sizes from the tensors, or the first tensor that is wrong ---- */

static int network_line(const char *network, int rc, const struct error *e)
{
    printf("  %-20s ", network);
    if (rc == 0)
        return 1;
    const char *after_path = strstr(e->text, ": "); /* the path stands in the first line already */
    info_name(0, after_path ? after_path + 2 : e->text);
    printf("\n");
    return 0;
}

static void print_stack(const struct transformer_size *t)
{
    printf("%d layers of width %d, feed-forward %d", t->layers, t->width, t->feed_forward);
}

static void print_denoiser(const struct denoiser_size *s)
{
    print_stack(&s->transformer);
    printf(", latents of width %d%s, text of width %d, ", s->latent_width, s->projections ? " projected" : "",
           s->text_width);
    printf(s->guidance_width ? "guidance width %d" : "no guidance input", s->guidance_width);
    printf(", %d positions\n", s->positions);
}

/* The number of heads is in no tensor. It does not change a shape, so any that divides the width will do here. */
static void print_networks(const struct weights *w)
{
    enum { HEADS = 1 };
    struct error e = {0};
    struct vae_size vae;
    struct denoiser_size denoiser;
    struct controlnet_size control;
    struct trajectory_encoder_size trajectory;
    struct evaluator_size evaluator;
    if (weights_find(w, "vae.skel_embedding.weight") &&
        network_line("VAE", vae_size_from(w, "vae.", HEADS, &vae, &e), &e)) {
        print_stack(&vae.transformer);
        printf(", latent %d x %d%s, %d features, %d positions\n", vae.latent_tokens, vae.latent_width,
               vae.projections ? " projected" : "", vae.nfeats, vae.positions);
    }
    if (weights_find(w, "denoiser.time_embedding.linear_1.weight") &&
        network_line("denoiser", denoiser_size_from(w, "denoiser.", HEADS, ACT_NONE, &denoiser, &e), &e))
        print_denoiser(&denoiser);
    if (weights_find(w, "controlnet.controlnet_cond_embedding.0.weight") &&
        network_line("ControlNet", controlnet_size_from(w, "controlnet.", HEADS, ACT_NONE, &control, &e), &e))
        print_denoiser(&control.denoiser);
    if (weights_find(w, "traj_encoder.skel_embedding.weight") &&
        network_line("trajectory encoder", trajectory_encoder_size_from(w, "traj_encoder.", HEADS, &trajectory, &e),
                     &e)) {
        print_stack(&trajectory.transformer);
        printf(", %d joints, latent %d x %d\n", trajectory.joints, trajectory.latent_tokens, trajectory.latent_width);
    }
    if ((weights_find(w, "movement_encoder.main.0.weight") || weights_find(w, "t2m_moveencoder.main.0.weight")) &&
        network_line("evaluator", evaluator_size_from(w, &evaluator, &e), &e))
        printf("%d features, movement %d, motion %d, text %d, words of %d + %d, embeddings of %d\n", evaluator.nfeats,
               evaluator.movement_latent, evaluator.motion_hidden, evaluator.text_hidden, evaluator.word_width,
               evaluator.parts_of_speech, evaluator.embedding);
}

/* ---- Parts and tensors ---- */

/* The part of a name before its first point. */
static size_t part_of(const char *name)
{
    return strcspn(name, ".");
}

/* One line for each first part of the names, in order of appearance. */
static void print_parts(const struct weights *w)
{
    for (int i = 0; i < w->count; i++) {
        const char *name = w->items[i].name;
        size_t n = part_of(name), values = 0;
        int first = 1, tensors = 0;
        for (int k = 0; k < w->count; k++) {
            const char *other = w->items[k].name;
            if (part_of(other) != n || strncmp(name, other, n) != 0)
                continue;
            first &= k >= i;
            tensors++;
            values += w->items[k].count;
        }
        char part[80];
        snprintf(part, sizeof part, "%.*s", (int)n, name);
        if (first) {
            printf("  ");
            info_name(28, part);
            printf(" %5d tensors %12zu values\n", tensors, values);
        }
    }
}

static int print_tensors(const struct weights *w, struct error *e)
{
    for (int i = 0; i < w->count; i++) {
        struct weight *item = &w->items[i];
        const float *values = NULL;
        char shape[100];
        int rc = weight_values_unchecked(w, item, &values, e);
        if (rc)
            return rc;
        double sum = 0, square = 0;
        size_t finite = 0;
        for (size_t k = 0; k < item->count; k++)
            if (isfinite(values[k])) {
                finite++;
                sum += (double)values[k];
                square += (double)values[k] * (double)values[k];
            }
        weight_done(w, item);
        double n = finite ? (double)finite : 1, mean = sum / n;
        info_shape(item->rank, item->shape, shape, sizeof shape);
        printf("  ");
        info_name(64, item->name);
        printf(" %-8s %-16s mean %11.4e  std %10.4e", weight_type(item), shape, mean,
               sqrt(fmax(0, square / n - mean * mean)));
        if (finite < item->count)
            printf("  %zu not finite", item->count - finite);
        printf("\n");
    }
    return 0;
}

/* What our own model files say about themselves. */
static void print_attributes(const char *path)
{
    static const char *const names[] = {"kind", "fingerprint", "note"};
    struct h5 *f = NULL;
    struct error ignored;
    char text[1000];
    if (h5_open(path, &f, &ignored))
        return;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (h5_attr_string(f, "/", names[i], text, sizeof text, &ignored) == 0) {
            printf("  %-16s ", names[i]);
            info_name(0, text);
            printf("\n");
        }
    h5_close(f);
}

int info_checkpoint(const char *path, int tensors, struct error *e)
{
    struct weights w;
    int rc = weights_read(path, &w, e);
    if (rc)
        return rc;
    char kind[200];
    checkpoint_kind(&w, kind, sizeof kind);
    printf("%s: checkpoint, %s\n", path, kind);
    info_fingerprint(path, w.sha256);
    print_attributes(path);
    printf("  %d tensors, %zu values\n", w.count, weights_total(&w, ""));
    print_networks(&w);
    print_parts(&w);
    for (int i = 0; weights_opaque_name(&w, i); i++) {
        printf(i ? ", " : "  objects beside the tensors, not read: ");
        info_name(0, weights_opaque_name(&w, i));
    }
    if (weights_opaque_name(&w, 0))
        printf("\n");
    if (tensors)
        rc = print_tensors(&w, e);
    weights_free(&w);
    return rc;
}

