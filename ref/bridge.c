/* See bridge.h. */
#include "bridge.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "../io/os.h"

static struct {
    gm_kernels to;
    gm_memory memory;
    bool to_host;
} bridge;

/* One call: what was brought over, the output first. */
enum { MOVED = 8 };
typedef struct {
    void *here, *there[MOVED];
    size_t bytes[MOVED];
    int n;
    bool bad;
} call;

static size_t floats(int64_t n) { return (size_t)n * sizeof(float); }

/* Room of so many bytes on the other side, filled from p; NULL stays NULL. */
static void *bring(call *c, const void *p, size_t bytes)
{
    const gm_memory *m = &bridge.memory;
    if (!p || c->bad) return NULL;
    void *q = bridge.to_host ? gm_aligned_alloc(bytes + 1) : m->alloc(m->user, bytes ? bytes : 1);
    c->there[c->n] = q;
    c->bytes[c->n++] = bytes;
    if (!q) c->bad = true;
    else if (bytes)
        c->bad = bridge.to_host ? m->download(m->user, q, p, bytes)
                                : m->upload(m->user, q, p, bytes);
    return c->bad ? NULL : q;
}

/* The output, brought over as it is: a kernel may leave parts of it. */
static void *output(call *c, void *p, size_t bytes)
{
    *c = (call){ .here = p };
    return bring(c, p, bytes);
}

static void *scratch(call *c, size_t bytes)
{
    const gm_memory *m = &bridge.memory;
    if (!bytes || c->bad) return NULL;
    void *q = bridge.to_host ? gm_aligned_alloc(bytes) : m->alloc(m->user, bytes);
    c->bytes[c->n] = bytes;
    c->there[c->n++] = q;
    c->bad = !q;
    return q;
}

/* Brings the output back and frees what was brought; the kernel's status or the bridge's. */
static int end(call *c, int status)
{
    const gm_memory *m = &bridge.memory;
    if (!c->bad && !status && c->bytes[0])
        c->bad = bridge.to_host ? m->upload(m->user, c->here, c->there[0], c->bytes[0])
                                : m->download(m->user, c->here, c->there[0], c->bytes[0]);
    for (int i = 0; i < c->n; i++) {
        if (bridge.to_host) free(c->there[i]);
        else if (c->there[i]) m->free(m->user, c->there[i], c->bytes[i] ? c->bytes[i] : 1);
    }
    return status ? status : c->bad ? -1 : 0;
}

/* ---- moves ---- */

static int gather(float *y, const void *x, gm_dtype xt, const int32_t *rows, int64_t N, int64_t R,
                  int64_t C)
{
    call c;
    float *out = output(&c, y, floats(N * C));
    x = bring(&c, x, gm_type_bytes(xt, R * C));
    rows = bring(&c, rows, (size_t)N * sizeof *rows);
    return end(&c, c.bad ? 0 : bridge.to.gather(out, x, xt, rows, N, R, C));
}

static int transpose(float *y, const float *x, int64_t B, int64_t R, int64_t C)
{
    call c;
    float *out = output(&c, y, floats(B * R * C));
    x = bring(&c, x, floats(B * R * C));
    return end(&c, c.bad ? 0 : bridge.to.transpose(out, x, B, R, C));
}

static int concat(float *y, const float *a, const float *b, int64_t B, int64_t N, int64_t M)
{
    call c;
    float *out = output(&c, y, floats(B * (N + M)));
    a = bring(&c, a, floats(B * N));
    b = bring(&c, b, floats(B * M));
    return end(&c, c.bad ? 0 : bridge.to.concat(out, a, b, B, N, M));
}

static int slice(float *y, const float *x, int64_t B, int64_t N, int64_t at, int64_t M)
{
    call c;
    float *out = output(&c, y, floats(B * M));
    x = bring(&c, x, floats(B * N));
    return end(&c, c.bad ? 0 : bridge.to.slice(out, x, B, N, at, M));
}

static int place(float *y, const float *x, int64_t B, int64_t N, int64_t at, int64_t M)
{
    call c;
    float *out = output(&c, y, floats(B * N));
    x = bring(&c, x, floats(B * M));
    return end(&c, c.bad ? 0 : bridge.to.place(out, x, B, N, at, M));
}

static int repeat(float *y, const float *x, int64_t B, int64_t N)
{
    call c;
    float *out = output(&c, y, floats(B * N));
    x = bring(&c, x, floats(N));
    return end(&c, c.bad ? 0 : bridge.to.repeat(out, x, B, N));
}

static int64_t windowed(int64_t B, int64_t H, int64_t W, int64_t C, int64_t S)
{
    return B * ((H + S - 1) / S) * ((W + S - 1) / S) * S * S * C;
}

static int window(float *y, const float *x, int64_t B, int64_t H, int64_t W, int64_t C, int64_t S)
{
    call c;
    float *out = output(&c, y, floats(windowed(B, H, W, C, S)));
    x = bring(&c, x, floats(B * H * W * C));
    return end(&c, c.bad ? 0 : bridge.to.window(out, x, B, H, W, C, S));
}

static int unwindow(float *y, const float *x, int64_t B, int64_t H, int64_t W, int64_t C, int64_t S)
{
    call c;
    float *out = output(&c, y, floats(B * H * W * C));
    x = bring(&c, x, floats(windowed(B, H, W, C, S)));
    return end(&c, c.bad ? 0 : bridge.to.unwindow(out, x, B, H, W, C, S));
}

/* ---- maps ---- */

typedef int (*unary_kernel)(float *, const float *, int64_t);
typedef int (*binary_kernel)(float *, const float *, const float *, int64_t, int64_t);

static int unary(unary_kernel f, float *y, const float *x, int64_t N)
{
    call c;
    float *out = output(&c, y, floats(N));
    x = bring(&c, x, floats(N));
    return end(&c, c.bad ? 0 : f(out, x, N));
}

static int binary(binary_kernel f, float *y, const float *a, const float *b, int64_t N, int64_t M)
{
    call c;
    float *out = output(&c, y, floats(N));
    a = bring(&c, a, floats(N));
    b = bring(&c, b, floats(M));
    return end(&c, c.bad ? 0 : f(out, a, b, N, M));
}

static int round_bf16(float *y, const float *x, int64_t N)
{
    return unary(bridge.to.round_bf16, y, x, N);
}
static int relu(float *y, const float *x, int64_t N) { return unary(bridge.to.relu, y, x, N); }
static int gelu(float *y, const float *x, int64_t N) { return unary(bridge.to.gelu, y, x, N); }
static int quick_gelu(float *y, const float *x, int64_t N)
{
    return unary(bridge.to.quick_gelu, y, x, N);
}
static int silu(float *y, const float *x, int64_t N) { return unary(bridge.to.silu, y, x, N); }
static int map_sin(float *y, const float *x, int64_t N) { return unary(bridge.to.sin, y, x, N); }
static int map_cos(float *y, const float *x, int64_t N) { return unary(bridge.to.cos, y, x, N); }

static int add(float *y, const float *a, const float *b, int64_t N, int64_t M)
{
    return binary(bridge.to.add, y, a, b, N, M);
}

static int mul(float *y, const float *a, const float *b, int64_t N, int64_t M)
{
    return binary(bridge.to.mul, y, a, b, N, M);
}

static int scale(float *y, const float *x, int64_t N, float s)
{
    call c;
    float *out = output(&c, y, floats(N));
    x = bring(&c, x, floats(N));
    return end(&c, c.bad ? 0 : bridge.to.scale(out, x, N, s));
}

static int rope(float *y, const float *x, const float *angle, int64_t R, int64_t NH, int64_t HD)
{
    call c;
    float *out = output(&c, y, floats(R * NH * HD));
    x = bring(&c, x, floats(R * NH * HD));
    angle = bring(&c, angle, floats(R * (HD / 2)));
    return end(&c, c.bad ? 0 : bridge.to.rope(out, x, angle, R, NH, HD));
}

/* ---- sums ---- */

static int linear(float *y, const float *x, const void *w, gm_dtype wt, const float *b, int64_t R,
                  int64_t N, int64_t K, void *unused)
{
    call c;
    const gm_kernels *to = &bridge.to;
    (void)unused;
    float *out = output(&c, y, floats(R * N));
    x = bring(&c, x, floats(R * K));
    w = bring(&c, w, gm_type_bytes(wt, N * K));
    b = bring(&c, b, floats(N));
    void *s = scratch(&c, to->linear_scratch ? to->linear_scratch(wt, R, N, K) : 0);
    return end(&c, c.bad ? 0 : to->linear(out, x, w, wt, b, R, N, K, s));
}

static int conv2d(float *y, const float *x, const void *w, gm_dtype wt, const float *b,
                  const gm_conv *s, void *unused)
{
    call c;
    const gm_kernels *to = &bridge.to;
    (void)unused;
    float *out = output(&c, y, floats(s->B * s->CO * s->HO * s->WO));
    x = bring(&c, x, floats(s->B * s->CI * s->H * s->W));
    w = bring(&c, w, gm_type_bytes(wt, s->CO * s->CI * s->KH * s->KW));
    b = bring(&c, b, floats(s->CO));
    void *room = scratch(&c, to->conv2d_scratch ? to->conv2d_scratch(wt, s) : 0);
    return end(&c, c.bad ? 0 : to->conv2d(out, x, w, wt, b, s, room));
}

static int conv_transpose2x2(float *y, const float *x, const void *w, gm_dtype wt, const float *b,
                             int64_t B, int64_t CI, int64_t H, int64_t W, int64_t CO)
{
    call c;
    float *out = output(&c, y, floats(B * CO * 4 * H * W));
    x = bring(&c, x, floats(B * CI * H * W));
    w = bring(&c, w, gm_type_bytes(wt, CI * CO * 4));
    b = bring(&c, b, floats(CO));
    return end(&c, c.bad ? 0 : bridge.to.conv_transpose2x2(out, x, w, wt, b, B, CI, H, W, CO));
}

static int layernorm(float *y, const float *x, const float *w, const float *b, int64_t R, int64_t C,
                     float eps)
{
    call c;
    float *out = output(&c, y, floats(R * C));
    x = bring(&c, x, floats(R * C));
    w = bring(&c, w, floats(C));
    b = bring(&c, b, floats(C));
    return end(&c, c.bad ? 0 : bridge.to.layernorm(out, x, w, b, R, C, eps));
}

static int layernorm2d(float *y, const float *x, const float *w, const float *b, int64_t B,
                       int64_t C, int64_t HW, float eps)
{
    call c;
    float *out = output(&c, y, floats(B * C * HW));
    x = bring(&c, x, floats(B * C * HW));
    w = bring(&c, w, floats(C));
    b = bring(&c, b, floats(C));
    return end(&c, c.bad ? 0 : bridge.to.layernorm2d(out, x, w, b, B, C, HW, eps));
}

static int rmsnorm(float *y, const float *x, const float *w, int64_t R, int64_t C, float eps)
{
    call c;
    float *out = output(&c, y, floats(R * C));
    x = bring(&c, x, floats(R * C));
    w = bring(&c, w, floats(C));
    return end(&c, c.bad ? 0 : bridge.to.rmsnorm(out, x, w, R, C, eps));
}

static int groupnorm(float *y, const float *x, const float *w, const float *b, int64_t B, int64_t C,
                     int64_t HW, int64_t G, float eps)
{
    call c;
    float *out = output(&c, y, floats(B * C * HW));
    x = bring(&c, x, floats(B * C * HW));
    w = bring(&c, w, floats(C));
    b = bring(&c, b, floats(C));
    return end(&c, c.bad ? 0 : bridge.to.groupnorm(out, x, w, b, B, C, HW, G, eps));
}

static int resize(float *y, const float *x, int64_t R, int64_t H, int64_t W, int64_t HO, int64_t WO,
                  int align)
{
    call c;
    float *out = output(&c, y, floats(R * HO * WO));
    x = bring(&c, x, floats(R * H * W));
    return end(&c, c.bad ? 0 : bridge.to.resize(out, x, R, H, W, HO, WO, align));
}

static int roi_align(float *y, const float *x, const float *box, const int32_t *image, int64_t N,
                     int64_t B, int64_t C, int64_t H, int64_t W, int64_t P, int64_t S, float scl)
{
    call c;
    float *out = output(&c, y, floats(N * C * P * P));
    x = bring(&c, x, floats(B * C * H * W));
    box = bring(&c, box, floats(N * 4));
    image = bring(&c, image, (size_t)N * sizeof *image);
    return end(&c, c.bad ? 0 : bridge.to.roi_align(out, x, box, image, N, B, C, H, W, P, S, scl));
}

/* ---- softmax, attention, decisions ---- */

static int softmax(float *y, const float *x, int64_t R, int64_t C)
{
    call c;
    float *out = output(&c, y, floats(R * C));
    x = bring(&c, x, floats(R * C));
    return end(&c, c.bad ? 0 : bridge.to.softmax(out, x, R, C));
}

static int attention(float *y, const float *q, const float *k, const float *v, const gm_attn *s,
                     void *unused)
{
    call c;
    const gm_kernels *to = &bridge.to;
    gm_attn t = *s;
    int64_t queries = s->B * s->TQ * s->NH * s->HD, keys = s->B * s->KS * s->NKV * s->HD;
    (void)unused;
    float *out = output(&c, y, floats(queries));
    q = bring(&c, q, floats(queries));
    k = bring(&c, k, floats(keys));
    v = bring(&c, v, floats(keys));
    t.keep = bring(&c, s->keep, (size_t)(s->B * s->TK));
    t.rel_h = bring(&c, s->rel_h, floats((2 * s->GH - 1) * s->HD));
    t.rel_w = bring(&c, s->rel_w, floats((2 * s->GW - 1) * s->HD));
    void *room = scratch(&c, to->attention_scratch ? to->attention_scratch(&t) : 0);
    return end(&c, c.bad ? 0 : to->attention(out, q, k, v, &t, room));
}

static int argmax(int32_t *y, const float *x, int64_t R, int64_t C)
{
    call c;
    int32_t *out = output(&c, y, (size_t)R * sizeof *y);
    x = bring(&c, x, floats(R * C));
    return end(&c, c.bad ? 0 : bridge.to.argmax(out, x, R, C));
}

static int finite(int32_t *y, const float *x, int64_t N)
{
    call c;
    int32_t *out = output(&c, y, sizeof *y);
    x = bring(&c, x, floats(N));
    return end(&c, c.bad ? 0 : bridge.to.finite(out, x, N));
}

/* ---- the table ---- */

static const gm_kernels table = {
    .name = "bridge",
    .gather = gather, .transpose = transpose, .concat = concat, .slice = slice, .place = place,
    .repeat = repeat, .window = window, .unwindow = unwindow, .round_bf16 = round_bf16,
    .add = add, .mul = mul, .scale = scale, .relu = relu, .gelu = gelu, .quick_gelu = quick_gelu,
    .silu = silu, .sin = map_sin, .cos = map_cos, .rope = rope,
    .linear = linear, .conv2d = conv2d, .conv_transpose2x2 = conv_transpose2x2,
    .layernorm = layernorm, .layernorm2d = layernorm2d, .rmsnorm = rmsnorm, .groupnorm = groupnorm,
    .resize = resize, .roi_align = roi_align,
    .softmax = softmax, .attention = attention, .argmax = argmax, .finite = finite,
};

static void lead(const gm_kernels *kernels, const gm_memory *m, bool to_host)
{
    bridge.to = *kernels;
    bridge.memory = *m;
    bridge.to_host = to_host;
}

void gm_bridge_to_host(const gm_kernels *kernels, const gm_memory *m) { lead(kernels, m, true); }
void gm_bridge_to_device(const gm_kernels *kernels, const gm_memory *m) { lead(kernels, m, false); }
const gm_kernels *gm_bridge(void) { return &table; }

#define SLOT(f) { #f, offsetof(gm_kernels, f) }
static const struct { const char *name; size_t at; } slots[] = {
    SLOT(gather), SLOT(transpose), SLOT(concat), SLOT(slice), SLOT(place), SLOT(repeat),
    SLOT(window), SLOT(unwindow), SLOT(round_bf16), SLOT(add), SLOT(mul), SLOT(scale), SLOT(relu),
    SLOT(gelu), SLOT(quick_gelu), SLOT(silu), SLOT(sin), SLOT(cos), SLOT(rope), SLOT(linear),
    SLOT(conv2d), SLOT(conv_transpose2x2), SLOT(layernorm), SLOT(layernorm2d), SLOT(rmsnorm),
    SLOT(groupnorm), SLOT(resize), SLOT(roi_align), SLOT(softmax), SLOT(attention), SLOT(argmax),
    SLOT(finite),
};

int gm_bridge_count(void) { return (int)(sizeof slots / sizeof *slots); }
const char *gm_bridge_name(int i) { return slots[i].name; }

bool gm_bridge_has(const gm_kernels *k, int i)
{
    int (*slot)(void) = NULL;
    memcpy(&slot, (const char *)k + slots[i].at, sizeof slot);
    return slot != NULL;
}
