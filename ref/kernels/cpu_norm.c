/* Normalisations.  Sums are double: it costs nothing beside the memory traffic and keeps them
 * exact. */
#include <math.h>
#include "cpu_table.h"
#include "cpu_vec.h"

/* Pixels that layernorm2d handles side by side. */
enum { PIXELS = 128 };

GM_CLONES static double sum_of(const float *x, int64_t n)
{
    double sum = 0;
    #pragma omp simd reduction(+:sum)
    for (int64_t i = 0; i < n; i++) sum += (double)x[i];
    return sum;
}

/* Sum of (x - mean)^2. */
GM_CLONES static double squares_of(const float *x, double mean, int64_t n)
{
    double sum = 0;
    #pragma omp simd reduction(+:sum)
    for (int64_t i = 0; i < n; i++) sum += ((double)x[i] - mean) * ((double)x[i] - mean);
    return sum;
}

/* y = (x - mean) s w + b, element by element. */
GM_CLONES static void affine(float *restrict y, const float *x, const float *w, const float *b,
                             double mean, double s, int64_t n)
{
    for (int64_t i = 0; i < n; i++) y[i] = (float)((x[i] - mean) * s * w[i] + b[i]);
}

/* The same with one w and b for all. */
GM_CLONES static void affine1(float *restrict y, const float *x, double w, double b, double mean,
                              double s, int64_t n)
{
    for (int64_t i = 0; i < n; i++) y[i] = (float)((x[i] - mean) * s * w + b);
}

int cpu_layernorm(float *y, const float *x, const float *w, const float *b, int64_t R, int64_t C,
                  float eps)
{
    #pragma omp parallel for if (R * C > CPU_GRAIN)
    for (int64_t r = 0; r < R; r++) {
        const float *xr = x + r * C;
        double mean = sum_of(xr, C) / (double)C, var = squares_of(xr, mean, C) / (double)C;
        affine(y + r * C, xr, w, b, mean, 1 / sqrt(var + eps), C);
    }
    return 0;
}

GM_CLONES static void rms_row(float *restrict y, const float *x, const float *w, double s,
                              int64_t n)
{
    for (int64_t i = 0; i < n; i++) y[i] = (float)(x[i] * s * w[i]);
}

int cpu_rmsnorm(float *y, const float *x, const float *w, int64_t R, int64_t C, float eps)
{
    #pragma omp parallel for if (R * C > CPU_GRAIN)
    for (int64_t r = 0; r < R; r++) {
        const float *xr = x + r * C;
        rms_row(y + r * C, xr, w, 1 / sqrt(squares_of(xr, 0, C) / (double)C + eps), C);
    }
    return 0;
}

int cpu_groupnorm(float *y, const float *x, const float *w, const float *b, int64_t B, int64_t C,
                  int64_t HW, int64_t G, float eps)
{
    int64_t width = C / G, n = width * HW; /* channels and elements of a group */
    #pragma omp parallel for if (B * C * HW > CPU_GRAIN)
    for (int64_t g = 0; g < B * G; g++) {                       /* g: image, group */
        double mean = sum_of(x + g * n, n) / (double)n;
        double s = 1 / sqrt(squares_of(x + g * n, mean, n) / (double)n + eps);
        for (int64_t i = 0; i < width; i++) {
            int64_t at = g * n + i * HW, c = g % G * width + i;
            affine1(y + at, x + at, w[c], b[c], mean, s, HW);
        }
    }
    return 0;
}

/* n pixels side by side: x and y (C, HW) at the first of them. */
GM_CLONES static void norm_pixels(float *restrict y, const float *x, const float *w, const float *b,
                                  int64_t n, int64_t C, int64_t HW, float eps)
{
    double mean[PIXELS] = { 0 }, s[PIXELS] = { 0 };
    for (int64_t c = 0; c < C; c++)
        for (int64_t p = 0; p < n; p++) mean[p] += (double)x[c * HW + p];
    for (int64_t p = 0; p < n; p++) mean[p] /= (double)C;
    for (int64_t c = 0; c < C; c++)
        for (int64_t p = 0; p < n; p++)
            s[p] += ((double)x[c * HW + p] - mean[p]) * ((double)x[c * HW + p] - mean[p]);
    for (int64_t p = 0; p < n; p++) s[p] = 1 / sqrt(s[p] / (double)C + eps);
    for (int64_t c = 0; c < C; c++)
        for (int64_t p = 0; p < n; p++)
            y[c * HW + p] = (float)((x[c * HW + p] - mean[p]) * s[p] * w[c] + b[c]);
}

int cpu_layernorm2d(float *y, const float *x, const float *w, const float *b, int64_t B, int64_t C,
                    int64_t HW, float eps)
{
    int64_t tiles = (HW + PIXELS - 1) / PIXELS;
    #pragma omp parallel for if (B * C * HW > CPU_GRAIN)
    for (int64_t t = 0; t < B * tiles; t++) {                   /* t: image, run of pixels */
        int64_t first = t % tiles * PIXELS, at = t / tiles * C * HW + first;
        norm_pixels(y + at, x + at, w, b, cpu_min(PIXELS, HW - first), C, HW, eps);
    }
    return 0;
}
