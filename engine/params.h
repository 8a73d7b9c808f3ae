/* The trainable tensors of a network: names, shapes, one flat memory.
 *
 * A network adds its parameters in the order of the published state dictionary,
 * then params_allocate gives them one block on the device, so an optimiser,
 * an average or a checkpoint is a loop over floats. */
#ifndef MLCM_PARAMS_H
#define MLCM_PARAMS_H

#include "device.h"
#include "weights.h"

enum init_rule {
    INIT_ZERO, INIT_ONE,
    INIT_UNIFORM,        /* ±scale */
    INIT_NORMAL,         /* N(0, scale²) */
    INIT_POSITIVE        /* [0, scale) */
};

struct param {
    char name[160];
    int rank, shape[4];
    size_t count, offset;   /* offset into the flat memory, in floats */
    float *x;               /* (device) */
    enum init_rule rule;
    float scale;
    char twin[160];         /* tensors with the same twin start equal; "" = own name */
    int matrix;             /* read by linear layers alone: params_pack may pack it */
    struct packed packed;   /* values not NULL: packed, and x is NULL unless the originals were kept */
};

struct params {
    struct device *device;
    struct param **items;
    int count, capacity;
    size_t total;           /* floats, padded so that every tensor is 64-byte aligned */
    float *x;               /* (device) all values; when packed, those that are not */
    float *packed;          /* (device) the packed matrices, or NULL */
    enum weight_precision precision;   /* … and how they are kept */
    int failed;             /* out of memory while adding */
};

void params_init(struct params *p, struct device *d);
/* Adds a tensor; the pointer stays valid until params_free. NULL when out of memory. */
struct param *params_add(struct params *p, enum init_rule rule, float scale, const char *name, int rank,
                         int d0, int d1, int d2);
int params_allocate(struct params *p, struct error *e);
void params_free(struct params *p);

/* For inference from now on: packs every matrix that linear layers alone read, in this precision, and gives
 * the originals back. Such a network can neither be trained, loaded, stored nor packed again (ERR_INTERNAL).
 * Each original is given back when its copy is made, where the device can. */
int params_pack(struct params *p, enum weight_precision precision, struct error *e);
/* The same, but the originals stay for tapes that record (gradients through a frozen network, as latent tuning
 * needs them); the weights must not change any more. */
int params_pack_beside(struct params *p, enum weight_precision precision, struct error *e);

/* Fresh values; each tensor depends on (seed, its name) alone. */
int params_initialise(struct params *p, uint64_t seed, struct error *e);
/* Compares names and shapes with a list, before anything is allocated: a tensor prefix + name that
 * is missing or misshapen is an error that names it and the shape. A "(n,1,c)" table may stand for "(n,c)". */
int params_match(const struct params *p, const struct weights *w, const char *prefix, struct error *e);
/* Takes tensors named prefix + name; a missing, misshapen or (below the prefix)
 * unexpected tensor is an error that names it. A "(n,1,c)" table may stand for "(n,c)". */
int params_load(struct params *p, struct weights *w, const char *prefix, struct error *e);
/* Appends copies of all tensors under prefix + name. */
int params_store(const struct params *p, struct weights *w, const char *prefix, struct error *e);
/* Copies values between networks whose tensors of the same name have the same shape;
 * tensors without a counterpart keep their values. Returns the number copied. */
int params_copy_matching(struct params *to, const struct params *from);
struct param *params_find(const struct params *p, const char *name);

#endif
