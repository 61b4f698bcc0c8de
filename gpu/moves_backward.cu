/* Gradients of the moves, added to what is there.  See ref/kernels.h. */
#include "columns.h"

enum { THREADS = 256, TILE = 32, TILE_ROWS = 8 };

/* Block n adds dy[n] and those of later n of the same row, unless an earlier one has it. */
__global__ void k_gather_backward(float *dx, const float *dy, const int32_t *rows, int64_t N,
                                  int64_t R, int64_t C)
{
    int64_t n = blockIdx.x, row = rows[n];
    bool first = row >= 0 && row < R;
    for (int64_t e = 0; e < n && first; e++) first = rows[e] != row;
    if (!first) return;                                     /* the whole block */
    for (int64_t c = threadIdx.x; c < C; c += blockDim.x) {
        float sum = 0;
        for (int64_t e = n; e < N; e++)
            if (rows[e] == row) sum += dy[e * C + c];
        dx[row * C + c] += sum;
    }
}

int cuda_gather_backward(float *dx, const float *dy, const int32_t *rows, int64_t N, int64_t R,
                         int64_t C)
{
    if (!gpu_small(N)) return 1;
    if (!dx || N * C == 0) return 0;
    LAUNCH(k_gather_backward, dim3((unsigned)N), dim3(gpu_row_threads(C)), 0, gpu.stream, dx, dy,
           rows, N, R, C);
    return gpu_status();
}

/* dx (B, R, C) += dy (B, C, R) turned, in tiles as the forward kernel's. */
__global__ void k_transpose_backward(float *dx, const float *dy, int64_t R, int64_t C,
                                     int64_t across, int64_t tiles)
{
    __shared__ float tile[TILE][TILE + 1];
    int64_t b = blockIdx.x / tiles, t = blockIdx.x % tiles;
    int64_t r0 = t / across * TILE, c0 = t % across * TILE;
    dx += b * R * C;
    dy += b * R * C;
    for (int i = threadIdx.y; i < TILE; i += TILE_ROWS)
        if (c0 + i < C && r0 + threadIdx.x < R)
            tile[i][threadIdx.x] = dy[(c0 + i) * R + r0 + threadIdx.x];
    __syncthreads();
    for (int i = threadIdx.y; i < TILE; i += TILE_ROWS)
        if (r0 + i < R && c0 + threadIdx.x < C)
            dx[(r0 + i) * C + c0 + threadIdx.x] += tile[threadIdx.x][i];
}

int cuda_transpose_backward(float *dx, const float *dy, int64_t B, int64_t R, int64_t C)
{
    int64_t across = (C + TILE - 1) / TILE, tiles = across * ((R + TILE - 1) / TILE);
    if (!gpu_small(B * tiles)) return 1;
    if (!dx || B * R * C == 0) return 0;
    LAUNCH(k_transpose_backward, dim3((unsigned)(B * tiles)), dim3(TILE, TILE_ROWS), 0, gpu.stream,
           dx, dy, R, C, across, tiles);
    return gpu_status();
}

/* Rows of `count`: to[r * to_stride + i] += from[r * from_stride + i]. */
__global__ void k_add_rows(float *to, const float *from, int64_t rows, int64_t count,
                           int64_t to_stride, int64_t from_stride)
{
    for (int64_t o = gpu_first<int64_t>(); o < rows * count; o += gpu_step<int64_t>()) {
        int64_t r = o / count, i = o - r * count;
        to[r * to_stride + i] += from[r * from_stride + i];
    }
}

static int add_rows(float *to, const float *from, int64_t rows, int64_t count, int64_t to_stride,
                    int64_t from_stride)
{
    LAUNCH(k_add_rows, gpu_blocks(rows * count, THREADS), THREADS, 0, gpu.stream, to, from, rows,
           count, to_stride, from_stride);
    return gpu_status();
}

int cuda_concat_backward(float *da, float *db, const float *dy, int64_t B, int64_t N, int64_t M)
{
    int bad = da ? add_rows(da, dy, B, N, N, N + M) : 0;
    return bad || !db ? bad : add_rows(db, dy + N, B, M, M, N + M);
}

int cuda_slice_backward(float *dx, const float *dy, int64_t B, int64_t N, int64_t at, int64_t M)
{
    return dx ? add_rows(dx + at, dy, B, M, N, M) : 0;
}

int cuda_repeat_backward(float *dx, const float *dy, int64_t B, int64_t N)
{
    gpu_rows_of f = { dy, N };
    return gpu_columns(dx, B, N, f);
}

/* Windows (into: map pixels get what their place in the windows got) and the way back. */
__global__ void k_window_backward(float *d, const float *dy, int64_t n, int64_t H, int64_t W,
                                  int64_t C, int64_t S, int into)
{
    int64_t nh = (H + S - 1) / S, nw = (W + S - 1) / S;
    for (int64_t e = gpu_first<int64_t>(); e < n; e += gpu_step<int64_t>()) {
        int64_t c = e % C, column = e / C % W, row = e / C / W % H, b = e / C / W / H;
        int64_t window = (b * nh + row / S) * nw + column / S;
        int64_t at = ((window * S + row % S) * S + column % S) * C + c;
        if (into) d[e] += dy[at];
        else d[at] += dy[e];
    }
}

static int windows_backward(float *d, const float *dy, int64_t n, int64_t H, int64_t W, int64_t C,
                            int64_t S, int into)
{
    if (!d) return 0;
    LAUNCH(k_window_backward, gpu_blocks(n, THREADS), THREADS, 0, gpu.stream, d, dy, n, H, W, C, S,
           into);
    return gpu_status();
}

int cuda_window_backward(float *dx, const float *dy, int64_t B, int64_t H, int64_t W, int64_t C,
                         int64_t S)
{
    return windows_backward(dx, dy, B * H * W * C, H, W, C, S, 1);
}

int cuda_unwindow_backward(float *dx, const float *dy, int64_t B, int64_t H, int64_t W, int64_t C,
                           int64_t S)
{
    return windows_backward(dx, dy, B * H * W * C, H, W, C, S, 0);
}
