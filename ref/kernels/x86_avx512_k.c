/* Rows in blocks of 256 (kernels.h, typed.h) times floats with AVX-512.  A part of q4_K and q5_K
 * has 16 or 32 different weights: they are made once, and looked up.  Compiled as x86_avx512.c
 * is. */
#include "x86_k.h"

static inline __m512i bytes_at(const uint8_t *p)
{
    return _mm512_cvtepu8_epi32(_mm_loadu_si128((const void *)p));
}

/* The weights 0 .. 15 (and with `first` 16: 16 .. 31) of a part: d s q - e t. */
static inline __m512 table_of(const uint8_t *w, float d, float e, int part, float first)
{
    const __m512 steps = _mm512_setr_ps(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    __m512 q = _mm512_add_ps(steps, _mm512_set1_ps(first));
    return _mm512_fmsub_ps(_mm512_set1_ps(d * (float)gm_k_scale(w + 4, part)), q,
                           _mm512_set1_ps(e * (float)gm_k_least(w + 4, part)));
}

float cpu_avx512_q4_k(const uint8_t *w, const float *x, int64_t blocks)
{
    __m512 sum = _mm512_setzero_ps(), other = sum;
    for (int64_t b = 0; b < blocks; b++, w += Q4) {
        float d = gm_half_at(w), e = gm_half_at(w + 2);
        prefetch(w);
        for (int part = 0; part < 8; part += 2, x += 64) {
            __m512 low = table_of(w, d, e, part, 0), high = table_of(w, d, e, part + 1, 0);
            __m512i p = bytes_at(w + 16 + 16 * part), q = bytes_at(w + 32 + 16 * part);
            /* a look-up reads the low four bits of each index alone */
            sum = _mm512_fmadd_ps(_mm512_permutexvar_ps(p, low), _mm512_loadu_ps(x), sum);
            other = _mm512_fmadd_ps(_mm512_permutexvar_ps(q, low), _mm512_loadu_ps(x + 16), other);
            p = _mm512_srli_epi32(p, 4);
            q = _mm512_srli_epi32(q, 4);
            sum = _mm512_fmadd_ps(_mm512_permutexvar_ps(p, high), _mm512_loadu_ps(x + 32), sum);
            other = _mm512_fmadd_ps(_mm512_permutexvar_ps(q, high), _mm512_loadu_ps(x + 48), other);
        }
    }
    return _mm512_reduce_add_ps(_mm512_add_ps(sum, other));
}

/* Sixteen weights of a part: four bits of q, and bit `part` of h as the fifth. */
static inline __m512 weights5(__m512i q, __m512i h, int part, __m512 low, __m512 high)
{
    __mmask16 fifth = _mm512_test_epi32_mask(h, _mm512_set1_epi32(1 << part));
    return _mm512_mask_permutexvar_ps(_mm512_permutexvar_ps(q, low), fifth, q, high);
}

float cpu_avx512_q5_k(const uint8_t *w, const float *x, int64_t blocks)
{
    __m512 sum = _mm512_setzero_ps(), other = sum;
    for (int64_t b = 0; b < blocks; b++, w += Q5) {
        float d = gm_half_at(w), e = gm_half_at(w + 2);
        __m512i g = bytes_at(w + 16), h = bytes_at(w + 32);
        prefetch(w);
        for (int part = 0; part < 8; part++, x += 32) {
            __m512 low = table_of(w, d, e, part, 0), high = table_of(w, d, e, part, 16);
            __m512i p = bytes_at(w + 48 + part / 2 * 32), q = bytes_at(w + 64 + part / 2 * 32);
            if (part % 2) p = _mm512_srli_epi32(p, 4), q = _mm512_srli_epi32(q, 4);
            sum = _mm512_fmadd_ps(weights5(p, g, part, low, high), _mm512_loadu_ps(x), sum);
            other = _mm512_fmadd_ps(weights5(q, h, part, low, high), _mm512_loadu_ps(x + 16),
                                    other);
        }
    }
    return _mm512_reduce_add_ps(_mm512_add_ps(sum, other));
}

float cpu_avx512_q6_k(const uint8_t *w, const float *x, int64_t blocks)
{
    const __m512i four = _mm512_set1_epi32(15), two = _mm512_set1_epi32(48),
                  less = _mm512_set1_epi32(32);
    __m512 sum = _mm512_setzero_ps(), other = sum;
    for (int64_t b = 0; b < blocks; b++, w += Q6) {
        float d = gm_half_at(w + 208);
        prefetch(w);
        for (int i = 0; i < 256; i += 16, x += 16) {            /* one scale each */
            int run = i % 128 / 32;
            __m512i low = bytes_at(w + i / 128 * 64 + run % 2 * 32 + i % 32);
            __m512i high = _mm512_slli_epi32(bytes_at(w + 128 + i / 128 * 32 + i % 32), 4);
            low = _mm512_srl_epi32(low, _mm_cvtsi32_si128(run / 2 * 4));
            high = _mm512_srl_epi32(high, _mm_cvtsi32_si128(2 * run));
            __m512i v = _mm512_or_epi32(_mm512_and_epi32(low, four), _mm512_and_epi32(high, two));
            __m512 s = _mm512_set1_ps(d * (float)(int8_t)w[192 + i / 16]);
            __m512 value = _mm512_mul_ps(s, _mm512_cvtepi32_ps(_mm512_sub_epi32(v, less)));
            if (i % 32) other = _mm512_fmadd_ps(value, _mm512_loadu_ps(x), other);
            else sum = _mm512_fmadd_ps(value, _mm512_loadu_ps(x), sum);
        }
    }
    return _mm512_reduce_add_ps(_mm512_add_ps(sum, other));
}
