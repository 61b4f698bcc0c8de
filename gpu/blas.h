/* Matrix products in row-major terms, over cuBLAS (or its emulation).  f32 is computed in f32,
 * never TF32; bf16 is summed in f32. */
#ifndef GPU_BLAS_H
#define GPU_BLAS_H
#include "cuda.h"

/* y (R, N), rows ldy apart = x (R, K), rows ldx apart, times w (N, K)^T, plus what is in y when
 * `onto`.  x and w of type t. */
int gpu_product_nt(float *y, const void *x, int64_t ldx, const void *w, gm_dtype t, int64_t R,
                   int64_t N, int64_t K, int64_t ldy, bool onto);
/* y (M, N), rows ldy apart = a (M, K), rows lda apart, times b (K, N), plus what is in y when
 * `onto`; count times, b and y moving on by stride_b and stride_y elements.  a and b of type t. */
int gpu_product_nn(float *y, const void *a, int64_t lda, const void *b, gm_dtype t, int64_t M,
                   int64_t N, int64_t K, int64_t ldy, bool onto, int64_t count, int64_t stride_b,
                   int64_t stride_y);
/* y (M, N) = a (K, M)^T b (K, N), b's rows ldb apart, plus what is in y when `onto`; all f32. */
int gpu_product_tn(float *y, const float *a, const float *b, int64_t ldb, int64_t M, int64_t N,
                   int64_t K, bool onto);

#endif
