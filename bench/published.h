/* The published files of a paper's system, by their places below one folder.
 *
 * An experiment's section "published" says which files it takes. The places are those of MotionLCM's
 * repository after its own preparation scripts; "layout" fills them in, single keys change them:
 *
 *   "published": {"layout": "humanml3d", "root": "../MotionLCM",
 *                 "checkpoints": {"motionlcm_v1": "experiments_t2m/…/motionlcm_humanml_v1.ckpt"},
 *                 "stages": {"vae": "mld_v1", "mld": "mld_v1"}}
 *
 * A model names a checkpoint and is loaded from it, whole: VAE, denoiser, ControlNet. A stage of the
 * chain may name one too; the stages after it are then trained on it. A key that is null is not taken
 * from there: its part is trained or made as in an experiment without this section. */
#ifndef MLCM_PUBLISHED_H
#define MLCM_PUBLISHED_H

#include "../engine/error.h"
#include <cJSON.h>
#include <stdio.h>

enum { MAX_PUBLISHED = 16, PUBLISHED_NAME = 40, PUBLISHED_PATH = 300 };
enum published_part {
    PUBLISHED_DATA, PUBLISHED_SPATIAL, PUBLISHED_WORDS, PUBLISHED_EVALUATOR, PUBLISHED_EVALUATOR_STATISTICS, PUBLISHED_TEXT,
    PUBLISHED_PARTS
};
/* Stages of the chain that a checkpoint can stand in for. */
enum { PUBLISHED_VAE, PUBLISHED_MLD, PUBLISHED_LCM, PUBLISHED_STAGES };

struct published_checkpoint {
    char name[PUBLISHED_NAME];          /* "motionlcm_v1" */
    char path[PUBLISHED_PATH];          /* below the root */
    int required;                       /* some model cannot do without */
    int used;                           /* a model or a stage names it */
};

struct published {
    int given;                          /* the experiment has the section */
    int kit;                            /* 21 joints, 251 features */
    char root[1024];
    int heads;                          /* of all transformers: no file says it. 4 */
    char part[PUBLISHED_PARTS][PUBLISHED_PATH];   /* below the root; "" = not taken */
    int count;
    struct published_checkpoint checkpoints[MAX_PUBLISHED];
    int stage[PUBLISHED_STAGES];        /* index of a checkpoint, or -1 */
};

/* The places of a layout, "humanml3d" (kit = 0) or "kit", without checkpoints. */
void published_defaults(struct published *p, int kit);
/* The section "published" of a document. p->given is 0 where there is none. */
int published_read(const cJSON *document, struct published *p, struct error *e);
/* Index of a checkpoint by its name, or -1. */
int published_find(const struct published *p, const char *name);
/* root/PATH; `path` has 1400 bytes. Returns path. */
const char *published_path(const struct published *p, const char *below, char path[1400]);

/* One file or folder that is wanted. */
struct published_file {
    char below[PUBLISHED_PATH + 80];    /* below the root */
    const char *what, *from;            /* what it is, and who gives it */
    int folder, required;
    int state;                          /* 0 there, 1 missing, 2 something else than it should be */
    const char *wrong;                  /* … and what: "an HTML page" */
};
/* Looks for every file that p takes. *files is malloc'd, `count` long; the caller frees it. */
int published_look(const struct published *p, struct published_file **files, int *count, struct error *e);
/* A line a file: there or missing, what it is, where it goes, and for what lacks where it comes from.
 * Returns how many required ones are not there. */
int published_print(const struct published *p, const struct published_file *files, int count, FILE *out);
/* 0, or ERR_ENV after printing the missing required files on standard error, each with its source. */
int published_check(const struct published *p, const char *experiment, struct error *e);

#endif
