/* The bridge's forward slots: see bridge.h. */
#include "bridge_call.h"

/* ---- moves ---- */

static int gather(float *y, const void *x, gm_dtype xt, const int32_t *rows, int64_t N, int64_t R,
                  int64_t C)
{
    gm_bridge_call c = { .n = 0 };
    float *out = gm_bridge_out(&c, y, gm_floats(N * C));
    x = gm_bridge_in(&c, x, gm_type_bytes(xt, R * C));
    rows = gm_bridge_in(&c, rows, (size_t)N * sizeof *rows);
    return gm_bridge_end(&c, c.bad ? 0 : gm_way.to.gather(out, x, xt, rows, N, R, C));
}

static int transpose(float *y, const float *x, int64_t B, int64_t R, int64_t C)
{
    gm_bridge_call c = { .n = 0 };
    float *out = gm_bridge_out(&c, y, gm_floats(B * R * C));
    x = gm_bridge_in(&c, x, gm_floats(B * R * C));
    return gm_bridge_end(&c, c.bad ? 0 : gm_way.to.transpose(out, x, B, R, C));
}

static int concat(float *y, const float *a, const float *b, int64_t B, int64_t N, int64_t M)
{
    gm_bridge_call c = { .n = 0 };
    float *out = gm_bridge_out(&c, y, gm_floats(B * (N + M)));
    a = gm_bridge_in(&c, a, gm_floats(B * N));
    b = gm_bridge_in(&c, b, gm_floats(B * M));
    return gm_bridge_end(&c, c.bad ? 0 : gm_way.to.concat(out, a, b, B, N, M));
}

static int slice(float *y, const float *x, int64_t B, int64_t N, int64_t at, int64_t M)
{
    gm_bridge_call c = { .n = 0 };
    float *out = gm_bridge_out(&c, y, gm_floats(B * M));
    x = gm_bridge_in(&c, x, gm_floats(B * N));
    return gm_bridge_end(&c, c.bad ? 0 : gm_way.to.slice(out, x, B, N, at, M));
}

static int place(float *y, const float *x, int64_t B, int64_t N, int64_t at, int64_t M)
{
    gm_bridge_call c = { .n = 0 };
    float *out = gm_bridge_out(&c, y, gm_floats(B * N));
    x = gm_bridge_in(&c, x, gm_floats(B * M));
    return gm_bridge_end(&c, c.bad ? 0 : gm_way.to.place(out, x, B, N, at, M));
}

static int place16(void *y, gm_dtype yt, const float *x, int64_t B, int64_t N, int64_t at,
                   int64_t M)
{
    gm_bridge_call c = { .n = 0 };
    void *out = gm_bridge_out(&c, y, gm_type_bytes(yt, B * N));
    x = gm_bridge_in(&c, x, gm_floats(B * M));
    return gm_bridge_end(&c, c.bad ? 0 : gm_way.to.place16(out, yt, x, B, N, at, M));
}

static int repeat(float *y, const float *x, int64_t B, int64_t N)
{
    gm_bridge_call c = { .n = 0 };
    float *out = gm_bridge_out(&c, y, gm_floats(B * N));
    x = gm_bridge_in(&c, x, gm_floats(N));
    return gm_bridge_end(&c, c.bad ? 0 : gm_way.to.repeat(out, x, B, N));
}

static int window(float *y, const float *x, int64_t B, int64_t H, int64_t W, int64_t C, int64_t S)
{
    gm_bridge_call c = { .n = 0 };
    float *out = gm_bridge_out(&c, y, gm_floats(gm_windowed(B, H, W, C, S)));
    x = gm_bridge_in(&c, x, gm_floats(B * H * W * C));
    return gm_bridge_end(&c, c.bad ? 0 : gm_way.to.window(out, x, B, H, W, C, S));
}

static int unwindow(float *y, const float *x, int64_t B, int64_t H, int64_t W, int64_t C, int64_t S)
{
    gm_bridge_call c = { .n = 0 };
    float *out = gm_bridge_out(&c, y, gm_floats(B * H * W * C));
    x = gm_bridge_in(&c, x, gm_floats(gm_windowed(B, H, W, C, S)));
    return gm_bridge_end(&c, c.bad ? 0 : gm_way.to.unwindow(out, x, B, H, W, C, S));
}

/* ---- maps ---- */

typedef int (*unary_kernel)(float *, const float *, int64_t);
typedef int (*binary_kernel)(float *, const float *, const float *, int64_t, int64_t);

static int unary(unary_kernel f, float *y, const float *x, int64_t N)
{
    gm_bridge_call c = { .n = 0 };
    float *out = gm_bridge_out(&c, y, gm_floats(N));
    x = gm_bridge_in(&c, x, gm_floats(N));
    return gm_bridge_end(&c, c.bad ? 0 : f(out, x, N));
}

static int binary(binary_kernel f, float *y, const float *a, const float *b, int64_t N, int64_t M)
{
    gm_bridge_call c = { .n = 0 };
    float *out = gm_bridge_out(&c, y, gm_floats(N));
    a = gm_bridge_in(&c, a, gm_floats(N));
    b = gm_bridge_in(&c, b, gm_floats(M));
    return gm_bridge_end(&c, c.bad ? 0 : f(out, a, b, N, M));
}

static int round_bf16(float *y, const float *x, int64_t N)
{
    return unary(gm_way.to.round_bf16, y, x, N);
}
static int relu(float *y, const float *x, int64_t N) { return unary(gm_way.to.relu, y, x, N); }
static int gelu(float *y, const float *x, int64_t N) { return unary(gm_way.to.gelu, y, x, N); }
static int quick_gelu(float *y, const float *x, int64_t N)
{
    return unary(gm_way.to.quick_gelu, y, x, N);
}
static int silu(float *y, const float *x, int64_t N) { return unary(gm_way.to.silu, y, x, N); }
static int map_sin(float *y, const float *x, int64_t N) { return unary(gm_way.to.sin, y, x, N); }
static int map_cos(float *y, const float *x, int64_t N) { return unary(gm_way.to.cos, y, x, N); }

static int add(float *y, const float *a, const float *b, int64_t N, int64_t M)
{
    return binary(gm_way.to.add, y, a, b, N, M);
}

static int mul(float *y, const float *a, const float *b, int64_t N, int64_t M)
{
    return binary(gm_way.to.mul, y, a, b, N, M);
}

static int scale(float *y, const float *x, int64_t N, float s)
{
    gm_bridge_call c = { .n = 0 };
    float *out = gm_bridge_out(&c, y, gm_floats(N));
    x = gm_bridge_in(&c, x, gm_floats(N));
    return gm_bridge_end(&c, c.bad ? 0 : gm_way.to.scale(out, x, N, s));
}

static int rope(float *y, const float *x, const float *angle, int64_t R, int64_t NH, int64_t HD)
{
    gm_bridge_call c = { .n = 0 };
    float *out = gm_bridge_out(&c, y, gm_floats(R * NH * HD));
    x = gm_bridge_in(&c, x, gm_floats(R * NH * HD));
    angle = gm_bridge_in(&c, angle, gm_floats(R * (HD / 2)));
    return gm_bridge_end(&c, c.bad ? 0 : gm_way.to.rope(out, x, angle, R, NH, HD));
}

/* ---- sums ---- */

static int linear(float *y, const float *x, const void *w, gm_dtype wt, const float *b, int64_t R,
                  int64_t N, int64_t K, void *unused)
{
    gm_bridge_call c = { .n = 0 };
    const gm_kernels *to = &gm_way.to;
    (void)unused;
    float *out = gm_bridge_out(&c, y, gm_floats(R * N));
    x = gm_bridge_in(&c, x, gm_floats(R * K));
    w = gm_bridge_in(&c, w, gm_type_bytes(wt, N * K));
    b = gm_bridge_in(&c, b, gm_floats(N));
    void *s = gm_bridge_scratch(&c, to->linear_scratch ? to->linear_scratch(wt, R, N, K) : 0);
    return gm_bridge_end(&c, c.bad ? 0 : to->linear(out, x, w, wt, b, R, N, K, s));
}

static int conv2d(float *y, const float *x, const void *w, gm_dtype wt, const float *b,
                  const gm_conv *s, void *unused)
{
    gm_bridge_call c = { .n = 0 };
    const gm_kernels *to = &gm_way.to;
    (void)unused;
    float *out = gm_bridge_out(&c, y, gm_floats(s->B * s->CO * s->HO * s->WO));
    x = gm_bridge_in(&c, x, gm_floats(s->B * s->CI * s->H * s->W));
    w = gm_bridge_in(&c, w, gm_type_bytes(wt, s->CO * s->CI * s->KH * s->KW));
    b = gm_bridge_in(&c, b, gm_floats(s->CO));
    void *room = gm_bridge_scratch(&c, to->conv2d_scratch ? to->conv2d_scratch(wt, s) : 0);
    return gm_bridge_end(&c, c.bad ? 0 : to->conv2d(out, x, w, wt, b, s, room));
}

static int conv_transpose2x2(float *y, const float *x, const void *w, gm_dtype wt, const float *b,
                             int64_t B, int64_t CI, int64_t H, int64_t W, int64_t CO)
{
    gm_bridge_call c = { .n = 0 };
    float *out = gm_bridge_out(&c, y, gm_floats(B * CO * 4 * H * W));
    x = gm_bridge_in(&c, x, gm_floats(B * CI * H * W));
    w = gm_bridge_in(&c, w, gm_type_bytes(wt, CI * CO * 4));
    b = gm_bridge_in(&c, b, gm_floats(CO));
    if (c.bad) return gm_bridge_end(&c, 0);
    return gm_bridge_end(&c, gm_way.to.conv_transpose2x2(out, x, w, wt, b, B, CI, H, W, CO));
}

static int layernorm(float *y, const float *x, const float *w, const float *b, int64_t R, int64_t C,
                     float eps)
{
    gm_bridge_call c = { .n = 0 };
    float *out = gm_bridge_out(&c, y, gm_floats(R * C));
    x = gm_bridge_in(&c, x, gm_floats(R * C));
    w = gm_bridge_in(&c, w, gm_floats(C));
    b = gm_bridge_in(&c, b, gm_floats(C));
    return gm_bridge_end(&c, c.bad ? 0 : gm_way.to.layernorm(out, x, w, b, R, C, eps));
}

static int layernorm2d(float *y, const float *x, const float *w, const float *b, int64_t B,
                       int64_t C, int64_t HW, float eps)
{
    gm_bridge_call c = { .n = 0 };
    float *out = gm_bridge_out(&c, y, gm_floats(B * C * HW));
    x = gm_bridge_in(&c, x, gm_floats(B * C * HW));
    w = gm_bridge_in(&c, w, gm_floats(C));
    b = gm_bridge_in(&c, b, gm_floats(C));
    return gm_bridge_end(&c, c.bad ? 0 : gm_way.to.layernorm2d(out, x, w, b, B, C, HW, eps));
}

static int rmsnorm(float *y, const float *x, const float *w, int64_t R, int64_t C, float eps)
{
    gm_bridge_call c = { .n = 0 };
    float *out = gm_bridge_out(&c, y, gm_floats(R * C));
    x = gm_bridge_in(&c, x, gm_floats(R * C));
    w = gm_bridge_in(&c, w, gm_floats(C));
    return gm_bridge_end(&c, c.bad ? 0 : gm_way.to.rmsnorm(out, x, w, R, C, eps));
}

static int groupnorm(float *y, const float *x, const float *w, const float *b, int64_t B, int64_t C,
                     int64_t HW, int64_t G, float eps)
{
    gm_bridge_call c = { .n = 0 };
    float *out = gm_bridge_out(&c, y, gm_floats(B * C * HW));
    x = gm_bridge_in(&c, x, gm_floats(B * C * HW));
    w = gm_bridge_in(&c, w, gm_floats(C));
    b = gm_bridge_in(&c, b, gm_floats(C));
    return gm_bridge_end(&c, c.bad ? 0 : gm_way.to.groupnorm(out, x, w, b, B, C, HW, G, eps));
}

static int resize(float *y, const float *x, int64_t R, int64_t H, int64_t W, int64_t HO, int64_t WO,
                  int align)
{
    gm_bridge_call c = { .n = 0 };
    float *out = gm_bridge_out(&c, y, gm_floats(R * HO * WO));
    x = gm_bridge_in(&c, x, gm_floats(R * H * W));
    return gm_bridge_end(&c, c.bad ? 0 : gm_way.to.resize(out, x, R, H, W, HO, WO, align));
}

static int roi_align(float *y, const float *x, const float *box, const int32_t *image, int64_t N,
                     int64_t B, int64_t C, int64_t H, int64_t W, int64_t P, int64_t S, float scl)
{
    gm_bridge_call c = { .n = 0 };
    float *out = gm_bridge_out(&c, y, gm_floats(N * C * P * P));
    x = gm_bridge_in(&c, x, gm_floats(B * C * H * W));
    box = gm_bridge_in(&c, box, gm_floats(N * 4));
    image = gm_bridge_in(&c, image, (size_t)N * sizeof *image);
    if (c.bad) return gm_bridge_end(&c, 0);
    return gm_bridge_end(&c, gm_way.to.roi_align(out, x, box, image, N, B, C, H, W, P, S, scl));
}

/* ---- softmax, attention, decisions ---- */

static int softmax(float *y, const float *x, int64_t R, int64_t C)
{
    gm_bridge_call c = { .n = 0 };
    float *out = gm_bridge_out(&c, y, gm_floats(R * C));
    x = gm_bridge_in(&c, x, gm_floats(R * C));
    return gm_bridge_end(&c, c.bad ? 0 : gm_way.to.softmax(out, x, R, C));
}

/* Both slots: keys and values of type kt, of 16 bits without relative positions. */
static int attend(float *y, const float *q, const void *k, const void *v, gm_dtype kt,
                  const gm_attn *s)
{
    gm_bridge_call c = { .n = 0 };
    const gm_kernels *to = &gm_way.to;
    gm_attn t = *s;
    int64_t queries = s->B * s->TQ * s->NH * s->HD, keys = s->B * s->KS * s->NKV * s->HD;
    size_t scratch = 0;
    float *out = gm_bridge_out(&c, y, gm_floats(queries));
    q = gm_bridge_in(&c, q, gm_floats(queries));
    k = gm_bridge_in(&c, k, gm_type_bytes(kt, keys));
    v = gm_bridge_in(&c, v, gm_type_bytes(kt, keys));
    t.keep = gm_bridge_in(&c, s->keep, (size_t)(s->B * s->TK));
    t.rel_h = gm_bridge_in(&c, s->rel_h, gm_floats((2 * s->GH - 1) * s->HD));
    t.rel_w = gm_bridge_in(&c, s->rel_w, gm_floats((2 * s->GW - 1) * s->HD));
    if (kt == GM_F32) scratch = to->attention_scratch ? to->attention_scratch(&t) : 0;
    else scratch = to->attention16_scratch ? to->attention16_scratch(kt, &t) : 0;
    void *room = gm_bridge_scratch(&c, scratch);
    if (c.bad) return gm_bridge_end(&c, 0);
    return gm_bridge_end(&c, kt == GM_F32 ? to->attention(out, q, k, v, &t, room)
                                          : to->attention16(out, q, k, v, kt, &t, room));
}

static int attention(float *y, const float *q, const float *k, const float *v, const gm_attn *s,
                     void *unused)
{
    (void)unused;
    return attend(y, q, k, v, GM_F32, s);
}

static int attention16(float *y, const float *q, const void *k, const void *v, gm_dtype kt,
                       const gm_attn *s, void *unused)
{
    (void)unused;
    return attend(y, q, k, v, kt, s);
}

static int argmax(int32_t *y, const float *x, int64_t R, int64_t C)
{
    gm_bridge_call c = { .n = 0 };
    int32_t *out = gm_bridge_out(&c, y, (size_t)R * sizeof *y);
    x = gm_bridge_in(&c, x, gm_floats(R * C));
    return gm_bridge_end(&c, c.bad ? 0 : gm_way.to.argmax(out, x, R, C));
}

static int finite(int32_t *y, const float *x, int64_t N)
{
    gm_bridge_call c = { .n = 0 };
    int32_t *out = gm_bridge_out(&c, y, sizeof *y);
    x = gm_bridge_in(&c, x, gm_floats(N));
    return gm_bridge_end(&c, c.bad ? 0 : gm_way.to.finite(out, x, N));
}

/* ---- the table ---- */

const gm_kernels gm_bridge_forward = {
    .name = "bridge",
    .gather = gather, .transpose = transpose, .concat = concat, .slice = slice, .place = place,
    .place16 = place16,
    .repeat = repeat, .window = window, .unwindow = unwindow, .round_bf16 = round_bf16,
    .add = add, .mul = mul, .scale = scale, .relu = relu, .gelu = gelu, .quick_gelu = quick_gelu,
    .silu = silu, .sin = map_sin, .cos = map_cos, .rope = rope,
    .linear = linear, .conv2d = conv2d, .conv_transpose2x2 = conv_transpose2x2,
    .layernorm = layernorm, .layernorm2d = layernorm2d, .rmsnorm = rmsnorm, .groupnorm = groupnorm,
    .resize = resize, .roi_align = roi_align,
    .softmax = softmax, .attention = attention, .attention16 = attention16,
    .argmax = argmax, .finite = finite,
};
