/* The language model at the preset's sizes, through its fronts: 640 rows at once as a share of the
 * product's own rate, a token behind them as a share of the read bandwidth.  Few layers stand for
 * all, but for --whole. */
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "preset.h"
#include "../io/os.h"
#include "../ref/backend.h"

enum { ROWS = 640, RUNS = 9 };

typedef struct { gm_dtype type; const char *activations; double target; } kind;
/* target: a token's share of the read bandwidth. */
static const kind KINDS[] = {
    { GM_BF16, "bf16", 0.85 }, { GM_BF16, "f32", 0.85 }, { GM_Q8_0, "q8", 0.85 },
    { GM_Q4_0, "q8", 0.80 }, { GM_Q4_K, "q8", 0.80 },
};

typedef struct {
    gm_ctx *c;
    gm_kernels kernels;
    llama m;
    llama_cache kv;
    gm_tensor x;                        /* (1, T, C) */
    double values;                      /* of a layer's matrices */
    double layers_s[RUNS + 2], head_s[RUNS + 2];        /* of every run, the first included */
    int runs;
    bench_result *r;
} subject;

static double layer_values(const init_sizes *z)
{
    double C = (double)z->hidden, kv = C / (double)z->heads * (double)z->kv_heads;
    return 2 * C * C + 2 * C * kv + 3 * C * (double)z->inter;
}

/* As many layers as no cache holds in 4 bits, two at least. */
static int64_t few_layers(const init_sizes *z)
{
    int64_t n = 2 + (int64_t)(4e8 / layer_values(z));
    return bench_chosen.whole || n > z->layers ? z->layers : n;
}

static int subject_new(subject *s, const kind *k, bench_result *r)
{
    init_sizes z = bench_chosen.s;
    bench_model model;
    gm_error e = { "" };
    gm_engine none = { 0 };
    z.layers = few_layers(&z);
    s->r = r;
    s->values = layer_values(&z);
    if (gm_backend(&s->kernels, "cpu", &e) ||
        gm_backend_activations(&s->kernels, &none, k->activations, &e) ||
        !(s->c = gm_ctx_new(&s->kernels, NULL))) {
        snprintf(r->note, sizeof r->note, "%.380s", e.text[0] ? e.text : "out of memory");
        return -1;
    }
    if (bench_model_new(&model, &z, "model.layers. model.norm. model.embed_tokens. lm_head.",
                        k->type, r))
        return -1;
    int bad = gm_llama_bind(&s->m, model.w, &model.g, &e) ||
              gm_llama_kv(&s->m, gm_backend_kv(NULL, k->activations), &e);
    return bench_model_bound(&model, bad, &e, r);
}

/* Seconds of layers and head; of each, too. */
static double run_rows(void *what)
{
    subject *s = what;
    gm_mark mark = gm_scope(s->c);
    int64_t T = s->x.dim[1], past = s->kv.len;
    double start = bench_now();
    gm_tensor h = gm_llama(s->c, &s->m, s->x, s->kv.k ? &s->kv : NULL, GM_NONE);
    double middle = bench_now();
    gm_linear(s->c, gm_slice(s->c, h, 1, T - 1, 1), s->m.head, GM_NONE);
    double end = bench_now();
    s->kv.len = past;                   /* the next run is the same again */
    gm_scope_end(s->c, mark, GM_NONE);
    if (!gm_ok(s->c)) {
        snprintf(s->r->note, sizeof s->r->note, "%.380s", gm_error_text(s->c));
        return -1;
    }
    s->layers_s[s->runs] = middle - start;
    s->head_s[s->runs++] = end - middle;
    return end - start;
}

/* What the whole model would take. */
static double all_layers(const subject *s)
{
    double share = (double)bench_chosen.s.layers / (double)s->m.L;
    return share * bench_median(s->layers_s, s->runs) + bench_median(s->head_s, s->runs);
}

static void say(bench_result *r, const subject *s, const char *limit, double rate, const char *unit)
{
    double seconds = all_layers(s);
    snprintf(r->note, sizeof r->note,
             "%lld layers of %lld and the head; %s %.1f %s; the whole model %.3g s: %.1f tokens/s",
             (long long)s->m.L, (long long)bench_chosen.s.layers, limit, rate, unit, seconds,
             (double)s->x.dim[1] / seconds);
}

/* ---- prefill ---- */

typedef struct { const gm_kernels *k; gm_tensor up, down, x, y; void *scratch; } products;

/* An MLP's two products alone, the yardstick. */
static double products_seconds(void *what)
{
    products *p = what;
    int64_t F = p->up.dim[0], C = p->up.dim[1];
    double start = bench_now();
    p->k->linear(p->y.data, p->x.data, p->up.data, p->up.type, NULL, ROWS, F, C, p->scratch);
    p->k->linear(p->x.data, p->y.data, p->down.data, p->down.type, NULL, ROWS, C, F, p->scratch);
    return bench_now() - start;
}

static products products_new(const subject *s)
{
    const llama_layer *l = s->m.layer;
    int64_t F = l->up_w.dim[0], C = l->up_w.dim[1];
    size_t a = s->kernels.linear_scratch(l->up_w.type, ROWS, F, C),
           b = s->kernels.linear_scratch(l->down_w.type, ROWS, C, F);
    products p = { &s->kernels, l->up_w, l->down_w, bench_random(GM_F32, 2, GM_DIMS(ROWS, C), 1),
                   bench_random(GM_F32, 2, GM_DIMS(ROWS, F), 1),
                   gm_aligned_alloc((a > b ? a : b) + 64) };
    if (!p.scratch) abort();
    return p;
}

int bench_prefill(bench_result *r, bool quick)
{
    static subject s;
    if (subject_new(&s, &KINDS[r->which], r)) return -1;
    int64_t C = s.m.norm.dim[0];
    s.x = bench_random(GM_F32, 3, GM_DIMS(1, ROWS, C), 1);
    products p = products_new(&s);
    double pairs = 0.5 * ROWS * (ROWS + 1), L = (double)s.m.L;
    double head = 2e-9 * (double)gm_numel(s.m.head);
    r->gflop = L * (2e-9 * ROWS * s.values + 4e-9 * pairs * (double)C) + head;
    r->target = 0.85;
    strcpy(r->limit, "product");
    double yard = 4e-9 * ROWS * (double)gm_numel(s.m.layer->up_w);
    double rate = bench_between(r, r->gflop, run_rows, &s, quick ? 2 : 3,
                                (bench_yard){ products_seconds, &p, yard });
    if (rate < 0) return -1;
    say(r, &s, "product", rate, "GFLOP/s");
    return 0;
}

/* ---- a token ---- */

typedef struct { gm_tensor x; } buffer;

static double buffer_seconds(void *what)
{
    const buffer *b = what;
    return bench_read_seconds(b->x.data, gm_bytes(b->x));
}

int bench_token(bench_result *r, bool quick)
{
    enum { BUFFER = 1 << 26 };          /* floats: 256 MB */
    static subject s;
    if (subject_new(&s, &KINDS[r->which], r)) return -1;
    int64_t C = s.m.norm.dim[0];
    s.x = bench_random(GM_F32, 3, GM_DIMS(1, 1, C), 1);
    gm_llama_cache_new(s.c, &s.kv, &s.m, 1, ROWS + 1);
    for (int64_t l = 0; gm_ok(s.c) && l < s.m.L; l++)
        gm_zero(s.c, s.kv.k[l]), gm_zero(s.c, s.kv.v[l]);
    s.kv.len = ROWS;
    buffer b = { bench_random(GM_F32, 1, GM_DIMS(BUFFER), 1) };
    const llama_layer *l = s.m.layer;
    const gm_tensor read[] = { l->q_w, l->k_w, l->v_w, l->o_w, l->gate_w, l->up_w, l->down_w };
    double layer = gm_ok(s.c) ? 2.0 * (double)gm_bytes(s.kv.k[0]) * ROWS / (ROWS + 1) : 0;
    for (size_t k = 0; k < sizeof read / sizeof *read; k++) layer += (double)gm_bytes(read[k]);
    r->gb = 1e-9 * ((double)s.m.L * layer + (double)gm_bytes(s.m.head));
    r->target = KINDS[r->which].target;
    strcpy(r->limit, "reading");
    double rate = bench_between(r, r->gb, run_rows, &s, quick ? 5 : RUNS,
                                (bench_yard){ buffer_seconds, &b, 1e-9 * 4 * BUFFER });
    if (rate < 0) return -1;
    say(r, &s, s.m.kv == GM_F16 ? "keys and values in f16; reading alone"
                                : "keys and values in float32; reading alone", rate, "GB/s");
    return 0;
}
