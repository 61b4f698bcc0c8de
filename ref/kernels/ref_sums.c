/* Oracle: sums.  Double accumulators, the bias first, then the terms in index order. */
#include <math.h>
#include "ref_table.h"
#include "typed.h"

/* y[r, n] = b[n] + sum over k of x[r, k] w[n, k] */
int ref_linear(float *y, const float *x, const void *w, gm_dtype wt, const float *b, int64_t R,
               int64_t N, int64_t K, void *scratch)
{
    (void)scratch;
    if (!gm_is_weight_type(wt)) return 1;
    #pragma omp parallel for
    for (int64_t o = 0; o < R * N; o++) {
        int64_t r = o / N, n = o % N;
        double sum = b ? b[n] : 0;
        for (int64_t k = 0; k < K; k++) sum += (double)x[r * K + k] * gm_typed(w, wt, n * K + k);
        y[o] = (float)sum;
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

/* transformers modeling_llama.py, LlamaRMSNorm */
int ref_rmsnorm(float *y, const float *x, const float *w, int64_t R, int64_t C, float eps)
{
    #pragma omp parallel for
    for (int64_t r = 0; r < R; r++) {
        double square = 0;
        for (int64_t i = 0; i < C; i++) square += (double)x[r * C + i] * x[r * C + i];
        double norm = sqrt(square / (double)C + eps);
        for (int64_t i = 0; i < C; i++) y[r * C + i] = (float)(w[i] * (x[r * C + i] / norm));
    }
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
