#include "definitions.h"

#include <stddef.h>
#include <string.h>

static const struct {
    const char *name, *sentence;
} definitions[] = {
    {"R_precision_top_1", "How often a caption's own motion is the nearest of a pool's motions in the evaluator's space of embeddings."},
    {"R_precision_top_2", "How often a caption's own motion is among the two nearest of a pool's motions."},
    {"R_precision_top_3", "How often a caption's own motion is among the three nearest of a pool's motions."},
    {"R_precision_any_top_1", "As R@1, but any motion of the pool that the caption describes truly counts as a hit."},
    {"R_precision_any_top_2", "As R@2, but any motion of the pool that the caption describes truly counts as a hit."},
    {"R_precision_any_top_3", "As R@3, but any motion of the pool that the caption describes truly counts as a hit."},
    {"R_precision_distinct_top_1", "As R@1, in pools in which no two captions mean the same."},
    {"R_precision_distinct_top_2", "As R@2, in pools in which no two captions mean the same."},
    {"R_precision_distinct_top_3", "As R@3, in pools in which no two captions mean the same."},
    {"FID", "Fréchet distance between Gaussians fitted to the embeddings of the motions and of the real motions."},
    {"KID", "Squared distance of the two sets of embeddings under a cubic kernel, unbiased, so that it may fall below 0."},
    {"MM_dist", "Mean distance between the embedding of a caption and that of its motion."},
    {"Diversity", "Mean distance between the embeddings of random pairs of motions, whatever their captions."},
    {"MultiModality", "Mean distance between the embeddings of motions made for one and the same caption."},
    {"traj_fail_20cm", "Share of motions with at least one controlled joint more than 20 cm from where it was told to be."},
    {"traj_fail_50cm", "Share of motions with at least one controlled joint more than 50 cm from where it was told to be."},
    {"kps_fail_20cm", "Share of the told positions that were missed by more than 20 cm."},
    {"kps_fail_50cm", "Share of the told positions that were missed by more than 50 cm."},
    {"kps_mean_err", "Mean distance of controlled joints from where they were told to be."},
    {"skating_ratio", "Share of frames in which a foot that is on the floor slides along it."},
    {"jitter", "Mean jerk of the joints: how abruptly their acceleration changes."},
    {"foot_sliding", "Mean speed along the floor of feet that touch it."},
    {"floor_penetration", "Mean depth of the lowest joint below the floor."},
    {"bone_variation", "How much the lengths of bones vary within a motion, relative to their means."},
    {"MPJPE", "Mean distance of joints from those of the real motion, roots laid on each other."},
    {"MPJPE_unaligned", "Mean distance of joints from those of the real motion, where they are."},
    {"PA_MPJPE", "Mean distance of joints from those of the real motion after the best turn, shift and scale of each pose."},
    {"ACCEL", "Mean difference of the joints' accelerations from those of the real motion."},
    {"FeaError", "Mean difference of the normalised features from those of the real motion."},
    {"AITS", "Seconds from one caption to its decoded motion features, at batch 1, loading and warm-up excluded."},
    {"AITS_without_text", "AITS less the text encoder's share."},
    {"AITS_batch_32", "Seconds for a batch of 32 captions, divided by 32."},
};

const char *metric_definition(const char *name)
{
    for (size_t i = 0; i < sizeof definitions / sizeof definitions[0]; i++)
        if (!strcmp(definitions[i].name, name))
            return definitions[i].sentence;
    return NULL;
}
