/* From a case to the call of its slot: one line of arguments each. */
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "../io/os.h"
#include "ops_calls.h"

static int fill(const gm_kernels *k, ops_case *c, void *y, void *s)
{
    (void)s;
    return k->fill(y, z(c, "N"), (float)c->number);
}

static int gather(const gm_kernels *k, ops_case *c, void *y, void *s)
{
    (void)s;
    return k->gather(y, data(c, "x"), type(c, "x"), data(c, "rows"), z(c, "N"), z(c, "R"),
                     z(c, "C"));
}

static int transpose(const gm_kernels *k, ops_case *c, void *y, void *s)
{
    (void)s;
    return k->transpose(y, data(c, "x"), z(c, "B"), z(c, "R"), z(c, "C"));
}

static int concat(const gm_kernels *k, ops_case *c, void *y, void *s)
{
    (void)s;
    return k->concat(y, data(c, "a"), data(c, "b"), z(c, "B"), z(c, "N"), z(c, "M"));
}

static int slice(const gm_kernels *k, ops_case *c, void *y, void *s)
{
    (void)s;
    return k->slice(y, data(c, "x"), z(c, "B"), z(c, "N"), z(c, "at"), z(c, "M"));
}

static int place(const gm_kernels *k, ops_case *c, void *y, void *s)
{
    (void)s;
    return k->place(y, data(c, "x"), z(c, "B"), z(c, "N"), z(c, "at"), z(c, "M"));
}

static int place16(const gm_kernels *k, ops_case *c, void *y, void *s)
{
    (void)s;
    return k->place16(y, type(c, "y"), data(c, "x"), z(c, "B"), z(c, "N"), z(c, "at"), z(c, "M"));
}

static int repeat(const gm_kernels *k, ops_case *c, void *y, void *s)
{
    (void)s;
    return k->repeat(y, data(c, "x"), z(c, "B"), z(c, "N"));
}

static int window(const gm_kernels *k, ops_case *c, void *y, void *s)
{
    (void)s;
    return k->window(y, data(c, "x"), z(c, "B"), z(c, "H"), z(c, "W"), z(c, "C"), z(c, "S"));
}

static int unwindow(const gm_kernels *k, ops_case *c, void *y, void *s)
{
    (void)s;
    return k->unwindow(y, data(c, "x"), z(c, "B"), z(c, "H"), z(c, "W"), z(c, "C"), z(c, "S"));
}

static int pair(const gm_kernels *k, ops_case *c, void *y, void *s)
{
    (void)s;
    return (strcmp(c->op, "add") ? k->mul : k->add)(y, data(c, "a"), data(c, "b"), z(c, "N"),
                                                    z(c, "M"));
}

static int scale(const gm_kernels *k, ops_case *c, void *y, void *s)
{
    (void)s;
    return k->scale(y, data(c, "x"), z(c, "N"), (float)c->number);
}

static int map(const gm_kernels *k, ops_case *c, void *y, void *s)
{
    const struct { const char *op; int (*f)(float *, const float *, int64_t); } known[] = {
        { "relu", k->relu }, { "gelu", k->gelu }, { "quick_gelu", k->quick_gelu },
        { "silu", k->silu },
        { "sin", k->sin }, { "cos", k->cos }, { "round_bf16", k->round_bf16 },
    };
    (void)s;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (!strcmp(c->op, known[i].op)) return known[i].f(y, data(c, "x"), z(c, "N"));
    return -1;
}

static int rope(const gm_kernels *k, ops_case *c, void *y, void *s)
{
    (void)s;
    return k->rope(y, data(c, "x"), data(c, "angle"), z(c, "R"), z(c, "NH"), z(c, "HD"));
}

static int linear(const gm_kernels *k, ops_case *c, void *y, void *s)
{
    return k->linear(y, data(c, "x"), data(c, "w"), type(c, "w"), data(c, "b"), z(c, "R"),
                     z(c, "N"), z(c, "K"), s);
}

static int conv2d(const gm_kernels *k, ops_case *c, void *y, void *s)
{
    gm_conv sizes = conv_of(c);
    return k->conv2d(y, data(c, "x"), data(c, "w"), type(c, "w"), data(c, "b"), &sizes, s);
}

static int conv_transpose2x2(const gm_kernels *k, ops_case *c, void *y, void *s)
{
    (void)s;
    return k->conv_transpose2x2(y, data(c, "x"), data(c, "w"), type(c, "w"), data(c, "b"),
                                z(c, "B"), z(c, "CI"), z(c, "H"), z(c, "W"), z(c, "CO"));
}

static int layernorm(const gm_kernels *k, ops_case *c, void *y, void *s)
{
    (void)s;
    return k->layernorm(y, data(c, "x"), data(c, "w"), data(c, "b"), z(c, "R"), z(c, "C"),
                        (float)c->number);
}

static int layernorm2d(const gm_kernels *k, ops_case *c, void *y, void *s)
{
    (void)s;
    return k->layernorm2d(y, data(c, "x"), data(c, "w"), data(c, "b"), z(c, "B"), z(c, "C"),
                          z(c, "HW"), (float)c->number);
}

static int rmsnorm(const gm_kernels *k, ops_case *c, void *y, void *s)
{
    (void)s;
    return k->rmsnorm(y, data(c, "x"), data(c, "w"), z(c, "R"), z(c, "C"), (float)c->number);
}

static int groupnorm(const gm_kernels *k, ops_case *c, void *y, void *s)
{
    (void)s;
    return k->groupnorm(y, data(c, "x"), data(c, "w"), data(c, "b"), z(c, "B"), z(c, "C"),
                        z(c, "HW"), z(c, "G"), (float)c->number);
}

static int resize(const gm_kernels *k, ops_case *c, void *y, void *s)
{
    (void)s;
    return k->resize(y, data(c, "x"), z(c, "R"), z(c, "H"), z(c, "W"), z(c, "HO"), z(c, "WO"),
                     (int)z(c, "align"));
}

static int roi_align(const gm_kernels *k, ops_case *c, void *y, void *s)
{
    (void)s;
    return k->roi_align(y, data(c, "x"), data(c, "box"), data(c, "image"), z(c, "N"), z(c, "B"),
                        z(c, "C"), z(c, "H"), z(c, "W"), z(c, "P"), z(c, "S"), (float)c->number);
}

static int softmax(const gm_kernels *k, ops_case *c, void *y, void *s)
{
    (void)s;
    return k->softmax(y, data(c, "x"), z(c, "R"), z(c, "C"));
}

static int attention(const gm_kernels *k, ops_case *c, void *y, void *s)
{
    gm_attn sizes = attn_of(c);
    return k->attention(y, data(c, "q"), data(c, "k"), data(c, "v"), &sizes, s);
}

static int attention16(const gm_kernels *k, ops_case *c, void *y, void *s)
{
    gm_attn sizes = attn_of(c);
    return k->attention16(y, data(c, "q"), data(c, "k"), data(c, "v"), type(c, "k"), &sizes, s);
}

static int argmax(const gm_kernels *k, ops_case *c, void *y, void *s)
{
    (void)s;
    return k->argmax(y, data(c, "x"), z(c, "R"), z(c, "C"));
}

static int finite(const gm_kernels *k, ops_case *c, void *y, void *s)
{
    (void)s;
    return k->finite(y, data(c, "x"), z(c, "N"));
}

/* ---- backward: an output that the case does not list is NULL ---- */

static float *d(ops_case *c, const char *name)
{
    for (int o = 0; o < c->noutputs; o++)
        if (!strcmp(c->output[o].name, name)) return c->output[o].data;
    return NULL;
}

static int gather_backward(const gm_kernels *k, ops_case *c, void *y, void *s)
{
    (void)y;
    (void)s;
    return k->gather_backward(d(c, "dx"), data(c, "dy"), data(c, "rows"), z(c, "N"), z(c, "R"),
                              z(c, "C"));
}

static int transpose_backward(const gm_kernels *k, ops_case *c, void *y, void *s)
{
    (void)y;
    (void)s;
    return k->transpose_backward(d(c, "dx"), data(c, "dy"), z(c, "B"), z(c, "R"), z(c, "C"));
}

static int concat_backward(const gm_kernels *k, ops_case *c, void *y, void *s)
{
    (void)y;
    (void)s;
    return k->concat_backward(d(c, "da"), d(c, "db"), data(c, "dy"), z(c, "B"), z(c, "N"),
                              z(c, "M"));
}

static int slice_backward(const gm_kernels *k, ops_case *c, void *y, void *s)
{
    (void)y;
    (void)s;
    return k->slice_backward(d(c, "dx"), data(c, "dy"), z(c, "B"), z(c, "N"), z(c, "at"),
                             z(c, "M"));
}

static int repeat_backward(const gm_kernels *k, ops_case *c, void *y, void *s)
{
    (void)y;
    (void)s;
    return k->repeat_backward(d(c, "dx"), data(c, "dy"), z(c, "B"), z(c, "N"));
}

static int window_backward(const gm_kernels *k, ops_case *c, void *y, void *s)
{
    (void)y;
    (void)s;
    return k->window_backward(d(c, "dx"), data(c, "dy"), z(c, "B"), z(c, "H"), z(c, "W"), z(c, "C"),
                              z(c, "S"));
}

static int unwindow_backward(const gm_kernels *k, ops_case *c, void *y, void *s)
{
    (void)y;
    (void)s;
    return k->unwindow_backward(d(c, "dx"), data(c, "dy"), z(c, "B"), z(c, "H"), z(c, "W"),
                                z(c, "C"), z(c, "S"));
}

static int round_bf16_backward(const gm_kernels *k, ops_case *c, void *y, void *s)
{
    (void)y;
    (void)s;
    return k->round_bf16_backward(d(c, "dx"), data(c, "dy"), z(c, "N"));
}

static int add_backward(const gm_kernels *k, ops_case *c, void *y, void *s)
{
    (void)y;
    (void)s;
    return k->add_backward(d(c, "da"), d(c, "db"), data(c, "dy"), z(c, "N"), z(c, "M"));
}

static int mul_backward(const gm_kernels *k, ops_case *c, void *y, void *s)
{
    (void)y;
    (void)s;
    return k->mul_backward(d(c, "da"), d(c, "db"), data(c, "dy"), data(c, "a"), data(c, "b"),
                           z(c, "N"), z(c, "M"));
}

static int scale_backward(const gm_kernels *k, ops_case *c, void *y, void *s)
{
    (void)y;
    (void)s;
    return k->scale_backward(d(c, "dx"), data(c, "dy"), z(c, "N"), (float)c->number);
}

static int map_backward(const gm_kernels *k, ops_case *c, void *y, void *s)
{
    const struct {
        const char *op;
        int (*f)(float *, const float *, const float *, int64_t);
    } known[] = {
        { "relu_backward", k->relu_backward }, { "gelu_backward", k->gelu_backward },
        { "quick_gelu_backward", k->quick_gelu_backward }, { "silu_backward", k->silu_backward },
        { "sin_backward", k->sin_backward }, { "cos_backward", k->cos_backward },
    };
    (void)y;
    (void)s;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (!strcmp(c->op, known[i].op))
            return known[i].f(d(c, "dx"), data(c, "dy"), data(c, "x"), z(c, "N"));
    return -1;
}

static int rope_backward(const gm_kernels *k, ops_case *c, void *y, void *s)
{
    (void)y;
    (void)s;
    return k->rope_backward(d(c, "dx"), data(c, "dy"), data(c, "angle"), z(c, "R"), z(c, "NH"),
                            z(c, "HD"));
}

static int linear_backward(const gm_kernels *k, ops_case *c, void *y, void *s)
{
    (void)y;
    return k->linear_backward(d(c, "dx"), d(c, "dw"), d(c, "db"), data(c, "dy"), data(c, "x"),
                              data(c, "w"), type(c, "w"), z(c, "R"), z(c, "N"), z(c, "K"), s);
}

static int conv2d_backward(const gm_kernels *k, ops_case *c, void *y, void *s)
{
    (void)y;
    gm_conv sizes = conv_of(c);
    return k->conv2d_backward(d(c, "dx"), d(c, "dw"), d(c, "db"), data(c, "dy"), data(c, "x"),
                              data(c, "w"), type(c, "w"), &sizes, s);
}

static int conv_transpose2x2_backward(const gm_kernels *k, ops_case *c, void *y, void *s)
{
    (void)y;
    (void)s;
    return k->conv_transpose2x2_backward(d(c, "dx"), d(c, "dw"), d(c, "db"), data(c, "dy"),
                                         data(c, "x"), data(c, "w"), type(c, "w"), z(c, "B"),
                                         z(c, "CI"), z(c, "H"), z(c, "W"), z(c, "CO"));
}

static int layernorm_backward(const gm_kernels *k, ops_case *c, void *y, void *s)
{
    (void)y;
    (void)s;
    return k->layernorm_backward(d(c, "dx"), d(c, "dw"), d(c, "db"), data(c, "dy"), data(c, "x"),
                                 data(c, "w"), z(c, "R"), z(c, "C"), (float)c->number);
}

static int layernorm2d_backward(const gm_kernels *k, ops_case *c, void *y, void *s)
{
    (void)y;
    (void)s;
    return k->layernorm2d_backward(d(c, "dx"), d(c, "dw"), d(c, "db"), data(c, "dy"), data(c, "x"),
                                   data(c, "w"), z(c, "B"), z(c, "C"), z(c, "HW"),
                                   (float)c->number);
}

static int rmsnorm_backward(const gm_kernels *k, ops_case *c, void *y, void *s)
{
    (void)y;
    (void)s;
    return k->rmsnorm_backward(d(c, "dx"), d(c, "dw"), data(c, "dy"), data(c, "x"), data(c, "w"),
                               z(c, "R"), z(c, "C"), (float)c->number);
}

static int groupnorm_backward(const gm_kernels *k, ops_case *c, void *y, void *s)
{
    (void)y;
    (void)s;
    return k->groupnorm_backward(d(c, "dx"), d(c, "dw"), d(c, "db"), data(c, "dy"), data(c, "x"),
                                 data(c, "w"), z(c, "B"), z(c, "C"), z(c, "HW"), z(c, "G"),
                                 (float)c->number);
}

static int resize_backward(const gm_kernels *k, ops_case *c, void *y, void *s)
{
    (void)y;
    (void)s;
    return k->resize_backward(d(c, "dx"), data(c, "dy"), z(c, "R"), z(c, "H"), z(c, "W"),
                              z(c, "HO"), z(c, "WO"), (int)z(c, "align"));
}

static int roi_align_backward(const gm_kernels *k, ops_case *c, void *y, void *s)
{
    (void)y;
    (void)s;
    return k->roi_align_backward(d(c, "dx"), data(c, "dy"), data(c, "box"), data(c, "image"),
                                 z(c, "N"), z(c, "B"), z(c, "C"), z(c, "H"), z(c, "W"), z(c, "P"),
                                 z(c, "S"), (float)c->number);
}

static int softmax_backward(const gm_kernels *k, ops_case *c, void *y, void *s)
{
    (void)y;
    (void)s;
    return k->softmax_backward(d(c, "dx"), data(c, "dy"), data(c, "y"), z(c, "R"), z(c, "C"));
}

static int attention_backward(const gm_kernels *k, ops_case *c, void *y, void *s)
{
    (void)y;
    gm_attn sizes = attn_of(c);
    return k->attention_backward(d(c, "dq"), d(c, "dk"), d(c, "dv"), d(c, "drel_h"), d(c, "drel_w"),
                                 data(c, "dy"), data(c, "q"), data(c, "k"), data(c, "v"),
                                 data(c, "y"), &sizes, s);
}

/* ---- losses ---- */

static int cross_entropy(const gm_kernels *k, ops_case *c, void *y, void *s)
{
    (void)s;
    return k->cross_entropy(y, data(c, "x"), data(c, "label"), z(c, "R"), z(c, "C"));
}

static int cross_entropy_backward(const gm_kernels *k, ops_case *c, void *y, void *s)
{
    (void)y;
    (void)s;
    return k->cross_entropy_backward(d(c, "dx"), data(c, "dy"), data(c, "x"), data(c, "label"),
                                     z(c, "R"), z(c, "C"));
}

/* bce and dice */
static int mask_loss(const gm_kernels *k, ops_case *c, void *y, void *s)
{
    (void)s;
    return (strcmp(c->op, "bce") ? k->dice : k->bce)(y, data(c, "x"), data(c, "t"), z(c, "N"),
                                                     z(c, "P"));
}

static int mask_loss_backward(const gm_kernels *k, ops_case *c, void *y, void *s)
{
    (void)y;
    (void)s;
    return (strcmp(c->op, "bce_backward") ? k->dice_backward : k->bce_backward)(
        d(c, "dx"), data(c, "dy"), data(c, "x"), data(c, "t"), z(c, "N"), z(c, "P"));
}

#define SLOT(f) offsetof(gm_kernels, f)

static const struct {
    const char *op;
    size_t slot;
    int (*call)(const gm_kernels *, ops_case *, void *, void *);
} ops[] = {
    { "gather", SLOT(gather), gather }, { "transpose", SLOT(transpose), transpose },
    { "concat", SLOT(concat), concat },
    { "slice", SLOT(slice), slice }, { "place", SLOT(place), place },
    { "place16", SLOT(place16), place16 },
    { "repeat", SLOT(repeat), repeat },
    { "window", SLOT(window), window }, { "unwindow", SLOT(unwindow), unwindow },
    { "round_bf16", SLOT(round_bf16), map }, { "fill", SLOT(fill), fill },
    { "add", SLOT(add), pair }, { "mul", SLOT(mul), pair },
    { "scale", SLOT(scale), scale }, { "relu", SLOT(relu), map }, { "gelu", SLOT(gelu), map },
    { "quick_gelu", SLOT(quick_gelu), map }, { "silu", SLOT(silu), map }, { "sin", SLOT(sin), map },
    { "cos", SLOT(cos), map }, { "rope", SLOT(rope), rope }, { "linear", SLOT(linear), linear },
    { "conv2d", SLOT(conv2d), conv2d },
    { "conv_transpose2x2", SLOT(conv_transpose2x2), conv_transpose2x2 },
    { "layernorm", SLOT(layernorm), layernorm }, { "layernorm2d", SLOT(layernorm2d), layernorm2d },
    { "rmsnorm", SLOT(rmsnorm), rmsnorm }, { "groupnorm", SLOT(groupnorm), groupnorm },
    { "resize", SLOT(resize), resize }, { "roi_align", SLOT(roi_align), roi_align },
    { "softmax", SLOT(softmax), softmax }, { "attention", SLOT(attention), attention },
    { "attention16", SLOT(attention16), attention16 },
    { "argmax", SLOT(argmax), argmax }, { "finite", SLOT(finite), finite },
    { "gather_backward", SLOT(gather_backward), gather_backward },
    { "transpose_backward", SLOT(transpose_backward), transpose_backward },
    { "concat_backward", SLOT(concat_backward), concat_backward },
    { "slice_backward", SLOT(slice_backward), slice_backward },
    { "repeat_backward", SLOT(repeat_backward), repeat_backward },
    { "window_backward", SLOT(window_backward), window_backward },
    { "unwindow_backward", SLOT(unwindow_backward), unwindow_backward },
    { "round_bf16_backward", SLOT(round_bf16_backward), round_bf16_backward },
    { "add_backward", SLOT(add_backward), add_backward },
    { "mul_backward", SLOT(mul_backward), mul_backward },
    { "scale_backward", SLOT(scale_backward), scale_backward },
    { "relu_backward", SLOT(relu_backward), map_backward },
    { "gelu_backward", SLOT(gelu_backward), map_backward },
    { "quick_gelu_backward", SLOT(quick_gelu_backward), map_backward },
    { "silu_backward", SLOT(silu_backward), map_backward },
    { "sin_backward", SLOT(sin_backward), map_backward },
    { "cos_backward", SLOT(cos_backward), map_backward },
    { "rope_backward", SLOT(rope_backward), rope_backward },
    { "linear_backward", SLOT(linear_backward), linear_backward },
    { "conv2d_backward", SLOT(conv2d_backward), conv2d_backward },
    { "conv_transpose2x2_backward", SLOT(conv_transpose2x2_backward), conv_transpose2x2_backward },
    { "layernorm_backward", SLOT(layernorm_backward), layernorm_backward },
    { "layernorm2d_backward", SLOT(layernorm2d_backward), layernorm2d_backward },
    { "rmsnorm_backward", SLOT(rmsnorm_backward), rmsnorm_backward },
    { "groupnorm_backward", SLOT(groupnorm_backward), groupnorm_backward },
    { "resize_backward", SLOT(resize_backward), resize_backward },
    { "roi_align_backward", SLOT(roi_align_backward), roi_align_backward },
    { "softmax_backward", SLOT(softmax_backward), softmax_backward },
    { "attention_backward", SLOT(attention_backward), attention_backward },
    { "cross_entropy", SLOT(cross_entropy), cross_entropy },
    { "cross_entropy_backward", SLOT(cross_entropy_backward), cross_entropy_backward },
    { "bce", SLOT(bce), mask_loss },
    { "bce_backward", SLOT(bce_backward), mask_loss_backward },
    { "dice", SLOT(dice), mask_loss },
    { "dice_backward", SLOT(dice_backward), mask_loss_backward },
};

int ops_count(void)
{
    return (int)(sizeof ops / sizeof *ops);
}

const char *ops_name(int i)
{
    return ops[i].op;
}

static int find(const char *op)
{
    int i = ops_count() - 1;
    while (i >= 0 && strcmp(ops[i].op, op)) i--;
    return i;
}

int ops_has(const gm_kernels *k, const char *op)
{
    int (*slot)(void) = NULL;
    int i = find(op);
    if (i >= 0) memcpy(&slot, (const char *)k + ops[i].slot, sizeof slot);
    return slot != NULL;
}

int ops_call(const gm_kernels *k, ops_case *c, void *scratch)
{
    int i = find(c->op);
    return i < 0 || !ops_has(k, c->op) ? -1 : ops[i].call(k, c, c->output[0].data, scratch);
}

int ops_forward(const ops_case *c, ops_input *y)
{
    char op[64];
    ops_case forward = *c;
    const char *end = strstr(c->op, "_backward");
    if (!end) return -1;
    snprintf(op, sizeof op, "%.*s", (int)(end - c->op), c->op);
    forward.op = op;
    forward.output[0].data = y->data;
    void *scratch = gm_aligned_alloc(ops_scratch(gm_kernels_ref(), &forward) + 64);
    int rc = scratch ? ops_call(gm_kernels_ref(), &forward, scratch) : -1;
    free(scratch);
    return rc || forward.error[0] ? -1 : 0;
}

size_t ops_scratch(const gm_kernels *k, ops_case *c)
{
    size_t (*of_linear)(gm_dtype, int64_t, int64_t, int64_t) =
        !strcmp(c->op, "linear") ? k->linear_scratch
        : !strcmp(c->op, "linear_backward") ? k->linear_backward_scratch : NULL;
    size_t (*of_conv)(gm_dtype, const gm_conv *) =
        !strcmp(c->op, "conv2d") ? k->conv2d_scratch
        : !strcmp(c->op, "conv2d_backward") ? k->conv2d_backward_scratch : NULL;
    size_t (*of_attention)(const gm_attn *) =
        !strcmp(c->op, "attention") ? k->attention_scratch
        : !strcmp(c->op, "attention_backward") ? k->attention_backward_scratch : NULL;
    if (of_linear) return of_linear(type(c, "w"), z(c, "R"), z(c, "N"), z(c, "K"));
    if (of_conv) {
        gm_conv s = conv_of(c);
        return of_conv(type(c, "w"), &s);
    }
    if (of_attention) {
        gm_attn s = attn_of(c);
        return of_attention(&s);
    }
    if (!strcmp(c->op, "attention16") && k->attention16_scratch) {
        gm_attn s = attn_of(c);
        return k->attention16_scratch(type(c, "k"), &s);
    }
    return 0;
}
