/* The row loops that several cpu kernels share. */
#include <math.h>
#include "cpu_vec.h"

GM_CLONES static void widen_bf16(float *dst, const uint16_t *src, int64_t n)
{
    for (int64_t i = 0; i < n; i++) dst[i] = gm_from_bf16(src[i]);
}

GM_CLONES static void widen_f16(float *dst, const uint16_t *src, int64_t n)
{
    for (int64_t i = 0; i < n; i++) dst[i] = cpu_from_f16(src[i]);
}

void cpu_widen(float *dst, const void *src, gm_dtype type, int64_t at, int64_t n)
{
    if (gm_block_bytes(type)) {
        int64_t each = gm_block_values(type);
        cpu_unpack(dst, (const uint8_t *)src + at / each * gm_block_bytes(type), type, n / each);
        return;
    }
    if (type == GM_F32) memcpy(dst, (const float *)src + at, (size_t)n * sizeof(float));
    else if (type == GM_BF16) widen_bf16(dst, (const uint16_t *)src + at, n);
    else widen_f16(dst, (const uint16_t *)src + at, n);
}

GM_CLONES void cpu_axpy(float *y, float s, const float *x, int64_t n)
{
    #pragma omp simd
    for (int64_t i = 0; i < n; i++) y[i] += s * x[i];
}

/* 32 maxima side by side: a reduction of this form would not be vectorised, NaN being unordered. */
GM_CLONES float cpu_max(const float *x, int64_t n)
{
    float part[32], max = -INFINITY;
    int64_t i = 0;
    for (int64_t l = 0; l < 32; l++) part[l] = -INFINITY;
    for (; i + 32 <= n; i += 32)
        for (int64_t l = 0; l < 32; l++) part[l] = x[i + l] > part[l] ? x[i + l] : part[l];
    for (int64_t l = 0; l < 32; l++) max = part[l] > max ? part[l] : max;
    for (; i < n; i++) max = x[i] > max ? x[i] : max;
    return max;
}

GM_CLONES float cpu_exp_sum(float *x, float max, int64_t n)
{
    float sum = 0;
    #pragma omp simd reduction(+:sum)
    for (int64_t i = 0; i < n; i++) {
        x[i] = cpu_exp(x[i] - max);
        sum += x[i];
    }
    return sum;
}

GM_CLONES void cpu_accumulate(float *restrict y, const float *restrict x, int64_t n)
{
    for (int64_t i = 0; i < n; i++) y[i] += x[i];
}

GM_CLONES double cpu_sum(const float *x, int64_t n)
{
    double sum = 0;
    #pragma omp simd reduction(+:sum)
    for (int64_t i = 0; i < n; i++) sum += (double)x[i];
    return sum;
}

/* part (n) += one row of a, or of a b. */
GM_CLONES static void sum_row(double *restrict part, const float *a, const float *b, int64_t n)
{
    if (!b) for (int64_t i = 0; i < n; i++) part[i] += (double)a[i];
    else for (int64_t i = 0; i < n; i++) part[i] += (double)a[i] * (double)b[i];
}

/* The same of four rows, M apart. */
GM_CLONES static void sum_rows4(double *restrict part, const float *a, const float *b, int64_t M,
                                int64_t n)
{
    const float *a1 = a + M, *a2 = a1 + M, *a3 = a2 + M;
    if (!b) {
        for (int64_t i = 0; i < n; i++)
            part[i] += ((double)a[i] + (double)a1[i]) + ((double)a2[i] + (double)a3[i]);
        return;
    }
    const float *b1 = b + M, *b2 = b1 + M, *b3 = b2 + M;
    for (int64_t i = 0; i < n; i++)
        part[i] += ((double)a[i] * (double)b[i] + (double)a1[i] * (double)b1[i]) +
                   ((double)a2[i] * (double)b2[i] + (double)a3[i] * (double)b3[i]);
}

/* part (n) = column sums of a (rows, n), rows M apart, or of a b.  Four rows at once when each has
 * a page of its own: within one page a single stream is read faster. */
static void sum_rows(double *part, const float *a, const float *b, int64_t rows, int64_t M,
                     int64_t n)
{
    int64_t r = 0, step = M >= 1024 ? 4 : 1;
    memset(part, 0, (size_t)n * sizeof *part);
    for (; step == 4 && r + 4 <= rows; r += 4)
        sum_rows4(part, a + r * M, b ? b + r * M : NULL, M, n);
    for (; r < rows; r++) sum_row(part, a + r * M, b ? b + r * M : NULL, n);
}

void cpu_column_sums(float *y, const float *a, const float *b, int64_t R, int64_t M)
{
    enum { BLOCKS = 8, COLUMNS = 1024 }; /* of rows; a page of each row at a time */
    double part[BLOCKS][COLUMNS];
    for (int64_t first = 0; first < M; first += COLUMNS) {
        int64_t columns = cpu_min(COLUMNS, M - first);
        #pragma omp parallel for if (R * columns > CPU_GRAIN)
        for (int64_t block = 0; block < BLOCKS; block++) {
            int64_t from = block * R / BLOCKS, at = from * M + first;
            sum_rows(part[block], a + at, b ? b + at : NULL, (block + 1) * R / BLOCKS - from, M,
                     columns);
        }
        for (int64_t i = 0; i < columns; i++) {
            double sum = y[first + i];
            for (int64_t block = 0; block < BLOCKS; block++) sum += part[block][i];
            y[first + i] = (float)sum;
        }
    }
}
