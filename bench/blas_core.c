#include "blas_core.h"

#include <cblas.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const char *blas_core_name(void)
{
    const char *name = openblas_get_corename();
    return name ? name : "unknown";
}

void blas_core_choose(char **argv)
{
#ifdef __x86_64__
    static const char *const with_avx512[] = {"SkylakeX", "Cooperlake", "SapphireRapids"};
    for (size_t i = 0; i < sizeof with_avx512 / sizeof *with_avx512; i++)
        if (!strcmp(blas_core_name(), with_avx512[i]))
            return;
    __builtin_cpu_init();
    if (!__builtin_cpu_supports("avx512f") || !__builtin_cpu_supports("avx512bw") ||
        !__builtin_cpu_supports("avx512dq") || !__builtin_cpu_supports("avx512vl"))
        return;
    /* Set means chosen: by the user, or by this function in the program's first
     * start. So a program is started anew at most once, even with an OpenBLAS
     * that has no such kernels and ignores the variable. */
    if (getenv("OPENBLAS_CORETYPE") || setenv("OPENBLAS_CORETYPE", "SkylakeX", 1))
        return;
    execv("/proc/self/exe", argv);
    unsetenv("OPENBLAS_CORETYPE");
#else
    (void)argv;
#endif
}
