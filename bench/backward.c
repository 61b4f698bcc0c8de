/* Rows of backward kernels, called straight from the cpu table. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "bench.h"
#include "../io/os.h"

enum { ROWS = 640, WIDTH = 4096, INNER = 11008, VOCAB = 32000, RANK = 8 };

/* linear_backward of (ROWS, K) by w (N, K): dx, or dw. */
typedef struct {
    int64_t N, K;
    gm_tensor dx, dw, dy, x, w;
    void *scratch;
    int repeats;
} linear;

static void *scratch_of(size_t bytes)
{
    void *p = gm_aligned_alloc(bytes + 64);
    if (!p) abort();
    return p;
}

static float *numbers(int64_t n) { return bench_random(GM_F32, 1, &n, 1).data; }

static linear linear_new(int64_t N, int64_t K, gm_dtype wt, bool dx, bool dw)
{
    linear l = { .N = N, .K = K, .repeats = 1 };
    l.dy = bench_random(GM_F32, 2, GM_DIMS(ROWS, N), 1);
    l.w = bench_random(wt, 2, GM_DIMS(N, K), 0.02f);
    if (dx) l.dx = bench_random(GM_F32, 2, GM_DIMS(ROWS, K), 1);
    if (dw) {
        l.dw = bench_random(GM_F32, 2, GM_DIMS(N, K), 1);
        l.x = bench_random(GM_F32, 2, GM_DIMS(ROWS, K), 1);
    }
    l.scratch = scratch_of(gm_kernels_cpu()->linear_backward_scratch(wt, ROWS, N, K));
    return l;
}

static void linear_free(linear *l)
{
    free(l->dx.data), free(l->dw.data), free(l->dy.data), free(l->x.data), free(l->w.data);
    free(l->scratch);
}

static double linear_seconds(void *what)
{
    const linear *l = what;
    double start = bench_now();
    for (int i = 0; i < l->repeats; i++)
        if (gm_kernels_cpu()->linear_backward(l->dx.data, l->dw.data, NULL, l->dy.data, l->x.data,
                                              l->w.data, l->w.type, ROWS, l->N, l->K, l->scratch))
            return -1;
    return (bench_now() - start) / l->repeats;
}

/* LLaMA-7B's shapes: attention, MLP up, MLP down, head. */
static const int64_t SHAPE[4][2] = {
    { WIDTH, WIDTH }, { INNER, WIDTH }, { WIDTH, INNER }, { VOCAB, WIDTH }
};

/* Each shape by itself; the row's ratio is the smallest of them. */
static int linear_row(bench_result *r, bool quick, gm_dtype wt, bool dx, int shapes)
{
    bench_result all = { .target = 0.85, .ratio = INFINITY };
    for (int i = 0; i < shapes; i++) {
        linear l = linear_new(SHAPE[i][0], SHAPE[i][1], wt, dx, !dx);
        bench_result one = { .gflop = 2e-9 * ROWS * (double)(l.N * l.K) };
        if (bench_beside(&one, linear_seconds, &l, quick ? 2 : 3)) return -1;
        linear_free(&l);
        all.gflop += one.gflop, all.seconds += one.seconds;
        all.ratio = fmin(all.ratio, one.ratio);
        snprintf(all.note + strlen(all.note), sizeof all.note - strlen(all.note),
                 "%lld x %lld: %.1f %%; ", (long long)l.N, (long long)l.K, 100 * one.ratio);
    }
    strcat(all.note, "of sgemm is the least");
    *r = all;
    return 0;
}

int bench_linear_dx(bench_result *r, bool quick) { return linear_row(r, quick, GM_BF16, true, 4); }
int bench_linear_dw(bench_result *r, bool quick) { return linear_row(r, quick, GM_F32, false, 3); }

/* Products as thin as this are bound by reading and writing their wide side. */
int bench_lora(bench_result *r, bool quick)
{
    enum { REPEATS = 20 };
    linear a = linear_new(RANK, WIDTH, GM_F32, true, true);
    linear b = linear_new(WIDTH, RANK, GM_F32, true, true);
    double both[9];
    int n = quick ? 3 : 9;
    a.repeats = b.repeats = REPEATS;
    for (int i = 0; i < n; i++) both[i] = linear_seconds(&a) + linear_seconds(&b);
    r->seconds = bench_median(both, n);
    r->gflop = 2 * 2 * 2e-9 * ROWS * RANK * WIDTH;
    /* A: x read, dx read and written; B: dy read twice */
    snprintf(r->note, sizeof r->note, "%.1f GB/s of activations",
             5 * 4e-9 * ROWS * WIDTH / r->seconds);
    return 0;
}

typedef struct {
    gm_attn s;
    float *q, *k, *v, *y, *dy, *dq, *dk, *dv;
    void *scratch;
} attention;

static double attention_seconds(void *what)
{
    const attention *a = what;
    double start = bench_now();
    if (gm_kernels_cpu()->attention_backward(a->dq, a->dk, a->dv, NULL, NULL, a->dy, a->q, a->k,
                                             a->v, a->y, &a->s, a->scratch))
        return -1;
    return bench_now() - start;
}

/* Five products of the pairs that are seen. */
int bench_attention_back(bench_result *r, bool quick)
{
    enum { NH = 32, HD = 128 };
    attention a = { .s = { .B = 1, .TQ = ROWS, .TK = ROWS, .KS = ROWS, .NH = NH, .NKV = NH,
                           .HD = HD, .scale = 0.0883883f, .causal = 1 } };
    float **all[8] = { &a.q, &a.k, &a.v, &a.y, &a.dy, &a.dq, &a.dk, &a.dv };
    for (int i = 0; i < 8; i++) *all[i] = numbers((int64_t)ROWS * NH * HD);
    a.scratch = scratch_of(gm_kernels_cpu()->attention_backward_scratch(&a.s));
    r->gflop = 5 * 2e-9 * NH * HD * (0.5 * ROWS * (ROWS + 1));
    r->target = 0.60;
    return bench_beside(r, attention_seconds, &a, quick ? 3 : 7);
}

typedef struct { gm_conv s; float *dx, *dw, *db, *dy, *x, *w; void *scratch; } conv;

static double conv_seconds(void *what)
{
    const conv *c = what;
    double start = bench_now();
    if (gm_kernels_cpu()->conv2d_backward(c->dx, c->dw, c->db, c->dy, c->x, c->w, GM_F32, &c->s,
                                          c->scratch))
        return -1;
    return bench_now() - start;
}

/* The region encoder's fuse step at a quarter of its pixels. */
int bench_conv_back(bench_result *r, bool quick)
{
    enum { C = 1024, SIDE = 48 };
    conv c = { .s = { .B = 1, .CI = C, .H = SIDE, .W = SIDE, .CO = C, .KH = 3, .KW = 3,
                      .stride = 1, .pad = 1, .HO = SIDE, .WO = SIDE } };
    float **maps[3] = { &c.dx, &c.dy, &c.x };
    for (int i = 0; i < 3; i++) *maps[i] = numbers((int64_t)C * SIDE * SIDE);
    c.w = numbers((int64_t)C * C * 9), c.dw = numbers((int64_t)C * C * 9), c.db = numbers(C);
    c.scratch = scratch_of(gm_kernels_cpu()->conv2d_backward_scratch(GM_F32, &c.s));
    r->gflop = 2 * 2e-9 * 9 * C * C * SIDE * SIDE;
    r->target = 0.85;
    return bench_beside(r, conv_seconds, &c, quick ? 2 : 3);
}
