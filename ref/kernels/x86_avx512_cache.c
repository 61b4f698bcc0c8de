/* Rows of a 16-bit KV cache with AVX-512, sixteen numbers at a time: f16 by the processor's own
 * conversion; the bits of bf16 are a float's upper half.  Compiled as x86_avx512.c. */
#include "x86_cache_rows.h"

/* As floats; `type` is known when this is compiled. */
static inline __m512 as_floats(__m256i bits, gm_dtype type)
{
    if (type == GM_F16) return _mm512_cvtph_ps(bits);
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(bits), 16));
}

static inline __m512 halves_at(const uint16_t *p, gm_dtype type)
{
    return as_floats(_mm256_loadu_si256((const void *)p), type);
}

/* The first numbers of sixteen; the others are 0 and not read. */
static inline __mmask16 first(int64_t n) { return (__mmask16)((1u << n) - 1); }

static inline __m512 some_at(const uint16_t *p, __mmask16 mask, gm_dtype type)
{
    return as_floats(_mm256_maskz_loadu_epi16(mask, p), type);
}

/* `rows` is known, too. */
static inline void dots_of(float *score, const float *q, const uint16_t *k, int rows, int64_t HD,
                           int64_t stride, float scale, gm_dtype type)
{
    __m512 sum[CPU_KEYS];
    int64_t d = 0;
    for (int r = 0; r < rows; r++) sum[r] = _mm512_setzero_ps();
    for (; d + 16 <= HD; d += 16) {
        __m512 x = _mm512_loadu_ps(q + d);
        for (int r = 0; r < rows; r++) {
            ask_for(k, r, d, stride);
            sum[r] = _mm512_fmadd_ps(x, halves_at(k + r * stride + d, type), sum[r]);
        }
    }
    if (d < HD) {
        __m512 x = _mm512_maskz_loadu_ps(first(HD - d), q + d);
        for (int r = 0; r < rows; r++)
            sum[r] = _mm512_fmadd_ps(x, some_at(k + r * stride + d, first(HD - d), type), sum[r]);
    }
    for (int r = 0; r < rows; r++) score[r] = scale * _mm512_reduce_add_ps(sum[r]);
}

static inline void weigh_of(float *y, const float *weight, const uint16_t *v, int rows, int64_t HD,
                            int64_t stride, gm_dtype type)
{
    __m512 w[CPU_KEYS];
    int64_t d = 0;
    for (int r = 0; r < rows; r++) w[r] = _mm512_set1_ps(weight[r]);
    for (; d + 16 <= HD; d += 16) {
        __m512 sum = _mm512_loadu_ps(y + d);
        for (int r = 0; r < rows; r++) {
            ask_for(v, r, d, stride);
            sum = _mm512_fmadd_ps(w[r], halves_at(v + r * stride + d, type), sum);
        }
        _mm512_storeu_ps(y + d, sum);
    }
    if (d < HD) {
        __mmask16 mask = first(HD - d);
        __m512 sum = _mm512_maskz_loadu_ps(mask, y + d);
        for (int r = 0; r < rows; r++)
            sum = _mm512_fmadd_ps(w[r], some_at(v + r * stride + d, mask, type), sum);
        _mm512_mask_storeu_ps(y + d, mask, sum);
    }
}

static inline void widen(float *y, const uint16_t *x, int64_t n, gm_dtype type)
{
    int64_t i = 0;
    for (; i + 16 <= n; i += 16) _mm512_storeu_ps(y + i, halves_at(x + i, type));
    if (i < n) _mm512_mask_storeu_ps(y + i, first(n - i), some_at(x + i, first(n - i), type));
}

static void narrow_f16(uint16_t *y, const float *x, int64_t n)
{
    for (int64_t i = 0; i < n; i += 16) {
        __mmask16 mask = n - i < 16 ? first(n - i) : (__mmask16)0xffff;
        __m256i bits = _mm512_cvtps_ph(_mm512_maskz_loadu_ps(mask, x + i),
                                       _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
        _mm256_mask_storeu_epi16(y + i, mask, bits);
    }
}

const cpu_cache_rows cpu_cache_avx512[2] = X86_CACHE_ROWS("avx512");
