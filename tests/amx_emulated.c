/* The matrix product for AMX on tiles in plain C: how it cuts the work is the same code. */
#include <string.h>
#include "amx_emulated.h"
#include "../ref/kernels/amx_product.h"

static float sums[2][2][AMX_SIDE][AMX_SIDE];
static uint16_t rows[2][AMX_SIDE][AMX_DEPTH];
static uint32_t columns[2][AMX_SIDE][AMX_SIDE];

static void amx_begin(void) { memset(sums, 0xff, sizeof sums); }
static void amx_end(void) {}
static inline void amx_zero(int i, int j) { memset(sums[i][j], 0, sizeof sums[i][j]); }

static inline void amx_load_x(int i, const uint16_t *x, int64_t stride)
{
    for (int r = 0; r < AMX_SIDE; r++) memcpy(rows[i][r], (const char *)x + r * stride, 64);
}

static inline void amx_load_w(int j, const uint32_t *w, int64_t stride)
{
    for (int r = 0; r < AMX_SIDE; r++) memcpy(columns[j][r], (const char *)w + r * stride, 64);
}

/* tdpbf16ps: row m of x, word k of w's row k and column n: the pair's two products. */
static inline void amx_multiply(int i, int j)
{
    for (int m = 0; m < AMX_SIDE; m++)
        for (int n = 0; n < AMX_SIDE; n++)
            for (int k = 0; k < AMX_SIDE; k++) {
                uint32_t pair = columns[j][k][n];
                sums[i][j][m][n] +=
                    gm_from_bf16(rows[i][m][2 * k]) * gm_from_bf16((uint16_t)pair) +
                    gm_from_bf16(rows[i][m][2 * k + 1]) * gm_from_bf16((uint16_t)(pair >> 16));
            }
}

static inline void amx_store(int i, int j, float *y, int64_t stride)
{
    for (int r = 0; r < AMX_SIDE; r++) memcpy((char *)y + r * stride, sums[i][j][r], 64);
}

const cpu_products amx_emulated = { "emulated", amx_bytes, amx_pack, amx_product };
