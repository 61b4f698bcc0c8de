/* What can be asked about the cpu table's surroundings: the BLAS that got loaded. */
#ifndef GM_CPU_H
#define GM_CPU_H
#include <stddef.h>

/* One line when the loaded OpenBLAS does not share OpenMP's threads (results stay right, but two
 * thread pools spin against each other: about half the speed); NULL when all is well. */
const char *gm_blas_warning(void);

/* "OpenBLAS 0.3.21 ... Haswell, 2 threads" into buf (size bytes); returns buf. */
const char *gm_cpu_describe(char *buf, size_t size);

/* "avx512 for floats, avx512-vnni for 8 bits, ..." into buf: the products that this processor gets,
 * and what is known of AMX. */
const char *gm_cpu_products(char *buf, size_t size);

#endif
