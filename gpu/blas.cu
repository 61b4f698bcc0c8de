/* See blas.h.  cuBLAS counts columns first: a row-major (R, C) is its (C, R) with leading dimension
 * C, so the factors change places. */
#include "blas.h"

static bool fits(int64_t n) { return n >= 0 && n <= 0x7fffffff; }
static cudaDataType kind(gm_dtype t) { return t == GM_BF16 ? CUDA_R_16BF : CUDA_R_32F; }

int gpu_product_nt(float *y, const void *x, int64_t ldx, const void *w, gm_dtype t, int64_t R,
                   int64_t N, int64_t K, int64_t ldy, bool onto)
{
    const float one = 1, beta = onto ? 1 : 0;
    if (!fits(R) || !fits(N) || !fits(K) || !fits(ldx) || !fits(ldy)) return -1;
    if (R * N == 0) return 0;
    return (int)cublasGemmStridedBatchedEx(
        gpu.blas, CUBLAS_OP_T, CUBLAS_OP_N, (int)N, (int)R, (int)K, &one, w, kind(t), (int)K, 0, x,
        kind(t), (int)ldx, 0, &beta, y, CUDA_R_32F, (int)ldy, 0, 1, CUBLAS_COMPUTE_32F,
        CUBLAS_GEMM_DEFAULT);
}

int gpu_product_nn(float *y, const void *a, int64_t lda, const void *b, gm_dtype t, int64_t M,
                   int64_t N, int64_t K, int64_t ldy, bool onto, int64_t count, int64_t stride_b,
                   int64_t stride_y)
{
    const float one = 1, beta = onto ? 1 : 0;
    if (!fits(M) || !fits(N) || !fits(lda) || !fits(ldy) || !fits(count)) return -1;
    if (M * N * count == 0) return 0;
    return (int)cublasGemmStridedBatchedEx(
        gpu.blas, CUBLAS_OP_N, CUBLAS_OP_N, (int)N, (int)M, (int)K, &one, b, kind(t), (int)N,
        stride_b, a, kind(t), (int)lda, 0, &beta, y, CUDA_R_32F, (int)ldy, stride_y, (int)count,
        CUBLAS_COMPUTE_32F, CUBLAS_GEMM_DEFAULT);
}

int gpu_product_tn(float *y, const float *a, const float *b, int64_t ldb, int64_t M, int64_t N,
                   int64_t K, bool onto)
{
    const float one = 1, beta = onto ? 1 : 0;
    if (!fits(M) || !fits(N) || !fits(K) || !fits(ldb)) return -1;
    if (M * N * K == 0) return 0;
    return (int)cublasGemmStridedBatchedEx(
        gpu.blas, CUBLAS_OP_N, CUBLAS_OP_T, (int)N, (int)M, (int)K, &one, b, CUDA_R_32F, (int)ldb,
        0, a, CUDA_R_32F, (int)M, 0, &beta, y, CUDA_R_32F, (int)N, 0, 1, CUBLAS_COMPUTE_32F,
        CUBLAS_GEMM_DEFAULT);
}
