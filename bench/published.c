#include "published.h"
#include "../engine/file.h"
#include "json_read.h"
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const char *const part_keys[PUBLISHED_PARTS] = {"data", "spatial_statistics", "words", "evaluator", "evaluator_statistics",
                                                       "text_encoder"};
static const char *const stage_keys[PUBLISHED_STAGES] = {"vae", "mld", "lcm"};

/* --- the section ------------------------------------------------------------------------------- */

void published_defaults(struct published *p, int kit)
{
    static const char *const places[2][PUBLISHED_PARTS] = {
        {"datasets/humanml3d", "datasets/humanml_spatial_norm", "deps/glove", "deps/t2m/t2m/text_mot_match/model/finest.tar",
         "deps/t2m/t2m/Comp_v6_KLD01/meta", "deps/sentence-t5-large"},
        {"datasets/kit", "", "deps/glove", "deps/t2m/kit/text_mot_match/model/finest.tar", "deps/t2m/kit/Comp_v6_KLD005/meta",
         "deps/sentence-t5-large"}};
    memset(p, 0, sizeof *p);
    p->kit = kit;
    p->heads = 4;
    snprintf(p->root, sizeof p->root, ".");
    for (int i = 0; i < PUBLISHED_PARTS; i++) snprintf(p->part[i], sizeof p->part[i], "%s", places[kit][i]);
    for (int i = 0; i < PUBLISHED_STAGES; i++) p->stage[i] = -1;
}

/* A place below the root: no way out of it. */
static int read_place(const cJSON *o, const char *key, char out[PUBLISHED_PATH], struct error *e)
{
    const char *text;
    if (cJSON_IsNull(json_find(o, key))) {
        out[0] = 0;
        return 0;
    }
    int rc = json_string(o, key, &text, e);
    if (rc) return rc;
    if (*text == '/' || strstr(text, "..") || strlen(text) >= PUBLISHED_PATH)
        return error_set(e, ERR_INPUT, "%s: \"%.60s\" is no path below the root of at most %d bytes; change it", key, text,
                         PUBLISHED_PATH - 1);
    snprintf(out, PUBLISHED_PATH, "%s", text);
    return 0;
}

static int read_checkpoints(const cJSON *document, struct published *p, struct error *e)
{
    const cJSON *list;
    char key[PUBLISHED_NAME + 40];
    if (!json_has(document, "published.checkpoints")) return 0;
    int rc = json_object(document, "published.checkpoints", &list, e), n = rc ? 0 : cJSON_GetArraySize(list);
    if (n > MAX_PUBLISHED)
        rc = error_set(e, ERR_INPUT, "published.checkpoints names %d files; give at most %d", n, MAX_PUBLISHED);
    for (int i = 0; i < n && !rc; i++) {
        const char *name = cJSON_GetArrayItem(list, i)->string;
        struct published_checkpoint *c = &p->checkpoints[p->count++];
        size_t length = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_");
        if (!length || name[length] || length >= PUBLISHED_NAME) {
            rc = error_set(e, ERR_INPUT, "published.checkpoints: \"%.40s\" is no name; use 1 to %d lower-case letters, digits and _",
                           name, PUBLISHED_NAME - 1);
            break;
        }
        snprintf(c->name, sizeof c->name, "%.39s", name);
        snprintf(key, sizeof key, "published.checkpoints.%s", c->name);
        rc = read_place(document, key, c->path, e);
        if (!rc && !c->path[0]) rc = error_set(e, ERR_INPUT, "%s has no file; leave it out", key);
    }
    return rc;
}

int published_read(const cJSON *document, struct published *p, struct error *e)
{
    static const char *const keys[] = {"layout", "root", "heads", "data", "spatial_statistics", "words", "evaluator",
                                       "evaluator_statistics", "text_encoder", "checkpoints", "stages", NULL};
    static const char *const layouts[] = {"humanml3d", "kit", NULL};
    static const char *const stages[] = {"vae", "mld", "lcm", NULL};
    int kit = 0, rc = 0;
    const char *text;
    char key[80];
    published_defaults(p, 0);
    if (!json_has(document, "published")) return 0;
    rc = json_known_keys(document, "published", keys, e);
    if (!rc) rc = json_choice(document, "published.layout", layouts, &kit, e);
    if (rc) return rc;
    published_defaults(p, kit);
    p->given = 1;
    if (json_has(document, "published.root")) {
        rc = json_string(document, "published.root", &text, e);
        if (!rc) snprintf(p->root, sizeof p->root, "%s", text);
    }
    if (!rc && json_has(document, "published.heads")) rc = json_int(document, "published.heads", &p->heads, 1, 64, e);
    for (int i = 0; i < PUBLISHED_PARTS && !rc; i++) {
        snprintf(key, sizeof key, "published.%s", part_keys[i]);
        if (json_find(document, key)) rc = read_place(document, key, p->part[i], e);
    }
    if (!rc) rc = read_checkpoints(document, p, e);
    if (!rc && json_has(document, "published.stages")) rc = json_known_keys(document, "published.stages", stages, e);
    for (int i = 0; i < PUBLISHED_STAGES && !rc; i++) {
        snprintf(key, sizeof key, "published.stages.%s", stage_keys[i]);
        if (!json_has(document, key)) continue;
        rc = json_string(document, key, &text, e);
        if (!rc && (p->stage[i] = published_find(p, text)) < 0)
            rc = error_set(e, ERR_INPUT, "%s: published.checkpoints has no \"%.40s\"; add it", key, text);
        if (!rc) p->checkpoints[p->stage[i]].required = p->checkpoints[p->stage[i]].used = 1;
    }
    return rc;
}

int published_find(const struct published *p, const char *name)
{
    for (int i = 0; i < p->count; i++)
        if (!strcmp(p->checkpoints[i].name, name)) return i;
    return -1;
}

const char *published_path(const struct published *p, const char *below, char path[1400])
{
    snprintf(path, 1400, "%.1000s/%.380s", p->root, below);
    return path;
}

/* --- the files ------------------------------------------------------------------------------------ */

struct member {
    const char *name, *what;
    int folder;
};

static const char from_scripts[] = "MotionLCM's repository, prepare/download_pretrained_models.sh";
static const char from_evaluators[] = "MotionLCM's repository, prepare/download_t2m_evaluators.sh";
static const char from_words[] = "MotionLCM's repository, prepare/download_glove.sh";
static const char from_t5[] = "MotionLCM's repository, prepare/prepare_t5.sh";
static const char from_spatial[] = "MotionLCM's repository holds them itself";
static const char from_humanml3d[] = "HumanML3D's repository: its notebooks make the folder HumanML3D from AMASS; copy that folder";
static const char from_lists[] = "HumanML3D's repository holds them itself, in its folder HumanML3D";
static const char from_texts[] = "HumanML3D's repository: unpack HumanML3D/texts.zip";
static const char from_kit[] = "the KIT-ML archive that HumanML3D's repository links to";

static const struct member data_members[] = {
    {"new_joint_vecs", "motion features, a file a clip", 1}, {"texts", "captions, a file a clip", 1},
    {"train.txt", "names of the training clips", 0}, {"val.txt", "names of the validation clips", 0},
    {"test.txt", "names of the test clips", 0}, {"Mean.npy", "mean of the features", 0},
    {"Std.npy", "standard deviation of the features", 0}};
static const struct member spatial_members[] = {{"Mean_raw.npy", "mean of joint positions, for control", 0},
                                                {"Std_raw.npy", "standard deviation of joint positions", 0}};
static const struct member word_members[] = {{"our_vab_data.npy", "word vectors of the evaluator", 0},
                                             {"our_vab_words.pkl", "their words", 0}, {"our_vab_idx.pkl", "their rows", 0}};
static const struct member evaluator_members[] = {{"", "evaluator: text and motion encoders", 0}};
static const struct member statistics_members[] = {{"mean.npy", "mean of the evaluator's features", 0},
                                                   {"std.npy", "standard deviation of the evaluator's features", 0}};
static const struct member text_members[] = {
    {"modules.json", "text encoder: its modules", 0}, {"config.json", "text encoder: sizes", 0},
    {"spiece.model", "text encoder: vocabulary", 0}, {"pytorch_model.bin", "text encoder: weights", 0},
    {"1_Pooling/config.json", "text encoder: pooling", 0}, {"2_Dense/config.json", "text encoder: last layer", 0},
    {"2_Dense/pytorch_model.bin", "text encoder: weights of the last layer", 0}};

static const struct {
    const struct member *members;
    int count;
} part_members[PUBLISHED_PARTS] = {{data_members, 7}, {spatial_members, 2}, {word_members, 3},
                                   {evaluator_members, 1}, {statistics_members, 2}, {text_members, 7}};

static const char *source_of(const struct published *p, int part, int member)
{
    switch (part) {
    case PUBLISHED_DATA: return p->kit ? from_kit : member == 0 ? from_humanml3d : member == 1 ? from_texts : from_lists;
    case PUBLISHED_SPATIAL: return from_spatial;
    case PUBLISHED_WORDS: return from_words;
    case PUBLISHED_TEXT: return from_t5;
    default: return from_evaluators;
    }
}

/* What broken downloads leave behind; NULL for anything else. */
static const char *impostor(const char *path)
{
    unsigned char head[64] = {0};
    FILE *in = fopen(path, "rb");
    size_t n = in ? fread(head, 1, sizeof head - 1, in) : 0, at = 0;
    if (!in) return "unreadable";
    fclose(in);
    if (!n) return "empty";
    if (!strncmp((char *)head, "version https://git-lfs", 23)) return "a git-lfs pointer, not the file; run git lfs pull";
    while (at < n && head[at] && strchr(" \t\r\n\xef\xbb\xbf", head[at])) at++;
    if (head[at] == '<' && (head[at + 1] == '!' || isalpha(head[at + 1]))) return "an HTML page, saved by a download that failed";
    return NULL;
}

static void look(const struct published *p, struct published_file *f)
{
    char path[1400];
    struct stat st;
    published_path(p, f->below, path);
    f->state = 1;
    if (stat(path, &st)) return;
    f->state = (f->folder ? S_ISDIR(st.st_mode) : S_ISREG(st.st_mode)) ? 0 : 2;
    f->wrong = f->folder ? "a file, not a folder" : S_ISDIR(st.st_mode) ? "a folder, not a file" : "a pipe or a device, not a file";
    if (f->state || f->folder) return;
    f->wrong = impostor(path);
    f->state = f->wrong ? 2 : 0;
}

int published_look(const struct published *p, struct published_file **files, int *count, struct error *e)
{
    char path[1400];
    *count = 0;
    *files = calloc(MAX_PUBLISHED + 32, sizeof **files);
    if (!*files) return error_memory(e, "the list of files");
    for (int part = 0; part < PUBLISHED_PARTS; part++)
        for (int i = 0; i < part_members[part].count && p->part[part][0]; i++) {
            const struct member *m = &part_members[part].members[i];
            struct published_file *f = &(*files)[(*count)++];
            *f = (struct published_file){.what = m->what, .from = source_of(p, part, i), .folder = m->folder, .required = 1};
            snprintf(f->below, sizeof f->below, "%s%s%s", p->part[part], *m->name ? "/" : "", m->name);
            look(p, f);
            if (f->state != 1 || part != PUBLISHED_TEXT) continue;
            /* the same weights in the other container */
            char *name = strstr(f->below, "pytorch_model.bin");
            if (!name) continue;
            snprintf(name, 20, "model.safetensors");
            if (file_exists(published_path(p, f->below, path))) look(p, f);
            else snprintf(name, 20, "pytorch_model.bin");
        }
    for (int i = 0; i < p->count; i++) {
        const struct published_checkpoint *c = &p->checkpoints[i];
        struct published_file *f = &(*files)[(*count)];
        if (!c->used) continue;
        *f = (struct published_file){.what = c->name, .from = from_scripts, .required = c->required};
        snprintf(f->below, sizeof f->below, "%s", c->path);
        look(p, f);
        (*count)++;
    }
    return 0;
}

int published_print(const struct published *p, const struct published_file *files, int count, FILE *out)
{
    int missing = 0;
    fprintf(out, "published files below %s\n", p->root);
    for (int i = 0; i < count; i++) {
        const struct published_file *f = &files[i];
        fprintf(out, "  %-8s %-70s  %s%s\n", f->state == 0 ? "there" : f->state == 2 ? "WRONG" : f->required ? "MISSING" : "missing",
                f->below, f->what, f->required ? "" : " (optional)");
        if (f->state == 2) fprintf(out, "           it is %s\n", f->wrong);
        if (f->state && (i + 1 == count || !files[i + 1].state || files[i + 1].from != f->from))
            fprintf(out, "           from: %s\n", f->from);
        missing += f->state && f->required;
    }
    return missing;
}

int published_check(const struct published *p, const char *experiment, struct error *e)
{
    struct published_file *files;
    int count, missing = 0, rc = published_look(p, &files, &count, e);
    for (int i = 0; i < count && !rc; i++) {
        if (!files[i].state || !files[i].required) continue;
        fprintf(stderr, "mlcm: %s %s: %s; from %s\n", files[i].state == 2 ? "not usable" : "missing", files[i].below,
                files[i].state == 2 ? files[i].wrong : files[i].what, files[i].from);
        missing++;
    }
    free(files);
    if (rc || !missing) return rc;
    return error_set(e, ERR_ENV, "%s: %d of the published files %s not below %s (named above); put them there, or name their folder "
                     "with --root; --dry-run lists them all", experiment, missing, missing == 1 ? "is" : "are", p->root);
}
