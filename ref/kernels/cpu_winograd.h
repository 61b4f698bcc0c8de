/* cpu_winograd.c, for cpu_conv.c alone: 3x3 convolutions with fewer multiplications. */
#ifndef GM_CPU_WINOGRAD_H
#define GM_CPU_WINOGRAD_H
#include "../kernels.h"

/* Whether sizes are such that it pays. */
int cpu_winograd_fits(const gm_conv *s);
/* Bytes of scratch, forward or backward. */
size_t cpu_winograd_scratch(const gm_conv *s);
/* As cpu_conv2d; 0 and nothing written when some number is too large, infinite or NaN. */
int cpu_winograd(float *y, const float *x, const void *w, gm_dtype wt, const float *b,
                 const gm_conv *s, void *scratch);
/* As cpu_conv2d_backward, without db. */
int cpu_winograd_backward(float *dx, float *dw, const float *dy, const float *x, const void *w,
                          gm_dtype wt, const gm_conv *s, void *scratch);

#endif
