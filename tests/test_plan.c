/* The memory plan: types that would fit, and sessions beside each other. */
#include <check.h>
#include <omp.h>
#include <stdlib.h>
#include "../io/os.h"
#include "../ref/model_open.h"
#include "../ref/plan.h"

Suite *test_plan(void);

/* 7e9 values in bf16, and 5e9 bytes of everything else. */
START_TEST(the_type_that_fits_is_named)
{
    const gm_plan p = { .total = 19e9, .weights = { .matrices = 14e9, .values = 7e9 } };
    double total = 0;
    ck_assert_ptr_null(gm_plan_type(&p, 19e9, &total));             /* it fits */
    ck_assert_str_eq(gm_plan_type(&p, 18e9, &total), "q8_0");
    ck_assert_double_eq_tol(total, 5e9 + 7e9 * 34 / 32, 1);
    ck_assert_str_eq(gm_plan_type(&p, 9.5e9, &total), "q4_1");
    ck_assert_str_eq(gm_plan_type(&p, 9e9, &total), "q4_0");
    ck_assert_ptr_null(gm_plan_type(&p, 8e9, &total));              /* none is small enough */
    const gm_plan small = { .total = 12e9,
                            .weights = { .matrices = 7e9 * 34 / 32, .values = 7e9 } };
    ck_assert_str_eq(gm_plan_type(&small, 11e9, &total), "q4_1");
}
END_TEST

START_TEST(weights_are_counted_once)
{
    gm_error e = { "" };
    gm_model *m = gm_model_open("models/nano", NULL, &e);
    ck_assert_msg(m != NULL, "%s", e.text);
    gm_weight_bytes w = gm_checkpoint_bytes(m->checkpoint);
    int64_t n = gm_checkpoint_tensors(m->checkpoint, NULL, 0);
    gm_stored *s = malloc((size_t)n * sizeof *s);
    double all = 0;
    gm_checkpoint_tensors(m->checkpoint, s, n);
    for (int64_t i = 0; i < n; i++) all += s[i].used ? (double)gm_bytes(s[i].tensor) : 0;
    ck_assert_double_eq(w.clip + w.region + w.sam + w.others, all);
    ck_assert(w.clip > 0 && w.region > 0 && w.sam > 0);
    ck_assert_double_eq(w.matrices, 2 * w.values);                  /* bf16 */
    gm_plan p = gm_plan_memory(&m->net, &m->kernels, &w, 10), q = gm_plan_memory(&m->net,
                               &m->kernels, &w, 1000);
    ck_assert(p.total > w.others && q.total > p.total && q.session > p.session);
    ck_assert(p.with_boxes > p.total);
    int64_t few = gm_model_sessions(m, 10), many = gm_model_sessions(m, INT64_C(1) << 40);
    ck_assert(few >= many && many == 1);
    free(s);
    gm_model_free(m);
}
END_TEST

START_TEST(cores_are_counted)
{
    int n = gm_physical_cores();
    ck_assert(n >= 1 && n <= omp_get_num_procs());
}
END_TEST

/* Big and small blocks, whole and aligned. */
START_TEST(blocks_are_aligned)
{
    const size_t sizes[] = { 0, 1, 64, 4095, (4 << 20) - 1, 4 << 20, (4 << 20) + 1, 9 << 20 };
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        char *p = gm_aligned_alloc(sizes[i]);
        ck_assert(p && (uintptr_t)p % 64 == 0);
        if (sizes[i]) p[0] = p[sizes[i] - 1] = 1;
        free(p);
    }
    ck_assert_ptr_null(gm_aligned_alloc(SIZE_MAX));
}
END_TEST

Suite *test_plan(void)
{
    Suite *s = suite_create("plan");
    TCase *t = tcase_create("plan");
    tcase_add_test(t, the_type_that_fits_is_named);
    tcase_add_test(t, weights_are_counted_once);
    tcase_add_test(t, cores_are_counted);
    tcase_add_test(t, blocks_are_aligned);
    suite_add_tcase(s, t);
    return s;
}
