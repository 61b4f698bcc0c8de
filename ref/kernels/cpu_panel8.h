/* Quantised weights laid out for products of many rows with 8-bit activations. */
#ifndef GM_CPU_PANEL8_H
#define GM_CPU_PANEL8_H
#include "cpu_product.h"

/* 64 outputs and eight blocks (16 KB: the first-level cache).  q[b][i][n]: inputs 4 i to 4 i + 3 of
 * output n, signed; d, m: the block's numbers, m of q4_1 alone. */
typedef struct {
    int8_t q[CPU_RUN8][8][CPU_PANEL][4];
    float d[CPU_RUN8][CPU_PANEL], m[CPU_RUN8][CPU_PANEL];
} cpu_panel8;

/* The whole numbers of one block, in order. */
static inline void cpu_numbers8(int8_t *q, const uint8_t *w, gm_dtype wt)
{
    if (wt == GM_Q8_0) {
        memcpy(q, w + 2, GM_BLOCK);
        return;
    }
    const uint8_t *half = w + gm_block_bytes(wt) - GM_BLOCK / 2;
    int less = wt == GM_Q4_0 ? 8 : 0;
    for (int i = 0; i < GM_BLOCK / 2; i++) {
        q[i] = (int8_t)((half[i] & 15) - less);
        q[i + GM_BLOCK / 2] = (int8_t)((half[i] >> 4) - less);
    }
}

/* Blocks k .. k + blocks of `rows` rows of w, `row` bytes apart; the rest of the panel is 0. */
static inline void cpu_pack_panel8(cpu_panel8 *p, const uint8_t *w, gm_dtype wt, int64_t rows,
                                   int64_t row, int64_t k, int64_t blocks)
{
    if (rows < CPU_PANEL) memset(p, 0, sizeof *p);
    for (int64_t b = 0; b < blocks; b++)
        for (int64_t n = 0; n < rows; n++) {
            const uint8_t *at = w + n * row + (k + b) * gm_block_bytes(wt);
            int8_t q[GM_BLOCK];
            cpu_numbers8(q, at, wt);
            for (int i = 0; i < 8; i++) memcpy(p->q[b][i][n], q + 4 * i, 4);
            p->d[b][n] = gm_half_at(at);
            p->m[b][n] = wt == GM_Q4_1 ? gm_half_at(at + 2) : 0;
        }
}

#endif
