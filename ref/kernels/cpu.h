/* What the cpu table says about itself. */
#ifndef GM_KERNELS_CPU_H
#define GM_KERNELS_CPU_H

/* A line for the user when OpenBLAS was not built for OpenMP (two thread pools then spin against each other:
 * half the speed); NULL when all is well. */
const char *gm_blas_warning(void);

#endif
