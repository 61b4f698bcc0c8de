/* What both widths of vectors do alike with rows of a 16-bit KV cache (cpu_cache.h): the including
 * file has dots_of, weigh_of, widen and narrow_f16, each for `rows` or a type that is known when it
 * is compiled. */
#ifndef GM_X86_CACHE_ROWS_H
#define GM_X86_CACHE_ROWS_H
#include <immintrin.h>
#include "cpu_cache.h"

/* The line that row r of the next CPU_KEYS has where element d of this one is, to the second-level
 * cache; nothing faults. */
static inline void ask_for(const uint16_t *rows, int64_t r, int64_t d, int64_t stride)
{
    uintptr_t p = (uintptr_t)rows + (uintptr_t)(((r + CPU_KEYS) * stride + d) * 2);
    if (d % 32 == 0) _mm_prefetch((const char *)p, _MM_HINT_T1);
}

static inline void dots_of(float *score, const float *q, const uint16_t *k, int rows, int64_t HD,
                           int64_t stride, float scale, gm_dtype type);
static inline void weigh_of(float *y, const float *weight, const uint16_t *v, int rows, int64_t HD,
                            int64_t stride, gm_dtype type);
static inline void widen(float *y, const uint16_t *x, int64_t n, gm_dtype type);
static void narrow_f16(uint16_t *y, const float *x, int64_t n);

static inline void dots(float *score, const float *q, const uint16_t *k, int64_t n, int64_t HD,
                        int64_t stride, float scale, gm_dtype type)
{
    if (n == CPU_KEYS) dots_of(score, q, k, CPU_KEYS, HD, stride, scale, type);
    else
        for (int64_t j = 0; j < n; j++)
            dots_of(score + j, q, k + j * stride, 1, HD, stride, scale, type);
}

static inline void weigh(float *y, const float *weight, const uint16_t *v, int64_t n, int64_t HD,
                         int64_t stride, gm_dtype type)
{
    if (n == CPU_KEYS) weigh_of(y, weight, v, CPU_KEYS, HD, stride, type);
    else
        for (int64_t j = 0; j < n; j++)
            weigh_of(y, weight + j, v + j * stride, 1, HD, stride, type);
}

static void dots_bf16(float *score, const float *q, const void *k, int64_t n, int64_t HD,
                      int64_t stride, float scale)
{
    dots(score, q, k, n, HD, stride, scale, GM_BF16);
}

static void dots_f16(float *score, const float *q, const void *k, int64_t n, int64_t HD,
                     int64_t stride, float scale)
{
    dots(score, q, k, n, HD, stride, scale, GM_F16);
}

static void weigh_bf16(float *y, const float *weight, const void *v, int64_t n, int64_t HD,
                       int64_t stride)
{
    weigh(y, weight, v, n, HD, stride, GM_BF16);
}

static void weigh_f16(float *y, const float *weight, const void *v, int64_t n, int64_t HD,
                      int64_t stride)
{
    weigh(y, weight, v, n, HD, stride, GM_F16);
}

static void widen_bf16(float *y, const uint16_t *x, int64_t n) { widen(y, x, n, GM_BF16); }
static void widen_f16(float *y, const uint16_t *x, int64_t n) { widen(y, x, n, GM_F16); }

static void narrow_bf16(uint16_t *y, const float *x, int64_t n)
{
    for (int64_t i = 0; i < n; i++) y[i] = gm_to_bf16(x[i]);
}

/* The table of cpu_cache.h, of bf16 and of f16. */
#define X86_CACHE_ROWS(name) {                                  \
    { name, dots_bf16, weigh_bf16, widen_bf16, narrow_bf16 },   \
    { name, dots_f16, weigh_f16, widen_f16, narrow_f16 },       \
}

#endif
