/* One motion that another program made, as features of a set.
 *
 * An array is features (T, nfeats), not normalised, or joints (T, J, 3) or (J, 3, T) with y up, in metres (KIT-ML:
 * millimetres). Of joints, n positions give n rows of features: the position after the last, which the
 * representation looks at, is a step on in a straight line. Rows beyond whole units of 4 are cut. */
#ifndef MLCM_FOREIGN_MOTION_H
#define MLCM_FOREIGN_MOTION_H

#include "../datasets/set.h"
#include "../engine/npy.h"

struct foreign_rule {
    double fps;            /* of joints; 0: the set's */
    int normalised;        /* features are normalised by the set's statistics */
};

/* What many motions look like together, to find mistakes that one alone does not show. */
struct foreign_look {
    int motions, joints;   /* how many; how many of them were joints */
    int lying;             /* joints in which the head is not above the feet */
    double height;         /* sum of the mean root heights */
};

/* *features (*rows, nfeats), not normalised, malloc'd. `name` stands before messages. ERR_INPUT: a shape, length,
 * skeleton or frame rate that does not fit the set, bones of impossible length, a value that is not finite. */
int foreign_features(const char *name, const struct npy *a, const struct set *s, const struct foreign_rule *rule, float **features,
                     int *rows, struct foreign_look *look, struct error *e);
/* After the last motion: z instead of y up, features normalised without having said so. */
int foreign_plausible(const struct foreign_look *look, const struct set *s, struct error *e);

#endif
