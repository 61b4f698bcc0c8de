/* The cpu table where it cuts work into tiles, panels and blocks: sizes just past each border,
 * against the oracle.  Every slot's own cases are in test_ops.c. */
#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "../ref/kernels/cpu.h"
#include "numbers.h"

static gm_kernels cpu;
static const gm_kernels *ref;

static void setup(void)
{
    ref = gm_kernels_ref();
    gm_kernels_inherit(&cpu, gm_kernels_cpu(), ref);
}

START_TEST(linear_panels)
{
    const int64_t R = 5, N = 2057, K = 19;                      /* two panels of 1024 and a rest */
    float *x = numbers(R * K, 1), *w = numbers(N * K, 2), *b = numbers(N, 3), *got = unset(R * N),
          *want = unset(R * N);
    void *typed = narrow(w, TYPES[_i], N * K),
         *scratch = scratch_of(cpu.linear_scratch(TYPES[_i], R, N, K));
    ck_assert_int_eq(cpu.linear(got, x, typed, TYPES[_i], b, R, N, K, scratch), 0);
    ck_assert_int_eq(ref->linear(want, x, typed, TYPES[_i], b, R, N, K, NULL), 0);
    equal(got, want, R * N, (double)K + 1);
    free(x), free(w), free(b), free(typed), free(scratch);
}
END_TEST

/* Every number of rows up to where sgemm begins; a rest of 16 outputs, of 32 inputs. */
START_TEST(linear_of_few_rows)
{
    const int64_t N = 19, K = 77;
    for (int64_t R = 1; R <= 66; R++) {
        float *x = numbers(R * K, 1), *w = numbers(N * K, 2), *b = numbers(N, 3),
              *got = unset(R * N), *want = unset(R * N);
        void *typed = narrow(w, TYPES[_i], N * K),
             *scratch = scratch_of(cpu.linear_scratch(TYPES[_i], R, N, K));
        ck_assert_int_eq(cpu.linear(got, x, typed, TYPES[_i], b, R, N, K, scratch), 0);
        ck_assert_int_eq(ref->linear(want, x, typed, TYPES[_i], b, R, N, K, NULL), 0);
        equal(got, want, R * N, (double)K + 1);
        free(x), free(w), free(b), free(typed), free(scratch);
    }
}
END_TEST

static void check_conv(gm_conv s, gm_dtype type, int bias)
{
    s.HO = (s.H + 2 * s.pad - s.KH) / s.stride + 1;
    s.WO = (s.W + 2 * s.pad - s.KW) / s.stride + 1;
    int64_t nx = s.B * s.CI * s.H * s.W, nw = s.CO * s.CI * s.KH * s.KW,
            ny = s.B * s.CO * s.HO * s.WO;
    float *x = numbers(nx, 1), *w = numbers(nw, 2), *b = numbers(s.CO, 3), *got = unset(ny),
          *want = unset(ny);
    void *typed = narrow(w, type, nw), *scratch = scratch_of(cpu.conv2d_scratch(type, &s));
    ck_assert_int_eq(cpu.conv2d(got, x, typed, type, bias ? b : NULL, &s, scratch), 0);
    ck_assert_int_eq(ref->conv2d(want, x, typed, type, bias ? b : NULL, &s, NULL), 0);
    equal(got, want, ny, (double)(s.CI * s.KH * s.KW) + 1);
    free(x), free(w), free(b), free(typed), free(scratch);
}

START_TEST(conv_tiles_and_blocks)
{
    check_conv((gm_conv){ .B = 2, .CI = 3, .H = 70, .W = 61, .CO = 5, .KH = 3, .KW = 3, .stride = 1,
                          .pad = 1 },
               TYPES[_i], 1);                                   /* rows in tiles of 33 */
    check_conv((gm_conv){ .B = 1, .CI = 241, .H = 45, .W = 45, .CO = 2, .KH = 3, .KW = 3,
                          .stride = 1, .pad = 1 },
               TYPES[_i], 0);                                   /* channels in blocks of 230 */
    check_conv((gm_conv){ .B = 1, .CI = 3, .H = 5, .W = 4500, .CO = 2, .KH = 2, .KW = 2,
                          .stride = 2, .pad = 0 },
               TYPES[_i], 1);                                   /* one row is more than a tile */
    check_conv((gm_conv){ .B = 1, .CI = 2, .H = 2, .W = 1, .CO = 2, .KH = 3, .KW = 3, .stride = 1,
                          .pad = 4 },
               TYPES[_i], 1);                                   /* patches of nothing but padding */
}
END_TEST

/* Sizes of which Winograd's way is taken: tiles with a rest below and beside, several blocks and
 * images; rows of more than 64 tiles; maps of few tiles. */
START_TEST(conv_of_many_channels)
{
    gm_kernels plain = cpu;
    gm_kernels_inherit(&cpu, gm_kernels_cpu_winograd(), &plain);
    check_conv((gm_conv){ .B = 3, .CI = 33, .H = 22, .W = 45, .CO = 37, .KH = 3, .KW = 3,
                          .stride = 1, .pad = 1 }, TYPES[_i], 1);
    check_conv((gm_conv){ .B = 2, .CI = 64, .H = 30, .W = 31, .CO = 32, .KH = 3, .KW = 3,
                          .stride = 1, .pad = 0 }, TYPES[_i], 1);
    check_conv((gm_conv){ .B = 1, .CI = 32, .H = 5, .W = 270, .CO = 35, .KH = 3, .KW = 3,
                          .stride = 1, .pad = 2 }, TYPES[_i], 1);
    check_conv((gm_conv){ .B = 20, .CI = 32, .H = 8, .W = 8, .CO = 64, .KH = 3, .KW = 3,
                          .stride = 1, .pad = 1 }, TYPES[_i], 1);
    cpu = plain;
}
END_TEST

/* A number that is not finite, or so large that sums of it are not, stays in the windows that hold
 * it. */
START_TEST(conv_of_wild_numbers)
{
    const gm_kernels *fast = gm_kernels_cpu_winograd();
    const float wild[] = { INFINITY, -INFINITY, NAN, 3e38f, -1e30f };
    const gm_conv s = { .B = 1, .CI = 32, .H = 33, .W = 32, .CO = 32, .KH = 3, .KW = 3, .stride = 1,
                        .pad = 1, .HO = 33, .WO = 32 };
    float *x = numbers(s.CI * s.H * s.W, 1), *w = numbers(s.CO * s.CI * 9, 2);
    float *got = unset(s.CO * s.H * s.W), *want = unset(s.CO * s.H * s.W);
    void *scratch = scratch_of(fast->conv2d_scratch(GM_F32, &s));
    x[7 * s.H * s.W + 13 * s.W + 9] = wild[_i];
    ck_assert_int_eq(fast->conv2d(got, x, w, GM_F32, NULL, &s, scratch), 0);
    ck_assert_int_eq(ref->conv2d(want, x, w, GM_F32, NULL, &s, NULL), 0);
    equal(got, want, s.CO * s.H * s.W, (double)(s.CI * 9));
    free(x), free(w), free(scratch);
}
END_TEST

START_TEST(conv_transpose_tiles)
{
    const int64_t B = 2, CI = 70, H = 7, W = 23, CO = 19; /* 64 channels in, 16 out, 128 pixels */
    float *x = numbers(B * CI * H * W, 1), *w = numbers(CI * CO * 4, 2), *b = numbers(CO, 3);
    float *got = unset(B * CO * 4 * H * W), *want = unset(B * CO * 4 * H * W);
    void *typed = narrow(w, TYPES[_i], CI * CO * 4);
    ck_assert_int_eq(cpu.conv_transpose2x2(got, x, typed, TYPES[_i], b, B, CI, H, W, CO), 0);
    ck_assert_int_eq(ref->conv_transpose2x2(want, x, typed, TYPES[_i], b, B, CI, H, W, CO), 0);
    equal(got, want, B * CO * 4 * H * W, (double)CI + 1);
    free(x), free(w), free(b), free(typed);
}
END_TEST

static void check_attention(gm_attn s, int keep, int rel, int hidden)
{
    int64_t nq = s.B * s.TQ * s.NH * s.HD, nk = s.B * s.KS * s.NKV * s.HD;
    float *q = numbers(nq, 1), *k = numbers(nk, 2), *v = numbers(nk, 3), *got = unset(nq),
          *want = unset(nq);
    float *rel_h = numbers((2 * s.GH + 1) * s.HD, 4), *rel_w = numbers((2 * s.GW + 1) * s.HD, 5);
    uint8_t *kept = some_keys(&s);
    s.scale = 1 / sqrtf((float)s.HD);
    if (keep) s.keep = kept;
    if (hidden) hide_keys(k, v, &s);
    if (rel) s.rel_h = rel_h, s.rel_w = rel_w;
    void *room = scratch_of(cpu.attention_scratch(&s)),
         *ref_room = scratch_of(ref->attention_scratch(&s));
    ck_assert_int_eq(cpu.attention(got, q, k, v, &s, room), 0);
    ck_assert_int_eq(ref->attention(want, q, k, v, &s, ref_room), 0);
    equal(got, want, nq, 1 + 2 * (double)s.HD);
    free(q), free(k), free(v), free(rel_h), free(rel_w), free(kept), free(room), free(ref_room);
}

START_TEST(attention_tiles)
{
    check_attention((gm_attn){ .B = 1, .TQ = 300, .TK = 300, .KS = 301, .NH = 4, .NKV = 2, .HD = 9,
                               .causal = 1 }, 0, 0, 1);
    check_attention((gm_attn){ .B = 2, .TQ = 300, .TK = 300, .KS = 300, .NH = 1, .NKV = 1, .HD = 16,
                               .causal = 1 }, 1, 0, 1);
    check_attention((gm_attn){ .B = 1, .TQ = 5, .TK = 40, .KS = 64, .NH = 2, .NKV = 1, .HD = 33,
                               .causal = 1, .past = 35 }, 1, 0, 1);
    check_attention((gm_attn){ .B = 2, .TQ = 1, .TK = 40, .KS = 64, .NH = 2, .NKV = 1, .HD = 33,
                               .causal = 1, .past = 39 }, 1, 0, 1);
    check_attention((gm_attn){ .B = 1, .TQ = 273, .TK = 273, .KS = 273, .NH = 2, .NKV = 2, .HD = 8,
                               .GH = 13, .GW = 21 }, 0, 1, 0);
    check_attention((gm_attn){ .B = 1, .TQ = 2, .TK = 70000, .KS = 70000, .NH = 1, .NKV = 1,
                               .HD = 4 }, 0, 0, 0);
}
END_TEST

START_TEST(moves_and_rows)
{
    const int64_t R = 37, C = 4201;                             /* squares of 32, runs of 4096 */
    float *x = numbers(R * C, 1), *got = unset(R * C), *want = unset(R * C);
    cpu.transpose(got, x, 1, R, C);
    ref->transpose(want, x, 1, R, C);
    equal(got, want, R * C, 0);
    got = unset(R * (C - 3)), want = unset(R * (C - 3));
    cpu.slice(got, x, R, C, 2, C - 3);
    ref->slice(want, x, R, C, 2, C - 3);
    equal(got, want, R * (C - 3), 0);
    got = unset(R * C), want = unset(R * C);
    cpu.add(got, x, x + 5, R * C, C);
    ref->add(want, x, x + 5, R * C, C);
    equal(got, want, R * C, 0);
    got = unset(R * C), want = unset(R * C);
    cpu.layernorm2d(got, x, x, x + 50, 1, R, C, 1e-6f);         /* C pixels in runs of 128 */
    ref->layernorm2d(want, x, x, x + 50, 1, R, C, 1e-6f);
    equal(got, want, R * C, 1);
    free(x);
}
END_TEST

START_TEST(space_and_rope)
{
    const int64_t H = 11, W = 13, WO = 600, HD = 2 * 131,
                  P = 3; /* column taps by 256, angles by 64 */
    float *x = numbers(40 * H * W, 1), *got = unset(2 * 17 * WO), *want = unset(2 * 17 * WO);
    cpu.resize(got, x, 2, H, W, 17, WO, 0);
    ref->resize(want, x, 2, H, W, 17, WO, 0);
    equal(got, want, 2 * 17 * WO, 1);
    got = unset(2 * 3 * HD), want = unset(2 * 3 * HD);
    cpu.rope(got, x, x + 2000, 2, 3, HD);
    ref->rope(want, x, x + 2000, 2, 3, HD);
    equal(got, want, 2 * 3 * HD, 1);
    const float box[8] = { 1.5f, 2, 9, 7.25f, -3, -3, 40, 40 };
    const int32_t image[2] = { 1, 0 };
    got = unset(2 * 20 * P * P), want = unset(2 * 20 * P * P);
    cpu.roi_align(got, x, box, image, 2, 2, 20, H, W, P, 2, 1);     /* channels by 16 */
    ref->roi_align(want, x, box, image, 2, 2, 20, H, W, P, 2, 1);
    equal(got, want, 2 * 20 * P * P, 4);
    free(x);
}
END_TEST

/* The machine that runs the tests has the OpenMP build (docs/DEPENDENCIES.md); the line names
 * it. */
START_TEST(blas_is_the_openmp_build)
{
    char text[300];
    ck_assert_msg(gm_blas_warning() == NULL, "%s", gm_blas_warning());
    ck_assert(strstr(gm_cpu_describe(text, sizeof text), "OpenBLAS") != NULL);
}
END_TEST

Suite *test_cpu(void)
{
    Suite *s = suite_create("cpu");
    TCase *t = tcase_create("kernels");
    tcase_add_checked_fixture(t, setup, NULL);
    tcase_add_loop_test(t, linear_panels, 0, 3);
    tcase_add_loop_test(t, linear_of_few_rows, 0, 3);
    tcase_add_loop_test(t, conv_tiles_and_blocks, 0, 3);
    tcase_add_loop_test(t, conv_of_many_channels, 0, 3);
    tcase_add_loop_test(t, conv_of_wild_numbers, 0, 5);
    tcase_add_loop_test(t, conv_transpose_tiles, 0, 3);
    tcase_add_test(t, attention_tiles);
    tcase_add_test(t, moves_and_rows);
    tcase_add_test(t, space_and_rope);
    tcase_add_test(t, blas_is_the_openmp_build);
    tcase_set_timeout(t, 120);
    suite_add_tcase(s, t);
    return s;
}
