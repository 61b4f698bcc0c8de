/* Oracle: losses.  Each is one number, a sum in the order of its rows or masks. */
#include <math.h>
#include "ref_table.h"

/* The largest of x (C), and the sum of exp(x - max).  fmax passes over a NaN; the sum meets it. */
static double exp_sum(const float *x, int64_t C, double *max)
{
    double sum = 0;
    *max = -INFINITY;
    for (int64_t i = 0; i < C; i++) *max = fmax(*max, x[i]);
    for (int64_t i = 0; i < C; i++) sum += exp(x[i] - *max);
    return sum;
}

static int64_t labelled(const int32_t *label, int64_t R)
{
    int64_t n = 0;
    for (int64_t r = 0; r < R; r++) n += label[r] >= 0;
    return n;
}

/* Mean over the labelled rows of log sum exp(x) - x[label]. */
int ref_cross_entropy(float *y, const float *x, const int32_t *label, int64_t R, int64_t C)
{
    double sum = 0;
    for (int64_t r = 0; r < R; r++) {
        double max, total;
        if (label[r] < 0) continue;
        total = exp_sum(x + r * C, C, &max);
        sum += max - x[r * C + label[r]] + log(total);
    }
    *y = (float)(sum / (double)labelled(label, R));
    return 0;
}

/* dx += dy (softmax(x) - [i = label]) / rows; the rows without a label get nothing. */
int ref_cross_entropy_backward(float *dx, const float *dy, const float *x, const int32_t *label,
                               int64_t R, int64_t C)
{
    double share = *dy / (double)labelled(label, R);
    #pragma omp parallel for
    for (int64_t r = 0; r < (dx ? R : 0); r++) {
        double max, total;
        if (label[r] < 0) continue;
        total = exp_sum(x + r * C, C, &max);
        for (int64_t i = 0; i < C; i++) {
            double p = exp(x[r * C + i] - max) / total;
            dx[r * C + i] = (float)(dx[r * C + i] + share * (p - (i == label[r])));
        }
    }
    return 0;
}

static double sigmoid(double x)
{
    return 1 / (1 + exp(-x));
}

/* max(x, 0) - x t + log(1 + exp(-|x|)), as (1 - t) x + max(-x, 0) + ...: infinities give what
 * F.binary_cross_entropy_with_logits gives. */
int ref_bce(float *y, const float *x, const float *t, int64_t N, int64_t P)
{
    double sum = 0;
    for (int64_t n = 0; n < N; n++) {
        double mask = 0;
        for (int64_t i = n * P; i < (n + 1) * P; i++)
            mask += (1 - (double)t[i]) * x[i] + fmax(-x[i], 0) + log1p(exp(-fabs(x[i])));
        sum += mask / (double)P;
    }
    *y = (float)sum;
    return 0;
}

/* dx += dy (sigmoid(x) - t) / P. */
int ref_bce_backward(float *dx, const float *dy, const float *x, const float *t, int64_t N,
                     int64_t P)
{
    #pragma omp parallel for
    for (int64_t i = 0; i < (dx ? N * P : 0); i++)
        dx[i] = (float)(dx[i] + *dy * ((sigmoid(x[i]) - t[i]) / (double)P));
    return 0;
}

static const double DICE_SCALE = 1000, DICE_EPS = 1e-6;

/* Twice the overlap of one mask, and the sum of both sizes: 1 - over / both is its loss. */
static void dice_terms(double *over, double *both, const float *x, const float *t, int64_t P)
{
    *over = *both = DICE_EPS;
    for (int64_t i = 0; i < P; i++) {
        *over += 2 * (sigmoid(x[i]) / DICE_SCALE * t[i]);
        *both += sigmoid(x[i]) / DICE_SCALE + t[i] / DICE_SCALE;
    }
}

int ref_dice(float *y, const float *x, const float *t, int64_t N, int64_t P)
{
    double sum = 0;
    for (int64_t n = 0; n < N; n++) {
        double over, both;
        dice_terms(&over, &both, x + n * P, t + n * P, P);
        sum += 1 - over / both;
    }
    *y = (float)sum;
    return 0;
}

/* With p = sigmoid(x): dx += dy (over / both - 2 t) / (1000 both) p (1 - p). */
int ref_dice_backward(float *dx, const float *dy, const float *x, const float *t, int64_t N,
                      int64_t P)
{
    #pragma omp parallel for
    for (int64_t n = 0; n < (dx ? N : 0); n++) {
        double over, both;
        dice_terms(&over, &both, x + n * P, t + n * P, P);
        for (int64_t i = n * P; i < (n + 1) * P; i++) {
            double p = sigmoid(x[i]);
            dx[i] = (float)(dx[i] + *dy * ((over / both - 2 * (double)t[i]) / (DICE_SCALE * both)
                                           * p * (1 - p)));
        }
    }
    return 0;
}
