/* Op fronts and the context: shapes, the sticky error, scopes, records, taps, memory that runs
 * out. */
#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "../ref/ops.h"
#include "hash.h"

/* ---- every front, called rightly and wrongly ---- */

static gm_tensor f32(gm_ctx *c, int nd, const int64_t *dim)
{
    gm_tensor x = gm_new(c, GM_F32, nd, dim);
    for (int64_t i = 0; i < gm_numel(x); i++)
        ((float *)x.data)[i] = hash_uniform((uint32_t)nd, (uint32_t)i);
    return x;
}
#define T(...)                                                                                     \
    f32(c, (int)(sizeof(int64_t[]){ __VA_ARGS__ } / sizeof(int64_t)), GM_DIMS(__VA_ARGS__))

static gm_tensor rows(gm_ctx *c, int64_t n)
{
    gm_tensor x = gm_new(c, GM_I32, 1, GM_DIMS(n));
    for (int64_t i = 0; i < gm_numel(x); i++) ((int32_t *)x.data)[i] = (int32_t)(i % 2);
    return x;
}

/* The sizes of a good call's output, and those that the message of a bad call (one size off) must
 * name. */
static const struct { const char *op, *good, *bad1, *bad2; } fronts[] = {
    { "gather", "(5, 3)", "f32 (4, 3)", "i32 (5, 1)" }, { "transpose", "(2, 4, 3)", "f32 (3)",
                                                          "f32 (3)" },
    { "concat", "(2, 7, 4)", "f32 (2, 3, 4)", "f32 (2, 4, 5)" },
    { "slice", "(2, 3, 2)", "f32 (2, 3, 4)", "f32 (2, 3, 4)" }, { "place", "", "f32 (1, 5, 3)",
                                                                  "f32 (1, 2, 4)" },
    { "repeat", "(3, 2, 4)", "f32 (1, 1, 2, 4)", "f32 (1, 1, 2, 4)" },
    { "window", "(4, 2, 2, 5)", "f32 (3, 4, 5)", "f32 (3, 4, 5)" },
    { "unwindow", "(1, 3, 4, 5)", "f32 (4, 2, 3, 5)", "f32 (4, 2, 3, 5)" },
    { "round_bf16", "(3)", "i32 (3)", "i32 (3)" }, { "add", "(2, 3, 4)", "f32 (2, 3, 4)",
                                                     "f32 (3, 5)" },
    { "mul", "(2, 3, 4)", "f32 (2, 3, 4)", "f32 (2)" }, { "scale", "(2, 3)", "i32 (3)", "i32 (3)" },
    { "relu", "(2, 3)", "i32 (3)", "i32 (3)" }, { "gelu", "(2, 3)", "i32 (3)", "i32 (3)" },
    { "quick_gelu", "(2, 3)", "i32 (3)", "i32 (3)" }, { "silu", "(2, 3)", "i32 (3)", "i32 (3)" },
    { "sin", "(2, 3)", "i32 (3)", "i32 (3)" }, { "cos", "(2, 3)", "i32 (3)", "i32 (3)" },
    { "rope", "(2, 3, 8)", "f32 (2, 3, 8)", "f32 (5, 2)" }, { "linear", "(2, 3, 5)",
                                                              "f32 (2, 3, 4)", "f32 (5, 7)" },
    { "conv2d", "(2, 5, 6, 7)", "f32 (2, 3, 6, 7)", "f32 (5, 4, 3, 3)" },
    { "conv_transpose2x2", "(2, 5, 8, 6)", "f32 (2, 3, 4, 3)", "f32 (3, 5, 2, 3)" },
    { "layernorm", "(2, 3, 4)", "f32 (2, 3, 4)", "f32 (3)" },
    { "layernorm2d", "(2, 3, 4, 5)", "f32 (2, 3, 4, 5)", "f32 (5)" },
    { "rmsnorm", "(2, 3, 4)", "f32 (2, 3, 4)", "f32 (4, 1)" },
    { "groupnorm", "(2, 6, 4, 5)", "f32 (2, 6, 4, 5)", "f32 (6)" },
    { "resize", "(2, 7, 9)", "f32 (4)", "f32 (4)" }, { "roi_align", "(5, 3, 2, 2)",
                                                       "f32 (2, 3, 4, 5)", "f32 (5, 3)" },
    { "softmax", "(2, 3)", "i32 (3)", "i32 (3)" },
    { "attention", "(2, 3, 8)", "f32 (2, 3, 8)", "f32 (2, 5, 6)" }, { "argmax", "(2)", "i32 (3)",
                                                                      "i32 (3)" },
};
enum { FRONTS = sizeof fronts / sizeof *fronts };

static gm_tensor call_move(gm_ctx *c, int i, int bad)
{
    switch (i) {
        case 0:
            return gm_gather(c, T(4, 3),
                             bad ? gm_reshape(c, rows(c, 5), 2, GM_DIMS(5, 1)) : rows(c, 5));
        case 1: return gm_transpose(c, bad ? T(3) : T(2, 3, 4));
        case 2: return gm_concat(c, T(2, 3, 4), bad ? T(2, 4, 5) : T(2, 4, 4), 1);
        case 3: return gm_slice(c, T(2, 3, 4), 2, bad ? 3 : 1, 2);
        case 4: gm_place(c, T(1, 5, 3), bad ? T(1, 2, 4) : T(1, 2, 3), 3); return GM_NONE;
        case 5: return gm_repeat(c, bad ? T(1, 1, 2, 4) : T(2, 4), 3);
        case 6: return gm_window(c, bad ? T(3, 4, 5) : T(1, 3, 4, 5), 2);
        case 7: return gm_unwindow(c, bad ? T(4, 2, 3, 5) : T(4, 2, 2, 5), 3, 4);
        default: return gm_round_bf16(c, bad ? rows(c, 3) : T(3), true);
    }
}

static gm_tensor call_map(gm_ctx *c, int i, int bad)
{
    static gm_tensor (*const f[])(gm_ctx *, gm_tensor) = { gm_relu, gm_gelu, gm_quick_gelu,
                                                           gm_silu, gm_sin,  gm_cos };
    switch (i) {
    case 9: return gm_add(c, T(2, 3, 4), bad ? T(3, 5) : T(3, 4));
    case 10: return gm_mul(c, T(2, 3, 4), bad ? T(2) : T(4));
    case 11: return gm_scale(c, bad ? rows(c, 3) : T(2, 3), 0.5f);
    case 18: return gm_rope(c, T(2, 3, 8), bad ? T(5, 2) : T(6, 2));
    default: return f[i - 12](c, bad ? rows(c, 3) : T(2, 3));
    }
}

static gm_tensor call_sum(gm_ctx *c, int i, int bad)
{
    gm_attn_options two = { .NH = 2 };
    switch (i) {
    case 19: return gm_linear(c, T(2, 3, 4), bad ? T(5, 7) : T(5, 4), T(5));
    case 20: return gm_conv2d(c, T(2, 3, 6, 7), bad ? T(5, 4, 3, 3) : T(5, 3, 3, 3), GM_NONE, 1, 1);
    case 21:
        return gm_conv_transpose2x2(c, T(2, 3, 4, 3), bad ? T(3, 5, 2, 3) : T(3, 5, 2, 2), T(5));
    case 22: return gm_layernorm(c, T(2, 3, 4), bad ? T(3) : T(4), T(4), 1e-5f);
    case 23: return gm_layernorm2d(c, T(2, 3, 4, 5), bad ? T(5) : T(3), T(3), 1e-6f);
    case 24: return gm_rmsnorm(c, T(2, 3, 4), bad ? T(4, 1) : T(4), 1e-5f);
    case 25: return gm_groupnorm(c, T(2, 6, 4, 5), T(6), T(6), bad ? 4 : 3, 1e-5f);
    case 26: return gm_resize(c, bad ? T(4) : T(2, 4, 5), 7, 9, true);
    case 27: return gm_roi_align(c, T(2, 3, 4, 5), bad ? T(5, 3) : T(5, 4), rows(c, 5), 2, 2, 1.0f);
    case 28: return gm_softmax(c, bad ? rows(c, 3) : T(2, 3));
    case 29:
        return gm_attention(c, T(2, 3, 8), bad ? T(2, 5, 6) : T(2, 5, 8),
                            bad ? T(2, 5, 6) : T(2, 5, 8), two);
    default: return gm_argmax(c, bad ? rows(c, 3) : T(2, 3));
    }
}

static gm_tensor call(gm_ctx *c, int i, int bad)
{
    return i < 9 ? call_move(c, i, bad) : i < 19 ? call_map(c, i, bad) : call_sum(c, i, bad);
}

START_TEST(output_sizes)
{
    gm_ctx *c = gm_ctx_new(gm_kernels_ref(), NULL);
    char shape[100];
    gm_tensor y = call(c, _i, 0);
    ck_assert_msg(gm_ok(c), "%s: %s", fronts[_i].op, gm_error_text(c));
    if (fronts[_i].good[0]) ck_assert_str_eq(gm_shape_text(shape, y), fronts[_i].good);
    gm_ctx_free(c);
}
END_TEST

START_TEST(wrong_sizes_are_named)
{
    gm_ctx *c = gm_ctx_new(gm_kernels_ref(), NULL);
    gm_tensor y = call(c, _i, 1);
    const char *text = gm_error_text(c), *op = fronts[_i].op;
    ck_assert(!gm_ok(c) && !y.data);
    ck_assert_msg(!strncmp(text, op, strlen(op)) && text[strlen(op)] == ':', "%s", text);
    ck_assert_msg(strstr(text, fronts[_i].bad1) && strstr(text, fronts[_i].bad2), "%s", text);
    gm_ctx_free(c);
}
END_TEST

START_TEST(nothing_runs_after_the_first_error)
{
    gm_kernels none = { .name = "none" };               /* a call of any slot would crash */
    gm_ctx *c = gm_ctx_new(&none, NULL);
    char first[1024];
    size_t before, after;
    gm_tensor cache = T(1, 4, 3), x = T(1, 2, 3);
    gm_set_error(c, "the first error");
    gm_set_error(c, "the second");
    strcpy(first, gm_error_text(c));
    gm_memory_use(c, &before, NULL);
    for (int i = 0; i < FRONTS; i++) ck_assert(!call(c, i, 0).data);
    gm_place(c, cache, x, 1); /* needs no new tensor, so only the error stops it */
    ck_assert(!gm_relu(c, x).data && !gm_linear(c, x, x, GM_NONE).data);
    gm_memory_use(c, &after, NULL);
    ck_assert_str_eq(first, "the first error");
    ck_assert_str_eq(gm_error_text(c), first);
    ck_assert_uint_eq(before, after);
    gm_clear(c);
    ck_assert(gm_ok(c) && !gm_error_text(c)[0]);
    gm_ctx_free(c);
}
END_TEST

static int refuse(float *y, const float *x, int64_t N)
{
    (void)y;
    (void)x;
    return N == 6 ? 7 : 0;
}

START_TEST(other_errors)
{
    gm_kernels k;
    gm_kernels_inherit(&k, &(gm_kernels){ .name = "mine", .relu = refuse }, gm_kernels_ref());
    gm_ctx *c = gm_ctx_new(&k, NULL);
    ck_assert(!gm_relu(c, T(2, 3)).data);
    ck_assert_str_eq(gm_error_text(c), "relu: the kernel of backend mine failed with code 7");
    gm_clear(c);
    gm_add(c, T(2, 3), GM_NONE);
    ck_assert_msg(strstr(gm_error_text(c), "add: an input is missing") != NULL, "%s",
                  gm_error_text(c));
    gm_clear(c);
    gm_reshape(c, T(2, 3), 2, GM_DIMS(4, 2));
    ck_assert_str_eq(gm_error_text(c), "reshape: (4, 2) does not hold the values of (2, 3)");
    gm_clear(c);
    for (int32_t row = -1; row < 5; row += 5) {         /* -1 and 4 */
        int32_t id[3] = { 0, row, 1 };
        ck_assert(!gm_gather(c, T(4, 3), gm_from(c, GM_I32, id, 1, GM_DIMS(3))).data);
        ck_assert_msg(strstr(gm_error_text(c), "gather: wanted a row below 4") != NULL, "%s",
                      gm_error_text(c));
        gm_clear(c);
    }
    ck_assert(!gm_new(c, GM_F32, 3, GM_DIMS(1 << 30, 1 << 30, 1 << 30)).data && !gm_ok(c));
    gm_clear(c);
    ck_assert(!gm_new(c, GM_F32, 2, GM_DIMS(3, -1)).data && !gm_ok(c));
    gm_ctx_free(c);
}
END_TEST

/* ---- what the fronts hand to the kernels ---- */

/* A tensor whose element is its index. */
static gm_tensor counted(gm_ctx *c, int nd, const int64_t *dim)
{
    gm_tensor x = gm_new(c, GM_F32, nd, dim);
    for (int64_t i = 0; i < gm_numel(x); i++) ((float *)x.data)[i] = (float)i;
    return x;
}

static float at4(gm_tensor x, int64_t i, int64_t j, int64_t k, int64_t l)
{
    return ((float *)x.data)[((i * x.dim[1] + j) * x.dim[2] + k) * x.dim[3] + l];
}

START_TEST(moves_along_any_size)
{
    gm_ctx *c = gm_ctx_new(gm_kernels_ref(), NULL);
    const int64_t d[4] = { 2, 3, 4, 5 };
    gm_tensor x = counted(c, 4, d), y = gm_transpose(c, x);
    for (int64_t i = 0; i < 120; i++)
        ck_assert_float_eq(at4(y, i / 60, i / 20 % 3, i % 5, i / 5 % 4), (float)i);
    for (int dim = 0; dim < 4; dim++) {
        gm_tensor a = gm_slice(c, x, dim, 0, 1), b = gm_slice(c, x, dim, 1, d[dim] - 1);
        ck_assert_int_eq(a.dim[dim], 1);
        ck_assert_int_eq(b.dim[dim], d[dim] - 1);
        const int64_t o[4] = { dim == 0, dim == 1, dim == 2, dim == 3 };
        ck_assert_float_eq(at4(b, 0, 0, 0, 0), at4(x, o[0], o[1], o[2], o[3]));
        ck_assert_float_eq(at4(b, 0, 1, 1, 1), at4(x, o[0], o[1] + 1, o[2] + 1, o[3] + 1));
        gm_tensor whole = gm_concat(c, a, b, dim);
        ck_assert(gm_numel(whole) == 120 && !memcmp(whole.data, x.data, 480));
    }
    gm_tensor z = gm_repeat(c, gm_reshape(c, x, 2, GM_DIMS(6, -1)), 2);
    ck_assert_int_eq(z.dim[2], 20);
    ck_assert(!memcmp((float *)z.data + 120, x.data, 480));
    gm_tensor cache = counted(c, 3, GM_DIMS(2, 4, 3)), fresh = counted(c, 3, GM_DIMS(2, 2, 3));
    gm_place(c, cache, fresh, 1);
    static const float want[24] = { 0,  1,  2,  0, 1, 2, 3, 4,  5,  9,  10, 11,
                                    12, 13, 14, 6, 7, 8, 9, 10, 11, 21, 22, 23 };
    ck_assert(!memcmp(cache.data, want, sizeof want));
    ck_assert_msg(gm_ok(c), "%s", gm_error_text(c));
    gm_ctx_free(c);
}
END_TEST

START_TEST(attention_options)
{
    gm_ctx *c = gm_ctx_new(gm_kernels_ref(), NULL);
    gm_tensor q = T(1, 3, 8), k = T(1, 6, 4), v = gm_scale(c, k, 2),
              keep = gm_new(c, GM_U8, 2, GM_DIMS(1, 5));
    memcpy(keep.data, "\1\1\0\1\1", 5);
    gm_tensor y = gm_attention(c, q, k, v, (gm_attn_options){ .NH = 4, .NKV = 2, .causal = true,
                                                              .past = 2, .TK = 5,
                                                              .keep = keep });
    gm_attn s = { .B = 1, .TQ = 3, .TK = 5, .KS = 6, .NH = 4, .NKV = 2, .HD = 2,
                  .scale = (float)sqrt(0.5),
                  .causal = 1, .past = 2, .keep = keep.data };
    float want[24];
    void *scratch = malloc(gm_kernels_ref()->attention_scratch(&s));
    gm_kernels_ref()->attention(want, q.data, k.data, v.data, &s, scratch);
    ck_assert_msg(gm_ok(c), "%s", gm_error_text(c));
    ck_assert(!memcmp(want, y.data, sizeof want));
    free(scratch);
    gm_attention(c, q, k, v, (gm_attn_options){ .NH = 4, .NKV = 2, .TK = 7 });
    ck_assert(!gm_ok(c));                                       /* more keys than rows */
    gm_clear(c);
    gm_attention(c, q, k, v, (gm_attn_options){ .NH = 4, .NKV = 2, .keep = keep });
    ck_assert(!gm_ok(c));                                       /* keep has 5, keys are 6 */
    gm_clear(c);
    gm_attention(c, q, T(1, 3, 8), T(1, 3, 8), (gm_attn_options){ .NH = 4, .rel_h = T(5, 2),
                                                                  .rel_w = T(3, 2) });
    ck_assert(!gm_ok(c));                                       /* a 3 x 2 map is not 3 tokens */
    gm_ctx_free(c);
}
END_TEST

/* ---- memory ---- */

typedef struct { int64_t live, calls, fail_at; } account;

static void *account_alloc(void *user, size_t bytes)
{
    account *a = user;
    if (++a->calls == a->fail_at) return NULL;
    void *p = aligned_alloc(64, (bytes + 63) / 64 * 64);
    if (p) a->live++;
    return p;
}

static void account_free(void *user, void *p, size_t bytes)
{
    memset(p, 0xee, bytes);
    ((account *)user)->live--;
    free(p);
}

START_TEST(scopes_keep_what_they_should)
{
    account a = { 0 };
    gm_memory m = { .alloc = account_alloc, .free = account_free, .user = &a, .cache = false };
    gm_ctx *c = gm_ctx_new(gm_kernels_ref(), &m);
    gm_tensor x = T(4, 4);
    ck_assert_int_eq(a.live, 1);
    gm_mark outer = gm_scope(c);
    gm_tensor h = gm_relu(c, x), kept[2];
    gm_mark inner = gm_scope(c);
    kept[0] = gm_scale(c, h, 3);
    gm_scale(c, h, 4);
    kept[1] = gm_reshape(c, gm_scale(c, h, 5), 1, GM_DIMS(16));
    gm_scope_keep(c, inner, kept, 2);
    ck_assert_int_eq(a.live, 4);                                /* x, h, two kept */
    gm_linear(c, x, x, GM_NONE); /* scratch does not outlive its op */
    ck_assert_int_eq(a.live, 5);
    gm_tensor y = gm_add(c, kept[0], gm_reshape(c, kept[1], 2, GM_DIMS(4, 4)));
    y = gm_scope_end(c, outer, y);
    ck_assert_int_eq(a.live, 2);
    for (int i = 0; i < 16; i++)
        ck_assert_float_eq(((float *)y.data)[i], 8 * fmaxf(((float *)x.data)[i], 0));
    outer = gm_scope(c);
    gm_relu(c, x);
    gm_scope_end(c, outer, x); /* keeping what is older frees the rest */
    ck_assert_int_eq(a.live, 2);
    gm_ctx_free(c);
    ck_assert_int_eq(a.live, 0);
}
END_TEST

START_TEST(freed_blocks_are_used_again)
{
    account a = { 0 };
    gm_memory m = { .alloc = account_alloc, .free = account_free, .user = &a, .cache = true };
    gm_ctx *c = gm_ctx_new(gm_kernels_ref(), &m);
    size_t live, peak;
    gm_tensor x = T(100);
    for (int i = 0; i < 50; i++) {
        gm_mark mark = gm_scope(c);
        x = gm_scope_end(c, mark, gm_relu(c, gm_scale(c, x, 0.5f)));
        ck_assert_msg(gm_ok(c), "%s", gm_error_text(c));
    }
    gm_memory_use(c, &live, &peak);
    ck_assert_int_le(a.calls, 110); /* x is kept in a block of its own each time */
    gm_trim(c);
    gm_memory_use(c, &live, NULL);
    ck_assert_uint_ge(live, 400);
    ck_assert_uint_ge(peak, live);
    gm_ctx_free(c);
    ck_assert_int_eq(a.live, 0);
}
END_TEST

/* Without spare blocks every failed allocation is an error; with them the context gives them back
 * and tries once more (tested by the next one). */
START_TEST(memory_that_runs_out)
{
    int failures = 0;
    for (int64_t fail_at = 1; fail_at < 500; fail_at++) {
        account a = { .fail_at = fail_at };
        gm_memory m = { .alloc = account_alloc, .free = account_free, .user = &a, .cache = false };
        gm_ctx *c = gm_ctx_new(gm_kernels_ref(), &m);
        for (int i = 0; i < FRONTS; i++) call(c, i, 0);
        int ok = gm_ok(c);
        if (!ok)
            ck_assert_msg(strstr(gm_error_text(c), "out of memory") != NULL, "%s",
                          gm_error_text(c));
        ck_assert_int_eq(ok, a.calls < fail_at);
        failures += !ok;
        gm_ctx_free(c);
        ck_assert_int_eq(a.live, 0);
        if (ok) break;
    }
    ck_assert_int_gt(failures, 60);
}
END_TEST

START_TEST(spare_blocks_are_given_back_before_failing)
{
    account a = { .fail_at = 3 };
    gm_memory m = { .alloc = account_alloc, .free = account_free, .user = &a, .cache = true };
    gm_ctx *c = gm_ctx_new(gm_kernels_ref(), &m);
    gm_mark mark = gm_scope(c);
    T(1000);
    T(2000);
    gm_scope_end(c, mark, GM_NONE);
    ck_assert_int_eq(a.live, 2);
    ck_assert(T(50000).data && gm_ok(c));
    ck_assert_int_eq(a.live, 1);
    gm_ctx_free(c);
    ck_assert_int_eq(a.live, 0);
}
END_TEST

/* ---- records and taps ---- */

START_TEST(records_list_what_was_computed)
{
    gm_ctx *c = gm_ctx_new(gm_kernels_ref(), NULL);
    gm_tensor x = T(1, 3, 6, 6), w = T(4, 3, 2, 2), b = T(4), v = T(2, 9), u = T(5, 9);
    const gm_record *r;
    gm_relu(c, v);                                              /* before: not recorded */
    gm_record_start(c);
    gm_tensor y = gm_conv2d(c, x, w, b, 2, 0), z = gm_linear(c, v, u, GM_NONE),
              n = gm_rmsnorm(c, v, T(9), 0.5f);
    ck_assert_int_eq(gm_records(c, &r), 3);
    ck_assert_str_eq(r[0].op, "conv2d");
    ck_assert(r[0].x[0].data == x.data && r[0].x[1].data == w.data && r[0].x[2].data == b.data);
    ck_assert(r[0].y.data == y.data && r[0].y.dim[3] == 3);
    const gm_conv *s = r[0].args;
    ck_assert(s->CI == 3 && s->CO == 4 && s->stride == 2 && s->pad == 0 && s->HO == 3);
    ck_assert_double_eq(r[0].flops, 2.0 * 36 * 12);
    ck_assert_str_eq(r[1].op, "linear");
    ck_assert(r[1].x[0].data == v.data && r[1].x[1].data == u.data && !r[1].x[2].data &&
              r[1].y.data == z.data);
    ck_assert(!r[1].args);
    ck_assert_double_eq(r[1].flops, 2.0 * 2 * 5 * 9);
    ck_assert_str_eq(r[2].op, "rmsnorm");
    ck_assert_double_eq(r[2].number[0], 0.5);
    ck_assert(r[2].y.data == n.data && r[2].seconds >= 0);
    gm_record_stop(c);
    ck_assert_int_eq(gm_records(c, &r), 0);
    gm_ctx_free(c);
}
END_TEST

typedef struct { char names[200]; } tapped;

static void on_tap(void *user, gm_ctx *c, const char *name, gm_tensor x)
{
    (void)c;
    strcat(((tapped *)user)->names, name);
    strcat(((tapped *)user)->names, " ");
    if (!strcmp(name, "spoil")) ((float *)x.data)[1] = NAN;
}

START_TEST(taps_name_and_check)
{
    gm_ctx *c = gm_ctx_new(gm_kernels_ref(), NULL);
    tapped t = { "" };
    gm_tensor x = T(3);
    gm_set_tap(c, on_tap, &t);
    gm_tap(c, x, "layers.%d", 0);
    gm_tap(c, x, "layers.%d", 1);
    gm_tap(c, x, "layers.%d", 0);
    gm_tap(c, x, "layers.%d", 0);
    gm_taps_restart(c);
    gm_tap(c, x, "layers.%d", 0);
    ck_assert_str_eq(t.names, "layers.0 layers.1 layers.0#1 layers.0#2 layers.0 ");
    ck_assert(gm_ok(c));
    gm_tap(c, x, "spoil");
    ck_assert_msg(strstr(gm_error_text(c), "spoil is not finite") != NULL, "%s", gm_error_text(c));
    gm_tap(c, x, "later");
    ck_assert_str_eq(strrchr(t.names, 's'), "spoil ");
    gm_set_tap(c, NULL, NULL);
    gm_clear(c);
    gm_tap(c, x, "module");                                     /* checked without a tap too */
    ck_assert_str_eq(gm_error_text(c), "the output of module is not finite (NaN or infinity)");
    gm_ctx_free(c);
}
END_TEST

Suite *test_fronts(void)
{
    Suite *s = suite_create("fronts");
    TCase *t = tcase_create("fronts");
    tcase_add_loop_test(t, output_sizes, 0, FRONTS);
    tcase_add_loop_test(t, wrong_sizes_are_named, 0, FRONTS);
    tcase_add_test(t, nothing_runs_after_the_first_error);
    tcase_add_test(t, other_errors);
    tcase_add_test(t, moves_along_any_size);
    tcase_add_test(t, attention_options);
    tcase_add_test(t, scopes_keep_what_they_should);
    tcase_add_test(t, freed_blocks_are_used_again);
    tcase_add_test(t, memory_that_runs_out);
    tcase_add_test(t, spare_blocks_are_given_back_before_failing);
    tcase_add_test(t, records_list_what_was_computed);
    tcase_add_test(t, taps_name_and_check);
    tcase_set_timeout(t, 60);
    suite_add_tcase(s, t);
    return s;
}
