/* Oracle: sums.  Double accumulators, the bias first, then the terms in index order. */
#include <math.h>
#include "ref_table.h"
#include "typed.h"

/* Channels whose gradients are summed together: a row's statistics are computed once for each of
 * these blocks, not for each channel. */
enum { COLUMNS = 64 };

/* y[r, n] = b[n] + sum over k of x[r, k] w[n, k] */
int ref_linear(float *y, const float *x, const void *w, gm_dtype wt, const float *b, int64_t R,
               int64_t N, int64_t K, void *scratch)
{
    (void)scratch;
    if (!gm_is_matrix_type(wt, K)) return 1;
    #pragma omp parallel for
    for (int64_t o = 0; o < R * N; o++) {
        int64_t r = o / N, n = o % N;
        double sum = b ? b[n] : 0;
        for (int64_t k = 0; k < K; k++) sum += (double)x[r * K + k] * gm_typed(w, wt, n * K + k);
        y[o] = (float)sum;
    }
    return 0;
}

/* dx[r, k] += sum over n of dy[r, n] w[n, k]; dw[n, k] += sum over r of dy[r, n] x[r, k];
 * db[n] += sum over r of dy[r, n]. */
int ref_linear_backward(float *dx, float *dw, float *db, const float *dy, const float *x,
                        const void *w, gm_dtype wt, int64_t R, int64_t N, int64_t K, void *scratch)
{
    (void)scratch;
    if (!gm_is_matrix_type(wt, K)) return 1;
    #pragma omp parallel for
    for (int64_t o = 0; o < (dx ? R * K : 0); o++) {
        int64_t r = o / K, k = o % K;
        double sum = 0;
        for (int64_t n = 0; n < N; n++) sum += (double)dy[r * N + n] * gm_typed(w, wt, n * K + k);
        dx[o] = (float)(dx[o] + sum);
    }
    #pragma omp parallel for
    for (int64_t o = 0; o < (dw ? N * K : 0); o++) {
        int64_t n = o / K, k = o % K;
        double sum = 0;
        for (int64_t r = 0; r < R; r++) sum += (double)dy[r * N + n] * x[r * K + k];
        dw[o] = (float)(dw[o] + sum);
    }
    for (int64_t n = 0; db && n < N; n++) {
        double sum = 0;
        for (int64_t r = 0; r < R; r++) sum += dy[r * N + n];
        db[n] = (float)(db[n] + sum);
    }
    return 0;
}

/* One output pixel: b[o] + sum over c, i, j of x[c, row stride - pad + i, column stride - pad + j]
 * w[o, c, i, j]; taps outside the map are left out.  x: this image's maps. */
static double conv_at(const float *x, const void *w, gm_dtype wt, const gm_conv *s, int64_t o,
                      int64_t row, int64_t column, double sum)
{
    for (int64_t c = 0; c < s->CI; c++)
        for (int64_t i = 0; i < s->KH; i++) {
            int64_t yy = row * s->stride - s->pad + i;
            if (yy < 0 || yy >= s->H) continue;
            for (int64_t j = 0; j < s->KW; j++) {
                int64_t xx = column * s->stride - s->pad + j;
                if (xx < 0 || xx >= s->W) continue;
                sum += (double)x[(c * s->H + yy) * s->W + xx]
                     * gm_typed(w, wt, ((o * s->CI + c) * s->KH + i) * s->KW + j);
            }
        }
    return sum;
}

int ref_conv2d(float *y, const float *x, const void *w, gm_dtype wt, const float *b,
               const gm_conv *s, void *scratch)
{
    (void)scratch;
    if (!gm_is_weight_type(wt)) return 1;
    #pragma omp parallel for
    for (int64_t p = 0; p < s->B * s->CO * s->HO; p++) {        /* p: image, output channel, row */
        int64_t row = p % s->HO, o = p / s->HO % s->CO, image = p / (s->HO * s->CO);
        for (int64_t column = 0; column < s->WO; column++)
            y[p * s->WO + column] = (float)conv_at(x + image * s->CI * s->H * s->W, w, wt, s, o,
                                                   row, column, b ? b[o] : 0);
    }
    return 0;
}

/* One input pixel: the sum over o, i, j of dy[o, row, column] w[o, c, i, j] where the output pixel
 * read it through tap i, j: row stride - pad + i = yy.  dy: this image's maps. */
static double conv_dx_at(const float *dy, const void *w, gm_dtype wt, const gm_conv *s, int64_t c,
                         int64_t yy, int64_t xx)
{
    double sum = 0;
    for (int64_t o = 0; o < s->CO; o++)
        for (int64_t i = 0; i < s->KH; i++) {
            int64_t down = yy + s->pad - i, row = down / s->stride;
            if (down < 0 || down % s->stride || row >= s->HO) continue;
            for (int64_t j = 0; j < s->KW; j++) {
                int64_t right = xx + s->pad - j, column = right / s->stride;
                if (right < 0 || right % s->stride || column >= s->WO) continue;
                sum += (double)dy[(o * s->HO + row) * s->WO + column]
                     * gm_typed(w, wt, ((o * s->CI + c) * s->KH + i) * s->KW + j);
            }
        }
    return sum;
}

/* One weight: the sum over images and output pixels of dy[o, row, column] times the x that its tap
 * i, j read. */
static double conv_dw_at(const float *dy, const float *x, const gm_conv *s, int64_t o, int64_t c,
                         int64_t i, int64_t j)
{
    double sum = 0;
    for (int64_t b = 0; b < s->B; b++)
        for (int64_t row = 0; row < s->HO; row++) {
            int64_t yy = row * s->stride - s->pad + i;
            if (yy < 0 || yy >= s->H) continue;
            for (int64_t column = 0; column < s->WO; column++) {
                int64_t xx = column * s->stride - s->pad + j;
                if (xx < 0 || xx >= s->W) continue;
                sum += (double)dy[((b * s->CO + o) * s->HO + row) * s->WO + column]
                     * x[((b * s->CI + c) * s->H + yy) * s->W + xx];
            }
        }
    return sum;
}

int ref_conv2d_backward(float *dx, float *dw, float *db, const float *dy, const float *x,
                        const void *w, gm_dtype wt, const gm_conv *s, void *scratch)
{
    int64_t map = s->HO * s->WO, taps = s->KH * s->KW;
    (void)scratch;
    if (!gm_is_weight_type(wt)) return 1;
    #pragma omp parallel for
    for (int64_t p = 0; p < (dx ? s->B * s->CI * s->H : 0); p++) { /* p: image, channel, row */
        int64_t row = p % s->H, c = p / s->H % s->CI, image = p / (s->H * s->CI);
        for (int64_t column = 0; column < s->W; column++)
            dx[p * s->W + column] = (float)(dx[p * s->W + column] +
                                            conv_dx_at(dy + image * s->CO * map, w, wt, s, c, row,
                                                       column));
    }
    #pragma omp parallel for
    for (int64_t p = 0; p < (dw ? s->CO * s->CI * taps : 0); p++)  /* p: o, c, i, j */
        dw[p] = (float)(dw[p] + conv_dw_at(dy, x, s, p / (s->CI * taps), p / taps % s->CI,
                                           p % taps / s->KW, p % s->KW));
    for (int64_t o = 0; db && o < s->CO; o++) {
        double sum = 0;
        for (int64_t b = 0; b < s->B; b++)
            for (int64_t i = 0; i < map; i++) sum += dy[(b * s->CO + o) * map + i];
        db[o] = (float)(db[o] + sum);
    }
    return 0;
}

/* Stride 2 and a 2x2 kernel: each output pixel has one input pixel. */
int ref_conv_transpose2x2(float *y, const float *x, const void *w, gm_dtype wt, const float *b,
                          int64_t B, int64_t CI, int64_t H, int64_t W, int64_t CO)
{
    if (!gm_is_weight_type(wt)) return 1;
    #pragma omp parallel for
    for (int64_t p = 0; p < B * CO * 2 * H; p++) {              /* p: image, output channel, row */
        int64_t row = p % (2 * H), o = p / (2 * H) % CO, image = p / (2 * H * CO);
        for (int64_t column = 0; column < 2 * W; column++) {
            double sum = b ? b[o] : 0;
            for (int64_t c = 0; c < CI; c++)
                sum += (double)x[((image * CI + c) * H + row / 2) * W + column / 2]
                     * gm_typed(w, wt, (c * CO + o) * 4 + row % 2 * 2 + column % 2);
            y[p * 2 * W + column] = (float)sum;
        }
    }
    return 0;
}

/* The four output pixels of input pixel (yy, xx), each through its own tap. */
static double conv_transpose_dx_at(const float *dy, const void *w, gm_dtype wt, int64_t c,
                                   int64_t yy, int64_t xx, int64_t H, int64_t W, int64_t CO)
{
    double sum = 0;
    for (int64_t o = 0; o < CO; o++)
        for (int64_t tap = 0; tap < 4; tap++)
            sum += (double)dy[(o * 2 * H + 2 * yy + tap / 2) * 2 * W + 2 * xx + tap % 2]
                 * gm_typed(w, wt, (c * CO + o) * 4 + tap);
    return sum;
}

int ref_conv_transpose2x2_backward(float *dx, float *dw, float *db, const float *dy, const float *x,
                                   const void *w, gm_dtype wt, int64_t B, int64_t CI, int64_t H,
                                   int64_t W, int64_t CO)
{
    if (!gm_is_weight_type(wt)) return 1;
    #pragma omp parallel for
    for (int64_t p = 0; p < (dx ? B * CI * H * W : 0); p++) {   /* p: image, channel, row, column */
        int64_t c = p / (H * W) % CI;
        const float *maps = dy + p / (H * W * CI) * CO * 4 * H * W;
        dx[p] = (float)(dx[p] + conv_transpose_dx_at(maps, w, wt, c, p / W % H, p % W, H, W, CO));
    }
    #pragma omp parallel for
    for (int64_t p = 0; p < (dw ? CI * CO * 4 : 0); p++) {      /* p: c, o, tap */
        int64_t c = p / (CO * 4), o = p / 4 % CO, i = p / 2 % 2, j = p % 2;
        double sum = 0;
        for (int64_t b = 0; b < B; b++)
            for (int64_t row = 0; row < H; row++)
                for (int64_t column = 0; column < W; column++)
                    sum += (double)x[((b * CI + c) * H + row) * W + column]
                         * dy[((b * CO + o) * 2 * H + 2 * row + i) * 2 * W + 2 * column + j];
        dw[p] = (float)(dw[p] + sum);
    }
    for (int64_t o = 0; db && o < CO; o++) {
        double sum = 0;
        for (int64_t b = 0; b < B; b++)
            for (int64_t i = 0; i < 4 * H * W; i++) sum += dy[(b * CO + o) * 4 * H * W + i];
        db[o] = (float)(db[o] + sum);
    }
    return 0;
}

/* Mean and biased variance of count groups of run elements, groups stride apart. */
static void moments(const float *x, int64_t count, int64_t run, int64_t stride, double *mean,
                    double *var)
{
    double sum = 0, square = 0;
    for (int64_t i = 0; i < count; i++)
        for (int64_t j = 0; j < run; j++) sum += x[i * stride + j];
    *mean = sum / (double)(count * run);
    for (int64_t i = 0; i < count; i++)
        for (int64_t j = 0; j < run; j++) {
            double d = x[i * stride + j] - *mean;
            square += d * d;
        }
    *var = square / (double)(count * run);
}

/* With xhat = (x - mean) / sigma and g = w dy: dx += (g - mean(g) - xhat mean(g xhat)) / sigma,
 * over count groups of run elements, groups stride apart; w (count). */
static void norm_dx(float *dx, const float *dy, const float *x, const float *w, int64_t count,
                    int64_t run, int64_t stride, float eps)
{
    double mean, var, n = (double)(count * run), sum = 0, along = 0;
    moments(x, count, run, stride, &mean, &var);
    double sigma = sqrt(var + eps);
    for (int64_t i = 0; i < count; i++)
        for (int64_t at = i * stride; at < i * stride + run; at++) {
            double g = (double)w[i] * dy[at];
            sum += g;
            along += g * ((x[at] - mean) / sigma);
        }
    for (int64_t i = 0; i < count; i++)
        for (int64_t at = i * stride; at < i * stride + run; at++) {
            double g = (double)w[i] * dy[at], xhat = (x[at] - mean) / sigma;
            dx[at] = (float)(dx[at] + (g - sum / n - xhat * (along / n)) / sigma);
        }
}

int ref_layernorm(float *y, const float *x, const float *w, const float *b, int64_t R, int64_t C,
                  float eps)
{
    #pragma omp parallel for
    for (int64_t r = 0; r < R; r++) {
        double mean, var;
        moments(x + r * C, 1, C, C, &mean, &var);
        for (int64_t i = 0; i < C; i++)
            y[r * C + i] = (float)((x[r * C + i] - mean) / sqrt(var + eps) * w[i] + b[i]);
    }
    return 0;
}

/* A pixel alone is a row. */
int ref_layernorm_backward(float *dx, float *dw, float *db, const float *dy, const float *x,
                           const float *w, int64_t R, int64_t C, float eps)
{
    return ref_layernorm2d_backward(dx, dw, db, dy, x, w, R, C, 1, eps);
}

/* segment_anything common.py, LayerNorm2d */
int ref_layernorm2d(float *y, const float *x, const float *w, const float *b, int64_t B, int64_t C,
                    int64_t HW, float eps)
{
    #pragma omp parallel for
    for (int64_t p = 0; p < B * HW; p++) {                      /* p: image, pixel */
        int64_t at = p / HW * C * HW + p % HW;
        double mean, var;
        moments(x + at, C, 1, HW, &mean, &var);
        for (int64_t i = 0; i < C; i++)
            y[at + i * HW] = (float)((x[at + i * HW] - mean) / sqrt(var + eps) * w[i] + b[i]);
    }
    return 0;
}

/* dw[c] += sum over pixels of dy xhat, db[c] += sum of dy, for n channels from `from`. */
static void pixel_norm_dw(float *dw, float *db, const float *dy, const float *x, int64_t from,
                          int64_t n, int64_t B, int64_t C, int64_t HW, float eps)
{
    double sum_w[COLUMNS] = { 0 }, sum_b[COLUMNS] = { 0 };
    for (int64_t p = 0; p < B * HW; p++) {                      /* p: image, pixel */
        int64_t at = p / HW * C * HW + p % HW;
        double mean, var;
        moments(x + at, C, 1, HW, &mean, &var);
        for (int64_t i = 0; i < n; i++) {
            int64_t e = at + (from + i) * HW;
            sum_w[i] += dy[e] * ((x[e] - mean) / sqrt(var + eps));
            sum_b[i] += dy[e];
        }
    }
    for (int64_t i = 0; dw && i < n; i++) dw[from + i] = (float)(dw[from + i] + sum_w[i]);
    for (int64_t i = 0; db && i < n; i++) db[from + i] = (float)(db[from + i] + sum_b[i]);
}

int ref_layernorm2d_backward(float *dx, float *dw, float *db, const float *dy, const float *x,
                             const float *w, int64_t B, int64_t C, int64_t HW, float eps)
{
    #pragma omp parallel for
    for (int64_t p = 0; p < (dx ? B * HW : 0); p++) {           /* p: image, pixel */
        int64_t at = p / HW * C * HW + p % HW;
        norm_dx(dx + at, dy + at, x + at, w, C, 1, HW, eps);
    }
    #pragma omp parallel for
    for (int64_t from = 0; from < (dw || db ? C : 0); from += COLUMNS)
        pixel_norm_dw(dw, db, dy, x, from, C - from < COLUMNS ? C - from : COLUMNS, B, C, HW, eps);
    return 0;
}

static double root_mean_square(const float *x, int64_t C, float eps)
{
    double square = 0;
    for (int64_t i = 0; i < C; i++) square += (double)x[i] * x[i];
    return sqrt(square / (double)C + eps);
}

/* transformers modeling_llama.py, LlamaRMSNorm */
int ref_rmsnorm(float *y, const float *x, const float *w, int64_t R, int64_t C, float eps)
{
    #pragma omp parallel for
    for (int64_t r = 0; r < R; r++) {
        double norm = root_mean_square(x + r * C, C, eps);
        for (int64_t i = 0; i < C; i++) y[r * C + i] = (float)(w[i] * (x[r * C + i] / norm));
    }
    return 0;
}

/* dw[c] += sum over rows of dy x / norm, for n columns from `from`. */
static void rmsnorm_dw(float *dw, const float *dy, const float *x, int64_t from, int64_t n,
                       int64_t R, int64_t C, float eps)
{
    double sum[COLUMNS] = { 0 };
    for (int64_t r = 0; r < R; r++) {
        double norm = root_mean_square(x + r * C, C, eps);
        for (int64_t i = 0; i < n; i++) {
            int64_t e = r * C + from + i;
            sum[i] += dy[e] * (x[e] / norm);
        }
    }
    for (int64_t i = 0; i < n; i++) dw[from + i] = (float)(dw[from + i] + sum[i]);
}

/* With xhat = x / norm and g = w dy: dx += (g - xhat mean(g xhat)) / norm. */
int ref_rmsnorm_backward(float *dx, float *dw, const float *dy, const float *x, const float *w,
                         int64_t R, int64_t C, float eps)
{
    #pragma omp parallel for
    for (int64_t r = 0; r < (dx ? R : 0); r++) {
        double norm = root_mean_square(x + r * C, C, eps), along = 0;
        for (int64_t i = 0; i < C; i++)
            along += (double)w[i] * dy[r * C + i] * (x[r * C + i] / norm);
        for (int64_t i = 0; i < C; i++) {
            double g = (double)w[i] * dy[r * C + i], xhat = x[r * C + i] / norm;
            dx[r * C + i] = (float)(dx[r * C + i] + (g - xhat * (along / (double)C)) / norm);
        }
    }
    #pragma omp parallel for
    for (int64_t from = 0; from < (dw ? C : 0); from += COLUMNS)
        rmsnorm_dw(dw, dy, x, from, C - from < COLUMNS ? C - from : COLUMNS, R, C, eps);
    return 0;
}

int ref_groupnorm(float *y, const float *x, const float *w, const float *b, int64_t B, int64_t C,
                  int64_t HW, int64_t G, float eps)
{
    int64_t width = C / G;                                      /* channels of one group */
    #pragma omp parallel for
    for (int64_t g = 0; g < B * G; g++) {                       /* g: image, group */
        const float *xg = x + g * width * HW;
        double mean, var;
        moments(xg, 1, width * HW, width * HW, &mean, &var);
        for (int64_t i = 0; i < width * HW; i++) {
            int64_t c = g % G * width + i / HW;
            y[g * width * HW + i] = (float)((xg[i] - mean) / sqrt(var + eps) * w[c] + b[c]);
        }
    }
    return 0;
}

int ref_groupnorm_backward(float *dx, float *dw, float *db, const float *dy, const float *x,
                           const float *w, int64_t B, int64_t C, int64_t HW, int64_t G, float eps)
{
    int64_t width = C / G;
    #pragma omp parallel for
    for (int64_t g = 0; g < (dx ? B * G : 0); g++) {            /* g: image, group */
        int64_t at = g * width * HW;
        norm_dx(dx + at, dy + at, x + at, w + g % G * width, width, HW, HW, eps);
    }
    #pragma omp parallel for
    for (int64_t c = 0; c < (dw || db ? C : 0); c++) {
        double sum_w = 0, sum_b = 0;
        for (int64_t b = 0; b < B; b++) {
            int64_t at = (b * C + c) * HW, group = (b * C + c / width * width) * HW;
            double mean, var;
            moments(x + group, 1, width * HW, width * HW, &mean, &var);
            for (int64_t e = at; e < at + HW; e++) {
                sum_w += dy[e] * ((x[e] - mean) / sqrt(var + eps));
                sum_b += dy[e];
            }
        }
        if (dw) dw[c] = (float)(dw[c] + sum_w);
        if (db) db[c] = (float)(db[c] + sum_b);
    }
    return 0;
}
