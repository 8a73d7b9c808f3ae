/* How much the VAE's decoder has to compute. */
#ifndef MLCM_DECODER_WORK_H
#define MLCM_DECODER_WORK_H

#include "../engine/vae.h"

/* Multiplications and additions that one clip of `frames` frames needs, matrix products only. Not counted is
 * what does not depend on the latent, or not on the frame, and so need not be computed for every clip or row:
 * - the first layer's self attention and its norm: the queries are the table of positions, so they depend on
 *   the number of frames alone;
 * - with one latent token, the queries and scores of cross attention: one token gets all the attention, and what
 *   it adds is the same vector in every row (a value and an output projection of one row a layer). */
double decoder_work(const struct vae_size *v, int frames);

#endif
