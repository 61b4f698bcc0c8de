/* Oracle: maps.  Each result is computed in double and rounded once; a gradient together with what
 * it is added to. */
#include <math.h>
#include "ref_table.h"

int ref_add(float *y, const float *a, const float *b, int64_t N, int64_t M)
{
    for (int64_t i = 0; i < N; i++) y[i] = (float)((double)a[i] + b[i % M]);
    return 0;
}

int ref_add_backward(float *da, float *db, const float *dy, int64_t N, int64_t M)
{
    for (int64_t i = 0; da && i < N; i++) da[i] = (float)((double)da[i] + dy[i]);
    for (int64_t m = 0; db && m < M; m++) {
        double sum = 0;
        for (int64_t i = m; i < N; i += M) sum += dy[i];
        db[m] = (float)(db[m] + sum);
    }
    return 0;
}

int ref_mul(float *y, const float *a, const float *b, int64_t N, int64_t M)
{
    for (int64_t i = 0; i < N; i++) y[i] = (float)((double)a[i] * b[i % M]);
    return 0;
}

int ref_mul_backward(float *da, float *db, const float *dy, const float *a, const float *b,
                     int64_t N, int64_t M)
{
    for (int64_t i = 0; da && i < N; i++) da[i] = (float)(da[i] + (double)dy[i] * b[i % M]);
    for (int64_t m = 0; db && m < M; m++) {
        double sum = 0;
        for (int64_t i = m; i < N; i += M) sum += (double)dy[i] * a[i];
        db[m] = (float)(db[m] + sum);
    }
    return 0;
}

int ref_scale(float *y, const float *x, int64_t N, float s)
{
    for (int64_t i = 0; i < N; i++) y[i] = (float)((double)x[i] * s);
    return 0;
}

int ref_scale_backward(float *dx, const float *dy, int64_t N, float s)
{
    for (int64_t i = 0; dx && i < N; i++) dx[i] = (float)(dx[i] + (double)dy[i] * s);
    return 0;
}

/* Not fmax: it would turn NaN into 0. */
int ref_relu(float *y, const float *x, int64_t N)
{
    for (int64_t i = 0; i < N; i++) y[i] = x[i] < 0 ? 0 : x[i];
    return 0;
}

/* 0 at x = 0, dy where x is NaN.  ATen Activation.cpp, threshold_backward */
int ref_relu_backward(float *dx, const float *dy, const float *x, int64_t N)
{
    for (int64_t i = 0; dx && i < N; i++) dx[i] += x[i] <= 0 ? 0 : dy[i];
    return 0;
}

int ref_gelu(float *y, const float *x, int64_t N)
{
    const double sqrt_half = 0.70710678118654752440;
    #pragma omp parallel for
    for (int64_t i = 0; i < N; i++) y[i] = (float)(0.5 * x[i] * (1 + erf(x[i] * sqrt_half)));
    return 0;
}

/* Phi(x) + x phi(x), the normal distribution and its density. */
int ref_gelu_backward(float *dx, const float *dy, const float *x, int64_t N)
{
    const double sqrt_half = 0.70710678118654752440, density_at_0 = 0.39894228040143267794;
    if (!dx) return 0;
    #pragma omp parallel for
    for (int64_t i = 0; i < N; i++) {
        double v = x[i], below = 0.5 * (1 + erf(v * sqrt_half));
        dx[i] = (float)(dx[i] + dy[i] * (below + v * (density_at_0 * exp(-0.5 * v * v))));
    }
    return 0;
}

int ref_quick_gelu(float *y, const float *x, int64_t N)
{
    #pragma omp parallel for
    for (int64_t i = 0; i < N; i++) y[i] = (float)(x[i] * (1 / (1 + exp(-1.702 * x[i]))));
    return 0;
}

/* With s = sigmoid(1.702 x): s + 1.702 x s (1 - s). */
int ref_quick_gelu_backward(float *dx, const float *dy, const float *x, int64_t N)
{
    if (!dx) return 0;
    #pragma omp parallel for
    for (int64_t i = 0; i < N; i++) {
        double v = 1.702 * x[i], s = 1 / (1 + exp(-v));
        dx[i] = (float)(dx[i] + dy[i] * (s + v * s * (1 - s)));
    }
    return 0;
}

int ref_silu(float *y, const float *x, int64_t N)
{
    #pragma omp parallel for
    for (int64_t i = 0; i < N; i++) y[i] = (float)(x[i] * (1 / (1 + exp(-(double)x[i]))));
    return 0;
}

/* With s = sigmoid(x): s + x s (1 - s). */
int ref_silu_backward(float *dx, const float *dy, const float *x, int64_t N)
{
    if (!dx) return 0;
    #pragma omp parallel for
    for (int64_t i = 0; i < N; i++) {
        double v = x[i], s = 1 / (1 + exp(-v));
        dx[i] = (float)(dx[i] + dy[i] * (s + v * s * (1 - s)));
    }
    return 0;
}

int ref_sin(float *y, const float *x, int64_t N)
{
    for (int64_t i = 0; i < N; i++) y[i] = (float)sin(x[i]);
    return 0;
}

int ref_sin_backward(float *dx, const float *dy, const float *x, int64_t N)
{
    for (int64_t i = 0; dx && i < N; i++) dx[i] = (float)(dx[i] + dy[i] * cos(x[i]));
    return 0;
}

int ref_cos(float *y, const float *x, int64_t N)
{
    for (int64_t i = 0; i < N; i++) y[i] = (float)cos(x[i]);
    return 0;
}

int ref_cos_backward(float *dx, const float *dy, const float *x, int64_t N)
{
    for (int64_t i = 0; dx && i < N; i++) dx[i] = (float)(dx[i] - dy[i] * sin(x[i]));
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

/* The turn back: (a cos t + b sin t, b cos t - a sin t). */
int ref_rope_backward(float *dx, const float *dy, const float *angle, int64_t R, int64_t NH,
                      int64_t HD)
{
    int64_t half = HD / 2;
    if (!dx) return 0;
    #pragma omp parallel for
    for (int64_t r = 0; r < R; r++)
        for (int64_t h = 0; h < NH; h++)
            for (int64_t i = 0; i < half; i++) {
                int64_t first = (r * NH + h) * HD + i, second = first + half;
                double t = angle[r * half + i], a = dy[first], b = dy[second];
                dx[first] = (float)(dx[first] + (a * cos(t) + b * sin(t)));
                dx[second] = (float)(dx[second] + (b * cos(t) - a * sin(t)));
            }
    return 0;
}
