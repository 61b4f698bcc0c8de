/* Products of bfloat16 matrices with vdpbf16ps: 16 sums of two products each.  A panel of 64 outputs
 * and 192 inputs is turned so that a vector holds a pair of 16 outputs (24 KB: it stays in the first-level
 * cache), and meets six rows of x at a time: 24 sums in registers.  Weights are read once, as they are
 * stored.  Compiled with -mavx512bf16 and what it stands on (Makefile). */
#include <immintrin.h>
#include "cpu_product.h"

enum { VECTORS = CPU_PANEL / 16, RUN = CPU_DEPTH / 2 };     /* pairs of a run */

/* dst[i][j] = src[j][i], 16 x 16 words of 32 bits. */
static inline void turn(__m512i *v)
{
    __m512i t[16];
    for (int i = 0; i < 16; i += 2) {
        t[i] = _mm512_unpacklo_epi32(v[i], v[i + 1]);
        t[i + 1] = _mm512_unpackhi_epi32(v[i], v[i + 1]);
    }
    for (int i = 0; i < 16; i += 4) {
        v[i] = _mm512_unpacklo_epi64(t[i], t[i + 2]);
        v[i + 1] = _mm512_unpackhi_epi64(t[i], t[i + 2]);
        v[i + 2] = _mm512_unpacklo_epi64(t[i + 1], t[i + 3]);
        v[i + 3] = _mm512_unpackhi_epi64(t[i + 1], t[i + 3]);
    }
    for (int i = 0; i < 4; i++) {
        t[i] = _mm512_shuffle_i32x4(v[i], v[i + 4], 0x88);
        t[i + 4] = _mm512_shuffle_i32x4(v[i], v[i + 4], 0xdd);
        t[i + 8] = _mm512_shuffle_i32x4(v[i + 8], v[i + 12], 0x88);
        t[i + 12] = _mm512_shuffle_i32x4(v[i + 8], v[i + 12], 0xdd);
    }
    for (int i = 0; i < 4; i++) {
        v[i] = _mm512_shuffle_i32x4(t[i], t[i + 8], 0x88);
        v[i + 8] = _mm512_shuffle_i32x4(t[i], t[i + 8], 0xdd);
        v[i + 4] = _mm512_shuffle_i32x4(t[i + 4], t[i + 12], 0x88);
        v[i + 12] = _mm512_shuffle_i32x4(t[i + 4], t[i + 12], 0xdd);
    }
}

/* panel (pairs, CPU_PANEL) = columns k .. k + columns of `rows` rows of w, the rest 0. */
static void pack(uint32_t *panel, const uint16_t *w, int64_t rows, int64_t K, int64_t k,
                 int64_t columns)
{
    for (int64_t n = 0; n < CPU_PANEL; n += 16)
        for (int64_t i = 0; i < columns; i += 32) {
            int64_t left = columns - i < 32 ? columns - i : 32;
            __mmask32 some = (__mmask32)(0xffffffffu >> (32 - left));
            __m512i v[16];
            for (int64_t j = 0; j < 16; j++)
                v[j] = n + j < rows ? _mm512_maskz_loadu_epi16(some, w + (n + j) * K + k + i)
                                    : _mm512_setzero_si512();
            turn(v);
            for (int64_t j = 0; j < (left + 1) / 2; j++)
                _mm512_storeu_si512(panel + (i / 2 + j) * CPU_PANEL + n, v[j]);
        }
}

/* rows of y += a tile of x (pairs, CPU_TILE) times the panel; some: which columns there are. */
static inline void tile(float *y, int64_t N, int64_t rows, const __mmask16 *some,
                        const uint32_t *x, const uint32_t *panel, int64_t pairs)
{
    __m512 sum[CPU_TILE][VECTORS];
    for (int r = 0; r < CPU_TILE; r++)
        for (int v = 0; v < VECTORS; v++)
            sum[r][v] = r < rows ? _mm512_maskz_loadu_ps(some[v], y + r * N + 16 * v)
                                 : _mm512_setzero_ps();
    for (int64_t p = 0; p < pairs; p++, x += CPU_TILE, panel += CPU_PANEL) {
        __m512bh w[VECTORS];
        for (int v = 0; v < VECTORS; v++) w[v] = (__m512bh)_mm512_loadu_si512(panel + 16 * v);
        for (int r = 0; r < CPU_TILE; r++) {
            __m512bh pair = (__m512bh)_mm512_set1_epi32((int)x[r]);
            for (int v = 0; v < VECTORS; v++) sum[r][v] = _mm512_dpbf16_ps(sum[r][v], pair, w[v]);
        }
    }
    for (int r = 0; r < CPU_TILE; r++)
        for (int v = 0; v < VECTORS && r < rows; v++)
            _mm512_mask_storeu_ps(y + r * N + 16 * v, some[v], sum[r][v]);
}

static void product(float *y, const uint32_t *x, const uint16_t *w, int64_t R, int64_t N, int64_t K,
                    int64_t n)
{
    uint32_t panel[RUN * CPU_PANEL] __attribute__((aligned(64)));
    __mmask16 some[VECTORS];
    int64_t columns = N - n < CPU_PANEL ? N - n : CPU_PANEL;
    for (int64_t v = 0; v < VECTORS; v++) {
        int64_t left = columns - 16 * v;
        some[v] = left >= 16 ? 0xffff : left > 0 ? (__mmask16)((1u << left) - 1) : 0;
    }
    for (int64_t k = 0; k < K; k += CPU_DEPTH) {
        int64_t depth = K - k < CPU_DEPTH ? K - k : CPU_DEPTH, pairs = (depth + 1) / 2;
        pack(panel, w + n * K, columns, K, k, depth);
        for (int64_t r = 0; r < R; r += CPU_TILE, x += pairs * CPU_TILE)
            tile(y + r * N + n, N, R - r, some, x, panel, pairs);
    }
}

const cpu_products cpu_products_bf16 = { "avx512-bf16", product };
