#include "device_option.h"
#include <stdlib.h>
#include <string.h>

static int find(const char *const *names, const char *name)
{
    for (int i = 0; names[i]; i++)
        if (!strcmp(names[i], name)) return i;
    return -1;
}

/* One of the two: what was said, where, and the number of the name. */
static int choose(const char *flag, const char *option, const char *variable, const char *const *names, const char *help, int *number,
                  struct error *e)
{
    const char *set = getenv(variable), *said = flag ? flag : set && *set ? set : NULL;
    if (!said) return 0;
    int found = find(names, said);
    if (found < 0) return error_set(e, ERR_USAGE, "%s is \"%.40s\"; use %s", flag ? option : variable, said, help);
    *number = found;
    return 0;
}

int device_option_choose(const struct device_option *o, struct device_choice *choice, struct error *e)
{
    int kind = (int)choice->kind, math = (int)choice->math;
    int rc = choose(o->device, "--device", "MLCM_DEVICE", device_kind_names, "cpu or cuda", &kind, e);
    if (!rc) rc = choose(o->math, "--gpu-math", "MLCM_GPU_MATH", device_math_names, "fp32, tf32 or bf16", &math, e);
    if (!rc && o->math && kind == DEVICE_CPU)
        rc = error_set(e, ERR_USAGE, "--gpu-math %s: the CPU computes in fp32 alone; add --device cuda", o->math);
    if (rc) return rc;
    choice->kind = (enum device_kind)kind;
    choice->math = kind == DEVICE_CUDA ? (enum device_math)math : MATH_FP32;
    return 0;
}

const char *device_choice_name(const struct device_choice *choice, char name[24])
{
    int cuda = choice->kind == DEVICE_CUDA;
    snprintf(name, 24, "%s%s%s", device_kind_names[choice->kind], cuda ? " " : "", cuda ? device_math_names[choice->math] : "");
    return name;
}
