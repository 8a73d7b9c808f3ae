/* Operations of the published text encoders, which are never trained here. */
#include "ops.h"

static int refuse_recording(struct tape *t, const char *what)
{
    if (!t->recording) return 0;
    tape_error(t, "%s has no backward; run a published text encoder on a tape that does not record", what);
    return 1;
}

struct tensor *op_rms_norm(struct tape *t, struct tensor *x, struct tensor *w, float eps)
{
    if (!x || !w || refuse_recording(t, "the root mean square norm")) return NULL;
    if (w->rows * w->cols != x->cols) {
        tape_error(t, "root mean square norm: width %d, %d weights", x->cols, w->rows * w->cols);
        return NULL;
    }
    struct tensor *y = tape_tensor(t, x->rows, x->cols);
    if (y) t->device->rms_norm(t->device, y->x, x->x, w->x, x->rows, x->cols, eps);
    return y;
}

struct tensor *op_unit_rows(struct tape *t, struct tensor *x, float floor)
{
    if (!x || refuse_recording(t, "the division of rows by their length")) return NULL;
    struct tensor *y = tape_tensor(t, x->rows, x->cols);
    if (y) t->device->unit_rows(t->device, y->x, x->x, x->rows, x->cols, floor);
    return y;
}

struct tensor *op_sum_frames(struct tape *t, struct tensor *x, int batch, const float *weight)
{
    if (!x || refuse_recording(t, "the sum over time")) return NULL;
    if (batch <= 0 || x->rows % batch) {
        tape_error(t, "sum over time: %d rows for a batch of %d", x->rows, batch);
        return NULL;
    }
    struct tensor *weighted = op_mask_rows(t, x, weight), *y = weighted ? tape_tensor(t, batch, x->cols) : NULL;
    if (!y) return NULL;
    int frames = x->rows / batch;
    size_t c = (size_t)x->cols;
    t->device->fill(t->device, y->x, 0, (size_t)batch * c);
    for (int b = 0; b < batch; b++)
        t->device->blocks(t->device, y->x + (size_t)b * c, 0, weighted->x + (size_t)b * (size_t)frames * c, c, frames, c, 1);
    return y;
}
