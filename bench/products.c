/* Decoding and prefill by type of weights: shares of the read bandwidth and of the instruction's
 * peak, both measured in the same run. */
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "preset.h"
#include "../io/os.h"
#include "../ref/backend.h"
#include "../ref/kernels/typed.h"

/* VALUES: 360 MB in bf16, which no cache holds. */
enum { VALUES = 44032 * 4096, ROUNDS = 7, SLICES = 64 };

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

typedef struct { const char *name, *activations; gm_dtype type; double target; } decode_case;

static const decode_case DECODE[] = {
    { "bf16", "f32", GM_BF16, 0.85 },
    { "q8_0", "f32", GM_Q8_0, 0 },
    { "q8_0", "q8", GM_Q8_0, 0.85 },
    { "q4_0", "f32", GM_Q4_0, 0 },
    { "q4_0", "q8", GM_Q4_0, 0.80 },
    { "q4_1", "f32", GM_Q4_1, 0 },
    { "q4_1", "q8", GM_Q4_1, 0.80 },
    { "q4_K", "q8", GM_Q4_K, 0.80 },
    { "q5_K", "q8", GM_Q5_K, 0 },
    { "q6_K", "q8", GM_Q6_K, 0 },
};

int bench_table(gm_kernels *k, const char *activations, bench_result *r)
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
    if (bench_table(&k, c->activations, r)) return -1;
    void *w = bench_matrix(c->type, N, K, 0.02f).data, *scratch = gm_aligned_alloc(
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
    r->gb = 1e-9 * (double)bytes;
    strcpy(r->limit, "reading");
    r->ratio = bench_median(ratio, ROUNDS);
    r->target = c->target;
    snprintf(r->note, sizeof r->note, "%s, activations %s, %lld x %lld; reading alone %.1f GB/s",
             c->name, c->activations, (long long)N, (long long)K, bench_median(rate, ROUNDS));
    free(w), free(scratch), free(x.data), free(y.data);
    return 0;
}

int bench_decode(bench_result *r, bool quick)
{
    int64_t K = bench_chosen.s.hidden;
    return decode(r, &DECODE[r->which], VALUES / K / (quick ? 4 : 1), K);
}

int bench_decode_long(bench_result *r, bool quick)
{
    int64_t K = bench_chosen.s.inter;
    return decode(r, &DECODE[r->which], VALUES / K / (quick ? 4 : 1), K);
}

/* One shape's share of the peak, median of `rounds`; the rate to its note. */
static double product(bench_result *r, const gm_kernels *k, gm_dtype type, const char *instruction,
                      const int64_t *s, int rounds)
{
    double ratio[ROUNDS], seconds[ROUNDS], gflop = 2e-9 * (double)(s[0] * s[1] * s[2]);
    void *w = bench_matrix(type, s[1], s[2], 0.02f).data;
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
    int64_t C = bench_chosen.s.hidden, F = bench_chosen.s.inter;
    const int64_t shape[][3] = { { 640, C, C }, { 1024, C, C }, { 640, F, C }, { 640, C, F } };
    if (bench_table(&k, activations, r)) return -1;
    r->ratio = 10;
    snprintf(r->limit, sizeof r->limit, "%s", instruction);
    for (int i = 0; i < (quick ? 1 : 4); i++) {
        double share = product(r, &k, type, instruction, shape[i], quick ? 3 : 5);
        if (share < r->ratio) r->ratio = share;
    }
    r->target = 0.85;
    return 0;
}

int bench_mm_bf16(bench_result *r, bool quick)
{
    return prefill(r, GM_BF16, "bf16", "vdpbf16ps", quick);
}

int bench_mm_8(bench_result *r, bool quick)
{
    return prefill(r, (gm_dtype)r->which, "q8", "vpdpbusd", quick);
}
