/* Stick-figure strips: a motion as a row of poses, drawn as SVG without any library. */
#ifndef MLCM_STRIPS_H
#define MLCM_STRIPS_H

#include "../datasets/skeleton.h"
#include "motions.h"

/* One SVG: `rows` motions (joints (frames[i], J, 3), metres; J of the skeleton), each with its title, `poses` poses a row,
 * seen from the side that shows most of the travel. Atomic. */
int strip_write(const char *path, const float *const *joints, const int *frames, const char *const *titles, int rows,
                const struct skeleton *s, int poses, struct error *e);

/* One SVG a clip, its motions below each other: FOLDER/strip_K.svg. */
int strips_write(const struct motions *m, const char *folder, struct error *e);

#endif
