/* Oracle: maps.  Each result is computed in double and rounded once. */
#include <math.h>
#include "ref_table.h"

int ref_add(float *y, const float *a, const float *b, int64_t N, int64_t M)
{
    for (int64_t i = 0; i < N; i++) y[i] = (float)((double)a[i] + b[i % M]);
    return 0;
}

int ref_mul(float *y, const float *a, const float *b, int64_t N, int64_t M)
{
    for (int64_t i = 0; i < N; i++) y[i] = (float)((double)a[i] * b[i % M]);
    return 0;
}

int ref_scale(float *y, const float *x, int64_t N, float s)
{
    for (int64_t i = 0; i < N; i++) y[i] = (float)((double)x[i] * s);
    return 0;
}

/* Not fmax: it would turn NaN into 0. */
int ref_relu(float *y, const float *x, int64_t N)
{
    for (int64_t i = 0; i < N; i++) y[i] = x[i] < 0 ? 0 : x[i];
    return 0;
}

int ref_gelu(float *y, const float *x, int64_t N)
{
    const double sqrt_half = 0.70710678118654752440;
    #pragma omp parallel for
    for (int64_t i = 0; i < N; i++) y[i] = (float)(0.5 * x[i] * (1 + erf(x[i] * sqrt_half)));
    return 0;
}

int ref_quick_gelu(float *y, const float *x, int64_t N)
{
    #pragma omp parallel for
    for (int64_t i = 0; i < N; i++) y[i] = (float)(x[i] * (1 / (1 + exp(-1.702 * x[i]))));
    return 0;
}

int ref_silu(float *y, const float *x, int64_t N)
{
    #pragma omp parallel for
    for (int64_t i = 0; i < N; i++) y[i] = (float)(x[i] * (1 / (1 + exp(-(double)x[i]))));
    return 0;
}

int ref_sin(float *y, const float *x, int64_t N)
{
    for (int64_t i = 0; i < N; i++) y[i] = (float)sin(x[i]);
    return 0;
}

int ref_cos(float *y, const float *x, int64_t N)
{
    for (int64_t i = 0; i < N; i++) y[i] = (float)cos(x[i]);
    return 0;
}

/* (a, b) -> (a cos t - b sin t, b cos t + a sin t), a from the first half of a head, b from the
 * second.  transformers modeling_llama.py, apply_rotary_pos_emb. */
int ref_rope(float *y, const float *x, const float *angle, int64_t R, int64_t NH, int64_t HD)
{
    int64_t half = HD / 2;
    #pragma omp parallel for
    for (int64_t r = 0; r < R; r++)
        for (int64_t h = 0; h < NH; h++)
            for (int64_t i = 0; i < half; i++) {
                int64_t first = (r * NH + h) * HD + i, second = first + half;
                double t = angle[r * half + i], a = x[first], b = x[second];
                y[first] = (float)(a * cos(t) - b * sin(t));
                y[second] = (float)(b * cos(t) + a * sin(t));
            }
    return 0;
}
