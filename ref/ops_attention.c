/* Fronts of softmax, attention and the decisions.  Shapes in ops.h, formulas in docs/OPS.md. */
#include <math.h>

#include "front.h"

gm_tensor gm_softmax(gm_ctx *c, gm_tensor x)
{
    if (!gm_front(c, "softmax", x.nd >= 1 && gm_is_float(x), "f32 (..., C)", x, x)) return GM_NONE;
    gm_tensor y = gm_like(c, x);
    if (!y.data) return GM_NONE;
    int bad = c->k->softmax(y.data, x.data, gm_rows(x, 1), x.dim[x.nd - 1]);
    return gm_front_end(c, "softmax", bad, y, (gm_record){ .x = { x } }, 0);
}

/* Relative position tables fit a square map of TQ = TK = G G tokens. */
static bool fits_grid(gm_tensor rel, int64_t HD, int64_t *G)
{
    *G = 0;
    if (!rel.data) return true;
    *G = (rel.dim[0] + 1) / 2;
    return rel.nd == 2 && rel.dim[1] == HD && rel.dim[0] % 2 == 1 && gm_is_float(rel);
}

/* The slot that reads keys and values of this type, and its scratch. */
static int attend(const gm_kernels *k, float *y, const float *q, gm_tensor keys, gm_tensor values,
                  const gm_attn *s, void *scratch)
{
    if (gm_is_float(keys)) return k->attention(y, q, keys.data, values.data, s, scratch);
    return k->attention16(y, q, keys.data, values.data, keys.type, s, scratch);
}
static size_t scratch_of(const gm_kernels *k, gm_dtype type, const gm_attn *s)
{
    if (type == GM_F32) return k->attention_scratch ? k->attention_scratch(s) : 0;
    return k->attention16_scratch ? k->attention16_scratch(type, s) : 0;
}

gm_tensor gm_attention(gm_ctx *c, gm_tensor q, gm_tensor k, gm_tensor v, gm_attn_options o)
{
    gm_attn s = { .NH = o.NH, .NKV = o.NKV ? o.NKV : o.NH, .causal = o.causal, .past = o.past };
    const char *op = gm_is_float(k) ? "attention" : "attention16";
    bool ok = q.nd == 3 && k.nd == 3 && gm_same_shape(k, v) && q.dim[0] == k.dim[0] &&
              gm_is_float(q) && gm_is_weight(k) && k.type == v.type && s.NH > 0 &&
              s.NH % s.NKV == 0 &&
              q.dim[2] % s.NH == 0 && k.dim[2] * s.NH == q.dim[2] * s.NKV;
    if (ok) {
        s.B = q.dim[0], s.TQ = q.dim[1], s.KS = k.dim[1], s.HD = q.dim[2] / s.NH;
        s.TK = o.TK ? o.TK : s.KS;
        s.scale = (float)(1.0 / sqrt((double)s.HD));
        ok = s.TK <= s.KS && fits_grid(o.rel_h, s.HD, &s.GH) && fits_grid(o.rel_w, s.HD, &s.GW) &&
             !o.rel_h.data == !o.rel_w.data && (gm_is_float(k) || !o.rel_h.data) &&
             (!o.rel_h.data || (s.GH * s.GW == s.TQ && s.TQ == s.TK));
    }
    if (ok && o.keep.data) ok = o.keep.type == GM_U8 && gm_numel(o.keep) == s.B * s.TK;
    if (!gm_front(c, op, ok,
                  "f32 (B, TQ, NH HD) and (B, KS, NKV HD), masks and relative positions to fit", q,
                  k))
        return GM_NONE;
    s.keep = o.keep.data, s.rel_h = o.rel_h.data, s.rel_w = o.rel_w.data;
    gm_tensor y = gm_like(c, q);
    gm_mark m = gm_scope(c);
    void *scratch = gm_scratch(c, scratch_of(c->k, k.type, &s));
    if (c->failed) return GM_NONE;
    int bad = attend(c->k, y.data, q.data, k, v, &s, scratch);
    gm_scratch_end(c, m);
    gm_record r = { .x = { q, k, v, o.rel_h, o.rel_w, o.keep }, .args = &s };
    r.flops = 4.0 * (double)(s.B * s.NH * s.HD) * (double)s.TQ * (double)s.TK *
              (s.causal && !s.past ? 0.5 : 1.0);
    return gm_front_end(c, op, bad, y, r, sizeof s);
}

gm_tensor gm_argmax(gm_ctx *c, gm_tensor x)
{
    bool ok = x.nd >= 1 && gm_is_float(x) && x.dim[x.nd - 1] > 0 && x.dim[x.nd - 1] <= INT32_MAX;
    if (!gm_front(c, "argmax", ok, "f32 (..., C)", x, x)) return GM_NONE;
    gm_tensor y = gm_new(c, GM_I32, 1, GM_DIMS(gm_rows(x, 1)));
    if (!y.data) return GM_NONE;
    int bad = c->k->argmax(y.data, x.data, gm_rows(x, 1), x.dim[x.nd - 1]);
    return gm_front_end(c, "argmax", bad, y, (gm_record){ .x = { x } }, 0);
}
