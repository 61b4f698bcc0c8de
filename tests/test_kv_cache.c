/* A KV cache of 16 bits: its kernels for each kind of processor against the definition of the
 * types, its fronts, and answers with it.  The slots' own cases are in test_ops.c. */
#include <check.h>
#include <jansson.h>
#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "../ref/context.h"
#include "../ref/glamm.h"
#include "../ref/kernels/cpu_cache.h"
#include "../ref/ops.h"
#include "numbers.h"

static const gm_dtype HALVES[2] = { GM_BF16, GM_F16 };

/* What this processor can run of a type; how many. */
static int variants(const cpu_cache_rows *list[3], gm_dtype type)
{
    int n = 0;
    const cpu_cache_rows *best;
    for (int i = 0; i < 2 && (best = cpu_best_cache(type, i)); i++) list[n++] = best;
    list[n++] = &cpu_cache_plain[type == GM_F16];
    return n;
}

static double value(const uint16_t *x, gm_dtype type, int64_t i)
{
    return (double)gm_typed(x, type, i);
}

/* n rows of HD numbers, stride apart, behind which NaN lies. */
static void check_rows(const cpu_cache_rows *rows, gm_dtype type, int64_t n, int64_t HD)
{
    int64_t stride = HD + 3;
    float *q = numbers(HD, 1), *w = numbers(n, 2), *x = numbers(n * stride, 3);
    float *score = unset(n), *want = unset(n), *y = numbers(HD, 4), *sum = numbers(HD, 4);
    for (int64_t i = 0; i < n * stride; i++)
        if (i % stride >= HD) x[i] = NAN;
    uint16_t *kept = narrow(x, type, n * stride);
    rows->dots(score, q, kept, n, HD, stride, 0.25f);
    rows->weigh(y, w, kept, n, HD, stride);
    for (int64_t j = 0; j < n; j++) {
        double dot = 0;
        for (int64_t d = 0; d < HD; d++) dot += q[d] * value(kept, type, j * stride + d);
        want[j] = (float)(0.25 * dot);
    }
    for (int64_t d = 0; d < HD; d++) {
        double all = sum[d];
        for (int64_t j = 0; j < n; j++) all += w[j] * value(kept, type, j * stride + d);
        sum[d] = (float)all;
    }
    equal(score, want, n, (double)HD);
    equal(y, sum, HD, (double)n + 1);
    free(q), free(w), free(x), free(kept);
}

START_TEST(rows_of_any_size)
{
    const int64_t widths[] = { 1, 2, 7, 8, 9, 15, 16, 17, 31, 32, 33, 80, 128, 149 };
    const cpu_cache_rows *list[3];
    for (int v = variants(list, HALVES[_i]) - 1; v >= 0; v--)
        for (size_t w = 0; w < sizeof widths / sizeof *widths; w++)
            for (int64_t n = 1; n <= CPU_KEYS; n++) check_rows(list[v], HALVES[_i], n, widths[w]);
}
END_TEST

/* All 65536 numbers of the type, and floats of any bits. */
START_TEST(conversions_are_the_types)
{
    enum { ALL = 65536 };
    gm_dtype type = HALVES[_i];
    const cpu_cache_rows *list[3];
    uint16_t *x = malloc(ALL * sizeof *x), *back = malloc(ALL * sizeof *back);
    float *y = malloc(ALL * sizeof *y);
    for (int v = variants(list, type) - 1; v >= 0; v--) {
        for (int i = 0; i < ALL; i++) x[i] = (uint16_t)i;
        list[v]->widen(y, x, ALL - 3);
        for (int i = 0; i < ALL - 3; i++) {
            float want = gm_typed(x, type, i);
            ck_assert_msg(isnan(want) ? isnan(y[i]) : !memcmp(&want, &y[i], sizeof want),
                          "%s: 0x%04x", list[v]->name, i);
        }
        uint32_t bits = 1;
        for (int i = 0; i < ALL; i++) {
            bits = bits * 1664525u + 1013904223u;       /* half of them where f16 has numbers */
            uint32_t u = i % 2 ? bits : (bits & 0x8fffffffu) | 0x38000000u;
            memcpy(&y[i], &u, sizeof u);
        }
        list[v]->narrow(back, y, ALL - 5);
        for (int i = 0; i < ALL - 5; i++) {
            uint16_t want = type == GM_BF16 ? gm_to_bf16(y[i]) : gm_to_f16(y[i]);
            ck_assert_msg(isnan(y[i]) ? isnan(gm_typed(back, type, i)) : back[i] == want,
                          "%s: %a is 0x%04x, found 0x%04x", list[v]->name, (double)y[i], want,
                          back[i]);
        }
    }
    free(x), free(back), free(y);
}
END_TEST

/* One query and many, heads that share keys, with 1, 2 and 3 threads. */
START_TEST(threads_do_not_matter)
{
    gm_attn s = { .B = 2, .TK = 300, .KS = 310, .NH = 15, .NKV = 5, .HD = 24, .scale = 0.2f,
                  .causal = 1 };
    int64_t nq = 2 * 40 * 15 * 24, nk = 2 * 310 * 5 * 24;
    float *q = numbers(nq, 1), *k = numbers(nk, 2), *first = unset(nq), *y = unset(nq);
    uint16_t *kept = narrow(k, HALVES[_i / 2], nk);
    s.TQ = _i % 2 ? 1 : 40, s.past = 300 - s.TQ;
    int before = omp_get_max_threads();
    for (int threads = 1; threads <= 3; threads++) {
        omp_set_num_threads(threads);
        const gm_kernels *cpu = gm_kernels_cpu();
        void *room = scratch_of(cpu->attention16_scratch(HALVES[_i / 2], &s));
        ck_assert_int_eq(cpu->attention16(threads == 1 ? first : y, q, kept, kept, HALVES[_i / 2],
                                          &s, room), 0);
        if (threads > 1)
            ck_assert(!memcmp(first, y, (size_t)(s.B * s.TQ * s.NH * s.HD) * sizeof *y));
        free(room);
    }
    omp_set_num_threads(before);
    free(q), free(k), free(first), free(y), free(kept);
}
END_TEST

/* ---- fronts ---- */

static gm_tensor tensor(gm_ctx *c, gm_dtype type, int64_t rows, int64_t C)
{
    return gm_new(c, type, 3, GM_DIMS(1, rows, C));
}

START_TEST(fronts_follow_the_type)
{
    gm_ctx *c = gm_ctx_new(gm_kernels_ref(), NULL);
    gm_tensor x = tensor(c, GM_F32, 3, 8), k = tensor(c, HALVES[_i], 5, 8), f = k;
    float *numbers_of_x = numbers(24, 1);
    memcpy(x.data, numbers_of_x, 24 * sizeof(float));
    gm_zero(c, k);
    gm_place(c, k, x, 1);
    for (int64_t i = 0; i < 24; i++) {
        double apart = fabs(value(k.data, HALVES[_i], 8 + i) - (double)numbers_of_x[i]);
        ck_assert(apart <= (HALVES[_i] == GM_BF16 ? 0x1p-9 : 0x1p-12));
    }
    f = tensor(c, GM_F32, 5, 8);
    for (int64_t i = 0; i < 40; i++) ((float *)f.data)[i] = gm_typed(k.data, HALVES[_i], i);
    gm_attn_options o = { .NH = 4, .TK = 4, .causal = true, .past = 1 };
    gm_tensor got = gm_attention(c, x, k, k, o), want = gm_attention(c, x, f, f, o);
    ck_assert_msg(gm_ok(c), "%s", gm_error_text(c));
    ck_assert(!memcmp(got.data, want.data, 24 * sizeof(float)));
    gm_attention(c, x, k, f, o);
    ck_assert(!gm_ok(c));                                       /* keys and values differ */
    gm_clear(c);
    gm_place(c, x, k, 0);
    ck_assert(!gm_ok(c));                                       /* 16 bits into floats */
    gm_clear(c);
    gm_attn_options rel = { .NH = 4, .rel_h = gm_new(c, GM_F32, 2, GM_DIMS(1, 2)),
                            .rel_w = gm_new(c, GM_F32, 2, GM_DIMS(9, 2)) };
    gm_attention(c, tensor(c, GM_F32, 5, 8), k, k, rel);
    ck_assert(!gm_ok(c));                                       /* relative positions */
    free(numbers_of_x);
    gm_ctx_free(c);
}
END_TEST

/* ---- answers ---- */

#define NANO "models/nano"
static const char *const SCENES[] = { "golden/nano/scenes/two.png", "golden/nano/scenes/demo.png",
                                      "golden/nano/cases/gcg0.png" };

static gm_session *open_scene(gm_model **m, const char *picture, const gm_model_options *o)
{
    gm_error e = { "" };
    gm_image image;
    if (!*m) *m = gm_model_open(NANO, o, &e);
    ck_assert_msg(*m && gm_image_read(&image, picture, &e) == 0, "%s", e.text);
    gm_session *s = gm_session_new(*m, &image, &e);
    ck_assert_msg(s != NULL, "%s", e.text);
    gm_image_free(&image);
    return s;
}

static gm_answer *ask(gm_session *s, gm_task task, const char *text, int64_t tokens)
{
    gm_error e = { "" };
    gm_ask q = { .task = task, .text = text, .max_new_tokens = tokens };
    gm_answer *a = gm_session_ask(s, &q, &e);
    ck_assert_msg(a != NULL, "%s", e.text);
    return a;
}

/* Ids equal; the least IoU of the masks. */
static double compare(const gm_answer *a, const gm_answer *b)
{
    double least = 1;
    ck_assert_int_eq(a->nids, b->nids);
    ck_assert(!memcmp(a->ids, b->ids, (size_t)a->nids * sizeof *a->ids));
    ck_assert_int_eq(a->nmasks, b->nmasks);
    for (int64_t m = 0; m < a->nmasks; m++) {
        int64_t both = 0, any = 0;
        for (int64_t i = 0; i < a->width * a->height; i++) {
            int in = a->mask[m].logits[i] > 0, other = b->mask[m].logits[i] > 0;
            both += in && other, any += in || other;
        }
        least = fmin(least, any ? (double)both / (double)any : 1);
    }
    return least;
}

START_TEST(answers_stay)
{
    gm_model_options exact = { .backend = "cpu" },
                     kept = { .backend = _i / 2 ? "ref" : "cpu", .kv = _i % 2 ? "f16" : "bf16" };
    gm_model *m[2] = { NULL, NULL };
    for (size_t i = 0; i < sizeof SCENES / sizeof *SCENES; i++) {
        gm_session *s = open_scene(&m[0], SCENES[i], &exact), *t = open_scene(&m[1], SCENES[i],
                                                                              &kept);
        gm_answer *a = ask(s, GM_GCG, NULL, 0), *b = ask(t, GM_GCG, NULL, 0);
        double iou = compare(a, b);
        ck_assert_msg(iou >= 0.99, "%s: IoU %g", SCENES[i], iou);
        gm_answer_free(a), gm_answer_free(b);
        gm_session_free(s), gm_session_free(t);
    }
    gm_model_free(m[0]), gm_model_free(m[1]);
}
END_TEST

/* A longer answer needs more room: what was read moves there and reads the same. */
START_TEST(more_room_keeps_what_was_read)
{
    gm_model *m = NULL;
    gm_model_options o = { .kv = "f16" };
    gm_session *s = open_scene(&m, SCENES[0], &o), *t = open_scene(&m, SCENES[0], &o);
    gm_answer_free(ask(s, GM_GCG, NULL, 1));
    gm_session_reset(s);
    gm_answer *a = ask(s, GM_GCG, NULL, 600), *b = ask(t, GM_GCG, NULL, 600);
    ck_assert_int_gt(a->nids, 5);
    ck_assert_double_ge(compare(a, b), 0.9999);
    gm_answer_free(a), gm_answer_free(b);
    gm_session_free(s), gm_session_free(t);
    gm_model_free(m);
}
END_TEST

START_TEST(other_types_are_refused)
{
    gm_error e = { "" };
    gm_model_options o = { .kv = "q8_0" };
    ck_assert(gm_model_open(NANO, &o, &e) == NULL);
    ck_assert_str_eq(e.text, "kv q8_0: wanted f32, bf16 or f16");
}
END_TEST

Suite *test_kv_cache(void);
Suite *test_kv_cache(void)
{
    Suite *s = suite_create("kv_cache");
    TCase *t = tcase_create("kv_cache");
    tcase_add_loop_test(t, rows_of_any_size, 0, 2);
    tcase_add_loop_test(t, conversions_are_the_types, 0, 2);
    tcase_add_loop_test(t, threads_do_not_matter, 0, 4);
    tcase_add_loop_test(t, fronts_follow_the_type, 0, 2);
    tcase_add_loop_test(t, answers_stay, 0, 4);
    tcase_add_test(t, more_room_keeps_what_was_read);
    tcase_add_test(t, other_types_are_refused);
    tcase_set_timeout(t, 240);
    suite_add_tcase(s, t);
    return s;
}
