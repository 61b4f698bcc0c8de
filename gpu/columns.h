/* Sums over the rows of a matrix, column by column: gradients of what was repeated. */
#ifndef GPU_COLUMNS_H
#define GPU_COLUMNS_H
#include "cuda.h"

enum { COLUMNS = 32, COLUMN_SHARES = 8 };

/* d[m] += sum over r < R of f(r, m), m < M.  A block: 32 columns, the rows in 8 shares. */
template <class F> __global__ void k_columns(float *d, int64_t R, int64_t M, F f)
{
    __shared__ float room[COLUMN_SHARES][COLUMNS];
    int64_t m = (int64_t)blockIdx.x * COLUMNS + threadIdx.x;
    float part = 0;
    for (int64_t r = threadIdx.y; m < M && r < R; r += COLUMN_SHARES) part += f(r, m);
    room[threadIdx.y][threadIdx.x] = part;
    __syncthreads();
    if (threadIdx.y == 0 && m < M) {
        float sum = 0;
        for (int i = 0; i < COLUMN_SHARES; i++) sum += room[i][threadIdx.x];
        d[m] += sum;
    }
}

template <class F> static int gpu_columns(float *d, int64_t R, int64_t M, F f)
{
    int64_t blocks = (M + COLUMNS - 1) / COLUMNS;
    if (!gpu_small(blocks)) return 1;
    if (!d || R * M == 0) return 0;
    LAUNCH((k_columns<F>), dim3((unsigned)blocks), dim3(COLUMNS, COLUMN_SHARES), 0, gpu.stream, d,
           R, M, f);
    return gpu_status();
}

/* dy (R, M) itself. */
struct gpu_rows_of {
    const float *dy;
    int64_t M;
    __device__ float operator()(int64_t r, int64_t m) const { return dy[r * M + m]; }
};

#endif
