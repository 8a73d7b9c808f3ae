#include "tensor_view.h"

#include <string.h>

static const struct {
    const char *name;
    size_t size;
} types[] = {
    [TENSOR_FLOAT] = {"float32", 4}, [TENSOR_DOUBLE] = {"float64", 8}, [TENSOR_HALF] = {"float16", 2},
    [TENSOR_BFLOAT16] = {"bfloat16", 2}, [TENSOR_INT] = {"int32", 4}, [TENSOR_LONG] = {"int64", 8},
    [TENSOR_SHORT] = {"int16", 2}, [TENSOR_CHAR] = {"int8", 1}, [TENSOR_BYTE] = {"uint8", 1},
    [TENSOR_BOOL] = {"bool", 1},
};

size_t tensor_type_size(enum tensor_type type)
{
    return types[type].size;
}

const char *tensor_type_name(enum tensor_type type)
{
    return types[type].name;
}

void tensor_view_contiguous(struct tensor_view *view)
{
    int64_t stride = 1;
    view->count = 1;
    for (int i = 0; i < view->rank; i++)
        view->count = view->shape[i] ? view->count * (size_t)view->shape[i] : 0;
    for (int i = view->rank - 1; i >= 0; i--) {
        view->stride[i] = stride;
        if (view->count && view->shape[i] > 1) /* of an empty tensor the other dimensions may be anything */
            stride *= view->shape[i];
    }
}

static int is_contiguous(const struct tensor_view *view)
{
    int64_t expected = 1;
    for (int i = view->rank - 1; i >= 0; i--) {
        if (view->shape[i] != 1 && view->stride[i] != expected)
            return 0;
        expected *= view->shape[i];
    }
    return 1;
}

const float *tensor_view_floats(const struct tensor_view *view)
{
    if (view->type != TENSOR_FLOAT || (uintptr_t)view->bytes % sizeof(float) != 0 || !is_contiguous(view))
        return NULL;
    return (const float *)(const void *)view->bytes;
}

size_t tensor_view_span(const struct tensor_view *view)
{
    int64_t last = 0;
    for (int i = 0; view->count && i < view->rank; i++)
        last += (view->shape[i] - 1) * view->stride[i];
    return view->count ? ((size_t)last + 1) * types[view->type].size : 0;
}

/* ---- Elements ---- */

static float from_half(const unsigned char *p)
{
    uint32_t h = (uint32_t)p[0] | (uint32_t)p[1] << 8;
    uint32_t exponent = h >> 10 & 31, fraction = h & 1023, bits;
    if (exponent == 0) {
        float v = (float)fraction * 0x1p-24f;
        return h >> 15 ? -v : v;
    }
    bits = exponent == 31 ? 0x7f800000u | fraction << 13 : (exponent + 112) << 23 | fraction << 13;
    bits |= (h & 0x8000u) << 16;
    float v;
    memcpy(&v, &bits, sizeof v);
    return v;
}

static float from_bfloat16(const unsigned char *p)
{
    uint32_t bits = (uint32_t)p[0] << 16 | (uint32_t)p[1] << 24;
    float v;
    memcpy(&v, &bits, sizeof v);
    return v;
}

/* n elements, `step` bytes from one to the next. */
static void convert_run(enum tensor_type type, const unsigned char *p, ptrdiff_t step, size_t n, float *out)
{
#define RUN(stored, value)                        \
    for (size_t i = 0; i < n; i++, p += step) {   \
        stored v;                                 \
        memcpy(&v, p, sizeof v);                  \
        out[i] = value;                           \
    }                                             \
    break
    switch (type) {
    case TENSOR_FLOAT: RUN(float, v);
    case TENSOR_DOUBLE: RUN(double, (float)v);
    case TENSOR_INT: RUN(int32_t, (float)v);
    case TENSOR_LONG: RUN(int64_t, (float)v);
    case TENSOR_SHORT: RUN(int16_t, (float)v);
    case TENSOR_CHAR: RUN(signed char, (float)v);
    case TENSOR_BYTE: RUN(unsigned char, (float)v);
    case TENSOR_BOOL: RUN(unsigned char, v ? 1.0f : 0.0f);
    case TENSOR_HALF:
        for (size_t i = 0; i < n; i++, p += step)
            out[i] = from_half(p);
        break;
    case TENSOR_BFLOAT16:
        for (size_t i = 0; i < n; i++, p += step)
            out[i] = from_bfloat16(p);
        break;
    }
#undef RUN
}

void tensor_view_gather(const struct tensor_view *view, float *out)
{
    size_t element = types[view->type].size;
    if (view->count == 0)
        return;
    if (is_contiguous(view)) {
        if (view->type == TENSOR_FLOAT)
            memcpy(out, view->bytes, view->count * sizeof *out);
        else
            convert_run(view->type, view->bytes, (ptrdiff_t)element, view->count, out);
        return;
    }
    int index[8] = {0};
    int64_t at = 0; /* of the first element of a row of the last dimension */
    size_t row = (size_t)view->shape[view->rank - 1]; /* not contiguous: the rank is not 0 */
    ptrdiff_t step = (ptrdiff_t)view->stride[view->rank - 1] * (ptrdiff_t)element;
    for (size_t done = 0; done < view->count; done += row) {
        convert_run(view->type, view->bytes + (size_t)at * element, step, row, out + done);
        for (int d = view->rank - 2; d >= 0; d--) {
            at += view->stride[d];
            if (++index[d] < view->shape[d])
                break;
            at -= view->stride[d] * view->shape[d];
            index[d] = 0;
        }
    }
}

int floats_are_finite(const float *x, size_t count)
{
    enum { BLOCK = 4096 };
    for (size_t start = 0; start < count; start += BLOCK) {
        size_t n = count - start < BLOCK ? count - start : BLOCK;
        uint32_t bad = 0;
        for (size_t i = 0; i < n; i++) {
            uint32_t bits;
            memcpy(&bits, &x[start + i], sizeof bits);
            bad |= (uint32_t)((bits & 0x7f800000u) == 0x7f800000u);
        }
        if (bad)
            return 0;
    }
    return 1;
}
