/* Decoding and prefill by type of weights: shares of the read bandwidth and of the instruction's
 * peak, both measured in the same run. */
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "bench.h"
#include "../io/os.h"
#include "../ref/backend.h"
#include "../ref/kernels/typed.h"

enum { OUT = 44032, IN = 4096, ROUNDS = 7, SLICES = 64 };    /* 360 MB in bf16: no cache holds it */

GM_CLONES static uint64_t sum_of(const uint64_t *p, int64_t n)
{
    uint64_t sum = 0;
    #pragma omp simd reduction(+:sum)
    for (int64_t i = 0; i < n; i++) sum += p[i];
    return sum;
}

double bench_read_seconds(const void *p, size_t bytes)
{
    static volatile uint64_t kept;
    int64_t n = (int64_t)(bytes / 8);
    uint64_t sum = 0;
    double start = bench_now();
    #pragma omp parallel for reduction(+:sum)
    for (int64_t s = 0; s < SLICES; s++) {
        int64_t from = n * s / SLICES;
        sum += sum_of((const uint64_t *)p + from, n * (s + 1) / SLICES - from);
    }
    double seconds = bench_now() - start;
    kept = sum;
    (void)kept;
    return seconds;
}

void *bench_weights(gm_dtype type, int64_t N, int64_t K)
{
    size_t bytes = gm_type_bytes(type, N * K), block = (size_t)gm_block_bytes(type);
    if (!block) return bench_random(type, 2, GM_DIMS(N, K), 0.02f).data;
    bool second = type == GM_Q4_1 || type == GM_Q4_K || type == GM_Q5_K;
    size_t d = type == GM_Q6_K ? 209 : 1;           /* the byte with its exponent */
    uint8_t *w = gm_aligned_alloc(bytes);
    if (!w) abort();
    uint32_t s = 1;
    for (size_t i = 0; i < bytes; i++) {
        s = s * 1664525u + 1013904223u;
        w[i] = (uint8_t)(s >> 24);
        if (i % block == d || (second && i % block == 3)) w[i] &= 0x0f;     /* d, m: small */
    }
    return w;
}

typedef struct { const char *name, *activations; gm_dtype type; double target; } decode_case;

static const decode_case DECODE[] = {
    { "bf16", "f32", GM_BF16, 0.85 },
    { "q8_0", "f32", GM_Q8_0, 0 },
    { "q8_0", "q8", GM_Q8_0, 0.85 },
    { "q4_0", "f32", GM_Q4_0, 0 },
    { "q4_0", "q8", GM_Q4_0, 0.80 },
    { "q4_1", "f32", GM_Q4_1, 0 },
    { "q4_1", "q8", GM_Q4_1, 0.80 },
};

static int table(gm_kernels *k, const char *activations, bench_result *r)
{
    gm_error e = { "" };
    gm_engine none = { 0 };
    if (!gm_backend(k, "cpu", &e) && !gm_backend_activations(k, &none, activations, &e)) return 0;
    snprintf(r->note, sizeof r->note, "%.390s", e.text);
    return -1;
}

static int decode(bench_result *r, const decode_case *c, int64_t N, int64_t K)
{
    gm_kernels k;
    double seconds[ROUNDS], ratio[ROUNDS], rate[ROUNDS];
    size_t bytes = gm_type_bytes(c->type, N * K);
    if (table(&k, c->activations, r)) return -1;
    void *w = bench_weights(c->type, N, K), *scratch = gm_aligned_alloc(
        k.linear_scratch(c->type, 1, N, K));
    gm_tensor x = bench_random(GM_F32, 1, &K, 1), y = bench_random(GM_F32, 1, &N, 1);
    double before = bench_read_seconds(w, bytes);
    for (int i = 0; i < ROUNDS; i++) {
        double start = bench_now();
        k.linear(y.data, x.data, w, c->type, NULL, 1, N, K, scratch);
        seconds[i] = bench_now() - start;
        double after = bench_read_seconds(w, bytes);
        rate[i] = 2e-9 * (double)bytes / (before + after);
        ratio[i] = 1e-9 * (double)bytes / seconds[i] / rate[i];
        before = after;
    }
    r->seconds = bench_median(seconds, ROUNDS);
    r->gflop = 2e-9 * (double)(N * K);
    r->ratio = bench_median(ratio, ROUNDS);
    r->target = c->target;
    snprintf(r->note, sizeof r->note, "%s, activations %s, %lld x %lld: %.1f GB/s; "
             "reading alone %.1f", c->name, c->activations, (long long)N, (long long)K,
             1e-9 * (double)bytes / r->seconds, bench_median(rate, ROUNDS));
    free(w), free(scratch), free(x.data), free(y.data);
    return 0;
}

int bench_decode(bench_result *r, int i, bool quick)
{
    return decode(r, &DECODE[i], quick ? OUT / 4 : OUT, IN);
}

int bench_decode_long(bench_result *r, int i, bool quick)
{
    return decode(r, &DECODE[i], quick ? 4096 : 16384, 11008);
}

/* LLaMA-7B's shapes (rows, outputs, inputs). */
static const int64_t SHAPE[][3] = { { 640, 4096, 4096 }, { 1024, 4096, 4096 }, { 640, 11008, 4096 },
                                    { 640, 4096, 11008 } };

/* One shape's share of the peak, median of `rounds`; the rate to its note. */
static double product(bench_result *r, const gm_kernels *k, gm_dtype type, const char *instruction,
                      const int64_t *s, int rounds)
{
    double ratio[ROUNDS], seconds[ROUNDS], gflop = 2e-9 * (double)(s[0] * s[1] * s[2]);
    void *w = bench_weights(type, s[1], s[2]);
    void *scratch = gm_aligned_alloc(k->linear_scratch(type, s[0], s[1], s[2]));
    gm_tensor x = bench_random(GM_F32, 2, GM_DIMS(s[0], s[2]), 1),
              y = bench_random(GM_F32, 2, GM_DIMS(s[0], s[1]), 1);
    for (int i = 0; i < rounds; i++) {
        double peak = bench_peak(instruction) * omp_get_max_threads(), start = bench_now();
        k->linear(y.data, x.data, w, type, NULL, s[0], s[1], s[2], scratch);
        seconds[i] = bench_now() - start;
        ratio[i] = peak > 0 ? gflop / seconds[i] / peak : 0;
    }
    r->seconds += bench_median(seconds, rounds);
    r->gflop += gflop;
    size_t at = strlen(r->note);
    snprintf(r->note + at, sizeof r->note - at, "%s%lldx%lldx%lld %.0f GF/s %.0f %%",
             at ? ", " : "", (long long)s[0], (long long)s[1], (long long)s[2],
             gflop / bench_median(seconds, rounds), 100 * bench_median(ratio, rounds));
    free(w), free(scratch), free(x.data), free(y.data);
    return bench_median(ratio, rounds);
}

/* The least share of the four shapes. */
static int prefill(bench_result *r, gm_dtype type, const char *activations, const char *instruction,
                   bool quick)
{
    gm_kernels k;
    if (table(&k, activations, r)) return -1;
    r->ratio = 10;
    for (int i = 0; i < (quick ? 1 : 4); i++) {
        double share = product(r, &k, type, instruction, SHAPE[i], quick ? 3 : 5);
        if (share < r->ratio) r->ratio = share;
    }
    r->target = 0.85;
    return 0;
}

int bench_mm_bf16(bench_result *r, bool quick)
{
    return prefill(r, GM_BF16, "bf16", "vdpbf16ps", quick);
}

int bench_mm_q8(bench_result *r, bool quick)
{
    return prefill(r, GM_Q8_0, "q8", "vpdpbusd", quick);
}

int bench_mm_q4(bench_result *r, bool quick)
{
    return prefill(r, GM_Q4_0, "q8", "vpdpbusd", quick);
}
