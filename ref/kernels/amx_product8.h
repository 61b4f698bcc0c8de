/* The product of quantised matrices with 8-bit activations by tiles of 16 x 16 outputs and one
 * block of 32 inputs (amx_tiles.h): a block's whole numbers leave the tiles and meet their scales
 * in float. */
#ifndef GM_AMX_PRODUCT8_H
#define GM_AMX_PRODUCT8_H
#include "amx_tiles.h"
#include "cpu_panel8.h"

/* A block of 16 rows of x; a row that does not exist is 0. */
typedef struct { int8_t q[AMX_SIDE][GM_BLOCK]; float d[AMX_SIDE], s[AMX_SIDE]; } amx_rows8;

static size_t amx_bytes8(int64_t R, int64_t blocks)
{
    return (size_t)(amx_up(R, AMX_ROWS) / AMX_SIDE * blocks) * sizeof(amx_rows8);
}

/* Runs of 16 rows, in them blocks. */
static void amx_pack8(void *to, const float *x, gm_dtype wt, int64_t R, int64_t blocks)
{
    amx_rows8 *y = to;
    int64_t rows = amx_up(R, AMX_ROWS);
    #pragma omp parallel for if (R * blocks > 1024)
    for (int64_t r = 0; r < rows; r++)
        for (int64_t b = 0; b < blocks; b++) {
            amx_rows8 *at = y + r / AMX_SIDE * blocks + b;
            gm_q8_block q = { 0 };
            if (r < R) gm_round_q8(&q, x + (r * blocks + b) * GM_BLOCK);
            memcpy(at->q[r % AMX_SIDE], q.q, GM_BLOCK);
            at->d[r % AMX_SIDE] = q.d;
            at->s[r % AMX_SIDE] = wt == GM_Q4_1 ? q.s : 0;   /* 0 times an infinite s is none */
        }
}

/* sum = the whole numbers of one block: 32 rows of x (two of amx_rows8) and 32 outputs. */
static inline void amx_whole(int32_t sum[AMX_ROWS][AMX_ROWS], const amx_rows8 *x0,
                             const amx_rows8 *x1, const int8_t (*w)[4])
{
    const int64_t row = AMX_ROWS * (int64_t)sizeof **sum;
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
    _tile_loadd(4, x0->q, GM_BLOCK);
    _tile_loadd(5, x1->q, GM_BLOCK);
    _tile_loadd(6, w, CPU_PANEL * 4);
    _tile_loadd(7, w + AMX_SIDE, CPU_PANEL * 4);
    _tile_dpbssd(0, 4, 6);
    _tile_dpbssd(1, 4, 7);
    _tile_dpbssd(2, 5, 6);
    _tile_dpbssd(3, 5, 7);
    _tile_stored(0, sum[0], row);
    _tile_stored(1, sum[0] + AMX_SIDE, row);
    _tile_stored(2, sum[AMX_SIDE], row);
    _tile_stored(3, sum[AMX_SIDE] + AMX_SIDE, row);
}

/* out (16, 32 of CPU_PANEL) += a block of 16 rows, with the scales of 32 outputs. */
static inline void amx_add(float *out, const int32_t (*sum)[AMX_ROWS], const amx_rows8 *x,
                           const float *d, const float *m)
{
    for (int r = 0; r < AMX_SIDE; r++, out += CPU_PANEL)
        for (int n = 0; n < AMX_ROWS; n++)
            out[n] += (float)sum[r][n] * (d[n] * x->d[r]) + m[n] * x->s[r];
}

/* cpu_products8' product */
static void amx_product8(float *out, const void *packed, const uint8_t *w, gm_dtype wt, int64_t R,
                         int64_t columns, int64_t blocks)
{
    static const amx_shape shape = { .palette = 1, .bytes = { 64, 64, 64, 64, 32, 32, 64, 64 },
                                     .rows = { 16, 16, 16, 16, 16, 16, 8, 8 } };
    cpu_panel8 p;
    int64_t row = blocks * gm_block_bytes(wt);
    memset(out, 0, (size_t)(amx_up(R, AMX_ROWS) * CPU_PANEL) * sizeof *out);
    _tile_loadconfig(&shape);
    for (int64_t k = 0; k < blocks; k += CPU_RUN8) {
        int64_t here = blocks - k < CPU_RUN8 ? blocks - k : CPU_RUN8;
        cpu_pack_panel8(&p, w, wt, columns, row, k, here);
        amx_stored();
        for (int64_t r = 0; r < R; r += AMX_ROWS)
            for (int64_t b = 0; b < here; b++)
                for (int64_t n = 0; n < columns; n += AMX_ROWS) {
                    const amx_rows8 *x = (const amx_rows8 *)packed + r / AMX_SIDE * blocks + k + b;
                    float *to = out + r * CPU_PANEL + n;
                    int32_t sum[AMX_ROWS][AMX_ROWS];
                    amx_whole(sum, x, x + blocks, p.q[b][0] + n);
                    amx_add(to, sum, x, p.d[b] + n, p.m[b] + n);
                    amx_add(to + AMX_SIDE * CPU_PANEL, sum + AMX_SIDE, x + blocks, p.d[b] + n,
                            p.m[b] + n);
                }
    }
    _tile_release();
}

#endif
