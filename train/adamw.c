/* See adamw.h. */
#include "adamw.h"

#include <math.h>

enum { CHUNK = 4096 };                  /* elements that one thread does in a row */

/* The numbers of one update, as PyTorch rounds them. */
typedef struct { float shrink, b1, one_b1, b2, one_b2, root2, eps, size, scale; } numbers;

static void update(float *w, const float *dw, float *m, float *v, int64_t n, const numbers *k)
{
    #pragma omp simd
    for (int64_t i = 0; i < n; i++) {
        float g = k->scale * dw[i];
        m[i] = k->b1 * m[i] + k->one_b1 * g;
        v[i] = k->b2 * v[i] + k->one_b2 * g * g;
        w[i] = k->shrink * w[i] - k->size * (m[i] / (sqrtf(v[i]) / k->root2 + k->eps));
    }
}

void gm_adamw_step(float *w, const float *dw, float *m, float *v, int64_t n, const gm_adamw *o,
                   double lr, double decay, double scale, int64_t step)
{
    double bias1 = 1 - pow(o->beta1, (double)step), bias2 = 1 - pow(o->beta2, (double)step);
    const numbers k = { .shrink = (float)(1 - lr * decay),
                        .b1 = (float)o->beta1,
                        .one_b1 = (float)(1 - o->beta1),
                        .b2 = (float)o->beta2,
                        .one_b2 = (float)(1 - o->beta2),
                        .root2 = (float)sqrt(bias2),
                        .eps = (float)o->eps,
                        .size = (float)(lr / bias1),
                        .scale = (float)scale };
    #pragma omp parallel for schedule(static)
    for (int64_t at = 0; at < n; at += CHUNK)
        update(w + at, dw + at, m + at, v + at, n - at < CHUNK ? n - at : CHUNK, &k);
}

/* 16 sums side by side: a single one would not be vectorised. */
static double chunk_squares(const float *x, int64_t n)
{
    double part[16] = { 0 }, sum = 0;
    int64_t i = 0;
    for (; i + 16 <= n; i += 16)
        for (int l = 0; l < 16; l++) part[l] += (double)x[i + l] * x[i + l];
    for (int l = 0; l < 16; l++) sum += part[l];
    for (; i < n; i++) sum += (double)x[i] * x[i];
    return sum;
}

double gm_sum_squares(const float *x, int64_t n)
{
    enum { BLOCK = 256 };               /* chunks whose sums are added in order */
    double sum = 0, part[BLOCK];
    for (int64_t at = 0; at < n; at += (int64_t)BLOCK * CHUNK) {
        int64_t rest = n - at, chunks = (rest + CHUNK - 1) / CHUNK;
        if (chunks > BLOCK) chunks = BLOCK;
        #pragma omp parallel for schedule(static)
        for (int64_t k = 0; k < chunks; k++) {
            int64_t left = rest - k * CHUNK;
            part[k] = chunk_squares(x + at + k * CHUNK, left < CHUNK ? left : CHUNK);
        }
        for (int64_t k = 0; k < chunks; k++) sum += part[k];
    }
    return sum;
}

double gm_clip_scale(double norm, double most)
{
    double scale = most > 0 ? most / (norm + 1e-6) : 1;
    return scale < 1 ? scale : 1;
}
