/* Gradients of the norms.  With g = w dy and xhat = (x - mean) / sd of a group of n elements:
 * dx += (g - mean(g) - xhat mean(g xhat)) / sd, dw += dy xhat, db += dy.  See ref/kernels.h. */
#include "columns.h"

/* Mean and standard deviation of n elements, over the block. */
static __device__ void moments(float *mean, float *sd, const float *x, int64_t n, float eps,
                               float *room)
{
    float part = 0;
    for (int64_t i = threadIdx.x; i < n; i += blockDim.x) part += x[i];
    *mean = gpu_block_sum(part, room) / (float)n;
    part = 0;
    for (int64_t i = threadIdx.x; i < n; i += blockDim.x) part += (x[i] - *mean) * (x[i] - *mean);
    *sd = sqrtf(gpu_block_sum(part, room) / (float)n + eps);
}

/* A block to a group of `width` channels of HW elements each, G groups to an image. */
__global__ void k_norm_dx(float *dx, const float *dy, const float *x, const float *w, int64_t HW,
                          int64_t width, int64_t G, float eps)
{
    __shared__ float room[32];
    int64_t n = width * HW, at = blockIdx.x * n, first = blockIdx.x % G * width;
    float mean, sd, part = 0, along = 0;
    moments(&mean, &sd, x + at, n, eps, room);
    for (int64_t i = threadIdx.x; i < n; i += blockDim.x) {
        float g = w[first + i / HW] * dy[at + i];
        part += g;
        along += g * ((x[at + i] - mean) / sd);
    }
    part = gpu_block_sum(part, room) / (float)n;
    along = gpu_block_sum(along, room) / (float)n;
    for (int64_t i = threadIdx.x; i < n; i += blockDim.x) {
        float g = w[first + i / HW] * dy[at + i];
        dx[at + i] += (g - part - (x[at + i] - mean) / sd * along) / sd;
    }
}

static int norm_dx(float *dx, const float *dy, const float *x, const float *w, int64_t groups,
                   int64_t HW, int64_t width, int64_t G, float eps)
{
    int64_t n = width * HW;
    unsigned threads = n > 8192 ? 1024u : gpu_row_threads(n);
    if (!gpu_small(groups)) return 1;
    if (!dx || groups * n == 0) return 0;
    LAUNCH(k_norm_dx, dim3((unsigned)groups), dim3(threads), 0, gpu.stream, dx, dy, x, w, HW, width,
           G, eps);
    return gpu_status();
}

/* ---- dw, db of a norm over rows: 32 columns to a block; each warp takes every eighth row, whose
 * moments it computes again ---- */

template <bool MEAN>
__global__ void k_row_norm_dw(float *dw, float *db, const float *dy, const float *x, int64_t R,
                              int64_t C, float eps)
{
    __shared__ float room[2][COLUMN_SHARES][COLUMNS];
    int64_t c = (int64_t)blockIdx.x * COLUMNS + threadIdx.x;
    float sum_w = 0, sum_b = 0;
    for (int64_t r = threadIdx.y; r < R; r += COLUMN_SHARES) {
        const float *xr = x + r * C;
        float mean = 0, part = 0;
        for (int64_t i = threadIdx.x; MEAN && i < C; i += 32) part += xr[i];
        if (MEAN) mean = gpu_warp_sum(part) / (float)C;
        part = 0;
        for (int64_t i = threadIdx.x; i < C; i += 32) part += (xr[i] - mean) * (xr[i] - mean);
        float sd = sqrtf(gpu_warp_sum(part) / (float)C + eps);
        if (c < C) {
            sum_w += dy[r * C + c] * ((xr[c] - mean) / sd);
            sum_b += dy[r * C + c];
        }
    }
    room[0][threadIdx.y][threadIdx.x] = sum_w;
    room[1][threadIdx.y][threadIdx.x] = sum_b;
    __syncthreads();
    if (threadIdx.y > 1 || c >= C) return;
    float *d = threadIdx.y ? db : dw, sum = 0;
    for (int i = 0; i < COLUMN_SHARES; i++) sum += room[threadIdx.y][i][threadIdx.x];
    if (d) d[c] += sum;
}

static dim3 column_blocks(int64_t C) { return dim3((unsigned)((C + COLUMNS - 1) / COLUMNS)); }

int cuda_layernorm_backward(float *dx, float *dw, float *db, const float *dy, const float *x,
                            const float *w, int64_t R, int64_t C, float eps)
{
    int bad = norm_dx(dx, dy, x, w, R, 1, C, 1, eps);
    if (bad || (!dw && !db) || R * C == 0) return bad;
    LAUNCH((k_row_norm_dw<true>), column_blocks(C), dim3(COLUMNS, COLUMN_SHARES), 0, gpu.stream, dw,
           db, dy, x, R, C, eps);
    return gpu_status();
}

/* ---- RMS norm: no mean ---- */

__global__ void k_rmsnorm_dx(float *dx, const float *dy, const float *x, const float *w, int64_t C,
                             float eps)
{
    __shared__ float room[32];
    int64_t at = blockIdx.x * C;
    float part = 0, along = 0;
    for (int64_t i = threadIdx.x; i < C; i += blockDim.x) part += x[at + i] * x[at + i];
    float norm = sqrtf(gpu_block_sum(part, room) / (float)C + eps);
    for (int64_t i = threadIdx.x; i < C; i += blockDim.x)
        along += w[i] * dy[at + i] * (x[at + i] / norm);
    along = gpu_block_sum(along, room) / (float)C;
    for (int64_t i = threadIdx.x; i < C; i += blockDim.x)
        dx[at + i] += (w[i] * dy[at + i] - x[at + i] / norm * along) / norm;
}

int cuda_rmsnorm_backward(float *dx, float *dw, const float *dy, const float *x, const float *w,
                          int64_t R, int64_t C, float eps)
{
    int bad = 0;
    if (!gpu_small(R)) return 1;
    if (R * C == 0) return 0;
    if (dx) {
        LAUNCH(k_rmsnorm_dx, dim3((unsigned)R), dim3(gpu_row_threads(C)), 0, gpu.stream, dx, dy, x,
               w, C, eps);
        bad = gpu_status();
    }
    if (bad || !dw) return bad;
    LAUNCH((k_row_norm_dw<false>), column_blocks(C), dim3(COLUMNS, COLUMN_SHARES), 0, gpu.stream,
           dw, static_cast<float *>(NULL), dy, x, R, C, eps);
    return gpu_status();
}

/* ---- groups ---- */

/* A block to a channel, image after image. */
__global__ void k_group_norm_dw(float *dw, float *db, const float *dy, const float *x, int64_t B,
                                int64_t C, int64_t HW, int64_t width, float eps)
{
    __shared__ float room[32];
    int64_t c = blockIdx.x;
    float sum_w = 0, sum_b = 0;
    for (int64_t b = 0; b < B; b++) {
        int64_t at = (b * C + c) * HW;
        float mean, sd;
        moments(&mean, &sd, x + (b * C + c / width * width) * HW, width * HW, eps, room);
        for (int64_t e = at + threadIdx.x; e < at + HW; e += blockDim.x) {
            sum_w += dy[e] * ((x[e] - mean) / sd);
            sum_b += dy[e];
        }
    }
    sum_w = gpu_block_sum(sum_w, room);
    sum_b = gpu_block_sum(sum_b, room);
    if (threadIdx.x == 0 && dw) dw[c] += sum_w;
    if (threadIdx.x == 0 && db) db[c] += sum_b;
}

int cuda_groupnorm_backward(float *dx, float *dw, float *db, const float *dy, const float *x,
                            const float *w, int64_t B, int64_t C, int64_t HW, int64_t G, float eps)
{
    int64_t width = C / G;
    int bad = norm_dx(dx, dy, x, w, B * G, HW, width, G, eps);
    if (bad || (!dw && !db) || B * C * HW == 0) return bad;
    LAUNCH(k_group_norm_dw, dim3((unsigned)C), dim3(256), 0, gpu.stream, dw, db, dy, x, B, C, HW,
           width, eps);
    return gpu_status();
}

/* ---- over the channels of each pixel ---- */

/* A warp to a pixel: mean and standard deviation of its channels, HW apart. */
static __device__ void pixel_moments(float *mean, float *sd, const float *x, int64_t C, int64_t HW,
                                     float eps)
{
    float part = 0;
    for (int64_t i = threadIdx.x & 31; i < C; i += 32) part += x[i * HW];
    *mean = gpu_warp_sum(part) / (float)C;
    part = 0;
    for (int64_t i = threadIdx.x & 31; i < C; i += 32)
        part += (x[i * HW] - *mean) * (x[i * HW] - *mean);
    *sd = sqrtf(gpu_warp_sum(part) / (float)C + eps);
}

__global__ void k_pixel_norm_dx(float *dx, const float *dy, const float *x, const float *w,
                                int64_t pixels, int64_t C, int64_t HW, float eps)
{
    int64_t p = (int64_t)blockIdx.x * (blockDim.x >> 5) + (threadIdx.x >> 5);
    if (p >= pixels) return;                                /* a whole warp; no barrier follows */
    int64_t at = p / HW * C * HW + p % HW;
    float mean, sd, part = 0, along = 0;
    pixel_moments(&mean, &sd, x + at, C, HW, eps);
    for (int64_t i = threadIdx.x & 31; i < C; i += 32) {
        float g = w[i] * dy[at + i * HW];
        part += g;
        along += g * ((x[at + i * HW] - mean) / sd);
    }
    part = gpu_warp_sum(part) / (float)C;
    along = gpu_warp_sum(along) / (float)C;
    for (int64_t i = threadIdx.x & 31; i < C; i += 32) {
        int64_t e = at + i * HW;
        dx[e] += (w[i] * dy[e] - part - (x[e] - mean) / sd * along) / sd;
    }
}

/* A block to 32 channels, as k_row_norm_dw with pixels for rows. */
__global__ void k_pixel_norm_dw(float *dw, float *db, const float *dy, const float *x,
                                int64_t pixels, int64_t C, int64_t HW, float eps)
{
    __shared__ float room[2][COLUMN_SHARES][COLUMNS];
    int64_t c = (int64_t)blockIdx.x * COLUMNS + threadIdx.x;
    float sum_w = 0, sum_b = 0;
    for (int64_t p = threadIdx.y; p < pixels; p += COLUMN_SHARES) {
        int64_t at = p / HW * C * HW + p % HW;
        float mean, sd;
        pixel_moments(&mean, &sd, x + at, C, HW, eps);
        if (c < C) {
            sum_w += dy[at + c * HW] * ((x[at + c * HW] - mean) / sd);
            sum_b += dy[at + c * HW];
        }
    }
    room[0][threadIdx.y][threadIdx.x] = sum_w;
    room[1][threadIdx.y][threadIdx.x] = sum_b;
    __syncthreads();
    if (threadIdx.y > 1 || c >= C) return;
    float *d = threadIdx.y ? db : dw, sum = 0;
    for (int i = 0; i < COLUMN_SHARES; i++) sum += room[threadIdx.y][i][threadIdx.x];
    if (d) d[c] += sum;
}

int cuda_layernorm2d_backward(float *dx, float *dw, float *db, const float *dy, const float *x,
                              const float *w, int64_t B, int64_t C, int64_t HW, float eps)
{
    int64_t pixels = B * HW, blocks = (pixels + 7) / 8;
    int bad = 0;
    if (!gpu_small(blocks)) return 1;
    if (pixels * C == 0) return 0;
    if (dx) {
        LAUNCH(k_pixel_norm_dx, dim3((unsigned)blocks), dim3(256), 0, gpu.stream, dx, dy, x, w,
               pixels, C, HW, eps);
        bad = gpu_status();
    }
    if (bad || (!dw && !db)) return bad;
    LAUNCH(k_pixel_norm_dw, column_blocks(C), dim3(COLUMNS, COLUMN_SHARES), 0, gpu.stream, dw, db,
           dy, x, pixels, C, HW, eps);
    return gpu_status();
}
