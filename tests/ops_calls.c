/* From a case to the call of its slot: one line of arguments each. */
#include <stddef.h>
#include <string.h>
#include "ops_run.h"

static const void *data(const ops_case *c, const char *name)
{
    const ops_input *in = ops_in(c, name);
    return in ? in->data : NULL;
}

static gm_dtype type(const ops_case *c, const char *name)
{
    const ops_input *in = ops_in(c, name);
    return in ? in->type : GM_F32;
}

static int64_t z(ops_case *c, const char *name)
{
    return ops_size(c, name);
}

static gm_conv conv_of(ops_case *c)
{
    return (gm_conv){ z(c, "B"), z(c, "CI"), z(c, "H"), z(c, "W"), z(c, "CO"), z(c, "KH"),
                      z(c, "KW"),
                      z(c, "stride"), z(c, "pad"), z(c, "HO"), z(c, "WO") };
}

static gm_attn attn_of(ops_case *c)
{
    return (gm_attn){ z(c, "B"),           z(c, "TQ"),   z(c, "TK"),      z(c, "KS"),
                      z(c, "NH"),          z(c, "NKV"),  z(c, "HD"),      (float)c->number,
                      (int)z(c, "causal"), z(c, "past"), data(c, "keep"), data(c, "rel_h"),
                      data(c, "rel_w"),    z(c, "GH"),   z(c, "GW") };
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

#define SLOT(f) offsetof(gm_kernels, f)

static const struct {
    const char *op;
    size_t slot;
    int (*call)(const gm_kernels *, ops_case *, void *, void *);
} ops[] = {
    { "gather", SLOT(gather), gather }, { "transpose", SLOT(transpose), transpose },
    { "concat", SLOT(concat), concat },
    { "slice", SLOT(slice), slice }, { "place", SLOT(place), place },
    { "repeat", SLOT(repeat), repeat },
    { "window", SLOT(window), window }, { "unwindow", SLOT(unwindow), unwindow },
    { "round_bf16", SLOT(round_bf16), map }, { "add", SLOT(add), pair }, { "mul", SLOT(mul), pair },
    { "scale", SLOT(scale), scale }, { "relu", SLOT(relu), map }, { "gelu", SLOT(gelu), map },
    { "quick_gelu", SLOT(quick_gelu), map }, { "silu", SLOT(silu), map }, { "sin", SLOT(sin), map },
    { "cos", SLOT(cos), map }, { "rope", SLOT(rope), rope }, { "linear", SLOT(linear), linear },
    { "conv2d", SLOT(conv2d), conv2d },
    { "conv_transpose2x2", SLOT(conv_transpose2x2), conv_transpose2x2 },
    { "layernorm", SLOT(layernorm), layernorm }, { "layernorm2d", SLOT(layernorm2d), layernorm2d },
    { "rmsnorm", SLOT(rmsnorm), rmsnorm }, { "groupnorm", SLOT(groupnorm), groupnorm },
    { "resize", SLOT(resize), resize }, { "roi_align", SLOT(roi_align), roi_align },
    { "softmax", SLOT(softmax), softmax }, { "attention", SLOT(attention), attention },
    { "argmax", SLOT(argmax), argmax }, { "finite", SLOT(finite), finite },
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

int ops_call(const gm_kernels *k, ops_case *c, void *y, void *scratch)
{
    int i = find(c->op);
    return i < 0 || !ops_has(k, c->op) ? -1 : ops[i].call(k, c, y, scratch);
}

size_t ops_scratch(const gm_kernels *k, ops_case *c)
{
    if (!strcmp(c->op, "linear") && k->linear_scratch)
        return k->linear_scratch(type(c, "w"), z(c, "R"), z(c, "N"), z(c, "K"));
    if (!strcmp(c->op, "conv2d") && k->conv2d_scratch) {
        gm_conv s = conv_of(c);
        return k->conv2d_scratch(type(c, "w"), &s);
    }
    if (!strcmp(c->op, "attention") && k->attention_scratch) {
        gm_attn s = attn_of(c);
        return k->attention_scratch(&s);
    }
    return 0;
}
