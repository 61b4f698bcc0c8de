/* Softmax and attention.  Attention works on tiles of queries of one head: scores of a tile by
 * sgemm, softmax in place, values by sgemm.  One thread holds one tile; no more of the scores ever
 * exists.  Backward computes a tile's weights again. */
#include <cblas.h>
#include <math.h>
#include <omp.h>
#include "cpu_cache.h"
#include "cpu_table.h"
#include "cpu_vec.h"

/* Queries of a tile: many, because sgemm packs all keys anew for each tile; but at most 4 MB of
 * scores. */
enum { TILE_ROWS = 256, TILE_BYTES = 4 << 20 };
/* Backward holds a second tile, of gradients, and gains by keeping both cached. */
enum { BACK_ROWS = 128 };

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

/* Queries of a tile, most at most. */
static int64_t tile_rows(const gm_attn *s, int64_t most)
{
    int64_t fit = TILE_BYTES / (int64_t)sizeof(float) / (s->TK > 0 ? s->TK : 1);
    if (fit < 16) fit = 16;
    return cpu_min(s->TQ, cpu_min(fit, most));
}

/* One thread's room: scores (rows, TK), q . rel_h (rows, 2 GH - 1), q . rel_w (rows, 2 GW - 1), one
 * row of GW, and, backward, gradients of the scores (rows, TK); in whole cache lines. */
typedef struct { float *score, *rel_h, *rel_w, *line, *grad; } room;

static size_t room_floats(const gm_attn *s, int64_t rows, int backward)
{
    int64_t rel = s->rel_h ? 2 * s->GH - 1 + 2 * s->GW - 1 : 0;
    int64_t tiles = backward ? 2 : 1;
    return ((size_t)(rows * (tiles * s->TK + rel) + s->GW) + 15) & ~(size_t)15;
}

static room room_of(float *scratch, const gm_attn *s, int64_t rows)
{
    room m = { .score = scratch };
    m.rel_h = m.score + rows * s->TK;
    m.rel_w = m.rel_h + (s->rel_h ? rows * (2 * s->GH - 1) : 0);
    m.line = m.rel_w + (s->rel_h ? rows * (2 * s->GW - 1) : 0);
    m.grad = m.line + s->GW;
    return m;
}

/* Decoding: no tiles, all heads side by side (cpu_cache.c). */
static int decodes(const gm_attn *s) { return s->TQ == 1 && !s->rel_h; }

size_t cpu_attention_scratch(const gm_attn *s)
{
    if (decodes(s)) return cpu_attention_one_floats(s) * sizeof(float);
    return room_floats(s, tile_rows(s, TILE_ROWS), 0) * (size_t)omp_get_max_threads() *
           sizeof(float);
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

/* Query i alone, without sgemm: rows in which a key that is not seen holds NaN or Inf (a weight of 0
 * in sgemm would carry it over). */
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
    if (decodes(s)) {
        cpu_attention_one(y, q, k, v, GM_F32, s, scratch);
        return 0;
    }
    int64_t rows = tile_rows(s, TILE_ROWS), tiles = rows ? (s->TQ + rows - 1) / rows : 0;
    int64_t tasks = s->B * s->NH * tiles;
    /* The scratch was sized for this many threads. */
    int threads = tasks * rows * s->TK * s->HD > 2 * CPU_GRAIN ? omp_get_max_threads() : 1;
    #pragma omp parallel for schedule(dynamic) num_threads(threads)
    for (int64_t task = 0; task < tasks; task++) {              /* task: batch, head, tile */
        int64_t first = task % tiles * rows, h = task / tiles % s->NH, b = task / (tiles * s->NH);
        int64_t kv = (b * s->KS * s->NKV + h / (s->NH / s->NKV)) * s->HD;
        int64_t at = (b * s->TQ * s->NH + h) * s->HD;
        head t = { y + at, q + at, k + kv, v + kv, s->keep ? s->keep + b * s->TK : NULL };
        room m = room_of((float *)scratch + (size_t)omp_get_thread_num() * room_floats(s, rows, 0),
                         s, rows);
        tile(&t, s, first, cpu_min(rows, s->TQ - first), &m);
    }
    return 0;
}

size_t cpu_attention_head_floats(const gm_attn *s)
{
    return room_floats(s, tile_rows(s, TILE_ROWS), 0);
}

void cpu_attention_head(float *y, const float *q, const float *k, const float *v,
                        const uint8_t *keep, const gm_attn *s, float *scratch)
{
    int64_t rows = tile_rows(s, TILE_ROWS);
    head t = { y, q, k, v, keep };
    room m = room_of(scratch, s, rows);
    for (int64_t i = 0; i < s->TQ; i += rows) tile(&t, s, i, cpu_min(rows, s->TQ - i), &m);
}

/* ---- backward ---- */

/* dx (n) += y (dy - sum of dy y) */
GM_CLONES static void softmax_row_backward(float *restrict dx, const float *dy, const float *y,
                                           int64_t n)
{
    double sum = 0;
    #pragma omp simd reduction(+:sum)
    for (int64_t i = 0; i < n; i++) sum += (double)dy[i] * y[i];
    for (int64_t i = 0; i < n; i++) dx[i] = (float)(dx[i] + y[i] * (dy[i] - sum));
}

int cpu_softmax_backward(float *dx, const float *dy, const float *y, int64_t R, int64_t C)
{
    #pragma omp parallel for if (R * C > CPU_GRAIN)
    for (int64_t r = 0; r < (dx ? R : 0); r++)
        softmax_row_backward(dx + r * C, dy + r * C, y + r * C, C);
    return 0;
}

/* One head of one sequence and its gradients, laid out as what they are of; drel_h, drel_w: a share
 * of its own, or NULL. */
typedef struct {
    head of;
    const float *dy;
    float *dq, *dk, *dv, *drel_h, *drel_w;
} head_back;

/* e (n), weights not yet divided by their sum, become weights; g (n), the gradient of each weight,
 * that of its score. */
GM_CLONES static void scores_backward(float *restrict e, float *restrict g, float inverse,
                                      int64_t n)
{
    float mean = 0;
    #pragma omp simd reduction(+:mean)
    for (int64_t j = 0; j < n; j++) {
        e[j] *= inverse;
        mean += e[j] * g[j];
    }
    for (int64_t j = 0; j < n; j++) g[j] = e[j] * (g[j] - mean);
}

/* Row `row` of the room, query i: products q k and dy v, already there, become weights and
 * gradients of the scores; 0 for the keys, of TK, that i does not see. */
static void query_backward(const head_back *t, const gm_attn *s, const room *m, int64_t row,
                           int64_t i, int64_t TK)
{
    int64_t n = visible(s, i), seen = n;
    float *score = m->score + row * s->TK, *grad = m->grad + row * s->TK;
    float sum = weights(score, m, row, &t->of, s, i);
    if (t->of.keep)
        for (int64_t j = 0; j < n; j++)
            if (!t->of.keep[j]) grad[j] = 0, seen--;
    if (seen == 0) n = 0;
    scores_backward(score, grad, 1.0f / sum, n);
    for (int64_t j = n; j < TK; j++) score[j] = grad[j] = 0;
}

/* dst (M, N) += alpha a b, b (K, N); a (M, K), or (K, M) and taken transposed. */
static void add_product(float *dst, int64_t ldd, CBLAS_TRANSPOSE side, const float *a, int64_t lda,
                        const float *b, int64_t ldb, int64_t M, int64_t N, int64_t K, float alpha)
{
    if (dst)
        cblas_sgemm(CblasRowMajor, side, CblasNoTrans, (int)M, (int)N, (int)K, alpha, a, (int)lda,
                    b, (int)ldb, 1.0f, dst, (int)ldd);
}

/* What the scores' gradients say of rel_h, rel_w and, through them, of q: gathered by distance they
 * are gradients of q . rel_h and q . rel_w. */
static void relative_backward(const head_back *t, const gm_attn *s, const room *m, int64_t first,
                              int64_t rows)
{
    int64_t nh = 2 * s->GH - 1, nw = 2 * s->GW - 1, width = s->NH * s->HD, at = first * width;
    for (int64_t r = 0; r < rows; r++) {
        const float *grad = m->grad + r * s->TK;
        float *up = m->rel_h + r * nh, *left = m->rel_w + r * nw;
        memset(up, 0, (size_t)nh * sizeof(float));
        memset(left, 0, (size_t)nw * sizeof(float));
        memset(m->line, 0, (size_t)s->GW * sizeof(float));
        for (int64_t y = 0; y < s->GH; y++, grad += s->GW) {
            float sum = 0;
            #pragma omp simd reduction(+:sum)
            for (int64_t x = 0; x < s->GW; x++) sum += grad[x];
            cpu_accumulate(m->line, grad, s->GW);
            up[(first + r) / s->GW - y + s->GH - 1] = sum;
        }
        for (int64_t x = 0; x < s->GW; x++) left[(first + r) % s->GW - x + s->GW - 1] = m->line[x];
    }
    float *dq = t->dq ? t->dq + at : NULL;
    add_product(dq, width, CblasNoTrans, m->rel_h, nh, s->rel_h, s->HD, rows, s->HD, nh, 1.0f);
    add_product(dq, width, CblasNoTrans, m->rel_w, nw, s->rel_w, s->HD, rows, s->HD, nw, 1.0f);
    const float *q = t->of.q + at;
    add_product(t->drel_h, s->HD, CblasTrans, m->rel_h, nh, q, width, nh, s->HD, rows, 1.0f);
    add_product(t->drel_w, s->HD, CblasTrans, m->rel_w, nw, q, width, nw, s->HD, rows, 1.0f);
}

static void tile_backward(const head_back *t, const gm_attn *s, int64_t first, int64_t rows,
                          const room *m)
{
    int64_t stride = s->NKV * s->HD, width = s->NH * s->HD, at = first * width;
    int64_t TK = visible(s, first + rows - 1), HD = s->HD;
    const float *q = t->of.q + at, *dy = t->dy + at;
    multiply(m->score, s->TK, q, t->of.k, stride, s, rows, TK, s->scale);
    multiply(m->grad, s->TK, dy, t->of.v, stride, s, rows, TK, 1.0f);
    relative(m, q, s, rows);
    for (int64_t r = 0; r < rows; r++) query_backward(t, s, m, r, first + r, TK);
    add_product(t->dv, stride, CblasTrans, m->score, s->TK, dy, width, TK, HD, rows, 1.0f);
    add_product(t->dk, stride, CblasTrans, m->grad, s->TK, q, width, TK, HD, rows, s->scale);
    add_product(t->dq ? t->dq + at : NULL, width, CblasNoTrans, m->grad, s->TK, t->of.k, stride,
                rows, HD, TK, s->scale);
    if (s->rel_h) relative_backward(t, s, m, first, rows);
}

/* Query i alone, touching only the keys that it sees: where some number is NaN or Inf, products of
 * tiles would carry it to others. */
static void one_query_backward(const head_back *t, const gm_attn *s, int64_t i, const room *m)
{
    int64_t stride = s->NKV * s->HD, n = visible(s, i), at = i * s->NH * s->HD;
    const float *q = t->of.q + at, *dy = t->dy + at;
    relative(m, q, s, 1);
    dots(m->score, q, t->of.k, n, s->HD, stride, s->scale);
    dots(m->grad, dy, t->of.v, n, s->HD, stride, 1.0f);
    query_backward(t, s, m, 0, i, s->TK);
    for (int64_t j = 0; j < n; j++) {
        if (t->of.keep && !t->of.keep[j]) {
            m->score[j] = m->grad[j] = 0;
            continue;
        }
        float g = s->scale * m->grad[j];
        if (t->dq) cpu_axpy(t->dq + at, g, t->of.k + j * stride, s->HD);
        if (t->dk) cpu_axpy(t->dk + j * stride, g, q, s->HD);
        if (t->dv) cpu_axpy(t->dv + j * stride, m->score[j], dy, s->HD);
    }
    if (s->rel_h) relative_backward(t, s, m, i, 1);
}

/* Whether products of whole tiles may be taken: where some keys are not seen, only with finite
 * numbers. */
static int tiles_are_safe(const float *dy, const float *q, const float *k, const float *v,
                          const gm_attn *s)
{
    int64_t queries = s->B * s->TQ * s->NH * s->HD, keys = s->TK * s->NKV * s->HD;
    int32_t ok[2];
    if (!s->causal && !s->keep) return 1;
    cpu_finite(ok, dy, queries), cpu_finite(ok + 1, q, queries);
    int safe = ok[0] && ok[1];
    for (int64_t b = 0; safe && b < s->B; b++) {
        cpu_finite(ok, k + b * s->KS * s->NKV * s->HD, keys);
        cpu_finite(ok + 1, v + b * s->KS * s->NKV * s->HD, keys);
        safe = ok[0] && ok[1];
    }
    return safe;
}

/* Shares of the gradients of rel_h and rel_w, which all heads add to: so many, whatever the
 * threads. */
enum { SHARES = 64 };

static int64_t share_floats(const gm_attn *s)
{
    return s->rel_h ? (2 * s->GH - 1 + 2 * s->GW - 1) * s->HD : 0;
}

/* Tiles of one size. */
static int64_t back_rows(const gm_attn *s)
{
    int64_t most = tile_rows(s, BACK_ROWS), tiles = most ? (s->TQ + most - 1) / most : 0;
    return tiles ? (s->TQ + tiles - 1) / tiles : 0;
}

size_t cpu_attention_backward_scratch(const gm_attn *s)
{
    size_t rooms = room_floats(s, back_rows(s), 1) * (size_t)omp_get_max_threads();
    return (rooms + (size_t)(SHARES * share_floats(s))) * sizeof(float);
}

/* dst (n) += the shares, in order. */
static void gather_shares(float *dst, const float *share, int64_t shares, int64_t step, int64_t n)
{
    for (int64_t i = 0; dst && i < shares; i++) cpu_accumulate(dst, share + i * step, n);
}

static float *shifted(float *p, int64_t n) { return p ? p + n : NULL; }

/* A task is one key/value head of one sequence with all its query heads: dk and dv have one writer.
 * The bits do not depend on the threads as long as sgemm's of one thread do not. */
int cpu_attention_backward(float *dq, float *dk, float *dv, float *drel_h, float *drel_w,
                           const float *dy, const float *q, const float *k, const float *v,
                           const float *y, const gm_attn *s, void *scratch)
{
    (void)y; /* its product with dy is summed over keys instead, which are at hand */
    if (s->TK > INT32_MAX || s->NH * s->HD > INT32_MAX) return 1;
    int64_t rows = back_rows(s), tasks = s->B * s->NKV, group = s->NH / s->NKV;
    int64_t shares = s->rel_h ? cpu_min(SHARES, tasks) : tasks, floats = share_floats(s);
    int threads = s->B * s->NH * s->TQ * s->TK * s->HD > 2 * CPU_GRAIN ? omp_get_max_threads() : 1;
    int safe = tiles_are_safe(dy, q, k, v, s);
    float *share = (float *)scratch + room_floats(s, rows, 1) * (size_t)omp_get_max_threads();
    memset(share, 0, (size_t)(SHARES * floats) * sizeof(float));
    #pragma omp parallel for schedule(dynamic) num_threads(threads)
    for (int64_t n = 0; n < shares; n++)
        for (int64_t task = n; task < tasks; task += shares)    /* task: batch, key/value head */
            for (int64_t h = task % s->NKV * group; h < (task % s->NKV + 1) * group; h++) {
                int64_t b = task / s->NKV, kv = (b * s->KS * s->NKV + task % s->NKV) * s->HD;
                int64_t at = (b * s->TQ * s->NH + h) * s->HD;
                head_back t = {
                    { NULL, q + at, k + kv, v + kv, s->keep ? s->keep + b * s->TK : NULL },
                    dy + at, shifted(dq, at), shifted(dk, kv), shifted(dv, kv),
                    drel_h ? share + n * floats : NULL,
                    drel_w ? share + n * floats + (2 * s->GH - 1) * s->HD : NULL,
                };
                room m = room_of((float *)scratch +
                                 (size_t)omp_get_thread_num() * room_floats(s, rows, 1), s, rows);
                for (int64_t i = 0; i < s->TQ; i += safe ? rows : 1)
                    if (safe) tile_backward(&t, s, i, cpu_min(rows, s->TQ - i), &m);
                    else one_query_backward(&t, s, i, &m);
            }
    if (!s->rel_h) return 0;
    gather_shares(drel_h, share, shares, floats, (2 * s->GH - 1) * s->HD);
    gather_shares(drel_w, share + (2 * s->GH - 1) * s->HD, shares, floats,
                  (2 * s->GW - 1) * s->HD);
    return 0;
}
