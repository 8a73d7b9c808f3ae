/* Empty registries for the families whose verify_*.c file is not linked in;
 * a family's own definition takes the place of the weak one here. */
#include "verify.h"

#define EMPTY_REGISTRY(name) __attribute__((weak)) const struct verify_kind name[1] = {{NULL, NULL}}

EMPTY_REGISTRY(verify_kinds_features);
EMPTY_REGISTRY(verify_kinds_metrics);
EMPTY_REGISTRY(verify_kinds_networks);
EMPTY_REGISTRY(verify_kinds_training);
EMPTY_REGISTRY(verify_kinds_dataset);
