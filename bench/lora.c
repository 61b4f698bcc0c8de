/* A LoRA step on layers of LLaMA-7B's width, through the fronts and the tape as training does it. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "bench.h"
#include "../io/os.h"
#include "../ref/backend.h"
#include "../ref/tape.h"
#include "../train/adamw.h"

enum { TOKENS = 640, WIDTH = 4096, INNER = 11008, HEADS = 32, VOCAB = 32000, RANK = 8,
       MOST_LAYERS = 2, PAIRS = 2 * MOST_LAYERS };

/* What trains: A and B of q and v in each layer, and the embeddings' gradient, which the release
 * wants, too. */
typedef struct { gm_tensor w, dw; float *m, *v; } trained;

typedef struct {
    gm_ctx *c;
    llama m;
    gm_tensor x, dx, label;
    trained p[2 * PAIRS];
    int n;
    double forward[16], backward[16], adam; /* seconds of each run */
    int runs;
    bench_result *r;
} step;

static gm_tensor matrix(int64_t N, int64_t K)
{
    return bench_random(GM_BF16, 2, GM_DIMS(N, K), (float)sqrt(3.0 / (double)K));
}

static gm_tensor ones(int64_t n)
{
    gm_tensor x = bench_random(GM_F32, 1, &n, 0);
    for (int64_t i = 0; i < n; i++) ((float *)x.data)[i] = 1;
    return x;
}

static gm_tensor add(step *s, int64_t N, int64_t K, float size)
{
    trained *p = &s->p[s->n++];
    int64_t n = N * K;
    p->w = bench_random(GM_F32, 2, GM_DIMS(N, K), size);
    p->dw = bench_random(GM_F32, 2, GM_DIMS(N, K), 0);
    p->m = bench_random(GM_F32, 1, &n, 0).data, p->v = bench_random(GM_F32, 1, &n, 0).data;
    return p->w;
}

static low_rank adapter(step *s)
{
    gm_tensor a = add(s, RANK, WIDTH, 0.02f);
    return (low_rank){ .a = a, .b = add(s, WIDTH, RANK, 0.02f), .scale = 2 };
}

static void make_model(step *s, int64_t layers)
{
    s->m = (llama){ .L = layers, .NH = HEADS, .NKV = HEADS, .HD = WIDTH / HEADS, .eps = 1e-6f,
                    .theta = 10000, .norm = ones(WIDTH), .head = matrix(VOCAB, WIDTH) };
    s->m.layer = calloc((size_t)layers, sizeof *s->m.layer);
    if (!s->m.layer) abort();
    for (int64_t l = 0; l < layers; l++)
        s->m.layer[l] = (llama_layer){
            .input_norm = ones(WIDTH), .post_norm = ones(WIDTH), .q_w = matrix(WIDTH, WIDTH),
            .k_w = matrix(WIDTH, WIDTH), .v_w = matrix(WIDTH, WIDTH), .o_w = matrix(WIDTH, WIDTH),
            .gate_w = matrix(INNER, WIDTH), .up_w = matrix(INNER, WIDTH),
            .down_w = matrix(WIDTH, INNER), .q = adapter(s), .v = adapter(s),
        };
}

/* Rows of embeddings and the labels behind them. */
static void make_data(step *s)
{
    int32_t label[TOKENS];
    for (int i = 0; i < TOKENS; i++) label[i] = i * 37 % VOCAB;
    s->x = bench_random(GM_F32, 3, GM_DIMS(1, TOKENS, WIDTH), 1);
    s->dx = bench_random(GM_F32, 3, GM_DIMS(1, TOKENS, WIDTH), 0);
    s->label = gm_from(s->c, GM_I32, label, 1, GM_DIMS(TOKENS));
}

/* Linear layers and attention's products over the pairs that are seen: two forward, five back. */
static double forward_gflop(const llama *m)
{
    double rows = TOKENS, pairs = 0.5 * rows * (rows + 1);
    double weights = (double)m->L * (4.0 * WIDTH * WIDTH + 3.0 * WIDTH * INNER);
    weights += (double)VOCAB * WIDTH;
    return 2e-9 * (rows * weights + 2.0 * (double)m->L * WIDTH * pairs);
}
static double backward_gflop(const llama *m)
{
    return forward_gflop(m) + 2e-9 * 3.0 * (double)m->L * WIDTH * 0.5 * TOKENS * (TOKENS + 1);
}

static void update(step *s)
{
    const gm_adamw o = { 0.9, 0.95, 1e-8 };
    double start = bench_now();
    for (int i = 0; i < s->n; i++)
        gm_adamw_step(s->p[i].w.data, s->p[i].dw.data, s->p[i].m, s->p[i].v, gm_numel(s->p[i].w),
                      &o, 1e-4, 0, 1, s->runs + 1);
    s->adam = bench_now() - start;
}

/* Seconds of forward and backward pass. */
static double run_step(void *what)
{
    step *s = what;
    gm_ctx *c = s->c;
    gm_mark mark = gm_scope(c);
    gm_tape_start(c);
    gm_want_gradient(c, s->x, s->dx);
    for (int i = 0; i < s->n; i++) gm_want_gradient(c, s->p[i].w, s->p[i].dw);
    double start = bench_now();
    gm_tensor h = gm_llama(c, &s->m, s->x, NULL, GM_NONE);
    gm_tensor loss = gm_cross_entropy(c, gm_linear(c, h, s->m.head, GM_NONE), s->label);
    double middle = bench_now();
    gm_backward(c, loss, 1);
    double end = bench_now();
    gm_tape_stop(c);
    gm_scope_end(c, mark, GM_NONE);
    if (!gm_ok(c)) {
        snprintf(s->r->note, sizeof s->r->note, "%.380s", gm_error_text(c));
        return -1;
    }
    update(s);
    s->forward[s->runs] = middle - start;
    s->backward[s->runs++] = end - middle;
    return end - start;
}

int bench_lora_step(bench_result *r, bool quick)
{
    static step s;
    static gm_kernels kernels;
    gm_error e = { "" };
    if (gm_backend(&kernels, "cpu", &e) || !(s.c = gm_ctx_new(&kernels, NULL))) {
        snprintf(r->note, sizeof r->note, "%s", e.text[0] ? e.text : "out of memory");
        return -1;
    }
    s.r = r;
    make_model(&s, quick ? 1 : MOST_LAYERS);
    make_data(&s);
    double f = forward_gflop(&s.m), b = backward_gflop(&s.m);
    r->gflop = f + b;
    r->target = 0.60;
    if (bench_beside(r, run_step, &s, quick ? 2 : 3)) return -1;
    double sgemm = r->gflop / r->seconds / r->ratio;
    snprintf(r->note + strlen(r->note), sizeof r->note - strlen(r->note),
             "; forward %.1f %%, backward %.1f %%; AdamW %.4f s; %lld layers and the head",
             100 * f / bench_median(s.forward, s.runs) / sgemm,
             100 * b / bench_median(s.backward, s.runs) / sgemm, s.adam, (long long)s.m.L);
    return 0;
}
