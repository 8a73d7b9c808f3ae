/* The chain of stages: evaluator, VAE, MLD (with its text encoder), MotionLCM, and the
 * ControlNets on top of the last two.
 *
 * Each stage's result is a model file named by the fingerprint of everything that
 * defines it. A stage whose file exists (among the experiment's committed weights or
 * in the cache) is not trained again. */
#ifndef MLCM_CHAIN_H
#define MLCM_CHAIN_H

#include "../datasets/set.h"
#include "../engine/checkpoint.h"
#include "../engine/file.h"
#include "../engine/lanes.h"
#include "experiment.h"
#include <stdio.h>

/* A ControlNet's stage is STAGE_CONTROL or STAGE_CONTROL_MLD plus the number of the control section's variant. */
enum stage_kind {
    STAGE_EVALUATOR, STAGE_VAE, STAGE_MLD, STAGE_LCM, STAGE_CONTROL,
    STAGE_CONTROL_MLD = STAGE_CONTROL + MAX_CONTROL_VARIANTS,
    STAGE_COUNT = STAGE_CONTROL_MLD + MAX_CONTROL_VARIANTS
};

/* What a published checkpoint was found to hold, beside its VAE. */
struct published_model {
    int present, generation;            /* 1, or 2 with projections */
    int denoiser, guided, control;      /* guided: a MotionLCM, not a plain MLD */
    char path[1400], sha256[65];
};

struct chain {
    struct experiment *x;
    struct device device;
    struct lanes lanes;
    struct set set;
    struct items train;
    char cache[1024];                   /* folder for models, states, logs */
    size_t there;                       /* how much of its name was there: what was made is removed again if it stays empty */
    char fingerprint[STAGE_COUNT][65];
    struct device_choice trained_on[STAGE_COUNT];   /* what a stage was, or would be, trained on: part of its fingerprint */
    char text_encoder[65];              /* fingerprint of the experiment's published text encoder, or "" */
    char vae_cycles[MAX_REFINEMENTS + 1][65];   /* of the VAE after each of its cycles; the last is the stage's */
    char model[STAGE_COUNT][1100];      /* path once found or trained, else "" */
    double seconds[STAGE_COUNT];        /* of training in this run */
    int quiet, fresh;                   /* fresh: ignore committed weights */
    int64_t stop_at;                    /* see struct stage */
    struct published_model published[MAX_PUBLISHED];   /* of the experiment's published checkpoints */
    int absent_count;                   /* optional models that were left out, with the file that is not there */
    struct { char model[80], file[PUBLISHED_PATH]; } absent[MAX_MODELS];
};

/* Reads the set, opens the experiment's device. `x` stays the caller's; c->quiet and c->fresh are set before.
 * A model that another device trained by the same plan is taken where this one has trained none; on a GPU a stage
 * trains by gpu_plan. */
int chain_open(struct chain *c, struct experiment *x, const char *cache, struct error *e);
/* A plan on a GPU: pieces follow one another there, so a batch is one piece of up to 1024 sequences, or as many as
 * gpu_piece says. */
struct training_plan gpu_plan(const struct training_plan *p);
/* The stages that the experiment's models stand on, the evaluator aside; those that a model takes from a
 * published checkpoint of its own are not among them. */
void chain_wanted(const struct experiment *x, int wanted[STAGE_COUNT]);
/* The device and its lanes alone: no set, no models, no cache. The set's widths are HumanML3D's. */
int chain_open_bare(struct chain *c, struct experiment *x, struct error *e);
void chain_close(struct chain *c);
/* Finds or trains the stage and the stages before it that it needs. */
int chain_need(struct chain *c, enum stage_kind stage, struct error *e);
/* Takes the lock of a file in the cache, which several processes may share, and says so when it must wait. */
int chain_alone(const struct chain *c, const char *path, struct file_lock *l, struct error *e);
/* Removes the lock and the state beside a finished file of the cache that a process left when it was killed between writing the
 * file and tidying up. Where another process holds the lock nothing is done. */
void chain_leftovers(const char *path);
/* What a run would do: which stages are trained, which would be. */
int chain_report(struct chain *c, FILE *out, struct error *e);
/* "control", whatever the variant. */
const char *stage_name(enum stage_kind stage);
/* The name of a stage's files, "control_lcmc" for a variant. */
struct stage_label { char text[48]; };
struct stage_label stage_label(const struct chain *c, enum stage_kind stage);
/* Of a ControlNet's stage: whether its base is the MLD, and the plan that it trains by. */
int stage_on_mld(enum stage_kind stage);
const struct control_plan *stage_control(const struct chain *c, enum stage_kind stage);

/* Whether `path` is a model file with this fingerprint. */
int model_fits(const char *path, const char *fingerprint);
/* Loads the tensors below `prefix` of a model file into params. */
int model_load(const char *path, const char *prefix, struct params *p, struct error *e);

/* The trainers of single stages, one file each: write the model to `path`. */
int train_vae(struct chain *c, const char *path, struct error *e);
int train_mld(struct chain *c, const char *path, struct error *e);
int train_lcm(struct chain *c, const char *path, struct error *e);
/* stage: one of STAGE_CONTROL (on MotionLCM) or of STAGE_CONTROL_MLD. */
int train_control(struct chain *c, enum stage_kind stage, const char *path, struct error *e);
/* Stages that an experiment has; the ControlNets only with a section "control". */
int chain_has(const struct chain *c, enum stage_kind stage);

/* The evaluator's part of the chain (chain_evaluator.c). */
int train_evaluator_stage(struct chain *c, const char *path, struct error *e);
/* Of one that is trained on this device. */
int chain_evaluator_fingerprint(const struct chain *c, const struct device_choice *on, char out[65], struct error *e);

/* The card of a generator trained by this chain; its pointers are the set's. */
struct checkpoint_card chain_card(const struct chain *c, int consistency);

/* The posteriors of the training clips, latent_crops windows each, drawn by the experiment's seed: encoded by
 * `v`, or read from the cache where an earlier stage or another process with the same VAE left them. */
struct latents;
int chain_latents(struct chain *c, const struct vae *v, struct latents *l, struct error *e);

/* Loads models written by the stages. */
int load_vae(struct chain *c, struct vae *v, struct error *e);
/* The experiment's published text encoder, or the one that was trained with the generator at `path`. */
int load_text_source(struct chain *c, const char *path, struct text_source *x, struct error *e);
/* The ControlNet and trajectory encoder of an experiment, created; path NULL: not filled. */
int load_control(struct chain *c, enum stage_kind stage, const char *path, struct controlnet *n,
                 struct trajectory_encoder *trajectory, struct error *e);
int load_denoiser(struct chain *c, const char *path, int guidance, struct denoiser *d, struct error *e);

#endif
