/* The motions of a replication as files that other programs, and mlcm eval, read.
 *
 * CLIP.npy holds features (frames, nfeats), not normalised; CLIP.txt the caption, as the set has it: the sentence,
 * then "#" and its tokens. */
#ifndef MLCM_EXPORT_MOTIONS_H
#define MLCM_EXPORT_MOTIONS_H

#include "evaluation.h"

/* Makes ev->keep: the row's folder below `folder`, whose name is the row's with "_" for what is no letter or digit. */
int export_folder(struct evaluation *ev, const char *folder, const char *row, struct error *e);
/* Writes motions x (n, frames, nfeats), normalised by the set's statistics, of draws first … first+n-1 to ev->keep. */
int export_motions(const struct evaluation *ev, const float *x, int first, int n, int frames, struct error *e);
/* The drawn real windows, below folder/Real. */
int export_real(struct evaluation *ev, const char *folder, struct error *e);

#endif
