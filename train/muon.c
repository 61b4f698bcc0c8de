/* See muon.h. */
#include "muon.h"

#include <cblas.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>
#include "adamw.h"

enum { ITERATIONS = 5 };
static const float A = 3.4445f, B = -4.7750f, C = 2.0315f;
#define LEAST_NORM 1e-7

static int64_t shorter(int64_t a, int64_t b) { return a < b ? a : b; }

int64_t gm_muon_scratch(int64_t rows, int64_t cols)
{
    int64_t s = shorter(rows, cols);
    return 2 * rows * cols + 2 * s * s;
}

double gm_muon_flop(int64_t rows, int64_t cols)
{
    double n = (double)shorter(rows, cols), k = (double)(rows + cols) - n;
    return ITERATIONS * (4 * n * n * k + 2 * n * n * n);
}

static void product(int64_t n, int64_t k, const float *x, float beta, const float *y, float *out)
{
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, (int)n, (int)k, (int)n, 1, x, (int)n, y,
                (int)k, beta, out, (int)k);
}

/* x (n, k), n <= k, of Frobenius norm at most 1: its singular values come near 1.  y (n, k), g and
 * h (n, n): scratch. */
static void orthogonalise(float *x, int64_t n, int64_t k, float *y, float *g, float *h)
{
    for (int it = 0; it < ITERATIONS; it++) {
        cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (int)n, (int)n, (int)k, 1, x, (int)k,
                    x, (int)k, 0, g, (int)n);                           /* g = x x^T */
        for (int64_t i = 0; i < n * n; i++) h[i] = B * g[i];
        cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, (int)n, (int)n, (int)n, C, g, (int)n,
                    g, (int)n, 1, h, (int)n);                           /* h = B g + C g g */
        for (int64_t i = 0; i < n * k; i++) y[i] = A * x[i];
        product(n, k, h, 1, x, y);                                      /* y = A x + h x */
        memcpy(x, y, (size_t)(n * k) * sizeof *x);
    }
}

void gm_muon_step(float *w, const float *dw, float *m, int64_t rows, int64_t cols, double mu,
                  double lr, double decay, double scale, float *scratch)
{
    int64_t n = shorter(rows, cols), k = rows + cols - n;
    float *x = scratch, *y = x + n * k, *g = y + n * k, *h = g + n * n;
    float keep = (float)mu, take = (float)(1 - mu), s = (float)scale;
    bool flip = rows > cols;
    for (int64_t r = 0; r < rows; r++)
        for (int64_t c = 0; c < cols; c++) {
            int64_t i = r * cols + c;
            float d = s * dw[i];
            m[i] = keep * m[i] + take * d;
            x[flip ? c * rows + r : i] = take * d + keep * m[i];
        }
    float norm = (float)(1 / fmax(sqrt(gm_sum_squares(x, n * k)), LEAST_NORM));
    for (int64_t i = 0; i < n * k; i++) x[i] *= norm;
    orthogonalise(x, n, k, y, g, h);
    float shrink = (float)(1 - lr * decay), size = (float)(lr * 0.2 * sqrt((double)k));
    for (int64_t r = 0; r < rows; r++)
        for (int64_t c = 0; c < cols; c++) {
            int64_t i = r * cols + c;
            w[i] = shrink * w[i] - size * x[flip ? c * rows + r : i];
        }
}
