/* See verify.h: how long a case takes, and how fast it could be. */
#include <stdlib.h>
#include <string.h>
#include "../io/os.h"
#include "verify.h"
#include "verify_process.h"

enum { SIDE = 512, RUNS = 30 };
static const int64_t FLOATS = 16 << 20;         /* 64 MiB: beyond most caches */
static const double ENOUGH = 0.02;              /* seconds that a case is repeated */

static double flops(ops_case *c)
{
    static const struct { const char *op, *size[7]; double times; } work[] = {
        { "linear", { "R", "N", "K" }, 2 },
        { "conv2d", { "B", "CO", "HO", "WO", "CI", "KH", "KW" }, 2 },
        { "conv_transpose2x2", { "B", "CI", "CO", "H", "W" }, 8 },
        { "attention", { "B", "NH", "TQ", "TK", "HD" }, 4 },
        { "linear_backward", { "R", "N", "K" }, 4 },
        { "conv2d_backward", { "B", "CO", "HO", "WO", "CI", "KH", "KW" }, 4 },
        { "conv_transpose2x2_backward", { "B", "CI", "CO", "H", "W" }, 16 },
        { "attention_backward", { "B", "NH", "TQ", "TK", "HD" }, 10 },
    };
    for (size_t i = 0; i < sizeof work / sizeof *work; i++) {
        double product = work[i].times;
        if (strcmp(work[i].op, c->op)) continue;
        for (int k = 0; k < 7 && work[i].size[k]; k++)
            product *= (double)ops_size(c, work[i].size[k]);
        return product;
    }
    return 0;
}

void verify_time(const gm_kernels *k, ops_case *c, verify_note *n)
{
    void *scratch = gm_aligned_alloc(ops_scratch(k, c) + 64);
    double start = gm_seconds(), last = start, best = 1e30;
    int ready = scratch != NULL;
    for (int o = 0; o < c->noutputs; o++) {
        const ops_input *held = ops_in(c, c->output[o].name);
        c->output[o].data = gm_aligned_alloc((size_t)c->output[o].n * 4);
        if (!c->output[o].data) ready = 0;
        else if (held) memcpy(c->output[o].data, held->data, held->bytes);
    }
    for (int run = 0; ready && (run < 3 || last - start < ENOUGH); run++) {
        ops_call(k, c, scratch);
        double now = gm_seconds();
        if (now - last < best) best = now - last;
        last = now;
    }
    for (int o = 0; o < c->noutputs; o++) free(c->output[o].data);
    free(scratch);
    if (best > 1e29) return;
    n->seconds = best;
    n->flops = flops(c);
    for (int o = 0; o < c->noutputs; o++) n->bytes += (double)c->output[o].n * 4;
    for (int i = 0; i < c->ninputs; i++) n->bytes += (double)c->input[i].bytes;
}

/* Bytes read and written by a copy on all threads. */
static double copy_rate(void)
{
    float *a = gm_aligned_alloc((size_t)FLOATS * 4), *b = gm_aligned_alloc((size_t)FLOATS * 4);
    double best = 1e30;
    for (int run = 0; a && b && run < RUNS; run++) {
        double start = gm_seconds();
        #pragma omp parallel for
        for (int64_t i = 0; i < FLOATS; i++) a[i] = run ? b[i] : (b[i] = (float)i);
        double took = gm_seconds() - start;
        if (run && took < best) best = took;
    }
    free(a);
    free(b);
    return (double)FLOATS * 8 / best;
}

/* Floating-point operations of a matrix product through OpenBLAS. */
static double product_rate(void)
{
    const gm_kernels *k = gm_kernels_cpu();
    int64_t n = SIDE * SIDE;
    float *x = gm_aligned_alloc((size_t)n * 4), *w = gm_aligned_alloc((size_t)n * 4);
    float *y = gm_aligned_alloc((size_t)n * 4);
    void *scratch = gm_aligned_alloc(k->linear_scratch(GM_F32, SIDE, SIDE, SIDE) + 64);
    double best = 1e30;
    for (int64_t i = 0; x && w && i < n; i++) x[i] = w[i] = (float)(i % 7);
    for (int run = 0; x && w && y && scratch && run < RUNS; run++) {
        double start = gm_seconds();
        k->linear(y, x, w, GM_F32, NULL, SIDE, SIDE, SIDE, scratch);
        double took = gm_seconds() - start;
        if (took < best) best = took;
    }
    free(x);
    free(w);
    free(y);
    free(scratch);
    return 2.0 * SIDE * SIDE * SIDE / best;
}

static void child(const void *user, int to)
{
    (void)user;
    verify_peak p = { copy_rate(), product_rate() };
    verify_send(to, &p, sizeof p);
}

int verify_measure(verify_peak *p)
{
    verify_process c;
    char how[200];
    if (verify_start(&c, child, NULL)) return -1;
    int got = verify_receive(&c, p, sizeof *p, 60);
    verify_finish(&c, got < 0, 60, how, sizeof how);
    return got == 1 && p->bytes > 1e6 && p->flops > 1e6 ? 0 : -1;
}

double verify_roofline(const verify_peak *p, const verify_note *n)
{
    double memory = n->bytes / p->bytes, work = n->flops / p->flops;
    return (memory > work ? memory : work) / n->seconds;
}
