/* Rows of a GPU: make bench BENCH="--only gpu-decode".  Yardsticks are measured on the device in
 * the same process: a copy (the slice kernel) for what memory bounds, a large product (cuBLAS
 * through the linear slot) for what arithmetic does.  quick: small sizes, to see that the rows
 * run. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "preset.h"
#include "../io/names.h"
#include "../io/os.h"
#include "../io/weights.h"
#include "../ref/backend.h"

enum { RUNS = 9, LAYERS = 4, RELEASE_LAYERS = 32, PROMPT = 640, TOGETHER = 8 };

typedef struct {
    gm_kernels kernels;
    gm_engine engine;
    gm_ctx *c;
} gpu_subject;

static int gpu_open(gpu_subject *s, const char *backend, bench_result *r)
{
    gm_error e = { "" };
    if (gm_backend_open(&s->kernels, &s->engine, backend, &e) == 0) {
        s->c = gm_ctx_new(&s->kernels, &s->engine.device.memory);
        if (s->c) return 0;
        gm_fail(&e, "out of memory");
    }
    snprintf(r->note, sizeof r->note, "%.380s", e.text);
    return -1;
}

/* 0, or -1 with the context's error in the note. */
static int gpu_close(gpu_subject *s, bench_result *r)
{
    int bad = !gm_ok(s->c);
    if (bad) snprintf(r->note, sizeof r->note, "%.380s", gm_error_text(s->c));
    gm_ctx_free(s->c);
    gm_backend_close(&s->engine);
    return bad ? -1 : 0;
}

/* On the device, random. */
static gm_tensor gpu_random(gm_ctx *c, gm_dtype type, int nd, const int64_t *dim, float scale)
{
    gm_tensor host = bench_random(type, nd, dim, scale);
    gm_tensor x = gm_from(c, type, host.data, nd, dim);
    free(host.data);
    return x;
}

/* Weights (N, K) of any type, random. */
static gm_tensor gpu_weights(gm_ctx *c, gm_dtype type, int64_t N, int64_t K)
{
    void *host = bench_matrix(type, N, K, 0.02f).data;
    gm_tensor w = gm_from(c, type, host, 2, GM_DIMS(N, K));
    free(host);
    return w;
}

/* Waits until x is there. */
static void gpu_wait(gm_ctx *c, gm_tensor x)
{
    float first;
    for (int i = 0; i < x.nd; i++) x.dim[i] = 1;
    gm_to_host(c, &first, x);
}

typedef gm_tensor (*gpu_fn)(gm_ctx *c, void *user);

/* Seconds of one run, median; the first is not counted. */
static double gpu_seconds(gm_ctx *c, gpu_fn run, void *user, int n)
{
    double t[RUNS];
    for (int i = -1; i < n; i++) {
        gm_mark m = gm_scope(c);
        double start = gm_seconds();
        gpu_wait(c, run(c, user));
        if (i >= 0) t[i] = gm_seconds() - start;
        gm_scope_end(c, m, GM_NONE);
    }
    return bench_median(t, n);
}

/* ---- yardsticks ---- */

static gm_tensor run_copy(gm_ctx *c, void *user)
{
    gm_tensor x = *(gm_tensor *)user;
    return gm_slice(c, x, 0, 0, x.dim[0]);
}

/* Bytes read and written per second. */
static double copy_rate(gm_ctx *c, bool quick)
{
    gm_mark m = gm_scope(c);
    int64_t n = quick ? 1 << 18 : 1 << 28;
    gm_tensor x = gm_new(c, GM_F32, 1, &n);
    gm_zero(c, x);
    double t = gpu_seconds(c, run_copy, &x, RUNS);
    gm_scope_end(c, m, GM_NONE);
    return 8 * (double)n / t;
}

static gm_tensor run_product(gm_ctx *c, void *user)
{
    gm_tensor *x = user;
    return gm_linear(c, x[0], x[1], GM_NONE);
}

/* GFLOP per second. */
static double product_rate(gm_ctx *c, gm_dtype type, bool quick)
{
    gm_mark m = gm_scope(c);
    int64_t n = quick ? 128 : 8192;
    gm_tensor x[2] = { gpu_random(c, GM_F32, 2, GM_DIMS(n, n), 1),
                       gpu_random(c, type, 2, GM_DIMS(n, n), 0.02f) };
    double t = gpu_seconds(c, run_product, x, RUNS);
    gm_scope_end(c, m, GM_NONE);
    return 2e-9 * (double)n * (double)n * (double)n / t;
}

/* ---- LLaMA ---- */

typedef struct {
    llama m;
    llama_layer layer[LAYERS];
    llama_cache kv;
    gm_tensor x;                        /* (1, T, C) */
    double weights, bytes;              /* how many; of all */
} llama_subject;

static void llama_subject_new(gm_ctx *c, llama_subject *s, gm_dtype type, bool quick)
{
    int64_t C = quick ? 256 : 4096, F = quick ? 768 : 11008;
    memset(s, 0, sizeof *s);
    s->m = (llama){ .L = LAYERS, .NH = C / 128, .NKV = C / 128, .HD = 128, .eps = 1e-5f,
                    .theta = 10000, .layer = s->layer };
    for (int l = 0; l < LAYERS; l++) {
        llama_layer *y = &s->layer[l];
        gm_tensor *square[] = { &y->q_w, &y->k_w, &y->v_w, &y->o_w };
        for (int i = 0; i < 4; i++) *square[i] = gpu_weights(c, type, C, C);
        y->gate_w = gpu_weights(c, type, F, C);
        y->up_w = gpu_weights(c, type, F, C);
        y->down_w = gpu_weights(c, type, C, F);
        y->input_norm = gpu_random(c, GM_F32, 1, &C, 1);
        y->post_norm = gpu_random(c, GM_F32, 1, &C, 1);
    }
    s->m.norm = gpu_random(c, GM_F32, 1, &C, 1);
    s->weights = LAYERS * (4.0 * (double)(C * C) + 3.0 * (double)(C * F));
    s->bytes = LAYERS * (double)gm_type_bytes(type, 4 * C * C + 3 * C * F);
}

static gm_tensor run_token(gm_ctx *c, void *user)
{
    llama_subject *s = user;
    gm_step_begin(c);
    gm_tensor y = gm_llama(c, &s->m, s->x, &s->kv, GM_NONE);
    gm_step_end(c);
    s->kv.len--;                        /* the next run is the same token again */
    return y;
}

static int decode(bench_result *r, bool quick)
{
    const gm_dtype type = (gm_dtype)r->which;
    static llama_subject s;
    gpu_subject g;
    if (gpu_open(&g, "cuda", r)) return -1;
    int64_t past = quick ? 32 : PROMPT;
    llama_subject_new(g.c, &s, type, quick);
    double copy = copy_rate(g.c, quick);
    s.x = gpu_random(g.c, GM_F32, 3, GM_DIMS(1, 1, s.m.norm.dim[0]), 1);
    gm_llama_cache_new(g.c, &s.kv, &s.m, 1, past + 1);
    for (int64_t l = 0; gm_ok(g.c) && l < s.m.L; l++)
        gm_zero(g.c, s.kv.k[l]), gm_zero(g.c, s.kv.v[l]);
    s.kv.len = past;
    r->seconds = gpu_seconds(g.c, run_token, &s, RUNS);
    r->gflop = 2e-9 * s.weights;
    r->ratio = s.bytes / r->seconds / copy;
    strcpy(r->limit, "a copy");
    snprintf(r->note, sizeof r->note, "%.0f GB/s of %s weights, copy %.0f GB/s (the share); %d "
             "layers, so about %.0f tokens/s of a 7B model", 1e-9 * s.bytes / r->seconds,
             gm_type_name(type), copy * 1e-9, LAYERS, LAYERS / r->seconds / RELEASE_LAYERS);
    gm_llama_cache_free(&s.kv);
    return gpu_close(&g, r);
}

/* TOGETHER products of one row, behind each other: a launch is shorter than a product. */
static gm_tensor run_rows(gm_ctx *c, void *user)
{
    gm_tensor *x = user, y = GM_NONE;
    for (int i = 0; i < TOGETHER; i++) y = gm_linear(c, x[0], x[1], GM_NONE);
    return y;
}

/* The kernels of gpu/few.cu alone.  No cache holds the weights: 0.4 GB at 4.5 bits. */
static int one_row(bench_result *r, bool quick)
{
    const gm_dtype type = (gm_dtype)r->which;
    gpu_subject g;
    if (gpu_open(&g, "cuda", r)) return -1;
    int64_t N = quick ? 64 : 176128, K = quick ? 256 : 4096;
    double copy = copy_rate(g.c, quick), bytes = (double)gm_type_bytes(type, N * K);
    gm_tensor x[2] = { gpu_random(g.c, GM_F32, 2, GM_DIMS(1, K), 1),
                       gpu_weights(g.c, type, N, K) };
    r->seconds = gpu_seconds(g.c, run_rows, x, RUNS) / TOGETHER;
    r->gflop = 2e-9 * (double)(N * K);
    r->ratio = bytes / r->seconds / copy;
    strcpy(r->limit, "a copy");
    snprintf(r->note, sizeof r->note, "%.0f GB/s of %s weights, copy %.0f GB/s (the share)",
             1e-9 * bytes / r->seconds, gm_type_name(type), copy * 1e-9);
    return gpu_close(&g, r);
}

static gm_tensor run_prompt(gm_ctx *c, void *user)
{
    llama_subject *s = user;
    return gm_llama(c, &s->m, s->x, NULL, GM_NONE);
}

/* Of prefill and SAM, by bench_row's which. */
static const char *const BACKEND[] = { "cuda", "cuda-bf16" };

static int prefill(bench_result *r, bool quick)
{
    static llama_subject s;
    gpu_subject g;
    if (gpu_open(&g, BACKEND[r->which], r)) return -1;
    int64_t T = quick ? 40 : PROMPT;
    llama_subject_new(g.c, &s, GM_BF16, quick);
    double rate = product_rate(g.c, GM_BF16, quick);
    s.x = gpu_random(g.c, GM_F32, 3, GM_DIMS(1, T, s.m.norm.dim[0]), 1);
    r->seconds = gpu_seconds(g.c, run_prompt, &s, RUNS);
    r->gflop = 2e-9 * s.weights * (double)T +
               2e-9 * LAYERS * (double)(T * T) * (double)s.m.norm.dim[0];
    r->ratio = r->gflop / r->seconds / rate;
    strcpy(r->limit, "product");
    snprintf(r->note, sizeof r->note, "%d layers, %lld tokens; product %.0f GFLOP/s", LAYERS,
             (long long)T, rate);
    return gpu_close(&g, r);
}

/* ---- SAM ---- */

typedef struct { sam_encoder m; gm_tensor x; } sam_subject;

static gm_tensor run_sam(gm_ctx *c, void *user)
{
    sam_subject *s = user;
    return gm_sam_encode(c, &s->m, s->x);
}

static int sam(bench_result *r, bool quick)
{
    static sam_subject s;
    gpu_subject g;
    if (gpu_open(&g, BACKEND[r->which], r)) return -1;
    init_sizes z = bench_chosen.s;
    bench_model model;
    gm_error e = { "" };
    if (quick) gm_synth_sizes("small", &z);
    double rate = product_rate(g.c, GM_F32, quick);
    if (bench_model_new(&model, &z, GM_GROUNDING "image_encoder.", GM_BF16, r)) return -1;
    gm_weights_upload(model.w, &g.engine.device.memory);
    int bad = gm_sam_encoder_bind(&s.m, model.w, &model.g, &e);
    if (bench_model_bound(&model, bad, &e, r)) return -1;
    s.x = gpu_random(g.c, GM_F32, 4, GM_DIMS(1, 3, z.sam_image, z.sam_image), 2);
    r->seconds = gpu_seconds(g.c, run_sam, &s, quick ? 1 : 5);
    r->gflop = bench_sam_gflop(&z);
    r->ratio = r->gflop / r->seconds / rate;
    strcpy(r->limit, "product");
    snprintf(r->note, sizeof r->note, "product %.0f GFLOP/s", rate);
    gm_sam_encoder_free(&s.m);
    gm_weights_free(model.w);           /* before the device that holds them */
    return gpu_close(&g, r);
}

const bench_row bench_gpu_rows[] = {
    { "gpu-decode", "a token through LLaMA-7B layers in bf16 behind 640, share of a copy's rate",
      decode, GM_BF16 },
    { "gpu-decode-q8_0", "the same in q8_0", decode, GM_Q8_0 },
    { "gpu-decode-q4_0", "the same in q4_0", decode, GM_Q4_0 },
    { "gpu-decode-q4_1", "the same in q4_1", decode, GM_Q4_1 },
    { "gpu-decode-q4_K", "the same in q4_K", decode, GM_Q4_K },
    { "gpu-decode-q5_K", "the same in q5_K", decode, GM_Q5_K },
    { "gpu-decode-q6_K", "the same in q6_K", decode, GM_Q6_K },
    { "gpu-row-bf16", "one row times 176128 x 4096 in bf16, share of a copy's rate",
      one_row, GM_BF16 },
    { "gpu-row-q8_0", "the same in q8_0", one_row, GM_Q8_0 },
    { "gpu-row-q4_0", "the same in q4_0", one_row, GM_Q4_0 },
    { "gpu-row-q4_1", "the same in q4_1", one_row, GM_Q4_1 },
    { "gpu-row-q4_K", "the same in q4_K", one_row, GM_Q4_K },
    { "gpu-row-q5_K", "the same in q5_K", one_row, GM_Q5_K },
    { "gpu-row-q6_K", "the same in q6_K", one_row, GM_Q6_K },
    { "gpu-prefill", "640 tokens through LLaMA-7B layers, f32", prefill, 0 },
    { "gpu-prefill-bf16", "the same, products in bf16", prefill, 1 },
    { "gpu-sam", "SAM ViT-H encoder at 1024 pixels, f32", sam, 0 },
    { "gpu-sam-bf16", "the same, products in bf16", sam, 1 },
};
const int bench_gpu_nrows = sizeof bench_gpu_rows / sizeof *bench_gpu_rows;
