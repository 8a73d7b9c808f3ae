/* A folder of motions that another program made, one a caption of a set.
 *
 * NAME.npy is the motion of clip NAME of the split; NAME_0.npy, NAME_1.npy … are several of one caption. The caption
 * is the first line of NAME.txt beside it, or NAME's line "NAME<tab>caption" of a captions file, up to a "#"; it must
 * be one that the set has, of that clip or, where NAME is no clip, of any. Without one, the clip's captions are drawn
 * in each replication, as for real motions. results.npy is what MDM writes: many motions with their captions. */
#ifndef MLCM_FOREIGN_H
#define MLCM_FOREIGN_H

#include "foreign_motion.h"
#include "mdm_results.h"

/* Motions of one caption: `repeats` of them, in files[first …]. */
struct foreign_caption {
    char name[200];
    int item;              /* of the split */
    int caption;           /* of the item; -1: none was said */
    int first, repeats;
};

struct foreign_file {
    char stem[200];        /* of the file; in results.npy "sample3_0": the first repetition of sample 3 */
    int index;             /* in results.npy; -1: a file of its own */
};

struct foreign {
    char folder[1024];
    int captions, files;
    struct foreign_caption *caption;   /* ascending by item, then by name */
    struct foreign_file *file;
    struct mdm_results *mdm;           /* of results.npy, or NULL */
};

/* `folder` may also be the path of such a results.npy, by any name that ends in ".npy". `captions_file` may be NULL. ERR_INPUT names the file that fits no caption, is there twice or lacks. */
int foreign_open(const char *folder, const char *captions_file, const struct set *s, const struct items *items, const char *split,
                 struct foreign *f, struct error *e);
void foreign_free(struct foreign *f);
/* Reads motion k of f as foreign_features does. */
int foreign_read(const struct foreign *f, int k, const struct set *s, const struct foreign_rule *rule, float **features, int *rows,
                 struct foreign_look *look, struct error *e);

#endif
