/* Reverse mode: what is recorded, what is kept, and that gradients arrive where they should.  (The
 * kernels have cases of their own; here it is the fronts and the tape.) */
#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "../ref/context.h"
#include "../ref/ops.h"
#include "../ref/tape.h"
#include "hash.h"

static uint32_t stream;                 /* of the next tensor's values; a test may set it back */

static gm_tensor f32(gm_ctx *c, int nd, const int64_t *dim)
{
    gm_tensor x = gm_new(c, GM_F32, nd, dim);
    stream++;
    for (int64_t i = 0; i < gm_numel(x); i++)
        ((float *)x.data)[i] = hash_uniform(stream, (uint32_t)i);
    return x;
}
#define T(...)                                                                                     \
    f32(c, (int)(sizeof(int64_t[]){ __VA_ARGS__ } / sizeof(int64_t)), GM_DIMS(__VA_ARGS__))

static gm_tensor ints(gm_ctx *c, int64_t n, int below)
{
    gm_tensor x = gm_new(c, GM_I32, 1, GM_DIMS(n));
    for (int64_t i = 0; i < gm_numel(x); i++)
        ((int32_t *)x.data)[i] = (int32_t)((i * 7 + 1) % below);
    return x;
}

static gm_tensor zeros_like(gm_ctx *c, gm_tensor x)
{
    gm_tensor d = gm_new(c, GM_F32, x.nd, x.dim);
    memset(d.data, 0, (size_t)gm_numel(d) * sizeof(float));
    return d;
}

/* One number in which every element of y has its own share. */
static gm_tensor weighed(gm_ctx *c, gm_tensor y)
{
    int64_t n = gm_numel(y);
    gm_tensor w = gm_new(c, GM_F32, 2, GM_DIMS(1, n));
    for (int64_t i = 0; i < gm_numel(w); i++) ((float *)w.data)[i] = hash_uniform(99, (uint32_t)i);
    return gm_reshape(c, gm_linear(c, gm_reshape(c, y, 2, GM_DIMS(1, n)), w, GM_NONE), 1,
                      GM_DIMS(1));
}

/* ---- every front against finite differences ---- */

enum { MOST = 5 };
typedef struct { gm_tensor x[MOST]; int n; } inputs;        /* those that have gradients */
typedef struct {
    const char *op;
    inputs (*make)(gm_ctx *c);
    gm_tensor (*call)(gm_ctx *c, const inputs *in);
} front;

#define IN(...)                                                                                    \
    (inputs){ .x = { __VA_ARGS__ }, .n = sizeof((gm_tensor[]){ __VA_ARGS__ }) / sizeof(gm_tensor) }

static inputs in_row(gm_ctx *c) { return IN(T(4, 3)); }
static inputs in_map(gm_ctx *c) { return IN(T(2, 3, 4)); }
static inputs in_image(gm_ctx *c) { return IN(T(1, 5, 4, 3)); }
static inputs in_windows(gm_ctx *c) { return IN(T(4, 3, 3, 2)); }
static inputs in_pair(gm_ctx *c) { return IN(T(2, 3, 4), T(3, 4)); }
static inputs in_concat(gm_ctx *c) { return IN(T(2, 3, 4), T(2, 5, 4)); }
static inputs in_rope(gm_ctx *c) { return IN(T(2, 3, 8)); }
static inputs in_linear(gm_ctx *c) { return IN(T(2, 3, 4), T(5, 4), T(5)); }
static inputs in_conv(gm_ctx *c) { return IN(T(2, 3, 6, 5), T(4, 3, 3, 2), T(4)); }
static inputs in_up(gm_ctx *c) { return IN(T(2, 3, 4, 3), T(3, 5, 2, 2), T(5)); }
static inputs in_norm(gm_ctx *c) { return IN(T(2, 3, 5), T(5), T(5)); }
static inputs in_norm2d(gm_ctx *c) { return IN(T(2, 6, 3, 2), T(6), T(6)); }
static inputs in_rms(gm_ctx *c) { return IN(T(2, 3, 5), T(5)); }
static inputs in_plane(gm_ctx *c) { return IN(T(2, 4, 5)); }
static inputs in_roi(gm_ctx *c) { return IN(T(2, 3, 6, 5)); }
static inputs in_attention(gm_ctx *c) { return IN(T(2, 6, 8), T(2, 6, 4), T(2, 6, 4)); }
static inputs in_grid(gm_ctx *c)
{
    return IN(T(1, 6, 8), T(1, 6, 8), T(1, 6, 8), T(3, 4), T(5, 4));
}

static gm_tensor f_gather(gm_ctx *c, const inputs *i)
{
    return gm_gather(c, i->x[0], ints(c, 6, 4));
}
static gm_tensor f_transpose(gm_ctx *c, const inputs *i) { return gm_transpose(c, i->x[0]); }
static gm_tensor f_concat(gm_ctx *c, const inputs *i) { return gm_concat(c, i->x[0], i->x[1], 1); }
static gm_tensor f_slice(gm_ctx *c, const inputs *i) { return gm_slice(c, i->x[0], 1, 1, 2); }
static gm_tensor f_repeat(gm_ctx *c, const inputs *i) { return gm_repeat(c, i->x[0], 3); }
static gm_tensor f_window(gm_ctx *c, const inputs *i) { return gm_window(c, i->x[0], 3); }
static gm_tensor f_unwindow(gm_ctx *c, const inputs *i) { return gm_unwindow(c, i->x[0], 5, 4); }
static gm_tensor f_add(gm_ctx *c, const inputs *i) { return gm_add(c, i->x[0], i->x[1]); }
static gm_tensor f_mul(gm_ctx *c, const inputs *i) { return gm_mul(c, i->x[0], i->x[1]); }
static gm_tensor f_scale(gm_ctx *c, const inputs *i) { return gm_scale(c, i->x[0], -1.5f); }
static gm_tensor f_relu(gm_ctx *c, const inputs *i) { return gm_relu(c, i->x[0]); }
static gm_tensor f_gelu(gm_ctx *c, const inputs *i) { return gm_gelu(c, i->x[0]); }
static gm_tensor f_quick(gm_ctx *c, const inputs *i) { return gm_quick_gelu(c, i->x[0]); }
static gm_tensor f_silu(gm_ctx *c, const inputs *i) { return gm_silu(c, i->x[0]); }
static gm_tensor f_sin(gm_ctx *c, const inputs *i) { return gm_sin(c, i->x[0]); }
static gm_tensor f_cos(gm_ctx *c, const inputs *i) { return gm_cos(c, i->x[0]); }
static gm_tensor f_linear(gm_ctx *c, const inputs *i)
{
    return gm_linear(c, i->x[0], i->x[1], i->x[2]);
}
static gm_tensor f_conv(gm_ctx *c, const inputs *i)
{
    return gm_conv2d(c, i->x[0], i->x[1], i->x[2], 2, 1);
}
static gm_tensor f_up(gm_ctx *c, const inputs *i)
{
    return gm_conv_transpose2x2(c, i->x[0], i->x[1], i->x[2]);
}
static gm_tensor f_layernorm(gm_ctx *c, const inputs *i)
{
    return gm_layernorm(c, i->x[0], i->x[1], i->x[2], 1e-2f);
}
static gm_tensor f_layernorm2d(gm_ctx *c, const inputs *i)
{
    return gm_layernorm2d(c, i->x[0], i->x[1], i->x[2], 1e-2f);
}
static gm_tensor f_groupnorm(gm_ctx *c, const inputs *i)
{
    return gm_groupnorm(c, i->x[0], i->x[1], i->x[2], 3, 1e-2f);
}
static gm_tensor f_rmsnorm(gm_ctx *c, const inputs *i)
{
    return gm_rmsnorm(c, i->x[0], i->x[1], 1e-2f);
}
static gm_tensor f_resize(gm_ctx *c, const inputs *i) { return gm_resize(c, i->x[0], 7, 3, false); }
static gm_tensor f_softmax(gm_ctx *c, const inputs *i) { return gm_softmax(c, i->x[0]); }
static gm_tensor f_bce(gm_ctx *c, const inputs *i) { return gm_bce(c, i->x[0], T(2, 4, 5)); }

static gm_tensor f_rope(gm_ctx *c, const inputs *i)
{
    return gm_rope(c, i->x[0], f32(c, 2, GM_DIMS(6, 2)));
}

static gm_tensor f_roi(gm_ctx *c, const inputs *i)
{
    static const float box[2][4] = { { 0.2f, 0.3f, 4.1f, 5.2f }, { 1.1f, 0.4f, 2.9f, 3.3f } };
    gm_tensor b = gm_from(c, GM_F32, box, 2, GM_DIMS(2, 4));
    return gm_roi_align(c, i->x[0], b, ints(c, 2, 2), 3, 2, 0.9f);
}

static gm_tensor f_attention(gm_ctx *c, const inputs *i)
{
    gm_tensor keep = gm_new(c, GM_U8, 2, GM_DIMS(2, 6));
    memset(keep.data, 1, 12);
    ((uint8_t *)keep.data)[11] = 0;
    return gm_attention(c, i->x[0], i->x[1], i->x[2],
                        (gm_attn_options){ .NH = 4, .NKV = 2, .causal = true, .keep = keep });
}

static gm_tensor f_grid(gm_ctx *c, const inputs *i)
{
    return gm_attention(c, i->x[0], i->x[1], i->x[2],
                        (gm_attn_options){ .NH = 2, .rel_h = i->x[3], .rel_w = i->x[4] });
}

static gm_tensor f_cross_entropy(gm_ctx *c, const inputs *i)
{
    gm_tensor label = ints(c, 6, 4);
    ((int32_t *)label.data)[2] = -100;
    return gm_cross_entropy(c, i->x[0], label);
}

static gm_tensor f_dice(gm_ctx *c, const inputs *i)
{
    gm_tensor t = gm_new(c, GM_F32, 3, GM_DIMS(2, 4, 5));
    for (int k = 0; k < 40; k++) ((float *)t.data)[k] = (float)(k % 3 == 0);
    return gm_dice(c, i->x[0], t);
}

static const front FRONTS[] = {
    { "gather", in_row, f_gather }, { "transpose", in_map, f_transpose },
    { "concat", in_concat, f_concat }, { "slice", in_map, f_slice },
    { "repeat", in_map, f_repeat }, { "window", in_image, f_window },
    { "unwindow", in_windows, f_unwindow }, { "add", in_pair, f_add }, { "mul", in_pair, f_mul },
    { "scale", in_map, f_scale }, { "relu", in_map, f_relu }, { "gelu", in_map, f_gelu },
    { "quick_gelu", in_map, f_quick }, { "silu", in_map, f_silu }, { "sin", in_map, f_sin },
    { "cos", in_map, f_cos }, { "rope", in_rope, f_rope }, { "linear", in_linear, f_linear },
    { "conv2d", in_conv, f_conv }, { "conv_transpose2x2", in_up, f_up },
    { "layernorm", in_norm, f_layernorm }, { "layernorm2d", in_norm2d, f_layernorm2d },
    { "rmsnorm", in_rms, f_rmsnorm }, { "groupnorm", in_norm2d, f_groupnorm },
    { "resize", in_plane, f_resize }, { "roi_align", in_roi, f_roi },
    { "softmax", in_map, f_softmax }, { "attention", in_attention, f_attention },
    { "attention on a grid", in_grid, f_grid }, { "cross_entropy", in_map, f_cross_entropy },
    { "bce", in_plane, f_bce }, { "dice", in_plane, f_dice },
};
enum { NFRONTS = sizeof FRONTS / sizeof *FRONTS };

/* The front's loss; what else it makes has the same values every time. */
static gm_tensor loss_of(gm_ctx *c, const front *f, const inputs *in)
{
    stream = 100;
    return weighed(c, f->call(c, in));
}

/* The same as a number, with element k of input i moved by h. */
static double loss_at(gm_ctx *c, const front *f, const inputs *in, int i, int64_t k, float h)
{
    float *x = (float *)in->x[i].data + k, before = *x, y = 0;
    gm_mark m = gm_scope(c);
    *x = before + h;
    gm_to_host(c, &y, loss_of(c, f, in));
    *x = before;
    gm_scope_end(c, m, GM_NONE);
    return y;
}

START_TEST(gradients_are_slopes)
{
    const front *f = &FRONTS[_i];
    const float h = 1.0f / 128;
    gm_ctx *c = gm_ctx_new(gm_kernels_ref(), NULL);
    inputs in = f->make(c);
    gm_tensor d[MOST];
    gm_tape_start(c);
    for (int i = 0; i < in.n; i++) {
        d[i] = zeros_like(c, in.x[i]);
        gm_want_gradient(c, in.x[i], d[i]);
    }
    gm_backward(c, loss_of(c, f, &in), 1);
    gm_tape_stop(c);
    ck_assert_msg(gm_ok(c), "%s", gm_error_text(c));
    for (int i = 0; i < in.n; i++) {
        double most = 0;
        for (int64_t k = 0; k < gm_numel(in.x[i]); k++) {
            double slope = (loss_at(c, f, &in, i, k, h) - loss_at(c, f, &in, i, k, -h)) / (2 * h);
            double got = ((float *)d[i].data)[k];
            most = fmax(most, fabs(got));
            ck_assert_msg(fabs(got - slope) < 2e-3 + 2e-3 * fabs(slope),
                          "%s, input %d, element %d: got %g, the slope is %g", f->op, i, (int)k,
                          got, slope);
        }
        ck_assert_msg(most > 1e-3, "%s, input %d has no gradient", f->op, i);
    }
    gm_ctx_free(c);
}
END_TEST

/* ---- the tape ---- */

/* A small net with a residual, a view and two uses of one weight. */
typedef struct { gm_tensor w, v, n; } net;

static gm_tensor net_block(gm_ctx *c, gm_tensor x, const void *args)
{
    const net *m = args;
    gm_mark mark = gm_scope(c);
    gm_tensor h = gm_silu(c, gm_linear(c, gm_rmsnorm(c, x, m->n, 1e-5f), m->w, GM_NONE));
    h = gm_linear(c, h, m->v, GM_NONE);
    return gm_scope_end(c, mark, gm_add(c, x, h));
}

static gm_tensor net_loss(gm_ctx *c, const net *m, gm_tensor x, int blocks)
{
    gm_mark mark = gm_scope(c);
    for (int i = 0; i < blocks; i++) {
        x = gm_block_run(c, net_block, x, m, sizeof *m);
        gm_scope_keep(c, mark, &x, 1);
    }
    return gm_scope_end(c, mark, weighed(c, gm_reshape(c, x, 2, GM_DIMS(2, -1))));
}

static net net_new(gm_ctx *c)
{
    stream = 0;
    return (net){ T(24, 8), T(8, 24), T(8) };
}

typedef struct { float d[3][192]; float loss; size_t peak; int64_t records; } outcome;

/* Gradients of net over `micro` passes, checkpointed or not. */
static outcome train(bool checkpointing, int micro, int wanted)
{
    outcome o = { .loss = 0 };
    gm_ctx *c = gm_ctx_new(gm_kernels_ref(), NULL);
    net m = net_new(c);
    gm_tensor x = T(64, 8), *w[3] = { &m.w, &m.v, &m.n }, d[3];
    gm_tape_start(c);
    gm_set_checkpointing(c, checkpointing);
    for (int i = 0; i < 3; i++) d[i] = zeros_like(c, *w[i]);
    for (int i = 0; i < 3; i++)
        if (wanted >> i & 1) gm_want_gradient(c, *w[i], d[i]);
    gm_trim(c);
    for (int k = 0; k < micro; k++) {
        gm_mark mark = gm_scope(c);
        gm_tensor loss = net_loss(c, &m, x, 6);
        gm_to_host(c, &o.loss, loss);
        o.records = c->tape.list.n;
        if (wanted) gm_backward(c, loss, 1);
        gm_scope_end(c, mark, GM_NONE);
    }
    for (int i = 0; i < 3; i++) gm_to_host(c, o.d[i], d[i]);
    ck_assert_msg(gm_ok(c), "%s", gm_error_text(c));
    gm_memory_use(c, NULL, &o.peak);
    gm_tape_stop(c);
    gm_ctx_free(c);
    return o;
}

START_TEST(checkpointing_gives_the_same_bits_with_less_memory)
{
    outcome plain = train(false, 1, 7), again = train(true, 1, 7);
    ck_assert_mem_eq(plain.d, again.d, sizeof plain.d);
    ck_assert_int_eq(plain.records, 6 * 5 + 1);
    ck_assert_int_eq(again.records, 6 + 1);
    ck_assert_msg(again.peak < plain.peak * 2 / 3, "%zu bytes, %zu without", again.peak,
                  plain.peak);
    ck_assert(plain.d[0][5] != 0 && plain.d[1][5] != 0 && plain.d[2][5] != 0);
}
END_TEST

START_TEST(micro_batches_add_up)
{
    outcome one = train(false, 1, 7), two = train(false, 2, 7);
    for (int i = 0; i < 3; i++)
        for (int k = 0; k < (i < 2 ? 192 : 8); k++)
            ck_assert_float_eq_tol(two.d[i][k], 2 * one.d[i][k], 1e-5f * (1 + fabsf(one.d[i][k])));
    ck_assert_uint_lt(two.peak, one.peak + one.peak / 8);       /* the first pass was given back */
}
END_TEST

START_TEST(frozen_parts_are_not_recorded)
{
    outcome none = train(false, 1, 0), last = train(false, 1, 2), all = train(false, 1, 7);
    ck_assert_int_eq(none.records, 0);
    ck_assert_uint_lt(none.peak, all.peak / 2);
    /* v alone: nothing before its first use is on the way to it */
    ck_assert_int_eq(last.records, 6 * 5 + 1 - 3);
    ck_assert_mem_eq(last.d[1], all.d[1], sizeof all.d[1]);
    ck_assert(last.d[0][5] == 0 && last.d[2][5] == 0);
}
END_TEST

/* What gm_on_final said: whose gradient, and its values then. */
enum { BLOCKS = 3, WEIGHTS = 3 * BLOCKS + 1 };
typedef struct { const void *d[2 * WEIGHTS]; float at[2 * WEIGHTS][192]; int n, ops; } told;

static void note_final(void *user, gm_tensor dw)
{
    told *t = user;
    if (!dw.data) {
        t->ops++;
        return;
    }
    ck_assert_int_lt(t->n, 2 * WEIGHTS);
    memcpy(t->at[t->n], dw.data, (size_t)gm_numel(dw) * sizeof(float));
    t->d[t->n++] = dw.data;
}

/* Three blocks with weights of their own, and one weight that nothing reads: each gradient is named
 * once, when it has its last value; a later block's before an earlier one's. */
START_TEST(final_gradients_are_named_once_and_stay)
{
    gm_ctx *c = gm_ctx_new(gm_kernels_ref(), NULL);
    net m[BLOCKS];
    gm_tensor d[WEIGHTS], x = T(16, 8), unread = T(4);
    told t = { .n = 0 };
    gm_tape_start(c);
    gm_set_checkpointing(c, _i);
    gm_on_final(c, note_final, &t);
    for (int i = 0; i < BLOCKS; i++) {
        m[i] = (net){ T(24, 8), T(8, 24), T(8) };
        gm_tensor w[3] = { m[i].w, m[i].v, m[i].n };
        for (int k = 0; k < 3; k++)
            gm_want_gradient(c, w[k], d[3 * i + k] = zeros_like(c, w[k]));
    }
    gm_want_gradient(c, unread, d[WEIGHTS - 1] = zeros_like(c, unread));
    for (int pass = 0; pass < 2; pass++) {
        gm_mark mark = gm_scope(c);
        gm_tensor h = x;
        t.n = t.ops = 0;
        for (int i = 0; i < BLOCKS; i++) h = gm_block_run(c, net_block, h, &m[i], sizeof m[i]);
        gm_tensor loss = weighed(c, gm_reshape(c, h, 2, GM_DIMS(2, -1)));
        gm_backward(c, loss, 1);
        gm_scope_end(c, mark, GM_NONE);
        ck_assert_msg(gm_ok(c), "%s", gm_error_text(c));
        ck_assert_int_eq(t.n, WEIGHTS);
        ck_assert_int_eq(t.ops, _i ? BLOCKS + 1 : 5 * BLOCKS + 1);
        ck_assert_ptr_eq(t.d[0], d[WEIGHTS - 1].data);
        for (int k = 1; k < WEIGHTS; k++) {
            int which = 0;
            while (which < WEIGHTS && d[which].data != t.d[k]) which++;
            ck_assert_int_eq(which / 3, BLOCKS - 1 - (k - 1) / 3);
            for (int other = 0; other < k; other++) ck_assert_ptr_ne(t.d[k], t.d[other]);
            ck_assert_mem_eq(t.at[k], d[which].data, (size_t)gm_numel(d[which]) * sizeof(float));
            ck_assert(t.at[k][5] != 0);
        }
    }
    gm_ctx_free(c);
}
END_TEST

START_TEST(what_cannot_be_done_is_an_error)
{
    static const char *const want[] = { "one number", "depends on a trained tensor", "place",
                                        "of its size" };
    gm_ctx *c = gm_ctx_new(gm_kernels_ref(), NULL);
    gm_tensor x = T(2, 3, 4), d = zeros_like(c, x);
    gm_tape_start(c);
    if (_i == 3) gm_want_gradient(c, x, T(5));
    else gm_want_gradient(c, x, d);
    if (_i == 0) gm_backward(c, gm_scale(c, x, 2), 1);
    if (_i == 1) gm_backward(c, T(1), 1);
    if (_i == 2) gm_place(c, T(2, 5, 4), x, 1);
    ck_assert_msg(strstr(gm_error_text(c), want[_i]) != NULL, "%s", gm_error_text(c));
    gm_ctx_free(c);
}
END_TEST

/* A context whose allocation number fail_at fails. */
typedef struct { int64_t calls, live, fail_at; } account;

static void *account_alloc(void *user, size_t bytes)
{
    account *a = user;
    if (++a->calls == a->fail_at) return NULL;
    a->live++;
    return aligned_alloc(64, bytes);
}

static void account_free(void *user, void *p, size_t bytes)
{
    (void)bytes;
    ((account *)user)->live--;
    free(p);
}

START_TEST(memory_that_runs_out_on_the_way_back)
{
    int failures = 0;
    for (int64_t fail_at = 8; fail_at < 1000; fail_at++) {
        account a = { .fail_at = fail_at };
        gm_memory source = { .alloc = account_alloc, .free = account_free, .user = &a };
        gm_ctx *c = gm_ctx_new(gm_kernels_ref(), &source);
        net m = net_new(c);
        gm_tensor x = T(4, 8), d = zeros_like(c, m.w);
        gm_tape_start(c);
        gm_set_checkpointing(c, fail_at % 2);
        gm_want_gradient(c, m.w, d);
        gm_backward(c, net_loss(c, &m, x, 2), 1);
        bool ok = gm_ok(c);
        failures += !ok;
        if (!ok) ck_assert_ptr_nonnull(strstr(gm_error_text(c), "out of memory"));
        gm_ctx_free(c);
        ck_assert_int_eq(a.live, 0);
        if (a.calls < fail_at - 1) break;
    }
    ck_assert_int_gt(failures, 15);
}
END_TEST

Suite *test_tape(void)
{
    Suite *s = suite_create("tape");
    TCase *t = tcase_create("tape");
    tcase_add_loop_test(t, gradients_are_slopes, 0, NFRONTS);
    tcase_add_test(t, checkpointing_gives_the_same_bits_with_less_memory);
    tcase_add_test(t, micro_batches_add_up);
    tcase_add_test(t, frozen_parts_are_not_recorded);
    tcase_add_loop_test(t, final_gradients_are_named_once_and_stay, 0, 2);
    tcase_add_loop_test(t, what_cannot_be_done_is_an_error, 0, 4);
    tcase_add_test(t, memory_that_runs_out_on_the_way_back);
    tcase_set_timeout(t, 60);
    suite_add_tcase(s, t);
    return s;
}
