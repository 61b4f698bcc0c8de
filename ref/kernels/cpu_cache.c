/* Attention over a KV cache.  One query, as in decoding: keys and values are read once, as they
 * lie, all heads of a row one after the other; those of 16 bits become floats in registers.  More
 * queries, 16 bits: a head's become floats first; one head for each thread exists so. */
#include <math.h>
#include <omp.h>
#include "cpu_cache.h"
#include "cpu_table.h"
#include "cpu_vec.h"

/* ---- plain C ---- */

GM_CLONES static float dot_f32(const float *q, const float *k, int64_t n)
{
    float sum = 0;
    #pragma omp simd reduction(+:sum)
    for (int64_t i = 0; i < n; i++) sum += q[i] * k[i];
    return sum;
}

GM_CLONES static float dot_bf16(const float *q, const uint16_t *k, int64_t n)
{
    float sum = 0;
    #pragma omp simd reduction(+:sum)
    for (int64_t i = 0; i < n; i++) sum += q[i] * gm_from_bf16(k[i]);
    return sum;
}

GM_CLONES static float dot_f16(const float *q, const uint16_t *k, int64_t n)
{
    float sum = 0;
    #pragma omp simd reduction(+:sum)
    for (int64_t i = 0; i < n; i++) sum += q[i] * cpu_from_f16(k[i]);
    return sum;
}

GM_CLONES static void add_bf16(float *restrict y, float s, const uint16_t *restrict x, int64_t n)
{
    #pragma omp simd
    for (int64_t i = 0; i < n; i++) y[i] += s * gm_from_bf16(x[i]);
}

GM_CLONES static void add_f16(float *restrict y, float s, const uint16_t *restrict x, int64_t n)
{
    #pragma omp simd
    for (int64_t i = 0; i < n; i++) y[i] += s * cpu_from_f16(x[i]);
}

/* The row CPU_KEYS further on, to the second-level cache; nothing faults. */
static inline void ask_for(const float *row, int64_t stride, int64_t HD)
{
    for (int64_t d = 0; d < HD; d += 16)
        GM_PREFETCH((const void *)((uintptr_t)row + (uintptr_t)(CPU_KEYS * stride + d) * 4), 0, 2);
}

static void dots_f32(float *score, const float *q, const void *k, int64_t n, int64_t HD,
                     int64_t stride, float scale)
{
    const float *row = k;
    for (int64_t j = 0; j < n; j++) {
        ask_for(row + j * stride, stride, HD);
        score[j] = scale * dot_f32(q, row + j * stride, HD);
    }
}

static void dots_bf16(float *score, const float *q, const void *k, int64_t n, int64_t HD,
                      int64_t stride, float scale)
{
    const uint16_t *row = k;
    for (int64_t j = 0; j < n; j++) score[j] = scale * dot_bf16(q, row + j * stride, HD);
}

static void dots_f16(float *score, const float *q, const void *k, int64_t n, int64_t HD,
                     int64_t stride, float scale)
{
    const uint16_t *row = k;
    for (int64_t j = 0; j < n; j++) score[j] = scale * dot_f16(q, row + j * stride, HD);
}

static void weigh_f32(float *y, const float *weight, const void *v, int64_t n, int64_t HD,
                      int64_t stride)
{
    const float *row = v;
    for (int64_t j = 0; j < n; j++) {
        ask_for(row + j * stride, stride, HD);
        cpu_axpy(y, weight[j], row + j * stride, HD);
    }
}

static void weigh_bf16(float *y, const float *weight, const void *v, int64_t n, int64_t HD,
                       int64_t stride)
{
    const uint16_t *row = v;
    for (int64_t j = 0; j < n; j++) add_bf16(y, weight[j], row + j * stride, HD);
}

static void weigh_f16(float *y, const float *weight, const void *v, int64_t n, int64_t HD,
                      int64_t stride)
{
    const uint16_t *row = v;
    for (int64_t j = 0; j < n; j++) add_f16(y, weight[j], row + j * stride, HD);
}

static void widen_bf16(float *y, const uint16_t *x, int64_t n) { cpu_widen(y, x, GM_BF16, 0, n); }
static void widen_f16(float *y, const uint16_t *x, int64_t n) { cpu_widen(y, x, GM_F16, 0, n); }

static void narrow_bf16(uint16_t *y, const float *x, int64_t n)
{
    for (int64_t i = 0; i < n; i++) y[i] = gm_to_bf16(x[i]);
}

static void narrow_f16(uint16_t *y, const float *x, int64_t n)
{
    for (int64_t i = 0; i < n; i++) y[i] = gm_to_f16(x[i]);
}

const cpu_cache_rows cpu_cache_plain[2] = {
    { "plain C", dots_bf16, weigh_bf16, widen_bf16, narrow_bf16 },
    { "plain C", dots_f16, weigh_f16, widen_f16, narrow_f16 },
};

static const cpu_cache_rows *rows_of(gm_dtype type)
{
    static const cpu_cache_rows floats = { "plain C", dots_f32, weigh_f32, NULL, NULL };
    if (type == GM_F32) return &floats;
    const cpu_cache_rows *best = cpu_best_cache(type, 0);
    return best ? best : &cpu_cache_plain[type == GM_F16];
}

/* ---- the slots ---- */

int cpu_place16(void *y, gm_dtype yt, const float *x, int64_t B, int64_t N, int64_t at, int64_t M)
{
    const cpu_cache_rows *rows = rows_of(yt);
    #pragma omp parallel for collapse(2) if (B * M > CPU_GRAIN)
    for (int64_t r = 0; r < B; r++)
        for (int64_t i = 0; i < M; i += CPU_RUN)
            rows->narrow((uint16_t *)y + r * N + at + i, x + r * M + i, cpu_min(CPU_RUN, M - i));
    return 0;
}

/* Some key/value heads of one sequence and the query heads that read them; score (query heads,
 * TK). */
typedef struct {
    const cpu_cache_rows *rows;
    float *y, *score;
    const float *q;
    const char *k, *v;
    const uint8_t *keep;
    int64_t heads, size;                /* key/value heads; bytes of an element */
} run;

/* Scores of n keys become weights not yet divided by the sum that it returns. */
static float weights(float *score, const uint8_t *keep, int64_t n)
{
    for (int64_t j = 0; keep && j < n; j++)
        if (!keep[j]) score[j] = -INFINITY;
    return n > 0 ? cpu_exp_sum(score, cpu_max(score, n), n) : NAN;
}

/* The value of a key that is left out is not read. */
static void weigh_kept(const run *t, float *y, const float *score, int64_t h, const gm_attn *s,
                       int64_t j0, int64_t n)
{
    int64_t stride = s->NKV * s->HD;
    const char *v = t->v + (j0 * stride + h * s->HD) * t->size;
    if (!t->keep) {
        t->rows->weigh(y, score + j0, v, n, s->HD, stride);
        return;
    }
    for (int64_t j = 0; j < n; j++)
        if (t->keep[j0 + j] || score[j0 + j] != 0)
            t->rows->weigh(y, score + j0 + j, v + j * stride * t->size, 1, s->HD, stride);
}

static void one_query(const run *t, const gm_attn *s)
{
    int64_t n = s->causal ? cpu_min(s->TK, s->past + 1) : s->TK, group = s->NH / s->NKV;
    int64_t stride = s->NKV * s->HD, readers = t->heads * group;
    for (int64_t j = 0; j < n; j += CPU_KEYS)
        for (int64_t r = 0; r < readers; r++)
            t->rows->dots(t->score + r * s->TK + j, t->q + r * s->HD,
                          t->k + (j * stride + r / group * s->HD) * t->size,
                          cpu_min(CPU_KEYS, n - j), s->HD, stride, s->scale);
    memset(t->y, 0, (size_t)(readers * s->HD) * sizeof(float));
    for (int64_t r = 0; r < readers; r++) {
        float *score = t->score + r * s->TK, inverse = 1.0f / weights(score, t->keep, n);
        for (int64_t j = 0; j < n; j++) score[j] *= inverse;
        if (n == 0) for (int64_t d = 0; d < s->HD; d++) t->y[r * s->HD + d] = NAN;
    }
    for (int64_t j = 0; j < n; j += CPU_KEYS)
        for (int64_t r = 0; r < readers; r++)
            weigh_kept(t, t->y + r * s->HD, t->score + r * s->TK, r / group, s, j,
                       cpu_min(CPU_KEYS, n - j));
}

/* A task is one sequence and as many neighbouring heads as threads leave for each. */
void cpu_attention_one(float *y, const float *q, const void *k, const void *v, gm_dtype kt,
                       const gm_attn *s, float *scratch)
{
    int threads = s->B * s->NH * s->TK * s->HD > 2 * CPU_GRAIN ? omp_get_max_threads() : 1;
    int64_t parts = cpu_min(s->NKV, threads), group = s->NH / s->NKV;
    int64_t size = kt == GM_F32 ? sizeof(float) : sizeof(uint16_t);
    const cpu_cache_rows *rows = rows_of(kt);
    #pragma omp parallel for num_threads(threads)
    for (int64_t task = 0; task < s->B * parts; task++) {
        int64_t b = task / parts, part = task % parts;
        int64_t first = part * s->NKV / parts, end = (part + 1) * s->NKV / parts;
        int64_t at = (b * s->NH + first * group) * s->HD;
        int64_t kv = (b * s->KS * s->NKV + first) * s->HD * size;
        run t = { rows, y + at, scratch + (b * s->NH + first * group) * s->TK, q + at,
                  (const char *)k + kv, (const char *)v + kv,
                  s->keep ? s->keep + b * s->TK : NULL, end - first, size };
        one_query(&t, s);
    }
}

/* dst (TK, HD) = keys or values of one head. */
static void widen_head(float *dst, const uint16_t *x, gm_dtype kt, const gm_attn *s)
{
    const cpu_cache_rows *rows = rows_of(kt);
    for (int64_t j = 0; j < s->TK; j++)
        rows->widen(dst + j * s->HD, x + j * s->NKV * s->HD, s->HD);
}

/* One thread's room: that of a head, then its keys and values. */
static size_t head_floats(const gm_attn *s)
{
    return cpu_attention_head_floats(s) + (size_t)(2 * s->TK * s->HD);
}

static void prefill(float *y, const float *q, const uint16_t *k, const uint16_t *v, gm_dtype kt,
                    const gm_attn *s, float *scratch)
{
    int threads =
        s->B * s->NH * s->TQ * s->TK * s->HD > 2 * CPU_GRAIN ? omp_get_max_threads() : 1;
    gm_attn alone = *s;
    alone.NKV = 1;
    #pragma omp parallel for schedule(dynamic) num_threads(threads)
    for (int64_t task = 0; task < s->B * s->NH; task++) {
        int64_t b = task / s->NH, h = task % s->NH;
        int64_t kv = (b * s->KS * s->NKV + h / (s->NH / s->NKV)) * s->HD;
        int64_t at = (b * s->TQ * s->NH + h) * s->HD;
        float *keys = scratch + (size_t)omp_get_thread_num() * head_floats(s);
        float *values = keys + s->TK * s->HD;
        widen_head(keys, k + kv, kt, s);
        widen_head(values, v + kv, kt, s);
        cpu_attention_head(y + at, q + at, keys, values, s->keep ? s->keep + b * s->TK : NULL,
                           &alone, values + s->TK * s->HD);
    }
}

size_t cpu_attention16_scratch(gm_dtype kt, const gm_attn *s)
{
    (void)kt;
    if (s->TQ == 1) return cpu_attention_one_floats(s) * sizeof(float);
    return head_floats(s) * (size_t)omp_get_max_threads() * sizeof(float);
}

int cpu_attention16(float *y, const float *q, const void *k, const void *v, gm_dtype kt,
                    const gm_attn *s, void *scratch)
{
    if (s->rel_h || s->TK > INT32_MAX || s->NH * s->HD > INT32_MAX) return 1;
    if (s->TQ == 1) cpu_attention_one(y, q, k, v, kt, s, scratch);
    else prefill(y, q, k, v, kt, s, scratch);
    return 0;
}
