/* Softmax and attention.  Attention works on tiles of queries of one head: scores of a tile by
 * sgemm, softmax in place, values by sgemm.  One thread holds one tile; no more of the scores ever
 * exists. */
#include <cblas.h>
#include <math.h>
#include <omp.h>
#include "cpu_table.h"
#include "cpu_vec.h"

/* Queries of a tile: many, because sgemm packs all keys anew for each tile; but at most 4 MB of
 * scores. */
enum { TILE_ROWS = 256, TILE_BYTES = 4 << 20 };

int cpu_softmax(float *y, const float *x, int64_t R, int64_t C)
{
    #pragma omp parallel for if (R * C > CPU_GRAIN)
    for (int64_t r = 0; r < R; r++) {
        float *yr = y + r * C;
        memcpy(yr, x + r * C, (size_t)C * sizeof(float));
        float sum = cpu_exp_sum(yr, cpu_max(yr, C), C);
        for (int64_t i = 0; i < C; i++) yr[i] /= sum;
    }
    return 0;
}

static int64_t tile_rows(const gm_attn *s)
{
    int64_t fit = TILE_BYTES / (int64_t)sizeof(float) / (s->TK > 0 ? s->TK : 1);
    if (fit < 16) fit = 16;
    return cpu_min(s->TQ, cpu_min(fit, TILE_ROWS));
}

/* One thread's room: scores (rows, TK), q . rel_h (rows, 2 GH - 1), q . rel_w (rows, 2 GW - 1), one
 * row of GW; in whole cache lines. */
typedef struct { float *score, *rel_h, *rel_w, *line; } room;

static size_t room_floats(const gm_attn *s)
{
    int64_t rel = s->rel_h ? 2 * s->GH - 1 + 2 * s->GW - 1 : 0;
    return ((size_t)(tile_rows(s) * (s->TK + rel) + s->GW) + 15) & ~(size_t)15;
}

static room room_of(void *scratch, const gm_attn *s, int64_t thread)
{
    int64_t rows = tile_rows(s);
    room m = { .score = (float *)scratch + (size_t)thread * room_floats(s) };
    m.rel_h = m.score + rows * s->TK;
    m.rel_w = m.rel_h + (s->rel_h ? rows * (2 * s->GH - 1) : 0);
    m.line = m.rel_w + (s->rel_h ? rows * (2 * s->GW - 1) : 0);
    return m;
}

size_t cpu_attention_scratch(const gm_attn *s)
{
    return room_floats(s) * (size_t)omp_get_max_threads() * sizeof(float);
}

/* One head of one sequence: q and y rows NH HD apart, k and v rows NKV HD apart. */
typedef struct { float *y; const float *q, *k, *v; const uint8_t *keep; } head;

/* Keys that query i may see: the first so many, of which keep leaves some out. */
static int64_t visible(const gm_attn *s, int64_t i)
{
    return s->causal ? cpu_min(s->TK, i + s->past + 1) : s->TK;
}

/* score (GH, GW) += up[GH - 1 - y] + line[x].  up: q . rel_h from its row yi on. */
GM_CLONES static void add_rel(float *restrict score, const float *restrict up,
                              const float *restrict line, int64_t GH, int64_t GW)
{
    for (int64_t y = 0; y < GH; y++) {
        float u = up[GH - 1 - y];
        for (int64_t x = 0; x < GW; x++) score[y * GW + x] += u + line[x];
    }
}

/* score (n) of one query against n keys. */
GM_CLONES static void dots(float *restrict score, const float *restrict q, const float *restrict k,
                           int64_t n, int64_t HD, int64_t stride, float scale)
{
    for (int64_t j = 0; j < n; j++) {
        float sum = 0;
        #pragma omp simd reduction(+:sum)
        for (int64_t d = 0; d < HD; d++) sum += q[d] * k[j * stride + d];
        score[j] = scale * sum;
    }
}

/* x (n) *= s; returns 0 when all are finite, else NaN. */
GM_CLONES static float scale_row(float *x, float s, int64_t n)
{
    float check = 0;
    #pragma omp simd reduction(+:check)
    for (int64_t i = 0; i < n; i++) {
        x[i] *= s;
        check += x[i] * 0.0f;
    }
    return check;
}

/* Scores of query i, products already there, become weights not yet divided by the sum it
 * returns. */
static float weights(float *score, const room *m, int64_t row, const head *t, const gm_attn *s,
                     int64_t i)
{
    int64_t n = visible(s, i);
    if (s->rel_h) {
        const float *rw = m->rel_w + row * (2 * s->GW - 1) + i % s->GW;
        for (int64_t x = 0; x < s->GW; x++) m->line[x] = rw[s->GW - 1 - x];
        add_rel(score, m->rel_h + row * (2 * s->GH - 1) + i / s->GW, m->line, s->GH, s->GW);
    }
    if (t->keep)
        for (int64_t j = 0; j < n; j++)
            if (!t->keep[j]) score[j] = -INFINITY;
    return n > 0 ? cpu_exp_sum(score, cpu_max(score, n), n) : NAN;
}

/* dst (rows, N) = q (rows, HD) table (N, HD)^T */
static void multiply(float *dst, int64_t ld, const float *q, const float *table, int64_t stride,
                     const gm_attn *s, int64_t rows, int64_t N, float scale)
{
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (int)rows, (int)N, (int)s->HD, scale, q,
                (int)(s->NH * s->HD), table, (int)stride, 0.0f, dst, (int)ld);
}

/* q . rel_h and q . rel_w of rows queries, q unscaled. */
static void relative(const room *m, const float *q, const gm_attn *s, int64_t rows)
{
    if (!s->rel_h) return;
    multiply(m->rel_h, 2 * s->GH - 1, q, s->rel_h, s->HD, s, rows, 2 * s->GH - 1, 1.0f);
    multiply(m->rel_w, 2 * s->GW - 1, q, s->rel_w, s->HD, s, rows, 2 * s->GW - 1, 1.0f);
}

/* Query i alone, without sgemm: decoding, and rows in which a key that is not seen holds NaN or Inf
 * (a weight of 0 in sgemm would carry it over). */
static void one_query(const head *t, const gm_attn *s, int64_t i, const room *m)
{
    int64_t stride = s->NKV * s->HD, n = visible(s, i);
    const float *q = t->q + i * s->NH * s->HD;
    float *y = t->y + i * s->NH * s->HD;
    relative(m, q, s, 1);
    dots(m->score, q, t->k, n, s->HD, stride, s->scale);
    float sum = weights(m->score, m, 0, t, s, i);
    memset(y, 0, (size_t)s->HD * sizeof(float));
    for (int64_t j = 0; j < n; j++) {
        if (t->keep && !t->keep[j] && m->score[j] == 0) continue;
        cpu_axpy(y, m->score[j], t->v + j * stride, s->HD);
    }
    scale_row(y, 1.0f / sum, s->HD);
}

/* A row of no visible key stays all 0 / NaN = NaN. */
static void tile(const head *t, const gm_attn *s, int64_t first, int64_t rows, const room *m)
{
    int64_t stride = s->NKV * s->HD, width = s->NH * s->HD, TK = visible(s, first + rows - 1);
    const float *q = t->q + first * width;
    float *y = t->y + first * width, sum[TILE_ROWS];
    multiply(m->score, s->TK, q, t->k, stride, s, rows, TK, s->scale);
    relative(m, q, s, rows);
    for (int64_t r = 0; r < rows; r++) {
        float *score = m->score + r * s->TK;
        sum[r] = weights(score, m, r, t, s, first + r);
        for (int64_t j = visible(s, first + r); j < TK; j++) score[j] = 0;
    }
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, (int)rows, (int)s->HD, (int)TK, 1.0f,
                m->score, (int)s->TK, t->v, (int)stride, 0.0f, y, (int)width);
    for (int64_t r = 0; r < rows; r++) {
        float check = scale_row(y + r * width, 1.0f / sum[r], s->HD);
        if (isnan(check) && !isnan(sum[r])) one_query(t, s, first + r, m);
    }
}

int cpu_attention(float *y, const float *q, const float *k, const float *v, const gm_attn *s,
                  void *scratch)
{
    if (s->TK > INT32_MAX || s->NH * s->HD > INT32_MAX) return 1;
    int64_t rows = tile_rows(s), tiles = rows ? (s->TQ + rows - 1) / rows : 0;
    int64_t tasks = s->B * s->NH * tiles;
    /* The scratch was sized for this many threads. */
    int threads = tasks * rows * s->TK * s->HD > 2 * CPU_GRAIN ? omp_get_max_threads() : 1;
    #pragma omp parallel for schedule(dynamic) num_threads(threads)
    for (int64_t task = 0; task < tasks; task++) {              /* task: batch, head, tile */
        int64_t first = task % tiles * rows, h = task / tiles % s->NH, b = task / (tiles * s->NH);
        int64_t kv = (b * s->KS * s->NKV + h / (s->NH / s->NKV)) * s->HD;
        int64_t at = (b * s->TQ * s->NH + h) * s->HD;
        head t = { y + at, q + at, k + kv, v + kv, s->keep ? s->keep + b * s->TK : NULL };
        room m = room_of(scratch, s, omp_get_thread_num());
        if (s->TQ == 1) one_query(&t, s, 0, &m);
        else tile(&t, s, first, cpu_min(rows, s->TQ - first), &m);
    }
    return 0;
}
