#include "system.h"
#include "../engine/rng.h"
#include <string.h>

static const struct system_kind *const all[] = {
    &system_vae,         &system_prior,             &system_mld,              &system_motionlcm,
    &system_mld_control, &system_motionlcm_control, &system_motionlcm_tuning,
};

const struct system_kind *const *system_registry(int *count)
{
    *count = (int)(sizeof all / sizeof *all);
    return all;
}

const struct system_kind *system_find(const char *name)
{
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (!strcmp(all[i]->name, name)) return all[i];
    return NULL;
}

int request_noise(const struct system_request *r, int part, int tokens, int width, float *out)
{
    size_t count = (size_t)tokens * (size_t)width, padded = (count + 3) / 4 * 4;
    uint64_t stream = r->stream ^ (rng_stream("latent noise") + (uint64_t)part);
    for (int b = 0; b < r->batch; b++)
        rng_fill_normal(r->seed, stream, r->sample[b] * padded, out + (size_t)b * count, count);
    return 0;
}
