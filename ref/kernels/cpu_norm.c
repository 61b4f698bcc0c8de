/* Normalisations.  Sums are double: it costs nothing beside the memory traffic and keeps them
 * exact. */
#include <math.h>
#include "cpu_table.h"
#include "cpu_vec.h"

/* Pixels that layernorm2d handles side by side. */
enum { PIXELS = 128 };

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
        double mean = cpu_sum(xr, C) / (double)C, var = squares_of(xr, mean, C) / (double)C;
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

/* ---- backward ----
 * With xhat = (x - mean) s, s = 1 / sqrt(var + eps), g = dy w and means over what was normalised:
 * dx += s (g - mean(g) - xhat mean(g xhat)), dw += sum dy xhat, db += sum dy.
 * Rows are taken a few hundred at a time: first each row's statistics and dx, then each column's
 * sums over them.  All of it is cut by sizes alone: the bits do not depend on the threads. */

/* Rows whose statistics are kept; columns of a task. */
enum { ROWS = 256, COLUMNS = 32 };

/* dx (n) of one row; subtract: 0 for rmsnorm, whose mean is not taken off. */
GM_CLONES static void row_backward(float *restrict dx, const float *dy, const float *x,
                                   const float *w, double mean, double s, double subtract,
                                   int64_t n)
{
    double a = 0, b = 0;
    #pragma omp simd reduction(+:a, b)
    for (int64_t i = 0; i < n; i++) {
        double g = (double)dy[i] * w[i];
        a += g;
        b += g * (x[i] - mean);
    }
    a *= subtract / (double)n, b *= s * s / (double)n;
    for (int64_t i = 0; i < n; i++)
        dx[i] = (float)(dx[i] + s * ((double)dy[i] * w[i] - a - (x[i] - mean) * b));
}

/* dw (n) += sum of dy xhat and db (n) += sum of dy over rows C apart; either may be NULL. */
GM_CLONES static void column_backward(float *dw, float *db, const float *dy, const float *x,
                                      const double *mean, const double *s, int64_t rows, int64_t C,
                                      int64_t n)
{
    double sw[COLUMNS] = { 0 }, sb[COLUMNS] = { 0 };
    for (int64_t r = 0; r < rows; r++)
        for (int64_t i = 0; i < n; i++) {
            sw[i] += (double)dy[r * C + i] * ((x[r * C + i] - mean[r]) * s[r]);
            sb[i] += (double)dy[r * C + i];
        }
    for (int64_t i = 0; dw && i < n; i++) dw[i] = (float)(dw[i] + sw[i]);
    for (int64_t i = 0; db && i < n; i++) db[i] = (float)(db[i] + sb[i]);
}

/* Both norms over rows; rms: mean 0 is taken instead of the row's. */
static int rows_backward(float *dx, float *dw, float *db, const float *dy, const float *x,
                         const float *w, int64_t R, int64_t C, float eps, int rms)
{
    int64_t runs = dw || db ? (C + COLUMNS - 1) / COLUMNS : 0;
    for (int64_t first = 0; first < R; first += ROWS) {
        double mean[ROWS], s[ROWS];
        int64_t rows = cpu_min(ROWS, R - first), at = first * C;
        #pragma omp parallel for if (rows * C > CPU_GRAIN)
        for (int64_t r = 0; r < rows; r++) {
            const float *xr = x + at + r * C;
            mean[r] = rms ? 0 : cpu_sum(xr, C) / (double)C;
            s[r] = 1 / sqrt(squares_of(xr, mean[r], C) / (double)C + eps);
            if (dx)
                row_backward(dx + at + r * C, dy + at + r * C, xr, w, mean[r], s[r], !rms, C);
        }
        #pragma omp parallel for if (rows * C > CPU_GRAIN)
        for (int64_t t = 0; t < runs; t++) {
            int64_t c = t * COLUMNS;
            column_backward(dw ? dw + c : NULL, db ? db + c : NULL, dy + at + c, x + at + c, mean,
                            s, rows, C, cpu_min(COLUMNS, C - c));
        }
    }
    return 0;
}

int cpu_layernorm_backward(float *dx, float *dw, float *db, const float *dy, const float *x,
                           const float *w, int64_t R, int64_t C, float eps)
{
    return rows_backward(dx, dw, db, dy, x, w, R, C, eps, 0);
}

int cpu_rmsnorm_backward(float *dx, float *dw, const float *dy, const float *x, const float *w,
                         int64_t R, int64_t C, float eps)
{
    return rows_backward(dx, dw, NULL, dy, x, w, R, C, eps, 1);
}

int cpu_groupnorm(float *y, const float *x, const float *w, const float *b, int64_t B, int64_t C,
                  int64_t HW, int64_t G, float eps)
{
    int64_t width = C / G, n = width * HW; /* channels and elements of a group */
    #pragma omp parallel for if (B * C * HW > CPU_GRAIN)
    for (int64_t g = 0; g < B * G; g++) {                       /* g: image, group */
        double mean = cpu_sum(x + g * n, n) / (double)n;
        double s = 1 / sqrt(squares_of(x + g * n, mean, n) / (double)n + eps);
        for (int64_t i = 0; i < width; i++) {
            int64_t at = g * n + i * HW, c = g % G * width + i;
            affine1(y + at, x + at, w[c], b[c], mean, s, HW);
        }
    }
    return 0;
}

/* sums[0] = sum of dy, sums[1] = sum of dy (x - mean). */
GM_CLONES static void channel_sums(double sums[2], const float *dy, const float *x, double mean,
                                   int64_t n)
{
    double a = 0, b = 0;
    #pragma omp simd reduction(+:a, b)
    for (int64_t i = 0; i < n; i++) {
        a += (double)dy[i];
        b += (double)dy[i] * (x[i] - mean);
    }
    sums[0] = a, sums[1] = b;
}

/* dx (n) += s (dy w - a - (x - mean) b) */
GM_CLONES static void channel_backward(float *restrict dx, const float *dy, const float *x,
                                       double w, double mean, double s, double a, double b,
                                       int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        dx[i] = (float)(dx[i] + s * (dy[i] * w - a - (x[i] - mean) * b));
}

/* One group of one image, from channel c on: all pointers at its first element, w, dw and db at its
 * first channel. */
static void group_backward(float *dx, float *dw, float *db, const float *dy, const float *x,
                           const float *w, int64_t width, int64_t HW, float eps)
{
    int64_t n = width * HW;
    double mean = cpu_sum(x, n) / (double)n, a = 0, b = 0;
    double s = 1 / sqrt(squares_of(x, mean, n) / (double)n + eps);
    for (int64_t c = 0; c < width; c++) {
        double sums[2];
        channel_sums(sums, dy + c * HW, x + c * HW, mean, HW);
        a += w[c] * sums[0] / (double)n, b += w[c] * sums[1] * s * s / (double)n;
        if (db) db[c] = (float)(db[c] + sums[0]);
        if (dw) dw[c] = (float)(dw[c] + sums[1] * s);
    }
    for (int64_t c = 0; dx && c < width; c++)
        channel_backward(dx + c * HW, dy + c * HW, x + c * HW, w[c], mean, s, a, b, HW);
}

/* A task is a group in all images, so that its dw and db have one writer. */
int cpu_groupnorm_backward(float *dx, float *dw, float *db, const float *dy, const float *x,
                           const float *w, int64_t B, int64_t C, int64_t HW, int64_t G, float eps)
{
    int64_t width = C / G;
    #pragma omp parallel for if (B * C * HW > CPU_GRAIN)
    for (int64_t g = 0; g < G; g++)
        for (int64_t image = 0; image < B; image++) {
            int64_t c = g * width, at = (image * C + c) * HW;
            group_backward(dx ? dx + at : NULL, dw ? dw + c : NULL, db ? db + c : NULL, dy + at,
                           x + at, w + c, width, HW, eps);
        }
    return 0;
}

/* Mean and 1 / sqrt(var + eps) of n pixels side by side: x (C, HW) at the first of them. */
GM_CLONES static void pixel_moments(double *restrict mean, double *restrict s, const float *x,
                                    int64_t n, int64_t C, int64_t HW, float eps)
{
    for (int64_t p = 0; p < n; p++) mean[p] = s[p] = 0;
    for (int64_t c = 0; c < C; c++)
        for (int64_t p = 0; p < n; p++) mean[p] += (double)x[c * HW + p];
    for (int64_t p = 0; p < n; p++) mean[p] /= (double)C;
    for (int64_t c = 0; c < C; c++)
        for (int64_t p = 0; p < n; p++)
            s[p] += ((double)x[c * HW + p] - mean[p]) * ((double)x[c * HW + p] - mean[p]);
    for (int64_t p = 0; p < n; p++) s[p] = 1 / sqrt(s[p] / (double)C + eps);
}

/* n pixels side by side: x and y (C, HW) at the first of them. */
GM_CLONES static void norm_pixels(float *restrict y, const float *x, const float *w, const float *b,
                                  int64_t n, int64_t C, int64_t HW, float eps)
{
    double mean[PIXELS], s[PIXELS];
    pixel_moments(mean, s, x, n, C, HW, eps);
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

/* dx of n pixels side by side. */
GM_CLONES static void pixels_backward(float *restrict dx, const float *dy, const float *x,
                                      const float *w, const double *mean, const double *s,
                                      int64_t n, int64_t C, int64_t HW)
{
    double a[PIXELS] = { 0 }, b[PIXELS] = { 0 };
    for (int64_t c = 0; c < C; c++)
        for (int64_t p = 0; p < n; p++) {
            double g = (double)dy[c * HW + p] * w[c];
            a[p] += g;
            b[p] += g * (x[c * HW + p] - mean[p]);
        }
    for (int64_t p = 0; p < n; p++) a[p] /= (double)C, b[p] *= s[p] * s[p] / (double)C;
    for (int64_t c = 0; c < C; c++)
        for (int64_t p = 0; p < n; p++) {
            int64_t i = c * HW + p;
            dx[i] = (float)(dx[i] + s[p] * ((double)dy[i] * w[c] - a[p] - (x[i] - mean[p]) * b[p]));
        }
}

/* Adds sum of dy xhat and sum of dy over n pixels of one channel. */
GM_CLONES static void pixel_sums(double *dw, double *db, const float *dy, const float *x,
                                 const double *mean, const double *s, int64_t n)
{
    double a = 0, b = 0;
    #pragma omp simd reduction(+:a, b)
    for (int64_t p = 0; p < n; p++) {
        a += (double)dy[p] * ((x[p] - mean[p]) * s[p]);
        b += (double)dy[p];
    }
    *dw += a, *db += b;
}

/* Runs of pixels whose statistics are kept. */
enum { TILES = 64 };

/* As rows_backward, a run of pixels in the place of a row. */
int cpu_layernorm2d_backward(float *dx, float *dw, float *db, const float *dy, const float *x,
                             const float *w, int64_t B, int64_t C, int64_t HW, float eps)
{
    int64_t tiles = (HW + PIXELS - 1) / PIXELS;
    for (int64_t first = 0; first < B * tiles; first += TILES) {
        double mean[TILES * PIXELS], s[TILES * PIXELS];
        int64_t end = cpu_min(B * tiles, first + TILES);
        #pragma omp parallel for if ((end - first) * PIXELS * C > CPU_GRAIN)
        for (int64_t t = first; t < end; t++) {                 /* t: image, run of pixels */
            int64_t p = t % tiles * PIXELS, at = t / tiles * C * HW + p;
            int64_t n = cpu_min(PIXELS, HW - p);
            double *m = mean + (t - first) * PIXELS, *r = s + (t - first) * PIXELS;
            pixel_moments(m, r, x + at, n, C, HW, eps);
            if (dx) pixels_backward(dx + at, dy + at, x + at, w, m, r, n, C, HW);
        }
        #pragma omp parallel for if ((end - first) * PIXELS * C > CPU_GRAIN)
        for (int64_t c = 0; c < (dw || db ? C : 0); c++) {
            double sw = 0, sb = 0;
            for (int64_t t = first; t < end; t++) {
                int64_t p = t % tiles * PIXELS, at = (t / tiles * C + c) * HW + p;
                pixel_sums(&sw, &sb, dy + at, x + at, mean + (t - first) * PIXELS,
                           s + (t - first) * PIXELS, cpu_min(PIXELS, HW - p));
            }
            if (dw) dw[c] = (float)(dw[c] + sw);
            if (db) db[c] = (float)(db[c] + sb);
        }
    }
    return 0;
}
