/* The product of bfloat16 matrices by tiles of 16 x 16 outputs and 32 inputs (amx_tiles.h). */
#ifndef GM_AMX_PRODUCT_H
#define GM_AMX_PRODUCT_H
#include "amx_tiles.h"

enum { AMX_DEPTH = 32, AMX_RUN = 256 };                     /* inputs of a tile, of a panel */

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

/* out (32, 32 of CPU_PANEL) += 32 rows of x times 32 outputs of the panel; at first out counts
 * as 0. */
static void amx_block(float *out, const uint16_t *x, int64_t width, const uint32_t *panel,
                      int64_t depth, int first)
{
    float sum[AMX_ROWS][AMX_ROWS];
    const int64_t row = width * (int64_t)sizeof *x, pair = CPU_PANEL * (int64_t)sizeof *panel;
    amx_stored();
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
    for (int64_t k = 0; k < depth; k += AMX_DEPTH) {
        _tile_loadd(4, x + k, row);
        _tile_loadd(5, x + AMX_SIDE * width + k, row);
        _tile_loadd(6, panel + k / 2 * CPU_PANEL, pair);
        _tile_loadd(7, panel + k / 2 * CPU_PANEL + AMX_SIDE, pair);
        _tile_dpbf16ps(0, 4, 6);
        _tile_dpbf16ps(1, 4, 7);
        _tile_dpbf16ps(2, 5, 6);
        _tile_dpbf16ps(3, 5, 7);
    }
    _tile_stored(0, sum[0], sizeof sum[0]);
    _tile_stored(1, sum[0] + AMX_SIDE, sizeof sum[0]);
    _tile_stored(2, sum[AMX_SIDE], sizeof sum[0]);
    _tile_stored(3, sum[AMX_SIDE] + AMX_SIDE, sizeof sum[0]);
    for (int r = 0; r < AMX_ROWS; r++)
        for (int n = 0; n < AMX_ROWS; n++)
            out[r * CPU_PANEL + n] = sum[r][n] + (first ? 0 : out[r * CPU_PANEL + n]);
}

/* cpu_products' bf16 */
static void amx_product(float *out, const void *x, const uint16_t *w, int64_t R, int64_t columns,
                        int64_t K)
{
    static const amx_shape shape = { .palette = 1,
                                     .bytes = { 64, 64, 64, 64, 64, 64, 64, 64 },
                                     .rows = { 16, 16, 16, 16, 16, 16, 16, 16 } };
    uint32_t panel[AMX_RUN / 2 * CPU_PANEL];
    int64_t width = amx_up(K, AMX_DEPTH);
    _tile_loadconfig(&shape);
    for (int64_t k = 0; k < width; k += AMX_RUN) {
        int64_t depth = width - k < AMX_RUN ? width - k : AMX_RUN;
        amx_panel(panel, w, columns, K, k, depth);
        for (int64_t r = 0; r < R; r += AMX_ROWS)
            for (int64_t c = 0; c < columns; c += AMX_ROWS)
                amx_block(out + r * CPU_PANEL + c, (const uint16_t *)x + r * width + k, width,
                          panel + c, depth, k == 0);
    }
    _tile_release();
}

#endif
