/* Maps: runs of a few thousand elements shared out over the threads, each run one vector loop. */
#include <math.h>
#include "cpu_table.h"
#include "cpu_vec.h"

typedef void (*run1)(float *y, const float *x, int64_t n);
typedef void (*run2)(float *y, const float *a, const float *b, int64_t n);

static int map1(run1 run, float *y, const float *x, int64_t N)
{
    #pragma omp parallel for if (N > CPU_GRAIN)
    for (int64_t i = 0; i < N; i += CPU_RUN) run(y + i, x + i, cpu_min(CPU_RUN, N - i));
    return 0;
}

/* b (M) repeats along a (N). */
static int map2(run2 run, float *y, const float *a, const float *b, int64_t N, int64_t M)
{
    #pragma omp parallel for if (N > CPU_GRAIN)
    for (int64_t i = 0; i < N; i += CPU_RUN)
        for (int64_t j = i, n, end = cpu_min(i + CPU_RUN, N); j < end; j += n) {
            n = cpu_min(M - j % M, end - j);
            run(y + j, a + j, b + j % M, n);
        }
    return 0;
}

GM_CLONES static void add_run(float *restrict y, const float *a, const float *b, int64_t n)
{
    for (int64_t i = 0; i < n; i++) y[i] = a[i] + b[i];
}

GM_CLONES static void mul_run(float *restrict y, const float *a, const float *b, int64_t n)
{
    for (int64_t i = 0; i < n; i++) y[i] = a[i] * b[i];
}

/* Not a maximum with 0: it would turn NaN into 0. */
GM_CLONES static void relu_run(float *restrict y, const float *x, int64_t n)
{
    for (int64_t i = 0; i < n; i++) y[i] = x[i] < 0 ? 0 : x[i];
}

GM_CLONES static void gelu_run(float *restrict y, const float *x, int64_t n)
{
    for (int64_t i = 0; i < n; i++) y[i] = cpu_gelu1(x[i]);
}

GM_CLONES static void quick_gelu_run(float *restrict y, const float *x, int64_t n)
{
    for (int64_t i = 0; i < n; i++) y[i] = cpu_swish1(x[i], 1.702);
}

GM_CLONES static void silu_run(float *restrict y, const float *x, int64_t n)
{
    for (int64_t i = 0; i < n; i++) y[i] = cpu_swish1(x[i], 1);
}

GM_CLONES static void scale_run(float *restrict y, const float *x, int64_t n, float s)
{
    for (int64_t i = 0; i < n; i++) y[i] = x[i] * s;
}

int cpu_add(float *y, const float *a, const float *b, int64_t N, int64_t M)
{
    return map2(add_run, y, a, b, N, M);
}
int cpu_mul(float *y, const float *a, const float *b, int64_t N, int64_t M)
{
    return map2(mul_run, y, a, b, N, M);
}
int cpu_relu(float *y, const float *x, int64_t N) { return map1(relu_run, y, x, N); }
int cpu_gelu(float *y, const float *x, int64_t N) { return map1(gelu_run, y, x, N); }
int cpu_quick_gelu(float *y, const float *x, int64_t N) { return map1(quick_gelu_run, y, x, N); }
int cpu_silu(float *y, const float *x, int64_t N) { return map1(silu_run, y, x, N); }

int cpu_scale(float *y, const float *x, int64_t N, float s)
{
    #pragma omp parallel for if (N > CPU_GRAIN)
    for (int64_t i = 0; i < N; i += CPU_RUN) scale_run(y + i, x + i, cpu_min(CPU_RUN, N - i), s);
    return 0;
}

/* ---- backward: dx += dy times the slope at x ---- */

GM_CLONES static void multiply_add_run(float *restrict dx, const float *dy, const float *b,
                                       int64_t n)
{
    for (int64_t i = 0; i < n; i++) dx[i] += dy[i] * b[i];
}

/* 0 at x = 0, and at NaN the slope is 1, as in PyTorch's threshold_backward. */
GM_CLONES static void relu_slope_run(float *restrict dx, const float *dy, const float *x, int64_t n)
{
    for (int64_t i = 0; i < n; i++) dx[i] += x[i] <= 0 ? 0 : dy[i];
}

GM_CLONES static void gelu_slope_run(float *restrict dx, const float *dy, const float *x, int64_t n)
{
    for (int64_t i = 0; i < n; i++) dx[i] += dy[i] * cpu_gelu_slope(x[i]);
}

GM_CLONES static void quick_gelu_slope_run(float *restrict dx, const float *dy, const float *x,
                                           int64_t n)
{
    for (int64_t i = 0; i < n; i++) dx[i] += dy[i] * cpu_swish_slope(x[i], 1.702);
}

GM_CLONES static void silu_slope_run(float *restrict dx, const float *dy, const float *x, int64_t n)
{
    for (int64_t i = 0; i < n; i++) dx[i] += dy[i] * cpu_swish_slope(x[i], 1);
}

int cpu_add_backward(float *da, float *db, const float *dy, int64_t N, int64_t M)
{
    if (da) map1(cpu_accumulate, da, dy, N);
    if (db && M == N) map1(cpu_accumulate, db, dy, N);
    else if (db) cpu_column_sums(db, dy, NULL, N / M, M);
    return 0;
}

int cpu_mul_backward(float *da, float *db, const float *dy, const float *a, const float *b,
                     int64_t N, int64_t M)
{
    if (da) map2(multiply_add_run, da, dy, b, N, M);
    if (db && M == N) map2(multiply_add_run, db, dy, a, N, N);
    else if (db) cpu_column_sums(db, dy, a, N / M, M);
    return 0;
}

int cpu_scale_backward(float *dx, const float *dy, int64_t N, float s)
{
    if (!dx) return 0;
    #pragma omp parallel for if (N > CPU_GRAIN)
    for (int64_t i = 0; i < N; i += CPU_RUN) cpu_axpy(dx + i, s, dy + i, cpu_min(CPU_RUN, N - i));
    return 0;
}

static int slope(run2 run, float *dx, const float *dy, const float *x, int64_t N)
{
    return dx ? map2(run, dx, dy, x, N, N) : 0;
}

int cpu_relu_backward(float *dx, const float *dy, const float *x, int64_t N)
{
    return slope(relu_slope_run, dx, dy, x, N);
}
int cpu_gelu_backward(float *dx, const float *dy, const float *x, int64_t N)
{
    return slope(gelu_slope_run, dx, dy, x, N);
}
int cpu_quick_gelu_backward(float *dx, const float *dy, const float *x, int64_t N)
{
    return slope(quick_gelu_slope_run, dx, dy, x, N);
}
int cpu_silu_backward(float *dx, const float *dy, const float *x, int64_t N)
{
    return slope(silu_slope_run, dx, dy, x, N);
}

/* NaN and Inf times 0 are NaN; a sum that is not 0 met one. */
GM_CLONES static int finite_run(const float *x, int64_t n)
{
    float sum = 0;
    #pragma omp simd reduction(+:sum)
    for (int64_t i = 0; i < n; i++) sum += x[i] * 0.0f;
    return sum == 0;
}

int cpu_finite(int32_t *y, const float *x, int64_t N)
{
    int bad = 0;
    #pragma omp parallel for reduction(|:bad) if (N > CPU_GRAIN)
    for (int64_t i = 0; i < N; i += CPU_RUN) bad |= !finite_run(x + i, cpu_min(CPU_RUN, N - i));
    y[0] = !bad;
    return 0;
}

/* Pairs of one head turned by angles whose cosines and sines are given: a and b (n) -> ya and
 * yb. */
GM_CLONES static void turn(float *restrict ya, float *restrict yb, const float *a, const float *b,
                           const float *c, const float *s, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        ya[i] = a[i] * c[i] - b[i] * s[i];
        yb[i] = b[i] * c[i] + a[i] * s[i];
    }
}

/* The turn back, added: what turn gives for the opposite angle. */
GM_CLONES static void turn_back(float *restrict da, float *restrict db, const float *ya,
                                const float *yb, const float *c, const float *s, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        da[i] += ya[i] * c[i] + yb[i] * s[i];
        db[i] += yb[i] * c[i] - ya[i] * s[i];
    }
}

/* Cosines and sines of n angles below FAR: with the nearest multiple of pi / 2 taken off in two
 * parts, series up to the 10th and 11th power, in double (error below 2e-10). */
static const float FAR = 1e5f;

GM_CLONES static void near_sines(float *restrict c, float *restrict s, const float *angle,
                                 int64_t n)
{
    const double round = 6755399441055744.0; /* 1.5 2^52: adding it rounds to integer */
    for (int64_t i = 0; i < n; i++) {
        double shifted = (double)angle[i] * 0.63661977236758134 + round, quarters = shifted - round;
        double r = angle[i] - quarters * 1.5707963267341256; /* 33 bits of pi / 2 */
        r -= quarters * 6.0771005065061922e-11;
        double z = r * r, even = -1 / 3628800.0, odd = -1 / 39916800.0;
        even = even * z + 1 / 40320.0, odd = odd * z + 1 / 362880.0;
        even = even * z - 1 / 720.0, odd = odd * z - 1 / 5040.0;
        even = even * z + 1 / 24.0, odd = odd * z + 1 / 120.0;
        even = even * z - 0.5, odd = odd * z - 1 / 6.0;
        even = even * z + 1, odd = (odd * z + 1) * r;
        uint64_t turn;
        memcpy(&turn, &shifted, sizeof turn);
        float cosine = (float)(turn & 1 ? odd : even), sine = (float)(turn & 1 ? even : odd);
        c[i] = (turn + 1) & 2 ? -cosine : cosine;
        s[i] = turn & 2 ? -sine : sine;
    }
}

static void sines(float *c, float *s, const float *angle, int64_t n)
{
    int far = 0;
    for (int64_t i = 0; i < n; i++) far |= fabsf(angle[i]) >= FAR;
    if (!far) near_sines(c, s, angle, n);
    else for (int64_t i = 0; i < n; i++) c[i] = (float)cos(angle[i]), s[i] = (float)sin(angle[i]);
}

typedef void (*turn_run)(float *ya, float *yb, const float *a, const float *b, const float *c,
                         const float *s, int64_t n);

/* Cosines and sines once for all heads, 64 angles at a time. */
static int rotate(turn_run run, float *y, const float *x, const float *angle, int64_t R, int64_t NH,
                  int64_t HD)
{
    enum { PAIRS = 64 };
    int64_t half = HD / 2;
    #pragma omp parallel for if (R * NH * HD > CPU_GRAIN)
    for (int64_t r = 0; r < R; r++)
        for (int64_t first = 0; first < half; first += PAIRS) {
            float c[PAIRS], s[PAIRS];
            int64_t n = cpu_min(PAIRS, half - first);
            sines(c, s, angle + r * half + first, n);
            for (int64_t h = 0; h < NH; h++) {
                int64_t at = (r * NH + h) * HD + first;
                run(y + at, y + at + half, x + at, x + at + half, c, s, n);
            }
        }
    return 0;
}

int cpu_rope(float *y, const float *x, const float *angle, int64_t R, int64_t NH, int64_t HD)
{
    return rotate(turn, y, x, angle, R, NH, HD);
}

int cpu_rope_backward(float *dx, const float *dy, const float *angle, int64_t R, int64_t NH,
                      int64_t HD)
{
    return dx ? rotate(turn_back, dx, dy, angle, R, NH, HD) : 0;
}
