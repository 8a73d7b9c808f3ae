/* What a folder is: told by the files in it. */
#include "../engine/file.h"
#include "info.h"
#include "json_read.h"

#include <stdio.h>
#include <string.h>

static int has(const char *folder, const char *name)
{
    char path[1200];
    return snprintf(path, sizeof path, "%s/%s", folder, name) < (int)sizeof path && file_exists(path);
}

/* The model_type of config.json, or "". */
static void model_type(const char *folder, char *out, size_t size)
{
    char path[1200];
    cJSON *document = NULL;
    const char *type = "";
    struct error ignored;
    out[0] = '\0';
    if (snprintf(path, sizeof path, "%s/config.json", folder) >= (int)sizeof path || !file_exists(path) ||
        json_read(path, &document, &ignored))
        return;
    if (json_string(document, "model_type", &type, &ignored) == 0)
        snprintf(out, size, "%s", type);
    cJSON_Delete(document);
}

static const char *folder_kind(const char *folder)
{
    static const struct {
        const char *file, *kind;
    } rules[] = {
        {"modules.json", "sentence encoder (sentence-transformers)"},
        {"bpe_simple_vocab_16e6.txt.gz", "CLIP text encoder, OpenAI files"},
        {"bpe_simple_vocab_16e6.txt", "CLIP text encoder, OpenAI files"},
        {"config.json", "text encoder (Hugging Face)"},
        {"lcm.h5", "model folder of mlcm train"},
        {"vae.h5", "model folder of mlcm train"},
        {"new_joint_vecs", "motion set in the HumanML3D or KIT-ML layout"},
        {"our_vab_data.npy", "word vectors of the text-to-motion evaluator"},
        {"mean.npy", "statistics of motion features"},
    };
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++)
        if (has(folder, rules[i].file))
            return rules[i].kind;
    return NULL;
}

static int is_checkpoint(const char *name)
{
    static const char *const ends[] = {".ckpt", ".pt", ".pth", ".tar", ".bin", ".safetensors", ".h5"};
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
        if (file_has_ending(name, ends[i]))
            return 1;
    return 0;
}

int info_folder(const char *path, int tensors, struct error *e)
{
    enum { MOST = 16 };
    char **names = NULL, full[1300], type[80];
    int count = 0, shown = 0;
    int rc = file_list(path, &names, &count, e);
    if (rc)
        return rc;
    const char *kind = folder_kind(path);
    for (int i = 0; kind == NULL && i < count; i++)
        if (is_checkpoint(names[i]))
            kind = "folder with checkpoints";
    if (kind == NULL) {
        file_list_free(names, count);
        return error_set(e, ERR_INPUT, "%s: is a folder of no kind that is known here; name a file in it, or try mlcm data doctor", path);
    }
    model_type(path, type, sizeof type);
    printf("%s: %s", path, kind);
    if (type[0]) {
        printf(", model type ");
        info_name(0, type);
    }
    printf(", %d entries\n", count);
    for (int i = 0; i < count; i++) {
        if (snprintf(full, sizeof full, "%s/%s", path, names[i]) >= (int)sizeof full || !is_checkpoint(names[i]) ||
            file_size(full) < 0)
            continue;
        struct error why = {0};
        if (shown++ < MOST && info_checkpoint(full, tensors, &why)) {
            printf("  not a checkpoint: ");
            info_name(0, why.text);
            printf("\n");
        }
    }
    if (shown > MOST)
        printf("  and %d more checkpoints\n", shown - MOST);
    file_list_free(names, count);
    return 0;
}
