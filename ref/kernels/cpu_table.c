/* The cpu table: what is not set here is the oracle's. */
#include <stddef.h>

#include "../kernels.h"
#include "cpu.h"

/* From OpenBLAS's cblas.h: 0 sequential, 1 pthread, 2 OpenMP. */
extern int openblas_get_parallel(void);

const gm_kernels *gm_kernels_cpu(void)
{
    static const gm_kernels table = { .name = "cpu" };
    return &table;
}

const char *gm_blas_warning(void)
{
    return openblas_get_parallel() == 2 ? NULL
        : "OpenBLAS was loaded in a build without OpenMP: expect half the speed (Debian: libopenblas0-openmp)";
}
