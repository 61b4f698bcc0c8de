/* A few rows of x against sixteen outputs (cpu_few.h) with AVX-512: weights become floats, sixteen
 * outputs' a vector, once for all rows of x.  Compiled as x86_avx512.c is (Makefile). */
#include "cpu_few.h"
#include "x86_few.h"
#include "x86_turn.h"

/* sum (C) += w x[0 .. C - 1] */
GM_ALWAYS void add_one(__m512 *sum, __m512 w, const float *x, int C)
{
    for (int c = 0; c < C; c++) sum[c] = _mm512_fmadd_ps(w, _mm512_set1_ps(x[c]), sum[c]);
}

/* Four weights of each output, unsigned bytes v: d v + m is the weight.  A byte where it stands is
 * a whole number times a power of two, which d is divided by. */
GM_ALWAYS void add_four(__m512 *sum, __m512i v, __m512 d, __m512 m, const float *x, int C)
{
    for (int j = 0; j < 4; j++, x += C) {
        __m512i byte = _mm512_and_si512(v, _mm512_set1_epi32((int)(0xffu << 8 * j)));
        __m512 part = _mm512_mul_ps(d, _mm512_set1_ps(1.0f / (float)(1 << 8 * j)));
        add_one(sum, _mm512_fmadd_ps(_mm512_cvtepu32_ps(byte), part, m), x, C);
    }
}

/* sum (C) += n inputs, which begin at byte `at` of the rows. */
GM_ALWAYS void add_blocks(__m512 *sum, const float *x, const uint8_t *w, gm_dtype wt, int64_t row,
                          int64_t at, int C, int64_t n)
{
    int64_t bytes = gm_block_bytes(wt);
    for (; n > 0; n -= GM_BLOCK, at += bytes, x += GM_BLOCK * C) {
        __m512i q[8];
        __m512 d, m;
        x86_ask(w, row, at, bytes);
        x86_block(q, &d, &m, w + at, wt, row);
        if (wt != GM_Q4_1) m = _mm512_mul_ps(d, _mm512_set1_ps((float)-cpu_lift(wt)));
        for (int i = 0; i < 8; i++) add_four(sum, q[i], d, m, x + 4 * i * C, C);
    }
}

/* Two parts of 32 of a block of 256. */
GM_ALWAYS void add_parts(__m512 *sum, const float *x, const uint8_t *p, const x86_scales *s,
                         gm_dtype wt, int j, int64_t row, int C)
{
    __m512i q[16];
    x86_parts_k(q, p, wt, j, row);
    for (int i = 0; i < 16; i++) {
        int part = x86_part_at(wt, j, i / 8);
        __m512 d = s->d[2 * part + i % 8 / 4];
        __m512 m = wt == GM_Q6_K ? _mm512_mul_ps(d, _mm512_set1_ps(-32)) : s->m[part];
        add_four(sum, q[i], d, m, x + (32 * part + 4 * (i % 8)) * C, C);
    }
}

GM_ALWAYS void add_wide(__m512 *sum, const float *x, const uint8_t *w, gm_dtype wt, int64_t row,
                        int64_t at, int C)
{
    x86_scales s;
    x86_ask(w, row, at, gm_block_bytes(wt));
    x86_scales_k(&s, w + at, wt, row);
    for (int j = 0; j < 4; j++) add_parts(sum, x, w + at, &s, wt, j, row, C);
}

/* 32 inputs at a time, as rows may be a power of two apart, and then their lines push each other
 * out of the first-level cache before a second visit (docs/SPEED.md). */
GM_ALWAYS void add_32(__m512 *sum, const float *x, const uint8_t *p, int64_t row, int C)
{
    const __m512i high = _mm512_set1_epi32((int)0xffff0000);
    __m512i a[4][4];
    for (int i = 0; i < 4; i++)
        for (int k = 0; k < 4; k++) a[k][i] = x86_four_rows(p + i * row + 16 * k, row);
    for (int k = 0; k < 4; k++) {
        __m512i v[4];
        x86_turn_lanes(v, a[k]);
        for (int i = 0; i < 4; i++, x += 2 * C) {
            add_one(sum, _mm512_castsi512_ps(_mm512_slli_epi32(v[i], 16)), x, C);
            add_one(sum, _mm512_castsi512_ps(_mm512_and_si512(v[i], high)), x + C, C);
        }
    }
}

GM_ALWAYS void add_bf16(__m512 *sum, const float *x, const uint8_t *w, int64_t row, int64_t at,
                        int C, int64_t n)
{
    int64_t k = 0;
    for (; k + 32 <= n; k += 32) {
        x86_ask(w, row, at + 2 * k, 64);
        add_32(sum, x + k * C, w + at + 2 * k, row, C);
    }
    if (k == n) return;
    __m512i v[16];
    x86_rows16(v, w + at + 2 * k, row, (int)(n - k));
    for (int64_t i = 0; i < n - k; i++) {
        __m512i bits = i % 2 ? _mm512_srli_epi32(v[i / 2], 16) : v[i / 2];
        add_one(sum, _mm512_castsi512_ps(_mm512_slli_epi32(bits, 16)), x + (k + i) * C, C);
    }
}

/* RUN inputs at a time: a sum of thousands in one go would lose digits. */
enum { RUN = GM_K_BLOCK };
GM_ALWAYS void few(float *out, const float *x, const uint8_t *w, gm_dtype wt, int64_t row, int C,
                   int64_t K)
{
    for (int c = 0; c < C * CPU_LANES; c++) out[c] = 0;
    for (int64_t k = 0; k < K; k += RUN, x += RUN * C) {
        int64_t n = K - k < RUN ? K - k : RUN, at = k / gm_block_values(wt) * gm_block_bytes(wt);
        __m512 sum[CPU_SIDE];
        for (int c = 0; c < C; c++) sum[c] = _mm512_setzero_ps();
        if (wt == GM_BF16) add_bf16(sum, x, w, row, 2 * k, C, n);
        else if (gm_block_values(wt) == GM_K_BLOCK) add_wide(sum, x, w, wt, row, at, C);
        else add_blocks(sum, x, w, wt, row, at, C, n);
        for (int c = 0; c < C; c++) {
            float *to = out + c * CPU_LANES;
            _mm512_storeu_ps(to, _mm512_add_ps(_mm512_loadu_ps(to), sum[c]));
        }
    }
}

#define OF_SIDE(side) few(out, x, w, wt, row, side, K)
GM_ALWAYS void few_of(float *out, const float *x, const uint8_t *w, gm_dtype wt, int64_t row, int C,
                      int64_t K)
{
    X86_BY_SIDE(C, OF_SIDE);
}

#define OF_TYPE(type) few_of(out, x, w, type, row, C, K)
void cpu_few_avx512(float *out, const void *x, const uint8_t *w, gm_dtype wt, int64_t row, int C,
                    int64_t K)
{
    if (wt == GM_BF16) OF_TYPE(GM_BF16);
    else X86_BY_TYPE(wt, OF_TYPE)
}
