/* Reading motions.json back. */
#include "../datasets/skeleton.h"
#include "json_read.h"
#include "motions.h"
#include "report/html.h"
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { FARTHEST = 1000 * 1000 };      /* millimetres */

/* n coordinates of a "positions" text; `width` a frame. */
static int read_positions(const char *text, size_t n, size_t width, float *joints, struct error *e)
{
    size_t length = strlen(text), at = 0;
    unsigned char *bytes = malloc(length / 4 * 3 + 1);
    int32_t *before = calloc(width, sizeof *before);
    long size = bytes && before ? base64_read(text, length, bytes) : 0;
    int rc = !bytes || !before ? error_memory(e, "motions") : 0;
    if (!rc && size < 0) rc = error_set(e, ERR_INPUT, "positions: not base64; write the file anew");
    for (size_t i = 0; i < n && !rc; i++) {
        uint32_t code = 0;
        int shift = 0, more = 1;
        for (; more && at < (size_t)size && shift < 28; shift += 7) {
            code |= (uint32_t)(bytes[at] & 127) << shift;
            more = bytes[at++] >> 7;
        }
        int32_t v = (int32_t)(code >> 1) ^ -(int32_t)(code & 1);
        if (more) rc = error_set(e, ERR_INPUT, "positions: %zu numbers are needed, number %zu is cut off; write the file anew", n, i);
        else if (v > 2 * FARTHEST || v < -2 * FARTHEST || abs(before[i % width] + v) > FARTHEST)
            rc = error_set(e, ERR_INPUT, "positions: frame %zu: a joint beyond 1 km; write the file anew", i / width);
        else joints[i] = (float)(before[i % width] += v) / 1000;
    }
    if (!rc && at != (size_t)size)
        rc = error_set(e, ERR_INPUT, "positions: bytes after the %zu numbers; write the file anew", n);
    free(bytes);
    free(before);
    return rc;
}

static int read_motion(const struct motions *m, struct moving_clip *clip, const cJSON *o, float *joints, struct error *e)
{
    const char *model, *positions;
    int real = 0, rc = json_string(o, "model", &model, e);
    size_t width = 3 * (size_t)m->njoints;
    if (!rc && json_has(o, "real")) rc = json_bool(o, "real", &real, e);
    if (!rc) rc = json_string(o, "positions", &positions, e);
    if (!rc) rc = read_positions(positions, (size_t)clip->frames * width, width, joints, e);
    return rc ? rc : motions_add(m, clip, model, real, joints, 1, e);
}

static int read_hints(const struct motions *m, struct moving_clip *clip, const cJSON *list, struct error *e)
{
    size_t keys = (size_t)clip->frames * (size_t)m->njoints;
    float *goal = calloc(3 * keys, sizeof *goal);
    unsigned char *mask = calloc(keys, 1);
    int rc = goal && mask ? 0 : error_memory(e, "motions");
    const cJSON *hint;
    cJSON_ArrayForEach(hint, list)
    {
        int v[5];
        static const char *const path[5] = {"0", "1", "2", "3", "4"};
        for (int i = 0; i < 5 && !rc; i++)
            rc = json_int(hint, path[i], &v[i], i < 2 ? 0 : -FARTHEST, i == 0 ? clip->frames - 1 : i == 1 ? m->njoints - 1 : FARTHEST, e);
        if (rc) break;
        size_t key = (size_t)v[0] * (size_t)m->njoints + (size_t)v[1];
        mask[key] = 1;
        for (size_t i = 0; i < 3; i++) goal[3 * key + i] = (float)v[2 + i] / 1000;
    }
    if (rc) error_prefix(e, "hints");
    else rc = motions_add_hints(m, clip, goal, mask, 1, e);
    free(goal);
    free(mask);
    return rc;
}

static int read_segments(struct moving_clip *clip, const cJSON *list, struct error *e)
{
    int rc = 0, from = 0;
    const cJSON *item;
    cJSON_ArrayForEach(item, list)
    {
        const char *text;
        int frame;
        rc = json_int(item, "frame", &frame, from, clip->frames - 1, e);
        if (!rc) rc = json_string(item, "text", &text, e);
        if (!rc) rc = motions_add_segment(clip, frame, text, e);
        if (rc) return error_prefix(e, "segments");
        from = frame;
    }
    return 0;
}

static int read_clip(struct motions *m, const cJSON *o, struct error *e)
{
    const char *caption = "", *name = "";
    const cJSON *list, *item;
    struct moving_clip *clip = NULL;
    int frames, rc = json_int(o, "frames", &frames, 1, MOTIONS_FRAMES, e);
    const cJSON *text = json_find(o, "caption"), *source = json_find(o, "clip");
    if (cJSON_IsString(text)) caption = text->valuestring;
    if (cJSON_IsString(source)) name = source->valuestring;
    if (!rc) rc = motions_add_clip(m, caption, name, frames, &clip, e);
    if (!rc && json_has(o, "segments") && !(rc = json_array(o, "segments", &list, 0, MOTIONS_SEGMENTS, e)))
        rc = read_segments(clip, list, e);
    if (!rc && json_has(o, "hints") && !(rc = json_array(o, "hints", &list, 0, MOTIONS_FRAMES * 22, e)))
        rc = read_hints(m, clip, list, e);
    if (rc || (rc = json_array(o, "motions", &list, 1, MOTIONS_MODELS, e))) return rc;
    float *joints = malloc((size_t)frames * (size_t)m->njoints * 3 * sizeof *joints);
    if (!joints) return error_memory(e, "motions");
    int i = 0;
    cJSON_ArrayForEach(item, list)
    {
        if ((rc = read_motion(m, clip, item, joints, e))) {
            error_prefix(e, "motions.%d", i);
            break;
        }
        i++;
    }
    free(joints);
    return rc;
}

int motions_read(const char *path, struct motions *m, struct error *e)
{
    static const char *const schemas[] = {"mlcm-motions-1", NULL};
    cJSON *o = NULL;
    const cJSON *list, *item;
    int schema, i = 0, rc = json_read(path, &o, e);
    memset(m, 0, sizeof *m);
    if (rc) return rc;
    rc = json_choice(o, "schema", schemas, &schema, e);
    if (!rc) rc = json_number(o, "fps", &m->fps, 0.1, 1000, e);
    if (!rc) rc = json_int(o, "joints", &m->njoints, 1, SKELETON_MAX_JOINTS, e);
    if (!rc && !skeleton_of_joints(m->njoints))
        rc = error_set(e, ERR_INPUT, "\"joints\" is %d; skeletons are known with 22 and 21", m->njoints);
    const cJSON *name = json_find(o, "experiment");
    snprintf(m->experiment, sizeof m->experiment, "%s", cJSON_IsString(name) ? name->valuestring : "");
    if (!rc) rc = json_array(o, "clips", &list, 0, MOTIONS_CLIPS, e);
    if (!rc) {
        cJSON_ArrayForEach(item, list)
        {
            if ((rc = read_clip(m, item, e))) {
                error_prefix(e, "clips.%d", i);
                break;
            }
            i++;
        }
    }
    cJSON_Delete(o);
    return rc ? error_prefix(e, "%s", path) : 0;
}
