/* The families of operations, and the table of cases at the end. */
#include "op_cases.h"
#include <math.h>
#include <stdlib.h>

#define INPUTS(name) static int name##_inputs(const struct op_case *c, struct op_input in[OP_INPUTS])
#define RUN(name)                                                                                             \
    static void name##_run(struct tape *t, const struct op_case *c, struct tensor **in, struct param **params, \
                           struct op_result *r)
#define WORK(name) static double name##_work(const struct op_case *c)
#define UNUSED (void)c, (void)in, (void)params, (void)t

static struct op_input matrix(int rows, int cols) { return (struct op_input){.rank = 2, .dims = {rows, cols, 1}}; }
static struct op_input vector(int count) { return matrix(1, count); }
static struct op_input fixed(int rows, int cols)
{
    return (struct op_input){.rank = 2, .dims = {rows, cols, 1}, .constant = 1};
}
static struct op_input parameter(int rank, int d0, int d1, int d2)
{
    return (struct op_input){.rank = rank, .dims = {d0, d1, d2}, .param = 1};
}

/* --- products -------------------------------------------------------------------- */

INPUTS(linear)
{
    in[0] = matrix(c->d[0], c->d[1]);
    in[1] = matrix(c->d[2], c->d[1]);
    if (c->d[4]) in[2] = vector(c->d[2]);
    return c->d[4] ? 3 : 2;
}
RUN(linear)
{
    UNUSED;
    r->out = op_linear(t, in[0], in[1], c->d[4] ? in[2] : NULL, (enum activation)c->d[3]);
}
WORK(linear) { return 2.0 * c->d[0] * c->d[1] * c->d[2]; }

INPUTS(linear_pair)
{
    in[0] = matrix(c->d[0], c->d[1]);
    in[1] = matrix(c->d[0], c->d[2]);
    in[2] = matrix(c->d[3], c->d[1] + c->d[2]);
    if (c->d[4]) in[3] = vector(c->d[3]);
    return c->d[4] ? 4 : 3;
}
RUN(linear_pair)
{
    UNUSED;
    r->out = op_linear_pair(t, in[0], in[1], in[2], c->d[4] ? in[3] : NULL);
}
WORK(linear_pair) { return 2.0 * c->d[0] * (c->d[1] + c->d[2]) * c->d[3]; }

/* --- element by element ------------------------------------------------------------ */

INPUTS(one)
{
    in[0] = matrix(c->d[0], c->d[1]);
    return 1;
}
INPUTS(two)
{
    in[0] = in[1] = matrix(c->d[0], c->d[1]);
    return 2;
}
WORK(one) { return 8.0 * c->d[0] * c->d[1]; }
WORK(two) { return 12.0 * c->d[0] * c->d[1]; }

RUN(activate) { UNUSED; r->out = op_activate(t, in[0], (enum activation)c->d[2]); }
RUN(dropout) { UNUSED; r->out = op_dropout(t, in[0]); }
RUN(add) { UNUSED; r->out = op_add(t, in[0], in[1]); }
RUN(add_itself) { UNUSED; r->out = op_add(t, in[0], in[0]); }
RUN(scale) { UNUSED; r->out = op_scale(t, in[0], -0.75f); }
RUN(multiply) { UNUSED; r->out = op_multiply(t, in[0], in[1]); }

static const float *factors(struct tape *t, int rows, int shift)
{
    float *host = malloc((size_t)rows * sizeof *host);
    for (int i = 0; i < rows; i++) host[i] = op_factor(i + shift);
    struct tensor *f = tape_constant(t, host, rows, 1);
    free(host);
    return f ? f->x : NULL;
}
RUN(combine_rows)
{
    UNUSED;
    r->out = op_combine_rows(t, factors(t, c->d[0], 0), in[0], factors(t, c->d[0], 1), in[1]);
}
RUN(mask_rows) { UNUSED; r->out = op_mask_rows(t, in[0], factors(t, c->d[0], 0)); }

INPUTS(layernorm)
{
    in[0] = in[3] = matrix(c->d[0], c->d[1]);
    in[1] = in[2] = vector(c->d[1]);
    return c->d[2] ? 4 : 3;
}
RUN(layernorm) { UNUSED; r->out = op_add_layernorm(t, in[0], c->d[2] ? in[3] : NULL, in[1], in[2], 1e-5f); }
WORK(layernorm) { return 4.0 * (c->d[2] ? 3 : 2) * c->d[0] * c->d[1]; }

/* --- attention ---------------------------------------------------------------------- */

static const float *attention_mask(struct tape *t, const struct op_case *c, int kind, int batch, int keys)
{
    if (!kind) return NULL;
    float *host = malloc((size_t)(batch * keys) * sizeof *host);
    for (int b = 0; b < batch; b++)
        for (int j = 0; j < keys; j++) host[b * keys + j] = op_mask(c, kind, b, j, keys);
    struct tensor *mask = tape_constant(t, host, batch, keys);
    free(host);
    return mask ? mask->x : NULL;
}
INPUTS(self_attention)
{
    in[0] = matrix(c->d[0] * c->d[1], 3 * c->d[2] * c->d[3]);
    return 1;
}
RUN(self_attention)
{
    UNUSED;
    r->out = op_self_attention(t, in[0], c->d[0], c->d[2], attention_mask(t, c, c->d[4], c->d[0], c->d[1]));
}
WORK(self_attention) { return 4.0 * c->d[0] * c->d[1] * c->d[1] * c->d[2] * c->d[3]; }

INPUTS(cross_attention)
{
    in[0] = matrix(c->d[0] * c->d[1], c->d[3] * c->d[4]);
    in[1] = matrix(c->d[0] * c->d[2], 2 * c->d[3] * c->d[4]);
    return 2;
}
RUN(cross_attention)
{
    UNUSED;
    r->out = op_cross_attention(t, in[0], in[1], c->d[0], c->d[3], attention_mask(t, c, c->d[5], c->d[0], c->d[2]));
}
WORK(cross_attention) { return 4.0 * c->d[0] * c->d[1] * c->d[2] * c->d[3] * c->d[4]; }

/* --- moves ---------------------------------------------------------------------------- */

INPUTS(concat)
{
    in[0] = matrix(c->d[0] * c->d[1], c->d[4]);
    in[1] = matrix(c->d[2], c->d[4]);
    in[2] = matrix(c->d[0] * c->d[3], c->d[4]);
    return 3;
}
RUN(concat) { UNUSED; r->out = op_concat(t, in, c->d + 1, 3, c->d[0]); }
WORK(concat) { return 8.0 * c->d[0] * (c->d[1] + c->d[2] + c->d[3]) * c->d[4]; }

INPUTS(slice)
{
    in[0] = matrix(c->d[0] * c->d[1], c->d[2]);
    return 1;
}
RUN(slice) { UNUSED; r->out = op_slice(t, in[0], c->d[0], c->d[3], c->d[4]); }
WORK(slice) { return 8.0 * c->d[0] * c->d[4] * c->d[2]; }

RUN(columns) { UNUSED; r->out = op_columns(t, in[0], c->d[2], c->d[3]); }
WORK(columns) { return 8.0 * c->d[0] * c->d[3]; }

INPUTS(add_positions)
{
    in[0] = matrix(c->d[0] * c->d[1], c->d[2]);
    in[1] = matrix(c->d[3], c->d[2]);
    return 2;
}
RUN(add_positions) { UNUSED; r->out = op_add_positions(t, in[0], in[1], c->d[0]); }
WORK(add_positions) { return 12.0 * c->d[0] * c->d[1] * c->d[2]; }

RUN(gather)
{
    UNUSED;
    r->memory = malloc((size_t)c->d[2] * sizeof *r->memory);
    for (int i = 0; i < c->d[2]; i++) r->memory[i] = op_index(i, c->d[0]);
    r->out = op_gather(t, in[0], r->memory, c->d[2]);
}
WORK(gather) { return 8.0 * c->d[2] * c->d[1]; }

RUN(views)
{
    UNUSED;
    int n = (c->d[0] - 1) * c->d[1];
    struct tensor *tail = tape_reshape(t, tape_rows(t, in[0], 1, c->d[0] - 1), n, 1);
    struct tensor *head = tape_reshape(t, tape_rows(t, in[0], 0, c->d[0] - 1), n, 1);
    r->out = op_add(t, op_multiply(t, tail, tail), head);
}

INPUTS(param_rows)
{
    in[0] = matrix(c->d[4], c->d[1]);
    in[1] = parameter(2, c->d[0], c->d[1], 1);
    return 2;
}
RUN(param_rows) { UNUSED; r->out = op_linear(t, in[0], tape_param(t, params[1], c->d[2], c->d[3]), NULL, ACT_NONE); }
WORK(param_rows) { return 2.0 * c->d[4] * c->d[1] * c->d[3]; }

/* --- sequences --------------------------------------------------------------------------- */

INPUTS(conv1d)
{
    in[0] = matrix(c->d[0] * c->d[1], c->d[2]);
    in[1] = parameter(3, c->d[3], c->d[2], c->d[4]);
    in[2] = parameter(1, c->d[3], 1, 1);
    return 3;
}
RUN(conv1d) { UNUSED; r->out = op_conv1d(t, in[0], params[1], params[2], c->d[0], c->d[5], c->d[6]); }
WORK(conv1d)
{
    int t_out = (c->d[1] + 2 * c->d[6] - c->d[4]) / c->d[5] + 1;
    return 2.0 * c->d[0] * t_out * c->d[2] * c->d[3] * c->d[4];
}
INPUTS(conv_transpose1d)
{
    in[0] = matrix(c->d[0] * c->d[1], c->d[2]);
    in[1] = parameter(3, c->d[2], c->d[3], c->d[4]);
    in[2] = parameter(1, c->d[3], 1, 1);
    return 3;
}
RUN(conv_transpose1d)
{
    UNUSED;
    r->out = op_conv_transpose1d(t, in[0], params[1], params[2], c->d[0], c->d[5], c->d[6]);
}
WORK(conv_transpose1d) { return 2.0 * c->d[0] * c->d[1] * c->d[2] * c->d[3] * c->d[4]; }

/* Weights of the size that networks have: with those of a normal distribution a step multiplies a disturbance of the
 * state, and of 65 states after 6 steps the true gradient of h0 moves by 3e-5 when the inputs are rounded to float (that
 * of differences is off by 1e-9), which no device in float can beat. */
INPUTS(gru)
{
    int n = c->d[2], h = c->d[3];
    in[0] = matrix(c->d[0] * c->d[1], n);
    in[1] = vector(h);
    in[2] = matrix(3 * h, n);
    in[3] = matrix(3 * h, h);
    in[2].scale = 1 / sqrt(n);
    in[3].scale = 1 / sqrt(h);
    in[4] = in[5] = vector(3 * h);
    return 6;
}
RUN(gru)
{
    UNUSED;
    int lengths[256];
    for (int b = 0; b < c->d[0]; b++) lengths[b] = op_length(b, c->d[1], c->d[5]);
    r->out = op_gru(t, in[0], in[1], in[2], in[3], in[4], in[5], lengths, c->d[0], c->d[4], &r->extra);
}
WORK(gru) { return 6.0 * c->d[0] * c->d[1] * c->d[3] * (c->d[2] + c->d[3]); }

INPUTS(reparameterise)
{
    in[0] = in[1] = matrix(c->d[0], c->d[1]);
    in[2] = fixed(c->d[0], c->d[1]);
    return 3;
}
RUN(reparameterise) { UNUSED; r->out = op_reparameterise(t, in[0], in[1], in[2]); }

INPUTS(recover_joints)
{
    in[0] = matrix(c->d[0] * c->d[1], c->d[3]);
    in[1] = in[2] = fixed(1, c->d[3]);
    return 3;
}
RUN(recover_joints) { UNUSED; r->out = op_recover_joints(t, in[0], in[1], in[2], c->d[0], c->d[2]); }
WORK(recover_joints) { return 4.0 * c->d[0] * c->d[1] * (c->d[3] + 3 * c->d[2]); }

/* --- losses --------------------------------------------------------------------------------- */

INPUTS(loss)
{
    in[0] = matrix(c->d[0], c->d[1]);
    in[1] = fixed(c->d[0], c->d[1]);
    in[0].zero = in[1].zero = 1;
    return 2;
}
INPUTS(abs_loss)
{
    in[0] = matrix(c->d[0], c->d[1]);
    in[0].zero = 1;
    return 1;
}
RUN(loss)
{
    UNUSED;
    r->value = op_loss(t, in[0], in[1], factors(t, c->d[0], 0), (enum element_loss)c->d[2], 0.3f);
}
RUN(kl) { UNUSED; r->value = op_kl(t, in[0], in[1], 0.7f); }
RUN(abs_loss) { UNUSED; r->value = op_abs(t, in[0], 0.7f); }

#define FAMILY(op, inputs_of, work_of, in_bytes, fresh)                                              \
    static const struct op_family op = {#op, inputs_of##_inputs, op##_run, op##_reference, work_of##_work, \
                                        in_bytes, fresh}
FAMILY(linear, linear, linear, 0, 0);
FAMILY(linear_pair, linear_pair, linear_pair, 0, 0);
FAMILY(activate, one, one, 1, 0);
FAMILY(dropout, one, one, 1, 0);
FAMILY(layernorm, layernorm, layernorm, 1, 0);
FAMILY(self_attention, self_attention, self_attention, 0, 1);
FAMILY(cross_attention, cross_attention, cross_attention, 0, 1);
FAMILY(add, two, two, 1, 0);
FAMILY(add_itself, one, two, 1, 0);
FAMILY(scale, one, one, 1, 0);
FAMILY(multiply, two, two, 1, 0);
FAMILY(combine_rows, two, two, 1, 0);
FAMILY(mask_rows, one, one, 1, 0);
FAMILY(concat, concat, concat, 1, 0);
FAMILY(slice, slice, slice, 1, 0);
FAMILY(columns, one, columns, 1, 0);
FAMILY(add_positions, add_positions, add_positions, 1, 0);
FAMILY(gather, one, gather, 1, 0);
FAMILY(views, one, two, 1, 0);
FAMILY(param_rows, param_rows, param_rows, 0, 0);
FAMILY(conv1d, conv1d, conv1d, 0, 0);
FAMILY(conv_transpose1d, conv_transpose1d, conv_transpose1d, 0, 0);
FAMILY(gru, gru, gru, 0, 0);
FAMILY(reparameterise, reparameterise, two, 1, 0);
FAMILY(recover_joints, recover_joints, recover_joints, 1, 0);
FAMILY(loss, loss, one, 1, 0);
FAMILY(kl, two, one, 1, 0);
FAMILY(abs_loss, abs_loss, one, 1, 0);

/* family, shape, dimensions, dropout, bound of the NMSE, bound of the gradient */
const struct op_case op_cases[] = {
    {&linear, "1x1 by 1x1", {1, 1, 1, ACT_NONE, 1}, 0, 1e-13, 1e-6},
    {&linear, "1x768 by 256x768", {1, 768, 256, ACT_NONE, 1}, 0, 1e-12, 3e-6},
    {&linear, "7x37 by 13x37, no bias", {7, 37, 13, ACT_NONE, 0}, 0, 1e-12, 3e-6},
    {&linear, "5x16 by 66x16, gelu", {5, 16, 66, ACT_GELU, 1}, 0, 1e-12, 3e-6},
    {&linear, "12x63 by 65x63, silu", {12, 63, 65, ACT_SILU, 1}, 0, 1e-12, 3e-6},
    {&linear, "13x31 by 129x31, relu", {13, 31, 129, ACT_RELU, 1}, 0, 1e-12, 3e-6},
    {&linear, "96x48 by 33x48, leaky", {96, 48, 33, ACT_LEAKY, 1}, 0, 1e-12, 3e-6},
    {&linear, "97x48 by 33x48, gelu", {97, 48, 33, ACT_GELU, 1}, 0, 1e-12, 3e-6},
    {&linear, "301x65 by 257x65", {301, 65, 257, ACT_NONE, 1}, 0, 1e-12, 3e-6},
    {&linear, "200x256 by 256x256, gelu, no bias", {200, 256, 256, ACT_GELU, 0}, 0, 1e-12, 3e-6},
    {&linear_pair, "1x3+5 by 7", {1, 3, 5, 7, 1}, 0, 1e-12, 3e-6},
    {&linear_pair, "11x24+24 by 24", {11, 24, 24, 24, 1}, 0, 1e-12, 3e-6},
    {&linear_pair, "130x33+20 by 65, no bias", {130, 33, 20, 65, 0}, 0, 1e-12, 3e-6},
    {&activate, "1x1 gelu", {1, 1, ACT_GELU}, 0, 1e-11, 1e-5},
    {&activate, "37x1001 gelu", {37, 1001, ACT_GELU}, 0, 1e-12, 3e-6},
    {&activate, "3x333 relu", {3, 333, ACT_RELU}, 0, 1e-14, 1e-6},
    {&activate, "37x1001 silu", {37, 1001, ACT_SILU}, 0, 1e-12, 3e-6},
    {&activate, "3x333 leaky", {3, 333, ACT_LEAKY}, 0, 1e-13, 1e-6},
    {&dropout, "1x5", {1, 5}, 0.5f, 1e-13, 1e-6},
    {&dropout, "3x129", {3, 129}, 0.1f, 1e-13, 1e-6},
    {&dropout, "40x1001", {40, 1001}, 0.1f, 1e-13, 1e-6},
    {&dropout, "2x3, none", {2, 3}, 0, 1e-15, 1e-7},
    {&layernorm, "1x7", {1, 7, 0}, 0, 1e-12, 1e-5},
    {&layernorm, "5x24, residual", {5, 24, 1}, 0, 1e-12, 1e-5},
    {&layernorm, "33x65, residual, dropout", {33, 65, 1}, 0.1f, 1e-12, 1e-5},
    {&layernorm, "130x256, residual, dropout", {130, 256, 1}, 0.1f, 1e-12, 1e-5},
    {&layernorm, "3x263", {3, 263, 0}, 0, 1e-12, 1e-5},
    {&self_attention, "1x1, 1 head of 1", {1, 1, 1, 1, 0}, 0, 1e-12, 1e-5},
    {&self_attention, "2x7, 4 heads of 6", {2, 7, 4, 6, 0}, 0, 1e-12, 1e-5},
    {&self_attention, "3x33, 2 heads of 13, lengths", {3, 33, 2, 13, 1}, 0, 1e-12, 1e-5},
    {&self_attention, "3x5, 2 heads of 8, one all hidden", {3, 5, 2, 8, 2}, 0, 1e-12, 1e-5},
    {&self_attention, "3x41, 3 heads of 16, lengths, dropout", {3, 41, 3, 16, 1}, 0.1f, 1e-12, 1e-5},
    {&self_attention, "4x65, 4 heads of 32, dropout", {4, 65, 4, 32, 0}, 0.2f, 1e-12, 1e-5},
    {&cross_attention, "1x1 on 1, 2 heads of 3", {1, 1, 1, 2, 3, 0}, 0, 1e-12, 1e-5},
    {&cross_attention, "2x60 on 4, 4 heads of 6", {2, 60, 4, 4, 6, 0}, 0, 1e-12, 1e-5},
    {&cross_attention, "3x49 on 27, 2 heads of 24, lengths, dropout", {3, 49, 27, 2, 24, 1}, 0.1f, 1e-12, 1e-5},
    {&cross_attention, "2x9 on 1, 4 heads of 6, dropout", {2, 9, 1, 4, 6, 0}, 0.3f, 1e-12, 1e-5},
    {&add, "1x1", {1, 1}, 0, 1e-13, 1e-6},
    {&add, "37x1001", {37, 1001}, 0, 1e-13, 1e-6},
    {&add_itself, "5x13", {5, 13}, 0, 1e-13, 1e-6},
    {&scale, "37x1001", {37, 1001}, 0, 1e-13, 1e-6},
    {&multiply, "37x1001", {37, 1001}, 0, 1e-13, 1e-6},
    {&combine_rows, "1x1", {1, 1}, 0, 1e-13, 1e-6},
    {&combine_rows, "101x33", {101, 33}, 0, 1e-13, 1e-6},
    {&mask_rows, "101x33", {101, 33}, 0, 1e-13, 1e-6},
    {&concat, "1 sample, 1+1+1 frames", {1, 1, 1, 1, 1}, 0, 1e-15, 1e-7},
    {&concat, "3 samples, 4+1+7 frames", {3, 4, 1, 7, 5}, 0, 1e-15, 1e-6},
    {&concat, "5 samples, 1+8+60 frames", {5, 1, 8, 60, 33}, 0, 1e-15, 1e-6},
    {&slice, "1 sample, 1 of 1", {1, 1, 3, 0, 1}, 0, 1e-15, 1e-7},
    {&slice, "5 samples, 4 of 69", {5, 69, 33, 4, 4}, 0, 1e-15, 1e-6},
    {&columns, "11x17, 5 from 12", {11, 17, 12, 5}, 0, 1e-15, 1e-6},
    {&columns, "60x263, 63 from 4", {60, 263, 4, 63}, 0, 1e-15, 1e-6},
    {&add_positions, "1x1", {1, 1, 5, 1}, 0, 1e-13, 1e-6},
    {&add_positions, "4x23 of 64", {4, 23, 33, 64}, 0, 1e-13, 1e-6},
    {&gather, "1 of 1", {1, 3, 1}, 0, 1e-15, 1e-7},
    {&gather, "40 of 7, with repeats", {7, 19, 40}, 0, 1e-15, 1e-6},
    {&views, "2x1", {2, 1}, 0, 1e-13, 1e-6},
    {&views, "9x7", {9, 7}, 0, 1e-13, 1e-6},
    {&param_rows, "rows 5+6 of 16x11", {16, 11, 5, 6, 3}, 0, 1e-12, 3e-6},
    {&conv1d, "1x1, 1 to 1, kernel 1", {1, 1, 1, 1, 1, 1, 0}, 0, 1e-13, 1e-6},
    {&conv1d, "2x9, 5 to 7, kernel 4 step 2 pad 1", {2, 9, 5, 7, 4, 2, 1}, 0, 1e-12, 3e-6},
    {&conv1d, "3x40, 259 to 64, kernel 4 step 2 pad 1", {3, 40, 259, 64, 4, 2, 1}, 0, 1e-12, 3e-6},
    {&conv1d, "2x61, 24 to 24, kernel 3 step 1 pad 1", {2, 61, 24, 24, 3, 1, 1}, 0, 1e-12, 3e-6},
    {&conv_transpose1d, "1x1, 1 to 1, kernel 4 step 2 pad 1", {1, 1, 1, 1, 4, 2, 1}, 0, 1e-12, 3e-6},
    {&conv_transpose1d, "2x5, 7 to 3, kernel 4 step 2 pad 1", {2, 5, 7, 3, 4, 2, 1}, 0, 1e-12, 3e-6},
    {&conv_transpose1d, "3x20, 64 to 37, kernel 4 step 2 pad 1", {3, 20, 64, 37, 4, 2, 1}, 0, 1e-12, 3e-6},
    {&gru, "1x1, 1 to 1", {1, 1, 1, 1, 0, 1}, 0, 1e-12, 3e-6},
    {&gru, "3x9, 5 to 7, lengths", {3, 9, 5, 7, 0, 0}, 0, 1e-12, 3e-6},
    {&gru, "3x9, 5 to 7, lengths, reverse", {3, 9, 5, 7, 1, 0}, 0, 1e-12, 3e-6},
    {&gru, "14x6, 33 to 65, lengths, reverse", {14, 6, 33, 65, 1, 0}, 0, 1e-12, 3e-6},
    {&reparameterise, "1x1", {1, 1}, 0, 1e-12, 3e-6},
    {&reparameterise, "8x33", {8, 33}, 0, 1e-12, 3e-6},
    {&recover_joints, "1x1, 1 joint", {1, 1, 1, 4}, 0, 1e-12, 1e-5},
    {&recover_joints, "2x13, 5 joints", {2, 13, 5, 26}, 0, 1e-11, 1e-5},
    {&recover_joints, "3x40, 22 joints", {3, 40, 22, 263}, 0, 1e-11, 1e-5},
    {&loss, "7x13, L1", {7, 13, LOSS_L1}, 0, 1e-12, 1e-6},
    {&loss, "7x13, L2", {7, 13, LOSS_L2}, 0, 1e-12, 1e-6},
    {&loss, "120x263, smooth L1", {120, 263, LOSS_SMOOTH_L1}, 0, 1e-12, 3e-6},
    {&loss, "33x16, pseudo-Huber", {33, 16, LOSS_PSEUDO_HUBER}, 0, 1e-12, 3e-6},
    {&kl, "1x1", {1, 1}, 0, 1e-11, 1e-5},
    {&kl, "8x33", {8, 33}, 0, 1e-12, 3e-6},
    {&abs_loss, "8x33", {8, 33}, 0, 1e-12, 1e-6},
    {&linear, "13x48 by 33x48, gelu by tanh", {13, 48, 33, ACT_GELU_TANH, 1}, 0, 1e-12, 3e-6},
    {&linear, "13x48 by 33x48, quick gelu", {13, 48, 33, ACT_QUICK_GELU, 1}, 0, 1e-12, 3e-6},
    {&linear, "13x48 by 33x48, tanh", {13, 48, 33, ACT_TANH, 1}, 0, 1e-12, 3e-6},
    {&activate, "7x333 gelu by tanh", {7, 333, ACT_GELU_TANH}, 0, 1e-12, 3e-6},
    {&activate, "7x333 quick gelu", {7, 333, ACT_QUICK_GELU}, 0, 1e-12, 3e-6},
    {&activate, "7x333 tanh", {7, 333, ACT_TANH}, 0, 1e-12, 3e-6},
    {&linear, "20x17 by 13x17, silu, no bias", {20, 17, 13, ACT_SILU, 0}, 0, 1e-12, 3e-6},
    {&dropout, "1x129: one element in its last group", {1, 129}, 0.1f, 1e-13, 1e-6},
    {&gather, "9 of 5, 300 wide", {5, 300, 9}, 0, 1e-15, 1e-6},
    {&recover_joints, "1x520, 3 joints", {1, 520, 3, 12}, 0, 1e-11, 1e-5},
};
const int op_case_count = (int)(sizeof op_cases / sizeof *op_cases);

/* A batch of 128 clips of 196 frames in the VAE at the published size; 64 captions in the denoiser; one sentence. */
const struct op_case op_speed_cases[] = {
    {&linear, "25088x263 by 256x263", {25088, 263, 256, ACT_NONE, 1}, 0, 0, 0},
    {&linear, "25088x256 by 768x256", {25088, 256, 768, ACT_NONE, 1}, 0, 0, 0},
    {&linear, "25088x256 by 256x256", {25088, 256, 256, ACT_NONE, 1}, 0, 0, 0},
    {&linear, "25088x256 by 1024x256, gelu", {25088, 256, 1024, ACT_GELU, 1}, 0, 0, 0},
    {&linear, "25088x1024 by 256x1024", {25088, 1024, 256, ACT_NONE, 1}, 0, 0, 0},
    {&linear_pair, "25088x256+256 by 256", {25088, 256, 256, 256, 1}, 0, 0, 0},
    {&linear, "4096x4096 by 4096x4096, no bias", {4096, 4096, 4096, ACT_NONE, 0}, 0, 0, 0},
    {&linear, "196x256 by 1024x256, gelu", {196, 256, 1024, ACT_GELU, 1}, 0, 0, 0},
    {&linear, "256x256 by 1024x256, gelu", {256, 256, 1024, ACT_GELU, 1}, 0, 0, 0},
    {&linear, "3x256 by 768x256", {3, 256, 768, ACT_NONE, 1}, 0, 0, 0},
    {&linear, "3x256 by 1024x256, gelu", {3, 256, 1024, ACT_GELU, 1}, 0, 0, 0},
    {&linear, "3x1024 by 256x1024", {3, 1024, 256, ACT_NONE, 1}, 0, 0, 0},
    {&linear, "12x1024 by 4096x1024", {12, 1024, 4096, ACT_NONE, 1}, 0, 0, 0},
    {&self_attention, "128x196, 4 heads of 64, lengths, dropout", {128, 196, 4, 64, 1}, 0.1f, 0, 0},
    {&self_attention, "128x198, 4 heads of 64, lengths, dropout", {128, 198, 4, 64, 1}, 0.1f, 0, 0},
    {&self_attention, "32x196, 4 heads of 64, lengths", {32, 196, 4, 64, 1}, 0, 0, 0},
    {&self_attention, "8x196, 4 heads of 64, lengths", {8, 196, 4, 64, 1}, 0, 0, 0},
    {&self_attention, "1x196, 4 heads of 64", {1, 196, 4, 64, 0}, 0, 0, 0},
    {&self_attention, "64x4, 4 heads of 64, dropout", {64, 4, 4, 64, 0}, 0.1f, 0, 0},
    {&self_attention, "1x3, 4 heads of 64", {1, 3, 4, 64, 0}, 0, 0, 0},
    {&self_attention, "1x80, 12 heads of 64", {1, 80, 12, 64, 0}, 0, 0, 0},
    {&cross_attention, "128x196 on 1, 4 heads of 64, dropout", {128, 196, 1, 4, 64, 0}, 0.1f, 0, 0},
    {&layernorm, "25088x256, residual, dropout", {25088, 256, 1}, 0.1f, 0, 0},
    {&layernorm, "25088x256", {25088, 256, 0}, 0, 0, 0},
    {&layernorm, "3x256, residual", {3, 256, 1}, 0, 0, 0},
    {&dropout, "25088x1024", {25088, 1024}, 0.1f, 0, 0},
    {&activate, "25088x1024 gelu", {25088, 1024, ACT_GELU}, 0, 0, 0},
    {&add, "25088x256", {25088, 256}, 0, 0, 0},
    {&concat, "128 samples, 1+1+196 frames", {128, 1, 1, 196, 256}, 0, 0, 0},
    {&add_positions, "128x198 of 500", {128, 198, 256, 500}, 0, 0, 0},
    {&gather, "2048 of 5000", {5000, 256, 2048}, 0, 0, 0},
    {&conv1d, "32x196, 259 to 512, kernel 4 step 2 pad 1", {32, 196, 259, 512, 4, 2, 1}, 0, 0, 0},
    {&gru, "32x49, 512 to 1024, lengths", {32, 49, 512, 1024, 0, 0}, 0, 0, 0},
    {&recover_joints, "128x196, 22 joints", {128, 196, 22, 263}, 0, 0, 0},
    {&loss, "25088x263, smooth L1", {25088, 263, LOSS_SMOOTH_L1}, 0, 0, 0},
    {&kl, "128x256", {128, 256}, 0, 0, 0},
};
const int op_speed_case_count = (int)(sizeof op_speed_cases / sizeof *op_speed_cases);
