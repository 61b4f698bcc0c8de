/* See blas.h. */
#include "blas.h"

#include <vector>

struct emu_blas { cudaStream_t stream; };

cublasStatus_t cublasCreate(cublasHandle_t *handle)
{
    *handle = new emu_blas();
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasDestroy(cublasHandle_t handle)
{
    delete handle;
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasSetStream(cublasHandle_t handle, cudaStream_t stream)
{
    handle->stream = stream;
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasSetWorkspace(cublasHandle_t, void *, size_t) { return CUBLAS_STATUS_SUCCESS; }

static float value(const void *p, cudaDataType t, int64_t i)
{
    if (t == CUDA_R_32F) return static_cast<const float *>(p)[i];
    uint16_t h = static_cast<const uint16_t *>(p)[i];
    return t == CUDA_R_16F ? gpu_half(h) : __uint_as_float((unsigned)h << 16);
}

static const char *behind(const void *p, cudaDataType t, int64_t n)
{
    return static_cast<const char *>(p) + n * (t == CUDA_R_32F ? 4 : 2);
}

/* rows x k, each row together: what the product walks along. */
static std::vector<float> rows_of(const void *p, cudaDataType t, bool together, int64_t rows,
                                  int64_t k, int64_t ld)
{
    std::vector<float> out((size_t)(rows * k));
    for (int64_t i = 0; i < rows; i++)
        for (int64_t l = 0; l < k; l++)
            out[(size_t)(i * k + l)] = value(p, t, together ? i * ld + l : i + l * ld);
    return out;
}

/* Eight partial sums, as a tiled kernel has several.  What it reads was checked by rows_of. */
__attribute__((no_sanitize("address", "undefined"), optimize("O3")))
static float dot(const float *a, const float *b, int64_t k)
{
    float part[8] = { 0 }, sum = 0;
    int64_t l = 0;
    for (; l + 8 <= k; l += 8)
        for (int p = 0; p < 8; p++) part[p] += a[l + p] * b[l + p];
    for (; l < k; l++) part[l & 7] += a[l] * b[l];
    for (int p = 0; p < 8; p++) sum += part[p];
    return sum;
}

static void product(cublasOperation_t opa, cublasOperation_t opb, int m, int n, int k, float alpha,
                    const void *a, cudaDataType at, int64_t lda, const void *b, cudaDataType bt,
                    int64_t ldb, float beta, float *c, int64_t ldc)
{
    std::vector<float> x = rows_of(a, at, opa == CUBLAS_OP_T, m, k, lda);
    std::vector<float> y = rows_of(b, bt, opb == CUBLAS_OP_N, n, k, ldb);
    for (int64_t j = 0; j < n; j++)
        for (int64_t i = 0; i < m; i++) {
            float old = beta == 0 ? 0 : beta * c[i + j * ldc];  /* beta 0: C is not read */
            c[i + j * ldc] = alpha * dot(x.data() + i * k, y.data() + j * k, k) + old;
        }
}

cublasStatus_t cublasGemmStridedBatchedEx(
    cublasHandle_t handle, cublasOperation_t opa, cublasOperation_t opb, int m, int n, int k,
    const void *alpha, const void *a, cudaDataType at, int lda, long long stridea, const void *b,
    cudaDataType bt, int ldb, long long strideb, const void *beta, void *c, cudaDataType ct,
    int ldc, long long stridec, int count, cublasComputeType_t compute, cublasGemmAlgo_t)
{
    if (m < 0 || n < 0 || k < 0 || count < 0 || lda < (opa == CUBLAS_OP_N ? m : k) ||
        ldb < (opb == CUBLAS_OP_N ? k : n) || ldc < m || lda < 1 || ldb < 1 || ldc < 1)
        return CUBLAS_STATUS_INVALID_VALUE;
    if (at != bt || ct != CUDA_R_32F ||
        (compute == CUBLAS_COMPUTE_32F_PEDANTIC && at != CUDA_R_32F))
        return CUBLAS_STATUS_NOT_SUPPORTED;
    float al = *static_cast<const float *>(alpha), be = *static_cast<const float *>(beta);
    emu::submit_host(handle->stream, [=]() {
        for (int64_t q = 0; q < count; q++)
            product(opa, opb, m, n, k, al, behind(a, at, q * stridea), at, lda,
                    behind(b, bt, q * strideb), bt, ldb, be, static_cast<float *>(c) + q * stridec,
                    ldc);
    });
    return CUBLAS_STATUS_SUCCESS;
}
