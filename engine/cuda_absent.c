/* In the place of the CUDA device where the program is built without a toolkit. */
#include "device.h"
#include <stdio.h>
#include <string.h>

int device_open_cuda(struct device *d, struct error *e)
{
    memset(d, 0, sizeof *d);
    return error_set(e, ERR_ENV, "cuda: this program was built without CUDA; build it with `make CUDA=1`, or use the cpu device");
}

void device_describe_cuda(char *gpu, size_t gpu_size, char *driver, size_t driver_size)
{
    snprintf(gpu, gpu_size, "none");
    if (driver_size) driver[0] = '\0';
}
