/* Kernels that compute nothing, for plans of memory. */
#ifndef GM_NONE_KERNELS_H
#define GM_NONE_KERNELS_H
#include "../kernels.h"

/* Fills *k: every kernel returns at once (finite says yes), scratch sizes are those of `real`. */
void gm_kernels_none(gm_kernels *k, const gm_kernels *real);

#endif
