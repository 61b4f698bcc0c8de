/* Every slot of both tables against PyTorch's values (golden/ops), and cpu against ref. */
#include <check.h>
#include <math.h>
#include <omp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "../ref/kernels/typed.h"
#include "ops_run.h"

static const char FOLDER[] = "golden/ops";

static ops_cases open_cases(void)
{
    ops_cases c;
    char error[200];
    ck_assert_msg(!ops_cases_open(&c, FOLDER, error), "%s", error);
    return c;
}

/* Collects what failed, for one message. */
typedef struct { char text[4000]; size_t used; } complaints;

static void complain(void *user, const ops_report *r)
{
    complaints *p = user;
    char line[400];
    const gm_comparison *c = r->c.verdict == GM_PASS && r->other.n ? &r->other : &r->c;
    if (c->verdict == GM_PASS && !r->error[0]) return;
    const char *why = r->error[0] ? r->error : gm_comparison_text(line, sizeof line, c);
    if (p->used < sizeof p->text - 1)
        p->used += (size_t)snprintf(p->text + p->used, sizeof p->text - p->used, "\n  %s, %s: %s",
                                    r->op, r->name, why);
}

static void run_op(const gm_kernels *k, const gm_kernels *against, const char *op)
{
    ops_cases c = open_cases();
    complaints p = { "", 0 };
    int64_t ran, failed = ops_run(&c, k, against, op, complain, &p, &ran);
    ops_cases_close(&c);
    ck_assert_msg(ran >= 2, "%s: %d cases", op, (int)ran);
    ck_assert_msg(failed == 0, "%s, table %s:%s\n  again: CK_RUN_CASE=kernels build/check", op,
                  k->name, p.text);
}

static gm_kernels full_cpu(void)
{
    gm_kernels k;
    gm_kernels_inherit(&k, gm_kernels_cpu(), gm_kernels_ref());
    return k;
}

START_TEST(ref_matches_pytorch)
{
    run_op(gm_kernels_ref(), NULL, ops_name(_i));
}
END_TEST

START_TEST(cpu_matches_pytorch)
{
    gm_kernels k = full_cpu();
    if (ops_has(gm_kernels_cpu(), ops_name(_i))) run_op(&k, NULL, ops_name(_i));
}
END_TEST

START_TEST(cpu_matches_ref)
{
    gm_kernels k = full_cpu();
    if (ops_has(gm_kernels_cpu(), ops_name(_i))) run_op(&k, gm_kernels_ref(), ops_name(_i));
}
END_TEST

START_TEST(every_slot_has_cases)
{
    size_t slots = (sizeof(gm_kernels) - offsetof(gm_kernels, gather)) / sizeof(int (*)(void));
    ck_assert_int_eq(ops_count(), (int)slots - 7);              /* seven *_scratch slots */
    for (int i = 0; i < ops_count(); i++)
        ck_assert_msg(ops_has(gm_kernels_ref(), ops_name(i)), "ref has no %s", ops_name(i));
    ops_cases c = open_cases();
    size_t i;
    json_t *j;
    json_array_foreach(c.list, i, j) {
        const char *op = json_string_value(json_object_get(j, "op"));
        ck_assert_msg(op && ops_has(gm_kernels_ref(), op), "cases.json: no slot %s",
                      op ? op : "(none)");
    }
    ops_cases_close(&c);
}
END_TEST

static void add_bits(void *user, const ops_report *r)
{
    uint64_t *h = user;
    for (int64_t i = 0; i < r->n; i++) *h = (*h ^ ((const uint32_t *)r->got)[i]) * 0x100000001b3u;
}

START_TEST(ref_does_not_depend_on_threads)
{
    ops_cases c = open_cases();
    uint64_t hash[3] = { 1, 1, 1 };
    for (int t = 0; t < 3; t++) {
        omp_set_num_threads(t + 1);
        ck_assert_int_eq(ops_run(&c, gm_kernels_ref(), NULL, NULL, add_bits, &hash[t], NULL), 0);
    }
    ck_assert(hash[0] == hash[1] && hash[1] == hash[2] && hash[0] != 1);
    ops_cases_close(&c);
}
END_TEST

/* What a size of that case is multiplied by, in units of eps of float. */
static double allowance(const ops_cases *all, const char *op, const char *name, gm_dtype precision)
{
    double found = -1;
    for (size_t i = 0; i < json_array_size(all->list); i++) {
        ops_case c = { .json = json_array_get(all->list, i) };
        c.op = json_string_value(json_object_get(c.json, "op"));
        if (strcmp(c.op, op) || strcmp(json_string_value(json_object_get(c.json, "case")), name))
            continue;
        found = ops_allowance(&c, precision) / GM_EPS;
        ck_assert_msg(!c.error[0], "%s, %s: %s", op, name, c.error);
    }
    return found;
}

/* Half an eps for the root of the terms of a long statistic, 4 eps for everything else. */
START_TEST(long_sums_are_allowed_more)
{
    ops_cases c = open_cases();
    static const struct { const char *op, *name; double terms; } known[] = {
        { "layernorm", "large", 1031 }, { "rmsnorm_backward", "large mean", 1031 },
        { "groupnorm", "1x32x4901 by 2", 16 * 4901 }, { "cross_entropy", "vocabulary", 32007 },
        { "bce", "a map of 97x83", 97 * 83 }, { "dice_backward", "5x1009, dy -0.375", 1009 },
        { "layernorm", "5x33 plain eps 1e-05", 64 }, { "bce_backward", "a map of 97x83", 64 },
        { "linear", "f32 large 1x70x4099", 64 }, { "softmax", "large", 64 },
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        ck_assert_double_eq_tol(allowance(&c, known[i].op, known[i].name, GM_F32),
                                sqrt(known[i].terms) / 2, 1e-9);
        ck_assert_double_eq_tol(allowance(&c, known[i].op, known[i].name, GM_BF16), 0x1p18, 1e-9);
    }
    ops_cases_close(&c);
}
END_TEST

static int broken_relu(float *y, const float *x, int64_t N)
{
    for (int64_t i = 0; i < N; i++) y[i] = x[i] > 0 ? x[i] : 0;     /* hides NaN */
    return 0;
}

static int short_relu(float *y, const float *x, int64_t N)
{
    return gm_kernels_ref()->relu(y, x, N - 1);
}

static int long_relu(float *y, const float *x, int64_t N)
{
    y[N] = 0;
    return gm_kernels_ref()->relu(y, x, N);
}

static int refusing_relu(float *y, const float *x, int64_t N)
{
    gm_kernels_ref()->relu(y, x, N);
    return 3;
}

static void remember(void *user, const ops_report *r)
{
    if (r->error[0]) memcpy(user, r->error, sizeof r->error);
}

/* The runner itself sees broken kernels. */
START_TEST(broken_kernels_are_caught)
{
    static const struct {
        int (*f)(float *, const float *, int64_t);
        const char *error;
    } broken[] = {
        { broken_relu, "" },
        { short_relu, "never wrote element" },
        { long_relu, "wrote outside its output" },
        { refusing_relu, "returned 3" },
    };
    ops_cases c = open_cases();
    gm_kernels k;
    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
        char error[200] = "";
        int64_t ran;
        gm_kernels_inherit(&k, &(gm_kernels){ .name = "broken", .relu = broken[i].f },
                           gm_kernels_ref());
        ck_assert_int_gt(ops_run(&c, &k, NULL, "relu", remember, error, &ran), 0);
        ck_assert_msg(strstr(error, broken[i].error) != NULL, "%s", error);
        ck_assert_int_gt(ops_run(&c, &k, gm_kernels_ref(), "relu", NULL, NULL, NULL), 0);
    }
    ck_assert_int_eq(ops_run(&c, &k, NULL, "no such op", NULL, NULL, &(int64_t){ 0 }), 0);
    ops_cases_close(&c);
}
END_TEST

static int overwriting_concat(float *da, float *db, const float *dy, int64_t B, int64_t N,
                              int64_t M)
{
    if (da) memset(da, 0, (size_t)(B * N) * sizeof *da);
    return gm_kernels_ref()->concat_backward(da, db, dy, B, N, M);
}

static int long_concat(float *da, float *db, const float *dy, int64_t B, int64_t N, int64_t M)
{
    if (db) db[B * M] += 1e-30f;
    return gm_kernels_ref()->concat_backward(da, db, dy, B, N, M);
}

/* Several outputs: each has its values and its guards. */
START_TEST(broken_gradients_are_caught)
{
    static const struct {
        int (*f)(float *, float *, const float *, int64_t, int64_t, int64_t);
        const char *error;
        int64_t fails;
    } broken[] = {
        { overwriting_concat, "", 6 }, { long_concat, "wrote outside its output", 6 },
    };
    ops_cases c = open_cases();
    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
        gm_kernels k;
        char error[200] = "";
        int64_t ran;
        gm_kernels_inherit(&k, &(gm_kernels){ .name = "broken", .concat_backward = broken[i].f },
                           gm_kernels_ref());
        ck_assert_int_eq(ops_run(&c, &k, NULL, "concat_backward", remember, error, &ran),
                         broken[i].fails);
        ck_assert_int_eq(ran, 7);       /* one wants da alone, one db alone */
        ck_assert_msg(strstr(error, broken[i].error) != NULL, "%s", error);
    }
    ops_cases_close(&c);
}
END_TEST

START_TEST(inheriting_keeps_what_is_set)
{
    gm_kernels k, over = { .name = "mine", .relu = broken_relu,
                           .attention = gm_kernels_ref()->attention };
    gm_kernels_inherit(&k, &over, gm_kernels_ref());
    ck_assert_str_eq(k.name, "mine");
    ck_assert(k.relu == broken_relu && k.gelu == gm_kernels_ref()->gelu &&
              k.finite == gm_kernels_ref()->finite);
    ck_assert(k.attention_scratch == NULL); /* its kernel was overridden without one */
    over.attention = NULL;
    gm_kernels_inherit(&k, &over, gm_kernels_ref());
    ck_assert(k.attention_scratch == gm_kernels_ref()->attention_scratch);
}
END_TEST

/* Every half there is, and every border between two of them. */
START_TEST(half_floats)
{
    for (uint32_t h = 0; h < 0x7c00; h++) {
        float low = gm_from_f16((uint16_t)h),
              high = h + 1 < 0x7c00 ? gm_from_f16((uint16_t)(h + 1)) : 65536;
        float middle = (float)((low + (double)high) / 2);
        uint32_t below = gm_bits_of_float(middle) - 1, above = gm_bits_of_float(middle) + 1;
        ck_assert_uint_eq(gm_to_f16(low), h);
        ck_assert_uint_eq(gm_to_f16(-low), h | 0x8000);
        ck_assert_uint_eq(gm_to_f16(middle), h + (h & 1));
        ck_assert_uint_eq(gm_to_f16(gm_float_of_bits(below)), h);
        ck_assert_uint_eq(gm_to_f16(gm_float_of_bits(above)), h + 1);
    }
    for (uint32_t h = 0x7c00; h < 0x8000; h++) {
        float f = gm_from_f16((uint16_t)h);
        ck_assert(h == 0x7c00 ? f > 3.4e38f : f != f);
        ck_assert_uint_eq(gm_to_f16(f) & 0x7c00, 0x7c00);
        ck_assert_int_eq((gm_to_f16(f) & 0x3ff) == 0, h == 0x7c00);
    }
    ck_assert_uint_eq(gm_to_f16(1e30f), 0x7c00);
}
END_TEST

/* Payloads that rounding would carry into Inf or past it. */
START_TEST(bf16_keeps_nan)
{
    static const uint32_t nan[4] = { 0x7f800001, 0x7fffffff, 0xff800001, 0xffffffff };
    for (int i = 0; i < 4; i++) {
        float y, x = gm_float_of_bits(nan[i]);
        ck_assert_int_eq(gm_kernels_ref()->round_bf16(&y, &x, 1), 0);
        ck_assert(y != y);
        ck_assert_uint_eq(gm_bits_of_float(y) >> 31, nan[i] >> 31);
    }
}
END_TEST

Suite *test_ops(void)
{
    Suite *s = suite_create("ops");
    TCase *t = tcase_create("kernels");
    tcase_set_timeout(t, 60);
    tcase_add_test(t, every_slot_has_cases);
    tcase_add_loop_test(t, ref_matches_pytorch, 0, ops_count());
    tcase_add_loop_test(t, cpu_matches_pytorch, 0, ops_count());
    tcase_add_loop_test(t, cpu_matches_ref, 0, ops_count());
    tcase_add_test(t, ref_does_not_depend_on_threads);
    tcase_add_test(t, long_sums_are_allowed_more);
    tcase_add_test(t, broken_kernels_are_caught);
    tcase_add_test(t, broken_gradients_are_caught);
    tcase_add_test(t, inheriting_keeps_what_is_set);
    tcase_add_test(t, half_floats);
    tcase_add_test(t, bf16_keeps_nan);
    suite_add_tcase(s, t);
    return s;
}
