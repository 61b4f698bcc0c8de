/* Rows of a 16-bit KV cache with AVX2, FMA and F16C, eight numbers at a time: as
 * x86_avx512_cache.c, which has the shapes.  Compiled as x86_avx2.c. */
#include "x86_cache_rows.h"

/* As floats; `type` is known when this is compiled. */
static inline __m256 halves_at(const uint16_t *p, gm_dtype type)
{
    __m128i bits = _mm_loadu_si128((const void *)p);
    if (type == GM_F16) return _mm256_cvtph_ps(bits);
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(bits), 16));
}

static inline float half_at(const uint16_t *p, gm_dtype type)
{
    return type == GM_F16 ? _cvtsh_ss(*p) : gm_from_bf16(*p);
}

static inline float sum_of(__m256 v)
{
    __m128 s = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
    s = _mm_add_ps(s, _mm_movehl_ps(s, s));
    return _mm_cvtss_f32(_mm_add_ss(s, _mm_movehdup_ps(s)));
}

/* `rows` is known, too. */
static inline void dots_of(float *score, const float *q, const uint16_t *k, int rows, int64_t HD,
                           int64_t stride, float scale, gm_dtype type)
{
    __m256 sum[CPU_KEYS];
    int64_t whole = HD / 8 * 8;
    for (int r = 0; r < rows; r++) sum[r] = _mm256_setzero_ps();
    for (int64_t d = 0; d < whole; d += 8) {
        __m256 x = _mm256_loadu_ps(q + d);
        for (int r = 0; r < rows; r++) {
            ask_for(k, r, d, stride);
            sum[r] = _mm256_fmadd_ps(x, halves_at(k + r * stride + d, type), sum[r]);
        }
    }
    for (int r = 0; r < rows; r++) {
        float all = sum_of(sum[r]);
        for (int64_t d = whole; d < HD; d++) all += q[d] * half_at(k + r * stride + d, type);
        score[r] = scale * all;
    }
}

static inline void weigh_of(float *y, const float *weight, const uint16_t *v, int rows, int64_t HD,
                            int64_t stride, gm_dtype type)
{
    __m256 w[CPU_KEYS];
    int64_t whole = HD / 8 * 8;
    for (int r = 0; r < rows; r++) w[r] = _mm256_set1_ps(weight[r]);
    for (int64_t d = 0; d < whole; d += 8) {
        __m256 sum = _mm256_loadu_ps(y + d);
        for (int r = 0; r < rows; r++) {
            ask_for(v, r, d, stride);
            sum = _mm256_fmadd_ps(w[r], halves_at(v + r * stride + d, type), sum);
        }
        _mm256_storeu_ps(y + d, sum);
    }
    for (int64_t d = whole; d < HD; d++)
        for (int r = 0; r < rows; r++) y[d] += weight[r] * half_at(v + r * stride + d, type);
}

static inline void widen(float *y, const uint16_t *x, int64_t n, gm_dtype type)
{
    int64_t i = 0;
    for (; i + 8 <= n; i += 8) _mm256_storeu_ps(y + i, halves_at(x + i, type));
    for (; i < n; i++) y[i] = half_at(x + i, type);
}

static void narrow_f16(uint16_t *y, const float *x, int64_t n)
{
    const int nearest = _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC;
    int64_t i = 0;
    for (; i + 8 <= n; i += 8)
        _mm_storeu_si128((void *)(y + i), _mm256_cvtps_ph(_mm256_loadu_ps(x + i), nearest));
    for (; i < n; i++) y[i] = (uint16_t)_cvtss_sh(x[i], nearest);
}

const cpu_cache_rows cpu_cache_avx2[2] = X86_CACHE_ROWS("avx2");
