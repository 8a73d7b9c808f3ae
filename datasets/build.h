/* Building sets from raw data: one function a source. */
#ifndef MLCM_BUILD_H
#define MLCM_BUILD_H

#include "published_layout.h"
#include "set_builder.h"

/* How a long build talks to its caller; any may be NULL. Called from one thread. */
struct build_listener {
    void *context;
    void (*progress)(void *context, double done, double total); /* clips; total 0: unknown */
    void (*note)(void *context, const char *line);              /* a clip left out, and why */
};

/* The Bandai Namco Research Motiondataset. `root`: the .tar.xz, or a folder with
 * it, or a folder of unpacked .bvh files (any depth). 20 frames a second, 22
 * joints; at least 24 frames; clips of 200 frames and more are cut into equal
 * parts of at most 199; each clip with its mirrored twin; four captions a clip from
 * label and measures; the published split; word vectors of width 300 drawn from the
 * words. *out: set_builder_finish or set_builder_free. */
int build_bandai(const char *root, const struct build_listener *listener,
                 struct set_builder **out, struct error *e);

/* The published layout of HumanML3D (kit = 0) or KIT-ML (kit = 1): new_joint_vecs,
 * texts, train.txt val.txt test.txt, Mean.npy Std.npy; `glove` is the folder of the
 * published word vectors, NULL looks for ROOT/glove and ROOT/../glove, and without
 * them vectors are drawn from the words. Clips with non-finite values are named and
 * left out; files that a split names but that are not there are counted. */
int build_humanml3d(const char *root, const char *glove, int kit,
                    const struct build_listener *listener, struct set_builder **out,
                    struct error *e);

/* The same with every folder named. Statistics that are not there are derived, word vectors drawn: who
 * needs the published ones checks that the files are there. */
int build_published(const struct published_folders *folders, int kit, const struct build_listener *listener,
                    struct set_builder **out, struct error *e);

/* A folder (or .tar.xz) of .bvh files of any hierarchy, mapped to 22 joints by
 * `map` (a joint map file; NULL: that of Bandai Namco's skeleton). Captions: NAME.txt
 * beside NAME.bvh, one "caption" or "caption#tokens#from#to" a line. Splits:
 * train.txt, val.txt, test.txt in the folder, else by a hash of the name (80, 5,
 * 15 percent). */
int build_bvh(const char *root, const char *map, const struct build_listener *listener,
              struct set_builder **out, struct error *e);

/* A set without any download: `clips` seeded motions of a jointed figure (procedural_motion.h), each with
 * its mirrored twin and four captions that are true of it; lengths 40 … 199. */
int build_procedural(int clips, uint64_t seed, const struct build_listener *listener,
                     struct set_builder **out, struct error *e);

/* Length rules of the sets of BVH files. */
enum { BUILD_MIN_LENGTH = 24, BUILD_MAX_LENGTH = 200, BUILD_WORD_WIDTH = 300, BUILD_WORD_SEED = 1 };

#endif
