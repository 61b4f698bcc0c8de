/* Losses.  Element loops are vector code in runs; sums of runs are double and added in order, so
 * that the bits do not depend on the threads. */
#include <math.h>
#include "cpu_table.h"
#include "cpu_vec.h"

/* Elements that are summed in float; elements of a task; tasks or rows whose results are kept. */
enum { RUN = 256, TASK = 1024, KEPT = 256 };

/* ---- cross entropy ---- */

GM_CLONES static float exp_run(const float *x, float max, int64_t n)
{
    float sum = 0;
    #pragma omp simd reduction(+:sum)
    for (int64_t i = 0; i < n; i++) sum += cpu_exp(x[i] - max);
    return sum;
}

/* Sum of exp(x - max) over x (C). */
static double exp_sum(const float *x, float max, int64_t C)
{
    double sum = 0;
    for (int64_t i = 0; i < C; i += RUN) sum += (double)exp_run(x + i, max, cpu_min(RUN, C - i));
    return sum;
}

static int64_t labelled(const int32_t *label, int64_t R)
{
    int64_t n = 0;
    for (int64_t r = 0; r < R; r++) n += label[r] >= 0;
    return n;
}

int cpu_cross_entropy(float *y, const float *x, const int32_t *label, int64_t R, int64_t C)
{
    double sum = 0;
    for (int64_t first = 0; first < R; first += KEPT) {
        double loss[KEPT];
        int64_t rows = cpu_min(KEPT, R - first);
        #pragma omp parallel for if (rows * C > CPU_GRAIN)
        for (int64_t r = 0; r < rows; r++) {
            const float *xr = x + (first + r) * C;
            float max = label[first + r] < 0 ? 0 : cpu_max(xr, C);
            loss[r] = label[first + r] < 0 ? 0 : (double)max - xr[label[first + r]] +
                                                 log(exp_sum(xr, max, C));
        }
        for (int64_t r = 0; r < rows; r++) sum += loss[r];
    }
    *y = (float)(sum / (double)labelled(label, R));
    return 0;
}

/* dx (n) += s exp(x - max) */
GM_CLONES static void exp_backward_run(float *restrict dx, const float *x, float max, float s,
                                       int64_t n)
{
    for (int64_t i = 0; i < n; i++) dx[i] += s * cpu_exp(x[i] - max);
}

int cpu_cross_entropy_backward(float *dx, const float *dy, const float *x, const int32_t *label,
                               int64_t R, int64_t C)
{
    double share = *dy / (double)labelled(label, R);
    #pragma omp parallel for if (R * C > CPU_GRAIN)
    for (int64_t r = 0; r < (dx ? R : 0); r++) {
        if (label[r] < 0) continue;
        float *row = dx + r * C;
        float max = cpu_max(x + r * C, C);
        exp_backward_run(row, x + r * C, max, (float)(share / exp_sum(x + r * C, max, C)), C);
        row[label[r]] = (float)(row[label[r]] - share);
    }
    return 0;
}

/* ---- masks: bce and dice ---- */

/* A part of a loss: two sums over n elements. */
typedef struct { double a, b; } sums;
typedef sums (*sums_run)(const float *x, const float *t, int64_t n);

static sums task_sums(sums_run run, const float *x, const float *t, int64_t n)
{
    sums all = { 0, 0 };
    for (int64_t i = 0; i < n; i += RUN) {
        sums part = run(x + i, t + i, cpu_min(RUN, n - i));
        all.a += part.a, all.b += part.b;
    }
    return all;
}

/* Sums over x and t (P). */
static sums sums_of(sums_run run, const float *x, const float *t, int64_t P)
{
    sums all = { 0, 0 };
    for (int64_t first = 0; first < P; first += KEPT * TASK) {
        sums part[KEPT];
        int64_t tasks = cpu_min(KEPT, (P - first + TASK - 1) / TASK);
        #pragma omp parallel for if (tasks * TASK > CPU_GRAIN)
        for (int64_t i = 0; i < tasks; i++) {
            int64_t at = first + i * TASK;
            part[i] = task_sums(run, x + at, t + at, cpu_min(TASK, P - at));
        }
        for (int64_t i = 0; i < tasks; i++) all.a += part[i].a, all.b += part[i].b;
    }
    return all;
}

/* max(x, 0) - x t + log(1 + exp(-|x|)), as (1 - t) x + max(-x, 0) + ...: infinities give what
 * F.binary_cross_entropy_with_logits gives. */
GM_CLONES static sums bce_run(const float *x, const float *t, int64_t n)
{
    float sum = 0;
    #pragma omp simd reduction(+:sum)
    for (int64_t i = 0; i < n; i++)
        sum += (1.0f - t[i]) * x[i] + (x[i] < 0 ? -x[i] : 0) +
               cpu_log1p(cpu_exp(x[i] < 0 ? x[i] : -x[i]));
    return (sums){ sum, 0 };
}

int cpu_bce(float *y, const float *x, const float *t, int64_t N, int64_t P)
{
    double sum = 0;
    for (int64_t n = 0; n < N; n++) sum += sums_of(bce_run, x + n * P, t + n * P, P).a / (double)P;
    *y = (float)sum;
    return 0;
}

GM_CLONES static void bce_backward_run(float *restrict dx, const float *x, const float *t, float s,
                                       int64_t n)
{
    for (int64_t i = 0; i < n; i++) dx[i] += s * (cpu_sigmoid(x[i]) - t[i]);
}

int cpu_bce_backward(float *dx, const float *dy, const float *x, const float *t, int64_t N,
                     int64_t P)
{
    float s = (float)(*dy / (double)P);
    #pragma omp parallel for if (N * P > CPU_GRAIN)
    for (int64_t i = 0; i < (dx ? N * P : 0); i += CPU_RUN)
        bce_backward_run(dx + i, x + i, t + i, s, cpu_min(CPU_RUN, N * P - i));
    return 0;
}

/* Sums of p t and of p + t, p = sigmoid(x). */
GM_CLONES static sums dice_run(const float *x, const float *t, int64_t n)
{
    float over = 0, both = 0;
    #pragma omp simd reduction(+:over, both)
    for (int64_t i = 0; i < n; i++) {
        float p = cpu_sigmoid(x[i]);
        over += p * t[i];
        both += p + t[i];
    }
    return (sums){ over, both };
}

static const double DICE_SCALE = 1000, DICE_EPS = 1e-6;

/* a: twice the overlap of one mask; b: the sum of both sizes; 1 - a / b is its loss. */
static sums dice_terms(const float *x, const float *t, int64_t P)
{
    sums s = sums_of(dice_run, x, t, P);
    return (sums){ 2 * s.a / DICE_SCALE + DICE_EPS, s.b / DICE_SCALE + DICE_EPS };
}

int cpu_dice(float *y, const float *x, const float *t, int64_t N, int64_t P)
{
    double sum = 0;
    for (int64_t n = 0; n < N; n++) {
        sums s = dice_terms(x + n * P, t + n * P, P);
        sum += 1 - s.a / s.b;
    }
    *y = (float)sum;
    return 0;
}

/* dx (n) += s (ratio - 2 t) p (1 - p) */
GM_CLONES static void dice_backward_run(float *restrict dx, const float *x, const float *t,
                                        float ratio, float s, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        dx[i] += s * (ratio - 2.0f * t[i]) * cpu_sigmoid_slope(x[i]);
}

int cpu_dice_backward(float *dx, const float *dy, const float *x, const float *t, int64_t N,
                      int64_t P)
{
    for (int64_t n = 0; n < (dx ? N : 0); n++) {
        sums s = dice_terms(x + n * P, t + n * P, P);
        float step = (float)(*dy / (DICE_SCALE * s.b)), ratio = (float)(s.a / s.b);
        #pragma omp parallel for if (P > CPU_GRAIN)
        for (int64_t i = 0; i < P; i += CPU_RUN)
            dice_backward_run(dx + n * P + i, x + n * P + i, t + n * P + i, ratio, step,
                              cpu_min(CPU_RUN, P - i));
    }
    return 0;
}
