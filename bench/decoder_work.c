#include "decoder_work.h"

double decoder_work(const struct vae_size *v, int frames)
{
    const double n = frames, d = v->transformer.width, f = v->transformer.feed_forward, tokens = v->latent_tokens;
    const double layers = v->transformer.layers, joints = (layers - 1) / 2;
    double self = n * 3 * d * d + 2 * n * n * d + n * d * d;          /* projections in, scores and mixture, projection out */
    double cross = 2 * d * d;                                          /* one token: value and output of one row */
    if (v->latent_tokens > 1) cross = n * d * d + tokens * 2 * d * d + 2 * n * tokens * d + n * d * d;
    double feed = 2 * n * d * f, joint = n * 2 * d * d, last = n * d * v->nfeats;
    double latent = v->projections ? tokens * v->latent_width * d : 0;
    return 2 * ((layers - 1) * self + layers * (cross + feed) + joints * joint + last + latent);
}
