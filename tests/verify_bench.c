/* See verify.h: how long a case takes, and how fast it could be. */
#include <stdlib.h>
#include <string.h>
#include "../io/os.h"
#include "../ref/bridge_call.h"
#include "verify.h"
#include "verify_process.h"

enum { SIDE = 512, RUNS = 30, TOGETHER = 10 };
static const int64_t FLOATS = 16 << 20;         /* 64 MiB: beyond most caches */
static const double ENOUGH = 0.02;              /* seconds that a case is repeated */
static const double SHORT = 1e-3;       /* a device's call that the wait for it would blur */
/* A device's yardsticks grow until they take so long (so the emulated one's stay small). */
static const double LONG = 2e-3;
enum { MOST_FLOATS = 1 << 27, MOST_SIDE = 8192 };

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

static void note(ops_case *c, verify_note *n, double seconds)
{
    n->seconds = seconds;
    n->flops = flops(c);
    for (int o = 0; o < c->noutputs; o++) n->bytes += (double)c->output[o].n * 4;
    for (int i = 0; i < c->ninputs; i++) n->bytes += (double)c->input[i].bytes;
}

/* Outputs with room of their own, filled with what they held.  0, or -1 when out of memory. */
static int outputs_new(ops_case *c)
{
    int bad = 0;
    for (int o = 0; o < c->noutputs; o++) {
        const ops_input *held = ops_in(c, c->output[o].name);
        c->output[o].data = gm_aligned_alloc((size_t)c->output[o].n * 4);
        if (!c->output[o].data) bad = -1;
        else if (held) memcpy(c->output[o].data, held->data, held->bytes);
    }
    return bad;
}

static void outputs_free(ops_case *c)
{
    for (int o = 0; o < c->noutputs; o++) free(c->output[o].data);
}

void verify_time(const gm_kernels *k, ops_case *c, verify_note *n)
{
    void *scratch = gm_aligned_alloc(ops_scratch(k, c) + 64);
    int ready = !outputs_new(c) && scratch;
    double start = gm_seconds(), last = start, best = 1e30;
    for (int run = 0; ready && (run < 3 || last - start < ENOUGH); run++) {
        ops_call(k, c, scratch);
        double now = gm_seconds();
        if (now - last < best) best = now - last;
        last = now;
    }
    outputs_free(c);
    free(scratch);
    if (best < 1e29) note(c, n, best);
}

/* Waits until the device has done all that it was given; p: memory of the device. */
static void await(const gm_memory *m, const void *p)
{
    uint32_t word;
    m->download(m->user, &word, p, sizeof word);
}

/* Seconds of a call on tensors that lie on the device: several behind each other where one is
 * shorter than the wait for it. */
static double device_seconds(ops_case *c, void *scratch)
{
    double best = 1e30, all = 0;
    for (int run = 0, together = 1; run < 3 || (all < ENOUGH && run < RUNS); run++) {
        double start = gm_seconds();
        for (int i = 0; i < together; i++) ops_call(&gm_way.to, c, scratch);
        await(&gm_way.memory, c->output[0].data);
        double took = gm_seconds() - start;
        all += took;
        if (run == 0) together = took < SHORT ? TOGETHER : 1;
        else if (took / together < best) best = took / together;
    }
    return best;
}

void verify_time_on_device(ops_case *c, verify_note *n)
{
    gm_bridge_call b = { .n = 0 };
    void *host[OPS_OUTPUTS] = { NULL };
    int ready = !outputs_new(c);
    for (int o = 0; o < c->noutputs; o++) {
        host[o] = c->output[o].data;
        if (ready) c->output[o].data = gm_bridge_out(&b, host[o], (size_t)c->output[o].n * 4);
    }
    for (int i = 0; ready && i < c->ninputs; i++) {
        int held = 0;                                   /* it crossed as an output */
        for (int o = 0; o < c->noutputs; o++) held |= !strcmp(c->output[o].name, c->input[i].name);
        if (!held) c->input[i].data = gm_bridge_in(&b, c->input[i].data, c->input[i].bytes);
    }
    void *scratch = gm_bridge_scratch(&b, ops_scratch(&gm_way.to, c));
    if (ready && !b.bad) note(c, n, device_seconds(c, scratch));
    gm_bridge_end(&b, 0);
    for (int o = 0; o < c->noutputs; o++) free(host[o]);
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

/* Bytes per second of the device's slice from x to y, the best of three. */
static double device_copy_rate(const gm_device *d)
{
    const gm_memory *m = &d->memory;
    double rate = 0, took = 0;
    for (int64_t n = 1 << 14; took < LONG && n <= MOST_FLOATS; n *= 2) {
        float *x = m->alloc(m->user, (size_t)n * 4), *y = m->alloc(m->user, (size_t)n * 4);
        took = 1e30;
        for (int run = 0; x && y && run < 3; run++) {
            double start = gm_seconds();
            d->kernels->slice(y, x, 1, n, 0, n);
            await(m, y);
            double now = gm_seconds() - start;
            if (now < took) took = now;
        }
        rate = (double)n * 8 / took;
        if (x) m->free(m->user, x, (size_t)n * 4);
        if (y) m->free(m->user, y, (size_t)n * 4);
    }
    return rate;
}

/* Operations per second of the device's product of two square matrices of floats. */
static double device_product_rate(const gm_device *d)
{
    const gm_memory *m = &d->memory;
    double rate = 0, took = 0;
    for (int64_t n = 64; took < LONG && n <= MOST_SIDE; n *= 2) {
        size_t bytes = (size_t)(n * n) * 4, room = d->kernels->linear_scratch(GM_F32, n, n, n) + 64;
        void *p[4] = { NULL };
        float *host = malloc(bytes);
        for (int64_t i = 0; host && i < n * n; i++) host[i] = (float)(i % 7);
        for (int i = 0; i < 4; i++) p[i] = m->alloc(m->user, i < 3 ? bytes : room);
        int ready = host && p[0] && p[1] && p[2] && p[3];
        took = 1e30;
        for (int i = 1; ready && i < 3; i++) m->upload(m->user, p[i], host, bytes);
        for (int run = 0; ready && run < 3; run++) {
            double start = gm_seconds();
            d->kernels->linear(p[0], p[1], p[2], GM_F32, NULL, n, n, n, p[3]);
            await(m, p[0]);
            double now = gm_seconds() - start;
            if (now < took) took = now;
        }
        rate = 2.0 * (double)(n * n * n) / took;
        for (int i = 0; i < 4; i++)
            if (p[i]) m->free(m->user, p[i], i < 3 ? bytes : room);
        free(host);
    }
    return rate;
}

static void child(const void *user, int to)
{
    const char *backend = user;
    gm_kernels k;
    gm_engine g;
    gm_error e = { "" };
    verify_peak p = { 0, 0 };
    if (!backend) p = (verify_peak){ copy_rate(), product_rate() };
    else if (!gm_backend_open(&k, &g, backend, &e))
        p = (verify_peak){ device_copy_rate(&g.device), device_product_rate(&g.device) };
    verify_send(to, &p, sizeof p);
}

int verify_measure(const char *backend, verify_peak *p)
{
    verify_process c;
    char how[200];
    if (verify_start(&c, child, backend)) return -1;
    int got = verify_receive(&c, p, sizeof *p, 60);
    verify_finish(&c, got < 0, 60, how, sizeof how);
    return got == 1 && p->bytes > 1e5 && p->flops > 1e5 ? 0 : -1;
}

double verify_roofline(const verify_peak *p, const verify_note *n)
{
    double memory = n->bytes / p->bytes, work = n->flops / p->flops;
    return (memory > work ? memory : work) / n->seconds;
}
