/* Oracle: softmax, attention, and decisions over a row. */
#include <math.h>
#include "ref_table.h"

/* A row of all -inf gives NaN, as torch.softmax does.  fmax passes over a NaN; the sum meets it. */
int ref_softmax(float *y, const float *x, int64_t R, int64_t C)
{
    #pragma omp parallel for
    for (int64_t r = 0; r < R; r++) {
        const float *xr = x + r * C;
        double max = -INFINITY, sum = 0;
        for (int64_t i = 0; i < C; i++) max = fmax(max, xr[i]);
        for (int64_t i = 0; i < C; i++) sum += exp(xr[i] - max);
        for (int64_t i = 0; i < C; i++) y[r * C + i] = (float)(exp(xr[i] - max) / sum);
    }
    return 0;
}

/* dx += y (dy - sum of dy y). */
int ref_softmax_backward(float *dx, const float *dy, const float *y, int64_t R, int64_t C)
{
    #pragma omp parallel for
    for (int64_t r = 0; r < (dx ? R : 0); r++) {
        double sum = 0;
        for (int64_t i = r * C; i < (r + 1) * C; i++) sum += (double)dy[i] * y[i];
        for (int64_t i = r * C; i < (r + 1) * C; i++)
            dx[i] = (float)(dx[i] + y[i] * (dy[i] - sum));
    }
    return 0;
}

static double dot(const float *a, const float *b, int64_t n)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++) sum += (double)a[i] * b[i];
    return sum;
}

/* Per head: a row of scores, q . rel_h and q . rel_w of one query, a row of outputs. */
static int64_t doubles_per_head(const gm_attn *s)
{
    return s->TK + s->HD + (s->rel_h ? s->GH + s->GW : 0);
}

size_t ref_attention_scratch(const gm_attn *s)
{
    return (size_t)(s->B * s->NH * doubles_per_head(s)) * sizeof(double);
}

/* score[j] of query i against every key, -inf where it does not see the key.
 * q (HD), k (TK, HD) NKV HD apart, keep (TK) or NULL, rel (GH + GW) room.
 * segment_anything image_encoder.py, add_decomposed_rel_pos. */
static void scores(double *score, double *rel, const float *q, const float *k, const uint8_t *keep,
                   const gm_attn *s, int64_t i)
{
    if (s->rel_h) {
        int64_t yi = i / s->GW, xi = i % s->GW;
        for (int64_t a = 0; a < s->GH; a++)
            rel[a] = dot(q, s->rel_h + (yi - a + s->GH - 1) * s->HD, s->HD);
        for (int64_t a = 0; a < s->GW; a++)
            rel[s->GH + a] = dot(q, s->rel_w + (xi - a + s->GW - 1) * s->HD, s->HD);
    }
    for (int64_t j = 0; j < s->TK; j++) {
        score[j] = -INFINITY;
        if ((keep && !keep[j]) || (s->causal && j > i + s->past)) continue;
        score[j] = s->scale * dot(q, k + j * s->NKV * s->HD, s->HD);
        if (s->rel_h) score[j] += rel[j / s->GW] + rel[s->GH + j % s->GW];
    }
}

/* y (HD) = softmax of score (TK) times v (TK, HD), NKV HD apart; sum (HD) room.  The value of a key
 * that is not seen is not read. */
static void weigh(float *y, double *sum, const double *score, const float *v, const gm_attn *s)
{
    double max = -INFINITY, total = 0;
    for (int64_t j = 0; j < s->TK; j++) max = fmax(max, score[j]);
    for (int64_t j = 0; j < s->TK; j++) total += exp(score[j] - max);
    for (int64_t d = 0; d < s->HD; d++) sum[d] = 0;
    for (int64_t j = 0; j < s->TK; j++) {
        if (score[j] == -INFINITY && max > -INFINITY) continue;
        double p = exp(score[j] - max) / total;
        for (int64_t d = 0; d < s->HD; d++) sum[d] += p * v[j * s->NKV * s->HD + d];
    }
    for (int64_t d = 0; d < s->HD; d++) y[d] = (float)sum[d];
}

int ref_attention(float *y, const float *q, const float *k, const float *v, const gm_attn *s,
                  void *scratch)
{
    #pragma omp parallel for
    for (int64_t bh = 0; bh < s->B * s->NH; bh++) {             /* bh: batch, head */
        int64_t b = bh / s->NH, h = bh % s->NH;
        int64_t kv = (b * s->KS * s->NKV + h / (s->NH / s->NKV)) * s->HD;
        double *score = (double *)scratch + bh * doubles_per_head(s);
        double *sum = score + s->TK, *rel = sum + s->HD;
        for (int64_t i = 0; i < s->TQ; i++) {
            int64_t at = ((b * s->TQ + i) * s->NH + h) * s->HD;
            scores(score, rel, q + at, k + kv, s->keep ? s->keep + b * s->TK : NULL, s, i);
            weigh(y + at, sum, score, v + kv, s);
        }
    }
    return 0;
}

/* ---- attention, backward ----
 * Of query i with the keys j that it sees: P = softmax of the scores, dP_j = dy . v_j, D = dy . y
 * (the sum of P dP) and dS = P (dP - D), the gradient by the score.  Then
 *
 *   dq_i = sum over j of dS (scale k_j + rel_h + rel_w)      drel = sum over pairs of dS q_i
 *   dk_j = sum over i of dS scale q_i                        dv_j = sum over i of P dy_i
 *
 * over every head that reads the key.  A query that sees no key adds nothing. */

typedef struct { double max, total, d; } query_sums;    /* total: the sum that P is divided by */

typedef struct {
    const gm_attn *s;
    const float *dy, *q, *k, *v, *y;
    query_sums *query;                                  /* (B, TQ, NH) */
    double *room;                                       /* of the sums of one owner */
} attention_in;

static int64_t query_row(const gm_attn *s, int64_t b, int64_t i, int64_t h)
{
    return (b * s->TQ + i) * s->NH + h;
}

static int64_t key_at(const gm_attn *s, int64_t b, int64_t j, int64_t h)
{
    return ((b * s->KS + j) * s->NKV + h / (s->NH / s->NKV)) * s->HD;
}

static int sees(const gm_attn *s, int64_t b, int64_t i, int64_t j)
{
    return (!s->keep || s->keep[b * s->TK + j]) && (!s->causal || j <= i + s->past);
}

/* The rows of rel_h and rel_w that query i reads for key j. */
static const float *rel_row_h(const gm_attn *s, int64_t i, int64_t j)
{
    return s->rel_h + (i / s->GW - j / s->GW + s->GH - 1) * s->HD;
}

static const float *rel_row_w(const gm_attn *s, int64_t i, int64_t j)
{
    return s->rel_w + (i % s->GW - j % s->GW + s->GW - 1) * s->HD;
}

static double score_of(const attention_in *a, int64_t b, int64_t h, int64_t i, int64_t j)
{
    const gm_attn *s = a->s;
    const float *q = a->q + query_row(s, b, i, h) * s->HD;
    double score = s->scale * dot(q, a->k + key_at(s, b, j, h), s->HD);
    if (s->rel_h)
        score += dot(q, rel_row_h(s, i, j), s->HD) + dot(q, rel_row_w(s, i, j), s->HD);
    return score;
}

static query_sums sums_of(const attention_in *a, int64_t b, int64_t h, int64_t i)
{
    int64_t row = query_row(a->s, b, i, h), HD = a->s->HD;
    query_sums t = { -INFINITY, 0, dot(a->dy + row * HD, a->y + row * HD, HD) };
    for (int64_t j = 0; j < a->s->TK; j++)
        if (sees(a->s, b, i, j)) t.max = fmax(t.max, score_of(a, b, h, i, j));
    for (int64_t j = 0; j < a->s->TK; j++)
        if (sees(a->s, b, i, j)) t.total += exp(score_of(a, b, h, i, j) - t.max);
    return t;
}

/* P of a pair, and its dS. */
static double weight_of(double *ds, const attention_in *a, int64_t b, int64_t h, int64_t i,
                        int64_t j)
{
    int64_t row = query_row(a->s, b, i, h), HD = a->s->HD;
    const query_sums *t = a->query + row;
    double p = exp(score_of(a, b, h, i, j) - t->max) / t->total;
    *ds = p * (dot(a->dy + row * HD, a->v + key_at(a->s, b, j, h), HD) - t->d);
    return p;
}

static void add_to(float *y, const double *sum, int64_t n)
{
    for (int64_t i = 0; i < n; i++) y[i] = (float)(y[i] + sum[i]);
}

/* dq (HD) of one query and head. */
static void query_gradient(float *dq, double *sum, const attention_in *a, int64_t b, int64_t h,
                           int64_t i)
{
    const gm_attn *s = a->s;
    for (int64_t d = 0; d < s->HD; d++) sum[d] = 0;
    for (int64_t j = 0; j < s->TK; j++) {
        const float *k = a->k + key_at(s, b, j, h);
        double ds;
        if (!sees(s, b, i, j)) continue;
        weight_of(&ds, a, b, h, i, j);
        for (int64_t d = 0; d < s->HD; d++) sum[d] += ds * ((double)s->scale * k[d]);
        for (int64_t d = 0; s->rel_h && d < s->HD; d++)
            sum[d] += ds * ((double)rel_row_h(s, i, j)[d] + rel_row_w(s, i, j)[d]);
    }
    add_to(dq, sum, s->HD);
}

/* dk, dv (HD, either may be NULL) of key j, from the heads that read key/value head g. */
static void key_gradients(float *dk, float *dv, double *sum, const attention_in *a, int64_t b,
                          int64_t g, int64_t j)
{
    const gm_attn *s = a->s;
    int64_t group = s->NH / s->NKV;
    double *sum_k = sum, *sum_v = sum + s->HD;
    for (int64_t d = 0; d < 2 * s->HD; d++) sum[d] = 0;
    for (int64_t h = g * group; h < (g + 1) * group; h++)
        for (int64_t i = 0; i < s->TQ; i++) {
            int64_t at = query_row(s, b, i, h) * s->HD;
            double ds, p;
            if (!sees(s, b, i, j)) continue;
            p = weight_of(&ds, a, b, h, i, j);
            for (int64_t d = 0; d < s->HD; d++) sum_k[d] += ds * ((double)s->scale * a->q[at + d]);
            for (int64_t d = 0; d < s->HD; d++) sum_v[d] += p * a->dy[at + d];
        }
    if (dk) add_to(dk, sum_k, s->HD);
    if (dv) add_to(dv, sum_v, s->HD);
}

/* Row m of drel_h (down) or drel_w: every pair of a query and a key that reads it. */
static void rel_gradient(float *drel, double *sum, const attention_in *a, int down, int64_t m)
{
    const gm_attn *s = a->s;
    for (int64_t d = 0; d < s->HD; d++) sum[d] = 0;
    for (int64_t row = 0; row < s->B * s->TQ * s->NH; row++) {
        int64_t h = row % s->NH, i = row / s->NH % s->TQ, b = row / (s->NH * s->TQ);
        int64_t key = down ? i / s->GW + s->GH - 1 - m : i % s->GW + s->GW - 1 - m;
        if (key < 0 || key >= (down ? s->GH : s->GW)) continue;
        for (int64_t o = 0; o < (down ? s->GW : s->GH); o++) {
            int64_t j = down ? key * s->GW + o : o * s->GW + key;
            double ds;
            if (!sees(s, b, i, j)) continue;
            weight_of(&ds, a, b, h, i, j);
            for (int64_t d = 0; d < s->HD; d++) sum[d] += ds * a->q[row * s->HD + d];
        }
    }
    add_to(drel, sum, s->HD);
}

/* Owners: a query and head; a key and key/value head; a row of rel_h or rel_w. */
static int64_t owners(const gm_attn *s)
{
    int64_t queries = s->B * s->TQ * s->NH, keys = s->B * s->TK * s->NKV;
    int64_t rel = s->rel_h ? 2 * (s->GH + s->GW) : 0, most = queries > keys ? queries : keys;
    return most > rel ? most : rel;
}

size_t ref_attention_backward_scratch(const gm_attn *s)
{
    return (size_t)(s->B * s->TQ * s->NH) * sizeof(query_sums) +
           (size_t)(owners(s) * 2 * s->HD) * sizeof(double);
}

int ref_attention_backward(float *dq, float *dk, float *dv, float *drel_h, float *drel_w,
                           const float *dy, const float *q, const float *k, const float *v,
                           const float *y, const gm_attn *s, void *scratch)
{
    int64_t queries = s->B * s->TQ * s->NH, keys = s->B * s->TK * s->NKV;
    query_sums *query = scratch;
    attention_in a = { s, dy, q, k, v, y, query, (double *)(query + queries) };
    #pragma omp parallel for
    for (int64_t o = 0; o < queries; o++)
        query[o] = sums_of(&a, o / (s->NH * s->TQ), o % s->NH, o / s->NH % s->TQ);
    #pragma omp parallel for
    for (int64_t o = 0; o < (dq ? queries : 0); o++)
        query_gradient(dq + o * s->HD, a.room + o * 2 * s->HD, &a, o / (s->NH * s->TQ), o % s->NH,
                       o / s->NH % s->TQ);
    #pragma omp parallel for
    for (int64_t o = 0; o < (dk || dv ? keys : 0); o++) {
        int64_t g = o % s->NKV, j = o / s->NKV % s->TK, b = o / (s->NKV * s->TK);
        int64_t at = ((b * s->KS + j) * s->NKV + g) * s->HD;
        key_gradients(dk ? dk + at : NULL, dv ? dv + at : NULL, a.room + o * 2 * s->HD, &a, b, g,
                      j);
    }
    #pragma omp parallel for
    for (int64_t m = 0; m < (drel_h ? 2 * s->GH - 1 : 0); m++)
        rel_gradient(drel_h + m * s->HD, a.room + m * 2 * s->HD, &a, 1, m);
    #pragma omp parallel for
    for (int64_t m = 0; m < (drel_w ? 2 * s->GW - 1 : 0); m++)
        rel_gradient(drel_w + m * s->HD, a.room + m * 2 * s->HD, &a, 0, m);
    return 0;
}

int ref_argmax(int32_t *y, const float *x, int64_t R, int64_t C)
{
    for (int64_t r = 0; r < R; r++) {
        int64_t best = 0;
        for (int64_t i = 1; i < C && !isnan(x[r * C + best]); i++)
            if (x[r * C + i] > x[r * C + best] || isnan(x[r * C + i])) best = i;
        y[r] = (int32_t)best;
    }
    return 0;
}

int ref_finite(int32_t *y, const float *x, int64_t N)
{
    y[0] = 1;
    for (int64_t i = 0; i < N; i++)
        if (!isfinite(x[i])) y[0] = 0;
    return 0;
}
