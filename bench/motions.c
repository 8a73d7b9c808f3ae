#include "motions.h"
#include "../datasets/skeleton.h"
#include "../engine/file.h"
#include "report/html.h"
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static const double farthest = 1000.0;      /* metres */

void motions_free(struct motions *m)
{
    for (int c = 0; c < m->nclips; c++) {
        struct moving_clip *clip = &m->clips[c];
        for (int i = 0; i < clip->nmotions; i++) {
            free(clip->motions[i].model);
            free(clip->motions[i].joints);
        }
        for (int i = 0; i < clip->nsegments; i++) free(clip->segments[i].text);
        free(clip->caption);
        free(clip->clip);
        free(clip->motions);
        free(clip->segments);
        free(clip->goal);
        free(clip->mask);
    }
    free(m->clips);
    memset(m, 0, sizeof *m);
}

/* Room for one more element of `size` bytes, zeroed and counted; NULL when memory is short. */
static void *append(void *list, int *count, size_t size)
{
    void **array = list, *grown = realloc(*array, ((size_t)*count + 1) * size);
    if (!grown) return NULL;
    *array = grown;
    return memset((char *)grown + (size_t)(*count)++ * size, 0, size);
}

int motions_add_clip(struct motions *m, const char *caption, const char *name, int frames, struct moving_clip **clip,
                     struct error *e)
{
    struct moving_clip *c = append(&m->clips, &m->nclips, sizeof *c);
    if (!c) return error_memory(e, "motions");
    *clip = c;
    c->frames = frames;
    c->caption = strdup(caption);
    c->clip = strdup(name);
    return c->caption && c->clip ? 0 : error_memory(e, "motions");
}

int motions_add(const struct motions *m, struct moving_clip *clip, const char *model, int real, const float *joints,
                double scale, struct error *e)
{
    size_t row = 3 * (size_t)m->njoints, n = (size_t)clip->frames * row;
    struct moving *added = append(&clip->motions, &clip->nmotions, sizeof *added);
    if (!added) return error_memory(e, "motions");
    added->real = real;
    added->model = strdup(model);
    added->joints = malloc(n * sizeof *added->joints + 1);
    if (!added->model || !added->joints) return error_memory(e, "motions");
    for (size_t i = 0; i < n; i++) {
        double v = (double)joints[i] * scale;
        if (!(fabs(v) <= farthest))
            return error_set(e, ERR_INTERNAL, "%.80s: frame %zu: a joint is at %g m; train the model again", model, i / row, v);
        added->joints[i] = (float)v;
    }
    return 0;
}

int motions_add_segment(struct moving_clip *clip, int frame, const char *text, struct error *e)
{
    struct moving_segment *s = append(&clip->segments, &clip->nsegments, sizeof *s);
    if (!s) return error_memory(e, "motions");
    s->frame = frame;
    s->text = strdup(text);
    return s->text ? 0 : error_memory(e, "motions");
}

int motions_add_hints(const struct motions *m, struct moving_clip *clip, const float *goal, const unsigned char *mask,
                      double scale, struct error *e)
{
    size_t keys = (size_t)clip->frames * (size_t)m->njoints;
    if (!keys || !memchr(mask, 1, keys)) return 0;
    clip->goal = malloc(keys * 3 * sizeof *clip->goal);
    clip->mask = malloc(keys);
    if (!clip->goal || !clip->mask) return error_memory(e, "motions");
    memcpy(clip->mask, mask, keys);
    for (size_t i = 0; i < 3 * keys; i++) {
        double v = mask[i / 3] ? (double)goal[i] * scale : 0;
        if (!(fabs(v) <= farthest)) return error_set(e, ERR_INTERNAL, "a told position of %g m; look at the control signal", v);
        clip->goal[i] = (float)v;
    }
    return 0;
}

/* --- writing ------------------------------------------------------------------------- */

static int millimetres(float v)
{
    return (int)lround((double)v * 1000);
}

static int print_positions(const float *joints, int frames, int width, FILE *out, struct error *e)
{
    size_t n = (size_t)frames * (size_t)width, size = 0;
    unsigned char *bytes = malloc(n * 4 + 1);       /* a difference has at most 22 bits */
    if (!bytes) return error_memory(e, "motions");
    for (size_t i = 0; i < n; i++) {
        int v = millimetres(joints[i]) - (i >= (size_t)width ? millimetres(joints[i - (size_t)width]) : 0);
        uint32_t code = v < 0 ? (uint32_t)(-2 * v - 1) : (uint32_t)(2 * v);
        for (; code > 127; code >>= 7) bytes[size++] = (unsigned char)(code & 127) | 128;
        bytes[size++] = (unsigned char)code;
    }
    base64_write(out, bytes, size);
    free(bytes);
    return 0;
}

static void print_hints(const struct moving_clip *clip, int J, FILE *out)
{
    const char *comma = "";
    fputs(",\"hints\":[", out);
    for (int i = 0; i < clip->frames * J; i++) {
        if (!clip->mask[i]) continue;
        const float *p = clip->goal + 3 * (size_t)i;
        fprintf(out, "%s[%d,%d,%d,%d,%d]", comma, i / J, i % J, millimetres(p[0]), millimetres(p[1]), millimetres(p[2]));
        comma = ",";
    }
    fputc(']', out);
}

static int print_clip(const struct moving_clip *clip, int J, FILE *out, struct error *e)
{
    fputs("{\"caption\":", out);
    json_text(out, clip->caption);
    fputs(",\"clip\":", out);
    json_text(out, clip->clip);
    fprintf(out, ",\"frames\":%d", clip->frames);
    for (int i = 0; i < clip->nsegments; i++) {
        fprintf(out, "%s{\"frame\":%d,\"text\":", i ? "," : ",\"segments\":[", clip->segments[i].frame);
        json_text(out, clip->segments[i].text);
        fputs(i + 1 < clip->nsegments ? "}" : "}]", out);
    }
    if (clip->mask) print_hints(clip, J, out);
    fputs(",\"motions\":[", out);
    int rc = 0;
    for (int i = 0; i < clip->nmotions && !rc; i++) {
        fprintf(out, "%s\n{\"model\":", i ? "," : "");
        json_text(out, clip->motions[i].model);
        fprintf(out, ",\"real\":%s,\"positions\":\"", clip->motions[i].real ? "true" : "false");
        rc = print_positions(clip->motions[i].joints, clip->frames, 3 * J, out, e);
        fputs("\"}", out);
    }
    fputs("]}", out);
    return rc;
}

int motions_print(const struct motions *m, FILE *out, struct error *e)
{
    const struct skeleton *s = skeleton_of_joints(m->njoints);
    if (!s) return error_set(e, ERR_INPUT, "no skeleton is known with %d joints; 22 or 21 are", m->njoints);
    fputs("{\"schema\":\"mlcm-motions-1\",\"experiment\":", out);
    json_text(out, m->experiment);
    fprintf(out, ",\"fps\":%.9g,\"joints\":%d,\"parents\":[", m->fps, m->njoints);
    for (int j = 0; j < s->njoints; j++) fprintf(out, "%s%d", j ? "," : "", s->parent[j]);
    fputs("],\"sides\":\"", out);
    for (int j = 0; j < s->njoints; j++) fputc(skeleton_side(s, j), out);
    fprintf(out, "\",\"head\":%d,\"clips\":[", s->chain[2][s->chain_length[2] - 1]);
    int rc = 0;
    for (int c = 0; c < m->nclips && !rc; c++) {
        if (c) fputs(",\n", out);
        rc = print_clip(&m->clips[c], m->njoints, out, e);
    }
    fputs("]}", out);
    return rc;
}

int motions_write(const struct motions *m, const char *path, struct error *e)
{
    struct file_writer w;
    int rc = file_begin(&w, path, e);
    if (rc) return rc;
    rc = motions_print(m, w.stream, e);
    fputc('\n', w.stream);
    if (!rc) return file_commit(&w, e);
    file_abandon(&w);
    return error_prefix(e, "%s", path);
}
