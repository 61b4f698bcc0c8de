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

/* part (n) = column sums of a (rows, n), rows M apart, or of a b. */
GM_CLONES static void sum_rows(double *restrict part, const float *restrict a,
                               const float *restrict b, int64_t rows, int64_t M, int64_t n)
{
    for (int64_t i = 0; i < n; i++) part[i] = 0;
    for (int64_t r = 0; r < rows; r++) {
        const float *ar = a + r * M, *br = b ? b + r * M : NULL;
        if (!b) for (int64_t i = 0; i < n; i++) part[i] += (double)ar[i];
        else for (int64_t i = 0; i < n; i++) part[i] += (double)ar[i] * (double)br[i];
    }
}

void cpu_column_sums(float *y, const float *a, const float *b, int64_t R, int64_t M)
{
    enum { BLOCKS = 8, COLUMNS = 1024, RUN = 256 }; /* blocks of rows; columns at a time */
    double part[BLOCKS][COLUMNS];
    for (int64_t first = 0; first < M; first += COLUMNS) {
        int64_t columns = cpu_min(COLUMNS, M - first), runs = (columns + RUN - 1) / RUN;
        #pragma omp parallel for if (R * columns > CPU_GRAIN)
        for (int64_t t = 0; t < BLOCKS * runs; t++) {           /* t: block of rows, run */
            int64_t block = t / runs, i = t % runs * RUN, from = block * R / BLOCKS,
                    at = from * M + first + i;
            sum_rows(part[block] + i, a + at, b ? b + at : NULL, (block + 1) * R / BLOCKS - from, M,
                     cpu_min(RUN, columns - i));
        }
        for (int64_t i = 0; i < columns; i++) {
            double sum = y[first + i];
            for (int64_t block = 0; block < BLOCKS; block++) sum += part[block][i];
            y[first + i] = (float)sum;
        }
    }
}
