/* A whole stack of transformer layers on the CPU in one parallel region.
 *
 * Many rows (a motion's frames): each thread owns a range of rows and takes them through
 * everything; only keys and values are shared, one barrier a layer. Few rows (a denoiser's
 * tokens): the time goes into reading weights once, so the threads share each matrix's
 * panels and keep the rows themselves, all of them, each for itself. Either way a row's
 * numbers come from the same sums, so results do not depend on how rows are dealt.
 *
 * Samples of unequal lengths lie one behind the other without their padding: row numbers
 * in here are those of the rows that are computed, `begins` says where a sample's are. */
#include "cpu_attend.h"
#include "cpu_math.h"
#include "transformer.h"
#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

/* PART_ROWS: samples are taken through the stack as many at a time as give a thread about so many rows, whose
 * activations stay in its second cache. */
enum { FEW_ROWS = 48, PART_ROWS = 200 };

/* A matrix in scratch memory; rows ld floats apart. */
struct rows {
    float *x;
    size_t ld;
};

/* What the threads share, then what each has of its own; `taken` counts floats while they are laid out. */
struct shared {
    struct rows qkv[2], attended, joined, hidden, part;
    float *keys[2];                 /* (batch, heads) panels of keys */
    size_t keys_stride;
    int failed;
};
struct own {
    struct rows x, part, attended, hidden, query, stack;
    float *words, *scratch;
    struct row_scale *scale;
    int r0, n;                      /* rows it carries */
};
struct job {
    const struct transformer *s;
    const struct transformer_run *run;
    int first, batch;               /* the samples of this part */
    int rows, few, head;            /* head: width of one */
    int *begins;                    /* of samples first … first + batch: the first row of each; then the end */
    struct shared shared;
};
struct worker {
    struct job *job;
    struct own own;
    int me, team;
};

/* Where a row lies: its sample and its place in it. */
struct place {
    int sample, at, left;           /* left: rows of the sample from this one on */
};

static struct place place_of(const struct job *j, int row)
{
    int low = j->first, high = j->first + j->batch;
    while (high - low > 1) {
        int middle = (low + high) / 2;
        if (j->begins[middle] <= row) low = middle;
        else high = middle;
    }
    return (struct place){low, row - j->begins[low], j->begins[low + 1] - row};
}

/* The mask, where it says more than the lengths do. */
static const float *seen(const struct transformer_run *run) { return run->lengths ? NULL : run->mask; }

static int length_of(const struct job *j, int sample) { return j->begins[sample + 1] - j->begins[sample]; }

/* What the worker's row i belongs to, and how many of its rows from there on are of one sample. */
static struct place own_place(const struct worker *k, int i)
{
    struct place p = place_of(k->job, k->own.r0 + i);
    if (p.left > k->own.n - i) p.left = k->own.n - i;
    return p;
}

static struct rows take(float *base, size_t *taken, int rows, int cols)
{
    struct rows r = {base ? base + *taken : NULL, packed_stride(cols)};
    *taken += (size_t)rows * r.ld;
    return r;
}

static size_t lay_out_shared(struct job *j, float *base)
{
    struct shared *h = &j->shared;
    const struct transformer *s = j->s;
    size_t taken = 0;
    h->qkv[0] = take(base, &taken, j->rows, 3 * s->width);
    if (j->few) {
        h->attended = take(base, &taken, j->rows, s->width);
        h->joined = take(base, &taken, j->rows, s->width);
        h->part = take(base, &taken, j->rows, s->width);
        h->hidden = take(base, &taken, j->rows, s->feed_forward);
    } else {
        h->qkv[1] = take(base, &taken, j->rows, 3 * s->width);
        h->keys_stride = attend_keys_count(j->run->frames, j->head);
        for (int i = 0; i < 2; i++) {
            h->keys[i] = base ? base + taken : NULL;
            taken += (size_t)(j->batch * s->heads) * h->keys_stride;
        }
    }
    return taken;
}

static size_t lay_out_own(const struct job *j, struct own *o, int n, float *base)
{
    const struct transformer *s = j->s;
    size_t taken = 0;
    int most = j->run->tokens > j->run->frames ? j->run->tokens : j->run->frames;
    o->n = n;
    o->x = take(base, &taken, n, s->width);
    o->stack = take(base, &taken, n * (s->layers / 2), s->width);
    o->part = take(base, &taken, n, s->width);
    o->query = take(base, &taken, n, s->width);
    o->attended = take(base, &taken, n, s->width);
    if (!j->few) o->hidden = take(base, &taken, n, s->feed_forward);
    o->words = take(base, &taken, n, s->feed_forward > s->width ? s->feed_forward : s->width).x;
    o->scale = (struct row_scale *)(void *)(base ? base + taken : NULL);
    taken += (2 * (size_t)n + 15) / 16 * 16;
    o->scratch = base ? base + taken : NULL;
    return taken + attend_scratch_count(most, j->head);
}

/* --- pieces ------------------------------------------------------------------------------------- */

/* y = act(x·wᵀ + b) for n rows and this worker's share of the panels (all of them where rows are dealt). */
static void product(const struct worker *k, struct rows y, struct rows x, int n, const struct packed_layer *l, int column,
                    int ins, int add, int with_bias, enum activation act)
{
    struct packed w = l->weight;
    int panels = packed_panels(&w), few = k->job->few;
    int p0 = few ? panels * k->me / k->team : 0, p1 = few ? panels * (k->me + 1) / k->team : panels;
    w.column = column;
    w.ins = ins;
    if (p0 == p1 || n == 0) return;
    if (w.precision != PRECISION_FP32) {
        size_t ld = packed_stride(packed_words(&w));
        packed_inputs(k->own.words, ld, k->own.scale, x.x, x.ld, n, &w);
        x = (struct rows){k->own.words, ld};
    }
    packed_multiply(y.x, y.ld, x.x, x.ld, k->own.scale, &w, with_bias ? l->bias : NULL, n, p0, p1, add, act);
}

static void linear(const struct worker *k, struct rows y, struct rows x, int n, const struct packed_layer *l,
                   enum activation act)
{
    product(k, y, x, n, l, l->weight.column, l->weight.ins, 0, 1, act);
}

static void copy_rows(float *to, size_t ld_to, const float *from, size_t ld_from, int n, int width)
{
    for (int i = 0; i < n; i++) memcpy(to + (size_t)i * ld_to, from + (size_t)i * ld_from, (size_t)width * sizeof *to);
}

/* y = layernorm(x + r); r NULL: nothing is added */
static void norm_row(float *y, const float *x, const float *r, const struct norm_values *w, int c, float eps)
{
    float total = 0, squares = 0;
    if (r)
        for (int j = 0; j < c; j++) y[j] = x[j] + r[j];
    else if (y != x)
        memcpy(y, x, (size_t)c * sizeof *y);
#pragma omp simd reduction(+ : total)
    for (int j = 0; j < c; j++) total += y[j];
    float m = total / (float)c;
#pragma omp simd reduction(+ : squares)
    for (int j = 0; j < c; j++) squares += (y[j] - m) * (y[j] - m);
    float k = 1.0f / sqrtf(squares / (float)c + eps);
    for (int j = 0; j < c; j++) y[j] = (y[j] - m) * k * w->weight[j] + w->bias[j];
}

static void norm(const struct worker *k, struct rows r, const struct norm_values *w)
{
    const struct own *o = &k->own;
    for (int i = 0; i < o->n; i++) {
        float *x = o->x.x + (size_t)i * o->x.ld;
        norm_row(x, x, r.x ? r.x + (size_t)i * r.ld : NULL, w, k->job->s->width, k->job->s->eps);
    }
}

/* What the barrier is for: the others' part of a matrix. Where rows are dealt there is none. */
static void meet(const struct worker *k)
{
    if (k->team == 1) return;
#pragma omp barrier
}

/* Rows of queries [0, n) from row `at` of all rows on, cut at samples: attention over this sample's keys. */
static void attend_own(const struct worker *k, int buffer, struct rows out)
{
    const struct job *j = k->job;
    const struct transformer *s = j->s;
    int d = s->width, head = j->head;
    struct rows qkv = j->shared.qkv[buffer];
    const float *mask = seen(j->run);
    struct place p;
    for (int i = 0; i < k->own.n; i += p.left) {
        p = own_place(k, i);
        int b = p.sample, row = k->own.r0 + i;
        for (int h = 0; h < s->heads; h++) {
            struct attend a = {.out = out.x + (size_t)i * out.ld + h * head, .ldo = out.ld,
                               .q = qkv.x + (size_t)row * qkv.ld + h * head, .ldq = qkv.ld, .rows = p.left,
                               .keys = j->shared.keys[buffer] + (size_t)((b - j->first) * s->heads + h) * j->shared.keys_stride,
                               .v = qkv.x + (size_t)j->begins[b] * qkv.ld + 2 * d + h * head, .ldv = qkv.ld,
                               .count = length_of(j, b), .width = head, .scale = 1.0f / sqrtf((float)head),
                               .mask = mask ? mask + (size_t)b * (size_t)j->run->frames : NULL};
            attend_rows(&a, k->own.scratch);
        }
    }
}

/* (sample, head) pairs dealt among the workers; keys and values of this pair from rows of kv: `tokens` a sample,
 * or, 0, those of the sample itself. */
static void attend_pairs(const struct worker *k, struct rows out, struct rows q, const float *kv, size_t ldkv, int tokens,
                         const float *mask)
{
    const struct job *j = k->job;
    int heads = j->s->heads, head = j->head, pairs = j->batch * heads;
    for (int i = pairs * k->me / k->team; i < pairs * (k->me + 1) / k->team; i++) {
        int b = j->first + i / heads, h = i % heads, count = tokens ? tokens : length_of(j, b);
        size_t row = (size_t)j->begins[b];
        const float *keys = kv + (tokens ? (size_t)b * (size_t)tokens : row) * ldkv + h * head;
        float *panels = k->own.scratch;
        attend_pack_keys(panels, keys, ldkv, 0, count, head);
        struct attend a = {.out = out.x + row * out.ld + h * head, .ldo = out.ld, .q = q.x + row * q.ld + h * head,
                           .ldq = q.ld, .rows = length_of(j, b), .keys = panels, .v = keys + j->s->width, .ldv = ldkv,
                           .count = count, .width = head, .scale = 1.0f / sqrtf((float)head),
                           .mask = mask ? mask + (size_t)b * (size_t)j->run->frames : NULL};
        attend_rows(&a, k->own.scratch + attend_keys_count(count, head));
    }
}

/* --- layers ----------------------------------------------------------------------------------------- */

static void self_attention(const struct worker *k, const struct transformer_layer_packed *l, int buffer)
{
    const struct job *j = k->job;
    const struct transformer *s = j->s;
    const struct own *o = &k->own;
    if (j->few) {
        const struct shared *h = &j->shared;
        linear(k, h->qkv[0], o->x, o->n, &l->in, ACT_NONE);
        meet(k);
        attend_pairs(k, h->attended, h->qkv[0], h->qkv[0].x + s->width, h->qkv[0].ld, 0, seen(j->run));
        meet(k);
        linear(k, h->part, h->attended, o->n, &l->out, ACT_NONE);
        meet(k);
        norm(k, h->part, &l->norm[0]);
        return;
    }
    struct rows qkv = j->shared.qkv[buffer], mine = {qkv.x + (size_t)o->r0 * qkv.ld, qkv.ld};
    struct place p;
    linear(k, mine, o->x, o->n, &l->in, ACT_NONE);
    for (int i = 0; i < o->n; i += p.left) {
        p = own_place(k, i);
        for (int h = 0; h < s->heads; h++)
            attend_pack_keys(j->shared.keys[buffer] + (size_t)((p.sample - j->first) * s->heads + h) * j->shared.keys_stride,
                             mine.x + (size_t)i * qkv.ld + s->width + h * j->head, qkv.ld, p.at, p.left, j->head);
    }
    meet(k);
    attend_own(k, buffer, o->attended);
    linear(k, o->part, o->attended, o->n, &l->out, ACT_NONE);
    norm(k, o->part, &l->norm[0]);
}

static void cross_attention(const struct worker *k, const struct transformer_layer_packed *l, int layer)
{
    const struct job *j = k->job;
    const struct transformer *s = j->s;
    const struct own *o = &k->own;
    int tokens = j->run->tokens, d = s->width;
    struct place p;
    if (tokens == 1) {                     /* the same row for every frame of a sample */
        for (int i = 0; i < o->n; i += p.left) {
            p = own_place(k, i);
            const float *r = j->run->memory + ((size_t)p.sample * (size_t)s->layers + (size_t)layer) * (size_t)d;
            for (int n = 0; n < p.left; n++) {
                float *x = o->x.x + (size_t)(i + n) * o->x.ld;
                norm_row(x, x, r, &l->norm[1], d, s->eps);
            }
        }
        return;
    }
    size_t ldkv = (size_t)s->layers * 2 * (size_t)d;
    const float *kv = j->run->memory + (size_t)layer * 2 * (size_t)d;
    if (j->few) {
        const struct shared *h = &j->shared;
        linear(k, h->qkv[0], o->x, o->n, &l->query, ACT_NONE);
        meet(k);
        attend_pairs(k, h->attended, h->qkv[0], kv, ldkv, tokens, NULL);
        meet(k);
        linear(k, h->part, h->attended, o->n, &l->cross_out, ACT_NONE);
        meet(k);
        norm(k, h->part, &l->norm[1]);
        return;
    }
    linear(k, o->query, o->x, o->n, &l->query, ACT_NONE);
    for (int i = 0; i < o->n; i += p.left) {
        p = own_place(k, i);
        for (int h = 0; h < s->heads; h++) {
            const float *keys = kv + (size_t)(p.sample * tokens) * ldkv + h * j->head;
            attend_pack_keys(o->scratch, keys, ldkv, 0, tokens, j->head);
            struct attend a = {.out = o->attended.x + (size_t)i * o->attended.ld + h * j->head, .ldo = o->attended.ld,
                               .q = o->query.x + (size_t)i * o->query.ld + h * j->head, .ldq = o->query.ld, .rows = p.left,
                               .keys = o->scratch, .v = keys + d, .ldv = ldkv, .count = tokens, .width = j->head,
                               .scale = 1.0f / sqrtf((float)j->head)};
            attend_rows(&a, o->scratch + attend_keys_count(tokens, j->head));
        }
    }
    linear(k, o->part, o->attended, o->n, &l->cross_out, ACT_NONE);
    norm(k, o->part, &l->norm[1]);
}

static void feed_forward(const struct worker *k, const struct transformer_layer_packed *l)
{
    const struct job *j = k->job;
    const struct own *o = &k->own;
    struct rows hidden = j->few ? j->shared.hidden : o->hidden, part = j->few ? j->shared.part : o->part;
    linear(k, hidden, o->x, o->n, &l->linear1, ACT_GELU);
    if (j->few) meet(k);
    linear(k, part, hidden, o->n, &l->linear2, ACT_NONE);
    if (j->few) meet(k);
    norm(k, part, &l->norm[j->s->decoder ? 2 : 1]);
}

static void join(const struct worker *k, const struct transformer_layer_packed *l, struct rows mirror)
{
    const struct own *o = &k->own;
    int d = k->job->s->width;
    struct rows to = k->job->few ? k->job->shared.joined : o->part;
    product(k, to, o->x, o->n, &l->joint, 0, d, 0, 0, ACT_NONE);
    product(k, to, mirror, o->n, &l->joint, d, d, 1, 1, ACT_NONE);
    if (k->job->few) meet(k);
    copy_rows(o->x.x, o->x.ld, to.x, to.ld, o->n, d);
}

static void start_rows(const struct worker *k)
{
    const struct transformer_run *run = k->job->run;
    const struct own *o = &k->own;
    size_t d = (size_t)k->job->s->width, frames = (size_t)run->frames;
    struct place p;
    for (int i = 0; i < o->n; i += p.left) {
        p = own_place(k, i);
        const float *from = run->first ? run->first[p.sample] : run->x + (size_t)p.sample * frames * d;
        copy_rows(o->x.x + (size_t)i * o->x.ld, o->x.ld, from + (size_t)p.at * d, d, p.left, (int)d);
    }
}

/* Rows of the worker into the caller's (batch, frames, width), zeros behind a sample's last row. */
static void hand_over(const struct worker *k, float *to)
{
    const struct transformer_run *run = k->job->run;
    const struct own *o = &k->own;
    size_t d = (size_t)k->job->s->width;
    struct place p;
    for (int i = 0; i < o->n; i += p.left) {
        p = own_place(k, i);
        int length = length_of(k->job, p.sample);
        float *sample = to + (size_t)p.sample * (size_t)run->frames * d;
        copy_rows(sample + (size_t)p.at * d, d, o->x.x + (size_t)i * o->x.ld, o->x.ld, p.left, (int)d);
        if (p.at + p.left == length)
            memset(sample + (size_t)length * d, 0, (size_t)(run->frames - length) * d * sizeof *sample);
    }
}

static void add_residual(const struct worker *k, const float *more)
{
    const struct own *o = &k->own;
    size_t d = (size_t)k->job->s->width, frames = (size_t)k->job->run->frames;
    struct place p;
    for (int i = 0; i < o->n; i += p.left) {
        p = own_place(k, i);
        const float *from = more + ((size_t)p.sample * frames + (size_t)p.at) * d;
        for (int r = 0; r < p.left; r++, from += d) {
            float *x = o->x.x + (size_t)(i + r) * o->x.ld;
            for (size_t c = 0; c < d; c++) x[c] += from[c];
        }
    }
}

static void work(const struct worker *k)
{
    const struct transformer *s = k->job->s;
    const struct transformer_run *run = k->job->run;
    const struct own *o = &k->own;
    int half = s->layers / 2, d = s->width, writes = !k->job->few || k->me == 0;
    start_rows(k);
    for (int i = 0; i < s->layers; i++) {
        const struct transformer_layer_packed *l = &s->layer[i];
        struct rows mirror = {o->stack.x + (size_t)(i <= half ? i : s->layers - 1 - i) * (size_t)o->n * o->stack.ld, o->stack.ld};
        if (l->joint.weight.values) join(k, l, mirror);
        if (i > 0 || !run->first) self_attention(k, l, i & 1);
        if (s->decoder) cross_attention(k, l, i);
        feed_forward(k, l);
        if (run->residuals) add_residual(k, run->residuals[i]);
        if (run->outputs && writes) hand_over(k, run->outputs[i]);
        if (i < half) copy_rows(mirror.x, mirror.ld, o->x.x, o->x.ld, o->n, d);
    }
    if (s->norm.weight) norm(k, (struct rows){0}, &s->norm);
    if (writes) hand_over(k, run->y);
}

/* Samples [first, first + batch), the rows of which are counted in begins. */
static void run_part(struct device *d, const struct transformer *s, const struct transformer_run *run, int first, int batch, int *begins)
{
    struct job j = {.s = s, .run = run, .first = first, .batch = batch, .rows = begins[first + batch], .begins = begins,
                    .head = s->width / s->heads};
    struct own measure;
    j.few = j.rows <= FEW_ROWS;
    /* OpenMP may be told to give fewer threads than asked for: then each carries more rows */
    int limit = omp_get_thread_limit(), team = omp_get_dynamic() ? 1 : d->threads < limit ? d->threads : limit;
    int most = j.few ? j.rows : (j.rows + team - 1) / team;
    size_t shared = lay_out_shared(&j, NULL), own = lay_out_own(&j, &measure, most, NULL);
    float *memory = cpu_scratch(d, shared + own);
    if (!memory) return;
    lay_out_shared(&j, memory);
#pragma omp parallel num_threads(d->threads) if (d->threads > 1)
    {
        struct worker k = {.job = &j, .me = omp_get_thread_num(), .team = omp_get_num_threads()};
        float *mine = k.me == 0 ? memory + shared : cpu_scratch(d, own);
        int r0 = j.few ? 0 : j.rows * k.me / k.team, r1 = j.few ? j.rows : j.rows * (k.me + 1) / k.team;
        if (!mine || r1 - r0 > most) {
#pragma omp atomic write
            j.shared.failed = 1;
        }
        meet(&k);
        int failed;
#pragma omp atomic read
        failed = j.shared.failed;
        if (!failed) {
            lay_out_own(&j, &k.own, r1 - r0, mine);
            k.own.r0 = r0;
            work(&k);
        }
    }
    if (j.shared.failed) d->failed = 1;
}

void cpu_transformer(struct device *d, const struct transformer *s, const struct transformer_run *run)
{
    int *begins = malloc(((size_t)run->batch + 1) * sizeof *begins);
    if (!begins) {
        d->failed = 1;
        return;
    }
    for (int first = 0, next; first < run->batch; first = next) {
        begins[first] = 0;
        for (next = first; next < run->batch; next++) {
            int rows = begins[next] + (run->lengths ? run->lengths[next] : run->frames);
            if (next > first && rows > d->threads * PART_ROWS) break;
            begins[next + 1] = rows;
        }
        run_part(d, s, run, first, next - first, begins);
    }
    free(begins);
}
