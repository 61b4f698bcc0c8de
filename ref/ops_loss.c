/* Fronts of the losses: one number out.  Shapes in ops.h, formulas in docs/OPS.md. */
#include "front.h"

gm_tensor gm_cross_entropy(gm_ctx *c, gm_tensor x, gm_tensor label)
{
    bool ok = x.nd >= 1 && gm_is_float(x) && label.type == GM_I32 &&
              gm_numel(label) == gm_rows(x, 1) && gm_numel(label) > 0;
    if (!gm_front(c, "cross_entropy", ok, "f32 (..., C) and i32 labels of its rows", x, label))
        return GM_NONE;
    gm_tensor y = gm_new(c, GM_F32, 1, GM_DIMS(1));
    if (!y.data) return GM_NONE;
    int bad = c->k->cross_entropy(y.data, x.data, label.data, gm_rows(x, 1), x.dim[x.nd - 1]);
    return gm_front_end(c, "cross_entropy", bad, y, (gm_record){ .x = { x, label } }, 0);
}

typedef int (*mask_loss)(float *, const float *, const float *, int64_t, int64_t);

static gm_tensor masks(gm_ctx *c, const char *op, mask_loss f, gm_tensor x, gm_tensor t)
{
    bool ok = x.nd >= 2 && gm_same_shape(x, t) && gm_is_float(x) && gm_is_float(t) &&
              gm_numel(x) > 0;
    if (!gm_front(c, op, ok, "f32 (N, ...) and targets of its sizes", x, t)) return GM_NONE;
    gm_tensor y = gm_new(c, GM_F32, 1, GM_DIMS(1));
    if (!y.data) return GM_NONE;
    int bad = f(y.data, x.data, t.data, x.dim[0], gm_numel(x) / x.dim[0]);
    return gm_front_end(c, op, bad, y, (gm_record){ .x = { x, t } }, 0);
}

gm_tensor gm_bce(gm_ctx *c, gm_tensor x, gm_tensor t) { return masks(c, "bce", c->k->bce, x, t); }
gm_tensor gm_dice(gm_ctx *c, gm_tensor x, gm_tensor t)
{
    return masks(c, "dice", c->k->dice, x, t);
}
