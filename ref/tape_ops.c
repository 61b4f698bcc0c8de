/* From a record to its backward kernel: one function an op.  See context.h, gm_backward_op. */
#include <string.h>

#include "context.h"
#include "front.h"

/* Each adds to the gradients of the record's inputs that have one, and returns the kernel's status.
 * dy is the gradient of r->y.  An input without gradient gives NULL, which kernels take as "not
 * wanted". */
typedef int (*backward_op)(gm_ctx *c, const gm_record *r, const float *dy);

static float *d(gm_ctx *c, const gm_record *r, int i) { return gm_gradient(c, r->x[i]); }
static int64_t last(gm_tensor x) { return x.dim[x.nd - 1]; }

/* ---- moves ---- */

static int gather(gm_ctx *c, const gm_record *r, const float *dy)
{
    gm_tensor x = r->x[0], rows = r->x[1];
    return c->k->gather_backward(d(c, r, 0), dy, rows.data, rows.dim[0], x.dim[0], x.dim[1]);
}

static int transpose(gm_ctx *c, const gm_record *r, const float *dy)
{
    gm_tensor x = r->x[0];
    return c->k->transpose_backward(d(c, r, 0), dy, gm_rows(x, 2), x.dim[x.nd - 2], last(x));
}

/* Sizes before dim, and after it, multiplied. */
static int64_t outer(gm_tensor x, int dim) { return gm_rows(x, x.nd - dim); }

static int64_t inner(gm_tensor x, int dim)
{
    int64_t n = 1;
    for (int i = dim + 1; i < x.nd; i++) n *= x.dim[i];
    return n;
}

static int concat(gm_ctx *c, const gm_record *r, const float *dy)
{
    int dim = (int)r->number[0];
    gm_tensor a = r->x[0], b = r->x[1];
    float *da = d(c, r, 0), *db = d(c, r, 1);
    return c->k->concat_backward(da, db, dy, outer(a, dim), a.dim[dim] * inner(a, dim),
                                 b.dim[dim] * inner(b, dim));
}

static int slice(gm_ctx *c, const gm_record *r, const float *dy)
{
    int dim = (int)r->number[0];
    gm_tensor x = r->x[0];
    int64_t run = inner(x, dim), at = (int64_t)r->number[1], n = (int64_t)r->number[2];
    return c->k->slice_backward(d(c, r, 0), dy, outer(x, dim), x.dim[dim] * run, at * run, n * run);
}

static int repeat(gm_ctx *c, const gm_record *r, const float *dy)
{
    return c->k->repeat_backward(d(c, r, 0), dy, r->y.dim[0], gm_numel(r->x[0]));
}

static int window(gm_ctx *c, const gm_record *r, const float *dy)
{
    gm_tensor x = r->x[0];
    return c->k->window_backward(d(c, r, 0), dy, x.dim[0], x.dim[1], x.dim[2], x.dim[3],
                                 r->y.dim[1]);
}

static int unwindow(gm_ctx *c, const gm_record *r, const float *dy)
{
    gm_tensor y = r->y;
    return c->k->unwindow_backward(d(c, r, 0), dy, y.dim[0], y.dim[1], y.dim[2], y.dim[3],
                                   r->x[0].dim[1]);
}

static int round_bf16(gm_ctx *c, const gm_record *r, const float *dy)
{
    return c->k->round_bf16_backward(d(c, r, 0), dy, gm_numel(r->y));
}

/* ---- maps ---- */

static int add(gm_ctx *c, const gm_record *r, const float *dy)
{
    float *da = d(c, r, 0), *db = d(c, r, 1);
    return c->k->add_backward(da, db, dy, gm_numel(r->x[0]), gm_numel(r->x[1]));
}

static int mul(gm_ctx *c, const gm_record *r, const float *dy)
{
    float *da = d(c, r, 0), *db = d(c, r, 1);
    return c->k->mul_backward(da, db, dy, r->x[0].data, r->x[1].data, gm_numel(r->x[0]),
                              gm_numel(r->x[1]));
}

static int scale(gm_ctx *c, const gm_record *r, const float *dy)
{
    return c->k->scale_backward(d(c, r, 0), dy, gm_numel(r->y), (float)r->number[0]);
}

typedef int (*map_backward)(float *, const float *, const float *, int64_t);

static int map(gm_ctx *c, const gm_record *r, const float *dy)
{
    const struct { const char *op; map_backward f; } known[] = {
        { "relu", c->k->relu_backward }, { "gelu", c->k->gelu_backward },
        { "quick_gelu", c->k->quick_gelu_backward }, { "silu", c->k->silu_backward },
        { "sin", c->k->sin_backward }, { "cos", c->k->cos_backward },
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (!strcmp(r->op, known[i].op))
            return known[i].f(d(c, r, 0), dy, r->x[0].data, gm_numel(r->y));
    return -1;
}

static int rope(gm_ctx *c, const gm_record *r, const float *dy)
{
    gm_tensor angle = r->x[1];
    int64_t HD = 2 * angle.dim[1];
    return c->k->rope_backward(d(c, r, 0), dy, angle.data, angle.dim[0], last(r->y) / HD, HD);
}

/* ---- sums ---- */

static int linear(gm_ctx *c, const gm_record *r, const float *dy)
{
    gm_tensor x = r->x[0], w = r->x[1];
    int64_t R = gm_rows(x, 1), N = w.dim[0], K = w.dim[1];
    float *dx = d(c, r, 0), *dw = d(c, r, 1), *db = d(c, r, 2);
    gm_mark m = gm_scope(c);
    void *scratch = gm_scratch(c, c->k->linear_backward_scratch
                                      ? c->k->linear_backward_scratch(w.type, R, N, K) : 0);
    if (c->failed) return 0;
    int bad = c->k->linear_backward(dx, dw, db, dy, x.data, w.data, w.type, R, N, K, scratch);
    gm_scratch_end(c, m);
    return bad;
}

static int conv2d(gm_ctx *c, const gm_record *r, const float *dy)
{
    gm_tensor x = r->x[0], w = r->x[1];
    const gm_conv *s = r->args;
    float *dx = d(c, r, 0), *dw = d(c, r, 1), *db = d(c, r, 2);
    gm_mark m = gm_scope(c);
    void *scratch = gm_scratch(c, c->k->conv2d_backward_scratch
                                      ? c->k->conv2d_backward_scratch(w.type, s) : 0);
    if (c->failed) return 0;
    int bad = c->k->conv2d_backward(dx, dw, db, dy, x.data, w.data, w.type, s, scratch);
    gm_scratch_end(c, m);
    return bad;
}

static int conv_transpose2x2(gm_ctx *c, const gm_record *r, const float *dy)
{
    gm_tensor x = r->x[0], w = r->x[1];
    float *dx = d(c, r, 0), *dw = d(c, r, 1), *db = d(c, r, 2);
    return c->k->conv_transpose2x2_backward(dx, dw, db, dy, x.data, w.data, w.type, x.dim[0],
                                            x.dim[1], x.dim[2], x.dim[3], w.dim[1]);
}

static int layernorm(gm_ctx *c, const gm_record *r, const float *dy)
{
    gm_tensor x = r->x[0];
    float *dx = d(c, r, 0), *dw = d(c, r, 1), *db = d(c, r, 2);
    return c->k->layernorm_backward(dx, dw, db, dy, x.data, r->x[1].data, gm_rows(x, 1), last(x),
                                    (float)r->number[0]);
}

static int layernorm2d(gm_ctx *c, const gm_record *r, const float *dy)
{
    gm_tensor x = r->x[0];
    float *dx = d(c, r, 0), *dw = d(c, r, 1), *db = d(c, r, 2);
    return c->k->layernorm2d_backward(dx, dw, db, dy, x.data, r->x[1].data, x.dim[0], x.dim[1],
                                      x.dim[2] * x.dim[3], (float)r->number[0]);
}

static int rmsnorm(gm_ctx *c, const gm_record *r, const float *dy)
{
    gm_tensor x = r->x[0];
    float *dx = d(c, r, 0), *dw = d(c, r, 1);
    return c->k->rmsnorm_backward(dx, dw, dy, x.data, r->x[1].data, gm_rows(x, 1), last(x),
                                  (float)r->number[0]);
}

static int groupnorm(gm_ctx *c, const gm_record *r, const float *dy)
{
    gm_tensor x = r->x[0];
    float *dx = d(c, r, 0), *dw = d(c, r, 1), *db = d(c, r, 2);
    return c->k->groupnorm_backward(dx, dw, db, dy, x.data, r->x[1].data, x.dim[0], x.dim[1],
                                    x.dim[2] * x.dim[3], (int64_t)r->number[0],
                                    (float)r->number[1]);
}

static int resize(gm_ctx *c, const gm_record *r, const float *dy)
{
    gm_tensor x = r->x[0], y = r->y;
    return c->k->resize_backward(d(c, r, 0), dy, gm_rows(x, 2), x.dim[x.nd - 2], last(x),
                                 y.dim[y.nd - 2], last(y), (int)r->number[0]);
}

static int roi_align(gm_ctx *c, const gm_record *r, const float *dy)
{
    gm_tensor x = r->x[0], box = r->x[1];
    return c->k->roi_align_backward(d(c, r, 0), dy, box.data, r->x[2].data, box.dim[0], x.dim[0],
                                    x.dim[1], x.dim[2], x.dim[3], (int64_t)r->number[0],
                                    (int64_t)r->number[1], (float)r->number[2]);
}

/* ---- softmax, attention, losses ---- */

static int softmax(gm_ctx *c, const gm_record *r, const float *dy)
{
    return c->k->softmax_backward(d(c, r, 0), dy, r->y.data, gm_rows(r->y, 1), last(r->y));
}

static int attention(gm_ctx *c, const gm_record *r, const float *dy)
{
    const gm_attn *s = r->args;
    float *dq = d(c, r, 0), *dk = d(c, r, 1), *dv = d(c, r, 2), *dh = d(c, r, 3),
          *dw = d(c, r, 4);
    gm_mark m = gm_scope(c);
    void *scratch = gm_scratch(c, c->k->attention_backward_scratch
                                      ? c->k->attention_backward_scratch(s) : 0);
    if (c->failed) return 0;
    int bad = c->k->attention_backward(dq, dk, dv, dh, dw, dy, r->x[0].data, r->x[1].data,
                                       r->x[2].data, r->y.data, s, scratch);
    gm_scratch_end(c, m);
    return bad;
}

static int cross_entropy(gm_ctx *c, const gm_record *r, const float *dy)
{
    gm_tensor x = r->x[0];
    return c->k->cross_entropy_backward(d(c, r, 0), dy, x.data, r->x[1].data, gm_rows(x, 1),
                                        last(x));
}

static int bce(gm_ctx *c, const gm_record *r, const float *dy)
{
    gm_tensor x = r->x[0];
    return c->k->bce_backward(d(c, r, 0), dy, x.data, r->x[1].data, x.dim[0],
                              gm_numel(x) / x.dim[0]);
}

static int dice(gm_ctx *c, const gm_record *r, const float *dy)
{
    gm_tensor x = r->x[0];
    return c->k->dice_backward(d(c, r, 0), dy, x.data, r->x[1].data, x.dim[0],
                               gm_numel(x) / x.dim[0]);
}

static const struct { const char *op; backward_op f; } OPS[] = {
    { "linear", linear }, { "add", add }, { "gather", gather }, { "transpose", transpose },
    { "concat", concat }, { "slice", slice }, { "repeat", repeat }, { "window", window },
    { "unwindow", unwindow }, { "round_bf16", round_bf16 }, { "mul", mul }, { "scale", scale },
    { "relu", map }, { "gelu", map }, { "quick_gelu", map }, { "silu", map }, { "sin", map },
    { "cos", map }, { "rope", rope }, { "conv2d", conv2d },
    { "conv_transpose2x2", conv_transpose2x2 }, { "layernorm", layernorm },
    { "layernorm2d", layernorm2d }, { "rmsnorm", rmsnorm }, { "groupnorm", groupnorm },
    { "resize", resize }, { "roi_align", roi_align }, { "softmax", softmax },
    { "attention", attention }, { "cross_entropy", cross_entropy }, { "bce", bce },
    { "dice", dice },
};

static backward_op find(const char *op)
{
    for (size_t i = 0; i < sizeof OPS / sizeof *OPS; i++)
        if (!strcmp(op, OPS[i].op)) return OPS[i].f;
    return NULL;
}

bool gm_differentiable(const char *op) { return find(op) != NULL; }

int gm_backward_op(gm_ctx *c, const gm_record *r, const float *dy)
{
    return find(r->op)(c, r, dy);
}
