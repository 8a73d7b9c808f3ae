#include "device.h"
#include <string.h>

const char *const device_math_names[] = {"fp32", "tf32", "bf16", NULL};
const char *const device_kind_names[] = {"cpu", "cuda", "check", NULL};

int device_open_check(struct device *d, int threads, struct error *e);
#pragma weak device_open_check

int device_open(struct device *d, const struct device_choice *choice, struct error *e)
{
    static const struct device_choice plain = {DEVICE_CPU, MATH_FP32, 0};
    int rc = 0;
    if (!choice) choice = &plain;
    memset(d, 0, sizeof *d);
    if (choice->kind == DEVICE_CPU) rc = device_open_cpu(d, choice->threads, e);
    else if (choice->kind == DEVICE_CUDA) rc = device_open_cuda(d, e);
    else if (device_open_check) rc = device_open_check(d, choice->threads, e);
    else rc = error_set(e, ERR_ENV, "check: only test programs have this device; use cpu or cuda");
    if (!rc) d->math = choice->math;
    if (!rc) d->length_step = choice->kind == DEVICE_CUDA ? 8 : 1;
    if (!rc) d->apart = choice->kind != DEVICE_CPU;
    return rc;
}

int device_lane(const struct device *d, struct device *lane, struct error *e) { return d->open_lane(d, lane, e); }

void device_close(struct device *d)
{
    if (d->state) d->close(d);
    memset(d, 0, sizeof *d);
}
