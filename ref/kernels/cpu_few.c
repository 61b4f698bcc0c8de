/* Linear of a few rows by the processor's own products (cpu_few.h): x is laid out once, rows side
 * by side, and every sixteen outputs are one product. */
#include "cpu_dots.h"
#include "cpu_few.h"
#include "cpu_table.h"
#include "cpu_vec.h"

/* x of up to CPU_SIDE rows, in the form that the product takes. */
typedef void (*layout)(int32_t *y, const float *x, gm_dtype wt, int64_t rows, int C, int64_t K);

int64_t cpu_few_words(int64_t R, int64_t words)
{
    return (R / CPU_SIDE * CPU_SIDE + cpu_side(R % CPU_SIDE)) * words;
}

static int64_t side_by_side(int64_t R, int64_t r) { return cpu_min(CPU_SIDE, R - r); }

static void layout_all(int32_t *y, layout form, const float *x, gm_dtype wt, int64_t R, int64_t K,
                       int64_t words)
{
    for (int64_t r = 0; r < R; r += CPU_SIDE) {
        int64_t rows = side_by_side(R, r);
        form(y + r * words, x + r * K, wt, rows, cpu_side(rows), K);
    }
}

/* Outputs n .. n + CPU_LANES, or those of the last sixteen that are not yet there. */
static void place(float *y, const float *out, const float *b, int64_t rows, int64_t N, int64_t n,
                  int64_t from)
{
    for (int64_t r = 0; r < rows; r++)
        for (int64_t i = n; i < from + CPU_LANES; i++)
            y[r * N + i] = out[r * CPU_LANES + i - from] + (b ? b[i] : 0);
}

/* ---- floats ---- */

static void floats(int32_t *to, const float *x, gm_dtype wt, int64_t rows, int C, int64_t K)
{
    float *y = (float *)to;
    (void)wt;
    #pragma omp parallel for if (C * K > CPU_GRAIN)
    for (int64_t k = 0; k < K; k++)
        for (int64_t c = 0; c < C; c++) y[k * C + c] = c < rows ? x[c * K + k] : 0;
}

void cpu_linear_few(float *y, const float *x, const void *w, gm_dtype wt, const float *b, int64_t R,
                    int64_t N, int64_t K, void *scratch)
{
    cpu_few product = cpu_best_few(wt);
    int64_t row = wt == GM_BF16 ? 2 * K : K / gm_block_values(wt) * gm_block_bytes(wt);
    layout_all(scratch, floats, x, wt, R, K, K);
    #pragma omp parallel for if (R * N * K > 2 * CPU_GRAIN)
    for (int64_t n = 0; n < N; n += CPU_LANES)
        for (int64_t r = 0; r < R; r += CPU_SIDE) {
            float out[CPU_SIDE * CPU_LANES];
            int64_t rows = side_by_side(R, r), from = cpu_min(n, N - CPU_LANES);
            product(out, (const float *)scratch + r * K, (const uint8_t *)w + from * row, wt, row,
                    cpu_side(rows), K);
            place(y + r * N, out, b, rows, N, n, from);
        }
}

/* ---- 8 bits ---- */

int64_t cpu_few8_row(int64_t K) { return K / GM_BLOCK * CPU_FEW_WORDS; }

static int32_t sum_of(const int8_t *q, int n)
{
    int32_t sum = 0;
    for (int i = 0; i < n; i++) sum += q[i];
    return sum;
}

/* Row c of a block: 32 whole numbers, lifts, step and what a minimum is multiplied by. */
static void block_row(int32_t *y, int64_t c, int C, const int8_t *q, const int32_t *lift, float d,
                      float s)
{
    for (int i = 0; i < 8; i++) memcpy(&y[i * C + c], q + 4 * i, 4);
    y[8 * C + c] = lift[0];
    y[9 * C + c] = lift[1];
    y[10 * C + c] = (int32_t)gm_bits_of_float(d);
    y[11 * C + c] = (int32_t)gm_bits_of_float(s);
}

static void row_of_8(int32_t *y, const float *x, gm_dtype wt, int64_t c, int C, int64_t K)
{
    for (int64_t k = 0; k < K; k += GM_BLOCK, y += CPU_FEW_WORDS * C) {
        gm_q8_block q;
        cpu_round_q8(&q, x + k, 1);
        int32_t less = wt == GM_Q8_0 ? 128 : wt == GM_Q4_0 ? 8 : 0;
        int32_t lift[2] = { less ? -less * sum_of(q.q, GM_BLOCK) : 0, 0 };
        block_row(y, c, C, q.q, lift, q.d, q.s);
    }
}

static void row_of_k(int32_t *y, const float *x, gm_dtype wt, int64_t c, int C, int64_t K)
{
    int32_t less = wt == GM_Q6_K ? 32 : 0;
    for (int64_t k = 0; k < K; k += GM_K_BLOCK) {
        gm_k8_block q;
        cpu_round_k8(&q, x + k);
        for (int j = 0; j < 8; j++, y += CPU_FEW_WORDS * C) {
            const int16_t *sums = q.sums + 2 * j;
            int32_t lift[2] = { -less * sums[0], -less * sums[1] };
            block_row(y, c, C, q.q + GM_BLOCK * j, lift, q.d, (float)(sums[0] + sums[1]));
        }
    }
}

static void bytes(int32_t *y, const float *x, gm_dtype wt, int64_t rows, int C, int64_t K)
{
    for (int64_t c = 0; c < C; c++)
        if (c >= rows)
            for (int64_t i = 0; i < K / GM_BLOCK * CPU_FEW_WORDS; i++) y[i * C + c] = 0;
        else if (gm_block_values(wt) == GM_K_BLOCK) row_of_k(y, x + c * K, wt, c, C, K);
        else row_of_8(y, x + c * K, wt, c, C, K);
}

/* The products' part of few8 and few16. */
static void words(float *y, const int32_t *x, cpu_few8 product, int64_t each, const uint8_t *w,
                  gm_dtype wt, const float *b, int64_t R, int64_t N, int64_t K, int64_t row)
{
    #pragma omp parallel for if (R * N * K > 2 * CPU_GRAIN)
    for (int64_t n = 0; n < N; n += CPU_LANES)
        for (int64_t r = 0; r < R; r += CPU_SIDE) {
            float out[CPU_SIDE * CPU_LANES];
            int64_t rows = side_by_side(R, r), from = cpu_min(n, N - CPU_LANES);
            product(out, x + r * each, w + from * row, wt, row, cpu_side(rows), K);
            place(y + r * N, out, b, rows, N, n, from);
        }
}

void cpu_linear_few8(float *y, const float *x, const void *w, gm_dtype wt, const float *b,
                     int64_t R, int64_t N, int64_t K, void *scratch)
{
    int64_t each = cpu_few8_row(K);
    layout_all(scratch, bytes, x, wt, R, K, each);
    words(y, scratch, cpu_best_few8(wt), each, w, wt, b, R, N, K,
          K / gm_block_values(wt) * gm_block_bytes(wt));
}

/* ---- bf16 ---- */

static void pairs(int32_t *y, const float *x, gm_dtype wt, int64_t rows, int C, int64_t K)
{
    (void)wt;
    for (int64_t c = 0; c < C; c++)
        for (int64_t k = 0; k < K; k += 2) {
            uint32_t low = c < rows ? gm_to_bf16(x[c * K + k]) : 0;
            uint32_t high = c < rows && k + 1 < K ? gm_to_bf16(x[c * K + k + 1]) : 0;
            y[k / 2 * C + c] = (int32_t)(low | high << 16);
        }
}

void cpu_linear_few16(float *y, const float *x, const void *w, const float *b, int64_t R, int64_t N,
                      int64_t K, void *scratch)
{
    int64_t each = (K + 1) / 2;
    layout_all(scratch, pairs, x, GM_BF16, R, K, each);
    words(y, scratch, cpu_best_few16(), each, w, GM_BF16, b, R, N, K, 2 * K);
}
