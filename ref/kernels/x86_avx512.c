/* Rows times floats with AVX-512: sixteen weights at a time become floats in one conversion
 * (bytes) or one table look-up (half bytes); a block's scale multiplies its partial sums, which
 * stay apart to the end of the row.  Compiled with -mavx512f and on (Makefile). */
#include <immintrin.h>
#include "cpu_dots.h"

enum { Q8 = 34, Q4 = 18, Q4_MIN = 20, AHEAD = 256 };

static inline __m512 half_at(const uint8_t *p)
{
    return _mm512_cvtph_ps(_mm256_set1_epi16((short)(p[0] | p[1] << 8)));
}

static inline __m512 bytes_at(const uint8_t *p)
{
    return _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128((const void *)p)));
}

static float dot_q8_0(const uint8_t *w, const float *x, int64_t blocks)
{
    __m512 sum = _mm512_setzero_ps(), other = sum;
    int64_t b = 0;
    for (; b + 2 <= blocks; b += 2, w += 2 * Q8, x += 2 * GM_BLOCK) {
        _mm_prefetch((const char *)w + AHEAD, _MM_HINT_T0);
        __m512 p = _mm512_mul_ps(bytes_at(w + 2), _mm512_loadu_ps(x));
        __m512 q = _mm512_mul_ps(bytes_at(w + Q8 + 2), _mm512_loadu_ps(x + 32));
        p = _mm512_fmadd_ps(bytes_at(w + 18), _mm512_loadu_ps(x + 16), p);
        q = _mm512_fmadd_ps(bytes_at(w + Q8 + 18), _mm512_loadu_ps(x + 48), q);
        sum = _mm512_fmadd_ps(half_at(w), p, sum);
        other = _mm512_fmadd_ps(half_at(w + Q8), q, other);
    }
    for (; b < blocks; b++, w += Q8, x += GM_BLOCK) {
        __m512 p = _mm512_mul_ps(bytes_at(w + 2), _mm512_loadu_ps(x));
        p = _mm512_fmadd_ps(bytes_at(w + 18), _mm512_loadu_ps(x + 16), p);
        sum = _mm512_fmadd_ps(half_at(w), p, sum);
    }
    return _mm512_reduce_add_ps(_mm512_add_ps(sum, other));
}

/* The sixteen bytes at p: low halves times x, high halves times x + 16; table has the 16 values. */
static inline __m512 halves_dot(const uint8_t *p, const float *x, __m512 table)
{
    __m512i q = _mm512_cvtepu8_epi32(_mm_loadu_si128((const void *)p));
    /* a look-up reads the low four bits of each index alone */
    __m512 low = _mm512_permutexvar_ps(q, table);
    __m512 high = _mm512_permutexvar_ps(_mm512_srli_epi32(q, 4), table);
    __m512 sum = _mm512_mul_ps(low, _mm512_loadu_ps(x));
    return _mm512_fmadd_ps(high, _mm512_loadu_ps(x + 16), sum);
}

static float dot_q4_0(const uint8_t *w, const float *x, int64_t blocks)
{
    const __m512 table =
        _mm512_setr_ps(-8, -7, -6, -5, -4, -3, -2, -1, 0, 1, 2, 3, 4, 5, 6, 7);
    __m512 sum = _mm512_setzero_ps(), other = sum;
    int64_t b = 0;
    for (; b + 2 <= blocks; b += 2, w += 2 * Q4, x += 2 * GM_BLOCK) {
        _mm_prefetch((const char *)w + AHEAD, _MM_HINT_T0);
        sum = _mm512_fmadd_ps(half_at(w), halves_dot(w + 2, x, table), sum);
        other = _mm512_fmadd_ps(half_at(w + Q4), halves_dot(w + Q4 + 2, x + 32, table), other);
    }
    for (; b < blocks; b++, w += Q4, x += GM_BLOCK)
        sum = _mm512_fmadd_ps(half_at(w), halves_dot(w + 2, x, table), sum);
    return _mm512_reduce_add_ps(_mm512_add_ps(sum, other));
}

/* The table holds a block's sixteen weights d q + m themselves: an infinite x gives what it gives in
 * the oracle, where sums of d q x and of m x apart could be Inf - Inf. */
static float dot_q4_1(const uint8_t *w, const float *x, int64_t blocks)
{
    const __m512 steps = _mm512_setr_ps(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    __m512 sum = _mm512_setzero_ps(), other = sum;
    int64_t b = 0;
    for (; b + 2 <= blocks; b += 2, w += 2 * Q4_MIN, x += 2 * GM_BLOCK) {
        _mm_prefetch((const char *)w + AHEAD, _MM_HINT_T0);
        __m512 table = _mm512_fmadd_ps(half_at(w), steps, half_at(w + 2));
        __m512 next = _mm512_fmadd_ps(half_at(w + Q4_MIN), steps, half_at(w + Q4_MIN + 2));
        sum = _mm512_add_ps(sum, halves_dot(w + 4, x, table));
        other = _mm512_add_ps(other, halves_dot(w + Q4_MIN + 4, x + 32, next));
    }
    for (; b < blocks; b++, w += Q4_MIN, x += GM_BLOCK) {
        __m512 table = _mm512_fmadd_ps(half_at(w), steps, half_at(w + 2));
        sum = _mm512_add_ps(sum, halves_dot(w + 4, x, table));
    }
    return _mm512_reduce_add_ps(_mm512_add_ps(sum, other));
}

/* Sixteen weights as float: their bits are its upper half. */
static inline __m512 wide_at(const uint16_t *p)
{
    __m512i bits = _mm512_cvtepu16_epi32(_mm256_loadu_si256((const void *)p));
    return _mm512_castsi512_ps(_mm512_slli_epi32(bits, 16));
}

static void rows_bf16(float *y, const void *weights, const float *x, int64_t K)
{
    const uint16_t *w = weights;
    __m512 even[CPU_ROWS], odd[CPU_ROWS];
    int64_t k = 0;
    for (int r = 0; r < CPU_ROWS; r++) even[r] = odd[r] = _mm512_setzero_ps();
    for (; k + 32 <= K; k += 32) {
        __m512 a = _mm512_loadu_ps(x + k), b = _mm512_loadu_ps(x + k + 16);
        for (int r = 0; r < CPU_ROWS; r++) {
            const uint16_t *row = w + r * K + k;
            even[r] = _mm512_fmadd_ps(wide_at(row), a, even[r]);
            odd[r] = _mm512_fmadd_ps(wide_at(row + 16), b, odd[r]);
        }
    }
    for (int r = 0; r < CPU_ROWS; r++) {
        float sum = _mm512_reduce_add_ps(_mm512_add_ps(even[r], odd[r]));
        for (int64_t i = k; i < K; i++) sum += gm_from_bf16(w[r * K + i]) * x[i];
        y[r] = sum;
    }
}

const cpu_dots cpu_dots_avx512 = {
    .name = "avx512", .q8_0 = dot_q8_0, .q4_0 = dot_q4_0, .q4_1 = dot_q4_1,
    .q4_k = cpu_avx512_q4_k, .q5_k = cpu_avx512_q5_k, .q6_k = cpu_avx512_q6_k, .bf16 = rows_bf16
};
