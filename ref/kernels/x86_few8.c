/* A few rows of 8-bit activations against sixteen outputs (cpu_few.h) with vpdpbusd.  Compiled as
 * x86_vnni.c is (Makefile). */
#include "cpu_few.h"
#include "x86_few.h"

GM_ALWAYS __m512 float_at(const int32_t *x)
{
    return _mm512_set1_ps(gm_float_of_bits((uint32_t)*x));
}

/* whole (C) += four vectors of weights times words i .. i + 3 of x. */
GM_ALWAYS void add_words(__m512i *whole, const __m512i *q, const int32_t *x, int C)
{
    for (int i = 0; i < 4; i++)
        for (int c = 0; c < C; c++)
            whole[c] = _mm512_dpbusd_epi32(whole[c], q[i], _mm512_set1_epi32(x[i * C + c]));
}

/* sum (C) += a block of 32: its whole numbers times d, and m times x's sum. */
GM_ALWAYS void add_block(__m512 *sum, const __m512i *q, __m512 d, __m512 m, const int32_t *x,
                         gm_dtype wt, int C)
{
    __m512i whole[CPU_SIDE];
    for (int c = 0; c < C; c++) whole[c] = _mm512_set1_epi32(x[8 * C + c]);
    add_words(whole, q, x, C);
    add_words(whole, q + 4, x + 4 * C, C);
    for (int c = 0; c < C; c++) {
        __m512 step = d;
        if (gm_block_values(wt) != GM_K_BLOCK) step = _mm512_mul_ps(d, float_at(x + 10 * C + c));
        sum[c] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(whole[c]), step, sum[c]);
        if (wt == GM_Q4_1 || wt == GM_Q4_K || wt == GM_Q5_K)
            sum[c] = _mm512_fmadd_ps(m, float_at(x + 11 * C + c), sum[c]);
    }
}

/* The same with a step for each half. */
GM_ALWAYS void add_halves(__m512 *sum, const __m512i *q, const __m512 *d, const int32_t *x, int C)
{
    for (int h = 0; h < 2; h++) {
        __m512i whole[CPU_SIDE];
        for (int c = 0; c < C; c++) whole[c] = _mm512_set1_epi32(x[(8 + h) * C + c]);
        add_words(whole, q + 4 * h, x + 4 * h * C, C);
        for (int c = 0; c < C; c++)
            sum[c] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(whole[c]), d[h], sum[c]);
    }
}

GM_ALWAYS void few_blocks(float *out, const int32_t *x, const uint8_t *w, gm_dtype wt, int64_t row,
                          int C, int64_t K)
{
    int64_t bytes = gm_block_bytes(wt);
    __m512 sum[CPU_SIDE];
    for (int c = 0; c < C; c++) sum[c] = _mm512_setzero_ps();
    for (int64_t at = 0; K > 0; K -= GM_BLOCK, at += bytes, x += CPU_FEW_WORDS * C) {
        __m512i q[8];
        __m512 d, m;
        x86_ask(w, row, at, bytes);
        x86_block(q, &d, &m, w + at, wt, row);
        add_block(sum, q, d, m, x, wt, C);
    }
    for (int c = 0; c < C; c++) _mm512_storeu_ps(out + c * CPU_LANES, sum[c]);
}

/* A block of 256 has one d of x: it multiplies the block's sum. */
GM_ALWAYS void few_blocks_k(float *out, const int32_t *x, const uint8_t *w, gm_dtype wt,
                            int64_t row, int C, int64_t K)
{
    int64_t bytes = gm_block_bytes(wt);
    for (int i = 0; i < C * CPU_LANES; i++) out[i] = 0;
    for (int64_t at = 0; K > 0; K -= GM_K_BLOCK, at += bytes, x += 8 * CPU_FEW_WORDS * C) {
        x86_scales s;
        __m512 sum[CPU_SIDE];
        for (int c = 0; c < C; c++) sum[c] = _mm512_setzero_ps();
        x86_scales_k(&s, w + at, wt, row);
        for (int j = 0; j < 4; j++) {
            __m512i q[16];
            if (wt == GM_Q6_K) x86_ask(w, row, at + j * ((bytes + 3) / 4), (bytes + 3) / 4);
            else if (j == 0) x86_ask(w, row, at, bytes);
            x86_parts_k(q, w + at, wt, j, row);
            for (int i = 0; i < 2; i++) {
                int part = x86_part_at(wt, j, i);
                const int32_t *xp = x + part * CPU_FEW_WORDS * C;
                if (wt == GM_Q6_K) add_halves(sum, q + 8 * i, &s.d[2 * part], xp, C);
                else add_block(sum, q + 8 * i, s.d[2 * part], s.m[part], xp, wt, C);
            }
        }
        for (int c = 0; c < C; c++) {
            __m512 all = _mm512_loadu_ps(out + c * CPU_LANES);
            all = _mm512_fmadd_ps(sum[c], float_at(x + 10 * C + c), all);
            _mm512_storeu_ps(out + c * CPU_LANES, all);
        }
    }
}

GM_ALWAYS void few(float *out, const int32_t *x, const uint8_t *w, gm_dtype wt, int64_t row, int C,
                   int64_t K)
{
    if (gm_block_values(wt) == GM_K_BLOCK) few_blocks_k(out, x, w, wt, row, C, K);
    else few_blocks(out, x, w, wt, row, C, K);
}

#define OF_SIDE(side) few(out, x, w, wt, row, side, K)
GM_ALWAYS void few_of(float *out, const int32_t *x, const uint8_t *w, gm_dtype wt, int64_t row,
                      int C, int64_t K)
{
    X86_BY_SIDE(C, OF_SIDE);
}

#define OF_TYPE(type) few_of(out, x, w, type, row, C, K)
void cpu_few_vnni(float *out, const void *x, const uint8_t *w, gm_dtype wt, int64_t row, int C,
                  int64_t K)
{
    X86_BY_TYPE(wt, OF_TYPE)
}
