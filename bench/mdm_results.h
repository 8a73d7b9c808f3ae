/* results.npy as MDM writes it: one NumPy object array that holds a dictionary with
 *   motion (N, J, 3, T) float32, positions; text, N captions (or one a sample); lengths (N); num_samples, num_repetitions.
 * Motion i is repetition i / num_samples of sample i % num_samples. The pickle is read, never executed. */
#ifndef MLCM_MDM_RESULTS_H
#define MLCM_MDM_RESULTS_H

#include "../engine/npy.h"

struct mdm_results;

int mdm_results_open(const char *path, struct mdm_results **out, struct error *e);
void mdm_results_close(struct mdm_results *r);
int mdm_results_count(const struct mdm_results *r);
int mdm_results_samples(const struct mdm_results *r);
const char *mdm_results_caption(const struct mdm_results *r, int motion);
/* Motion as an array (J, 3, its length); free with npy_free. */
int mdm_results_motion(const struct mdm_results *r, int motion, struct npy *out, struct error *e);

#endif
