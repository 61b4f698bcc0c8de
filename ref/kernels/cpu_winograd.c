/* 3x3 convolutions of stride 1 with a quarter of the multiplications: Winograd's F(4x4, 3x3), as in
 * A. Lavin and S. Gray, "Fast algorithms for convolutional neural networks", 2015.  Tiles of 4x4
 * outputs read 6x6 inputs; both, and the weights, are taken to 36 points, where the convolution is
 * a matrix product over channels at each point:
 *
 *     y = A^T [(G w G^T) (B^T d B)] A          d a tile of x
 *     dw = G^T [(A e A^T) (B^T d B)] G         e a tile of dy
 *
 * and dx is a convolution of dy with turned weights.  A point's sums hold sums of inputs, so that
 * rounding errors are some times those of the plain way (docs/TOLERANCE.md), and infinity would
 * meet infinity: numbers beyond TAME go the plain way.  So this is no part of the cpu table, but
 * lies over it, for training. */
#include <cblas.h>
#include <stdbool.h>
#include "cpu_table.h"
#include "cpu_vec.h"

/* Tiles of a block, the products' columns, are about TILES; RUN: tiles of a row that are
 * transformed at once. */
enum { OUT = 4, IN = 6, POINTS = IN * IN, TILES = 128, RUN = 64 };
enum { LEAST = 32, MOST = 128 };        /* channels for which it is measured */
static const float TAME = 1e12f;

/* The points are 0, both signs of P and Q, and infinity, each along rows and columns.  Polynomials
 * through 5/8 and 3/2 lose fewer digits than through 1 and 2; oneDNN has these, too. */
#define P 0.625f
#define Q 1.5f
#define PP (P * P)
#define QQ (Q * Q)

/* What is convolved: n planes in, m out, of batch images; weights turned for dx. */
typedef struct { int64_t B, n, H, W, m, HO, WO, pad; } job;

static job forward_of(const gm_conv *s)
{
    return (job){ s->B, s->CI, s->H, s->W, s->CO, s->HO, s->WO, s->pad };
}

static job backward_of(const gm_conv *s)
{
    return (job){ s->B, s->CO, s->HO, s->WO, s->CI, s->H, s->W, 2 - s->pad };
}

static int64_t up(int64_t n, int64_t unit) { return (n + unit - 1) / unit; }
static int64_t across(const job *s) { return up(s->WO, OUT); }
static int64_t tile_rows(const job *s) { return s->B * up(s->HO, OUT); }

/* Tile rows of a block. */
static int64_t block_rows(const job *s)
{
    int64_t rows = TILES / across(s);
    return cpu_min(tile_rows(s), rows > 0 ? rows : 1);
}

/* Whether sizes are such that it pays. */
static int fits(const gm_conv *s)
{
    job f = forward_of(s);
    return s->KH == 3 && s->KW == 3 && s->stride == 1 && s->pad <= 2 && s->CI >= LEAST &&
           s->CO >= LEAST && s->CI <= MOST && s->CO <= MOST &&
           tile_rows(&f) * across(&f) >= TILES / 4 && s->HO >= OUT && s->WO >= OUT;
}

/* Floats from one point's values, of planes channels in ld tiles, to the next's; a line more than
 * there are, as points that lie whole pages apart would drive each other from the caches. */
static int64_t apart(int64_t planes, int64_t ld) { return planes * ld + 16; }

/* Floats of a block's values at all points. */
static size_t points_of(const job *s, int64_t planes)
{
    return (size_t)(POINTS * apart(planes, block_rows(s) * across(s)));
}

static size_t scratch_bytes(const gm_conv *s)
{
    job f = forward_of(s), b = backward_of(s);
    size_t there = points_of(&f, s->CI) + points_of(&f, s->CO);
    size_t back = points_of(&b, s->CI) + points_of(&b, s->CO);
    return ((size_t)(POINTS * s->CI * s->CO) + (there > back ? there : back)) * sizeof(float);
}

/* Whether all of x (n) are within TAME; NaN is not. */
GM_CLONES static int tame_run(const float *x, int64_t n)
{
    int wild = 0;
    #pragma omp simd reduction(+:wild)
    for (int64_t i = 0; i < n; i++) wild += !(x[i] <= TAME && x[i] >= -TAME);
    return !wild;
}

static int tame(const float *x, int64_t n)
{
    int all = 1;
    #pragma omp parallel for reduction(&&:all) if (n > CPU_GRAIN)
    for (int64_t i = 0; i < n; i += CPU_RUN) all = all && tame_run(x + i, cpu_min(CPU_RUN, n - i));
    return all;
}

/* ---- the weights ---- */

/* What divides Lagrange's polynomials at P and at Q. */
static const double NEAR = 1 / (2.0 * PP * (PP - QQ)), FAR = 1 / (2.0 * QQ * (QQ - PP));

/* t (6) = G g (3), both with a step. */
static void weight_up(double *t, int64_t to, const double *g, int64_t from)
{
    double even = g[0] + PP * g[2 * from], odd = P * g[from];
    double far = g[0] + QQ * g[2 * from], side = Q * g[from];
    t[0] = g[0] / (PP * QQ);
    t[to] = (even + odd) * NEAR, t[2 * to] = (even - odd) * NEAR;
    t[3 * to] = (far + side) * FAR, t[4 * to] = (far - side) * FAR;
    t[5 * to] = g[2 * from];
}

/* u (points, m, n) = G w G^T of w (m, n, 3, 3); turned: of w (n, m, 3, 3), its taps in reverse. */
static void weights_up(float *u, const void *w, gm_dtype wt, int64_t m, int64_t n, int turned)
{
    #pragma omp parallel for if (m * n * POINTS > CPU_GRAIN)
    for (int64_t o = 0; o < m; o++)
        for (int64_t c = 0; c < n; c++) {
            float tap[9];
            double g[9], half[IN * 3], t[POINTS];
            cpu_widen(tap, w, wt, (turned ? c * m + o : o * n + c) * 9, 9);
            for (int i = 0; i < 9; i++) g[i] = tap[turned ? 8 - i : i];
            for (int j = 0; j < 3; j++) weight_up(half + j, 3, g + j, 3);
            for (int i = 0; i < IN; i++) weight_up(t + i * IN, 1, half + 3 * i, 1);
            for (int i = 0; i < POINTS; i++) u[(i * m + o) * n + c] = (float)t[i];
        }
}

/* g (3) = G^T t (6) */
static void weight_down(double *g, int64_t to, const double *t, int64_t from)
{
    double sum = NEAR * (t[from] + t[2 * from]), rest = NEAR * (t[from] - t[2 * from]);
    double far = FAR * (t[3 * from] + t[4 * from]), side = FAR * (t[3 * from] - t[4 * from]);
    g[0] = t[0] / (PP * QQ) + sum + far;
    g[to] = P * rest + Q * side;
    g[2 * to] = PP * sum + QQ * far + t[5 * from];
}

/* dw (m, n, 3, 3) += G^T u G */
static void weights_down(float *dw, const float *u, int64_t m, int64_t n)
{
    #pragma omp parallel for if (m * n * POINTS > CPU_GRAIN)
    for (int64_t p = 0; p < m * n; p++) {
        double t[POINTS], half[3 * IN], g[9];
        for (int i = 0; i < POINTS; i++) t[i] = u[i * m * n + p];
        for (int j = 0; j < IN; j++) weight_down(half + j, IN, t + j, IN);
        for (int i = 0; i < 3; i++) weight_down(g + 3 * i, 1, half + i * IN, 1);
        for (int i = 0; i < 9; i++) dw[p * 9 + i] = (float)(dw[p * 9 + i] + g[i]);
    }
}

/* ---- tiles ---- */

/* A row of tiles comes apart by the place in its tile: part (OUT, n + 1) of a row's columns from
 * left on, 0 outside width W or where row is NULL. */
GM_CLONES static void take_apart(float *restrict part, const float *row, int64_t left, int64_t n,
                                 int64_t W)
{
    float line[OUT * (RUN + 1)];
    int64_t width = OUT * (n + 1), low = left < 0 ? -left : 0, high = cpu_min(width, W - left);
    if (!row || high <= low) {
        memset(part, 0, (size_t)width * sizeof *part);
        return;
    }
    memset(line, 0, (size_t)low * sizeof *line);
    memcpy(line + low, row + left + low, (size_t)(high - low) * sizeof *line);
    memset(line + high, 0, (size_t)(width - high) * sizeof *line);
    for (int64_t k = 0; k <= n; k++)
        for (int i = 0; i < OUT; i++) part[i * (n + 1) + k] = line[OUT * k + i];
}

/* v (6 places, step apart; n) = B^T d, d six rows of n. */
GM_CLONES static void input_up(float *restrict v, int64_t step, const float *d0, const float *d1,
                               const float *d2, const float *d3, const float *d4, const float *d5,
                               int64_t n)
{
    #pragma omp simd
    for (int64_t k = 0; k < n; k++) {
        float even = d4[k] - QQ * d2[k], odd = P * (d3[k] - QQ * d1[k]);
        float far = d4[k] - PP * d2[k], side = Q * (d3[k] - PP * d1[k]);
        v[k] = PP * QQ * d0[k] - (PP + QQ) * d2[k] + d4[k];
        v[step + k] = even + odd, v[2 * step + k] = even - odd;
        v[3 * step + k] = far + side, v[4 * step + k] = far - side;
        v[5 * step + k] = PP * QQ * d1[k] - (PP + QQ) * d3[k] + d5[k];
    }
}

/* v (points, step apart; n tiles) = B^T d B; the tiles' first row and column of plane x (H, W) are
 * top and left. */
static void input_tiles(float *v, int64_t step, const float *x, int64_t H, int64_t W, int64_t top,
                        int64_t left, int64_t n)
{
    float d[IN][OUT * (RUN + 1)], t[IN * OUT * (RUN + 1)];
    for (int64_t i = 0; i < IN; i++)
        take_apart(d[i], top + i >= 0 && top + i < H ? x + (top + i) * W : NULL, left, n, W);
    input_up(t, OUT * (RUN + 1), d[0], d[1], d[2], d[3], d[4], d[5], OUT * (n + 1));
    for (int64_t i = 0; i < IN; i++) {
        const float *p = t + i * OUT * (RUN + 1);
        int64_t w = n + 1;
        input_up(v + i * IN * step, step, p, p + w, p + 2 * w, p + 3 * w, p + 1, p + w + 1, n);
    }
}

/* t (6 places) = A e, e four rows of n. */
GM_CLONES static void output_up(float *restrict t, int64_t step, const float *e0, const float *e1,
                                const float *e2, const float *e3, int64_t n)
{
    #pragma omp simd
    for (int64_t k = 0; k < n; k++) {
        float even = e0[k] + PP * e2[k], odd = P * (e1[k] + PP * e3[k]);
        float far = e0[k] + QQ * e2[k], side = Q * (e1[k] + QQ * e3[k]);
        t[k] = e0[k];
        t[step + k] = even + odd, t[2 * step + k] = even - odd;
        t[3 * step + k] = far + side, t[4 * step + k] = far - side;
        t[5 * step + k] = e3[k];
    }
}

/* v (points; n tiles) = A e A^T, e 4x4 tiles of plane dy (H, W). */
static void output_tiles(float *v, int64_t step, const float *dy, int64_t H, int64_t W, int64_t top,
                         int64_t left, int64_t n)
{
    float e[OUT][OUT * (RUN + 1)], t[IN * OUT * (RUN + 1)];
    for (int64_t i = 0; i < OUT; i++)
        take_apart(e[i], top + i < H ? dy + (top + i) * W : NULL, left, n, W);
    output_up(t, OUT * (RUN + 1), e[0], e[1], e[2], e[3], OUT * (n + 1));
    for (int64_t i = 0; i < IN; i++) {
        const float *p = t + i * OUT * (RUN + 1);
        int64_t w = n + 1;
        output_up(v + i * IN * step, step, p, p + w, p + 2 * w, p + 3 * w, n);
    }
}

/* y (4 places, to apart) = A^T p, p six rows from apart; element k lies at k skip. */
GM_CLONES static void output_down(float *restrict y, int64_t to, int64_t skip, const float *p,
                                  int64_t from, int64_t n)
{
    const float *p1 = p + from, *p2 = p1 + from, *p3 = p2 + from, *p4 = p3 + from, *p5 = p4 + from;
    #pragma omp simd
    for (int64_t k = 0; k < n; k++) {
        float sum = p1[k] + p2[k], rest = p1[k] - p2[k];
        float far = p3[k] + p4[k], side = p3[k] - p4[k];
        y[k * skip] = p[k] + sum + far;
        y[to + k * skip] = P * rest + Q * side;
        y[2 * to + k * skip] = PP * sum + QQ * far;
        y[3 * to + k * skip] = P * PP * rest + Q * QQ * side + p5[k];
    }
}

/* y (HO, WO), from row top and column left, = bias + A^T v A, or += A^T v A. */
static void put_tiles(float *y, const float *v, int64_t step, float bias, int add, int64_t HO,
                      int64_t WO, int64_t top, int64_t left, int64_t n)
{
    float t[OUT * IN * RUN], line[OUT * RUN];
    for (int64_t j = 0; j < IN; j++)
        output_down(t + j * RUN, IN * RUN, 1, v + j * step, IN * step, n);
    for (int64_t i = 0; i < OUT && top + i < HO; i++) {
        float *row = y + (top + i) * WO + left;
        int64_t width = cpu_min(OUT * n, WO - left);
        output_down(line, 1, OUT, t + i * IN * RUN, RUN, n);
        if (add) cpu_accumulate(row, line, width);
        else for (int64_t k = 0; k < width; k++) row[k] = line[k] + bias;
    }
}

/* ---- blocks ---- */

/* Tile rows first .. first + rows of a job; ld: their tiles. */
typedef struct { int64_t first, rows, ld; } block;

/* v (points, planes, ld) of the block: of x (B, n, H, W) or of dy (B, m, HO, WO). */
static void take(float *v, const float *x, const job *s, const block *b, int of_output)
{
    int64_t planes = of_output ? s->m : s->n, down = up(s->HO, OUT), N = across(s);
    int64_t H = of_output ? s->HO : s->H, W = of_output ? s->WO : s->W;
    #pragma omp parallel for if (planes * b->ld * POINTS > CPU_GRAIN)
    for (int64_t task = 0; task < planes * b->rows; task++) {
        int64_t c = task / b->rows, r = task % b->rows, row = b->first + r;
        const float *plane = x + (row / down * planes + c) * H * W;
        for (int64_t at = 0; at < N; at += RUN) {
            float *to = v + c * b->ld + r * N + at;
            int64_t top = row % down * OUT, n = cpu_min(RUN, N - at), step = apart(planes, b->ld);
            if (of_output) output_tiles(to, step, plane, H, W, top, at * OUT, n);
            else input_tiles(to, step, plane, H, W, top - s->pad, at * OUT - s->pad, n);
        }
    }
}

/* y (B, m, HO, WO) of the block = bias + A^T v A, or += A^T v A. */
static void put(float *y, const float *v, const float *bias, int add, const job *s, const block *b)
{
    int64_t down = up(s->HO, OUT), N = across(s);
    #pragma omp parallel for if (s->m * b->ld * POINTS > CPU_GRAIN)
    for (int64_t task = 0; task < s->m * b->rows; task++) {
        int64_t o = task / b->rows, r = task % b->rows, row = b->first + r;
        float *plane = y + (row / down * s->m + o) * s->HO * s->WO;
        for (int64_t at = 0; at < N; at += RUN)
            put_tiles(plane, v + o * b->ld + r * N + at, apart(s->m, b->ld), bias ? bias[o] : 0,
                      add, s->HO, s->WO, row % down * OUT, at * OUT, cpu_min(RUN, N - at));
    }
}

static block block_at(const job *s, int64_t first)
{
    int64_t rows = cpu_min(block_rows(s), tile_rows(s) - first);
    return (block){ first, rows, rows * across(s) };
}

/* y (B, m, HO, WO) = or += the convolution of x (B, n, H, W) with weights u at the points. */
static void convolve(float *y, const float *x, const float *u, const float *bias, int add,
                     const job *s, float *room)
{
    float *v = room, *p = room + points_of(s, s->n);
    for (int64_t first = 0; first < tile_rows(s); first += block_rows(s)) {
        block b = block_at(s, first);
        take(v, x, s, &b, 0);
        #pragma omp parallel for
        for (int64_t i = 0; i < POINTS; i++)
            cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, (int)s->m, (int)b.ld, (int)s->n,
                        1.0f, u + i * s->m * s->n, (int)s->n, v + i * apart(s->n, b.ld), (int)b.ld,
                        0.0f, p + i * apart(s->m, b.ld), (int)b.ld);
        put(y, p, bias, add, s, &b);
    }
}

/* As cpu_conv2d; 0 and nothing written when some number is too large, infinite or NaN. */
static int forward(float *y, const float *x, const void *w, gm_dtype wt, const float *b,
                   const gm_conv *s, void *scratch)
{
    job f = forward_of(s);
    float *u = scratch;
    weights_up(u, w, wt, s->CO, s->CI, 0);
    if (!tame(u, POINTS * s->CO * s->CI) || !tame(x, s->B * s->CI * s->H * s->W)) return 0;
    convolve(y, x, u, b, 0, &f, u + POINTS * s->CO * s->CI);
    return 1;
}

/* du (points, CO, CI) of all blocks. */
static void weight_products(float *u, const float *dy, const float *x, const job *s, float *room)
{
    float *v = room, *e = room + points_of(s, s->n);
    for (int64_t first = 0; first < tile_rows(s); first += block_rows(s)) {
        block b = block_at(s, first);
        take(v, x, s, &b, 0);
        take(e, dy, s, &b, 1);
        #pragma omp parallel for
        for (int64_t i = 0; i < POINTS; i++)
            cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (int)s->m, (int)s->n, (int)b.ld,
                        1.0f, e + i * apart(s->m, b.ld), (int)b.ld, v + i * apart(s->n, b.ld),
                        (int)b.ld, first ? 1.0f : 0.0f, u + i * s->m * s->n, (int)s->n);
    }
}

/* As cpu_conv2d_backward, without db; 0 likewise. */
static int backward(float *dx, float *dw, const float *dy, const float *x, const void *w,
                    gm_dtype wt, const gm_conv *s, void *scratch)
{
    job f = forward_of(s), back = backward_of(s);
    int64_t weights = POINTS * s->CO * s->CI;
    float *u = scratch, *room = u + weights;
    if (!tame(dy, s->B * s->CO * s->HO * s->WO)) return 0;
    if (dw && !tame(x, s->B * s->CI * s->H * s->W)) return 0;
    if (dx) {
        weights_up(u, w, wt, s->CI, s->CO, 1);
        if (!tame(u, weights)) return 0;
        convolve(dx, dy, u, NULL, 1, &back, room);
    }
    if (!dw) return 1;
    weight_products(u, dy, x, &f, room);
    weights_down(dw, u, s->CO, s->CI);
    return 1;
}

/* ---- the table ---- */

static size_t conv2d_scratch(gm_dtype wt, const gm_conv *s)
{
    size_t plain = cpu_conv2d_scratch(wt, s), here = fits(s) ? scratch_bytes(s) : 0;
    return plain > here ? plain : here;
}

static int conv2d(float *y, const float *x, const void *w, gm_dtype wt, const float *b,
                  const gm_conv *s, void *scratch)
{
    bool done = gm_is_weight_type(wt) && fits(s) && forward(y, x, w, wt, b, s, scratch);
    return done ? 0 : cpu_conv2d(y, x, w, wt, b, s, scratch);
}

static int conv2d_backward(float *dx, float *dw, float *db, const float *dy, const float *x,
                           const void *w, gm_dtype wt, const gm_conv *s, void *scratch)
{
    bool done = gm_is_weight_type(wt) && fits(s) && backward(dx, dw, dy, x, w, wt, s, scratch);
    if (done && !db) return 0;
    return cpu_conv2d_backward(done ? NULL : dx, done ? NULL : dw, db, dy, x, w, wt, s, scratch);
}

const gm_kernels *gm_kernels_cpu_winograd(void)
{
    static const gm_kernels table = {
        .name = "cpu-winograd",
        .conv2d = conv2d, .conv2d_scratch = conv2d_scratch,
        .conv2d_backward = conv2d_backward, .conv2d_backward_scratch = conv2d_scratch,
    };
    return &table;
}
