/* Linear layers.  A few rows: a kernel that reads each weight once, at the memory's speed.  Many:
 * cuBLAS, on weights widened to f32 panel by panel, or all in bf16.  See ref/kernels.h. */
#include "blas.h"

enum { THREADS = 256, WARPS = THREADS / 32, FEW_ROWS = 4 };
static const int64_t PANEL_BYTES = 64 << 20;

/* ---- types ---- */

template <int FROM, class TO> __global__ void k_convert(TO *y, const void *x, int64_t n)
{
    for (int64_t i = gpu_first<int64_t>(); i < n; i += gpu_step<int64_t>()) {
        float v = gpu_weight<FROM>(x, i);
        y[i] = sizeof(TO) == 2 ? (TO)gpu_to_bf16(v) : (TO)v;
    }
}

template <class TO> static int convert_to(TO *y, const void *x, gm_dtype from, int64_t n)
{
    unsigned blocks = gpu_blocks(n, THREADS);
    if (from == GM_F32) LAUNCH((k_convert<GM_F32, TO>), blocks, THREADS, 0, gpu.stream, y, x, n);
    else if (from == GM_BF16)
        LAUNCH((k_convert<GM_BF16, TO>), blocks, THREADS, 0, gpu.stream, y, x, n);
    else if (from == GM_F16)
        LAUNCH((k_convert<GM_F16, TO>), blocks, THREADS, 0, gpu.stream, y, x, n);
    else if (from == GM_Q8_0)
        LAUNCH((k_convert<GM_Q8_0, TO>), blocks, THREADS, 0, gpu.stream, y, x, n);
    else if (from == GM_Q4_0)
        LAUNCH((k_convert<GM_Q4_0, TO>), blocks, THREADS, 0, gpu.stream, y, x, n);
    else if (from == GM_Q4_1)
        LAUNCH((k_convert<GM_Q4_1, TO>), blocks, THREADS, 0, gpu.stream, y, x, n);
    else if (from == GM_Q4_K)
        LAUNCH((k_convert<GM_Q4_K, TO>), blocks, THREADS, 0, gpu.stream, y, x, n);
    else if (from == GM_Q5_K)
        LAUNCH((k_convert<GM_Q5_K, TO>), blocks, THREADS, 0, gpu.stream, y, x, n);
    else if (from == GM_Q6_K)
        LAUNCH((k_convert<GM_Q6_K, TO>), blocks, THREADS, 0, gpu.stream, y, x, n);
    else return 1;
    return gpu_status();
}

int gpu_convert(void *y, gm_dtype to, const void *x, gm_dtype from, int64_t n)
{
    return to == GM_BF16 ? convert_to(static_cast<uint16_t *>(y), x, from, n)
                         : convert_to(static_cast<float *>(y), x, from, n);
}

/* ---- a few rows ---- */

/* 16 bytes of a weight: 8 elements of 16 bits, or 4 floats. */
template <int TYPE> struct pack { enum { N = TYPE == GM_F32 ? 4 : 8 }; };

template <int TYPE> __device__ __forceinline__ void unpack(float *w, uint4 raw)
{
    unsigned word[4] = { raw.x, raw.y, raw.z, raw.w };
    for (int i = 0; i < pack<TYPE>::N; i++) {
        if (TYPE == GM_F32) w[i] = __uint_as_float(word[i]);
        else if (TYPE == GM_BF16)
            w[i] = __uint_as_float(i % 2 ? word[i / 2] & 0xffff0000u : word[i / 2] << 16);
        else w[i] = gpu_half((uint16_t)(i % 2 ? word[i / 2] >> 16 : word[i / 2]));
    }
}

/* One warp to a row of w: y[r, n] = b[n] + sum over k of x[r, k] w[n, k], r < ROWS.  K is a
 * multiple of a pack, everything 16-byte aligned. */
template <int TYPE, int ROWS>
__global__ void k_few(float *y, const float *x, const void *w, const float *b, int64_t N, int64_t K)
{
    int64_t n = (int64_t)blockIdx.x * WARPS + (threadIdx.x >> 5), packs = K / pack<TYPE>::N;
    int lane = threadIdx.x & 31;
    if (n >= N) return;                                     /* a whole warp; no barrier follows */
    const uint4 *row = static_cast<const uint4 *>(w) + n * packs;
    float sum[ROWS] = { 0 };
#pragma unroll 4
    for (int64_t p = lane; p < packs; p += 32) {
        float v[pack<TYPE>::N];
        unpack<TYPE>(v, __ldg(row + p));
        for (int r = 0; r < ROWS; r++) {
            const float4 *xr = reinterpret_cast<const float4 *>(x + r * K + p * pack<TYPE>::N);
            for (int i = 0; i < pack<TYPE>::N / 4; i++) {
                float4 u = __ldg(xr + i);
                sum[r] += v[4 * i] * u.x + v[4 * i + 1] * u.y + v[4 * i + 2] * u.z +
                          v[4 * i + 3] * u.w;
            }
        }
    }
    for (int r = 0; r < ROWS; r++) {
        float all = gpu_warp_sum(sum[r]);
        if (lane == 0) y[r * N + n] = all + (b ? b[n] : 0);
    }
}

/* The same one element at a time, for sizes and addresses that no pack fits. */
template <int TYPE, int ROWS>
__global__ void k_few_any(float *y, const float *x, const void *w, const float *b, int64_t N,
                          int64_t K)
{
    int64_t n = (int64_t)blockIdx.x * WARPS + (threadIdx.x >> 5);
    int lane = threadIdx.x & 31;
    if (n >= N) return;
    float sum[ROWS] = { 0 };
    for (int64_t k = lane; k < K; k += 32) {
        float v = gpu_weight<TYPE>(w, n * K + k);
        for (int r = 0; r < ROWS; r++) sum[r] += v * x[r * K + k];
    }
    for (int r = 0; r < ROWS; r++) {
        float all = gpu_warp_sum(sum[r]);
        if (lane == 0) y[r * N + n] = all + (b ? b[n] : 0);
    }
}

template <int TYPE, int ROWS>
static int few(float *y, const float *x, const void *w, const float *b, int64_t N, int64_t K)
{
    /* Blocks of 32 are read element by element: a warp reads a whole one at once. */
    const int PACKED = TYPE >= GM_Q8_0 ? (int)GM_F32 : TYPE;
    int64_t blocks = (N + WARPS - 1) / WARPS;
    if (!gpu_small(blocks)) return 1;
    if (PACKED == TYPE && K % pack<PACKED>::N == 0 && gpu_aligned(x) && gpu_aligned(w))
        LAUNCH((k_few<PACKED, ROWS>), dim3((unsigned)blocks), THREADS, 0, gpu.stream, y, x, w, b, N,
               K);
    else
        LAUNCH((k_few_any<TYPE, ROWS>), dim3((unsigned)blocks), THREADS, 0, gpu.stream, y, x, w, b,
               N, K);
    return gpu_status();
}

template <int TYPE>
static int few_rows(float *y, const float *x, const void *w, const float *b, int64_t R, int64_t N,
                    int64_t K)
{
    switch (R) {
    case 1: return few<TYPE, 1>(y, x, w, b, N, K);
    case 2: return few<TYPE, 2>(y, x, w, b, N, K);
    case 3: return few<TYPE, 3>(y, x, w, b, N, K);
    default: return few<TYPE, 4>(y, x, w, b, N, K);
    }
}

static int few_of(float *y, const float *x, const void *w, gm_dtype wt, const float *b, int64_t R,
                  int64_t N, int64_t K)
{
    switch (wt) {
    case GM_F32: return few_rows<GM_F32>(y, x, w, b, R, N, K);
    case GM_BF16: return few_rows<GM_BF16>(y, x, w, b, R, N, K);
    case GM_F16: return few_rows<GM_F16>(y, x, w, b, R, N, K);
    case GM_Q8_0: return few_rows<GM_Q8_0>(y, x, w, b, R, N, K);
    case GM_Q4_0: return few_rows<GM_Q4_0>(y, x, w, b, R, N, K);
    case GM_Q4_1: return few_rows<GM_Q4_1>(y, x, w, b, R, N, K);
    case GM_Q4_K: return few_rows<GM_Q4_K>(y, x, w, b, R, N, K);
    case GM_Q5_K: return few_rows<GM_Q5_K>(y, x, w, b, R, N, K);
    case GM_Q6_K: return few_rows<GM_Q6_K>(y, x, w, b, R, N, K);
    default: return 1;
    }
}

/* ---- many rows ---- */

static int64_t panel_rows(int64_t N, int64_t K)
{
    int64_t rows = PANEL_BYTES / 4 / (K ? K : 1);
    return rows < 1 ? 1 : rows > N ? N : rows;
}

/* bf16: x, then w unless it is bf16 already, each from a multiple of 64 bytes on. */
static size_t bf16_bytes(int64_t n) { return ((size_t)n * 2 + 63) / 64 * 64; }

size_t cuda_linear_scratch(gm_dtype wt, int64_t R, int64_t N, int64_t K)
{
    if (R <= FEW_ROWS) return 0;
    if (gpu.precision == GM_BF16)
        return bf16_bytes(R * K) + (wt == GM_BF16 ? 0 : bf16_bytes(N * K));
    return wt == GM_F32 ? 0 : (size_t)(panel_rows(N, K) * K) * sizeof(float);
}

static int linear_bf16(float *y, const float *x, const void *w, gm_dtype wt, int64_t R, int64_t N,
                       int64_t K, bool onto, char *scratch)
{
    int bad = gpu_convert(scratch, GM_BF16, x, GM_F32, R * K);
    char *copy = scratch + bf16_bytes(R * K);
    if (!bad && wt != GM_BF16) bad = gpu_convert(copy, GM_BF16, w, wt, N * K);
    if (wt != GM_BF16) w = copy;
    return bad ? bad : gpu_product_nt(y, scratch, K, w, GM_BF16, R, N, K, N, onto);
}

/* Narrow weights against float rows: as many weight rows at a time as a panel holds. */
static int linear_widened(float *y, const float *x, const void *w, gm_dtype wt, int64_t R,
                          int64_t N, int64_t K, bool onto, void *scratch)
{
    int64_t panel = panel_rows(N, K);
    int bad = 0;
    for (int64_t n = 0; !bad && n < N; n += panel) {
        int64_t rows = N - n < panel ? N - n : panel;
        const char *from = static_cast<const char *>(w) + gpu_weight_bytes(wt, n * K);
        bad = gpu_convert(scratch, GM_F32, from, wt, rows * K);
        if (!bad) bad = gpu_product_nt(y + n, x, K, scratch, GM_F32, R, rows, K, N, onto);
    }
    return bad;
}

int cuda_linear(float *y, const float *x, const void *w, gm_dtype wt, const float *b, int64_t R,
                int64_t N, int64_t K, void *scratch)
{
    if (!gpu_is_weight(wt)) return 1;
    if (R * N == 0) return 0;
    if (R <= FEW_ROWS) return few_of(y, x, w, wt, b, R, N, K);
    int bad = b ? cuda_repeat(y, b, R, N) : 0;
    if (bad) return bad;
    if (gpu.precision == GM_BF16)
        return linear_bf16(y, x, w, wt, R, N, K, b != NULL, static_cast<char *>(scratch));
    if (wt == GM_F32) return gpu_product_nt(y, x, K, w, GM_F32, R, N, K, N, b != NULL);
    return linear_widened(y, x, w, wt, R, N, K, b != NULL, scratch);
}
