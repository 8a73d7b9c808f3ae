/* The tape's operations in plain double precision, as their definitions read. */
#include "../engine/rng.h"
#include "op_cases.h"
#include <math.h>
#include <stdlib.h>

#define AT(a, cols, row, column) ((a)[(size_t)(row) * (size_t)(cols) + (size_t)(column)])

int op_length(int sample, int frames, int whole)
{
    return whole || sample == 0 ? frames : 1 + (sample * 37 + 11) % frames;
}

/* kind 0: no mask, 1: lengths, 2: lengths and nothing visible in sample 1 */
float op_mask(const struct op_case *c, int kind, int sample, int key, int keys)
{
    (void)c;
    if (kind == 2 && sample == 1) return 0;
    return !kind || key < op_length(sample, keys, 0) ? 1.0f : 0.0f;
}

float op_factor(int row) { return row % 5 == 3 ? 0.0f : 0.3f + (float)(row % 7) * 0.25f; }

int op_index(int i, int rows) { return (i * i + 3 * i + 1) % rows; }

/* Groups of 128 elements: element e of group g takes block 16g + e%16, word e/32,
 * its low half if (e/16) is even, else its high half. */
double op_keep(const struct op_case *c, int number, size_t i)
{
    if (c->dropout <= 0) return 1;
    uint32_t words[4];
    size_t e = i % 128;
    rng_block(OP_SEED, OP_STREAM + (uint64_t)number, i / 128 * 16 + e % 16, words);
    uint32_t half = e / 16 % 2 ? words[e / 32] >> 16 : words[e / 32] & 0xffffu;
    return half >= (uint32_t)(c->dropout * 65536.0f) ? 1.0 / (1.0 - (double)c->dropout) : 0.0;
}

static double activated(double x, int act)
{
    switch (act) {
    case ACT_GELU: return 0.5 * x * (1 + erf(x / sqrt(2.0)));
    case ACT_RELU: return x > 0 ? x : 0;
    case ACT_SILU: return x / (1 + exp(-x));
    case ACT_LEAKY: return x > 0 ? x : (double)0.2f * x;
    case ACT_GELU_TANH: return 0.5 * x * (1 + tanh(sqrt(2 / acos(-1.0)) * (x + 0.044715 * x * x * x)));
    case ACT_QUICK_GELU: return x / (1 + exp(-1.702 * x));
    case ACT_TANH: return tanh(x);
    default: return x;
    }
}

/* d: n, ic, oc, activation, bias */
void linear_reference(const struct op_case *c, double *const *in, double *out, double *extra)
{
    (void)extra;
    int n = c->d[0], ic = c->d[1], oc = c->d[2];
    for (int i = 0; i < n; i++)
        for (int o = 0; o < oc; o++) {
            double s = c->d[4] ? in[2][o] : 0;
            for (int k = 0; k < ic; k++) s += AT(in[0], ic, i, k) * AT(in[1], ic, o, k);
            AT(out, oc, i, o) = activated(s, c->d[3]);
        }
}

/* d: n, ic1, ic2, oc, bias */
void linear_pair_reference(const struct op_case *c, double *const *in, double *out, double *extra)
{
    (void)extra;
    int n = c->d[0], a = c->d[1], b = c->d[2], oc = c->d[3];
    for (int i = 0; i < n; i++)
        for (int o = 0; o < oc; o++) {
            double s = c->d[4] ? in[3][o] : 0;
            for (int k = 0; k < a; k++) s += AT(in[0], a, i, k) * AT(in[2], a + b, o, k);
            for (int k = 0; k < b; k++) s += AT(in[1], b, i, k) * AT(in[2], a + b, o, a + k);
            AT(out, oc, i, o) = s;
        }
}

void activate_reference(const struct op_case *c, double *const *in, double *out, double *extra)
{
    (void)extra;
    for (int i = 0; i < c->d[0] * c->d[1]; i++) out[i] = activated(in[0][i], c->d[2]);
}

void dropout_reference(const struct op_case *c, double *const *in, double *out, double *extra)
{
    (void)extra;
    for (int i = 0; i < c->d[0] * c->d[1]; i++) out[i] = in[0][i] * op_keep(c, 1, (size_t)i);
}

/* d: n, c, residual; inputs x, w, b, r */
void layernorm_reference(const struct op_case *c, double *const *in, double *out, double *extra)
{
    (void)extra;
    int n = c->d[0], width = c->d[1];
    for (int i = 0; i < n; i++) {
        double mean = 0, variance = 0, *y = out + (size_t)i * (size_t)width;
        for (int j = 0; j < width; j++) {
            size_t at = (size_t)i * (size_t)width + (size_t)j;
            y[j] = in[0][at] + (c->d[2] ? in[3][at] * op_keep(c, 1, at) : 0);
            mean += y[j] / width;
        }
        for (int j = 0; j < width; j++) variance += (y[j] - mean) * (y[j] - mean) / width;
        for (int j = 0; j < width; j++) y[j] = (y[j] - mean) / sqrt(variance + (double)1e-5f) * in[1][j] + in[2][j];
    }
}

/* One sample's head: q rows ldq apart and so on; p is scratch of `keys`. */
static void attention_head(const struct op_case *c, int sample, int head, int queries, int keys, int width,
                           int mask_kind, const double *q, int ldq, const double *k, const double *v, int ldk,
                           double *out, int ldo, int heads, double *p)
{
    for (int i = 0; i < queries; i++) {
        double top = -INFINITY, total = 0;
        for (int j = 0; j < keys; j++) {
            double s = 0;
            for (int w = 0; w < width; w++) s += AT(q, ldq, i, w) * AT(k, ldk, j, w);
            p[j] = op_mask(c, mask_kind, sample, j, keys) != 0.0f ? s / sqrt((double)width) : -INFINITY;
            if (p[j] > top) top = p[j];
        }
        for (int j = 0; j < keys; j++) total += p[j] = p[j] > -INFINITY ? exp(p[j] - top) : 0;
        for (int w = 0; w < width; w++) {
            double s = 0;
            for (int j = 0; j < keys && total > 0; j++) {
                size_t element = ((size_t)(sample * heads + head) * (size_t)queries + (size_t)i) * (size_t)keys + (size_t)j;
                s += p[j] / total * op_keep(c, 1, element) * AT(v, ldk, j, w);
            }
            AT(out, ldo, i, w) = s;
        }
    }
}

/* d: batch, n, heads, width, mask */
void self_attention_reference(const struct op_case *c, double *const *in, double *out, double *extra)
{
    (void)extra;
    int batch = c->d[0], n = c->d[1], heads = c->d[2], width = c->d[3], d = heads * width;
    double *p = malloc((size_t)n * sizeof *p);
    for (int b = 0; b < batch; b++)
        for (int h = 0; h < heads; h++) {
            const double *q = in[0] + (size_t)(b * n) * (size_t)(3 * d) + h * width;
            attention_head(c, b, h, n, n, width, c->d[4], q, 3 * d, q + d, q + 2 * d, 3 * d,
                           out + (size_t)(b * n) * (size_t)d + h * width, d, heads, p);
        }
    free(p);
}

/* d: batch, queries, keys, heads, width, mask */
void cross_attention_reference(const struct op_case *c, double *const *in, double *out, double *extra)
{
    (void)extra;
    int batch = c->d[0], n = c->d[1], m = c->d[2], heads = c->d[3], width = c->d[4], d = heads * width;
    double *p = malloc((size_t)m * sizeof *p);
    for (int b = 0; b < batch; b++)
        for (int h = 0; h < heads; h++) {
            const double *kv = in[1] + (size_t)(b * m) * (size_t)(2 * d) + h * width;
            attention_head(c, b, h, n, m, width, c->d[5], in[0] + (size_t)(b * n) * (size_t)d + h * width, d, kv,
                           kv + d, 2 * d, out + (size_t)(b * n) * (size_t)d + h * width, d, heads, p);
        }
    free(p);
}

void add_reference(const struct op_case *c, double *const *in, double *out, double *extra)
{
    (void)extra;
    for (int i = 0; i < c->d[0] * c->d[1]; i++) out[i] = in[0][i] + in[1][i];
}

void add_itself_reference(const struct op_case *c, double *const *in, double *out, double *extra)
{
    (void)extra;
    for (int i = 0; i < c->d[0] * c->d[1]; i++) out[i] = 2 * in[0][i];
}

void scale_reference(const struct op_case *c, double *const *in, double *out, double *extra)
{
    (void)extra;
    for (int i = 0; i < c->d[0] * c->d[1]; i++) out[i] = -0.75 * in[0][i];
}

void multiply_reference(const struct op_case *c, double *const *in, double *out, double *extra)
{
    (void)extra;
    for (int i = 0; i < c->d[0] * c->d[1]; i++) out[i] = in[0][i] * in[1][i];
}

void combine_rows_reference(const struct op_case *c, double *const *in, double *out, double *extra)
{
    (void)extra;
    for (int i = 0; i < c->d[0]; i++)
        for (int j = 0; j < c->d[1]; j++)
            AT(out, c->d[1], i, j) = (double)op_factor(i) * AT(in[0], c->d[1], i, j) +
                                     (double)op_factor(i + 1) * AT(in[1], c->d[1], i, j);
}

void mask_rows_reference(const struct op_case *c, double *const *in, double *out, double *extra)
{
    (void)extra;
    for (int i = 0; i < c->d[0]; i++)
        for (int j = 0; j < c->d[1]; j++) AT(out, c->d[1], i, j) = (double)op_factor(i) * AT(in[0], c->d[1], i, j);
}

/* d: batch, frames of a (one a sample), of b (the same for all), of c, width */
void concat_reference(const struct op_case *c, double *const *in, double *out, double *extra)
{
    (void)extra;
    int width = c->d[4], row = 0;
    for (int b = 0; b < c->d[0]; b++)
        for (int part = 0; part < 3; part++)
            for (int f = 0; f < c->d[1 + part]; f++, row++)
                for (int j = 0; j < width; j++)
                    AT(out, width, row, j) = AT(in[part], width, part == 1 ? f : b * c->d[1 + part] + f, j);
}

/* d: batch, frames, width, from, n */
void slice_reference(const struct op_case *c, double *const *in, double *out, double *extra)
{
    (void)extra;
    for (int b = 0; b < c->d[0]; b++)
        for (int f = 0; f < c->d[4]; f++)
            for (int j = 0; j < c->d[2]; j++)
                AT(out, c->d[2], b * c->d[4] + f, j) = AT(in[0], c->d[2], b * c->d[1] + c->d[3] + f, j);
}

/* d: rows, width, from, n */
void columns_reference(const struct op_case *c, double *const *in, double *out, double *extra)
{
    (void)extra;
    for (int i = 0; i < c->d[0]; i++)
        for (int j = 0; j < c->d[3]; j++) AT(out, c->d[3], i, j) = AT(in[0], c->d[1], i, c->d[2] + j);
}

/* d: batch, frames, width, table rows */
void add_positions_reference(const struct op_case *c, double *const *in, double *out, double *extra)
{
    (void)extra;
    for (int i = 0; i < c->d[0] * c->d[1]; i++)
        for (int j = 0; j < c->d[2]; j++)
            AT(out, c->d[2], i, j) = AT(in[0], c->d[2], i, j) + AT(in[1], c->d[2], i % c->d[1], j);
}

/* d: table rows, width, n */
void gather_reference(const struct op_case *c, double *const *in, double *out, double *extra)
{
    (void)extra;
    for (int i = 0; i < c->d[2]; i++)
        for (int j = 0; j < c->d[1]; j++) AT(out, c->d[1], i, j) = AT(in[0], c->d[1], op_index(i, c->d[0]), j);
}

/* rows 1 … n-1 as one column, times themselves, plus rows 0 … n-2: overlapping views */
void views_reference(const struct op_case *c, double *const *in, double *out, double *extra)
{
    (void)extra;
    size_t width = (size_t)c->d[1], n = (size_t)(c->d[0] - 1) * width;
    for (size_t i = 0; i < n; i++) out[i] = in[0][width + i] * in[0][width + i] + in[0][i];
}

/* d: rows of the parameter, width, row0, rows, n: x·(rows)ᵀ */
void param_rows_reference(const struct op_case *c, double *const *in, double *out, double *extra)
{
    (void)extra;
    for (int i = 0; i < c->d[4]; i++)
        for (int o = 0; o < c->d[3]; o++) {
            double s = 0;
            for (int k = 0; k < c->d[1]; k++) s += AT(in[0], c->d[1], i, k) * AT(in[1], c->d[1], c->d[2] + o, k);
            AT(out, c->d[3], i, o) = s;
        }
}

/* d: batch, t_in, ic, oc, kernel, stride, pad; x, w (oc,ic,kernel), b */
void conv1d_reference(const struct op_case *c, double *const *in, double *out, double *extra)
{
    (void)extra;
    int t_in = c->d[1], ic = c->d[2], oc = c->d[3], kernel = c->d[4], stride = c->d[5], pad = c->d[6];
    int t_out = (t_in + 2 * pad - kernel) / stride + 1;
    for (int b = 0; b < c->d[0]; b++)
        for (int t = 0; t < t_out; t++)
            for (int o = 0; o < oc; o++) {
                double s = in[2][o];
                for (int k = 0; k < kernel; k++) {
                    int from = stride * t + k - pad;
                    for (int j = 0; j < ic && from >= 0 && from < t_in; j++)
                        s += AT(in[0], ic, b * t_in + from, j) * in[1][(o * ic + j) * kernel + k];
                }
                AT(out, oc, b * t_out + t, o) = s;
            }
}

/* The same dimensions; w (ic,oc,kernel): every input frame spreads over its kernel. */
void conv_transpose1d_reference(const struct op_case *c, double *const *in, double *out, double *extra)
{
    (void)extra;
    int t_in = c->d[1], ic = c->d[2], oc = c->d[3], kernel = c->d[4], stride = c->d[5], pad = c->d[6];
    int t_out = (t_in - 1) * stride - 2 * pad + kernel;
    for (int i = 0; i < c->d[0] * t_out; i++)
        for (int o = 0; o < oc; o++) AT(out, oc, i, o) = in[2][o];
    for (int b = 0; b < c->d[0]; b++)
        for (int t = 0; t < t_in; t++)
            for (int k = 0; k < kernel; k++) {
                int to = stride * t + k - pad;
                if (to < 0 || to >= t_out) continue;
                for (int o = 0; o < oc; o++)
                    for (int j = 0; j < ic; j++)
                        AT(out, oc, b * t_out + to, o) += AT(in[0], ic, b * t_in + t, j) * in[1][(j * oc + o) * kernel + k];
            }
}

static double sigmoid(double x) { return 1 / (1 + exp(-x)); }

/* d: batch, frames, input, h, reverse, whole; x, h0, w_ih, w_hh, b_ih, b_hh; extra: all states */
void gru_reference(const struct op_case *c, double *const *in, double *out, double *extra)
{
    int batch = c->d[0], frames = c->d[1], n = c->d[2], h = c->d[3];
    double *gate = malloc(6 * (size_t)h * sizeof *gate), *state = malloc((size_t)h * sizeof *state);
    for (int b = 0; b < batch; b++) {
        int length = op_length(b, frames, c->d[5]);
        for (int j = 0; j < h; j++) state[j] = in[1][j];
        for (int f = 0; f < frames && extra; f++)
            for (int j = 0; j < h; j++) AT(extra, h, b * frames + f, j) = 0;
        for (int s = 0; s < length; s++) {
            int f = c->d[4] ? length - 1 - s : s;
            for (int g = 0; g < 3 * h; g++) {
                double x = in[4][g], r = in[5][g];
                for (int k = 0; k < n; k++) x += AT(in[2], n, g, k) * AT(in[0], n, b * frames + f, k);
                for (int k = 0; k < h; k++) r += AT(in[3], h, g, k) * state[k];
                gate[g] = x;
                gate[3 * h + g] = r;
            }
            for (int j = 0; j < h; j++) {
                double r = sigmoid(gate[j] + gate[3 * h + j]), z = sigmoid(gate[h + j] + gate[4 * h + j]);
                state[j] = (1 - z) * tanh(gate[2 * h + j] + r * gate[5 * h + j]) + z * state[j];
                if (extra) AT(extra, h, b * frames + f, j) = state[j];
            }
        }
        for (int j = 0; j < h; j++) AT(out, h, b, j) = state[j];
    }
    free(gate);
    free(state);
}

void reparameterise_reference(const struct op_case *c, double *const *in, double *out, double *extra)
{
    (void)extra;
    for (int i = 0; i < c->d[0] * c->d[1]; i++) out[i] = in[0][i] + exp(0.5 * in[1][i]) * in[2][i];
}

/* v turned by the inverse of the unit quaternion (cos a, 0, sin a, 0) */
static void unturn(double a, const double v[3], double out[3])
{
    double w = cos(a), q[3] = {0, -sin(a), 0}, u[3], t[3];
    u[0] = q[1] * v[2] - q[2] * v[1];
    u[1] = q[2] * v[0] - q[0] * v[2];
    u[2] = q[0] * v[1] - q[1] * v[0];
    t[0] = q[1] * u[2] - q[2] * u[1];
    t[1] = q[2] * u[0] - q[0] * u[2];
    t[2] = q[0] * u[1] - q[1] * u[0];
    for (int i = 0; i < 3; i++) out[i] = v[i] + 2 * (w * u[i] + t[i]);
}

/* d: batch, frames, joints, nfeats; x, mean, std */
void recover_joints_reference(const struct op_case *c, double *const *in, double *out, double *extra)
{
    (void)extra;
    int frames = c->d[1], joints = c->d[2], nfeats = c->d[3];
    for (int b = 0; b < c->d[0]; b++) {
        double angle = 0, root[3] = {0}, step[3];
#define FEATURE(t, j) (AT(in[0], nfeats, b * frames + (t), j) * in[2][j] + in[1][j])
        for (int t = 0; t < frames; t++) {
            if (t > 0) {
                angle += FEATURE(t - 1, 0);
                double move[3] = {FEATURE(t - 1, 1), 0, FEATURE(t - 1, 2)};
                unturn(angle, move, step);
                for (int i = 0; i < 3; i++) root[i] += step[i];
            }
            double *p = out + (size_t)(b * frames + t) * (size_t)(3 * joints);
            p[0] = root[0];
            p[1] = FEATURE(t, 3);
            p[2] = root[2];
            for (int j = 1; j < joints; j++) {
                double local[3] = {FEATURE(t, 3 * j + 1), FEATURE(t, 3 * j + 2), FEATURE(t, 3 * j + 3)};
                unturn(angle, local, p + 3 * j);
                p[3 * j] += root[0];
                p[3 * j + 2] += root[2];
            }
        }
#undef FEATURE
    }
}

/* d: rows, width, kind */
void loss_reference(const struct op_case *c, double *const *in, double *out, double *extra)
{
    (void)extra;
    double total = 0, huber = (double)0.3f;
    for (int i = 0; i < c->d[0]; i++)
        for (int j = 0; j < c->d[1]; j++) {
            double a = AT(in[0], c->d[1], i, j) - AT(in[1], c->d[1], i, j), e = 0;
            switch (c->d[2]) {
            case LOSS_L1: e = fabs(a); break;
            case LOSS_L2: e = a * a; break;
            case LOSS_SMOOTH_L1: e = fabs(a) < 1 ? 0.5 * a * a : fabs(a) - 0.5; break;
            case LOSS_PSEUDO_HUBER: e = sqrt(a * a + huber * huber) - huber; break;
            default: break;
            }
            total += (double)op_factor(i) * e;
        }
    *out = total;
}

void kl_reference(const struct op_case *c, double *const *in, double *out, double *extra)
{
    (void)extra;
    double total = 0;
    for (int i = 0; i < c->d[0] * c->d[1]; i++)
        total += 0.5 * (exp(in[1][i]) + in[0][i] * in[0][i] - 1 - in[1][i]);
    *out = (double)0.7f * total;
}

void abs_loss_reference(const struct op_case *c, double *const *in, double *out, double *extra)
{
    (void)extra;
    double total = 0;
    for (int i = 0; i < c->d[0] * c->d[1]; i++) total += fabs(in[0][i]);
    *out = (double)0.7f * total;
}
