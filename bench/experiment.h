/* An experiment file: everything that defines a run, read once, checked, resolved. */
#ifndef MLCM_EXPERIMENT_H
#define MLCM_EXPERIMENT_H

#include "../engine/control_objective.h"
#include "../engine/denoiser.h"
#include "../engine/distill.h"
#include "../engine/text_source.h"
#include "../engine/trainer.h"
#include "../engine/vae.h"
#include "device_option.h"
#include "published.h"
#include <cJSON.h>

/* How long and how a stage trains. */
struct training_plan {
    int64_t steps;
    int batch, piece;             /* sequences a batch; sequences a lane takes at a time */
    int gpu_piece;                /* those that a GPU takes at a time: it pads them to the longest; 0: the whole batch */
    struct trainer_config trainer;
};

/* Motion control: what is told, and how the ControlNets learn to follow. */
enum { MAX_CONTROL_JOINTS = 22, MAX_CONTROL_VARIANTS = 9 };   /* the section itself and eight more */
struct control_plan {
    int given;                    /* the experiment has a section "control" */
    char name[24];                /* of a variant: "lcmc"; "" for the section itself */
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
    char trajectory[2048];        /* a file that every test motion is told, instead of its own joints; "" = none */
    struct trajectory *told;      /* the same, read by chain_open */
};

enum { MAX_REFINEMENTS = 8 };
enum { MAX_MODELS = 32 };
struct model_entry {
    char name[80];                /* the table's row: "MotionLCM (1 step)" */
    char system[40];              /* of the registry: "vae", "prior", "mld", "motionlcm" … */
    int steps;
    double guidance;              /* 0: the experiment's or the published one */
    int replications;             /* of this row; 0: the protocol's. Costly rows may have fewer */
    int variant;                  /* of the control section, which trained its ControlNet; 0: the section itself */
    int checkpoint;               /* 1 + the number of the published checkpoint that it is loaded from; 0: the chain's stages */
    char file[1024];              /* of a system with networks of its own; "" = none */
    int optional;                 /* left out, and said so, where that checkpoint is not there */
};

struct experiment {
    char path[1024], name[80], folder[1024];   /* folder: of the experiment file */
    uint64_t seed;
    struct device_choice device;               /* what computes; experiment_device decides */
    char source[40], root[1024], set[1024];    /* data */
    char weights[1024];                        /* committed weights, tried first; "" = none */
    struct published published;                /* files taken as they were published */
    cJSON *evaluator;                          /* its section, read by the evaluator's stage */
    struct vae_size vae;
    struct vae_objective objective;
    struct training_plan vae_plan;
    struct training_plan vae_refinements[MAX_REFINEMENTS];   /* further cycles, each from the weights of the one before */
    int vae_refinement_count;
    struct text_encoder_size text;             /* of the encoder trained with the MLD; text_width of any */
    char text_folder[1024];                    /* of a published encoder instead; "" = none */
    int text_precision;                        /* of its weights, an enum weight_precision */
    int text_random;                           /* with random weights: 1 the sizes of sentence-T5-large, 0 our own encoder */
    char text_tokenizer[1024];                 /* its SentencePiece model, used where it is there; "" = none */
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
    struct control_plan control;               /* the section; every row is measured with its signal */
    /* The plans of training: the section's own, which is number 0, and its "variants", which differ from it. */
    struct control_plan control_variants[MAX_CONTROL_VARIANTS];
    int control_variant_count;                 /* at least 1 */
    /* protocol */
    int replications, pool, diversity_times, mm_samples, mm_repeats, mm_times;
    int batch;                                 /* sentences generated together */
    int precision;                             /* of the weights of all networks but the text encoder, an enum weight_precision */
    int time_runs, time_warmup;
    int model_count;
    struct model_entry models[MAX_MODELS];
    cJSON *resolved;                           /* the document as read, echoed in results */
};

/* The number of the control section's variant of that name, 0 for "", or -1. */
int experiment_control_variant(const struct experiment *x, const char *name);
int experiment_read(const char *path, struct experiment *x, struct error *e);
/* The two halves of it: the document with the sections of its base, the caller's to delete; and the experiment
 * of such a document, which it takes over, also after an error. `path` stands for the file. */
int experiment_document(const char *path, cJSON **document, struct error *e);
int experiment_from(const char *path, cJSON *document, struct experiment *x, struct error *e);
/* Puts what an option says in place of a key of a section, "" for the document itself, into what results echo.
 * `value` is taken over, also after an error; NULL is one. */
int experiment_echo(struct experiment *x, const char *section, const char *key, cJSON *value, struct error *e);
/* What --precision says: "fp32", "bf16" or "int8" in place of protocol.precision, also in what the results
 * echo; NULL leaves the experiment's own. */
int experiment_precision(struct experiment *x, const char *name, struct error *e);
/* The same of mlcm time's --text-precision and text.precision. */
int experiment_text_precision(struct experiment *x, const char *name, struct error *e);
/* What --device, --gpu-math and the environment say in place of "device" and "gpu_math", also in what the results
 * echo; threads are those of the CPU. */
int experiment_device(struct experiment *x, const struct device_option *o, int threads, struct error *e);
/* What --root says: the folder of the published files or, without a section "published", of the raw data.
 * NULL leaves the experiment's own. */
void experiment_root(struct experiment *x, const char *root);
void experiment_free(struct experiment *x);

#endif
