/* What the checks of the evaluator's cases share: reading, comparing, building its networks. */
#ifndef MLCM_VERIFY_EVALUATOR_H
#define MLCM_VERIFY_EVALUATOR_H

#include "verify.h"

#include "../metrics/evaluator_train.h"

enum { NAME_SIZE = 300 };

/* Relative to the largest reference value of an array, at least 1: embeddings and inner results of
 * networks, and what a training step computes in single precision. */
#define EMBEDDING_TOLERANCE 5e-6
#define SINGLE_TOLERANCE 1e-5

/* "GROUP/MEMBER" in a buffer of NAME_SIZE, or MEMBER if group is "". */
const char *array_name(char *buffer, const char *group, const char *member);
/* A float dataset of the given rank; its dimensions go to dims. *data is the caller's to free. */
int array_read(struct h5 *f, const char *name, int rank, int dims[8], float **data, struct error *e);
/* An integer dataset of `count` values. */
int array_ints(struct h5 *f, const char *name, int count, int **data, struct error *e);
int array_attribute(struct h5 *f, const char *group, const char *name, double *v, struct error *e);

/* Compares n values with the dataset, where the case has it; the tolerance is relative to the
 * largest reference value or 1. array_compare_both: with NAME_f64 as well. */
int array_compare_double(struct verify *v, struct h5 *f, const char *name, const double *got, size_t n, double relative,
                        struct error *e);
int array_compare(struct verify *v, struct h5 *f, const char *name, const float *got, size_t n, double relative,
                 struct error *e);
int array_compare_both(struct verify *v, struct h5 *f, const char *name, const float *got, size_t n, double relative,
                      struct error *e);
int array_compare_value(struct verify *v, struct h5 *f, const char *group, const char *member, double got, struct error *e);

/* Rows order[i] of x (·, dim) one after another, n of them. */
void rows_permuted(float *out, const float *x, const int *order, int n, int dim);
/* x (batch·t, c) on the device -> (batch, c, t) on the host, as the cases store convolutions; the caller frees it. */
float *channels_first(const struct tape *t, const struct tensor *x, int batch);
/* x (batch, c, t) -> out (batch, t, c), both on the host. */
void frames_first(float *out, const float *x, int batch, int channels, int frames);

/* The dataset as an order of the first `count` of n sequences: within batches of `batch`, longest first. Which of equally
 * long ones comes first depends on a sorting routine, so the case's own order is checked and returned (the caller frees it). */
int array_order(struct verify *v, struct h5 *f, const char *name, const int *lengths, int n, int batch, int count, int **order,
                struct error *e);

/* Tensors GROUP/NETWORK/KEY of a case as "NETWORK.KEY"; weights_free them. */
int group_weights(struct h5 *f, const char *group, struct weights *w, struct error *e);
/* An evaluator of the tensors below GROUP; evaluator_free it. */
int group_evaluator(struct evaluator *ev, struct device *d, struct h5 *f, const char *group, struct error *e);

/* A batch of motions and captions. */
struct pair_batch {
    int n, frames, tokens;
    float *motions, *words, *speech;
    int *m_lens, *cap_lens;
};
int pair_batch_read(struct h5 *f, const struct evaluator *ev, const char *motions, const char *lengths,
                    struct pair_batch *p, struct error *e);
void pair_batch_free(struct pair_batch *p);

/* The kinds that live in files of their own. */
verify_fn verify_matching_step, verify_movement_autoencoder, verify_evaluation, verify_units;

#endif
