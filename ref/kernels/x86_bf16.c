/* Products of bfloat16 matrices with vdpbf16ps: 16 sums of two products each.  A panel of 64
 * outputs and 192 inputs is turned so that a vector holds a pair of 16 outputs (24 KB: it stays
 * in the first-level cache), and meets six rows of x at a time: 24 sums in registers.  Weights
 * are read once, as they are stored.  Compiled with -mavx512bf16 and what it stands on
 * (Makefile). */
#include "cpu_few.h"
#include "cpu_product.h"
#include "x86_few.h"
#include "x86_turn.h"

enum { VECTORS = CPU_PANEL / 16, RUN = CPU_DEPTH / 2 };     /* pairs of a run */

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
            x86_turn(v);
            for (int64_t j = 0; j < (left + 1) / 2; j++)
                _mm512_storeu_si512(panel + (i / 2 + j) * CPU_PANEL + n, v[j]);
        }
}

/* out += a tile of x (pairs, CPU_TILE) times the panel; at first out counts as 0. */
static inline void tile(float *out, const uint32_t *x, const uint32_t *panel, int64_t pairs,
                        int first)
{
    __m512 sum[CPU_TILE][VECTORS];
    for (int r = 0; r < CPU_TILE; r++)
        for (int v = 0; v < VECTORS; v++)
            sum[r][v] = first ? _mm512_setzero_ps() : _mm512_loadu_ps(out + r * CPU_PANEL + 16 * v);
    for (int64_t p = 0; p < pairs; p++, x += CPU_TILE, panel += CPU_PANEL) {
        __m512bh w[VECTORS];
        for (int v = 0; v < VECTORS; v++) w[v] = (__m512bh)_mm512_loadu_si512(panel + 16 * v);
        for (int r = 0; r < CPU_TILE; r++) {
            __m512bh pair = (__m512bh)_mm512_set1_epi32((int)x[r]);
            for (int v = 0; v < VECTORS; v++) sum[r][v] = _mm512_dpbf16_ps(sum[r][v], pair, w[v]);
        }
    }
    for (int r = 0; r < CPU_TILE; r++)
        for (int v = 0; v < VECTORS; v++)
            _mm512_storeu_ps(out + r * CPU_PANEL + 16 * v, sum[r][v]);
}

void cpu_product_bf16(float *out, const void *tiles, const uint16_t *w, int64_t R, int64_t columns,
                      int64_t K)
{
    const uint32_t *x = tiles;
    uint32_t panel[RUN * CPU_PANEL] __attribute__((aligned(64)));
    for (int64_t k = 0; k < K; k += CPU_DEPTH) {
        int64_t depth = K - k < CPU_DEPTH ? K - k : CPU_DEPTH, pairs = (depth + 1) / 2;
        pack(panel, w, columns, K, k, depth);
        for (int64_t r = 0; r < R; r += CPU_TILE, x += pairs * CPU_TILE)
            tile(out + r * CPU_PANEL, x, panel, pairs, k == 0);
    }
}

/* ---- a few rows of x (cpu_few.h) ---- */

/* sum (C) += four pairs of inputs of sixteen outputs times x (4, C). */
GM_ALWAYS void add_pairs(__m512 *sum, const __m512i *v, const int32_t *x, int C)
{
    for (int i = 0; i < 4; i++)
        for (int c = 0; c < C; c++)
            sum[c] = _mm512_dpbf16_ps(sum[c], (__m512bh)v[i],
                                      (__m512bh)_mm512_set1_epi32(x[i * C + c]));
}

/* 32 inputs at a time; of the rest as much as there is, and zeros, which x is not read for. */
GM_ALWAYS void few(float *out, const int32_t *x, const uint8_t *w, int64_t row, int C, int64_t K)
{
    __m512 sum[CPU_SIDE];
    for (int c = 0; c < C; c++) sum[c] = _mm512_setzero_ps();
    int64_t k = 0;
    for (; k + 32 <= K; k += 32, x += 16 * C) {
        __m512i a[4][4], v[4];
        x86_ask(w, row, 2 * k, 64);
        for (int i = 0; i < 4; i++)
            for (int j = 0; j < 4; j++) a[j][i] = x86_four_rows(w + 2 * k + i * row + 16 * j, row);
        for (int j = 0; j < 4; j++) {
            x86_turn_lanes(v, a[j]);
            add_pairs(sum, v, x + 4 * j * C, C);
        }
    }
    if (k < K) {
        __m512i v[16];
        x86_rows16(v, w + 2 * k, row, (int)(K - k));
        for (int i = 0; i < (int)(K - k + 1) / 2; i++)
            for (int c = 0; c < C; c++)
                sum[c] = _mm512_dpbf16_ps(sum[c], (__m512bh)v[i],
                                          (__m512bh)_mm512_set1_epi32(x[i * C + c]));
    }
    for (int c = 0; c < C; c++) _mm512_storeu_ps(out + c * CPU_LANES, sum[c]);
}

#define OF_SIDE(side) few(out, x, w, row, side, K)
void cpu_few_bf16(float *out, const void *x, const uint8_t *w, gm_dtype wt, int64_t row, int C,
                  int64_t K)
{
    (void)wt;
    X86_BY_SIDE(C, OF_SIDE);
}
