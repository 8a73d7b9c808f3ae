/* The choice of OpenBLAS's kernels.
 *
 * OpenBLAS picks its kernels by CPU model. A release older than the CPU does
 * not know the model and falls back to AVX2 ("Haswell") kernels, even where
 * the CPU has AVX-512 and the kernels named "SkylakeX" run about twice as
 * fast. OpenBLAS takes another choice only from the environment variable
 * OPENBLAS_CORETYPE, which it reads while it is being loaded, before main. */
#ifndef MLCM_BLAS_CORE_H
#define MLCM_BLAS_CORE_H

/* Where the CPU has AVX-512 (F, BW, DQ, VL), OpenBLAS chose kernels without it
 * and OPENBLAS_CORETYPE is unset: sets it to SkylakeX and starts this program
 * anew with the same arguments, in the same process. Otherwise, and where the
 * new start fails, returns and changes nothing that matters: results differ by
 * rounding, speed by a factor. To be called first in main. OPENBLAS_CORETYPE
 * set by the user (Haswell, say) is always left alone. */
void blas_core_choose(char **argv);

/* The name of the kernels in use, such as "SkylakeX". */
const char *blas_core_name(void);

#endif
