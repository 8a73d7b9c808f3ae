/* An experiment file: everything that defines a run, read once, checked, resolved. */
#ifndef MLCM_EXPERIMENT_H
#define MLCM_EXPERIMENT_H

#include "../engine/control_objective.h"
#include "../engine/denoiser.h"
#include "../engine/distill.h"
#include "../engine/text_encoder.h"
#include "../engine/trainer.h"
#include "../engine/vae.h"
#include <cJSON.h>

/* How long and how a stage trains. */
struct training_plan {
    int64_t steps;
    int batch, piece;             /* sequences a batch; sequences a lane takes at a time */
    struct trainer_config trainer;
};

/* Motion control: what is told, and how the ControlNets learn to follow. */
enum { MAX_CONTROL_JOINTS = 22 };
struct control_plan {
    int given;                    /* the experiment has a section "control" */
    struct training_plan plan;
    int spatial;                  /* 1: joints at random frames; 0: initial poses */
    int joints[MAX_CONTROL_JOINTS], joint_count;
    double low, high;             /* training: percent of the frames (initial poses) */
    double density;               /* testing: percent, or 1, 2, 5 frames (spatial) */
    enum control_kind kind;       /* of the loss */
    enum element_loss element;
    int metric;                   /* 1: loss in metres */
    double weight;                /* λ */
    double w_low, w_high;         /* of the guidance w = s - 1 in training */
    int embedding_width;
    int tuning_steps;             /* of consistency latent tuning */
};

enum { MAX_REFINEMENTS = 8 };
enum { MAX_MODELS = 32 };
struct model_entry {
    char name[80];                /* the table's row: "MotionLCM (1 step)" */
    char system[40];              /* of the registry: "vae", "prior", "mld", "motionlcm" … */
    int steps;
    double guidance;              /* 0: the experiment's or the published one */
};

struct experiment {
    char path[1024], name[80], folder[1024];   /* folder: of the experiment file */
    uint64_t seed;
    char source[40], root[1024], set[1024];    /* data */
    char weights[1024];                        /* committed weights, tried first; "" = none */
    cJSON *evaluator;                          /* its section, read by the evaluator's stage */
    struct vae_size vae;
    struct vae_objective objective;
    struct training_plan vae_plan;
    struct training_plan vae_refinements[MAX_REFINEMENTS];   /* further cycles, each from the weights of the one before */
    int vae_refinement_count;
    struct text_encoder_size text;
    struct denoiser_size denoiser;
    struct training_plan mld_plan;
    double empty_probability;                  /* captions replaced by "" in MLD training */
    int latent_crops;                          /* random windows of each clip that are encoded */
    struct training_plan lcm_plan;
    int lcm_generation, lcm_points;
    enum element_loss lcm_loss;
    double lcm_huber_c, lcm_w_low, lcm_w_high, lcm_ema;
    int lcm_teacher_dropout;
    double mld_guidance, lcm_guidance;         /* at sampling */
    struct control_plan control;
    /* protocol */
    int replications, pool, diversity_times, mm_samples, mm_repeats, mm_times;
    int batch;                                 /* sentences generated together */
    int time_runs, time_warmup;
    int model_count;
    struct model_entry models[MAX_MODELS];
    cJSON *resolved;                           /* the document as read, echoed in results */
};

int experiment_read(const char *path, struct experiment *x, struct error *e);
void experiment_free(struct experiment *x);

#endif
