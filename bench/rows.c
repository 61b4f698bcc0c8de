/* The rows.  Each repetition of a module stands between two of sgemm, so that a machine that slows
 * down slows both; times are medians. */
#include <cblas.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "bench.h"
#include "../io/os.h"
#include "../ref/backend.h"

enum { MAX_REPEATS = 15 };

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double bench_median(const double *x, int n)
{
    double s[MAX_REPEATS];
    memcpy(s, x, (size_t)n * sizeof *s);
    qsort(s, (size_t)n, sizeof *s, by_size);
    return n % 2 ? s[n / 2] : (s[n / 2 - 1] + s[n / 2]) / 2;
}

/* One thread is timed by its processor time, which other programs disturb little. */
double bench_now(void)
{
    return omp_get_max_threads() == 1 ? (double)clock() / CLOCKS_PER_SEC : gm_seconds();
}

/* The yardstick: SAM's first MLP product. */
enum { GR = 4096, GN = 5120, GK = 1280 };
static const double SGEMM_GFLOP = 2e-9 * GR * GN * GK;

typedef struct { gm_tensor x, w, y; } yardstick;

static yardstick yardstick_new(void)
{
    yardstick s = { bench_random(GM_F32, 2, GM_DIMS(GR, GK), 1),
                    bench_random(GM_F32, 2, GM_DIMS(GN, GK), 1),
                    bench_random(GM_F32, 2, GM_DIMS(GR, GN), 1) };
    return s;
}

static double sgemm_seconds(yardstick *s)
{
    double start = bench_now();
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, GR, GN, GK, 1, s->x.data, GK, s->w.data,
                GK, 0, s->y.data, GN);
    return bench_now() - start;
}

/* Something to time, over a context of the cpu table. */
typedef struct { gm_ctx *c; const void *model; gm_tensor x[5]; } subject;
typedef void (*subject_fn)(subject *s);

static int subject_open(subject *s, bench_result *r)
{
    static gm_kernels kernels;
    gm_error e = { "" };
    if (gm_backend(&kernels, "cpu", &e) || !(s->c = gm_ctx_new(&kernels, NULL))) {
        snprintf(r->note, sizeof r->note, "%s", e.text[0] ? e.text : "out of memory");
        return -1;
    }
    return 0;
}

static double subject_seconds(subject *s, subject_fn run)
{
    gm_mark m = gm_scope(s->c);
    double start = bench_now();
    run(s);
    double t = bench_now() - start;
    gm_scope_end(s->c, m, GM_NONE);
    return t;
}

int bench_beside(bench_result *r, bench_timed run, void *what, int n)
{
    static yardstick y; /* once in a process */
    double seconds[MAX_REPEATS], ratio[MAX_REPEATS], rate[MAX_REPEATS];
    if (!y.x.data) y = yardstick_new();
    sgemm_seconds(&y);                                          /* wakes the threads */
    double before = sgemm_seconds(&y);
    for (int i = 0; i < n; i++) {
        seconds[i] = run(what);
        if (seconds[i] < 0) return -1;
        double after = sgemm_seconds(&y), yard = (before + after) / 2;
        ratio[i] = r->gflop / seconds[i] / (SGEMM_GFLOP / yard);
        rate[i] = SGEMM_GFLOP / yard;
        before = after;
    }
    r->seconds = bench_median(seconds, n);
    r->ratio = bench_median(ratio, n);
    snprintf(r->note + strlen(r->note), sizeof r->note - strlen(r->note),
             "%d runs; sgemm %.0f GFLOP/s beside them", n, bench_median(rate, n));
    return 0;
}

/* A module as the weighted sum of parts (weights may be negative: what one block costs is the
 * difference of two runs). */
typedef struct {
    bench_result *r;
    subject *part;
    const double *weight;
    int nparts;
    subject_fn run;
} module;

static double module_seconds(void *what)
{
    module *m = what;
    double seconds = 0;
    for (int p = 0; p < m->nparts; p++) {
        seconds += m->weight[p] * subject_seconds(&m->part[p], m->run);
        if (gm_ok(m->part[p].c)) continue;
        snprintf(m->r->note, sizeof m->r->note, "%.380s", gm_error_text(m->part[p].c));
        return -1;
    }
    return seconds;
}

static int measure(bench_result *r, subject *parts, const double *weight, int nparts,
                   subject_fn run, int n)
{
    module m = { r, parts, weight, nparts, run };
    return bench_beside(r, module_seconds, &m, n);
}

static int row_sgemm(bench_result *r, bool quick)
{
    enum { N = 7 };
    double seconds[N];
    yardstick y = yardstick_new();
    (void)quick;
    sgemm_seconds(&y);
    for (int i = 0; i < N; i++) seconds[i] = sgemm_seconds(&y);
    r->seconds = bench_median(seconds, N);
    r->gflop = SGEMM_GFLOP;
    r->ratio = 1;
    return 0;
}

static void run_linear(subject *s)
{
    gm_linear(s->c, s->x[0], s->x[1], GM_NONE);
}

/* One token through a LLaMA MLP matrix in bf16: bound by reading the weights. */
static int row_decode(bench_result *r, bool quick)
{
    enum { OUT = 11008, IN = 4096, COPIES = 8, N = 9 };         /* 720 MB: no cache holds it */
    subject s[COPIES];
    double seconds[N];
    (void)quick;
    for (int i = 0; i < COPIES; i++) {
        if (subject_open(&s[i], r)) return -1;
        s[i].x[0] = bench_random(GM_F32, 2, GM_DIMS(1, IN), 1);
        s[i].x[1] = bench_random(GM_BF16, 2, GM_DIMS(OUT, IN), 0.02f);
    }
    for (int i = 0; i < N; i++) {
        seconds[i] = 0;
        for (int k = 0; k < COPIES; k++) seconds[i] += subject_seconds(&s[k], run_linear) / COPIES;
    }
    r->seconds = bench_median(seconds, N);
    r->gflop = 2e-9 * OUT * IN;
    snprintf(r->note, sizeof r->note, "%.1f GB/s of weights", 2e-9 * OUT * IN / r->seconds);
    return 0;
}

static void run_sam(subject *s) { gm_sam_encode(s->c, s->model, s->x[0]); }

/* quick: 28 window and 4 global blocks, each as the cost of one more block. */
static int row_sam(bench_result *r, bool quick)
{
    static sam_encoder m[3];
    static const int64_t L[3][2] = { { 0, 0 }, { 1, 0 }, { 0, 1 } };
    static const double WEIGHT[3] = { 1 - 28 - 4, 28, 4 }, WHOLE = 1;
    subject s[3] = { 0 };
    int parts = quick ? 3 : 1;
    for (int p = 0; p < parts; p++) {
        bench_sam(&m[p], quick ? L[p][0] : 28, quick ? L[p][1] : 4);
        if (subject_open(&s[p], r)) return -1;
        s[p].model = &m[p];
        s[p].x[0] = bench_random(GM_F32, 4, GM_DIMS(1, 3, 1024, 1024), 2);
    }
    r->gflop = bench_sam_gflop(28, 4);
    r->target = 0.75;
    if (quick) snprintf(r->note, sizeof r->note, "estimated from one block of each kind; ");
    return measure(r, s, quick ? WEIGHT : &WHOLE, parts, run_sam, quick ? 5 : 3);
}

static void run_clip(subject *s) { gm_clip(s->c, s->model, s->x[0], NULL); }

static int row_clip(bench_result *r, bool quick)
{
    static clip_tower m;
    static const double WHOLE = 1;
    subject s = { 0 };
    bench_clip(&m);
    if (subject_open(&s, r)) return -1;
    s.model = &m;
    s.x[0] = bench_random(GM_F32, 4, GM_DIMS(1, 3, 336, 336), 2);
    r->gflop = bench_clip_gflop();
    r->target = 0.70;
    return measure(r, &s, &WHOLE, 1, run_clip, quick ? 5 : 9);
}

static void run_region(subject *s)
{
    gm_tensor image = gm_from(s->c, GM_I32, &(int32_t){ 0 }, 1, GM_DIMS(1));
    gm_tensor maps[4];
    gm_region_maps(s->c, s->model, s->x, maps);
    gm_region(s->c, s->model, maps, s->x[4], image);
}

/* quick: five fuse steps, each as the cost of one more. */
static int row_region(bench_result *r, bool quick)
{
    static region_encoder m[2];
    static const double WEIGHT[2] = { 1 - 5, 5 }, WHOLE = 1;
    static float box[4] = { 0.1f, 0.2f, 0.6f, 0.9f };
    subject s[2] = { 0 };
    int parts = quick ? 2 : 1;
    for (int p = 0; p < parts; p++) {
        if (p) m[p] = m[0], m[p].nfuse = 1;
        else bench_region(&m[p], quick ? 1 : 5), m[p].nfuse = quick ? 0 : 5;
        if (subject_open(&s[p], r)) return -1;
        s[p].model = &m[p];
        for (int i = 0; i < 4; i++) s[p].x[i] = bench_random(GM_F32, 3, GM_DIMS(1, 576, 1024), 1);
        s[p].x[4] = (gm_tensor){ box, { 1, 4 }, 2, GM_F32 };
    }
    r->gflop = bench_region_gflop(5, 1);
    if (quick) snprintf(r->note, sizeof r->note, "estimated from one fuse step; ");
    return measure(r, s, quick ? WEIGHT : &WHOLE, parts, run_region, quick ? 2 : 3);
}

static int row_decode_bf16_f32(bench_result *r, bool quick) { return bench_decode(r, 0, quick); }
static int row_decode_q8_0_f32(bench_result *r, bool quick) { return bench_decode(r, 1, quick); }
static int row_decode_q8_0_q8(bench_result *r, bool quick) { return bench_decode(r, 2, quick); }
static int row_decode_q4_0_f32(bench_result *r, bool quick) { return bench_decode(r, 3, quick); }
static int row_decode_q4_0_q8(bench_result *r, bool quick) { return bench_decode(r, 4, quick); }
static int row_decode_q4_1_f32(bench_result *r, bool quick) { return bench_decode(r, 5, quick); }
static int row_decode_q4_1_q8(bench_result *r, bool quick) { return bench_decode(r, 6, quick); }
static int row_long_bf16(bench_result *r, bool quick) { return bench_decode_long(r, 0, quick); }
static int row_long_q8_0(bench_result *r, bool quick) { return bench_decode_long(r, 2, quick); }
static int row_long_q4_0(bench_result *r, bool quick) { return bench_decode_long(r, 4, quick); }

const bench_row bench_rows[] = {
    { "sgemm", "cblas_sgemm 4096 x 5120 x 1280, the yardstick", row_sgemm },
    { "clip", "CLIP ViT-L/14 at 336 pixels, 23 layers, f32", row_clip },
    { "sam", "SAM ViT-H encoder at 1024 pixels, f32", row_sam },
    { "region", "region encoder, 1024 channels, 192 x 192 top level, one box, f32", row_region },
    { "decode", "one row times 11008 x 4096 in bf16", row_decode },
    { "dec-bf16", "one row times 44032 x 4096 in bf16, activations f32", row_decode_bf16_f32 },
    { "dec-q8_0", "one row times 44032 x 4096 in q8_0, activations f32", row_decode_q8_0_f32 },
    { "dec-q8_0-i8", "one row times 44032 x 4096 in q8_0, activations q8", row_decode_q8_0_q8 },
    { "dec-q4_0", "one row times 44032 x 4096 in q4_0, activations f32", row_decode_q4_0_f32 },
    { "dec-q4_0-i8", "one row times 44032 x 4096 in q4_0, activations q8", row_decode_q4_0_q8 },
    { "dec-q4_1", "one row times 44032 x 4096 in q4_1, activations f32", row_decode_q4_1_f32 },
    { "dec-q4_1-i8", "one row times 44032 x 4096 in q4_1, activations q8", row_decode_q4_1_q8 },
    { "long-bf16", "one row times 16384 x 11008 in bf16, activations f32", row_long_bf16 },
    { "long-q8_0-i8", "one row times 16384 x 11008 in q8_0, activations q8", row_long_q8_0 },
    { "long-q4_0-i8", "one row times 16384 x 11008 in q4_0, activations q8", row_long_q4_0 },
    { "mm-bf16", "LLaMA-7B's products, bf16 weights and activations, of vdpbf16ps's peak",
      bench_mm_bf16 },
    { "mm-q8_0", "the same, q8_0 weights, 8-bit activations, of vpdpbusd's peak", bench_mm_q8 },
    { "mm-q4_0", "the same, q4_0 weights", bench_mm_q4 },
    { "kv-f32", "one query of LLaMA-7B's heads against 2048 keys and values in f32",
      bench_cache_f32 },
    { "kv-bf16", "the same in bf16", bench_cache_bf16 },
    { "kv-f16", "the same in f16", bench_cache_f16 },
    { "batch", "a step of 8 sequences through two LLaMA-7B layers in bf16", bench_batch },
    { "batch-f16", "the same, keys and values kept in f16", bench_batch_f16 },
    { "nano", "glamm run models/nano, start to written overlay", bench_nano },
    { "lin-dx", "linear_backward, dx of LLaMA-7B's shapes in bf16, 640 rows", bench_linear_dx },
    { "lin-dw", "linear_backward, dw of LLaMA-7B's shapes, 640 rows", bench_linear_dw },
    { "lora", "linear_backward of one LoRA pair of rank 8 at 4096, 640 rows", bench_lora },
    { "lora-step", "LoRA step, forward and backward, on two layers and head of LLaMA-7B, 640 tokens",
      bench_lora_step },
    { "attn-bk", "attention_backward, 640 causal tokens, 32 heads of 128", bench_attention_back },
    { "conv-bk", "conv2d_backward, 3x3, 1024 channels at 48 x 48, dx and dw", bench_conv_back },
    { "shapes", "train/shapes.h, a grounded caption with picture and masks", bench_shapes },
};
const int bench_nrows = sizeof bench_rows / sizeof *bench_rows;
