/* Matrix products with more than a few rows in the arithmetic that some processors have for it. */
#ifndef GM_CPU_PRODUCT_H
#define GM_CPU_PRODUCT_H
#include "typed.h"

/* y (R, N), which holds what it starts from, += x w^T; w (N, K) as stored; x (R, K) as cpu_tile_bf16
 * packed it: K / 2 pairs, the last filled up with 0, of tiles of 6 rows, cut into runs. */
enum { CPU_TILE = 6, CPU_PANEL = 64, CPU_DEPTH = 192 };
typedef struct {
    const char *name;
    /* y[:, n : n + CPU_PANEL], or as many columns as there are: one thread's part. */
    void (*bf16)(float *y, const uint32_t *x, const uint16_t *w, int64_t R, int64_t N, int64_t K,
                 int64_t n);
} cpu_products;

/* NULL: this processor has none (x86_dots.c; x86_none.c elsewhere). */
const cpu_products *cpu_products_x86(void);
/* x86_bf16.c */
extern const cpu_products cpu_products_bf16;

/* Pairs of x, in whole tiles, and bytes of them. */
static inline int64_t cpu_pairs(int64_t K) { return (K + 1) / 2; }
static inline size_t cpu_tile_bytes(int64_t R, int64_t K)
{
    return (size_t)((R + CPU_TILE - 1) / CPU_TILE * CPU_TILE * cpu_pairs(K)) * sizeof(uint32_t);
}

#endif
