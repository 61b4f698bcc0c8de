/* Kernels of your own, checked with
 *
 *     make verify KERNELS=tests/example_kernels.c
 *
 * Copy this file anywhere, change it, and give its new place as KERNELS.  It includes one header
 * (shapes and rules of every slot are there; formulas and tolerances in docs/OPS.md) and exports
 * one table.  Fill the slots that you have; the others come from the oracle.
 *
 * Every comment that says "try" names a mistake to make on purpose, and what it gives. */
#include <kernels.h>
#include <math.h>

/* y (R, C) = softmax of x (R, C) over C.  Float sums in eight lanes: another order than the
 * oracle's, which is allowed, as the tolerance grows with the terms that are summed. */
static int softmax(float *y, const float *x, int64_t R, int64_t C)
{
    #pragma omp parallel for
    for (int64_t r = 0; r < R; r++) { /* try r < R - 1: "never wrote element ..." */
        const float *xr = x + r * C;
        float *yr = y + r * C;                          /* y is full of NaN: try yr[i] += expf... */
        float max = xr[0], lane[8] = { 0 }, sum = 0;
        for (int64_t i = 1; i < C;
             i++) /* try i <= C: reads past the end, a crash in the last row */
            if (xr[i] > max || isnan(xr[i])) max = xr[i];
        for (int64_t i = 0; i < C; i++) { /* try ((float *)xr)[0] = 0: "changed its input x" */
            yr[i] = expf(xr[i] - max); /* try expf(xr[i]): rows "far from zero" overflow */
            lane[i % 8] += yr[i];
        }
        for (int l = 0; l < 8; l++) sum += lane[l];
        for (int64_t i = 0; i < C; i++)
            yr[i] /= sum; /* try yr[i] = 1.0f / C: right only where C is 1 */
    }
    return 0;
}

/* y (R, C) = (x - mean) / sqrt(var + eps) w + b over C, biased variance. */
static int layernorm(float *y, const float *x, const float *w, const float *b, int64_t R, int64_t C,
                     float eps)
{
    #pragma omp parallel for
    for (int64_t r = 0; r < R; r++) {
        const float *xr = x + r * C;
        double sum = 0, square = 0;
        for (int64_t i = 0; i < C; i++) sum += xr[i];
        double mean = sum / (double)C;
        /* Try xr[i] * xr[i], and - mean * mean in the root: "large mean" loses its digits. */
        for (int64_t i = 0; i < C; i++) square += (xr[i] - mean) * (xr[i] - mean);
        double scale = 1 /
                       sqrt(square / (double)C + eps); /* try C - 1; or no eps: "constant rows" */
        for (int64_t i = 0; i < C; i++)
            y[r * C + i] = (float)((xr[i] - mean) * scale * w[i] + b[i]);
    }
    return 0;
}

/* Its gradients.  They are added to what dx, dw, db hold, and each may be NULL: not wanted.  With
 * xhat = (x - mean) / sigma and g = w dy:
 *
 *   dx += (g - mean(g) - xhat mean(g xhat)) / sigma,  dw += dy xhat and db += dy of every row
 *
 * Rows come in turn: every row adds to the same dw (try omp parallel for: "gave other bits"). */
static int layernorm_backward(float *dx, float *dw, float *db, const float *dy, const float *x,
                              const float *w, int64_t R, int64_t C, float eps)
{
    for (int64_t r = 0; r < R; r++) {
        const float *xr = x + r * C, *dyr = dy + r * C;
        double sum = 0, square = 0, g = 0, along = 0;
        for (int64_t i = 0; i < C; i++) sum += xr[i];
        double mean = sum / (double)C;
        for (int64_t i = 0; i < C; i++) square += (xr[i] - mean) * (xr[i] - mean);
        double sigma = sqrt(square / (double)C + eps);
        for (int64_t i = 0; i < C; i++) {
            double xhat = (xr[i] - mean) / sigma;
            g += (double)w[i] * dyr[i] / (double)C;     /* try g = 0: the mean term is missing */
            along += w[i] * dyr[i] * xhat / (double)C;
            if (dw) dw[i] += (float)(dyr[i] * xhat); /* try without if (dw): crashes in "dx only" */
            if (db) db[i] += dyr[i];
        }
        for (int64_t i = 0; dx && i < C; i++) /* try dx[..] = ...: what it held is lost */
            dx[r * C + i] += (float)((w[i] * dyr[i] - g - (xr[i] - mean) / sigma * along) / sigma);
    }
    return 0;
}

static const gm_kernels table = {
    .name = "example",
    .softmax = softmax,
    .layernorm = layernorm,
    .layernorm_backward = layernorm_backward,
    /* .relu = relu, ... any slot of kernels.h */
};

const gm_plugin glamm_plugin = {
    .size = sizeof(gm_kernels),
    .kernels = &table,
    /* .precision = GM_BF16          if it computes in that type: tolerances widen to its eps
     * .nondeterministic = "softmax" if its bits may differ between two runs (atomic sums, say) */
};
