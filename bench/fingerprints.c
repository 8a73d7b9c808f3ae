#include "fingerprints.h"
#include "json_read.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

unsigned metric_groups(const char *metric)
{
    static const struct {
        const char *begins;
        unsigned group;
    } table[] = {{"R_precision", GROUP_RETRIEVAL}, {"MM_dist", GROUP_DISTANCE}, {"FID", GROUP_DISTRIBUTION},
                 {"KID", GROUP_DISTRIBUTION}, {"Diversity", GROUP_DIVERSITY}, {"MultiModality", GROUP_MULTIMODALITY},
                 {"traj_", GROUP_CONTROL}, {"kps_", GROUP_CONTROL}, {"AITS", GROUP_TIME}, {"skating_ratio", GROUP_MOTION},
                 {"jitter", GROUP_MOTION}, {"foot_sliding", GROUP_MOTION}, {"floor_penetration", GROUP_MOTION},
                 {"bone_variation", GROUP_MOTION}, {"MPJPE", GROUP_MOTION}, {"PA_MPJPE", GROUP_MOTION},
                 {"ACCEL", GROUP_MOTION}, {"FeaError", GROUP_MOTION}};
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (!strncmp(metric, table[i].begins, strlen(table[i].begins)))
            return table[i].group;
    return GROUP_ALL & ~(unsigned)GROUP_TIME;
}

void groups_text(unsigned groups, char *text, size_t size)
{
    static const char *const names[] = {"R-Precision", "MM Dist", "FID and KID", "Diversity", "MultiModality",
                                        "control errors", "measures of motion", "times"};
    size_t used = 0;
    snprintf(text, size, "%s", groups == GROUP_ALL ? "nothing compares" : "");
    for (int i = 0; i < 8 && groups != GROUP_ALL; i++)
        if (groups & 1u << i && used < size)
            used += (size_t)snprintf(text + used, size - used, "%s%s", used ? ", " : "", names[i]);
}

const struct fingerprint *fingerprints_stop(const struct fingerprints *f, unsigned groups)
{
    for (int i = 0; i < f->count; i++)
        if (f->list[i].stops & groups)
            return &f->list[i];
    return NULL;
}

void fingerprints_free(struct fingerprints *f)
{
    free(f->list);
    memset(f, 0, sizeof *f);
}

/* --- one field after another ------------------------------------------------------------------ */

struct comparing {
    struct fingerprints *f;
    struct error *e;
    int status;
};

static void add(struct comparing *c, const char *field, const char *a, const char *b, unsigned stops, const char *meaning)
{
    if (c->status)
        return;
    if (c->f->count == c->f->room) {
        int room = c->f->room ? 2 * c->f->room : 16;
        struct fingerprint *grown = realloc(c->f->list, (size_t)room * sizeof *grown);
        if (!grown) {
            c->status = error_memory(c->e, "the fingerprints");
            return;
        }
        c->f->list = grown;
        c->f->room = room;
    }
    struct fingerprint *new = &c->f->list[c->f->count++];
    snprintf(new->field, sizeof new->field, "%.63s", field);
    snprintf(new->a, sizeof new->a, "%.159s", a);
    snprintf(new->b, sizeof new->b, "%.159s", b);
    new->stops = stops;
    new->meaning = meaning;
    c->f->stops |= stops;
}

static void text(struct comparing *c, const char *field, const char *a, const char *b, unsigned stops, const char *meaning)
{
    if (!strcmp(a, b))
        return;
    if (*a && *b)
        add(c, field, a, b, stops, meaning);
    else
        add(c, field, *a ? a : "not stated", *b ? b : "not stated", 0,
            stops ? "taken as the same, which only the documents' makers can know" : meaning);
}

static void number(struct comparing *c, const char *field, double a, double b, unsigned stops, const char *meaning)
{
    char of_a[32], of_b[32];
    snprintf(of_a, sizeof of_a, "%.10g", a);
    snprintf(of_b, sizeof of_b, "%.10g", b);
    if (a != b)
        add(c, field, of_a, of_b, stops, meaning);
}

/* A member of the experiments, as JSON text; what both lack is equal. */
static void member(struct comparing *c, const struct results *a, const struct results *b, const char *path, unsigned stops,
                   const char *meaning)
{
    if (!a->experiment || !b->experiment)
        return;
    const cJSON *x = json_find(a->experiment, path), *y = json_find(b->experiment, path);
    if ((!x && !y) || (x && y && cJSON_Compare(x, y, 1)))
        return;
    char *of_x = x ? cJSON_PrintUnformatted(x) : NULL, *of_y = y ? cJSON_PrintUnformatted(y) : NULL, field[64];
    snprintf(field, sizeof field, "experiment.%.50s", path);
    if ((x && !of_x) || (y && !of_y))
        c->status = error_memory(c->e, "the fingerprints");
    add(c, field, of_x ? of_x : "the default", of_y ? of_y : "the default", stops, meaning);
    cJSON_free(of_x);
    cJSON_free(of_y);
}

/* What decides whether numbers mean the same. */
static void measured(struct comparing *c, const struct results *a, const struct results *b)
{
    const char *evaluator = "another evaluator sees motions otherwise", *data = "other motions and captions were measured";
    text(c, "evaluator.sha256", a->evaluator.sha256, b->evaluator.sha256, GROUP_LEARNED, evaluator);
    if (!*a->evaluator.sha256 && !*b->evaluator.sha256)
        text(c, "evaluator.name", a->evaluator.name, b->evaluator.name, GROUP_LEARNED, evaluator);
    text(c, "evaluator.padding_rule", a->evaluator.padding_rule, b->evaluator.padding_rule, GROUP_LEARNED,
         "the evaluator sees something else behind a clip's end");
    text(c, "data.name", a->data.name, b->data.name, GROUP_ALL, data);
    text(c, "data.sha256", a->data.sha256, b->data.sha256, GROUP_ALL, data);
    text(c, "data.statistics", a->data.statistics, b->data.statistics, GROUP_ALL, "features are scaled otherwise");
    text(c, "data.split", a->data.split, b->data.split, GROUP_ALL, data);
    number(c, "protocol.limit", a->protocol.limit, b->protocol.limit, GROUP_ALL,
           "another part of the split; FID and KID depend on the number of motions, too");
    if (a->protocol.limit == b->protocol.limit)
        number(c, "data.n_used", a->data.n_used, b->data.n_used, GROUP_ALL, "FID and KID depend on the number of motions");
    number(c, "protocol.pool", a->protocol.pool, b->protocol.pool, GROUP_RETRIEVAL, "a larger pool is harder");
    text(c, "protocol.pooling", a->protocol.pooling, b->protocol.pooling, GROUP_RETRIEVAL, "pools are filled otherwise");
    text(c, "protocol.pairs", a->protocol.pairs, b->protocol.pairs, GROUP_DIVERSITY, "pairs are drawn otherwise");
    number(c, "protocol.diversity_times", a->protocol.diversity_times, b->protocol.diversity_times, 0,
           "the spread of Diversity differs, its mean does not");
    if (a->protocol.mm_samples && b->protocol.mm_samples) {
        number(c, "protocol.mm_samples", a->protocol.mm_samples, b->protocol.mm_samples, 0,
               "the spread of MultiModality differs, its mean does not");
        number(c, "protocol.mm_repeats", a->protocol.mm_repeats, b->protocol.mm_repeats, GROUP_MULTIMODALITY,
               "a drawn pair is of one motion with itself once in as many: fewer repeats measure less");
        number(c, "protocol.mm_times", a->protocol.mm_times, b->protocol.mm_times, 0,
               "the spread of MultiModality differs, its mean does not");
    }
    static const char *const signal[] = {"control.pattern", "control.joints", "control.low", "control.high", "control.density",
                                         "control.trajectory"};
    int controlled = a->experiment && b->experiment && json_has(a->experiment, "control") && json_has(b->experiment, "control");
    for (size_t i = 0; controlled && i < sizeof signal / sizeof *signal; i++)
        member(c, a, b, signal[i], GROUP_CONTROL, "the models were told other points");
}

/* What decides whether replications are the same draws, and what may explain a difference. */
static void noted(struct comparing *c, const struct results *a, const struct results *b)
{
    char seeds[2][160] = {"", ""};
    for (int k = 0; k < 2; k++) {
        const struct results *r = k ? b : a;
        for (int i = 0; i < r->protocol.nseeds && strlen(seeds[k]) < 100; i++)
            snprintf(seeds[k] + strlen(seeds[k]), sizeof seeds[k] - strlen(seeds[k]), "%s%llu", i ? " " : "",
                     (unsigned long long)r->protocol.seeds[i]);
    }
    text(c, "protocol.seeds", seeds[0], seeds[1], 0, "other draws: replications are compared unpaired");
    number(c, "protocol.replications", a->protocol.replications, b->protocol.replications, 0,
           "intervals of different width");
    member(c, a, b, "protocol.precision", 0, "weights are kept otherwise while they run");
    text(c, "tool.version", a->version, b->version, 0, "another program");
    text(c, "tool.commit", a->commit, b->commit, 0, "another state of the program");
    text(c, "tool.build", a->build, b->build, 0, "another compiler or instruction set: rounding differs");
    for (int i = 0; i < a->nlibraries; i++)
        for (int k = 0; k < b->nlibraries; k++)
            if (!strcmp(a->libraries[i].name, b->libraries[k].name)) {
                char field[40];
                snprintf(field, sizeof field, "libs.%s", a->libraries[i].name);
                text(c, field, a->libraries[i].version, b->libraries[k].version, 0, "rounding may differ");
            }
    static const char *const sections[] = {"evaluator", "vae", "text", "denoiser", "mld", "lcm", "control.variants"};
    for (size_t i = 0; i < sizeof sections / sizeof *sections; i++)
        if (a->experiment && b->experiment && json_has(a->experiment, sections[i]) == json_has(b->experiment, sections[i]))
            member(c, a, b, sections[i], 0, "models of other sizes or other training");
    for (int i = 0; i < a->nmodels; i++) {
        const struct results_model *x = &a->models[i], *y = results_model(b, x->name);
        char field[64];
        if (!y)
            continue;
        snprintf(field, sizeof field, "%.40s: weights", x->name);
        text(c, field, x->checkpoint_sha256, y->checkpoint_sha256, 0, "other weights");
        snprintf(field, sizeof field, "%.40s: steps", x->name);
        number(c, field, x->steps, y->steps, 0, "another number of network evaluations");
        snprintf(field, sizeof field, "%.40s: guidance", x->name);
        number(c, field, x->guidance, y->guidance, 0, "another guidance scale");
        snprintf(field, sizeof field, "%.40s: size", x->name);
        text(c, field, x->size, y->size, 0, "networks of another size");
    }
}

/* Times compare on one machine only. */
static void machine(struct comparing *c, const struct results *a, const struct results *b)
{
    const char *meaning = "another machine: quality compares, times do not";
    text(c, "host.cpu", a->host.cpu, b->host.cpu, GROUP_TIME, meaning);
    text(c, "host.system", a->host.system, b->host.system, GROUP_TIME, meaning);
    text(c, "host.gpu", a->host.gpu, b->host.gpu, GROUP_TIME, meaning);
    text(c, "host.driver", a->host.driver, b->host.driver, GROUP_TIME, meaning);
    number(c, "host.threads", a->host.threads, b->host.threads, GROUP_TIME, meaning);
    number(c, "host.threads_used", a->host.threads_used, b->host.threads_used, GROUP_TIME,
           "another number of threads: times do not compare");
    for (int i = 0; i < a->ntimings; i++)
        for (int k = 0; k < b->ntimings; k++) {
            const struct results_timing *x = &a->timings[i], *y = &b->timings[k];
            if (strcmp(x->model, y->model) || strcmp(x->name, y->name))
                continue;
            if (strcmp(x->definition, y->definition) || x->batch != y->batch) {
                text(c, "timings.definition", x->definition, y->definition, GROUP_TIME, "the clock saw something else");
                number(c, "timings.batch", x->batch, y->batch, GROUP_TIME, "other batches were timed");
                return;
            }
        }
}

int fingerprints_compare(const struct results *a, const struct results *b, struct fingerprints *f, struct error *e)
{
    struct comparing c = {f, e, 0};
    memset(f, 0, sizeof *f);
    measured(&c, a, b);
    machine(&c, a, b);
    noted(&c, a, b);
    if (c.status)
        fingerprints_free(f);
    return c.status;
}
