/* Quantised rows times floats with AVX2 and FMA, eight weights at a time, and times 8-bit
 * activations, a block at a time.  Compiled with -mavx2 -mfma -mf16c (Makefile). */
#include <immintrin.h>
#include "cpu_dots.h"

enum { Q8 = 34, Q4 = 18, Q4_MIN = 20, AHEAD = 256 };

static inline __m256 half_at(const uint8_t *p)
{
    return _mm256_set1_ps(gm_from_f16((uint16_t)(p[0] | p[1] << 8)));
}

static inline float sum_of(__m256 v)
{
    __m128 s = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
    s = _mm_add_ps(s, _mm_movehl_ps(s, s));
    return _mm_cvtss_f32(_mm_add_ss(s, _mm_movehdup_ps(s)));
}

static inline __m256 signed_at(const uint8_t *p)
{
    return _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64((const void *)p)));
}

static float dot_q8_0(const uint8_t *w, const float *x, int64_t blocks)
{
    __m256 sum = _mm256_setzero_ps();
    for (int64_t b = 0; b < blocks; b++, w += Q8, x += GM_BLOCK) {
        _mm_prefetch((const char *)w + AHEAD, _MM_HINT_T0);
        __m256 p = _mm256_mul_ps(signed_at(w + 2), _mm256_loadu_ps(x));
        __m256 q = _mm256_mul_ps(signed_at(w + 10), _mm256_loadu_ps(x + 8));
        p = _mm256_fmadd_ps(signed_at(w + 18), _mm256_loadu_ps(x + 16), p);
        q = _mm256_fmadd_ps(signed_at(w + 26), _mm256_loadu_ps(x + 24), q);
        sum = _mm256_fmadd_ps(half_at(w), _mm256_add_ps(p, q), sum);
    }
    return sum_of(sum);
}

/* Eight bytes at p: low halves minus `less` times x, high halves minus it times x + 16. */
static inline __m256 halves_dot(const uint8_t *p, const float *x, __m256i less)
{
    __m256i q = _mm256_cvtepu8_epi32(_mm_loadl_epi64((const void *)p));
    __m256i low = _mm256_sub_epi32(_mm256_and_si256(q, _mm256_set1_epi32(15)), less);
    __m256i high = _mm256_sub_epi32(_mm256_srli_epi32(q, 4), less);
    __m256 sum = _mm256_mul_ps(_mm256_cvtepi32_ps(low), _mm256_loadu_ps(x));
    return _mm256_fmadd_ps(_mm256_cvtepi32_ps(high), _mm256_loadu_ps(x + 16), sum);
}

static float dot_q4_0(const uint8_t *w, const float *x, int64_t blocks)
{
    const __m256i less = _mm256_set1_epi32(8);
    __m256 sum = _mm256_setzero_ps();
    for (int64_t b = 0; b < blocks; b++, w += Q4, x += GM_BLOCK) {
        _mm_prefetch((const char *)w + AHEAD, _MM_HINT_T0);
        __m256 p = _mm256_add_ps(halves_dot(w + 2, x, less), halves_dot(w + 10, x + 8, less));
        sum = _mm256_fmadd_ps(half_at(w), p, sum);
    }
    return sum_of(sum);
}

/* Eight bytes at p as weights d q + m: an infinite x gives what it gives in the oracle, where
 * sums of d q x and of m x apart could be Inf - Inf. */
static inline __m256 weights_dot(const uint8_t *p, const float *x, __m256 d, __m256 m)
{
    __m256i q = _mm256_cvtepu8_epi32(_mm_loadl_epi64((const void *)p));
    __m256 low = _mm256_cvtepi32_ps(_mm256_and_si256(q, _mm256_set1_epi32(15)));
    __m256 high = _mm256_cvtepi32_ps(_mm256_srli_epi32(q, 4));
    __m256 sum = _mm256_mul_ps(_mm256_fmadd_ps(d, low, m), _mm256_loadu_ps(x));
    return _mm256_fmadd_ps(_mm256_fmadd_ps(d, high, m), _mm256_loadu_ps(x + 16), sum);
}

static float dot_q4_1(const uint8_t *w, const float *x, int64_t blocks)
{
    __m256 sum = _mm256_setzero_ps(), other = sum;
    for (int64_t b = 0; b < blocks; b++, w += Q4_MIN, x += GM_BLOCK) {
        _mm_prefetch((const char *)w + AHEAD, _MM_HINT_T0);
        __m256 d = half_at(w), m = half_at(w + 2);
        sum = _mm256_add_ps(sum, weights_dot(w + 4, x, d, m));
        other = _mm256_add_ps(other, weights_dot(w + 12, x + 8, d, m));
    }
    return sum_of(_mm256_add_ps(sum, other));
}

const cpu_dots cpu_dots_avx2 = {
    .name = "avx2", .q8_0 = dot_q8_0, .q4_0 = dot_q4_0, .q4_1 = dot_q4_1,
    .q4_k = cpu_avx2_q4_k, .q5_k = cpu_avx2_q5_k, .q6_k = cpu_avx2_q6_k
};

/* ---- 8-bit activations ---- */

static inline float scale_of(const uint8_t *w) { return _cvtsh_ss((uint16_t)(w[0] | w[1] << 8)); }

/* Pairs of unsigned times signed bytes, added to four of them: at most 2 x 128 x 127 between. */
static inline __m256 whole(__m256i u, __m256i v)
{
    return _mm256_cvtepi32_ps(_mm256_madd_epi16(_mm256_maddubs_epi16(u, v), _mm256_set1_epi16(1)));
}

static float dot8_q8_0(const uint8_t *w, const cpu_group8 *x, int64_t blocks)
{
    __m256 sum = _mm256_setzero_ps();
    for (int64_t b = 0; b < blocks; b++, w += Q8) {
        const cpu_group8 *g = &x[b / CPU_GROUP];
        __m256i q = _mm256_loadu_si256((const void *)(w + 2));
        __m256i v = _mm256_loadu_si256((const void *)(g->q + b % CPU_GROUP * GM_BLOCK));
        __m256 dot = whole(_mm256_abs_epi8(q), _mm256_sign_epi8(v, q));
        sum = _mm256_fmadd_ps(_mm256_set1_ps(scale_of(w) * g->d[b % CPU_GROUP]), dot, sum);
    }
    return sum_of(sum);
}

/* The sixteen bytes at w times block b of the group, halves as unsigned. */
static inline __m256 halves_whole(const uint8_t *w, const cpu_group8 *g, int64_t b)
{
    const int8_t *v = g->q + b / 4 * 128 + b % 4 * 16;
    __m128i q = _mm_loadu_si128((const void *)w), low = _mm_set1_epi8(15);
    __m256i u = _mm256_setr_m128i(_mm_and_si128(q, low), _mm_and_si128(_mm_srli_epi16(q, 4), low));
    return whole(u, _mm256_setr_m128i(_mm_loadu_si128((const void *)v),
                                      _mm_loadu_si128((const void *)(v + 64))));
}

/* second: where the number that s is multiplied by lies in a block of `bytes`. */
static inline float dot8_q4(const uint8_t *w, int bytes, int second, const cpu_group8 *x,
                            int64_t blocks)
{
    __m256 sum = _mm256_setzero_ps();
    float extra = 0;
    for (int64_t b = 0; b < blocks; b++, w += bytes) {
        const cpu_group8 *g = &x[b / CPU_GROUP];
        int64_t i = b % CPU_GROUP;
        extra += scale_of(w + second) * g->s[i];
        sum = _mm256_fmadd_ps(_mm256_set1_ps(scale_of(w) * g->d[i]),
                              halves_whole(w + bytes - GM_BLOCK / 2, g, i), sum);
    }
    return sum_of(sum) + extra;
}

static float dot8_q4_0(const uint8_t *w, const cpu_group8 *x, int64_t blocks)
{
    return dot8_q4(w, Q4, 0, x, blocks);
}

static float dot8_q4_1(const uint8_t *w, const cpu_group8 *x, int64_t blocks)
{
    return dot8_q4(w, Q4_MIN, 2, x, blocks);
}

const cpu_dots8 cpu_dots8_avx2 = { "avx2", dot8_q8_0, dot8_q4_0, dot8_q4_1, NULL };
