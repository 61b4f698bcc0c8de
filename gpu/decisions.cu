/* Softmax over rows, and decisions: exact.  See ref/kernels.h. */
#include "cuda.h"

enum { THREADS = 256 };

/* The maximum passes over a NaN; the sum meets it.  A row of -inf gives NaN. */
__global__ void k_softmax(float *y, const float *x, int64_t C)
{
    __shared__ float room[32];
    const float *xr = x + blockIdx.x * C;
    float *yr = y + blockIdx.x * C, max = -INFINITY, part = 0;
    for (int64_t i = threadIdx.x; i < C; i += blockDim.x) max = fmaxf(max, xr[i]);
    max = gpu_block_max(max, room);
    for (int64_t i = threadIdx.x; i < C; i += blockDim.x) part += expf(xr[i] - max);
    float sum = gpu_block_sum(part, room);
    for (int64_t i = threadIdx.x; i < C; i += blockDim.x) yr[i] = expf(xr[i] - max) / sum;
}

int cuda_softmax(float *y, const float *x, int64_t R, int64_t C)
{
    if (!gpu_small(R)) return 1;
    if (R * C == 0) return 0;
    LAUNCH(k_softmax, dim3((unsigned)R), dim3(gpu_row_threads(C)), 0, gpu.stream, y, x, C);
    return gpu_status();
}

/* ---- argmax ---- */

/* Whether (v, i) comes before (w, j): the first NaN, else the largest, else the lowest index. */
static __device__ __forceinline__ bool wins(float v, int i, float w, int j)
{
    bool nan = v != v, other = w != w;
    if (nan || other) return nan && (!other || i < j);
    return v > w || (v == w && i < j);
}

static __device__ __forceinline__ void warp_best(float *v, int *i)
{
    for (int x = 16; x; x >>= 1) {
        float w = __shfl_xor_sync(FULL_WARP, *v, x);
        int j = __shfl_xor_sync(FULL_WARP, *i, x);
        if (wins(w, j, *v, *i)) *v = w, *i = j;
    }
}

__global__ void k_argmax(int32_t *y, const float *x, int64_t C)
{
    __shared__ float value[32];
    __shared__ int index[32];
    const float *xr = x + blockIdx.x * C;
    int lane = threadIdx.x & 31, at = 0x7fffffff;           /* behind every index that is there */
    float v = -INFINITY;
    for (int64_t i = threadIdx.x; i < C; i += blockDim.x)
        if (wins(xr[i], (int)i, v, at)) v = xr[i], at = (int)i;
    warp_best(&v, &at);
    if (lane == 0) value[threadIdx.x >> 5] = v, index[threadIdx.x >> 5] = at;
    __syncthreads();
    bool warp = lane < (int)(blockDim.x >> 5);
    v = warp ? value[lane] : -INFINITY;
    at = warp ? index[lane] : 0x7fffffff;
    warp_best(&v, &at);
    if (threadIdx.x == 0) y[blockIdx.x] = at;
}

int cuda_argmax(int32_t *y, const float *x, int64_t R, int64_t C)
{
    if (!gpu_small(R) || !gpu_small(C)) return 1;
    if (R * C == 0) return 0;
    unsigned threads = C > 8192 ? 1024 : gpu_row_threads(C);
    LAUNCH(k_argmax, dim3((unsigned)R), dim3(threads), 0, gpu.stream, y, x, C);
    return gpu_status();
}

/* ---- finite ---- */

__global__ void k_yes(int32_t *y)
{
    if (threadIdx.x == 0) *y = 1;
}

/* Threads that find something all write the same. */
__global__ void k_finite(int32_t *y, const float *x, int64_t N)
{
    for (int64_t i = gpu_first<int64_t>(); i < N; i += gpu_step<int64_t>())
        if ((__float_as_uint(x[i]) & 0x7f800000) == 0x7f800000) *y = 0;
}

int cuda_finite(int32_t *y, const float *x, int64_t N)
{
    LAUNCH(k_yes, 1, 32, 0, gpu.stream, y);
    int bad = gpu_status();
    if (bad) return bad;
    LAUNCH(k_finite, gpu_blocks(N, THREADS), THREADS, 0, gpu.stream, y, x, N);
    return gpu_status();
}
