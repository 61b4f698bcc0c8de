/* Fronts of linear maps, convolutions, norms, resampling.  Shapes in ops.h, formulas in
 * docs/OPS.md. */
#include "front.h"

static bool is_bias(gm_tensor b, int64_t n) { return !b.data || gm_is_vector(b, n); }

gm_tensor gm_linear(gm_ctx *c, gm_tensor x, gm_tensor w, gm_tensor b)
{
    bool ok = x.nd >= 1 && gm_is_matrix(w) && x.dim[x.nd - 1] == w.dim[1] && gm_is_float(x) &&
              is_bias(b, w.dim[0]);
    if (!gm_front(c, "linear", ok, "f32 (..., K) and (N, K), bias (N)", x, w)) return GM_NONE;
    int64_t R = gm_rows(x, 1), N = w.dim[0], K = w.dim[1];
    gm_tensor y = x;
    y.dim[x.nd - 1] = N;
    y = gm_like(c, y);
    gm_mark m = gm_scope(c);
    void *scratch = gm_scratch(c, c->k->linear_scratch ? c->k->linear_scratch(w.type, R, N, K) : 0);
    if (c->failed) return GM_NONE;
    int bad = c->k->linear(y.data, x.data, w.data, w.type, b.data, R, N, K, scratch);
    gm_scratch_end(c, m);
    gm_record r = { .x = { x, w, b }, .flops = 2.0 * (double)R * (double)N * (double)K };
    return gm_front_end(c, "linear", bad, y, r, 0);
}

gm_tensor gm_conv2d(gm_ctx *c, gm_tensor x, gm_tensor w, gm_tensor b, int64_t stride, int64_t pad)
{
    bool ok = x.nd == 4 && w.nd == 4 && x.dim[1] == w.dim[1] && stride > 0 && pad >= 0 &&
              gm_is_float(x) && gm_is_weight(w) && is_bias(b, w.dim[0]) &&
              x.dim[2] + 2 * pad >= w.dim[2] && x.dim[3] + 2 * pad >= w.dim[3];
    if (!gm_front(c, "conv2d", ok, "f32 (B, CI, H, W) and (CO, CI, KH, KW), bias (CO)", x, w))
        return GM_NONE;
    gm_conv s = { x.dim[0],
                  x.dim[1],
                  x.dim[2],
                  x.dim[3],
                  w.dim[0],
                  w.dim[2],
                  w.dim[3],
                  stride,
                  pad,
                  (x.dim[2] + 2 * pad - w.dim[2]) / stride + 1,
                  (x.dim[3] + 2 * pad - w.dim[3]) / stride + 1 };
    gm_tensor y = gm_new(c, GM_F32, 4, GM_DIMS(s.B, s.CO, s.HO, s.WO));
    gm_mark m = gm_scope(c);
    void *scratch = gm_scratch(c, c->k->conv2d_scratch ? c->k->conv2d_scratch(w.type, &s) : 0);
    if (c->failed) return GM_NONE;
    int bad = c->k->conv2d(y.data, x.data, w.data, w.type, b.data, &s, scratch);
    gm_scratch_end(c, m);
    gm_record r = { .x = { x, w, b }, .args = &s };
    r.flops = 2.0 * (double)gm_numel(y) * (double)(s.CI * s.KH * s.KW);
    return gm_front_end(c, "conv2d", bad, y, r, sizeof s);
}

gm_tensor gm_conv_transpose2x2(gm_ctx *c, gm_tensor x, gm_tensor w, gm_tensor b)
{
    bool ok = x.nd == 4 && w.nd == 4 && x.dim[1] == w.dim[0] && w.dim[2] == 2 && w.dim[3] == 2 &&
              gm_is_float(x) && gm_is_weight(w) && is_bias(b, w.dim[1]);
    if (!gm_front(c, "conv_transpose2x2", ok, "f32 (B, CI, H, W) and (CI, CO, 2, 2), bias (CO)", x,
                  w))
        return GM_NONE;
    gm_tensor y = gm_new(c, GM_F32, 4, GM_DIMS(x.dim[0], w.dim[1], 2 * x.dim[2], 2 * x.dim[3]));
    if (!y.data) return GM_NONE;
    int bad = c->k->conv_transpose2x2(y.data, x.data, w.data, w.type, b.data, x.dim[0], x.dim[1],
                                      x.dim[2], x.dim[3], w.dim[1]);
    gm_record r = { .x = { x, w, b }, .flops = 2.0 * (double)gm_numel(y) * (double)x.dim[1] };
    return gm_front_end(c, "conv_transpose2x2", bad, y, r, 0);
}

gm_tensor gm_layernorm(gm_ctx *c, gm_tensor x, gm_tensor w, gm_tensor b, float eps)
{
    int64_t C = x.nd ? x.dim[x.nd - 1] : 0;
    bool ok = C > 0 && gm_is_float(x) && gm_is_vector(w, C) && gm_is_vector(b, C);
    if (!gm_front(c, "layernorm", ok, "f32 (..., C), weight and bias (C)", x, w)) return GM_NONE;
    gm_tensor y = gm_like(c, x);
    if (!y.data) return GM_NONE;
    int bad = c->k->layernorm(y.data, x.data, w.data, b.data, gm_rows(x, 1), C, eps);
    return gm_front_end(c, "layernorm", bad, y, (gm_record){ .x = { x, w, b }, .number = { eps } },
                        0);
}

gm_tensor gm_layernorm2d(gm_ctx *c, gm_tensor x, gm_tensor w, gm_tensor b, float eps)
{
    bool ok = x.nd == 4 && gm_is_float(x) && gm_is_vector(w, x.dim[1]) && gm_is_vector(b, x.dim[1]);
    if (!gm_front(c, "layernorm2d", ok, "f32 (B, C, H, W), weight and bias (C)", x, w))
        return GM_NONE;
    gm_tensor y = gm_like(c, x);
    if (!y.data) return GM_NONE;
    int bad = c->k->layernorm2d(y.data, x.data, w.data, b.data, x.dim[0], x.dim[1],
                                x.dim[2] * x.dim[3], eps);
    return gm_front_end(c, "layernorm2d", bad, y,
                        (gm_record){ .x = { x, w, b }, .number = { eps } }, 0);
}

gm_tensor gm_rmsnorm(gm_ctx *c, gm_tensor x, gm_tensor w, float eps)
{
    int64_t C = x.nd ? x.dim[x.nd - 1] : 0;
    if (!gm_front(c, "rmsnorm", C > 0 && gm_is_float(x) && gm_is_vector(w, C),
                  "f32 (..., C), weight (C)", x, w))
        return GM_NONE;
    gm_tensor y = gm_like(c, x);
    if (!y.data) return GM_NONE;
    int bad = c->k->rmsnorm(y.data, x.data, w.data, gm_rows(x, 1), C, eps);
    return gm_front_end(c, "rmsnorm", bad, y, (gm_record){ .x = { x, w }, .number = { eps } }, 0);
}

gm_tensor gm_groupnorm(gm_ctx *c, gm_tensor x, gm_tensor w, gm_tensor b, int64_t G, float eps)
{
    bool ok = x.nd == 4 && gm_is_float(x) && gm_is_vector(w, x.dim[1]) &&
              gm_is_vector(b, x.dim[1]) && G > 0 && x.dim[1] % G == 0;
    if (!gm_front(c, "groupnorm", ok, "f32 (B, C, H, W), weight and bias (C), groups that divide C",
                  x, w))
        return GM_NONE;
    gm_tensor y = gm_like(c, x);
    if (!y.data) return GM_NONE;
    int bad = c->k->groupnorm(y.data, x.data, w.data, b.data, x.dim[0], x.dim[1],
                              x.dim[2] * x.dim[3], G, eps);
    return gm_front_end(c, "groupnorm", bad, y,
                        (gm_record){ .x = { x, w, b }, .number = { (double)G, eps } }, 0);
}

gm_tensor gm_resize(gm_ctx *c, gm_tensor x, int64_t HO, int64_t WO, bool align_corners)
{
    bool ok = x.nd >= 2 && gm_is_float(x) && HO > 0 && WO > 0 && x.dim[x.nd - 1] > 0 &&
              x.dim[x.nd - 2] > 0;
    if (!gm_front(c, "resize", ok, "f32 (..., H, W)", x, x)) return GM_NONE;
    gm_tensor y = x;
    y.dim[x.nd - 2] = HO;
    y.dim[x.nd - 1] = WO;
    y = gm_like(c, y);
    if (!y.data) return GM_NONE;
    int bad = c->k->resize(y.data, x.data, gm_rows(x, 2), x.dim[x.nd - 2], x.dim[x.nd - 1], HO, WO,
                           align_corners);
    return gm_front_end(c, "resize", bad, y, (gm_record){ .x = { x }, .number = { align_corners } },
                        0);
}

gm_tensor gm_roi_align(gm_ctx *c, gm_tensor x, gm_tensor box, gm_tensor image, int64_t P, int64_t S,
                       float scale)
{
    bool ok = x.nd == 4 && gm_is_float(x) && box.nd == 2 && box.dim[1] == 4 && gm_is_float(box) &&
              image.nd == 1 && image.dim[0] == box.dim[0] && image.type == GM_I32 && P > 0 && S > 0;
    if (!gm_front(c, "roi_align", ok, "f32 (B, C, H, W), boxes (N, 4), i32 images (N)", x, box) ||
        !gm_rows_exist(c, "roi_align", image, x.dim[0]))
        return GM_NONE;
    gm_tensor y = gm_new(c, GM_F32, 4, GM_DIMS(box.dim[0], x.dim[1], P, P));
    if (!y.data) return GM_NONE;
    int bad = c->k->roi_align(y.data, x.data, box.data, image.data, box.dim[0], x.dim[0], x.dim[1],
                              x.dim[2], x.dim[3], P, S, scale);
    gm_record r = { .x = { x, box, image }, .number = { (double)P, (double)S, scale } };
    return gm_front_end(c, "roi_align", bad, y, r, 0);
}
