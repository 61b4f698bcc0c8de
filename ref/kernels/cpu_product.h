/* Matrix products with more than a few rows in the arithmetic that some processors have for it. */
#ifndef GM_CPU_PRODUCT_H
#define GM_CPU_PRODUCT_H
#include "cpu_dots.h"
#include "typed.h"

/* out (R + CPU_SPARE, CPU_PANEL) = x (R, K) times `columns` rows of w (columns, K), at most
 * CPU_PANEL; what lies beyond is undefined.  One thread's part.  The sums of a panel lie together:
 * in y, whose rows may be a power of two apart, they would fall on the same few lines of the caches
 * (docs/SPEED.md). */
enum { CPU_PANEL = 64, CPU_SPARE = 32 };
typedef struct {
    const char *name;
    size_t (*bytes)(int64_t R, int64_t K);                  /* of packed x */
    void (*pack)(void *to, const float *x, int64_t R, int64_t K);
    void (*bf16)(float *out, const void *x, const uint16_t *w, int64_t R, int64_t columns,
                 int64_t K);
} cpu_products;

/* y[:, n : n + CPU_PANEL] (R, N) = out + b, as many columns as there are (cpu_linear_bf16.c). */
void cpu_place_panel(float *y, const float *out, const float *b, int64_t R, int64_t N, int64_t n);

/* Floats of `out` for each thread; bytes for all of them (cpu_linear_bf16.c). */
size_t cpu_panels_bytes(int64_t R);
static inline int64_t cpu_panel_size(int64_t R) { return (R + CPU_SPARE) * CPU_PANEL; }

/* NULL: this processor has none (x86_dots.c, arm_dots.c, other_dots.c). */
const cpu_products *cpu_best_products(void);
/* x86_amx.c: NULL without AMX, or unless it is asked for. */
const cpu_products *cpu_products_amx(void);
/* Its state in words. */
const char *cpu_amx_state(void);
/* x86_bf16.c */
void cpu_product_bf16(float *out, const void *x, const uint16_t *w, int64_t R, int64_t columns,
                      int64_t K);

/* What cpu_product_bf16 reads, cpu_linear_bf16.c: runs of CPU_DEPTH inputs, in them tiles of
 * CPU_TILE rows, in them pairs of inputs, in them rows; what does not exist is 0. */
enum { CPU_TILE = 6, CPU_DEPTH = 192 };
size_t cpu_tile_bytes(int64_t R, int64_t K);
void cpu_tile_rows(void *to, const float *x, int64_t R, int64_t K);

/* Likewise with 8-bit activations (typed.h); w (columns, blocks of 32) quantised.  wide: also types
 * with blocks of 256. */
typedef struct {
    const char *name;
    size_t (*bytes)(int64_t R, int64_t blocks);             /* of packed x, for any type */
    void (*pack)(void *to, const float *x, gm_dtype wt, int64_t R, int64_t blocks);
    void (*product)(float *out, const void *x, const uint8_t *w, gm_dtype wt, int64_t R,
                    int64_t columns, int64_t blocks);
    int wide;
} cpu_products8;

const cpu_products8 *cpu_best_products8(void);
/* x86_amx.c: as cpu_products_amx. */
const cpu_products8 *cpu_products8_amx(void);
/* x86_int8.c, arm_dotprod.c: the product for the rows that follow. */
void cpu_product_vnni(float *out, const void *x, const uint8_t *w, gm_dtype wt, int64_t R,
                      int64_t columns, int64_t blocks);
void cpu_product_dotprod(float *out, const void *x, const uint8_t *w, gm_dtype wt, int64_t R,
                         int64_t columns, int64_t blocks);

/* Three rows of cpu_lifted8 (cpu_dots.h); a row that does not exist is 0.  q[i]: elements 4 i to
 * 4 i + 3 of each row. */
enum { CPU_TILE8 = 3 };
typedef struct {
    int32_t q[8][CPU_TILE8], lift[2][CPU_TILE8];
    float d[CPU_TILE8], s[CPU_TILE8];
} cpu_block8;

/* cpu_linear_q8.c: runs of CPU_RUN8 blocks, in them tiles, in them blocks. */
size_t cpu_tile8_bytes(int64_t R, int64_t blocks);
void cpu_tile8_rows(void *to, const float *x, gm_dtype wt, int64_t R, int64_t blocks);

#endif
