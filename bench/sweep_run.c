#include "sweep_run.h"
#include "../engine/clock.h"
#include "../engine/file.h"
#include "latents.h"
#include "table_run.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* --- fingerprints -------------------------------------------------------------------- */

/* Files that were hashed already: most cells read the same. */
struct hashed {
    struct { char path[1400], sha256[65]; } *list;
    int count;
};

static int add_file(struct hashed *seen, const char *path, struct sha256 *h, struct error *e)
{
    int i = 0;
    while (i < seen->count && strcmp(seen->list[i].path, path)) i++;
    if (i == seen->count) {
        void *grown = realloc(seen->list, ((size_t)i + 1) * sizeof *seen->list);
        if (!grown) return error_memory(e, "a fingerprint");
        seen->list = grown;
        snprintf(seen->list[i].path, sizeof seen->list[i].path, "%s", path);
        int rc = sha256_file(path, seen->list[i].sha256, e);
        if (rc) return rc;
        seen->count++;
    }
    sha256_add(h, seen->list[i].sha256, 64);
    return 0;
}

/* Of a folder of thousands of files: names, sizes and times of change. */
static int add_folder(const char *path, struct sha256 *h, struct error *e)
{
    char **names, full[1700];
    int count, rc = file_list(path, &names, &count, e);
    if (rc) return rc;
    for (int i = 0; i < count; i++) {
        struct stat st;
        snprintf(full, sizeof full, "%s/%s", path, names[i]);
        if (stat(full, &st)) continue;
        long long what[2] = {(long long)st.st_size, (long long)st.st_mtime};
        sha256_add(h, names[i], strlen(names[i]) + 1);
        if (S_ISREG(st.st_mode)) sha256_add(h, what, sizeof what);
    }
    file_list_free(names, count);
    return 0;
}

static int add_published(struct hashed *seen, const struct experiment *x, struct sha256 *h, struct error *e)
{
    struct published_file *files;
    int count, rc = published_look(&x->published, &files, &count, e);
    if (rc) return rc;
    for (int i = 0; i < count && !rc; i++) {
        char path[1400];
        sha256_add(h, files[i].below, strlen(files[i].below) + 1);
        if (files[i].state) continue;
        published_path(&x->published, files[i].below, path);
        rc = files[i].folder ? add_folder(path, h, e) : add_file(seen, path, h, e);
    }
    free(files);
    return rc;
}

/* The model files among the committed weights; that they fit is checked when they are taken. */
static int add_weights(struct hashed *seen, const struct experiment *x, struct sha256 *h, struct error *e)
{
    char **names, path[1400];
    int count, rc;
    struct stat st;
    if (!x->weights[0] || stat(x->weights, &st)) return 0;
    rc = file_list(x->weights, &names, &count, e);
    if (rc) return rc;
    for (int i = 0; i < count && !rc; i++) {
        if (!file_has_ending(names[i], ".h5")) continue;
        snprintf(path, sizeof path, "%s/%.300s", x->weights, names[i]);
        sha256_add(h, names[i], strlen(names[i]) + 1);
        rc = add_file(seen, path, h, e);
    }
    file_list_free(names, count);
    return rc;
}

static int fingerprint(const struct sweep *s, int run, const struct sweep_options *o, struct hashed *seen, char hex[65], struct error *e)
{
    struct experiment x;
    struct stat st;
    int rc = sweep_experiment(s, run, &x, e);
    if (rc) return rc;
    struct sha256 *h = sha256_new();
    cJSON_DeleteItemFromObjectCaseSensitive(x.resolved, "name");
    cJSON_DeleteItemFromObjectCaseSensitive(x.resolved, "description");
    char *text = cJSON_PrintUnformatted(x.resolved), rest[100];
    if (text) sha256_add(h, text, strlen(text));
    else rc = error_memory(e, "a fingerprint");
    cJSON_free(text);
    snprintf(rest, sizeof rest, ";mlcm run of a sweep 1;split %s;limit %d;times %d;", s->split, o->limit, s->times);
    sha256_add(h, rest, strlen(rest));
    if (!rc) rc = experiment_device(&x, &o->device, o->threads, e);
    if (x.device.kind == DEVICE_CUDA) {
        device_choice_name(&x.device, rest);
        sha256_add(h, rest, strlen(rest));
    }
    if (!rc && x.published.given) rc = add_published(seen, &x, h, e);
    if (!rc && x.set[0] && !file_exists(x.set))
        rc = error_set(e, ERR_INPUT, "%s: the packed set is not there; make it: mlcm data build --source %s%s%s --out %s", x.set,
                       x.source[0] ? x.source : "KIND", x.root[0] ? " --root " : "", x.root, x.set);
    if (!rc && x.set[0]) rc = add_file(seen, x.set, h, e);
    if (!rc) rc = add_weights(seen, &x, h, e);
    if (!rc && x.control.trajectory[0]) rc = add_file(seen, x.control.trajectory, h, e);
    if (!rc && x.text_folder[0] && !stat(x.text_folder, &st)) rc = add_folder(x.text_folder, h, e);
    if (sha256_text(h, hex) && !rc) rc = error_memory(e, "a fingerprint");
    experiment_free(&x);
    return rc;
}

/* A document that does not read or is another run's is as good as none. */
static int document_fits(const char *path, const char *hex)
{
    struct results r;
    struct error ignored;
    if (!file_exists(path)) return 0;
    int fits = !results_read(path, &r, &ignored) && !strcmp(r.fingerprint, hex);
    results_free(&r);
    return fits;
}

int sweep_places(const struct sweep *s, const struct sweep_options *o, int only, struct sweep_place **places, struct error *e)
{
    struct hashed seen = {0};
    int runs = sweep_runs(s), rc = 0;
    *places = calloc((size_t)runs, sizeof **places);
    if (!*places) return error_memory(e, "the sweep");
    for (int k = 0; k < runs && !rc; k++) {
        struct sweep_place *p = &(*places)[k];
        if (only >= 0 && k != only) continue;
        rc = fingerprint(s, k, o, &seen, p->fingerprint, e);
        snprintf(p->path, sizeof p->path, "%.1000s/sweep-%.32s.json", o->cache, p->fingerprint);
        if (!rc) p->done = document_fits(p->path, p->fingerprint);
    }
    free(seen.list);
    if (rc) {
        free(*places);
        *places = NULL;
    }
    return rc;
}

/* --- running ----------------------------------------------------------------------------- */

static int measure(struct chain *c, const struct sweep *s, const struct sweep_options *o, const struct sweep_place *place,
                   double start, struct error *e)
{
    struct loaded l;
    struct results r;
    char partial[1200];
    const struct table_options t = {.limit = o->limit, .quiet = o->quiet, .skip_timing = !s->times, .split = s->split, .partial = partial};
    snprintf(partial, sizeof partial, "%.1000s/replications-%.32s.txt", o->cache, place->fingerprint);
    int rc = evaluation_possible(c, s->split, o->limit, e);
    if (!rc) rc = loaded_open(&l, c, 1, e);
    if (rc) return rc;
    rc = table_run(c, &l, &t, &r, e);
    if (!rc) {
        snprintf(r.command, sizeof r.command, "mlcm sweep --config %.900s", o->config);
        memcpy(r.fingerprint, place->fingerprint, sizeof r.fingerprint);
        r.seconds = clock_seconds() - start;
        rc = results_write(&r, place->path, e);
    }
    if (!rc) remove(partial);
    results_free(&r);
    loaded_close(&l);
    return rc;
}

int sweep_run(const struct sweep *s, int run, const struct sweep_options *o, const struct sweep_place *place, struct error *e)
{
    struct experiment x;
    struct chain c = {.quiet = o->quiet};
    struct file_lock lock;
    double start = clock_seconds();
    int rc = sweep_experiment(s, run, &x, e);
    if (rc) return rc;
    rc = experiment_device(&x, &o->device, o->threads, e);
    if (!rc) rc = chain_open(&c, &x, o->cache, e);
    if (!rc) {
        rc = chain_alone(&c, place->path, &lock, e);
        if (!rc && !document_fits(place->path, place->fingerprint)) rc = measure(&c, s, o, place, start, e);
        file_unlock(&lock);
        chain_close(&c);
    }
    experiment_free(&x);
    return rc;
}

static int prepare_stages(struct chain *c, struct error *e)
{
    int wanted[STAGE_COUNT], control = 0, rc = chain_need(c, STAGE_EVALUATOR, e);
    chain_wanted(c->x, wanted);
    for (int k = STAGE_CONTROL; k < STAGE_COUNT; k++) control |= wanted[k];
    if (rc || !(wanted[STAGE_MLD] || wanted[STAGE_LCM] || control)) return rc;
    rc = chain_need(c, STAGE_VAE, e);
    if (!rc && c->model[STAGE_LCM][0]) return 0;       /* a published MotionLCM stands on no stage of ours */
    if (!rc && (wanted[STAGE_LCM] || control)) rc = chain_need(c, STAGE_MLD, e);
    struct vae v = {0};
    struct latents l = {0};
    if (!rc) rc = load_vae(c, &v, e);
    if (!rc) rc = chain_latents(c, &v, &l, e);
    latents_free(&l);
    vae_free(&v);
    return rc;
}

int sweep_prepare(const struct sweep *s, int run, const struct sweep_options *o, struct error *e)
{
    struct experiment x;
    struct chain c = {.quiet = o->quiet};
    int rc = sweep_experiment(s, run, &x, e);
    if (rc) return rc;
    rc = experiment_device(&x, &o->device, o->threads, e);
    if (!rc) rc = chain_open(&c, &x, o->cache, e);
    if (!rc) {
        rc = prepare_stages(&c, e);
        chain_close(&c);
    }
    experiment_free(&x);
    return rc;
}
