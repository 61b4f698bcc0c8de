/* Rows of 16-bit numbers, keys or values of a KV cache: what attention does with them.  Compiled once
 * for each kind of processor (x86_*_cache.c); *_dots.c choose. */
#ifndef GM_CPU_CACHE_H
#define GM_CPU_CACHE_H
#include "typed.h"

/* Rows that are read side by side, as in cpu_dots.h. */
enum { CPU_KEYS = 8 };

typedef struct {
    const char *name;
    /* score (n) = scale q (HD) . each of n <= CPU_KEYS rows of k, stride apart. */
    void (*dots)(float *score, const float *q, const uint16_t *k, int64_t n, int64_t HD,
                 int64_t stride, float scale);
    /* y (HD) += the sum of n <= CPU_KEYS rows of v, stride apart, times weight (n). */
    void (*weigh)(float *y, const float *weight, const uint16_t *v, int64_t n, int64_t HD,
                  int64_t stride);
    /* y (n) = x (n) as float; and rounded to nearest even. */
    void (*widen)(float *y, const uint16_t *x, int64_t n);
    void (*narrow)(uint16_t *y, const float *x, int64_t n);
} cpu_rows_of_16;

/* For type GM_BF16 or GM_F16: number i of those that this processor runs, the best first; NULL: none
 * further, plain C is left (x86_dots.c, arm_dots.c, other_dots.c). */
const cpu_rows_of_16 *cpu_best_cache(gm_dtype type, int i);
/* x86_avx512_cache.c, x86_avx2_cache.c: of bf16 and of f16. */
extern const cpu_rows_of_16 cpu_cache_avx512[2], cpu_cache_avx2[2];

#endif
