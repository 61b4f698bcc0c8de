/* The product of bfloat16 matrices by tiles of 16 x 16 outputs and 32 inputs, as Intel's AMX has
 * them.  Who includes this has defined what a tile does: x86_amx.c by the instructions,
 * tests/amx_emulated.c in plain C, so that the cutting into tiles runs anywhere. */
#ifndef GM_AMX_PRODUCT_H
#define GM_AMX_PRODUCT_H
#include "cpu_product.h"

enum { AMX_SIDE = 16, AMX_DEPTH = 32, AMX_ROWS = 2 * AMX_SIDE, AMX_RUN = 256 };

/* Tiles: sums (i, j), rows of x i, columns of w j; i, j 0 or 1.  A row of every tile is 64 bytes;
 * stride: bytes from row to row. */
static void amx_begin(void);
static void amx_end(void);
static inline void amx_zero(int i, int j);
static inline void amx_load_x(int i, const uint16_t *x, int64_t stride);
static inline void amx_load_w(int j, const uint32_t *w, int64_t stride);
static inline void amx_multiply(int i, int j);      /* sum (i, j) += x i times w j */
static inline void amx_store(int i, int j, float *y, int64_t stride);

static int64_t amx_up(int64_t n, int64_t to) { return (n + to - 1) / to * to; }

static size_t amx_bytes(int64_t R, int64_t K)
{
    return (size_t)(amx_up(R, AMX_ROWS) * amx_up(K, AMX_DEPTH)) * sizeof(uint16_t);
}

/* Row-major, filled up with zeros. */
static void amx_pack(void *to, const float *x, int64_t R, int64_t K)
{
    uint16_t *y = to;
    int64_t rows = amx_up(R, AMX_ROWS), width = amx_up(K, AMX_DEPTH);
    #pragma omp parallel for if (R * K > 32768)
    for (int64_t r = 0; r < rows; r++)
        for (int64_t k = 0; k < width; k++)
            y[r * width + k] = r < R && k < K ? gm_to_bf16(x[r * K + k]) : 0;
}

/* panel (pairs, CPU_PANEL): two inputs of an output in a word, zeros where there is none. */
static void amx_panel(uint32_t *panel, const uint16_t *w, int64_t columns, int64_t K, int64_t k,
                      int64_t depth)
{
    for (int64_t n = 0; n < CPU_PANEL; n++)
        for (int64_t i = 0; i < depth / 2; i++) {
            const uint16_t *at = w + n * K + k + 2 * i;
            int64_t left = n < columns ? K - k - 2 * i : 0;
            panel[i * CPU_PANEL + n] = (left > 0 ? at[0] : 0u) | (left > 1 ? at[1] : 0u) << 16;
        }
}

/* out (32, columns) += 32 rows of x times 32 outputs of the panel; at first out counts as 0. */
static void amx_block(float *out, const uint16_t *x, int64_t width, const uint32_t *panel,
                      int64_t depth, int first)
{
    float sum[AMX_ROWS][AMX_ROWS];
    for (int t = 0; t < 4; t++) amx_zero(t / 2, t % 2);
    for (int64_t k = 0; k < depth; k += AMX_DEPTH) {
        for (int i = 0; i < 2; i++)
            amx_load_x(i, x + i * AMX_SIDE * width + k, width * (int64_t)sizeof *x);
        for (int j = 0; j < 2; j++)
            amx_load_w(j, panel + k / 2 * CPU_PANEL + j * AMX_SIDE,
                       CPU_PANEL * (int64_t)sizeof *panel);
        for (int t = 0; t < 4; t++) amx_multiply(t / 2, t % 2);
    }
    for (int t = 0; t < 4; t++)
        amx_store(t / 2, t % 2, &sum[t / 2 * AMX_SIDE][t % 2 * AMX_SIDE], sizeof sum[0]);
    for (int r = 0; r < AMX_ROWS; r++)
        for (int n = 0; n < AMX_ROWS; n++)
            out[r * CPU_PANEL + n] = sum[r][n] + (first ? 0 : out[r * CPU_PANEL + n]);
}

/* cpu_products' bf16 */
static void amx_product(float *out, const void *x, const uint16_t *w, int64_t R, int64_t columns,
                        int64_t K)
{
    uint32_t panel[AMX_RUN / 2 * CPU_PANEL];
    int64_t width = amx_up(K, AMX_DEPTH);
    amx_begin();
    for (int64_t k = 0; k < width; k += AMX_RUN) {
        int64_t depth = width - k < AMX_RUN ? width - k : AMX_RUN;
        amx_panel(panel, w, columns, K, k, depth);
        for (int64_t r = 0; r < R; r += AMX_ROWS)
            for (int64_t c = 0; c < columns; c += AMX_ROWS)
                amx_block(out + r * CPU_PANEL + c, (const uint16_t *)x + r * width + k, width,
                          panel + c, depth, k == 0);
    }
    amx_end();
}

#endif
