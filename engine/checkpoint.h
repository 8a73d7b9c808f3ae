/* Our own model files: HDF5, tensors under /weights by their published names,
 * attributes for kind and fingerprint, the vocabulary where a text encoder has one. */
#ifndef MLCM_CHECKPOINT_H
#define MLCM_CHECKPOINT_H

#include "params.h"
#include "text_encoder.h"

struct checkpoint_part {
    const struct params *params;
    const char *prefix;             /* "vae.", "denoiser.", "text." */
};
enum { CHECKPOINT_CONTROL_JOINTS = 22 };
/* What a generator needs beside its tensors: heads are not in them, nor are the statistics. */
struct checkpoint_card {
    int vae_heads, denoiser_heads, text_heads;
    int generation, points;         /* of the LCM table; 0 for a plain MLD */
    double guidance, fps;
    int nfeats, njoints;
    char vae[65];                   /* fingerprint of the VAE that makes its latents; "" if unknown */
    float *mean, *std;              /* (nfeats) host */
    /* of a ControlNet's file: the generator's fingerprint ("" elsewhere), and the statistics of the
     * joints' global positions in metres, (njoints, 3) host, NULL elsewhere */
    char base[65];
    float *raw_mean, *raw_std;
    /* … and what it learnt to follow: these joints, in the first `control_share` percent of the frames
     * (control_spatial 0) or one of them in frames at random (1) */
    int control_joints[CHECKPOINT_CONTROL_JOINTS], control_joint_count, control_spatial;
    double control_share;
};
int checkpoint_card_read(const char *path, struct checkpoint_card *card, struct error *e);
void checkpoint_card_free(struct checkpoint_card *card);

/* Atomic. card may be NULL. note: a JSON text with the experiment's stage, kept as an attribute. */
int checkpoint_write(const char *path, const char *kind, const char *fingerprint, const char *note,
                     const struct checkpoint_part *parts, int count, const struct vocabulary *vocabulary,
                     const struct checkpoint_card *card, struct error *e);
/* Writes a copy of a model file with its tensors in half precision, everything else as it is:
 * half the size; a network read from it computes with the rounded values. */
int checkpoint_pack(const char *from, const char *to, struct error *e);

/* The fingerprint a file was written with; "" if it has none. */
int checkpoint_fingerprint(const char *path, char *text, size_t size, struct error *e);
int checkpoint_vocabulary(const char *path, struct vocabulary *v, struct error *e);

#endif
