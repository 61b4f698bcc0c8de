/* The bridge's backward slots and losses: see bridge.h.  Gradients are added to, so they cross both
 * ways; those that are NULL stay NULL. */
#include "bridge_call.h"

/* ---- moves ---- */

static int gather_backward(float *dx, const float *dy, const int32_t *rows, int64_t N, int64_t R,
                           int64_t C)
{
    gm_bridge_call c = { .n = 0 };
    dx = gm_bridge_out(&c, dx, gm_floats(R * C));
    dy = gm_bridge_in(&c, dy, gm_floats(N * C));
    rows = gm_bridge_in(&c, rows, (size_t)N * sizeof *rows);
    return gm_bridge_end(&c, c.bad ? 0 : gm_way.to.gather_backward(dx, dy, rows, N, R, C));
}

static int transpose_backward(float *dx, const float *dy, int64_t B, int64_t R, int64_t C)
{
    gm_bridge_call c = { .n = 0 };
    dx = gm_bridge_out(&c, dx, gm_floats(B * R * C));
    dy = gm_bridge_in(&c, dy, gm_floats(B * R * C));
    return gm_bridge_end(&c, c.bad ? 0 : gm_way.to.transpose_backward(dx, dy, B, R, C));
}

static int concat_backward(float *da, float *db, const float *dy, int64_t B, int64_t N, int64_t M)
{
    gm_bridge_call c = { .n = 0 };
    da = gm_bridge_out(&c, da, gm_floats(B * N));
    db = gm_bridge_out(&c, db, gm_floats(B * M));
    dy = gm_bridge_in(&c, dy, gm_floats(B * (N + M)));
    return gm_bridge_end(&c, c.bad ? 0 : gm_way.to.concat_backward(da, db, dy, B, N, M));
}

static int slice_backward(float *dx, const float *dy, int64_t B, int64_t N, int64_t at, int64_t M)
{
    gm_bridge_call c = { .n = 0 };
    dx = gm_bridge_out(&c, dx, gm_floats(B * N));
    dy = gm_bridge_in(&c, dy, gm_floats(B * M));
    return gm_bridge_end(&c, c.bad ? 0 : gm_way.to.slice_backward(dx, dy, B, N, at, M));
}

static int repeat_backward(float *dx, const float *dy, int64_t B, int64_t N)
{
    gm_bridge_call c = { .n = 0 };
    dx = gm_bridge_out(&c, dx, gm_floats(N));
    dy = gm_bridge_in(&c, dy, gm_floats(B * N));
    return gm_bridge_end(&c, c.bad ? 0 : gm_way.to.repeat_backward(dx, dy, B, N));
}

static int window_backward(float *dx, const float *dy, int64_t B, int64_t H, int64_t W, int64_t C,
                           int64_t S)
{
    gm_bridge_call c = { .n = 0 };
    dx = gm_bridge_out(&c, dx, gm_floats(B * H * W * C));
    dy = gm_bridge_in(&c, dy, gm_floats(gm_windowed(B, H, W, C, S)));
    return gm_bridge_end(&c, c.bad ? 0 : gm_way.to.window_backward(dx, dy, B, H, W, C, S));
}

static int unwindow_backward(float *dx, const float *dy, int64_t B, int64_t H, int64_t W,
                             int64_t C, int64_t S)
{
    gm_bridge_call c = { .n = 0 };
    dx = gm_bridge_out(&c, dx, gm_floats(gm_windowed(B, H, W, C, S)));
    dy = gm_bridge_in(&c, dy, gm_floats(B * H * W * C));
    return gm_bridge_end(&c, c.bad ? 0 : gm_way.to.unwindow_backward(dx, dy, B, H, W, C, S));
}

static int round_bf16_backward(float *dx, const float *dy, int64_t N)
{
    gm_bridge_call c = { .n = 0 };
    dx = gm_bridge_out(&c, dx, gm_floats(N));
    dy = gm_bridge_in(&c, dy, gm_floats(N));
    return gm_bridge_end(&c, c.bad ? 0 : gm_way.to.round_bf16_backward(dx, dy, N));
}

/* ---- maps ---- */

static int add_backward(float *da, float *db, const float *dy, int64_t N, int64_t M)
{
    gm_bridge_call c = { .n = 0 };
    da = gm_bridge_out(&c, da, gm_floats(N));
    db = gm_bridge_out(&c, db, gm_floats(M));
    dy = gm_bridge_in(&c, dy, gm_floats(N));
    return gm_bridge_end(&c, c.bad ? 0 : gm_way.to.add_backward(da, db, dy, N, M));
}

static int mul_backward(float *da, float *db, const float *dy, const float *a, const float *b,
                        int64_t N, int64_t M)
{
    gm_bridge_call c = { .n = 0 };
    da = gm_bridge_out(&c, da, gm_floats(N));
    db = gm_bridge_out(&c, db, gm_floats(M));
    dy = gm_bridge_in(&c, dy, gm_floats(N));
    a = gm_bridge_in(&c, a, gm_floats(N));
    b = gm_bridge_in(&c, b, gm_floats(M));
    return gm_bridge_end(&c, c.bad ? 0 : gm_way.to.mul_backward(da, db, dy, a, b, N, M));
}

static int scale_backward(float *dx, const float *dy, int64_t N, float s)
{
    gm_bridge_call c = { .n = 0 };
    dx = gm_bridge_out(&c, dx, gm_floats(N));
    dy = gm_bridge_in(&c, dy, gm_floats(N));
    return gm_bridge_end(&c, c.bad ? 0 : gm_way.to.scale_backward(dx, dy, N, s));
}

typedef int (*map_kernel)(float *, const float *, const float *, int64_t);

static int map_backward(map_kernel k, float *dx, const float *dy, const float *x, int64_t N)
{
    gm_bridge_call c = { .n = 0 };
    dx = gm_bridge_out(&c, dx, gm_floats(N));
    dy = gm_bridge_in(&c, dy, gm_floats(N));
    x = gm_bridge_in(&c, x, gm_floats(N));
    return gm_bridge_end(&c, c.bad ? 0 : k(dx, dy, x, N));
}

static int relu_backward(float *dx, const float *dy, const float *x, int64_t N)
{
    return map_backward(gm_way.to.relu_backward, dx, dy, x, N);
}

static int gelu_backward(float *dx, const float *dy, const float *x, int64_t N)
{
    return map_backward(gm_way.to.gelu_backward, dx, dy, x, N);
}

static int quick_gelu_backward(float *dx, const float *dy, const float *x, int64_t N)
{
    return map_backward(gm_way.to.quick_gelu_backward, dx, dy, x, N);
}

static int silu_backward(float *dx, const float *dy, const float *x, int64_t N)
{
    return map_backward(gm_way.to.silu_backward, dx, dy, x, N);
}

static int sin_backward(float *dx, const float *dy, const float *x, int64_t N)
{
    return map_backward(gm_way.to.sin_backward, dx, dy, x, N);
}

static int cos_backward(float *dx, const float *dy, const float *x, int64_t N)
{
    return map_backward(gm_way.to.cos_backward, dx, dy, x, N);
}

static int rope_backward(float *dx, const float *dy, const float *angle, int64_t R, int64_t NH,
                         int64_t HD)
{
    gm_bridge_call c = { .n = 0 };
    dx = gm_bridge_out(&c, dx, gm_floats(R * NH * HD));
    dy = gm_bridge_in(&c, dy, gm_floats(R * NH * HD));
    angle = gm_bridge_in(&c, angle, gm_floats(R * (HD / 2)));
    return gm_bridge_end(&c, c.bad ? 0 : gm_way.to.rope_backward(dx, dy, angle, R, NH, HD));
}

/* ---- sums ---- */

static int linear_backward(float *dx, float *dw, float *db, const float *dy, const float *x,
                           const void *w, gm_dtype wt, int64_t R, int64_t N, int64_t K,
                           void *unused)
{
    gm_bridge_call c = { .n = 0 };
    const gm_kernels *to = &gm_way.to;
    (void)unused;
    dx = gm_bridge_out(&c, dx, gm_floats(R * K));
    dw = gm_bridge_out(&c, dw, gm_floats(N * K));
    db = gm_bridge_out(&c, db, gm_floats(N));
    dy = gm_bridge_in(&c, dy, gm_floats(R * N));
    x = gm_bridge_in(&c, x, gm_floats(R * K));
    w = gm_bridge_in(&c, w, gm_type_bytes(wt, N * K));
    size_t bytes = to->linear_backward_scratch ? to->linear_backward_scratch(wt, R, N, K) : 0;
    void *room = gm_bridge_scratch(&c, bytes);
    if (c.bad) return gm_bridge_end(&c, 0);
    return gm_bridge_end(&c, to->linear_backward(dx, dw, db, dy, x, w, wt, R, N, K, room));
}

static int conv2d_backward(float *dx, float *dw, float *db, const float *dy, const float *x,
                           const void *w, gm_dtype wt, const gm_conv *s, void *unused)
{
    gm_bridge_call c = { .n = 0 };
    const gm_kernels *to = &gm_way.to;
    int64_t K = s->CI * s->KH * s->KW, pixels = s->B * s->HO * s->WO;
    (void)unused;
    dx = gm_bridge_out(&c, dx, gm_floats(s->B * s->CI * s->H * s->W));
    dw = gm_bridge_out(&c, dw, gm_floats(s->CO * K));
    db = gm_bridge_out(&c, db, gm_floats(s->CO));
    dy = gm_bridge_in(&c, dy, gm_floats(s->CO * pixels));
    x = gm_bridge_in(&c, x, gm_floats(s->B * s->CI * s->H * s->W));
    w = gm_bridge_in(&c, w, gm_type_bytes(wt, s->CO * K));
    size_t bytes = to->conv2d_backward_scratch ? to->conv2d_backward_scratch(wt, s) : 0;
    void *room = gm_bridge_scratch(&c, bytes);
    return gm_bridge_end(&c, c.bad ? 0 : to->conv2d_backward(dx, dw, db, dy, x, w, wt, s, room));
}

static int conv_transpose2x2_backward(float *dx, float *dw, float *db, const float *dy,
                                      const float *x, const void *w, gm_dtype wt, int64_t B,
                                      int64_t CI, int64_t H, int64_t W, int64_t CO)
{
    gm_bridge_call c = { .n = 0 };
    dx = gm_bridge_out(&c, dx, gm_floats(B * CI * H * W));
    dw = gm_bridge_out(&c, dw, gm_floats(CI * CO * 4));
    db = gm_bridge_out(&c, db, gm_floats(CO));
    dy = gm_bridge_in(&c, dy, gm_floats(B * CO * 4 * H * W));
    x = gm_bridge_in(&c, x, gm_floats(B * CI * H * W));
    w = gm_bridge_in(&c, w, gm_type_bytes(wt, CI * CO * 4));
    if (c.bad) return gm_bridge_end(&c, 0);
    return gm_bridge_end(&c, gm_way.to.conv_transpose2x2_backward(dx, dw, db, dy, x, w, wt, B,
                                                                  CI, H, W, CO));
}

static int layernorm_backward(float *dx, float *dw, float *db, const float *dy, const float *x,
                              const float *w, int64_t R, int64_t C, float eps)
{
    gm_bridge_call c = { .n = 0 };
    dx = gm_bridge_out(&c, dx, gm_floats(R * C));
    dw = gm_bridge_out(&c, dw, gm_floats(C));
    db = gm_bridge_out(&c, db, gm_floats(C));
    dy = gm_bridge_in(&c, dy, gm_floats(R * C));
    x = gm_bridge_in(&c, x, gm_floats(R * C));
    w = gm_bridge_in(&c, w, gm_floats(C));
    if (c.bad) return gm_bridge_end(&c, 0);
    return gm_bridge_end(&c, gm_way.to.layernorm_backward(dx, dw, db, dy, x, w, R, C, eps));
}

static int layernorm2d_backward(float *dx, float *dw, float *db, const float *dy, const float *x,
                                const float *w, int64_t B, int64_t C, int64_t HW, float eps)
{
    gm_bridge_call c = { .n = 0 };
    dx = gm_bridge_out(&c, dx, gm_floats(B * C * HW));
    dw = gm_bridge_out(&c, dw, gm_floats(C));
    db = gm_bridge_out(&c, db, gm_floats(C));
    dy = gm_bridge_in(&c, dy, gm_floats(B * C * HW));
    x = gm_bridge_in(&c, x, gm_floats(B * C * HW));
    w = gm_bridge_in(&c, w, gm_floats(C));
    if (c.bad) return gm_bridge_end(&c, 0);
    return gm_bridge_end(&c, gm_way.to.layernorm2d_backward(dx, dw, db, dy, x, w, B, C, HW, eps));
}

static int rmsnorm_backward(float *dx, float *dw, const float *dy, const float *x, const float *w,
                            int64_t R, int64_t C, float eps)
{
    gm_bridge_call c = { .n = 0 };
    dx = gm_bridge_out(&c, dx, gm_floats(R * C));
    dw = gm_bridge_out(&c, dw, gm_floats(C));
    dy = gm_bridge_in(&c, dy, gm_floats(R * C));
    x = gm_bridge_in(&c, x, gm_floats(R * C));
    w = gm_bridge_in(&c, w, gm_floats(C));
    return gm_bridge_end(&c, c.bad ? 0 : gm_way.to.rmsnorm_backward(dx, dw, dy, x, w, R, C, eps));
}

static int groupnorm_backward(float *dx, float *dw, float *db, const float *dy, const float *x,
                              const float *w, int64_t B, int64_t C, int64_t HW, int64_t G,
                              float eps)
{
    gm_bridge_call c = { .n = 0 };
    dx = gm_bridge_out(&c, dx, gm_floats(B * C * HW));
    dw = gm_bridge_out(&c, dw, gm_floats(C));
    db = gm_bridge_out(&c, db, gm_floats(C));
    dy = gm_bridge_in(&c, dy, gm_floats(B * C * HW));
    x = gm_bridge_in(&c, x, gm_floats(B * C * HW));
    w = gm_bridge_in(&c, w, gm_floats(C));
    if (c.bad) return gm_bridge_end(&c, 0);
    return gm_bridge_end(&c, gm_way.to.groupnorm_backward(dx, dw, db, dy, x, w, B, C, HW, G, eps));
}

static int resize_backward(float *dx, const float *dy, int64_t R, int64_t H, int64_t W, int64_t HO,
                           int64_t WO, int align)
{
    gm_bridge_call c = { .n = 0 };
    dx = gm_bridge_out(&c, dx, gm_floats(R * H * W));
    dy = gm_bridge_in(&c, dy, gm_floats(R * HO * WO));
    if (c.bad) return gm_bridge_end(&c, 0);
    return gm_bridge_end(&c, gm_way.to.resize_backward(dx, dy, R, H, W, HO, WO, align));
}

static int roi_align_backward(float *dx, const float *dy, const float *box, const int32_t *image,
                              int64_t N, int64_t B, int64_t C, int64_t H, int64_t W, int64_t P,
                              int64_t S, float scl)
{
    gm_bridge_call c = { .n = 0 };
    dx = gm_bridge_out(&c, dx, gm_floats(B * C * H * W));
    dy = gm_bridge_in(&c, dy, gm_floats(N * C * P * P));
    box = gm_bridge_in(&c, box, gm_floats(N * 4));
    image = gm_bridge_in(&c, image, (size_t)N * sizeof *image);
    if (c.bad) return gm_bridge_end(&c, 0);
    return gm_bridge_end(&c, gm_way.to.roi_align_backward(dx, dy, box, image, N, B, C, H, W, P,
                                                          S, scl));
}

/* ---- softmax, attention ---- */

static int softmax_backward(float *dx, const float *dy, const float *y, int64_t R, int64_t C)
{
    gm_bridge_call c = { .n = 0 };
    dx = gm_bridge_out(&c, dx, gm_floats(R * C));
    dy = gm_bridge_in(&c, dy, gm_floats(R * C));
    y = gm_bridge_in(&c, y, gm_floats(R * C));
    return gm_bridge_end(&c, c.bad ? 0 : gm_way.to.softmax_backward(dx, dy, y, R, C));
}

static int attention_backward(float *dq, float *dk, float *dv, float *drel_h, float *drel_w,
                              const float *dy, const float *q, const float *k, const float *v,
                              const float *y, const gm_attn *s, void *unused)
{
    gm_bridge_call c = { .n = 0 };
    const gm_kernels *to = &gm_way.to;
    gm_attn t = *s;
    size_t queries = gm_floats(s->B * s->TQ * s->NH * s->HD);
    size_t keys = gm_floats(s->B * s->KS * s->NKV * s->HD);
    size_t rows = gm_floats((2 * s->GH - 1) * s->HD), columns = gm_floats((2 * s->GW - 1) * s->HD);
    (void)unused;
    dq = gm_bridge_out(&c, dq, queries);
    dk = gm_bridge_out(&c, dk, keys);
    dv = gm_bridge_out(&c, dv, keys);
    drel_h = gm_bridge_out(&c, drel_h, rows);
    drel_w = gm_bridge_out(&c, drel_w, columns);
    dy = gm_bridge_in(&c, dy, queries);
    q = gm_bridge_in(&c, q, queries);
    k = gm_bridge_in(&c, k, keys);
    v = gm_bridge_in(&c, v, keys);
    y = gm_bridge_in(&c, y, queries);
    t.keep = gm_bridge_in(&c, s->keep, (size_t)(s->B * s->TK));
    t.rel_h = gm_bridge_in(&c, s->rel_h, rows);
    t.rel_w = gm_bridge_in(&c, s->rel_w, columns);
    size_t bytes = to->attention_backward_scratch ? to->attention_backward_scratch(&t) : 0;
    void *room = gm_bridge_scratch(&c, bytes);
    if (c.bad) return gm_bridge_end(&c, 0);
    return gm_bridge_end(&c, to->attention_backward(dq, dk, dv, drel_h, drel_w, dy, q, k, v, y, &t,
                                                    room));
}

/* ---- losses, and where gradients start ---- */

static int fill(float *y, int64_t N, float value)
{
    gm_bridge_call c = { .n = 0 };
    y = gm_bridge_out(&c, y, gm_floats(N));
    return gm_bridge_end(&c, c.bad ? 0 : gm_way.to.fill(y, N, value));
}


static int cross_entropy(float *y, const float *x, const int32_t *label, int64_t R, int64_t C)
{
    gm_bridge_call c = { .n = 0 };
    y = gm_bridge_out(&c, y, gm_floats(1));
    x = gm_bridge_in(&c, x, gm_floats(R * C));
    label = gm_bridge_in(&c, label, (size_t)R * sizeof *label);
    return gm_bridge_end(&c, c.bad ? 0 : gm_way.to.cross_entropy(y, x, label, R, C));
}

static int cross_entropy_backward(float *dx, const float *dy, const float *x, const int32_t *label,
                                  int64_t R, int64_t C)
{
    gm_bridge_call c = { .n = 0 };
    dx = gm_bridge_out(&c, dx, gm_floats(R * C));
    dy = gm_bridge_in(&c, dy, gm_floats(1));
    x = gm_bridge_in(&c, x, gm_floats(R * C));
    label = gm_bridge_in(&c, label, (size_t)R * sizeof *label);
    return gm_bridge_end(&c, c.bad ? 0 : gm_way.to.cross_entropy_backward(dx, dy, x, label, R, C));
}

static int bce(float *y, const float *x, const float *t, int64_t N, int64_t P)
{
    gm_bridge_call c = { .n = 0 };
    y = gm_bridge_out(&c, y, gm_floats(1));
    x = gm_bridge_in(&c, x, gm_floats(N * P));
    t = gm_bridge_in(&c, t, gm_floats(N * P));
    return gm_bridge_end(&c, c.bad ? 0 : gm_way.to.bce(y, x, t, N, P));
}

static int bce_backward(float *dx, const float *dy, const float *x, const float *t, int64_t N,
                        int64_t P)
{
    gm_bridge_call c = { .n = 0 };
    dx = gm_bridge_out(&c, dx, gm_floats(N * P));
    dy = gm_bridge_in(&c, dy, gm_floats(1));
    x = gm_bridge_in(&c, x, gm_floats(N * P));
    t = gm_bridge_in(&c, t, gm_floats(N * P));
    return gm_bridge_end(&c, c.bad ? 0 : gm_way.to.bce_backward(dx, dy, x, t, N, P));
}

static int dice(float *y, const float *x, const float *t, int64_t N, int64_t P)
{
    gm_bridge_call c = { .n = 0 };
    y = gm_bridge_out(&c, y, gm_floats(1));
    x = gm_bridge_in(&c, x, gm_floats(N * P));
    t = gm_bridge_in(&c, t, gm_floats(N * P));
    return gm_bridge_end(&c, c.bad ? 0 : gm_way.to.dice(y, x, t, N, P));
}

static int dice_backward(float *dx, const float *dy, const float *x, const float *t, int64_t N,
                         int64_t P)
{
    gm_bridge_call c = { .n = 0 };
    dx = gm_bridge_out(&c, dx, gm_floats(N * P));
    dy = gm_bridge_in(&c, dy, gm_floats(1));
    x = gm_bridge_in(&c, x, gm_floats(N * P));
    t = gm_bridge_in(&c, t, gm_floats(N * P));
    return gm_bridge_end(&c, c.bad ? 0 : gm_way.to.dice_backward(dx, dy, x, t, N, P));
}

const gm_kernels gm_bridge_backward = {
    .name = "bridge",
    .gather_backward = gather_backward,
    .transpose_backward = transpose_backward,
    .concat_backward = concat_backward,
    .slice_backward = slice_backward,
    .repeat_backward = repeat_backward,
    .window_backward = window_backward,
    .unwindow_backward = unwindow_backward,
    .round_bf16_backward = round_bf16_backward,
    .add_backward = add_backward,
    .mul_backward = mul_backward,
    .scale_backward = scale_backward,
    .relu_backward = relu_backward,
    .gelu_backward = gelu_backward,
    .quick_gelu_backward = quick_gelu_backward,
    .silu_backward = silu_backward,
    .sin_backward = sin_backward,
    .cos_backward = cos_backward,
    .rope_backward = rope_backward,
    .linear_backward = linear_backward,
    .conv2d_backward = conv2d_backward,
    .conv_transpose2x2_backward = conv_transpose2x2_backward,
    .layernorm_backward = layernorm_backward,
    .layernorm2d_backward = layernorm2d_backward,
    .rmsnorm_backward = rmsnorm_backward,
    .groupnorm_backward = groupnorm_backward,
    .resize_backward = resize_backward,
    .roi_align_backward = roi_align_backward,
    .softmax_backward = softmax_backward,
    .attention_backward = attention_backward,
    .cross_entropy_backward = cross_entropy_backward,
    .bce_backward = bce_backward,
    .dice_backward = dice_backward,
    .fill = fill,
    .cross_entropy = cross_entropy,
    .bce = bce,
    .dice = dice,
};
