/* Losses and their gradients.  Each loss is one number: one block, sums in double, always in the
 * same order.  See ref/kernels.h. */
#include "cuda.h"

enum { THREADS = 256 };
static const unsigned WHOLE = 1024;

static __device__ double warp_sum(double v)
{
    for (int x = 16; x; x >>= 1) v += __shfl_xor_sync(FULL_WARP, v, x);
    return v;
}

/* As gpu_block_sum; room: 32 doubles. */
static __device__ double block_sum(double v, double *room)
{
    int lane = threadIdx.x & 31;
    v = warp_sum(v);
    __syncthreads();
    if (lane == 0) room[threadIdx.x >> 5] = v;
    __syncthreads();
    return warp_sum(lane < (int)(blockDim.x >> 5) ? room[lane] : 0);
}

/* ---- cross entropy ---- */

/* The largest of x (C), over the block, and the sum of exp(x - max). */
static __device__ float exp_sum(const float *x, int64_t C, float *max, float *room)
{
    float top = -INFINITY, part = 0;
    for (int64_t i = threadIdx.x; i < C; i += blockDim.x) top = fmaxf(top, x[i]);
    *max = gpu_block_max(top, room);
    for (int64_t i = threadIdx.x; i < C; i += blockDim.x) part += expf(x[i] - *max);
    return gpu_block_sum(part, room);
}

__global__ void k_cross_entropy(float *y, const float *x, const int32_t *label, int64_t R,
                                int64_t C)
{
    __shared__ float room[32];
    double sum = 0, rows = 0;
    for (int64_t r = 0; r < R; r++) {
        float max;
        if (label[r] < 0) continue;                         /* the same for the whole block */
        float total = exp_sum(x + r * C, C, &max, room);
        sum += (double)max - x[r * C + label[r]] + log((double)total);
        rows++;
    }
    if (threadIdx.x == 0) *y = (float)(sum / rows);
}

int cuda_cross_entropy(float *y, const float *x, const int32_t *label, int64_t R, int64_t C)
{
    LAUNCH(k_cross_entropy, 1, C > 4096 ? WHOLE : gpu_row_threads(C), 0, gpu.stream, y, x, label, R,
           C);
    return gpu_status();
}

/* A block to a row. */
__global__ void k_cross_entropy_backward(float *dx, const float *dy, const float *x,
                                         const int32_t *label, int64_t R, int64_t C)
{
    __shared__ float room[32];
    int64_t r = blockIdx.x;
    float max, rows = 0;
    if (label[r] < 0) return;                               /* the whole block */
    for (int64_t i = threadIdx.x; i < R; i += blockDim.x) rows += label[i] >= 0;
    float share = *dy / gpu_block_sum(rows, room);
    float total = exp_sum(x + r * C, C, &max, room);
    for (int64_t i = threadIdx.x; i < C; i += blockDim.x)
        dx[r * C + i] += share * (expf(x[r * C + i] - max) / total - (i == label[r]));
}

int cuda_cross_entropy_backward(float *dx, const float *dy, const float *x, const int32_t *label,
                                int64_t R, int64_t C)
{
    if (!gpu_small(R)) return 1;
    if (!dx || R * C == 0) return 0;
    LAUNCH(k_cross_entropy_backward, dim3((unsigned)R), dim3(gpu_row_threads(C)), 0, gpu.stream, dx,
           dy, x, label, R, C);
    return gpu_status();
}

/* ---- binary cross entropy ---- */

static __device__ float sigmoid(float x) { return 1 / (1 + expf(-x)); }

/* max(x, 0) - x t + log(1 + exp(-|x|)), in the form of ref_bce. */
__global__ void k_bce(float *y, const float *x, const float *t, int64_t n, int64_t P)
{
    __shared__ double room[32];
    double part = 0;
    for (int64_t i = threadIdx.x; i < n; i += blockDim.x)
        part += (1 - (double)t[i]) * x[i] + fmax(-(double)x[i], 0.0) + log1pf(expf(-fabsf(x[i])));
    double sum = block_sum(part, room);
    if (threadIdx.x == 0) *y = (float)(sum / (double)P);
}

int cuda_bce(float *y, const float *x, const float *t, int64_t N, int64_t P)
{
    LAUNCH(k_bce, 1, WHOLE, 0, gpu.stream, y, x, t, N * P, P);
    return gpu_status();
}

__global__ void k_bce_backward(float *dx, const float *dy, const float *x, const float *t,
                               int64_t n, float P)
{
    for (int64_t i = gpu_first<int64_t>(); i < n; i += gpu_step<int64_t>())
        dx[i] += *dy * ((sigmoid(x[i]) - t[i]) / P);
}

int cuda_bce_backward(float *dx, const float *dy, const float *x, const float *t, int64_t N,
                      int64_t P)
{
    if (!dx) return 0;
    LAUNCH(k_bce_backward, gpu_blocks(N * P, THREADS), THREADS, 0, gpu.stream, dx, dy, x, t, N * P,
           (float)P);
    return gpu_status();
}

/* ---- dice ---- */

#define DICE_SCALE 1000.0
#define DICE_EPS 1e-6

/* Twice the overlap of one mask, and the sum of both sizes. */
static __device__ void dice_terms(double *over, double *both, const float *x, const float *t,
                                  int64_t P, double *room)
{
    double o = 0, b = 0;
    for (int64_t i = threadIdx.x; i < P; i += blockDim.x) {
        double p = sigmoid(x[i]);
        o += 2 * (p / DICE_SCALE * t[i]);
        b += p / DICE_SCALE + t[i] / DICE_SCALE;
    }
    *over = DICE_EPS + block_sum(o, room);
    *both = DICE_EPS + block_sum(b, room);
}

__global__ void k_dice(float *y, const float *x, const float *t, int64_t N, int64_t P)
{
    __shared__ double room[32];
    double sum = 0, over, both;
    for (int64_t n = 0; n < N; n++) {
        dice_terms(&over, &both, x + n * P, t + n * P, P, room);
        sum += 1 - over / both;
    }
    if (threadIdx.x == 0) *y = (float)sum;
}

int cuda_dice(float *y, const float *x, const float *t, int64_t N, int64_t P)
{
    LAUNCH(k_dice, 1, P > 4096 ? WHOLE : gpu_row_threads(P), 0, gpu.stream, y, x, t, N, P);
    return gpu_status();
}

/* A block to a mask. */
__global__ void k_dice_backward(float *dx, const float *dy, const float *x, const float *t,
                                int64_t P)
{
    __shared__ double room[32];
    int64_t first = blockIdx.x * P;
    double over, both;
    dice_terms(&over, &both, x + first, t + first, P, room);
    float a = (float)(over / both), b = (float)(DICE_SCALE * both);
    for (int64_t i = first + threadIdx.x; i < first + P; i += blockDim.x) {
        float p = sigmoid(x[i]);
        dx[i] += *dy * ((a - 2 * t[i]) / b * p * (1 - p));
    }
}

int cuda_dice_backward(float *dx, const float *dy, const float *x, const float *t, int64_t N,
                       int64_t P)
{
    if (!gpu_small(N)) return 1;
    if (!dx || N * P == 0) return 0;
    LAUNCH(k_dice_backward, dim3((unsigned)N), dim3(P > 4096 ? WHOLE : gpu_row_threads(P)), 0,
           gpu.stream, dx, dy, x, t, P);
    return gpu_status();
}
