/* How near the VAE's decoder comes to the machine's own matrix products. */
#ifndef MLCM_DECODER_SPEED_H
#define MLCM_DECODER_SPEED_H

#include "chain.h"

struct decoder_speed {
    double peak;             /* FLOP/s of large matrix products, all threads: the larger of before and after */
    double seconds, flops;   /* of one clip: median time, operations that it needs (decoder_work) */
    double share;            /* flops / seconds / peak */
    int frames, runs;
};
/* Decodes one random latent `runs` times, after warm-up. */
int decoder_speed(struct chain *c, const struct vae *v, int frames, int runs, struct decoder_speed *out, struct error *e);

#endif
