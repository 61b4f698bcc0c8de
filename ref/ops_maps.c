/* Fronts of the maps: one element in, one out.  Shapes in ops.h, formulas in docs/OPS.md. */
#include "front.h"

/* b's sizes are a's trailing ones. */
static bool trailing(gm_tensor a, gm_tensor b)
{
    if (b.nd > a.nd || !gm_is_float(a) || !gm_is_float(b)) return false;
    for (int i = 1; i <= b.nd; i++)
        if (a.dim[a.nd - i] != b.dim[b.nd - i]) return false;
    return true;
}

typedef int (*binary_kernel)(float *, const float *, const float *, int64_t, int64_t);
typedef int (*unary_kernel)(float *, const float *, int64_t);

static gm_tensor binary(gm_ctx *c, const char *op, binary_kernel f, gm_tensor a, gm_tensor b)
{
    if (!gm_front(c, op, trailing(a, b), "f32, the second's sizes the first's trailing ones", a, b))
        return GM_NONE;
    gm_tensor y = gm_like(c, a);
    if (!y.data) return GM_NONE;
    return gm_front_end(c, op, f(y.data, a.data, b.data, gm_numel(a), gm_numel(b)), y,
                        (gm_record){ .x = { a, b } }, 0);
}

static gm_tensor unary(gm_ctx *c, const char *op, unary_kernel f, gm_tensor x)
{
    if (!gm_front(c, op, gm_is_float(x), "f32", x, x)) return GM_NONE;
    gm_tensor y = gm_like(c, x);
    if (!y.data) return GM_NONE;
    return gm_front_end(c, op, f(y.data, x.data, gm_numel(x)), y, (gm_record){ .x = { x } }, 0);
}

gm_tensor gm_add(gm_ctx *c, gm_tensor a, gm_tensor b) { return binary(c, "add", c->k->add, a, b); }
gm_tensor gm_mul(gm_ctx *c, gm_tensor a, gm_tensor b) { return binary(c, "mul", c->k->mul, a, b); }
gm_tensor gm_relu(gm_ctx *c, gm_tensor x) { return unary(c, "relu", c->k->relu, x); }
gm_tensor gm_gelu(gm_ctx *c, gm_tensor x) { return unary(c, "gelu", c->k->gelu, x); }
gm_tensor gm_quick_gelu(gm_ctx *c, gm_tensor x)
{
    return unary(c, "quick_gelu", c->k->quick_gelu, x);
}
gm_tensor gm_silu(gm_ctx *c, gm_tensor x) { return unary(c, "silu", c->k->silu, x); }
gm_tensor gm_sin(gm_ctx *c, gm_tensor x) { return unary(c, "sin", c->k->sin, x); }
gm_tensor gm_cos(gm_ctx *c, gm_tensor x) { return unary(c, "cos", c->k->cos, x); }

gm_tensor gm_scale(gm_ctx *c, gm_tensor x, float s)
{
    if (!gm_front(c, "scale", gm_is_float(x), "f32", x, x)) return GM_NONE;
    gm_tensor y = gm_like(c, x);
    if (!y.data) return GM_NONE;
    int bad = c->k->scale(y.data, x.data, gm_numel(x), s);
    return gm_front_end(c, "scale", bad, y, (gm_record){ .x = { x }, .number = { s } }, 0);
}

gm_tensor gm_rope(gm_ctx *c, gm_tensor x, gm_tensor angle)
{
    int64_t R = gm_rows(x, 1), HD = angle.nd == 2 ? 2 * angle.dim[1] : 0;
    bool ok = x.nd >= 1 && HD > 0 && angle.dim[0] == R && x.dim[x.nd - 1] % HD == 0 &&
              gm_is_float(x) && gm_is_float(angle);
    if (!gm_front(c, "rope", ok, "f32 (..., NH HD) and angles (R, HD / 2)", x, angle))
        return GM_NONE;
    gm_tensor y = gm_like(c, x);
    if (!y.data) return GM_NONE;
    int bad = c->k->rope(y.data, x.data, angle.data, R, x.dim[x.nd - 1] / HD, HD);
    return gm_front_end(c, "rope", bad, y, (gm_record){ .x = { x, angle } }, 0);
}
