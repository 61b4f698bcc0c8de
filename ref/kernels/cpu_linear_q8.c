/* Linear with 8-bit activations (ref_quant.c has the definition): rows of x rounded once, whole
 * numbers multiplied, a block's scales applied to its sum. */
#include <omp.h>
#include <stdbool.h>
#include "cpu_dots.h"
#include "cpu_few.h"
#include "cpu_product.h"
#include "cpu_table.h"
#include "cpu_vec.h"
#include "ref_table.h"

enum { HALF = GM_BLOCK / 2 };

GM_CLONES static float dot_q8_0(const uint8_t *restrict w, const gm_q8_block *restrict x,
                                int64_t blocks)
{
    float all = 0;
    for (int64_t b = 0; b < blocks; b++, w += 34) {
        int32_t sum = 0;
        #pragma omp simd reduction(+:sum)
        for (int k = 0; k < GM_BLOCK; k++) sum += (int8_t)w[2 + k] * x[b].q[k];
        all += cpu_from_f16((uint16_t)(w[0] | w[1] << 8)) * x[b].d * (float)sum;
    }
    return all;
}

GM_CLONES static float dot_q4_0(const uint8_t *restrict w, const gm_q8_block *restrict x,
                                int64_t blocks)
{
    float all = 0;
    for (int64_t b = 0; b < blocks; b++, w += 18) {
        int32_t sum = 0;
        #pragma omp simd reduction(+:sum)
        for (int k = 0; k < HALF; k++)
            sum += ((w[2 + k] & 15) - 8) * x[b].q[k] + ((w[2 + k] >> 4) - 8) * x[b].q[k + HALF];
        all += cpu_from_f16((uint16_t)(w[0] | w[1] << 8)) * x[b].d * (float)sum;
    }
    return all;
}

GM_CLONES static float dot_q4_1(const uint8_t *restrict w, const gm_q8_block *restrict x,
                                int64_t blocks)
{
    float all = 0;
    for (int64_t b = 0; b < blocks; b++, w += 20) {
        int32_t sum = 0;
        #pragma omp simd reduction(+:sum)
        for (int k = 0; k < HALF; k++)
            sum += (w[4 + k] & 15) * x[b].q[k] + (w[4 + k] >> 4) * x[b].q[k + HALF];
        all += cpu_from_f16((uint16_t)(w[0] | w[1] << 8)) * x[b].d * (float)sum +
               cpu_from_f16((uint16_t)(w[2] | w[3] << 8)) * x[b].s;
    }
    return all;
}

/* ---- by processor ---- */

GM_CLONES static void round_blocks(gm_q8_block *restrict y, const float *restrict x,
                                   int64_t blocks)
{
    for (int64_t b = 0; b < blocks; b++) gm_round_q8(&y[b], x + b * GM_BLOCK);
}

void cpu_round_q8(gm_q8_block *y, const float *x, int64_t blocks)
{
    const cpu_dots8 *best = cpu_best_dots8(0);
    if (best && best->round) best->round(y, x, blocks);
    else round_blocks(y, x, blocks);
}

GM_CLONES static void round_k8(gm_k8_block *y, const float *x) { gm_round_k8(y, x); }

static int32_t sum_of(const gm_q8_block *q)
{
    int32_t sum = 0;
    for (int k = 0; k < GM_BLOCK; k++) sum += q->q[k];
    return sum;
}

static cpu_lifted8 lifted(const int8_t *q, int32_t lift, int32_t second, float d, float s)
{
    cpu_lifted8 y = { .lift = { lift, second }, .d = d, .s = s };
    memcpy(y.q, q, sizeof y.q);
    return y;
}

void cpu_round_lifted8(cpu_lifted8 *y, const float *x, gm_dtype wt, int64_t blocks)
{
    const int32_t lift = cpu_lift(wt);
    if (gm_block_values(wt) == GM_K_BLOCK) {
        gm_k8_block k;
        round_k8(&k, x);
        for (int b = 0; b < CPU_RUN8; b++) {
            int32_t first = k.sums[2 * b], second = k.sums[2 * b + 1];
            y[b] = lifted(k.q + GM_BLOCK * b, -lift * first, -lift * second, k.d,
                          (float)(first + second));
        }
        return;
    }
    gm_q8_block q[CPU_RUN8];
    cpu_round_q8(q, x, blocks);
    for (int64_t b = 0; b < blocks; b++)
        y[b] = lifted(q[b].q, lift ? -lift * sum_of(&q[b]) : 0, 0, q[b].d, q[b].s);
}

void cpu_pack8(cpu_group8 *y, const float *x, gm_dtype wt, int64_t blocks)
{
    memset(y, 0, (size_t)cpu_groups(blocks) * sizeof *y);
    for (int64_t b = 0; b < blocks; b++) {
        cpu_group8 *g = &y[b / CPU_GROUP];
        int64_t i = b % CPU_GROUP;
        gm_q8_block q;
        cpu_round_q8(&q, x + b * GM_BLOCK, 1);
        g->d[i] = q.d;
        g->s[i] = wt == GM_Q4_0 ? -8 * q.d * (float)sum_of(&q) : wt == GM_Q4_1 ? q.s : 0;
        if (wt == GM_Q8_0) {
            memcpy(g->q + i * GM_BLOCK, q.q, GM_BLOCK);
            continue;
        }
        memcpy(g->q + i / 4 * 128 + i % 4 * HALF, q.q, HALF);
        memcpy(g->q + i / 4 * 128 + i % 4 * HALF + 64, q.q + HALF, HALF);
    }
}

/* Weight rows that stay in the second-level cache while rows of x pass. */
enum { ROWS = 16 };

/* y[:, n : n + rows] with a processor's own products. */
static void some_rows(float *y, const cpu_group8 *x, const uint8_t *w, cpu_dot8 dot, const float *b,
                      int64_t R, int64_t N, int64_t n, int64_t blocks, int64_t bytes)
{
    int64_t end = cpu_min(N, n + ROWS);
    for (int64_t r = 0; r < R; r++)
        for (int64_t i = n; i < end; i++)
            y[r * N + i] = dot(w + i * bytes, x + r * cpu_groups(blocks), blocks) +
                           (b ? b[i] : 0);
}

static void fast(float *y, const float *x, const void *w, gm_dtype wt, const float *b, int64_t R,
                 int64_t N, int64_t K, cpu_group8 *packed, const cpu_dots8 *best)
{
    cpu_dot8 dot = wt == GM_Q8_0 ? best->q8_0 : wt == GM_Q4_0 ? best->q4_0 : best->q4_1;
    int64_t blocks = K / GM_BLOCK, bytes = blocks * gm_block_bytes(wt);
    #pragma omp parallel for if (R * K > CPU_GRAIN)
    for (int64_t r = 0; r < R; r++)
        cpu_pack8(packed + r * cpu_groups(blocks), x + r * K, wt, blocks);
    #pragma omp parallel for if (R * N * K > 2 * CPU_GRAIN)
    for (int64_t n = 0; n < N; n += ROWS)
        some_rows(y, packed, w, dot, b, R, N, n, blocks, bytes);
}

/* A run of blocks of row i of a tile. */
static void pack_run(cpu_block8 *to, int64_t i, const float *x, gm_dtype wt, int64_t blocks)
{
    cpu_lifted8 run[CPU_RUN8];
    cpu_round_lifted8(run, x, wt, blocks);
    for (const cpu_lifted8 *y = run; y < run + blocks; y++, to++) {
        for (int k = 0; k < 8; k++) memcpy(&to->q[k][i], y->q + 4 * k, 4);
        for (int h = 0; h < 2; h++) to->lift[h][i] = y->lift[h];
        to->d[i] = y->d;
        to->s[i] = y->s;
    }
}

static int64_t tiles_of(int64_t R) { return (R + CPU_TILE8 - 1) / CPU_TILE8; }

size_t cpu_tile8_bytes(int64_t R, int64_t blocks)
{
    return (size_t)(tiles_of(R) * blocks) * sizeof(cpu_block8);
}

void cpu_tile8_rows(void *tiled, const float *x, gm_dtype wt, int64_t R, int64_t blocks)
{
    cpu_block8 *y = tiled;
    int64_t tiles = tiles_of(R);
    #pragma omp parallel for if (R * blocks * GM_BLOCK > CPU_GRAIN)
    for (int64_t t = 0; t < tiles; t++)
        for (int64_t run = 0; run < blocks; run += CPU_RUN8) {
            int64_t here = cpu_min(CPU_RUN8, blocks - run);
            cpu_block8 *to = y + run * tiles + t * here;
            memset(to, 0, (size_t)here * sizeof *to);
            for (int64_t r = t * CPU_TILE8; r < cpu_min(R, (t + 1) * CPU_TILE8); r++)
                pack_run(to, r % CPU_TILE8, x + (r * blocks + run) * GM_BLOCK, wt, here);
        }
}

/* In whole cache lines. */
static size_t packed_bytes(const cpu_products8 *best, int64_t R, int64_t K)
{
    return (best->bytes(R, K / GM_BLOCK) + 63) / 64 * 64;
}

static void many_rows(float *y, const float *x, const void *w, gm_dtype wt, const float *b,
                      int64_t R, int64_t N, int64_t K, void *packed, const cpu_products8 *best)
{
    int64_t blocks = K / GM_BLOCK, bytes = K / gm_block_values(wt) * gm_block_bytes(wt);
    float *out = (float *)((char *)packed + packed_bytes(best, R, K));
    best->pack(packed, x, wt, R, blocks);
    #pragma omp parallel for if (R * N * K > 2 * CPU_GRAIN)
    for (int64_t n = 0; n < N; n += CPU_PANEL) {
        float *mine = out + omp_get_thread_num() * cpu_panel_size(R);
        best->product(mine, packed, (const uint8_t *)w + n * bytes, wt, R,
                      cpu_min(CPU_PANEL, N - n), blocks);
        cpu_place_panel(y, mine, b, R, N, n);
    }
}

static void plain(float *y, const float *x, const void *w, gm_dtype wt, const float *b, int64_t R,
                  int64_t N, int64_t K, gm_q8_block *rounded)
{
    int64_t blocks = K / GM_BLOCK, bytes = blocks * gm_block_bytes(wt);
    #pragma omp parallel for if (R * K > CPU_GRAIN)
    for (int64_t i = 0; i < R * blocks; i++) cpu_round_q8(&rounded[i], x + i * GM_BLOCK, 1);
    #pragma omp parallel for if (R * N * K > 2 * CPU_GRAIN)
    for (int64_t n = 0; n < N; n++) {
        const uint8_t *row = (const uint8_t *)w + n * bytes;
        for (int64_t r = 0; r < R; r++) {
            const gm_q8_block *xr = rounded + r * blocks;
            float sum = wt == GM_Q8_0   ? dot_q8_0(row, xr, blocks)
                        : wt == GM_Q4_0 ? dot_q4_0(row, xr, blocks)
                                        : dot_q4_1(row, xr, blocks);
            y[r * N + n] = sum + (b ? b[n] : 0);
        }
    }
}

/* Blocks of 256, row by row. */
static void plain_wide(float *y, const float *x, const void *w, gm_dtype wt, const float *b,
                       int64_t R, int64_t N, int64_t K, gm_k8_block *rounded)
{
    const cpu_dots_k8 *best = cpu_best_dots_k8();
    int64_t blocks = K / GM_K_BLOCK, bytes = blocks * gm_block_bytes(wt);
    if (!best) best = &cpu_dots_k8_plain;
    cpu_dot_k8 dot = wt == GM_Q4_K ? best->q4_k : wt == GM_Q5_K ? best->q5_k : best->q6_k;
    #pragma omp parallel for if (R * K > CPU_GRAIN)
    for (int64_t i = 0; i < R * blocks; i++) round_k8(&rounded[i], x + i * GM_K_BLOCK);
    #pragma omp parallel for if (R * N * K > 2 * CPU_GRAIN)
    for (int64_t n = 0; n < N; n++)
        for (int64_t r = 0; r < R; r++)
            y[r * N + n] = dot((const uint8_t *)w + n * bytes, rounded + r * blocks, blocks) +
                           (b ? b[n] : 0);
}

/* Up to so many rows the weights' reading takes longer than their product. */
enum { FEW_ROWS = 4 };

static const cpu_products8 *product_for(gm_dtype wt, int64_t R)
{
    const cpu_products8 *best = R > FEW_ROWS ? cpu_best_products8() : NULL;
    return best && (best->wide || gm_block_values(wt) != GM_K_BLOCK) ? best : NULL;
}

/* How a product is done.  Blocks of 256 have no product of a single row of their own. */
typedef enum { FLOATS, FEW, MANY, GROUPS, WIDE, PLAIN } way;

static way way_of(gm_dtype wt, int64_t R, int64_t N)
{
    bool wide = gm_block_values(wt) == GM_K_BLOCK;
    if (!gm_block_bytes(wt)) return FLOATS;
    if (R <= CPU_FEW && (R > 1 || wide) && N >= CPU_LANES && cpu_best_few8(wt)) return FEW;
    if (product_for(wt, R)) return MANY;
    return wide ? WIDE : cpu_best_dots8(0) ? GROUPS : PLAIN;
}

size_t cpu_linear_q8_scratch(gm_dtype wt, int64_t R, int64_t N, int64_t K)
{
    switch (way_of(wt, R, N)) {
    case FLOATS: return cpu_linear_scratch(wt, R, N, K);
    case FEW: return (size_t)cpu_few_words(R, cpu_few8_row(K)) * sizeof(int32_t);
    case MANY: return packed_bytes(product_for(wt, R), R, K) + cpu_panels_bytes(R);
    case GROUPS: return (size_t)(R * cpu_groups(K / GM_BLOCK)) * sizeof(cpu_group8);
    default: return ref_linear_q8_scratch(wt, R, N, K);
    }
}

int cpu_linear_q8(float *y, const float *x, const void *w, gm_dtype wt, const float *b, int64_t R,
                  int64_t N, int64_t K, void *scratch)
{
    if (K % gm_block_values(wt)) return 1;
    switch (way_of(wt, R, N)) {
    case FLOATS: return cpu_linear(y, x, w, wt, b, R, N, K, scratch);
    case FEW: cpu_linear_few8(y, x, w, wt, b, R, N, K, scratch); return 0;
    case MANY: many_rows(y, x, w, wt, b, R, N, K, scratch, product_for(wt, R)); return 0;
    case GROUPS: fast(y, x, w, wt, b, R, N, K, scratch, cpu_best_dots8(0)); return 0;
    case WIDE: plain_wide(y, x, w, wt, b, R, N, K, scratch); return 0;
    default: plain(y, x, w, wt, b, R, N, K, scratch); return 0;
    }
}

const gm_kernels *gm_kernels_cpu_q8(void)
{
    static const gm_kernels table = {
        .name = "cpu-q8", .linear = cpu_linear_q8, .linear_scratch = cpu_linear_q8_scratch,
        .rmsnorm = ref_rmsnorm_q8
    };
    return &table;
}
