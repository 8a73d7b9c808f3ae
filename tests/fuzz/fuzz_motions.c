/* Motions to look at, as the report reads them: what reads is written, and reads back the same. */
#include "fuzz.h"
#include "../../bench/motions.h"
#include "../../datasets/features.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void must(int rc, const struct error *e)
{
    if (rc) fuzz_breach(e->text);
}

static void same_again(const struct motions *m, struct error *e)
{
    static struct motions again;
    char *text = NULL;
    size_t size;
    FILE *memory = open_memstream(&text, &size);
    if (!memory) fuzz_breach("out of memory");
    must(motions_print(m, memory, e), e);
    fclose(memory);
    must(motions_read(fuzz_file(1, text, size), &again, e), e);
    free(text);
    if (again.nclips != m->nclips || again.njoints != m->njoints || !skeleton_of_joints(m->njoints)) fuzz_breach("other clips the second time");
    for (int c = 0; c < m->nclips; c++) {
        const struct moving_clip *a = &m->clips[c], *b = &again.clips[c];
        size_t keys = (size_t)a->frames * (size_t)m->njoints;
        if (a->frames != b->frames || a->nmotions != b->nmotions || a->nsegments != b->nsegments || !a->mask != !b->mask)
            fuzz_breach("another clip the second time");
        if (a->mask && (memcmp(a->mask, b->mask, keys) || memcmp(a->goal, b->goal, 3 * keys * sizeof *a->goal))) fuzz_breach("other hints");
        for (int i = 0; i < a->nmotions; i++)
            for (size_t k = 0; k < 3 * keys; k++)
                if (!(fabsf(a->motions[i].joints[k]) <= 1000) || a->motions[i].joints[k] != b->motions[i].joints[k])
                    fuzz_breach("another position the second time");
    }
    motions_free(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct motions m;
    struct error e = {0};
    if (!fuzz_verdict(motions_read(fuzz_file(0, data, size), &m, &e), &e)) same_again(&m, &e);
    motions_free(&m);
    return 0;
}

void fuzz_seeds(void)
{
    struct error e = {0};
    struct motions m = {.experiment = "seed", .fps = 20, .njoints = 22};
    float joints[3 * 66], goal[3 * 66] = {0};
    unsigned char mask[66] = {0};
    for (int i = 0; i < 198; i++) joints[i] = (float)((i * 37) % 100 - 50) / 31;
    mask[21] = mask[50] = 1;
    goal[63] = 0.5f;
    struct moving_clip *clip;
    must(motions_add_clip(&m, "a person walks", "clip", 3, &clip, &e), &e);
    must(motions_add(&m, clip, "Real", 1, joints, 1, &e), &e);
    must(motions_add(&m, clip, "MotionLCM", 0, joints, 0.5, &e), &e);
    must(motions_add_segment(clip, 0, "walks", &e), &e);
    must(motions_add_segment(clip, 2, "stands", &e), &e);
    must(motions_add_hints(&m, clip, goal, mask, 1, &e), &e);
    const char *path = fuzz_scratch("motions.json");
    must(motions_write(&m, path, &e), &e);
    motions_free(&m);
    fuzz_seed_file("motions", path, NULL, 0);
}
