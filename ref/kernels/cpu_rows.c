/* A few rows against many weights, as when several sequences are decoded side by side: every weight
 * is read from memory once.  Four rows of weights, a chunk at a time, meet four rows of x, so that
 * sixteen sums are under way; the chunk stays in the first-level cache for the next four. */
#include "cpu_table.h"
#include "cpu_vec.h"

/* Elements of a row at a time: as they lie, or as floats in 8 KB of their own. */
enum { ROWS = 4, XROWS = 4, CHUNK = 2048, WIDE_CHUNK = 512 };

/* sum (XROWS, ROWS) += x w^T over n elements. */
GM_CLONES static void dots(float *restrict sum, const float *const *w, const float *const *x,
                           int64_t n)
{
    const float *restrict w0 = w[0], *restrict w1 = w[1], *restrict w2 = w[2], *restrict w3 = w[3];
    const float *restrict x0 = x[0], *restrict x1 = x[1], *restrict x2 = x[2], *restrict x3 = x[3];
    float a0 = 0, a1 = 0, a2 = 0, a3 = 0, b0 = 0, b1 = 0, b2 = 0, b3 = 0;
    float c0 = 0, c1 = 0, c2 = 0, c3 = 0, d0 = 0, d1 = 0, d2 = 0, d3 = 0;
    #pragma omp simd reduction(+:a0, a1, a2, a3, b0, b1, b2, b3, c0, c1, c2, c3, d0, d1, d2, d3)
    for (int64_t j = 0; j < n; j++) {
        a0 += w0[j] * x0[j], a1 += w1[j] * x0[j], a2 += w2[j] * x0[j], a3 += w3[j] * x0[j];
        b0 += w0[j] * x1[j], b1 += w1[j] * x1[j], b2 += w2[j] * x1[j], b3 += w3[j] * x1[j];
        c0 += w0[j] * x2[j], c1 += w1[j] * x2[j], c2 += w2[j] * x2[j], c3 += w3[j] * x2[j];
        d0 += w0[j] * x3[j], d1 += w1[j] * x3[j], d2 += w2[j] * x3[j], d3 += w3[j] * x3[j];
    }
    const float all[XROWS * ROWS] = { a0, a1, a2, a3, b0, b1, b2, b3,
                                      c0, c1, c2, c3, d0, d1, d2, d3 };
    for (int i = 0; i < XROWS * ROWS; i++) sum[i] += all[i];
}

/* The same with weights in bf16, as they lie: memory is read while sums are formed. */
GM_CLONES static void dots_bf16(float *restrict sum, const uint16_t *const *w,
                                const float *const *x, int64_t n)
{
    const uint16_t *restrict w0 = w[0], *restrict w1 = w[1];
    const uint16_t *restrict w2 = w[2], *restrict w3 = w[3];
    const float *restrict x0 = x[0], *restrict x1 = x[1], *restrict x2 = x[2], *restrict x3 = x[3];
    float a0 = 0, a1 = 0, a2 = 0, a3 = 0, b0 = 0, b1 = 0, b2 = 0, b3 = 0;
    float c0 = 0, c1 = 0, c2 = 0, c3 = 0, d0 = 0, d1 = 0, d2 = 0, d3 = 0;
    #pragma omp simd reduction(+:a0, a1, a2, a3, b0, b1, b2, b3, c0, c1, c2, c3, d0, d1, d2, d3)
    for (int64_t j = 0; j < n; j++) {
        float v0 = gm_from_bf16(w0[j]), v1 = gm_from_bf16(w1[j]);
        float v2 = gm_from_bf16(w2[j]), v3 = gm_from_bf16(w3[j]);
        a0 += v0 * x0[j], a1 += v1 * x0[j], a2 += v2 * x0[j], a3 += v3 * x0[j];
        b0 += v0 * x1[j], b1 += v1 * x1[j], b2 += v2 * x1[j], b3 += v3 * x1[j];
        c0 += v0 * x2[j], c1 += v1 * x2[j], c2 += v2 * x2[j], c3 += v3 * x2[j];
        d0 += v0 * x3[j], d1 += v1 * x3[j], d2 += v2 * x3[j], d3 += v3 * x3[j];
    }
    const float all[XROWS * ROWS] = { a0, a1, a2, a3, b0, b1, b2, b3,
                                      c0, c1, c2, c3, d0, d1, d2, d3 };
    for (int i = 0; i < XROWS * ROWS; i++) sum[i] += all[i];
}

/* Outputs n .. n + rows of every row of x. */
static void outputs(float *y, const float *x, const void *w, gm_dtype wt, const float *b, int64_t R,
                    int64_t N, int64_t K, int64_t n)
{
    float sum[CPU_FEW / XROWS][XROWS * ROWS] = { { 0 } }, room[ROWS][WIDE_CHUNK];
    int64_t rows = cpu_min(ROWS, N - n);
    int64_t chunk = wt == GM_F32 || wt == GM_BF16 ? CHUNK : WIDE_CHUNK;
    for (int64_t k = 0; k < K; k += chunk) {
        int64_t m = cpu_min(chunk, K - k);
        const float *wide[ROWS], *at[XROWS];
        const uint16_t *half[ROWS];
        for (int64_t i = 0; i < ROWS; i++) {
            int64_t row = n + cpu_min(i, rows - 1);         /* a row that is not there is another */
            half[i] = wt == GM_BF16 ? (const uint16_t *)w + row * K + k : NULL;
            wide[i] = wt == GM_F32 ? (const float *)w + row * K + k : room[i];
            if (wt != GM_F32 && wt != GM_BF16) cpu_widen(room[i], w, wt, row * K + k, m);
        }
        for (int64_t r = 0; r < R; r += XROWS) {
            for (int64_t i = 0; i < XROWS; i++) at[i] = x + cpu_min(r + i, R - 1) * K + k;
            if (wt == GM_BF16) dots_bf16(sum[r / XROWS], half, at, m);
            else dots(sum[r / XROWS], wide, at, m);
        }
    }
    for (int64_t r = 0; r < R; r++)
        for (int64_t i = 0; i < rows; i++)
            y[r * N + n + i] = sum[r / XROWS][r % XROWS * ROWS + i] + (b ? b[n + i] : 0);
}

void cpu_linear_rows(float *y, const float *x, const void *w, gm_dtype wt, const float *b,
                     int64_t R, int64_t N, int64_t K)
{
    #pragma omp parallel for if (R * N * K > 2 * CPU_GRAIN)
    for (int64_t n = 0; n < N; n += ROWS) outputs(y, x, w, wt, b, R, N, K, n);
}
