/* Sequences decoded side by side: one step of eight against one step of one, LLaMA-7B's layers. */
#include <stdio.h>
#include "bench.h"
#include "../ref/backend.h"

enum { LAYERS = 2, WIDTH = 4096, INNER = 11008, READ = 640, ROOM = 704, SEQUENCES = 8, STEPS = 5 };

/* kv: what keys and values are kept in; with 8-bit activations f16 is the default. */
static const struct { const char *activations; gm_dtype type, kv; } CASE[] = {
    { "f32", GM_BF16, GM_F32 }, { "f32", GM_BF16, GM_F16 }, { "bf16", GM_BF16, GM_F16 },
    { "q8", GM_Q8_0, GM_F16 }, { "q8", GM_Q4_0, GM_F16 }, { "q8", GM_Q4_K, GM_F16 },
};

static gm_tensor matrix(gm_dtype type, int64_t out, int64_t in)
{
    return bench_matrix(type, out, in, 0.02f);
}

static void make_layers(llama *m, llama_layer *layer, gm_dtype type, gm_dtype kv)
{
    *m = (llama){ .L = LAYERS, .NH = 32, .NKV = 32, .HD = 128, .eps = 1e-5f, .theta = 10000,
                  .layer = layer, .kv = kv };
    m->norm = bench_random(GM_F32, 1, GM_DIMS(WIDTH), 1);
    for (int l = 0; l < LAYERS; l++)
        layer[l] = (llama_layer){
            .input_norm = m->norm, .post_norm = m->norm,
            .q_w = matrix(type, WIDTH, WIDTH), .k_w = matrix(type, WIDTH, WIDTH),
            .v_w = matrix(type, WIDTH, WIDTH), .o_w = matrix(type, WIDTH, WIDTH),
            .gate_w = matrix(type, INNER, WIDTH), .up_w = matrix(type, INNER, WIDTH),
            .down_w = matrix(type, WIDTH, INNER),
        };
}

/* Median seconds of a step of n sequences, READ positions after their start. */
static double step_seconds(gm_ctx *c, const llama *m, llama_cache *kv, int64_t n)
{
    llama_cache *each[SEQUENCES];
    gm_tensor x = bench_random(GM_F32, 3, GM_DIMS(n, 1, WIDTH), 1);
    double seconds[STEPS];
    for (int i = 0; i < STEPS; i++) {
        gm_mark mark = gm_scope(c);
        for (int64_t b = 0; b < n; b++) {
            each[b] = &kv[b];
            kv[b].len = READ;
        }
        double start = bench_now();
        gm_llama_step(c, m, x, each);
        seconds[i] = bench_now() - start;
        gm_scope_end(c, mark, GM_NONE);
    }
    return bench_median(seconds, STEPS);
}

int bench_batch(bench_result *r, bool quick)
{
    const int i = r->which;
    static gm_kernels kernels;
    static llama m;
    static llama_layer layer[LAYERS];
    llama_cache kv[SEQUENCES];
    (void)quick;
    if (bench_table(&kernels, CASE[i].activations, r)) return -1;
    gm_ctx *c = gm_ctx_new(&kernels, NULL);
    if (c) make_layers(&m, layer, CASE[i].type, CASE[i].kv);
    for (int b = 0; c && b < SEQUENCES; b++) {
        gm_llama_cache_new(c, &kv[b], &m, 1, ROOM);
        for (int l = 0; gm_ok(c) && l < LAYERS; l++) gm_zero(c, kv[b].k[l]), gm_zero(c, kv[b].v[l]);
    }
    double one = c ? step_seconds(c, &m, kv, 1) : 0;
    if (c) r->seconds = step_seconds(c, &m, kv, SEQUENCES);
    if (!c || !gm_ok(c)) {
        snprintf(r->note, sizeof r->note, "%s", c ? gm_error_text(c) : "out of memory");
        return -1;
    }
    double values = LAYERS * (4.0 * WIDTH * WIDTH + 3.0 * WIDTH * INNER);
    r->gflop = 2e-9 * SEQUENCES * values;
    snprintf(r->note, sizeof r->note,
             "%.2f times the tokens of one sequence (wanted 4), which reads %.1f GB/s of weights",
             SEQUENCES * one / r->seconds,
             1e-9 * (double)gm_type_bytes(CASE[i].type, (int64_t)values) / one);
    return 0;
}
