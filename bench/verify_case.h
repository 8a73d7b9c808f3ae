/* What the conformance cases of networks and training share: arrays and
 * settings of the case file, its checkpoint, a device with a tape, comparison.
 *
 * Errors are sticky: after one, readers return NULL or 0 and compare nothing,
 * and case_close returns the code. */
#ifndef MLCM_VERIFY_CASE_H
#define MLCM_VERIFY_CASE_H

#include "../engine/denoiser.h"
#include "../engine/vae.h"
#include "verify.h"

struct verify_case {
    struct verify *verify;
    struct h5 *file;
    struct error *error;
    int code;
    struct device device;
    struct tape tape;
    struct weights weights;      /* of NAME.ckpt beside the case */
    void **held;                 /* freed by case_close */
    int held_count, held_capacity;
};

int case_open(struct verify_case *c, struct verify *v, struct h5 *f, int with_weights, struct error *e);
int case_close(struct verify_case *c);
/* Keeps the first error: rc is a code of a function that filled c->error. */
int case_note(struct verify_case *c, int rc);

/* A dataset of `rank` dimensions; a dims[i] that is not 0 must match, the others are
 * filled in. A value that is not finite is an error. The memory belongs to the case. */
const float *case_floats(struct verify_case *c, const char *name, int rank, int *dims);
const int *case_ints(struct verify_case *c, const char *name, int rank, int *dims);
/* Zeroed floats that belong to the case. */
float *case_memory(struct verify_case *c, size_t count);
/* Attributes of the root; `otherwise` if there is none. */
double case_number(struct verify_case *c, const char *attr, double otherwise);
int case_int(struct verify_case *c, const char *attr, int otherwise);
/* "" if there is none. */
const char *case_word(struct verify_case *c, const char *attr, char *text, size_t size);

/* l1, l2 or l1_smooth. */
enum element_loss case_element_loss(struct verify_case *c, const char *word);

/* Tolerance of results and losses: relative * max(1, largest reference). */
double case_tolerance(double relative, const float *want, size_t n);
/* Compares n values with the dataset; label names the line, NULL = name. */
void case_compare(struct verify_case *c, const char *name, const char *label, const float *got, size_t n, double relative);
void case_compare_absolute(struct verify_case *c, const char *name, const char *label, const float *got, size_t n,
                           double tolerance);
void case_compare_tensor(struct verify_case *c, const char *name, const char *label, const struct tensor *x,
                         double relative);
void case_compare_ints(struct verify_case *c, const char *name, const int *got, size_t n);
void case_compare_value(struct verify_case *c, const char *name, double got, double relative);
/* Copies a tensor to host memory at `to`; an error if it has not `count` values. */
void case_fetch(struct verify_case *c, const struct tensor *x, float *to, size_t count);

/* Networks of the checkpoint, created and filled. Sizes come from the tensors, what they do
 * not tell from the attributes. */
void case_vae(struct verify_case *c, struct vae *v);
void case_denoiser(struct verify_case *c, struct denoiser *d, const char *prefix);
/* Packs a network's weights in single precision, as programs run it; the originals stay for tapes that record. */
void case_pack(struct verify_case *c, struct params *p);
void case_prepare(struct verify_case *c, struct vae *v);

#endif
