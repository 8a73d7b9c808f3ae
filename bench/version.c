#include "version.h"

#include <H5public.h>
#include <cJSON.h>
#include <cblas.h>
#include <gsl/gsl_version.h>
#include <lzma.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <string.h>

#include "blas_core.h"

#ifndef MLCM_COMMIT
#define MLCM_COMMIT "unknown"
#endif

const char *version_commit(void)
{
    return MLCM_COMMIT;
}

const char *version_build(void)
{
#if defined(__AVX512F__)
    return "gcc " __VERSION__ ", AVX-512";
#elif defined(__AVX2__)
    return "gcc " __VERSION__ ", AVX2";
#else
    return "gcc " __VERSION__;
#endif
}

void version_libraries(struct library_version out[VERSION_LIBRARIES])
{
    static const char *const names[VERSION_LIBRARIES] = {"OpenBLAS", "HDF5",    "GSL",
                                                         "cJSON",    "OpenSSL", "liblzma"};
    for (int i = 0; i < VERSION_LIBRARIES; i++)
        out[i] = (struct library_version){.name = names[i], .version = "unknown"};

    /* openblas_get_config() starts with "OpenBLAS 0.3.21 …"; keep the number. */
    char number[24] = "";
    const char *config = openblas_get_config();
    if (config && sscanf(config, "OpenBLAS %23s", number) == 1)
        snprintf(out[0].version, sizeof out[0].version, "%s, %s kernels", number, blas_core_name());
    unsigned major, minor, release;
    if (H5get_libversion(&major, &minor, &release) >= 0)
        snprintf(out[1].version, sizeof out[1].version, "%u.%u.%u", major, minor, release);
    snprintf(out[2].version, sizeof out[2].version, "%s", gsl_version);
    snprintf(out[3].version, sizeof out[3].version, "%s", cJSON_Version());
    snprintf(out[4].version, sizeof out[4].version, "%s", OpenSSL_version(OPENSSL_VERSION_STRING));
    snprintf(out[5].version, sizeof out[5].version, "%s", lzma_version_string());
}
