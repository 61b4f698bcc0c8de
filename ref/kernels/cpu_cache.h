/* Rows of a KV cache: what attention does with them.  Those of 16-bit numbers are compiled once for
 * each kind of processor (x86_*_cache.c); *_dots.c choose. */
#ifndef GM_CPU_CACHE_H
#define GM_CPU_CACHE_H
#include "typed.h"

/* Rows that are read side by side, as in cpu_dots.h. */
enum { CPU_KEYS = 8 };

typedef struct {
    const char *name;
    /* score (n) = scale q (HD) . each of n <= CPU_KEYS rows of k, stride elements apart. */
    void (*dots)(float *score, const float *q, const void *k, int64_t n, int64_t HD,
                 int64_t stride, float scale);
    /* y (HD) += the sum of n <= CPU_KEYS rows of v, stride elements apart, times weight (n). */
    void (*weigh)(float *y, const float *weight, const void *v, int64_t n, int64_t HD,
                  int64_t stride);
    /* y (n) = x (n) as float; and rounded to nearest even.  (NULL for float itself.) */
    void (*widen)(float *y, const uint16_t *x, int64_t n);
    void (*narrow)(uint16_t *y, const float *x, int64_t n);
} cpu_cache_rows;

/* For type GM_BF16 or GM_F16: number i of those that this processor runs, the best first; NULL: no
 * further one, plain C is left (x86_dots.c, arm_dots.c, other_dots.c). */
const cpu_cache_rows *cpu_best_cache(gm_dtype type, int i);
/* x86_avx512_cache.c, x86_avx2_cache.c: of bf16 and of f16. */
extern const cpu_cache_rows cpu_cache_avx512[2], cpu_cache_avx2[2];
/* cpu_cache.c: the same in plain C. */
extern const cpu_cache_rows cpu_cache_plain[2];

/* cpu_cache.c: attention of one query (s->TQ 1, no relative positions) against keys and values of
 * type kt: f32, bf16, f16.  Floats of scratch that it needs. */
void cpu_attention_one(float *y, const float *q, const void *k, const void *v, gm_dtype kt,
                       const gm_attn *s, float *scratch);
static inline size_t cpu_attention_one_floats(const gm_attn *s)
{
    return (size_t)(s->B * s->NH * s->TK);
}

#endif
