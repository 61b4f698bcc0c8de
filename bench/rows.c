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

static double sgemm_seconds(void *what)
{
    yardstick *s = what;
    double start = bench_now();
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, GR, GN, GK, 1, s->x.data, GK, s->w.data,
                GK, 0, s->y.data, GN);
    return bench_now() - start;
}

double bench_between(bench_result *r, double work, bench_timed run, void *what, int n,
                     bench_yard yard)
{
    double seconds[MAX_REPEATS], ratio[MAX_REPEATS], rate[MAX_REPEATS];
    yard.run(yard.what);                                        /* wakes the threads */
    double before = yard.run(yard.what);
    for (int i = 0; i < n; i++) {
        seconds[i] = run(what);
        if (seconds[i] < 0) return -1;
        double after = yard.run(yard.what);
        rate[i] = 2 * yard.work / (before + after);
        ratio[i] = work / seconds[i] / rate[i];
        before = after;
    }
    r->seconds = bench_median(seconds, n);
    r->ratio = bench_median(ratio, n);
    return bench_median(rate, n);
}

int bench_beside(bench_result *r, bench_timed run, void *what, int n)
{
    static yardstick y; /* once in a process */
    if (!y.x.data) y = yardstick_new();
    double rate = bench_between(r, r->gflop, run, what, n,
                                (bench_yard){ sgemm_seconds, &y, SGEMM_GFLOP });
    if (rate < 0) return -1;
    size_t at = strlen(r->note);
    snprintf(r->note + at, sizeof r->note - at, "%d runs; sgemm %.0f GFLOP/s beside them", n, rate);
    return 0;
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
    double peak = bench_peak("vfmadd231ps") * omp_get_max_threads();
    if (peak > 0) r->ratio = r->gflop / r->seconds / peak;
    strcpy(r->limit, "fma");
    return 0;
}

/* What the memory gives: 1 GB in order, best of seven, since what disturbs only slows it. */
static int row_read(bench_result *r, bool quick)
{
    enum { N = 7 };
    const int64_t n = quick ? 1 << 26 : 1 << 28;
    gm_tensor x = bench_random(GM_F32, 1, &n, 1);
    for (int i = 0; i < N; i++) {
        double seconds = bench_read_seconds(x.data, (size_t)n * sizeof(float));
        if (!i || seconds < r->seconds) r->seconds = seconds;
    }
    r->gb = 4e-9 * (double)n;
    return 0;
}

/* Registers alone, on all threads at once. */
static int row_peak(bench_result *r, bool quick)
{
    static const char *const instruction[] = { "vfmadd231ps", "vdpbf16ps", "vpdpbusd" };
    const char *name = instruction[r->which];
    double sum = 0, start = gm_seconds();
    (void)quick;
    #pragma omp parallel reduction(+:sum)
    sum += bench_peak(name);
    r->seconds = gm_seconds() - start;
    r->gflop = sum * r->seconds;
    if (sum <= 0) snprintf(r->note, sizeof r->note, "this processor has no %s", name);
    return 0;
}

bool bench_is(const char *row, const char *word)
{
    size_t n = strlen(word);
    return strncmp(row, word, n) == 0 && (row[n] == 0 || row[n] == '-');
}

const bench_row bench_rows[] = {
    { "read", "a buffer of 1 GB in order", row_read, 0 },
    { "fma", "vfmadd231ps in registers", row_peak, 0 },
    { "vdpbf16ps", "the same of bf16 pairs", row_peak, 1 },
    { "vpdpbusd", "the same of four 8-bit products", row_peak, 2 },
    { "sgemm", "cblas_sgemm 4096 x 5120 x 1280", row_sgemm, 0 },
    { "clip", "CLIP but for its last layer, f32", bench_clip, 0 },
    { "sam", "SAM's encoder, f32", bench_sam, 0 },
    { "projector", "V-L projector, one image's tokens, bf16 weights", bench_projector, 0 },
    { "region", "region encoder, one box, bf16 weights", bench_region, 0 },
    { "prefill-bf16", "640 rows, bf16 weights, activations bf16", bench_prefill, 0 },
    { "prefill-bf16-f32", "640 rows, bf16 weights, activations f32", bench_prefill, 1 },
    { "prefill-q8_0", "640 rows, q8_0, activations q8", bench_prefill, 2 },
    { "prefill-q4_0", "640 rows, q4_0, activations q8", bench_prefill, 3 },
    { "prefill-q4_K", "640 rows, q4_K, activations q8", bench_prefill, 4 },
    { "token-bf16", "a token behind 640, bf16, activations f32", bench_token, 1 },
    { "token-q8_0", "a token behind 640, q8_0, activations q8", bench_token, 2 },
    { "token-q4_0", "a token behind 640, q4_0, activations q8", bench_token, 3 },
    { "token-q4_K", "a token behind 640, q4_K, activations q8", bench_token, 4 },
    { "dec-bf16", "one row times a matrix in bf16, activations f32", bench_decode, 0 },
    { "dec-q8_0", "one row times a matrix in q8_0, activations f32", bench_decode, 1 },
    { "dec-q8_0-i8", "one row times a matrix in q8_0, activations q8", bench_decode, 2 },
    { "dec-q4_0", "one row times a matrix in q4_0, activations f32", bench_decode, 3 },
    { "dec-q4_0-i8", "one row times a matrix in q4_0, activations q8", bench_decode, 4 },
    { "dec-q4_1", "one row times a matrix in q4_1, activations f32", bench_decode, 5 },
    { "dec-q4_1-i8", "one row times a matrix in q4_1, activations q8", bench_decode, 6 },
    { "dec-q4_K-i8", "one row times a matrix in q4_K, activations q8", bench_decode, 7 },
    { "dec-q5_K-i8", "one row times a matrix in q5_K, activations q8", bench_decode, 8 },
    { "dec-q6_K-i8", "one row times a matrix in q6_K, activations q8", bench_decode, 9 },
    { "long-bf16", "the same of the MLP's width in bf16, activations f32", bench_decode_long, 0 },
    { "long-q8_0-i8", "the same of the MLP's width in q8_0, activations q8", bench_decode_long, 2 },
    { "long-q4_0-i8", "the same of the MLP's width in q4_0, activations q8", bench_decode_long, 4 },
    { "mm-bf16", "a layer's products, bf16 weights and activations",
      bench_mm_bf16, 0 },
    { "mm-q8_0", "the same, q8_0 weights, 8-bit activations", bench_mm_8, GM_Q8_0 },
    { "mm-q4_0", "the same, q4_0 weights", bench_mm_8, GM_Q4_0 },
    { "mm-q4_K", "the same, q4_K weights", bench_mm_8, GM_Q4_K },
    { "mm-q6_K", "the same, q6_K weights", bench_mm_8, GM_Q6_K },
    { "kv-f32", "one query of LLaMA-7B's heads against 2048 keys and values in f32",
      bench_cache, GM_F32 },
    { "kv-bf16", "the same in bf16", bench_cache, GM_BF16 },
    { "kv-f16", "the same in f16", bench_cache, GM_F16 },
    { "masks", "prompts to four masks at the image's size", bench_masks, 0 },
    { "batch", "a step of 8 sequences through two LLaMA-7B layers in bf16", bench_batch, 0 },
    { "batch-f16", "the same, keys and values kept in f16", bench_batch, 1 },
    { "batch-bf16", "the same, activations bf16, too", bench_batch, 2 },
    { "batch-q8_0", "the same in q8_0, activations q8", bench_batch, 3 },
    { "batch-q4_0", "the same in q4_0, activations q8", bench_batch, 4 },
    { "batch-q4_K", "the same in q4_K, activations q8", bench_batch, 5 },
    { "nano", "glamm run models/nano, start to written overlay", bench_nano, 0 },
    { "lin-dx", "linear_backward, dx of LLaMA-7B's shapes in bf16, 640 rows", bench_linear_dx, 0 },
    { "lin-dw", "linear_backward, dw of LLaMA-7B's shapes, 640 rows", bench_linear_dw, 0 },
    { "lora", "linear_backward of one LoRA pair of rank 8 at 4096, 640 rows", bench_lora, 0 },
    { "lora-step", "LoRA step, forward and backward, on two layers and head of LLaMA-7B, 640 tokens",
      bench_lora_step, 0 },
    { "attn-bk", "attention_backward, 640 causal tokens, 32 heads of 128", bench_attention_back, 0 },
    { "conv-bk", "conv2d_backward, 3x3, 1024 channels at 48 x 48, dx and dw", bench_conv_back, 0 },
    { "shapes", "train/shapes.h, a grounded caption with picture and masks", bench_shapes, 0 },
};
const int bench_nrows = sizeof bench_rows / sizeof *bench_rows;
