/* A linear layer on a few rows (decoding): every weight is read once, as it is stored, and nothing
 * else of its size moves.  See ref/kernels.h.
 *
 * A lane takes a lot: 16 bytes of f32, bf16 or f16; a quarter of a block of 32, or a sixteenth of
 * one of 256, of the quantised types.  So a warp reads 512 bytes of a row, or eight or two whole
 * blocks of it, at a time.  Blocks of 144 and 176 bytes are read in words, the others, whose sizes
 * are multiples of 2 alone, in halves.  Of x, 8 elements are 32 bytes where those of a quantised
 * w are 5 to 9: each x that was read meets two rows of w. */
#include "cuda.h"

enum { WARPS = 4, THREADS = 32 * WARPS };

/* N elements to a lot; quad i of its N / 4 stands at `at` in the row.  OUT rows of w to a warp,
 * STEPS lots of each in flight: more want too many registers. */
template <int TYPE> struct lot {
    enum { N = TYPE == GM_F32 ? 4 : TYPE >= GM_Q4_K ? 16 : 8, OUT = TYPE >= GM_Q8_0 ? 2 : 1 };
    enum { STEPS = N > 8 ? 2 : 4 };
    enum { NIBBLES = TYPE == GM_Q4_0 || TYPE == GM_Q4_1 };  /* element k with k + 16 */
    static __device__ __forceinline__ int64_t at(int p, int i)
    {
        if (TYPE == GM_Q6_K) return (int64_t)(p / 8) * 128 + p % 8 * 4 + 32 * i;
        if (TYPE >= GM_Q4_K) return (int64_t)(p / 4) * 64 + p % 4 * 8 + i / 2 * 32 + i % 2 * 4;
        return NIBBLES ? (int64_t)(p / 4) * 32 + p % 4 * 4 + 16 * i : (int64_t)p * N + 4 * i;
    }
};

/* Lot p of a row of f32, bf16, f16. */
template <int TYPE> __device__ __forceinline__ void read_plain(float *v, const void *row, int p)
{
    uint4 raw = __ldg(static_cast<const uint4 *>(row) + p);
    unsigned word[4] = { raw.x, raw.y, raw.z, raw.w };
    for (int i = 0; i < lot<TYPE>::N; i++) {
        if (TYPE == GM_F32) v[i] = __uint_as_float(word[i]);
        else if (TYPE == GM_BF16)
            v[i] = __uint_as_float(i % 2 ? word[i / 2] & 0xffff0000u : word[i / 2] << 16);
        else v[i] = gpu_half((uint16_t)(i % 2 ? word[i / 2] >> 16 : word[i / 2]));
    }
}

/* Lot p of a row of blocks of 32, two bytes at a time; the same floats as gpu_quantised. */
template <int TYPE> __device__ __forceinline__ void read_block(float *v, const void *row, int p)
{
    const int halves = TYPE == GM_Q8_0 ? 17 : TYPE == GM_Q4_0 ? 9 : 10;     /* of a block */
    const uint16_t *block = static_cast<const uint16_t *>(row) + (int64_t)(p / 4) * halves;
    const uint16_t *q = block + (TYPE == GM_Q4_1 ? 2 : 1) + p % 4 * (TYPE == GM_Q8_0 ? 4 : 2);
    float d = gpu_half(__ldg(block)), m = TYPE == GM_Q4_1 ? gpu_half(__ldg(block + 1)) : 0;
    for (int i = 0; i < (TYPE == GM_Q8_0 ? 4 : 2); i++) {
        int both = __ldg(q + i);
        for (int j = 0; j < 2; j++) {
            int byte = both >> 8 * j & 255, low = byte & 15, high = byte >> 4;
            if (TYPE == GM_Q8_0) v[2 * i + j] = d * (float)(int8_t)byte;
            if (TYPE == GM_Q4_0) v[2 * i + j] = d * (float)(low - 8);
            if (TYPE == GM_Q4_0) v[4 + 2 * i + j] = d * (float)(high - 8);
            if (TYPE == GM_Q4_1) v[2 * i + j] = d * (float)low + m;
            if (TYPE == GM_Q4_1) v[4 + 2 * i + j] = d * (float)high + m;
        }
    }
}

/* Lot p of a row of q4_K or q5_K: eight elements of one part of 32 and the same eight of the next,
 * which share eight bytes; the same floats as gpu_quantised. */
template <int TYPE> __device__ __forceinline__ void read_parts(float *v, const void *row, int p)
{
    const int words = TYPE == GM_Q4_K ? 36 : 44;            /* of a block */
    const unsigned *block = static_cast<const unsigned *>(row) + (int64_t)(p / 16) * words;
    const int pair = p % 16 / 4, l = p % 4 * 2;             /* of parts; a word of 8 in their 32 */
    uint4 head = __ldg(reinterpret_cast<const uint4 *>(block));
    uint2 q = __ldg(reinterpret_cast<const uint2 *>(block + words - 32 + pair * 8 + l));
    uint2 fifth = { 0, 0 };
    if (TYPE == GM_Q5_K) fifth = __ldg(reinterpret_cast<const uint2 *>(block + 4 + l));
    float d = gpu_half((uint16_t)head.x), m = gpu_half((uint16_t)(head.x >> 16));
    for (int j = 0; j < 2; j++) {
        int part = 2 * pair + j, shift = part % 4 * 8;      /* a byte of each word of the head */
        int a = head.y >> shift & 255, b = head.z >> shift & 255, c = head.w >> shift & 255;
        int s = part < 4 ? a & 63 : (c & 15) | a >> 6 << 4;
        int t = part < 4 ? b & 63 : c >> 4 | b >> 6 << 4;
        float ds = d * (float)s, mt = m * (float)t;
        for (int i = 0; i < 8; i++) {
            int at = i % 4 * 8, value = (i < 4 ? q.x : q.y) >> (at + 4 * j) & 15;
            if (TYPE == GM_Q5_K) value |= ((i < 4 ? fifth.x : fifth.y) >> (at + part) & 1) << 4;
            v[8 * j + i] = ds * (float)value - mt;
        }
    }
}

/* Lot p of a row of q6_K: four elements of each run of 32 of a half block; the same floats. */
static __device__ __forceinline__ void read_runs(float *v, const void *row, int p)
{
    const uint16_t *block = static_cast<const uint16_t *>(row) + (int64_t)(p / 16) * 105;
    const int half = p % 16 / 8, l = p % 8 * 2;             /* two bytes of 16 times two */
    const uint16_t *q = block + half * 32 + l, *top = block + 64 + half * 16 + l;
    const int8_t *scale = reinterpret_cast<const int8_t *>(block + 96) + half * 8 + l / 8;
    float d = gpu_half(__ldg(block + 104));
    unsigned high = __ldg(top) | (unsigned)__ldg(top + 1) << 16;
    for (int j = 0; j < 2; j++) {                           /* runs j and j + 2 share bytes */
        unsigned low = __ldg(q + 16 * j) | (unsigned)__ldg(q + 16 * j + 1) << 16;
        for (int run = j; run < 4; run += 2) {
            float ds = d * (float)__ldg(scale + 2 * run);
            for (int i = 0; i < 4; i++) {
                int value = low >> (8 * i + run / 2 * 4) & 15;
                value |= (high >> (8 * i + 2 * run) & 3) << 4;
                v[4 * run + i] = ds * (float)(value - 32);
            }
        }
    }
}

/* Lot p of a row. */
template <int TYPE> __device__ __forceinline__ void read_lot(float *v, const void *row, int p)
{
    if (TYPE == GM_Q6_K) read_runs(v, row, p);
    else if (TYPE >= GM_Q4_K) read_parts<TYPE>(v, row, p);
    else if (TYPE >= GM_Q8_0) read_block<TYPE>(v, row, p);
    else read_plain<TYPE>(v, row, p);
}

/* y[r, n] = b[n] + sum over k of x[r, k] w[n, k], r < ROWS, for OUT rows of w to a warp.  A row of
 * w is a whole number of lots; x is aligned to 16 bytes, w as its lots are. */
template <int TYPE, int ROWS>
__global__ void k_few(float *y, const float *x, const void *w, const float *b, int64_t N, int64_t K)
{
    const int OUT = lot<TYPE>::OUT, QUADS = lot<TYPE>::N / 4;
    int64_t n = ((int64_t)blockIdx.x * WARPS + (threadIdx.x >> 5)) * OUT;
    int lane = threadIdx.x & 31, lots = (int)(K / lot<TYPE>::N);
    if (n >= N) return;                                     /* a whole warp; no barrier follows */
    const char *row[OUT];
    float sum[OUT][ROWS];
    for (int o = 0; o < OUT; o++) {                         /* behind the last row, the last one */
        row[o] = static_cast<const char *>(w) +
                 (n + o < N ? n + o : N - 1) * gpu_row_bytes<TYPE>(K);
        for (int r = 0; r < ROWS; r++) sum[o][r] = 0;
    }
#pragma unroll (lot<TYPE>::STEPS)
    for (int p = lane; p < lots; p += 32) {
        float v[OUT][lot<TYPE>::N];
        for (int o = 0; o < OUT; o++) read_lot<TYPE>(v[o], row[o], p);
        for (int r = 0; r < ROWS; r++)
            for (int i = 0; i < QUADS; i++) {
                const float *at = x + r * K + lot<TYPE>::at(p, i);
                float4 u = __ldg(reinterpret_cast<const float4 *>(at));
                for (int o = 0; o < OUT; o++)
                    sum[o][r] += v[o][4 * i] * u.x + v[o][4 * i + 1] * u.y +
                                 v[o][4 * i + 2] * u.z + v[o][4 * i + 3] * u.w;
            }
    }
    for (int o = 0; o < OUT; o++)
        for (int r = 0; r < ROWS; r++) {
            float all = gpu_warp_sum(sum[o][r]);
            if (lane == 0 && n + o < N) y[r * N + n + o] = all + (b ? b[n + o] : 0);
        }
}

/* The same one element at a time, for sizes and addresses that no lot fits. */
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
    bool halves = TYPE >= GM_Q8_0 && TYPE != GM_Q4_K && TYPE != GM_Q5_K;
    bool lots = K % lot<TYPE>::N == 0 && gpu_small(K) && gpu_aligned(x) &&
                (halves ? (uintptr_t)w % 2 == 0 : gpu_aligned(w));
    int64_t rows = (int64_t)WARPS * (lots ? (int)lot<TYPE>::OUT : 1);
    int64_t blocks = (N + rows - 1) / rows;
    if (!gpu_small(blocks)) return 1;
    dim3 grid((unsigned)blocks);
    if (lots) LAUNCH((k_few<TYPE, ROWS>), grid, THREADS, 0, gpu.stream, y, x, w, b, N, K);
    else LAUNCH((k_few_any<TYPE, ROWS>), grid, THREADS, 0, gpu.stream, y, x, w, b, N, K);
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
    case 4: return few<TYPE, 4>(y, x, w, b, N, K);
    default: return 1;
    }
}

int gpu_few_rows(float *y, const float *x, const void *w, gm_dtype wt, const float *b, int64_t R,
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
