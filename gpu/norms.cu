/* Norms: a block to a row, mean first, then the squares around it.  See ref/kernels.h. */
#include "cuda.h"

__global__ void k_layernorm(float *y, const float *x, const float *w, const float *b, int64_t C,
                            float eps)
{
    __shared__ float room[32];
    const float *xr = x + blockIdx.x * C;
    float *yr = y + blockIdx.x * C, part = 0;
    for (int64_t i = threadIdx.x; i < C; i += blockDim.x) part += xr[i];
    float mean = gpu_block_sum(part, room) / (float)C;
    part = 0;
    for (int64_t i = threadIdx.x; i < C; i += blockDim.x) part += (xr[i] - mean) * (xr[i] - mean);
    float norm = 1 / sqrtf(gpu_block_sum(part, room) / (float)C + eps);
    for (int64_t i = threadIdx.x; i < C; i += blockDim.x)
        yr[i] = (xr[i] - mean) * norm * w[i] + b[i];
}

int cuda_layernorm(float *y, const float *x, const float *w, const float *b, int64_t R, int64_t C,
                   float eps)
{
    if (!gpu_small(R)) return 1;
    if (R * C == 0) return 0;
    LAUNCH(k_layernorm, dim3((unsigned)R), dim3(gpu_row_threads(C)), 0, gpu.stream, y, x, w, b, C,
           eps);
    return gpu_status();
}

__global__ void k_rmsnorm(float *y, const float *x, const float *w, int64_t C, float eps)
{
    __shared__ float room[32];
    const float *xr = x + blockIdx.x * C;
    float *yr = y + blockIdx.x * C, part = 0;
    for (int64_t i = threadIdx.x; i < C; i += blockDim.x) part += xr[i] * xr[i];
    float norm = sqrtf(gpu_block_sum(part, room) / (float)C + eps);
    for (int64_t i = threadIdx.x; i < C; i += blockDim.x) yr[i] = w[i] * (xr[i] / norm);
}

int cuda_rmsnorm(float *y, const float *x, const float *w, int64_t R, int64_t C, float eps)
{
    if (!gpu_small(R)) return 1;
    if (R * C == 0) return 0;
    LAUNCH(k_rmsnorm, dim3((unsigned)R), dim3(gpu_row_threads(C)), 0, gpu.stream, y, x, w, C, eps);
    return gpu_status();
}

/* A block to a group: width channels, together in memory. */
__global__ void k_groupnorm(float *y, const float *x, const float *w, const float *b, int64_t HW,
                            int64_t width, int64_t G, float eps)
{
    __shared__ float room[32];
    int64_t n = width * HW, first = blockIdx.x % G * width;
    const float *xg = x + blockIdx.x * n;
    float *yg = y + blockIdx.x * n, part = 0;
    for (int64_t i = threadIdx.x; i < n; i += blockDim.x) part += xg[i];
    float mean = gpu_block_sum(part, room) / (float)n;
    part = 0;
    for (int64_t i = threadIdx.x; i < n; i += blockDim.x) part += (xg[i] - mean) * (xg[i] - mean);
    float norm = 1 / sqrtf(gpu_block_sum(part, room) / (float)n + eps);
    for (int64_t c = 0; c < width; c++)
        for (int64_t i = threadIdx.x; i < HW; i += blockDim.x)
            yg[c * HW + i] = (xg[c * HW + i] - mean) * norm * w[first + c] + b[first + c];
}

int cuda_groupnorm(float *y, const float *x, const float *w, const float *b, int64_t B, int64_t C,
                   int64_t HW, int64_t G, float eps)
{
    int64_t n = C / G * HW;
    unsigned threads = n > 8192 ? 1024 : gpu_row_threads(n);
    if (!gpu_small(B * G)) return 1;
    if (B * G * n == 0) return 0;
    LAUNCH(k_groupnorm, dim3((unsigned)(B * G)), dim3(threads), 0, gpu.stream, y, x, w, b, HW,
           C / G, G, eps);
    return gpu_status();
}

/* ---- over the channels of each pixel: segment_anything common.py, LayerNorm2d ---- */

enum { PIXELS = 32, SHARES = 8 };

/* Adds what the block's shares of one pixel's channels have; every share gets the sum. */
static __device__ float sum_shares(float part, float (*room)[PIXELS])
{
    float all = 0;
    __syncthreads();
    room[threadIdx.y][threadIdx.x] = part;
    __syncthreads();
    for (int i = 0; i < SHARES; i++) all += room[i][threadIdx.x];
    return all;
}

/* 32 pixels to a block; each pixel's channels in 8 shares. */
__global__ void k_layernorm2d(float *y, const float *x, const float *w, const float *b,
                              int64_t pixels, int64_t C, int64_t HW, float eps)
{
    __shared__ float room[SHARES][PIXELS];
    int64_t p = (int64_t)blockIdx.x * PIXELS + threadIdx.x;
    bool inside = p < pixels;
    int64_t at = inside ? p / HW * C * HW + p % HW : 0;
    float part = 0;
    for (int64_t c = threadIdx.y; inside && c < C; c += SHARES) part += x[at + c * HW];
    float mean = sum_shares(part, room) / (float)C;
    part = 0;
    for (int64_t c = threadIdx.y; inside && c < C; c += SHARES)
        part += (x[at + c * HW] - mean) * (x[at + c * HW] - mean);
    float norm = 1 / sqrtf(sum_shares(part, room) / (float)C + eps);
    for (int64_t c = threadIdx.y; inside && c < C; c += SHARES)
        y[at + c * HW] = (x[at + c * HW] - mean) * norm * w[c] + b[c];
}

int cuda_layernorm2d(float *y, const float *x, const float *w, const float *b, int64_t B, int64_t C,
                     int64_t HW, float eps)
{
    int64_t blocks = (B * HW + PIXELS - 1) / PIXELS;
    if (!gpu_small(blocks)) return 1;
    if (B * C * HW == 0) return 0;
    LAUNCH(k_layernorm2d, dim3((unsigned)blocks), dim3(PIXELS, SHARES), 0, gpu.stream, y, x, w, b,
           B * HW, C, HW, eps);
    return gpu_status();
}
