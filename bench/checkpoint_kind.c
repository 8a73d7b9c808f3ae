#include "checkpoint_kind.h"

#include <stdio.h>
#include <string.h>

static int has_prefix(const struct weights *w, const char *prefix)
{
    for (int i = 0; i < w->count; i++)
        if (strncmp(w->items[i].name, prefix, strlen(prefix)) == 0)
            return 1;
    return 0;
}

static int has(const struct weights *w, const char *name)
{
    return weights_find(w, name) != NULL;
}

/* MotionLCM's own files and those of MLD: one name space of parts. 0: neither. */
static int latent_kind(const struct weights *w, char *out, size_t size)
{
    const struct weight *guidance = weights_find(w, "denoiser.time_embedding.cond_proj.weight");
    int vae = has(w, "vae.skel_embedding.weight"), denoiser = has(w, "denoiser.time_embedding.linear_1.weight");
    int control = has(w, "controlnet.controlnet_cond_embedding.0.weight");
    int second = has(w, "vae.latent_pre.weight") || has(w, "denoiser.latent_pre.weight") ||
                 has(w, "controlnet.latent_pre.weight");
    const char *version = second ? "V2" : "V1";
    if (control)
        snprintf(out, size, "MotionLCM ControlNet (%s)", version);
    else if (guidance && guidance->rank == 2)
        snprintf(out, size, "MotionLCM (%s), guidance width %d", version, guidance->shape[1]);
    else if (denoiser)
        snprintf(out, size, "%s",
                 second                            ? "MLD (V2)"
                 : has(w, "denoiser.mem_pos.pe") ? "MLD, original layout"
                                                 : "MLD (V1)");
    else if (vae)
        snprintf(out, size, "motion VAE (%s)", version);
    else
        return 0;
    if (vae && (control || denoiser))
        snprintf(out + strlen(out), size - strlen(out), " with its VAE");
    return 1;
}

/* One rule a line, the first that holds: a prefix that must be there, and a second one or NULL. */
static const struct {
    const char *prefix, *also, *kind;
} rules[] = {
    {"movement_encoder.", "motion_encoder.", "evaluator (text and motion matching)"},
    {"movement_enc.", "movement_dec.", "movement autoencoder of the text-to-motion evaluator"},
    {"seq_pri.", "mov_dec.", "text-to-motion generator (Comp_v6)"},
    {"input_hint_block.", NULL, "OmniControl"},
    {"model.input_hint_block.", NULL, "OmniControl"},
    {"model_avg.input_hint_block.", NULL, "OmniControl"},
    {"model_avg.input_process.", NULL, "MDM with averaged weights"},
    {"input_process.", "seqTransDecoder.", "MDM, decoder form"},
    {"input_process.", NULL, "MDM"},
    {"model.input_process.", NULL, "MDM"},
    {"encoder.temporal_decoder_blocks.", NULL, "MotionDiffuse"},
    {"temporal_decoder_blocks.", NULL, "MotionDiffuse"},
    {"motionencoder.skel_embedding.", "motiondecoder.", "TEMOS"},
    {"encoder.block.", "shared.", "T5 encoder"},
    {"encoder.block.", NULL, "T5 encoder"},
    {"text_model.", NULL, "CLIP text encoder, Hugging Face layout"},
    {"token_embedding.", "transformer.resblocks.", "CLIP text encoder, OpenAI layout"},
    {"distilbert.", NULL, "DistilBERT"},
    {"transformer.layer.", NULL, "DistilBERT"},
    {"embeddings.word_embeddings.", NULL, "BERT"},
    {"bert.embeddings.", NULL, "BERT"},
    {"skel_embedding.", "global_motion_token", "motion VAE without its prefix"},
    {"linear.weight", NULL, "dense layer of a sentence encoder"},
};

void checkpoint_kind(const struct weights *w, char *out, size_t size)
{
    int found = latent_kind(w, out, size);
    for (size_t i = 0; !found && i < sizeof rules / sizeof *rules; i++)
        if (has_prefix(w, rules[i].prefix) && (rules[i].also == NULL || has_prefix(w, rules[i].also))) {
            snprintf(out, size, "%s", rules[i].kind);
            found = 1;
        }
    if (!found)
        snprintf(out, size, "tensors of an unknown model");
    if (has_prefix(w, "t2m_"))
        snprintf(out + strlen(out), size - strlen(out), " and an evaluator");
    if (has_prefix(w, "encoder.clip.") || has_prefix(w, "clip.token_embedding."))
        snprintf(out + strlen(out), size - strlen(out), " with CLIP");
}
