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

/* x: laid out, `each` words a row. */
static void products(float *y, const int32_t *x, cpu_few product, int64_t each, const uint8_t *w,
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
    int64_t row = wt == GM_BF16 ? 2 * K : K / gm_block_values(wt) * gm_block_bytes(wt);
    layout_all(scratch, floats, x, wt, R, K, K);
    products(y, scratch, cpu_best_few(wt), K, w, wt, b, R, N, K, row);
}

/* ---- 8 bits ---- */

int64_t cpu_few8_row(int64_t K) { return K / GM_BLOCK * CPU_FEW_WORDS; }

static void bytes_of_row(int32_t *y, const float *x, gm_dtype wt, int64_t c, int C, int64_t K)
{
    cpu_lifted8 run[CPU_RUN8];
    for (int64_t k = 0; k < K; k += CPU_RUN8 * GM_BLOCK) {
        int64_t blocks = cpu_min(CPU_RUN8, (K - k) / GM_BLOCK);
        cpu_round_lifted8(run, x + k, wt, blocks);
        for (const cpu_lifted8 *b = run; b < run + blocks; b++, y += CPU_FEW_WORDS * C) {
            for (int i = 0; i < 8; i++) memcpy(&y[i * C + c], b->q + 4 * i, 4);
            y[8 * C + c] = b->lift[0];
            y[9 * C + c] = b->lift[1];
            y[10 * C + c] = (int32_t)gm_bits_of_float(b->d);
            y[11 * C + c] = (int32_t)gm_bits_of_float(b->s);
        }
    }
}

static void bytes(int32_t *y, const float *x, gm_dtype wt, int64_t rows, int C, int64_t K)
{
    for (int64_t c = 0; c < C; c++)
        if (c < rows) bytes_of_row(y, x + c * K, wt, c, C, K);
        else for (int64_t i = 0; i < K / GM_BLOCK * CPU_FEW_WORDS; i++) y[i * C + c] = 0;
}

void cpu_linear_few8(float *y, const float *x, const void *w, gm_dtype wt, const float *b,
                     int64_t R, int64_t N, int64_t K, void *scratch)
{
    int64_t each = cpu_few8_row(K);
    layout_all(scratch, bytes, x, wt, R, K, each);
    products(y, scratch, cpu_best_few8(wt), each, w, wt, b, R, N, K,
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
    products(y, scratch, cpu_best_few16(), each, w, GM_BF16, b, R, N, K, 2 * K);
}
