/* Linear: many rows through sgemm, few rows by dot products over the weights as they are stored.
 * Backward likewise; with few rows each row of w is read once, and added to dx. */
#include <cblas.h>
#include <stdbool.h>
#include "cpu_dots.h"
#include "cpu_few.h"
#include "cpu_table.h"
#include "cpu_vec.h"

/* sgemm packs its operands and reads weights at a third of the memory's speed when x has few
 * rows. */
enum { FEW_ROWS = 4 };

/* Weight rows expanded to float at a time; for each panel sgemm packs x anew (docs/SPEED.md). */
enum { PANEL = 1024 };

static int64_t panel_rows(int64_t N) { return cpu_min(N, PANEL); }

/* The processor has its own product for R rows; with more of them sgemm is faster than eight at a
 * time. */
enum { SOME_ROWS = 64 };
static bool has_few(gm_dtype wt, int64_t R, int64_t N)
{
    return R > 1 && R <= SOME_ROWS && N >= CPU_LANES && cpu_best_few(wt);
}

size_t cpu_linear_scratch(gm_dtype wt, int64_t R, int64_t N, int64_t K)
{
    if (has_few(wt, R, N)) return (size_t)cpu_few_words(R, K) * sizeof(float);
    return wt == GM_F32 || R <= CPU_FEW ? 0 : (size_t)(panel_rows(N) * K) * sizeof(float);
}

/* Dot products ask the memory for what comes 8 KB later, line by line: for rows whose x does not
 * fit the first-level cache (11008 and more) that doubles the speed.  GM_PREFETCH (Makefile)
 * never faults. */
enum { STEP = 256, LINE = 64, AHEAD = 8192 };

GM_CLONES static float dot_f32(const float *w, const float *x, int64_t n)
{
    float sum = 0;
    for (int64_t i = 0; i < n; i += STEP) {
        int64_t m = cpu_min(STEP, n - i);
        float part = 0;
        for (int64_t j = 0; j < m; j += LINE / 4)
            GM_PREFETCH((const void *)((uintptr_t)(w + i + j) + AHEAD));
        #pragma omp simd reduction(+:part)
        for (int64_t j = 0; j < m; j++) part += w[i + j] * x[i + j];
        sum += part;
    }
    return sum;
}

GM_CLONES static float dot_bf16(const uint16_t *w, const float *x, int64_t n)
{
    float sum = 0;
    for (int64_t i = 0; i < n; i += STEP) {
        int64_t m = cpu_min(STEP, n - i);
        float part = 0;
        for (int64_t j = 0; j < m; j += LINE / 2)
            GM_PREFETCH((const void *)((uintptr_t)(w + i + j) + AHEAD));
        #pragma omp simd reduction(+:part)
        for (int64_t j = 0; j < m; j++) part += gm_from_bf16(w[i + j]) * x[i + j];
        sum += part;
    }
    return sum;
}

GM_CLONES static float dot_f16(const uint16_t *w, const float *x, int64_t n)
{
    float sum = 0;
    for (int64_t i = 0; i < n; i += STEP) {
        int64_t m = cpu_min(STEP, n - i);
        float part = 0;
        for (int64_t j = 0; j < m; j += LINE / 2)
            GM_PREFETCH((const void *)((uintptr_t)(w + i + j) + AHEAD));
        #pragma omp simd reduction(+:part)
        for (int64_t j = 0; j < m; j++) part += cpu_from_f16(w[i + j]) * x[i + j];
        sum += part;
    }
    return sum;
}

/* Row n of w (N, K) times x (K). */
static float dot_typed(const void *w, gm_dtype wt, int64_t n, const float *x, int64_t K)
{
    if (wt == GM_F32) return dot_f32((const float *)w + n * K, x, K);
    if (gm_block_bytes(wt)) {
        int64_t blocks = K / gm_block_values(wt);
        return cpu_dot_quantised((const uint8_t *)w + n * blocks * gm_block_bytes(wt), wt, x,
                                 blocks);
    }
    const uint16_t *row = (const uint16_t *)w + n * K;
    return wt == GM_BF16 ? dot_bf16(row, x, K) : dot_f16(row, x, K);
}

/* CPU_ROWS rows of w from row n on, where the processor has a product for that. */
static void row_group(float *y, const float *x, const void *w, gm_dtype wt, int64_t n, int64_t K)
{
    const cpu_dots *best = cpu_best_dots(0);
    cpu_rows rows = !best           ? NULL
                    : wt == GM_F32  ? best->f32
                    : wt == GM_BF16 ? best->bf16
                    : wt == GM_F16  ? best->f16
                                    : NULL;
    if (rows) rows(y, (const uint8_t *)w + n * K * (wt == GM_F32 ? 4 : 2), x, K);
    else for (int64_t i = 0; i < CPU_ROWS; i++) y[i] = dot_typed(w, wt, n + i, x, K);
}

static void few_rows(float *y, const float *x, const void *w, gm_dtype wt, const float *b,
                     int64_t R, int64_t N, int64_t K)
{
    #pragma omp parallel for if (R * N * K > 2 * CPU_GRAIN)
    for (int64_t n = 0; n < N; n += CPU_ROWS)
        for (int64_t r = 0; r < R; r++) {
            float *out = y + r * N + n;
            int64_t rows = cpu_min(CPU_ROWS, N - n);
            if (rows == CPU_ROWS) row_group(out, x + r * K, w, wt, n, K);
            else for (int64_t i = 0; i < rows; i++) out[i] = dot_typed(w, wt, n + i, x + r * K, K);
            for (int64_t i = 0; b && i < rows; i++) out[i] += b[n + i];
        }
}

/* y (R, N) starts as the bias, to which sgemm adds; without one, as nothing. */
static void start(float *y, const float *b, int64_t R, int64_t N)
{
    if (!b) return;
    #pragma omp parallel for if (R * N > CPU_GRAIN)
    for (int64_t r = 0; r < R; r++) memcpy(y + r * N, b, (size_t)N * sizeof(float));
}

/* dst (rows, K) = rows n .. n + rows of w (N, K). */
static void expand(float *dst, const void *w, gm_dtype wt, int64_t n, int64_t rows, int64_t K)
{
    #pragma omp parallel for if (rows * K > CPU_GRAIN)
    for (int64_t i = 0; i < rows; i++) cpu_widen(dst + i * K, w, wt, (n + i) * K, K);
}

/* Output columns n .. n + columns: y[:, n ...] = x w^T, w (columns, K) as float. */
static void product(float *y, const float *x, const float *w, int64_t R, int64_t N, int64_t columns,
                    int64_t K, float beta)
{
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (int)R, (int)columns, (int)K, 1.0f, x,
                (int)K, w, (int)K, beta, y, (int)N);
}

int cpu_linear(float *y, const float *x, const void *w, gm_dtype wt, const float *b, int64_t R,
               int64_t N, int64_t K, void *scratch)
{
    if (!gm_is_matrix_type(wt, K) || R > INT32_MAX || N > INT32_MAX || K > INT32_MAX) return 1;
    if (has_few(wt, R, N)) {
        cpu_linear_few(y, x, w, wt, b, R, N, K, scratch);
        return 0;
    }
    if (R == 1 || (R <= FEW_ROWS && gm_block_bytes(wt))) {
        few_rows(y, x, w, wt, b, R, N, K);
        return 0;
    }
    if (R <= CPU_FEW) {
        cpu_linear_rows(y, x, w, wt, b, R, N, K);
        return 0;
    }
    float beta = b ? 1.0f : 0.0f;
    start(y, b, R, N);
    if (wt == GM_F32) {
        product(y, x, w, R, N, N, K, beta);
        return 0;
    }
    for (int64_t n = 0; n < N; n += PANEL) {
        int64_t columns = cpu_min(PANEL, N - n);
        expand(scratch, w, wt, n, columns, K);
        product(y + n, x, scratch, R, N, columns, K, beta);
    }
    return 0;
}

size_t cpu_linear_backward_scratch(gm_dtype wt, int64_t R, int64_t N, int64_t K)
{
    return wt == GM_F32 || R <= FEW_ROWS ? 0 : (size_t)(panel_rows(N) * K) * sizeof(float);
}

/* dx (R, K) += dy (R, N) w (N, K), a run of columns at a time: sums of 64 rows of w each. */
static void few_rows_backward(float *dx, const float *dy, const void *w, gm_dtype wt, int64_t R,
                              int64_t N, int64_t K)
{
    enum { RUN = 512, ROWS = 64 };
    #pragma omp parallel for if (R * N * K > 2 * CPU_GRAIN)
    for (int64_t k = 0; k < K; k += RUN)
        for (int64_t n = 0; n < N; n += ROWS) {
            float sum[FEW_ROWS][RUN] = { { 0 } }, wide[RUN];
            int64_t columns = cpu_min(RUN, K - k);
            for (int64_t i = n; i < cpu_min(N, n + ROWS); i++) {
                const float *row = wide;
                if (wt == GM_F32) row = (const float *)w + i * K + k;
                else cpu_widen(wide, w, wt, i * K + k, columns);
                for (int64_t r = 0; r < R; r++) cpu_axpy(sum[r], dy[r * N + i], row, columns);
            }
            for (int64_t r = 0; r < R; r++) cpu_accumulate(dx + r * K + k, sum[r], columns);
        }
}

/* dx (R, K) += dy[:, n : n + rows] w, w (rows, K) as float; dy at column n. */
static void product_back(float *dx, const float *dy, const float *w, int64_t R, int64_t N,
                         int64_t rows, int64_t K)
{
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, (int)R, (int)K, (int)rows, 1.0f, dy,
                (int)N, w, (int)K, 1.0f, dx, (int)K);
}

static void input_gradient(float *dx, const float *dy, const void *w, gm_dtype wt, int64_t R,
                           int64_t N, int64_t K, void *scratch)
{
    if (R <= FEW_ROWS) {
        few_rows_backward(dx, dy, w, wt, R, N, K);
        return;
    }
    if (wt == GM_F32) {
        product_back(dx, dy, w, R, N, N, K);
        return;
    }
    for (int64_t n = 0; n < N; n += PANEL) {
        int64_t rows = cpu_min(PANEL, N - n);
        expand(scratch, w, wt, n, rows, K);
        product_back(dx, dy + n, scratch, R, N, rows, K);
    }
}

int cpu_linear_backward(float *dx, float *dw, float *db, const float *dy, const float *x,
                        const void *w, gm_dtype wt, int64_t R, int64_t N, int64_t K, void *scratch)
{
    if (!gm_is_matrix_type(wt, K) || R > INT32_MAX || N > INT32_MAX || K > INT32_MAX) return 1;
    if (dx) input_gradient(dx, dy, w, wt, R, N, K, scratch);
    if (dw)
        cblas_sgemm(CblasRowMajor, CblasTrans, CblasNoTrans, (int)N, (int)K, (int)R, 1.0f, dy,
                    (int)N, x, (int)K, 1.0f, dw, (int)K);
    if (db) cpu_column_sums(db, dy, NULL, R, N);
    return 0;
}
