/* Moves: bitwise.  See ref/kernels.h. */
#include "cuda.h"

enum { THREADS = 256, TILE = 32, TILE_ROWS = 8 };

/* ---- rows from one place to another: slice, place, concat, repeat ---- */

/* Rows of `count`: to[r * to_stride + i] = from[r * from_stride + i]. */
template <class T, class I>
__global__ void k_rows(T *to, const T *from, I rows, I count, I to_stride, I from_stride)
{
    for (I o = gpu_first<I>(); o < rows * count; o += gpu_step<I>()) {
        I r = o / count, i = o - r * count;
        to[r * to_stride + i] = from[r * from_stride + i];
    }
}

template <class T>
static int rows_of(T *to, const T *from, int64_t rows, int64_t count, int64_t to_stride,
                   int64_t from_stride)
{
    unsigned blocks = gpu_blocks(rows * count, THREADS);
    int64_t most = to_stride > from_stride ? to_stride : from_stride;
    if (rows * count == 0) return 0;
    if (gpu_small(rows * most + count) && gpu_small(rows * count + (int64_t)blocks * THREADS))
        LAUNCH((k_rows<T, unsigned>), blocks, THREADS, 0, gpu.stream, to, from, (unsigned)rows,
               (unsigned)count, (unsigned)to_stride, (unsigned)from_stride);
    else
        LAUNCH((k_rows<T, int64_t>), blocks, THREADS, 0, gpu.stream, to, from, rows, count,
               to_stride, from_stride);
    return gpu_status();
}

/* By fours where everything allows it. */
static int copy_rows(float *to, const float *from, int64_t rows, int64_t count, int64_t to_stride,
                     int64_t from_stride)
{
    if ((count | to_stride | from_stride) % 4 == 0 && gpu_aligned(to) && gpu_aligned(from))
        return rows_of(reinterpret_cast<float4 *>(to), reinterpret_cast<const float4 *>(from), rows,
                       count / 4, to_stride / 4, from_stride / 4);
    return rows_of(to, from, rows, count, to_stride, from_stride);
}

int cuda_concat(float *y, const float *a, const float *b, int64_t B, int64_t N, int64_t M)
{
    int bad = copy_rows(y, a, B, N, N + M, N);
    return bad ? bad : copy_rows(y + N, b, B, M, N + M, M);
}

int cuda_slice(float *y, const float *x, int64_t B, int64_t N, int64_t at, int64_t M)
{
    return copy_rows(y, x + at, B, M, M, N);
}

int cuda_place(float *y, const float *x, int64_t B, int64_t N, int64_t at, int64_t M)
{
    return copy_rows(y + at, x, B, M, N, M);
}

template <int TYPE>
__global__ void k_place16(uint16_t *y, const float *x, int64_t B, int64_t N, int64_t M)
{
    for (int64_t i = gpu_first<int64_t>(); i < B * M; i += gpu_step<int64_t>())
        y[i / M * N + i % M] = TYPE == GM_BF16 ? gpu_to_bf16(x[i]) : gpu_to_half(x[i]);
}

int cuda_place16(void *y, gm_dtype yt, const float *x, int64_t B, int64_t N, int64_t at, int64_t M)
{
    uint16_t *to = static_cast<uint16_t *>(y) + at;
    unsigned blocks = gpu_blocks(B * M, THREADS);
    if (B * M == 0) return 0;
    if (yt == GM_BF16)
        LAUNCH((k_place16<GM_BF16>), blocks, THREADS, 0, gpu.stream, to, x, B, N, M);
    else if (yt == GM_F16)
        LAUNCH((k_place16<GM_F16>), blocks, THREADS, 0, gpu.stream, to, x, B, N, M);
    else return 1;
    return gpu_status();
}

int cuda_repeat(float *y, const float *x, int64_t B, int64_t N)
{
    return copy_rows(y, x, B, N, N, 0);
}

__global__ void k_fill(float *y, int64_t N, float value)
{
    for (int64_t i = gpu_first<int64_t>(); i < N; i += gpu_step<int64_t>()) y[i] = value;
}

int cuda_fill(float *y, int64_t N, float value)
{
    LAUNCH(k_fill, gpu_blocks(N, THREADS), THREADS, 0, gpu.stream, y, N, value);
    return gpu_status();
}

/* ---- gather ---- */

/* Bits, not values: a NaN's payload comes along, made quiet, as in ref/kernels/typed.h. */
template <int TYPE> __device__ __forceinline__ float widened(const void *x, int64_t i)
{
    if (TYPE == GM_F32) return static_cast<const float *>(x)[i];
    if (TYPE >= GM_Q8_0) return gpu_quantised<TYPE>(x, i);
    unsigned h = static_cast<const uint16_t *>(x)[i];
    if (TYPE == GM_BF16) return __uint_as_float(h << 16);
    if ((h & 0x7fff) > 0x7c00)
        return __uint_as_float((h & 0x8000) << 16 | 0x7fc00000 | (h & 1023) << 13);
    return gpu_half((uint16_t)h);
}

/* A row that is not there gives NaN, which the next tap reports. */
template <int TYPE>
__global__ void k_gather(float *y, const void *x, const int32_t *rows, int64_t R, int64_t C)
{
    int64_t n = blockIdx.x, row = rows[n];
    for (int64_t c = threadIdx.x; c < C; c += blockDim.x)
        y[n * C + c] = row >= 0 && row < R ? widened<TYPE>(x, row * C + c) : NAN;
}

int cuda_gather(float *y, const void *x, gm_dtype xt, const int32_t *rows, int64_t N, int64_t R,
                int64_t C)
{
    dim3 grid((unsigned)N), block(gpu_row_threads(C));
    if (!gpu_small(N)) return 1;
    if (N * C == 0) return 0;
    if (xt == GM_F32) LAUNCH((k_gather<GM_F32>), grid, block, 0, gpu.stream, y, x, rows, R, C);
    else if (xt == GM_BF16)
        LAUNCH((k_gather<GM_BF16>), grid, block, 0, gpu.stream, y, x, rows, R, C);
    else if (xt == GM_F16) LAUNCH((k_gather<GM_F16>), grid, block, 0, gpu.stream, y, x, rows, R, C);
    else if (xt == GM_Q8_0)
        LAUNCH((k_gather<GM_Q8_0>), grid, block, 0, gpu.stream, y, x, rows, R, C);
    else if (xt == GM_Q4_0)
        LAUNCH((k_gather<GM_Q4_0>), grid, block, 0, gpu.stream, y, x, rows, R, C);
    else if (xt == GM_Q4_1)
        LAUNCH((k_gather<GM_Q4_1>), grid, block, 0, gpu.stream, y, x, rows, R, C);
    else if (xt == GM_Q4_K)
        LAUNCH((k_gather<GM_Q4_K>), grid, block, 0, gpu.stream, y, x, rows, R, C);
    else if (xt == GM_Q5_K)
        LAUNCH((k_gather<GM_Q5_K>), grid, block, 0, gpu.stream, y, x, rows, R, C);
    else if (xt == GM_Q6_K)
        LAUNCH((k_gather<GM_Q6_K>), grid, block, 0, gpu.stream, y, x, rows, R, C);
    else return 1;
    return gpu_status();
}

/* ---- transpose ---- */

/* One tile of 32 x 32 per block, through shared memory, so that both sides move whole lines. */
__global__ void k_transpose(float *y, const float *x, int64_t R, int64_t C, int64_t across,
                            int64_t tiles)
{
    __shared__ float tile[TILE][TILE + 1];
    int64_t b = blockIdx.x / tiles, t = blockIdx.x % tiles;
    int64_t r0 = t / across * TILE, c0 = t % across * TILE;
    x += b * R * C;
    y += b * R * C;
    for (int i = threadIdx.y; i < TILE; i += TILE_ROWS)
        if (r0 + i < R && c0 + threadIdx.x < C)
            tile[i][threadIdx.x] = x[(r0 + i) * C + c0 + threadIdx.x];
    __syncthreads();
    for (int i = threadIdx.y; i < TILE; i += TILE_ROWS)
        if (c0 + i < C && r0 + threadIdx.x < R)
            y[(c0 + i) * R + r0 + threadIdx.x] = tile[threadIdx.x][i];
}

int cuda_transpose(float *y, const float *x, int64_t B, int64_t R, int64_t C)
{
    int64_t across = (C + TILE - 1) / TILE, tiles = across * ((R + TILE - 1) / TILE);
    if (!gpu_small(B * tiles)) return 1;
    if (B * R * C == 0) return 0;
    LAUNCH(k_transpose, dim3((unsigned)(B * tiles)), dim3(TILE, TILE_ROWS), 0, gpu.stream, y, x, R,
           C, across, tiles);
    return gpu_status();
}

/* ---- windows: segment_anything image_encoder.py, window_partition, window_unpartition ---- */

struct windows { int64_t H, W, C, S, nh, nw; };

/* Element e of the windows is element *at of the map, or padding. */
template <class I>
__device__ __forceinline__ bool window_source(I e, const windows &s, int64_t *at)
{
    I C = (I)s.C, S = (I)s.S, nh = (I)s.nh, nw = (I)s.nw;
    I c = e % C, o = e / C, j = o % S, i = o / S % S, window = o / (S * S);
    I row = window / nw % nh * S + i, column = window % nw * S + j, b = window / (nh * nw);
    *at = ((b * s.H + row) * s.W + column) * s.C + c;
    return row < s.H && column < s.W;
}

template <class I> __global__ void k_window(float *y, const float *x, I n, windows s)
{
    for (I e = gpu_first<I>(); e < n; e += gpu_step<I>()) {
        int64_t at;
        y[e] = window_source(e, s, &at) ? x[at] : 0;
    }
}

template <class I> __global__ void k_unwindow(float *y, const float *x, I n, windows s)
{
    for (I e = gpu_first<I>(); e < n; e += gpu_step<I>()) {
        int64_t at;
        if (window_source(e, s, &at)) y[at] = x[e];
    }
}

static windows windows_of(int64_t H, int64_t W, int64_t C, int64_t S)
{
    windows s = { H, W, C, S, (H + S - 1) / S, (W + S - 1) / S };
    return s;
}

int cuda_window(float *y, const float *x, int64_t B, int64_t H, int64_t W, int64_t C, int64_t S)
{
    windows s = windows_of(H, W, C, S);
    int64_t n = B * s.nh * s.nw * S * S * C;
    if (gpu_small(n))
        LAUNCH((k_window<unsigned>), gpu_blocks(n, THREADS), THREADS, 0, gpu.stream, y, x,
               (unsigned)n, s);
    else
        LAUNCH((k_window<int64_t>), gpu_blocks(n, THREADS), THREADS, 0, gpu.stream, y, x, n, s);
    return gpu_status();
}

int cuda_unwindow(float *y, const float *x, int64_t B, int64_t H, int64_t W, int64_t C, int64_t S)
{
    windows s = windows_of(H, W, C, S);
    int64_t n = B * s.nh * s.nw * S * S * C;
    if (gpu_small(n))
        LAUNCH((k_unwindow<unsigned>), gpu_blocks(n, THREADS), THREADS, 0, gpu.stream, y, x,
               (unsigned)n, s);
    else
        LAUNCH((k_unwindow<int64_t>), gpu_blocks(n, THREADS), THREADS, 0, gpu.stream, y, x, n, s);
    return gpu_status();
}
