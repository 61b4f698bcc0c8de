/* Fronts of the ops that only move values.  Shapes in ops.h, formulas in docs/OPS.md. */
#include "front.h"

gm_tensor gm_gather(gm_ctx *c, gm_tensor x, gm_tensor rows)
{
    bool ok = gm_is_matrix(x) && rows.nd == 1 && rows.type == GM_I32;
    if (!gm_front(c, "gather", ok, "(R, C) and i32 (N)", x, rows) ||
        !gm_rows_exist(c, "gather", rows, x.dim[0]))
        return GM_NONE;
    gm_tensor y = gm_new(c, GM_F32, 2, GM_DIMS(rows.dim[0], x.dim[1]));
    if (!y.data) return GM_NONE;
    int bad = c->k->gather(y.data, x.data, x.type, rows.data, rows.dim[0], x.dim[0], x.dim[1]);
    return gm_front_end(c, "gather", bad, y, (gm_record){ .x = { x, rows } }, 0);
}

gm_tensor gm_transpose(gm_ctx *c, gm_tensor x)
{
    if (!gm_front(c, "transpose", x.nd >= 2 && gm_is_float(x), "f32 (..., R, C)", x, x))
        return GM_NONE;
    gm_tensor y = x;
    y.dim[x.nd - 2] = x.dim[x.nd - 1];
    y.dim[x.nd - 1] = x.dim[x.nd - 2];
    y = gm_like(c, y);
    if (!y.data) return GM_NONE;
    int bad = c->k->transpose(y.data, x.data, gm_rows(x, 2), x.dim[x.nd - 2], x.dim[x.nd - 1]);
    return gm_front_end(c, "transpose", bad, y, (gm_record){ .x = { x } }, 0);
}

gm_tensor gm_concat(gm_ctx *c, gm_tensor a, gm_tensor b, int dim)
{
    bool ok = a.nd == b.nd && dim >= 0 && dim < a.nd && gm_is_float(a) && gm_is_float(b);
    for (int i = 0; ok && i < a.nd; i++) ok = i == dim || a.dim[i] == b.dim[i];
    if (!gm_front(c, "concat", ok, "f32, equal but for one size", a, b)) return GM_NONE;
    gm_tensor y = a;
    y.dim[dim] += b.dim[dim];
    y = gm_like(c, y);
    if (!y.data) return GM_NONE;
    int64_t outer = gm_rows(a, a.nd - dim), inner = 1;
    for (int i = dim + 1; i < a.nd; i++) inner *= a.dim[i];
    int bad = c->k->concat(y.data, a.data, b.data, outer, a.dim[dim] * inner, b.dim[dim] * inner);
    return gm_front_end(c, "concat", bad, y, (gm_record){ .x = { a, b }, .number = { dim } }, 0);
}

gm_tensor gm_slice(gm_ctx *c, gm_tensor x, int dim, int64_t at, int64_t n)
{
    bool ok = dim >= 0 && dim < x.nd && gm_is_float(x) && at >= 0 && n >= 0 && at + n <= x.dim[dim];
    if (!gm_front(c, "slice", ok, "f32 with the slice inside it", x, x)) return GM_NONE;
    gm_tensor y = x;
    y.dim[dim] = n;
    y = gm_like(c, y);
    if (!y.data) return GM_NONE;
    int64_t outer = gm_rows(x, x.nd - dim), inner = 1;
    for (int i = dim + 1; i < x.nd; i++) inner *= x.dim[i];
    int bad = c->k->slice(y.data, x.data, outer, x.dim[dim] * inner, at * inner, n * inner);
    return gm_front_end(c, "slice", bad, y,
                        (gm_record){ .x = { x }, .number = { dim, (double)at, (double)n } }, 0);
}

void gm_place(gm_ctx *c, gm_tensor y, gm_tensor x, int64_t at)
{
    const char *op = gm_is_float(y) ? "place" : "place16";
    bool ok = x.nd == 3 && y.nd == 3 && x.dim[0] == y.dim[0] && x.dim[2] == y.dim[2] && at >= 0 &&
              at + x.dim[1] <= y.dim[1] && gm_is_float(x) && gm_is_weight(y);
    if (!gm_front(c, op, ok, "f32, bf16 or f16 (B, N, C) with room for f32 (B, T, C)", y, x))
        return;
    int64_t C = x.dim[2], N = y.dim[1] * C, M = x.dim[1] * C;
    int bad = gm_is_float(y) ? c->k->place(y.data, x.data, x.dim[0], N, at * C, M)
                             : c->k->place16(y.data, y.type, x.data, x.dim[0], N, at * C, M);
    gm_front_end(c, op, bad, y, (gm_record){ .x = { x }, .number = { (double)at } }, 0);
}

gm_tensor gm_repeat(gm_ctx *c, gm_tensor x, int64_t n)
{
    if (!gm_front(c, "repeat", x.nd < GM_MAX_DIMS && n >= 0 && gm_is_float(x),
                  "f32 with a size to spare", x, x))
        return GM_NONE;
    gm_tensor y = { .nd = x.nd + 1, .dim = { n } };
    for (int i = 0; i < x.nd; i++) y.dim[i + 1] = x.dim[i];
    y = gm_like(c, y);
    if (!y.data) return GM_NONE;
    int bad = c->k->repeat(y.data, x.data, n, gm_numel(x));
    return gm_front_end(c, "repeat", bad, y, (gm_record){ .x = { x }, .number = { (double)n } }, 0);
}

gm_tensor gm_window(gm_ctx *c, gm_tensor x, int64_t S)
{
    if (!gm_front(c, "window", x.nd == 4 && S > 0 && gm_is_float(x), "f32 (B, H, W, C)", x, x))
        return GM_NONE;
    int64_t nh = (x.dim[1] + S - 1) / S, nw = (x.dim[2] + S - 1) / S;
    gm_tensor y = gm_new(c, GM_F32, 4, GM_DIMS(x.dim[0] * nh * nw, S, S, x.dim[3]));
    if (!y.data) return GM_NONE;
    int bad = c->k->window(y.data, x.data, x.dim[0], x.dim[1], x.dim[2], x.dim[3], S);
    return gm_front_end(c, "window", bad, y, (gm_record){ .x = { x }, .number = { (double)S } }, 0);
}

gm_tensor gm_unwindow(gm_ctx *c, gm_tensor x, int64_t H, int64_t W)
{
    int64_t S = x.nd == 4 ? x.dim[1] : 0;
    int64_t windows = S > 0 ? ((H + S - 1) / S) * ((W + S - 1) / S) : 0;
    bool ok = windows > 0 && x.dim[2] == S && x.dim[0] % windows == 0 && gm_is_float(x);
    if (!gm_front(c, "unwindow", ok, "f32 (B nh nw, S, S, C)", x, x)) return GM_NONE;
    gm_tensor y = gm_new(c, GM_F32, 4, GM_DIMS(x.dim[0] / windows, H, W, x.dim[3]));
    if (!y.data) return GM_NONE;
    int bad = c->k->unwindow(y.data, x.data, y.dim[0], H, W, x.dim[3], S);
    return gm_front_end(c, "unwindow", bad, y, (gm_record){ .x = { x } }, 0);
}

gm_tensor gm_round_bf16(gm_ctx *c, gm_tensor x, bool on)
{
    if (!on) return x;
    if (!gm_front(c, "round_bf16", gm_is_float(x), "f32", x, x)) return GM_NONE;
    gm_tensor y = gm_like(c, x);
    if (!y.data) return GM_NONE;
    int bad = c->k->round_bf16(y.data, x.data, gm_numel(x));
    return gm_front_end(c, "round_bf16", bad, y, (gm_record){ .x = { x } }, 0);
}
