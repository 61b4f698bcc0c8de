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
