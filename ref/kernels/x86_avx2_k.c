/* Rows in blocks of 256 (kernels.h, typed.h) times floats with AVX2 and FMA: eight weights at a
 * time.  Compiled as x86_avx2.c is. */
#include <stdbool.h>
#include "x86_k.h"

static inline float sum_of(__m256 v)
{
    __m128 s = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
    s = _mm_add_ps(s, _mm_movehl_ps(s, s));
    return _mm_cvtss_f32(_mm_add_ss(s, _mm_movehdup_ps(s)));
}

static inline __m256i bytes_at(const uint8_t *p)
{
    return _mm256_cvtepu8_epi32(_mm_loadl_epi64((const void *)p));
}

/* One part of q4_K or q5_K, from its half bytes (the upper ones for an odd part), with fifth bits
 * from `fifth` unless that is NULL; as weights d s q - e t, so that an infinite x gives what it
 * gives in the oracle. */
static inline __m256 part_dot(const uint8_t *w, float d, float e, const uint8_t *q,
                              const uint8_t *fifth, int part, const float *x, __m256 sum)
{
    const __m256i four = _mm256_set1_epi32(15), bit = _mm256_set1_epi32(16);
    __m128i down = _mm_cvtsi32_si128(part % 2 * 4), across = _mm_cvtsi32_si128(part);
    __m256 s = _mm256_set1_ps(d * (float)gm_k_scale(w + 4, part));
    __m256 t = _mm256_set1_ps(e * (float)gm_k_least(w + 4, part));
    for (int i = 0; i < 32; i += 8) {
        __m256i v = _mm256_and_si256(_mm256_srl_epi32(bytes_at(q + i), down), four);
        if (fifth) {
            __m256i h = _mm256_srl_epi32(_mm256_slli_epi32(bytes_at(fifth + i), 4), across);
            v = _mm256_or_si256(v, _mm256_and_si256(h, bit));
        }
        __m256 weight = _mm256_fmsub_ps(s, _mm256_cvtepi32_ps(v), t);
        sum = _mm256_fmadd_ps(weight, _mm256_loadu_ps(x + i), sum);
    }
    return sum;
}

/* Rows of q4_K (five false) or q5_K. */
static inline float parts_dot(const uint8_t *w, bool five, const float *x, int64_t blocks)
{
    __m256 sum = _mm256_setzero_ps(), other = sum;
    for (int64_t b = 0; b < blocks; b++, w += five ? Q5 : Q4) {
        float d = gm_half_at(w), e = gm_half_at(w + 2);
        const uint8_t *fifth = five ? w + 16 : NULL, *q = w + (five ? 48 : 16);
        prefetch(w);
        for (int part = 0; part < 8; part += 2, q += 32, x += 64) {
            sum = part_dot(w, d, e, q, fifth, part, x, sum);
            other = part_dot(w, d, e, q, fifth, part + 1, x + 32, other);
        }
    }
    return sum_of(_mm256_add_ps(sum, other));
}

float cpu_avx2_q4_k(const uint8_t *w, const float *x, int64_t blocks)
{
    return parts_dot(w, false, x, blocks);
}

float cpu_avx2_q5_k(const uint8_t *w, const float *x, int64_t blocks)
{
    return parts_dot(w, true, x, blocks);
}

float cpu_avx2_q6_k(const uint8_t *w, const float *x, int64_t blocks)
{
    const __m256i four = _mm256_set1_epi32(15), two = _mm256_set1_epi32(48),
                  less = _mm256_set1_epi32(32);
    __m256 sum = _mm256_setzero_ps(), other = sum;
    for (int64_t b = 0; b < blocks; b++, w += Q6) {
        float d = gm_half_at(w + 208);
        prefetch(w);
        for (int i = 0; i < 256; i += 8, x += 8) {
            int run = i % 128 / 32;
            __m256i low = bytes_at(w + i / 128 * 64 + run % 2 * 32 + i % 32);
            __m256i high = _mm256_slli_epi32(bytes_at(w + 128 + i / 128 * 32 + i % 32), 4);
            low = _mm256_srl_epi32(low, _mm_cvtsi32_si128(run / 2 * 4));
            high = _mm256_srl_epi32(high, _mm_cvtsi32_si128(2 * run));
            __m256i v = _mm256_or_si256(_mm256_and_si256(low, four), _mm256_and_si256(high, two));
            __m256 s = _mm256_set1_ps(d * (float)(int8_t)w[192 + i / 16]);
            __m256 value = _mm256_mul_ps(s, _mm256_cvtepi32_ps(_mm256_sub_epi32(v, less)));
            if (i % 16) other = _mm256_fmadd_ps(value, _mm256_loadu_ps(x), other);
            else sum = _mm256_fmadd_ps(value, _mm256_loadu_ps(x), sum);
        }
    }
    return sum_of(_mm256_add_ps(sum, other));
}
