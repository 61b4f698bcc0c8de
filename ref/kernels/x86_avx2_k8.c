/* Rows in blocks of 256 (kernels.h, typed.h) times 8-bit activations with AVX2: a block's scales
 * are whole numbers and multiply its parts' sums before anything becomes a float.  Compiled as
 * x86_avx2.c is. */
#include <immintrin.h>
#include "cpu_dots.h"

static inline __m256i load(const void *p) { return _mm256_loadu_si256(p); }
static inline float half_at(const uint8_t *w) { return _cvtsh_ss((uint16_t)(w[0] | w[1] << 8)); }

static inline float sum_of(__m256 v)
{
    __m128 s = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
    s = _mm_add_ps(s, _mm_movehl_ps(s, s));
    return _mm_cvtss_f32(_mm_add_ss(s, _mm_movehdup_ps(s)));
}

/* all += scales times sums of pairs of u x: at most 2 x 63 x 127 before the scale. */
static inline __m256i add_scaled(__m256i all, __m256i u, const int8_t *x, __m256i scales)
{
    __m256i pairs = _mm256_maddubs_epi16(u, load(x));
    return _mm256_add_epi32(all, _mm256_madd_epi16(pairs, scales));
}

/* The sum of minima times sums of 32 activations. */
static inline int32_t least_of(const uint8_t *w, const gm_k8_block *x)
{
    int32_t sum = 0;
    for (int j = 0; j < 8; j++)
        sum += gm_k_least(w + 4, j) * (x->sums[2 * j] + x->sums[2 * j + 1]);
    return sum;
}

/* q4_K, q5_K: their half bytes begin at `at`; fifth: q5_K. */
static inline float dot_45(const uint8_t *w, const gm_k8_block *x, int64_t blocks, gm_dtype type)
{
    const __m256i low = _mm256_set1_epi8(15), bit = _mm256_set1_epi8(16);
    __m256 sum = _mm256_setzero_ps();
    float least = 0;
    for (int64_t b = 0; b < blocks; b++, x++, w += gm_block_bytes(type)) {
        const uint8_t *q = w + (type == GM_Q5_K ? 48 : 16);
        __m256i all = _mm256_setzero_si256(), high = load(w + 16);
        for (int j = 0; j < 8; j += 2, q += 32) {
            __m256i u = _mm256_and_si256(load(q), low);
            __m256i v = _mm256_and_si256(_mm256_srli_epi16(load(q), 4), low);
            if (type == GM_Q5_K) {
                __m256i a = _mm256_slli_epi16(high, 4), c = _mm256_slli_epi16(high, 3);
                u = _mm256_or_si256(u, _mm256_and_si256(a, bit));
                v = _mm256_or_si256(v, _mm256_and_si256(c, bit));
                high = _mm256_srli_epi16(high, 2);
            }
            all = add_scaled(all, u, x->q + 32 * j,
                             _mm256_set1_epi16((short)gm_k_scale(w + 4, j)));
            all = add_scaled(all, v, x->q + 32 * j + 32,
                             _mm256_set1_epi16((short)gm_k_scale(w + 4, j + 1)));
        }
        sum = _mm256_fmadd_ps(_mm256_set1_ps(half_at(w) * x->d), _mm256_cvtepi32_ps(all), sum);
        least += half_at(w + 2) * x->d * (float)least_of(w, x);
    }
    return sum_of(sum) - least;
}

static float dot_q4_k(const uint8_t *w, const gm_k8_block *x, int64_t blocks)
{
    return dot_45(w, x, blocks, GM_Q4_K);
}

static float dot_q5_k(const uint8_t *w, const gm_k8_block *x, int64_t blocks)
{
    return dot_45(w, x, blocks, GM_Q5_K);
}

/* What 32 less in every weight takes from the sum: of the sixteen sums and scales. */
static inline __m256i lift_of(const uint8_t *w, const gm_k8_block *x)
{
    __m256i scales = _mm256_cvtepi8_epi16(_mm_loadu_si128((const void *)(w + 192)));
    return _mm256_slli_epi32(_mm256_madd_epi16(scales, load(x->sums)), 5);
}

static inline __m256i two_scales(const uint8_t *s)
{
    return _mm256_setr_m128i(_mm_set1_epi16((int8_t)s[0]), _mm_set1_epi16((int8_t)s[1]));
}

static float dot_q6_k(const uint8_t *w, const gm_k8_block *x, int64_t blocks)
{
    const __m256i low = _mm256_set1_epi8(15), two = _mm256_set1_epi8(48);
    __m256 sum = _mm256_setzero_ps();
    for (int64_t b = 0; b < blocks; b++, x++, w += 210) {
        __m256i all = _mm256_sub_epi32(_mm256_setzero_si256(), lift_of(w, x));
        for (int run = 0; run < 8; run++) {                     /* of 32, two scales each */
            __m256i q = load(w + run / 4 * 64 + run % 2 * 32), h = load(w + 128 + run / 4 * 32);
            if (run % 4 >= 2) q = _mm256_srli_epi16(q, 4);
            h = run % 4 == 0 ? _mm256_slli_epi16(h, 4) : run % 4 == 1 ? _mm256_slli_epi16(h, 2)
                : run % 4 == 2 ? h : _mm256_srli_epi16(h, 2);
            q = _mm256_or_si256(_mm256_and_si256(q, low), _mm256_and_si256(h, two));
            all = add_scaled(all, q, x->q + 32 * run, two_scales(w + 192 + 2 * run));
        }
        sum = _mm256_fmadd_ps(_mm256_set1_ps(half_at(w + 208) * x->d), _mm256_cvtepi32_ps(all),
                              sum);
    }
    return sum_of(sum);
}

const cpu_dots_k8 cpu_dots_k8_avx2 = { "avx2", dot_q4_k, dot_q5_k, dot_q6_k };
