/* A text-to-motion system as the harness runs it: captions and lengths in, features out.
 *
 * One registry for every row of the tables. A new system adds a file with its
 * `generate` and a line in registry.c, and a declaration at the end of this file; the
 * harness needs no change. */
#ifndef MLCM_SYSTEM_H
#define MLCM_SYSTEM_H

#include "../engine/sampler.h"
#include "../engine/text_source.h"
#include "../engine/trajectory_encoder.h"
#include "../engine/vae.h"

struct system_request {
    const char *const *texts;     /* (batch) captions */
    const int *lengths;           /* (batch) frames wanted */
    int batch, frames;            /* frames = the longest */
    uint64_t seed, stream;        /* of the noise */
    const uint64_t *sample;       /* (batch) number of each sample: its noise depends on (seed, stream, sample) alone */
    const float *reference;       /* (batch, frames, nfeats) normalised real motions, or NULL */
    /* motion control, or NULL: the normalised signal (batch, frames, J, 3), 0 where nothing is
     * controlled, and which joints are, (batch, frames, J) */
    const float *hint;
    const unsigned char *mask;
};

/* Seconds spent in each stage, added up; the device is synchronised at each border. */
struct stage_clock {
    double text, trajectory, denoise, decode;
};

struct system;
struct system_kind {
    const char *name;             /* in experiment files: "motionlcm" */
    const char *family;           /* in tables: "MotionLCM" */
    int sampled;                  /* generates from captions: it is timed and competes in the tables */
    int reads_reference;          /* reconstructs a real motion instead of reading the caption */
    /* Normalised features (batch·frames, nfeats), zero beyond each length; NULL with the tape's error. */
    struct tensor *(*generate)(struct tape *t, const struct system *s, const struct system_request *r,
                               struct stage_clock *clock);
    int controlled;               /* needs a control signal */
    /* A system with networks of its own, NULL otherwise: reads them once from `file`, which the experiment's model entry
     * names ("" if it does not), into s->own; close frees them. The experiment's networks are not opened for it. */
    int (*open)(struct system *s, const char *file, struct device *d, struct error *e);
    void (*close)(struct system *s);
};

/* An opened system. The networks are the caller's and may serve several systems. */
struct system {
    const struct system_kind *kind;
    const struct vae *vae;
    const struct text_source *text;
    const struct denoiser *denoiser;
    struct sampler sampler;
    int nfeats;                       /* of a feature row */
    void *own;                        /* what kind->open made */
    /* motion control: NULL and 0 without */
    const struct controlnet *controlnet;
    const struct trajectory_encoder *trajectory;
    int joints, tuning_steps;         /* of latent tuning … */
    const float *mean, *std;          /* … with the features' statistics (nfeats) */
    const float *raw_mean, *raw_std;  /* and the joints' (J, 3) */
};

/* The registry: by name, or NULL; and all of it, in table order. */
const struct system_kind *system_find(const char *name);
const struct system_kind *const *system_registry(int *count);

/* Latent noise (batch·L, D) of a request; part 0 is the initial noise, 1 … those of later steps. */
int request_noise(const struct system_request *r, int part, int tokens, int width, float *out);

extern const struct system_kind system_vae, system_prior, system_mld, system_motionlcm;
extern const struct system_kind system_mld_control, system_motionlcm_control, system_motionlcm_tuning;

#endif
