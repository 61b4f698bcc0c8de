/* 8-bit activations by the dot product of bytes (sdot: four sums of four products each): rows for
 * decoding, and the product of many rows.  There a vector of a panel holds four inputs of four
 * outputs; eight outputs meet three rows of x at a time: six vectors of whole numbers and six of
 * float sums in registers.  Compiled with -march=armv8.2-a+dotprod (Makefile). */
#include "arm_dots8.h"
#include "cpu_panel8.h"

static inline int32x4_t arm_dot32(int8x16_t a0, int8x16_t b0, int8x16_t a1, int8x16_t b1)
{
    return vdotq_s32(vdotq_s32(vdupq_n_s32(0), a0, b0), a1, b1);
}

const cpu_dots8 cpu_dots8_dotprod = { "neon-dotprod", dot_q8_0, dot_q4_0, dot_q4_1, NULL };

/* ---- many rows ---- */

/* Outputs at a time; with sixteen gcc 12 does not keep all sums in registers. */
enum { VECTORS = 2, STEP = 4 * VECTORS };

/* Whole numbers of one block: sum[r][v] of rows and vectors of outputs n and on. */
static inline void block_sums(int32x4_t sum[CPU_TILE8][VECTORS], const cpu_block8 *x,
                              const int8_t (*q)[CPU_PANEL][4], int64_t n)
{
    for (int r = 0; r < CPU_TILE8; r++)
        for (int v = 0; v < VECTORS; v++) sum[r][v] = vdupq_n_s32(0);
    for (int i = 0; i < 8; i++) {
        /* and four bytes of what follows */
        int8x16_t rows = vld1q_s8((const int8_t *)x + i * (int)sizeof x->q[0]);
        for (int v = 0; v < VECTORS; v++) {
            int8x16_t w = vld1q_s8(q[i][n + 4 * v]);
            sum[0][v] = vdotq_laneq_s32(sum[0][v], w, rows, 0);
            sum[1][v] = vdotq_laneq_s32(sum[1][v], w, rows, 1);
            sum[2][v] = vdotq_laneq_s32(sum[2][v], w, rows, 2);
        }
    }
}

/* out += a tile's blocks times outputs n and on of the panel; at first out counts as 0. */
static inline void tile(float *out, const cpu_block8 *x, const cpu_panel8 *p, int64_t n,
                        int64_t blocks, int first, int minima)
{
    float32x4_t all[CPU_TILE8][VECTORS];
    for (int r = 0; r < CPU_TILE8; r++)
        for (int v = 0; v < VECTORS; v++)
            all[r][v] = first ? vdupq_n_f32(0) : vld1q_f32(out + r * CPU_PANEL + n + 4 * v);
    for (int64_t b = 0; b < blocks; b++, x++) {
        int32x4_t sum[CPU_TILE8][VECTORS];
        block_sums(sum, x, p->q[b], n);
        for (int v = 0; v < VECTORS; v++) {
            float32x4_t d = vld1q_f32(p->d[b] + n + 4 * v), m = vld1q_f32(p->m[b] + n + 4 * v);
            for (int r = 0; r < CPU_TILE8; r++) {
                float32x4_t scale = vmulq_n_f32(d, x->d[r]);
                all[r][v] = vfmaq_f32(all[r][v], vcvtq_f32_s32(sum[r][v]), scale);
                if (minima) all[r][v] = vfmaq_n_f32(all[r][v], m, x->s[r]);
            }
        }
    }
    for (int r = 0; r < CPU_TILE8; r++)
        for (int v = 0; v < VECTORS; v++) vst1q_f32(out + r * CPU_PANEL + n + 4 * v, all[r][v]);
}

void cpu_product_dotprod(float *out, const void *tiled, const uint8_t *w, gm_dtype wt, int64_t R,
                         int64_t columns, int64_t blocks)
{
    const cpu_block8 *x = tiled;
    cpu_panel8 p;
    int64_t row = blocks * gm_block_bytes(wt);
    for (int64_t k = 0; k < blocks; k += CPU_RUN8) {
        int64_t here = blocks - k < CPU_RUN8 ? blocks - k : CPU_RUN8;
        cpu_pack_panel8(&p, w, wt, columns, row, k, here);
        for (int64_t r = 0; r < R; r += CPU_TILE8, x += here)
            for (int64_t n = 0; n < CPU_PANEL; n += STEP)
                if (wt == GM_Q4_1) tile(out + r * CPU_PANEL, x, &p, n, here, k == 0, 1);
                else tile(out + r * CPU_PANEL, x, &p, n, here, k == 0, 0);
    }
}
