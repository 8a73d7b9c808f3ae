/* --device and --gpu-math, the same for every verb that computes. */
#ifndef MLCM_DEVICE_OPTION_H
#define MLCM_DEVICE_OPTION_H

#include "../engine/device.h"
#include "arguments.h"

/* What the command line said; NULL: nothing. */
struct device_option {
    const char *device, *math;
};

/* The rows of a verb's option table. */
#define DEVICE_OPTION_ROWS(o)                                                                                           \
    {.name = "device", .text = &(o).device, .value = "cpu|cuda", .help = "what computes (MLCM_DEVICE, or cpu)"},  \
    {.name = "gpu-math", .text = &(o).math, .value = "fp32|tf32|bf16",                                                  \
     .help = "how a GPU multiplies matrices (MLCM_GPU_MATH, or fp32)"}

/* The choice: the flags, else the environment (MLCM_DEVICE, MLCM_GPU_MATH), else what `choice` holds, which is 0 or
 * an experiment's. An unknown name is an ERR_USAGE; nothing is opened. */
int device_option_choose(const struct device_option *o, struct device_choice *choice, struct error *e);

/* "cpu", "cuda tf32". */
const char *device_choice_name(const struct device_choice *choice, char name[24]);

#endif
