/* The cpu table's backward kernels and losses where they cut work into tiles, panels and blocks:
 * sizes just past each border, against the oracle; and the same bits on a second run.  Every slot's
 * own cases are in test_ops.c. */
#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "../ref/kernels/typed.h"
#include "compare.h"
#include "numbers.h"

static gm_kernels cpu;
static const gm_kernels *ref;

static void setup(void)
{
    ref = gm_kernels_ref();
    gm_kernels_inherit(&cpu, gm_kernels_cpu(), ref);
}

/* A gradient of three runs: cpu, cpu again, ref.  All start as the same numbers: kernels add. */
typedef struct { float *run[3]; int64_t n; } gradient;

static gradient gradient_of(int64_t n)
{
    gradient g = { .n = n };
    for (int i = 0; i < 3; i++) g.run[i] = numbers(n, 77);
    return g;
}

static void same(gradient g, double terms)
{
    char line[400];
    gm_comparison c = gm_compare_bits(g.run[1], g.run[0], g.n);
    ck_assert_msg(c.verdict == GM_PASS, "second run: %s",
                  gm_comparison_text(line, sizeof line, &c));
    free(g.run[1]);
    equal(g.run[0], g.run[2], g.n, terms + 1);
}

static const gm_kernels *table(int run) { return run < 2 ? &cpu : ref; }

/* n weights of a type: random, of blocks the bytes, under scales (and for least values) of 1/64. */
static void *weights(gm_dtype type, int64_t n)
{
    float *w = numbers(n, 2);
    int64_t bytes = gm_block_bytes(type);
    if (!bytes) {
        void *typed = narrow(w, type, n);
        free(w);
        return typed;
    }
    uint16_t scale = gm_to_f16(1 / 64.0f);
    int halves = type == GM_Q8_0 || type == GM_Q4_0 || type == GM_Q6_K ? 1 : 2;
    for (int64_t i = 0; i < n / gm_block_values(type); i++)
        for (int64_t j = 0; j < halves; j++)
            memcpy((uint8_t *)w + i * bytes + (type == GM_Q6_K ? 208 : 2 * j), &scale,
                   sizeof scale);
    return w;
}

static void check_linear(gm_dtype type, int64_t R, int64_t N, int64_t K)
{
    float *x = numbers(R * K, 1), *dy = numbers(R * N, 3);
    gradient dx = gradient_of(R * K), dw = gradient_of(N * K), db = gradient_of(N);
    void *typed = weights(type, N * K);
    for (int i = 0; i < 3; i++) {
        size_t (*bytes)(gm_dtype, int64_t, int64_t, int64_t) = table(i)->linear_backward_scratch;
        void *scratch = scratch_of(bytes ? bytes(type, R, N, K) : 0);
        ck_assert_int_eq(table(i)->linear_backward(dx.run[i], dw.run[i], db.run[i], dy, x, typed,
                                                   type, R, N, K, scratch), 0);
        ck_assert_int_eq(table(i)->linear_backward(NULL, NULL, NULL, dy, x, typed, type, R, N, K,
                                                   scratch), 0);
        free(scratch);
    }
    same(dx, 2.0 * (double)N), same(dw, (double)R), same(db, (double)R);
    free(x), free(dy), free(typed);
}

START_TEST(linear_of_quantised_weights)
{
    static const gm_dtype BLOCKS[] = { GM_Q8_0, GM_Q4_0, GM_Q4_1, GM_Q4_K, GM_Q5_K, GM_Q6_K };
    int wide = gm_block_values(BLOCKS[_i]) == GM_K_BLOCK;
    check_linear(BLOCKS[_i], 5, 1030, wide ? 256 : 64);
    check_linear(BLOCKS[_i], 3, 131, wide ? 1280 : 1056);
}
END_TEST

START_TEST(linear_panels)
{
    check_linear(TYPES[_i], 5, 2057, 19);                       /* two panels of 1024 and a rest */
    check_linear(TYPES[_i], 3, 131, 1030);                      /* few rows: 512 columns, 64 rows */
    check_linear(TYPES[_i], 1, 1, 1);
}
END_TEST

static void check_conv(gm_conv s, gm_dtype type)
{
    s.HO = (s.H + 2 * s.pad - s.KH) / s.stride + 1;
    s.WO = (s.W + 2 * s.pad - s.KW) / s.stride + 1;
    int64_t nx = s.B * s.CI * s.H * s.W, nw = s.CO * s.CI * s.KH * s.KW,
            ny = s.B * s.CO * s.HO * s.WO;
    float *x = numbers(nx, 1), *w = numbers(nw, 2), *dy = numbers(ny, 3);
    gradient dx = gradient_of(nx), dw = gradient_of(nw), db = gradient_of(s.CO);
    void *typed = narrow(w, type, nw);
    for (int i = 0; i < 3; i++) {
        size_t (*bytes)(gm_dtype, const gm_conv *) = table(i)->conv2d_backward_scratch;
        void *scratch = scratch_of(bytes ? bytes(type, &s) : 0);
        ck_assert_int_eq(table(i)->conv2d_backward(dx.run[i], NULL, db.run[i], dy, x, typed, type,
                                                   &s, scratch), 0);
        ck_assert_int_eq(table(i)->conv2d_backward(NULL, dw.run[i], NULL, dy, x, typed, type, &s,
                                                   scratch), 0);
        free(scratch);
    }
    same(dx, (double)(s.CO * s.KH * s.KW)), same(dw, (double)(s.B * s.HO * s.WO));
    same(db, (double)(s.B * s.HO * s.WO));
    free(x), free(w), free(dy), free(typed);
}

START_TEST(conv_tiles_and_blocks)
{
    check_conv((gm_conv){ .B = 2, .CI = 3, .H = 70, .W = 61, .CO = 5, .KH = 3, .KW = 3, .stride = 1,
                          .pad = 1 }, TYPES[_i]);               /* rows in tiles of 33 */
    check_conv((gm_conv){ .B = 1, .CI = 241, .H = 45, .W = 45, .CO = 2, .KH = 3, .KW = 3,
                          .stride = 1, .pad = 1 }, TYPES[_i]);  /* channels in blocks of 230 */
    check_conv((gm_conv){ .B = 1, .CI = 3, .H = 5, .W = 4500, .CO = 2, .KH = 2, .KW = 2,
                          .stride = 2, .pad = 0 }, TYPES[_i]);  /* one row is more than a tile */
    check_conv((gm_conv){ .B = 1, .CI = 2, .H = 2, .W = 1, .CO = 2, .KH = 3, .KW = 3, .stride = 1,
                          .pad = 4 }, TYPES[_i]);               /* patches of nothing but padding */
    check_conv((gm_conv){ .B = 3, .CI = 6, .H = 7, .W = 5, .CO = 9, .KH = 1, .KW = 1, .stride = 1,
                          .pad = 0 }, TYPES[_i]);               /* the map is its own columns */
}
END_TEST

/* Sizes of which Winograd's way is taken: tiles with a rest below and beside, several blocks and
 * images; rows of more than 64 tiles; maps of few tiles. */
START_TEST(conv_of_many_channels)
{
    gm_kernels plain = cpu;
    gm_kernels_inherit(&cpu, gm_kernels_cpu_winograd(), &plain);
    check_conv((gm_conv){ .B = 3, .CI = 33, .H = 22, .W = 45, .CO = 37, .KH = 3, .KW = 3,
                          .stride = 1, .pad = 1 }, TYPES[_i]);
    check_conv((gm_conv){ .B = 2, .CI = 64, .H = 30, .W = 31, .CO = 32, .KH = 3, .KW = 3,
                          .stride = 1, .pad = 0 }, TYPES[_i]);
    check_conv((gm_conv){ .B = 1, .CI = 32, .H = 5, .W = 270, .CO = 35, .KH = 3, .KW = 3,
                          .stride = 1, .pad = 2 }, TYPES[_i]);
    check_conv((gm_conv){ .B = 20, .CI = 32, .H = 8, .W = 8, .CO = 64, .KH = 3, .KW = 3,
                          .stride = 1, .pad = 1 }, TYPES[_i]);
    cpu = plain;
}
END_TEST

START_TEST(conv_transpose_tiles)
{
    /* 64 channels in, 16 and 8 out; 128 and 1024 pixels */
    const int64_t B = 2, CI = 70, H = 47, W = 23, CO = 19;
    float *x = numbers(B * CI * H * W, 1), *w = numbers(CI * CO * 4, 2);
    float *dy = numbers(B * CO * 4 * H * W, 3);
    gradient dx = gradient_of(B * CI * H * W), dw = gradient_of(CI * CO * 4), db = gradient_of(CO);
    void *typed = narrow(w, TYPES[_i], CI * CO * 4);
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(table(i)->conv_transpose2x2_backward(dx.run[i], dw.run[i], db.run[i], dy,
                                                              x, typed, TYPES[_i], B, CI, H, W, CO),
                         0);
    same(dx, 4.0 * CO), same(dw, (double)(B * H * W)), same(db, 4.0 * B * H * W);
    free(x), free(w), free(dy), free(typed);
}
END_TEST

static void check_attention(gm_attn s, int keep, int rel, int hidden)
{
    int64_t nq = s.B * s.TQ * s.NH * s.HD, nk = s.B * s.KS * s.NKV * s.HD;
    int64_t nh = rel ? (2 * s.GH - 1) * s.HD : 1, nw = rel ? (2 * s.GW - 1) * s.HD : 1;
    float *q = numbers(nq, 1), *k = numbers(nk, 2), *v = numbers(nk, 3), *y = numbers(nq, 0);
    float *dy = numbers(nq, 6), *rel_h = numbers(nh, 4), *rel_w = numbers(nw, 5);
    gradient dq = gradient_of(nq), dk = gradient_of(nk), dv = gradient_of(nk),
             dh = gradient_of(nh), dw = gradient_of(nw);
    uint8_t *kept = some_keys(&s);
    s.scale = 1 / sqrtf((float)s.HD);
    if (keep) s.keep = kept;
    if (hidden) hide_keys(k, v, &s);
    if (rel) s.rel_h = rel_h, s.rel_w = rel_w;
    void *room = scratch_of(ref->attention_scratch(&s));
    ck_assert_int_eq(ref->attention(y, q, k, v, &s, room), 0);
    free(room);
    for (int i = 0; i < 3; i++) {
        room = scratch_of(table(i)->attention_backward_scratch(&s));
        ck_assert_int_eq(table(i)->attention_backward(dq.run[i], dk.run[i], dv.run[i],
                                                      rel ? dh.run[i] : NULL,
                                                      rel ? dw.run[i] : NULL, dy, q, k, v, y, &s,
                                                      room), 0);
        ck_assert_int_eq(table(i)->attention_backward(NULL, NULL, NULL, NULL, NULL, dy, q, k, v, y,
                                                      &s, room), 0);
        free(room);
    }
    double dp = 2 * (double)s.HD; /* terms of dy v - dy y; weights of a query add up to 1 */
    same(dq, dp), same(dk, dp * (double)(s.TQ * s.NH / s.NKV) / 8);
    same(dv, (double)(s.TQ * s.NH / s.NKV) / 8);
    same(dh, dp * (double)(s.B * s.NH * s.TQ) / 8), same(dw, dp * (double)(s.B * s.NH * s.TQ) / 8);
    free(q), free(k), free(v), free(y), free(dy), free(rel_h), free(rel_w), free(kept);
}

START_TEST(attention_tiles)
{
    for (int hidden = 0; hidden < 2; hidden++) {                /* tiles of 128 queries, or rows */
        check_attention((gm_attn){ .B = 1, .TQ = 150, .TK = 150, .KS = 151, .NH = 4, .NKV = 2,
                                   .HD = 9, .causal = 1 }, 0, 0, hidden);
        check_attention((gm_attn){ .B = 2, .TQ = 150, .TK = 150, .KS = 150, .NH = 1, .NKV = 1,
                                   .HD = 16, .causal = 1 }, 1, 0, hidden);
        check_attention((gm_attn){ .B = 1, .TQ = 5, .TK = 40, .KS = 64, .NH = 2, .NKV = 1, .HD = 33,
                                   .causal = 1, .past = 35 }, 1, 0, hidden);
        check_attention((gm_attn){ .B = 3, .TQ = 1, .TK = 40, .KS = 64, .NH = 2, .NKV = 1,
                                   .HD = 33 }, 1, 0, hidden);
    }
    check_attention((gm_attn){ .B = 33, .TQ = 6, .TK = 6, .KS = 6, .NH = 2, .NKV = 2, .HD = 8,
                               .GH = 3, .GW = 2 }, 0, 1, 0);    /* 66 heads in 64 shares */
    check_attention((gm_attn){ .B = 1, .TQ = 143, .TK = 143, .KS = 143, .NH = 2, .NKV = 2, .HD = 8,
                               .GH = 13, .GW = 11 }, 0, 1, 0);
}
END_TEST

/* They add nothing, in tiles, and by rows, which a NaN in dy takes. */
START_TEST(a_query_without_keys_gives_nothing)
{
    gm_attn s = { .B = 1, .TQ = 3, .TK = 3, .KS = 3, .NH = 1, .NKV = 1, .HD = 4, .causal = 1,
                  .scale = 0.5f, .keep = (const uint8_t[]){ 0, 1, 1 } };
    float *q = numbers(12, 1), *k = numbers(12, 2), *v = numbers(12, 3), *dy = numbers(12, 4);
    float *y = numbers(12, 5);
    gradient dq = gradient_of(12), dk = gradient_of(12), dv = gradient_of(12);
    void *room = scratch_of(ref->attention_scratch(&s));
    ck_assert_int_eq(ref->attention(y, q, k, v, &s, room), 0);
    ck_assert(isnan(y[0]));
    free(room);
    if (_i) dy[0] = NAN;
    for (int i = 0; i < 3; i++) {
        room = scratch_of(table(i)->attention_backward_scratch(&s));
        ck_assert_int_eq(table(i)->attention_backward(dq.run[i], dk.run[i], dv.run[i], NULL, NULL,
                                                      dy, q, k, v, y, &s, room), 0);
        free(room);
    }
    for (int64_t i = 0; i < 12; i++) ck_assert(isfinite(dk.run[2][i]));
    same(dq, 8), same(dk, 8), same(dv, 8);
    free(q), free(k), free(v), free(y), free(dy);
}
END_TEST

START_TEST(norm_rows_and_pixels)
{
    const int64_t R = 259, C = 67;                              /* 256 rows, 32 columns at a time */
    float *x = numbers(2 * 17000, 1), *w = numbers(C, 2), *dy = numbers(2 * 17000, 3);
    gradient dx = gradient_of(R * C), dw = gradient_of(C), db = gradient_of(C);
    for (int i = 0; i < 3; i++)
        table(i)->layernorm_backward(dx.run[i], dw.run[i], db.run[i], dy, x, w, R, C, 1e-5f);
    same(dx, 8), same(dw, 2.0 * R), same(db, R);
    dx = gradient_of(R * C), dw = gradient_of(C);
    for (int i = 0; i < 3; i++)
        table(i)->rmsnorm_backward(dx.run[i], dw.run[i], dy, x, w, R, C, 1e-6f);
    same(dx, 8), same(dw, 2.0 * R);
    const int64_t HW = 8200, B = 2; /* 64 runs of 128 pixels, then the next image begins */
    dx = gradient_of(B * 2 * HW), dw = gradient_of(2), db = gradient_of(2);
    for (int i = 0; i < 3; i++)
        table(i)->layernorm2d_backward(dx.run[i], dw.run[i], db.run[i], dy, x, w, B, 2, HW, 1e-2f);
    same(dx, 80), same(dw, (double)(B * HW)), same(db, (double)(B * HW));
    dx = gradient_of(B * 6 * 131), dw = gradient_of(6), db = gradient_of(6);
    for (int i = 0; i < 3; i++)
        table(i)->groupnorm_backward(dx.run[i], dw.run[i], db.run[i], dy, x, w, B, 6, 131, 3,
                                     1e-5f);
    same(dx, 8), same(dw, 2.0 * B * 131), same(db, (double)B * 131);
    free(x), free(w), free(dy);
}
END_TEST

START_TEST(moves)
{
    const int64_t B = 2, R = 37, C = 4201;                      /* squares of 32, runs of 4096 */
    float *dy = numbers(B * R * C, 1);
    int32_t rows[300];
    gradient a = gradient_of(B * R * C), b, c, d, e = gradient_of(16 * 70);
    for (int i = 0; i < 3; i++) table(i)->transpose_backward(a.run[i], dy, B, R, C);
    same(a, 1);
    a = gradient_of(R * (C - 9)), b = gradient_of(R * 9), c = gradient_of(R * (C + 4)),
    d = gradient_of(C);
    for (uint32_t i = 0, r = 9; i < 300; i++) rows[i] = (int32_t)((r = r * 1664525u + 1) >> 28);
    for (int i = 0; i < 3; i++) {
        table(i)->concat_backward(a.run[i], b.run[i], dy, R, C - 9, 9);
        table(i)->slice_backward(c.run[i], dy, R, C + 4, 3, C);
        table(i)->repeat_backward(d.run[i], dy, R, C);          /* columns by 1024 and 256 */
        table(i)->gather_backward(e.run[i], dy, rows, 300, 16, 70); /* rows by 128, columns by 32 */
    }
    same(a, 1), same(b, 1), same(c, 1), same(d, R), same(e, 60);
    a = gradient_of(9 * 13 * 11), b = gradient_of(6 * 25 * 11), c = gradient_of(4099);
    d = gradient_of(4099);
    for (int i = 0; i < 3; i++) {
        table(i)->window_backward(a.run[i], dy, 1, 9, 13, 11, 5);
        table(i)->unwindow_backward(b.run[i], dy, 1, 9, 13, 11, 5);
        table(i)->round_bf16_backward(c.run[i], dy, 4099);
        table(i)->fill(d.run[i], 4098, 0.25f);
    }
    same(a, 1), same(b, 1), same(c, 1), same(d, 1);
    free(dy);
}
END_TEST

START_TEST(maps)
{
    const int64_t R = 41, M = 1031, N = R * M;              /* runs of 4096; more than a grain */
    float *x = numbers(N, 1), *dy = numbers(N, 2), *b = numbers(N, 3);
    gradient a[12];
    for (int i = 0; i < 12; i++) a[i] = gradient_of(i == 1 || i == 3 ? M : N);
    for (int64_t i = 0; i < N; i++) x[i] *= 8;
    for (int i = 0; i < 3; i++) {
        const gm_kernels *k = table(i);
        k->add_backward(a[0].run[i], a[1].run[i], dy, N, M);
        k->mul_backward(a[2].run[i], a[3].run[i], dy, x, b, N, M);
        k->mul_backward(a[4].run[i], a[5].run[i], dy, x, b, N, N);
        k->scale_backward(a[6].run[i], dy, N, 3.5f);
        k->relu_backward(a[7].run[i], dy, x, N);
        k->gelu_backward(a[8].run[i], dy, x, N);
        k->quick_gelu_backward(a[9].run[i], dy, x, N);
        k->silu_backward(a[10].run[i], dy, x, N);
        k->rope_backward(a[11].run[i], dy, x, 1, 3, 2 * 131);   /* angles by 64 */
    }
    for (int i = 0; i < 12; i++) same(a[i], i == 1 ? R : i == 3 ? 8 * R : 1);
    free(x), free(dy), free(b);
}
END_TEST

static void check_resize(int64_t R, int64_t H, int64_t W, int64_t HO, int64_t WO, int align)
{
    float *dy = numbers(R * HO * WO, 1);
    gradient dx = gradient_of(R * H * W);
    for (int i = 0; i < 3; i++) table(i)->resize_backward(dx.run[i], dy, R, H, W, HO, WO, align);
    same(dx, 2 + 4.0 * (double)(HO * WO) / (double)(H * W));
    free(dy);
}

START_TEST(space)
{
    for (int align = 0; align < 2; align++) {
        check_resize(2, 37, 13, 150, 600, align);               /* 16 rows; column taps by 256 */
        check_resize(3, 50, 41, 7, 9, align);                   /* pixels that nothing reads */
        check_resize(1, 1, 1, 3, 300, align);
        check_resize(2, 33, 5, 33, 5, align);
        check_resize(1, 8, 9, 1, 1, align);
    }
    const float box[16] = { 1.5f, 2, 9, 7.25f, -3, -3, 40, 40, 8, 9, 3, 1, NAN, 1, 2, 3 };
    const int32_t image[4] = { 1, 0, 1, 0 };
    const int64_t P[2] = { 3, 129 };                            /* 2 x 129 samples: runs of 256 */
    for (int p = 0; p < 2; p++) {
        float *dy = numbers(4 * 11 * P[p] * P[p], 1);
        gradient dx = gradient_of(2 * 11 * 11 * 13);
        for (int i = 0; i < 3; i++)
            table(i)->roi_align_backward(dx.run[i], dy, box, image, 4, 2, 11, 11, 13, P[p], 2, 1);
        same(dx, p ? 400 : 4);
        free(dy);
    }
}
END_TEST

START_TEST(losses)
{
    const int64_t R = 261, C = 1027, N = 2, P = 263001; /* 256 rows; 256 tasks of 1024 at a time */
    float *x = numbers(N * P, 1), *t = numbers(N * P, 2), *y = numbers(R * C, 3);
    const float dy = 150, mask_dy = 1e5f; /* make gradients as large as what they are added to */
    int32_t *label = malloc((size_t)R * sizeof *label);
    ck_assert(label != NULL);
    for (int64_t r = 0; r < R; r++) label[r] = r % 5 ? (int32_t)(r * 37 % C) : -100;
    for (int64_t i = 0; i < N * P; i++) x[i] *= 12, t[i] = t[i] > 0;
    gradient loss = gradient_of(5), a = gradient_of(R * C), b = gradient_of(N * P),
             c = gradient_of(N * P), d = gradient_of(R * C);
    for (int i = 0; i < 3; i++) {
        const gm_kernels *k = table(i);
        k->cross_entropy(loss.run[i], x, label, R, C);
        k->bce(loss.run[i] + 1, x, t, N, P);
        k->dice(loss.run[i] + 2, x, t, N, P);
        k->cross_entropy_backward(a.run[i], &dy, x, label, R, C);
        k->bce_backward(b.run[i], &mask_dy, x, t, N, P);
        k->dice_backward(c.run[i], &mask_dy, x, t, N, P);
        k->softmax_backward(d.run[i], x, y, R, C);
    }
    same(loss, 0), same(a, 1), same(b, 1), same(c, 1), same(d, 12.0 * C);
    free(x), free(t), free(y), free(label);
}
END_TEST

Suite *test_cpu_backward(void)
{
    Suite *s = suite_create("cpu_backward");
    TCase *t = tcase_create("kernels");
    tcase_add_checked_fixture(t, setup, NULL);
    tcase_add_loop_test(t, linear_panels, 0, 3);
    tcase_add_loop_test(t, linear_of_quantised_weights, 0, 6);
    tcase_add_loop_test(t, conv_tiles_and_blocks, 0, 3);
    tcase_add_loop_test(t, conv_of_many_channels, 0, 3);
    tcase_add_loop_test(t, conv_transpose_tiles, 0, 3);
    tcase_add_test(t, attention_tiles);
    tcase_add_loop_test(t, a_query_without_keys_gives_nothing, 0, 2);
    tcase_add_test(t, norm_rows_and_pixels);
    tcase_add_test(t, moves);
    tcase_add_test(t, maps);
    tcase_add_test(t, space);
    tcase_add_test(t, losses);
    tcase_set_timeout(t, 240);
    suite_add_tcase(s, t);
    return s;
}
