#include "eval_run.h"

#include "../metrics/diversity.h"
#include "progress.h"

#include <stdlib.h>
#include <string.h>

enum { CHUNK = 512, BATCH = 32, MOST_FOLDERS = 1000 };

/* What the run holds: a folder's captions, and embeddings of all its motions. */
struct folder {
    struct foreign foreign;
    float *embedded;               /* (layers, captions, dim): layer k has motion k mod repeats of each caption */
    int layers;
    int *captions;                 /* (captions) of the items */
};

struct run {
    struct chain *c;
    const struct eval_options *o;
    struct evaluation ev;
    struct folder *folder;
    struct foreign_look look;
    float *many;                   /* (texts, repeats, dim) for MultiModality, of the first folder */
    int texts, repeats, times;
};

/* --- embedding ------------------------------------------------------------------------------- */

/* Reads motions `which` (n) of a folder and embeds them in batches of `batch`, chunk by chunk. */
static int embed_files(struct run *u, const struct foreign *f, const int *which, int n, int chunk, int batch, float *out, struct error *e)
{
    const struct set *s = &u->c->set;
    size_t nf = (size_t)s->nfeats, clip = (size_t)s->max_length * nf;
    float *x = malloc((size_t)chunk * clip * sizeof *x);
    int *lengths = malloc((size_t)chunk * sizeof *lengths), rc = x && lengths ? 0 : error_memory(e, "motions");
    for (int first = 0; first < n && !rc; first += chunk) {
        int count = n - first < chunk ? n - first : chunk, longest = 0;
        memset(x, 0, (size_t)count * clip * sizeof *x);
        for (int i = 0; i < count && !rc; i++) {
            float *features;
            rc = foreign_read(f, which[first + i], s, &u->o->rule, &features, &lengths[i], &u->look, e);
            for (int t = 0; t < lengths[i] && !rc; t++)
                for (size_t k = 0; k < nf; k++)
                    x[(size_t)i * clip + (size_t)t * nf + k] = (features[(size_t)t * nf + k] - s->mean[k]) / s->std[k];
            free(features);
            if (!rc && lengths[i] > longest)
                longest = lengths[i];
        }
        for (int i = 1; i < count && !rc; i++)      /* rows as long as the longest */
            memmove(x + (size_t)i * (size_t)longest * nf, x + (size_t)i * clip, (size_t)longest * nf * sizeof *x);
        if (!rc)
            rc = evaluation_embed(&u->ev, x, count, longest, lengths, batch, out + (size_t)first * (size_t)u->ev.dim, e);
    }
    free(x);
    free(lengths);
    return rc;
}

/* All motions of a folder that replications measure. */
static int embed_folder(struct run *u, struct folder *f, int replications, struct progress *bar, struct error *e)
{
    int n = f->foreign.captions, rc = 0;
    size_t layer = (size_t)n * (size_t)u->ev.dim;
    int *which = malloc((size_t)n * sizeof *which);
    f->layers = 1;
    if (u->o->nfolders == 1)
        for (int i = 0; i < n; i++)
            f->layers = f->foreign.caption[i].repeats > f->layers ? f->foreign.caption[i].repeats : f->layers;
    if (f->layers > replications)
        f->layers = replications;
    f->embedded = malloc((size_t)f->layers * layer * sizeof *f->embedded);
    f->captions = malloc((size_t)n * sizeof *f->captions);
    if (!which || !f->embedded || !f->captions)
        rc = error_memory(e, "embeddings");
    for (int k = 0; k < f->layers && !rc; k++) {
        for (int i = 0; i < n; i++) {
            const struct foreign_caption *c = &f->foreign.caption[i];
            which[i] = c->first + k % c->repeats;
            f->captions[i] = c->caption;
        }
        rc = embed_files(u, &f->foreign, which, n, CHUNK, BATCH, f->embedded + (size_t)k * layer, e);
        progress_update(bar, k + 1, f->foreign.folder);
    }
    free(which);
    return rc;
}

/* Captions with the most motions, up to the protocol's number of each; none with less than two. */
static int embed_many(struct run *u, struct error *e)
{
    const struct experiment *x = u->c->x;
    const struct foreign *f = &u->folder[0].foreign;
    int most = 0, rc = 0;
    for (int i = 0; i < f->captions; i++)
        most = f->caption[i].repeats > most ? f->caption[i].repeats : most;
    u->repeats = most < x->mm_repeats ? most : x->mm_repeats;
    u->times = x->mm_times < u->repeats ? x->mm_times : u->repeats;
    if (u->repeats < 2 || x->mm_samples < 1)
        return u->repeats = 0;
    int *which = malloc((size_t)u->repeats * sizeof *which);
    u->many = malloc((size_t)f->captions * (size_t)u->repeats * (size_t)u->ev.dim * sizeof *u->many);
    if (!which || !u->many)
        rc = error_memory(e, "MultiModality");
    for (int i = 0; i < f->captions && !rc; i++) {
        if (f->caption[i].repeats < u->repeats)
            continue;
        for (int k = 0; k < u->repeats; k++)
            which[k] = f->caption[i].first + k;
        rc = embed_files(u, f, which, u->repeats, u->repeats, u->repeats,
                         u->many + (size_t)u->texts++ * (size_t)u->repeats * (size_t)u->ev.dim, e);
    }
    free(which);
    return rc;
}

/* --- replications ---------------------------------------------------------------------------------- */

static int multimodality_of(const struct run *u, int replication, double *out, struct error *e)
{
    const struct experiment *x = u->c->x;
    int texts = u->texts < x->mm_samples ? u->texts : x->mm_samples, rc = 0;
    size_t one = (size_t)u->repeats * (size_t)u->ev.dim;
    struct rng r = rng_make(x->seed, rng_stream("multimodality") ^ (uint64_t)replication);
    int *pick = malloc((size_t)u->texts * sizeof *pick);
    float *chosen = malloc((size_t)texts * one * sizeof *chosen);
    if (!pick || !chosen)
        rc = error_memory(e, "MultiModality");
    if (!rc) {
        for (int i = 0; i < u->texts; i++)
            pick[i] = i;
        rng_shuffle(&r, pick, u->texts);
        for (int i = 0; i < texts; i++)
            memcpy(chosen + (size_t)i * one, u->many + (size_t)pick[i] * one, one * sizeof *chosen);
        rc = multimodality_drawn(chosen, texts, u->repeats, u->ev.dim, u->times, &r, out, e);
    }
    free(pick);
    free(chosen);
    return rc;
}

static int replicate(struct run *u, int k, double real[M_COUNT], double given[M_COUNT], struct error *e)
{
    const struct folder *f = &u->folder[k % u->o->nfolders];
    size_t layer = (size_t)f->foreign.captions * (size_t)u->ev.dim;
    u->ev.captions = f->captions;
    int rc = evaluation_replicate(&u->ev, k, real, e);
    if (!rc)
        rc = evaluation_score(&u->ev, f->embedded + (size_t)(k % f->layers) * layer, given, e);
    if (!rc && u->repeats)
        rc = multimodality_of(u, k, &given[M_MULTIMODALITY], e);
    return rc;
}

/* --- folders that belong together ---------------------------------------------------------------------- */

static int open_folders(struct run *u, const struct items *items, struct error *e)
{
    int rc = 0;
    for (int i = 0; i < u->o->nfolders && !rc; i++) {
        struct foreign *f = &u->folder[i].foreign;
        const struct foreign *first = &u->folder[0].foreign;
        rc = foreign_open(u->o->folders[i], u->o->captions, &u->c->set, items, u->o->split, f, e);
        if (!rc && f->captions != first->captions)
            rc = error_set(e, ERR_INPUT, "%s has motions of %d captions, %s of %d; the folders of replications must hold the same clips",
                           f->folder, f->captions, first->folder, first->captions);
        for (int k = 0; k < first->captions && !rc; k++)
            if (f->caption[k].item != first->caption[k].item)
                rc = error_set(e, ERR_INPUT, "%s has %s where %s has %s; the folders of replications must hold the same clips", f->folder,
                               f->caption[k].name, first->folder, first->caption[k].name);
    }
    return rc;
}

static int add_notes(const struct run *u, int replications, struct results *r, struct error *e)
{
    const struct foreign *f = &u->folder[0].foreign;
    int rc = 0, free_captions = 0;
    for (int i = 0; i < f->captions; i++)
        free_captions += f->caption[i].caption < 0;
    if (u->o->nfolders > 1)
        rc = results_add_note(r, e, "%d folders of motions: replication k measures the k-th.", u->o->nfolders);
    else if (u->folder[0].layers > 1)
        rc = results_add_note(r, e, "Up to %d motions a caption: replication k measures the k-th of each.", u->folder[0].layers);
    else
        rc = results_add_note(r, e, "The same motions in all %d replications, which draw pools, pairs and real windows anew: intervals do not "
                              "hold what generating again would vary.", replications);
    if (!rc && u->repeats && u->repeats < u->c->x->mm_repeats)
        rc = results_add_note(r, e, "MultiModality of %d motions a caption instead of %d: a drawn pair is of one motion with itself once in %d, "
                              "so values compare only among as many.", u->repeats, u->c->x->mm_repeats, u->repeats);
    if (!rc && u->ev.n != u->ev.items.count)
        rc = results_add_note(r, e, "%d motions for the %d items of the split: FID and KID compare only among as many.", u->ev.n,
                              u->ev.items.count);
    if (!rc && free_captions)
        rc = results_add_note(r, e, "%d motions came without a caption: those of their clips are drawn, as for real motions.", free_captions);
    if (!rc && u->look.joints)
        rc = results_add_note(r, e, "Features of %s motions were made of their joints.", u->look.joints < u->look.motions ? "some" : "all");
    return rc;
}

static int fill(const struct run *u, const double *values, int replications, struct results *r, struct error *e)
{
    struct results_model m = {.size = "foreign"};
    int rc = 0;
    evaluation_describe(&u->ev, u->o->evaluator, u->o->split, 0, replications, r);
    r->protocol.mm_samples = u->texts < u->c->x->mm_samples ? u->texts : u->c->x->mm_samples;
    r->protocol.mm_repeats = u->repeats;
    r->protocol.mm_times = u->repeats ? u->times : 0;
    if (u->c->x->resolved && !(r->experiment = cJSON_Duplicate(u->c->x->resolved, 1)))
        rc = error_memory(e, "the results");
    for (int i = 0; i < u->c->set.nnan && !rc; i++)
        rc = results_add_nan_id(r, u->c->set.nan_names[i], e);
    snprintf(m.name, sizeof m.name, "%s", u->o->name);
    snprintf(m.family, sizeof m.family, "%s", u->o->name);
    if (!rc)
        rc = results_add_model(r, &m, e);
    for (int i = 0; i < 2 && !rc; i++) {
        int row;
        rc = results_add_row(r, i ? u->o->name : "Real", i == 0, &row, e);
        if (!rc)
            rc = evaluation_add_metrics(r, row, M_CONTROL, values + (size_t)i * M_COUNT * (size_t)replications, replications, replications, e);
    }
    return rc ? rc : add_notes(u, replications, r, e);
}

int eval_run(struct chain *c, const struct evaluator *evaluator, const struct eval_options *o, struct results *r, struct error *e)
{
    struct run u = {.c = c, .o = o};
    struct items items = {0};
    struct progress bar;
    int replications = o->replications ? o->replications : o->nfolders > 1 ? o->nfolders : c->x->replications;
    double *values = malloc(2 * (size_t)M_COUNT * (size_t)replications * sizeof *values);
    results_begin(r);
    results_device(r, &c->x->device);
    u.folder = calloc((size_t)o->nfolders, sizeof *u.folder);
    int rc = values && u.folder ? 0 : error_memory(e, "the evaluation"), *chosen = NULL;
    if (!rc)
        rc = items_build(&c->set, o->split, &items, e);
    if (!rc)
        rc = open_folders(&u, &items, e);
    items_free(&items);
    int n = rc ? 0 : u.folder[0].foreign.captions;
    if (!rc && !(chosen = malloc((size_t)n * sizeof *chosen)))
        rc = error_memory(e, "the evaluation");
    for (int i = 0; i < n && !rc; i++)
        chosen[i] = u.folder[0].foreign.caption[i].item;
    if (!rc)
        rc = evaluation_open_items(&u.ev, c, evaluator, o->split, chosen, n, e);
    if (rc && u.folder && chosen && n < c->x->pool)
        error_prefix(e, "%s", o->folders[0]);
    progress_start(&bar, "embedding", "passes", o->nfolders, 0, o->quiet);
    for (int i = 0; i < o->nfolders && !rc; i++)
        rc = embed_folder(&u, &u.folder[i], replications, &bar, e);
    if (!rc)
        rc = foreign_plausible(&u.look, &c->set, e);
    if (!rc)
        rc = embed_many(&u, e);
    progress_finish(&bar, o->nfolders, NULL);
    progress_start(&bar, "replications", "replications", replications, 0, o->quiet);
    for (int k = 0; k < replications && !rc; k++) {
        double out[2][M_COUNT];
        rc = replicate(&u, k, out[0], out[1], e);
        for (int i = 0; i < 2 * M_COUNT && !rc; i++)
            values[(size_t)i * (size_t)replications + (size_t)k] = out[i / M_COUNT][i % M_COUNT];
        progress_update(&bar, k + 1, o->name);
    }
    progress_finish(&bar, replications, NULL);
    if (!rc)
        rc = fill(&u, values, replications, r, e);
    for (int i = 0; i < o->nfolders && u.folder; i++) {
        foreign_free(&u.folder[i].foreign);
        free(u.folder[i].embedded);
        free(u.folder[i].captions);
    }
    if (u.ev.chain)
        evaluation_close(&u.ev);
    free(u.folder);
    free(u.many);
    free(chosen);
    free(values);
    return rc;
}
