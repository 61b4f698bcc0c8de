/* The memory plan: types that would fit, and sessions beside each other. */
#include <check.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include "../io/os.h"
#include "../ref/model_open.h"
#include "../ref/plan.h"

Suite *test_plan(void);

/* 7e9 values in bf16, and 5e9 bytes of everything else. */
START_TEST(the_type_that_fits_is_named)
{
    const gm_plan p = { .total = 19e9, .weights = { .matrices = 14e9, .values_256 = 7e9 } };
    double total = 0;
    ck_assert_ptr_null(gm_plan_type(&p, 19e9, &total));             /* it fits */
    ck_assert_str_eq(gm_plan_type(&p, 18e9, &total), "q8_0");
    ck_assert_double_eq_tol(total, 5e9 + 7e9 * 34 / 32, 1);
    ck_assert_str_eq(gm_plan_type(&p, 11e9, &total), "q6_K");       /* 5e9 + 7e9 * 210 / 256 */
    ck_assert_double_eq_tol(total, 10.7421875e9, 1);
    ck_assert_str_eq(gm_plan_type(&p, 10e9, &total), "q5_K");       /* 176 bytes */
    ck_assert_str_eq(gm_plan_type(&p, 9e9, &total), "q4_K");        /* 144 bytes: 8.94e9 */
    ck_assert_double_eq_tol(total, 8.9375e9, 1);
    ck_assert_ptr_null(gm_plan_type(&p, 8.9e9, &total));            /* none is small enough */
    const gm_plan small = { .total = 12e9,
                            .weights = { .matrices = 7e9 * 34 / 32, .values_256 = 7e9 } };
    ck_assert_str_eq(gm_plan_type(&small, 11e9, &total), "q6_K");
}
END_TEST

/* Blocks of 256 do not divide these rows: as q8_0, K types take no less. */
START_TEST(short_rows_have_types_of_their_own)
{
    const gm_plan p = { .total = 19e9, .weights = { .matrices = 14e9, .values_32 = 7e9 } };
    double total = 0;
    ck_assert_str_eq(gm_plan_type(&p, 12.5e9, &total), "q8_0");
    ck_assert_str_eq(gm_plan_type(&p, 9.5e9, &total), "q4_1");
    ck_assert_double_eq_tol(total, 5e9 + 7e9 * 20 / 32, 1);
    ck_assert_str_eq(gm_plan_type(&p, 9e9, &total), "q4_0");
    ck_assert_ptr_null(gm_plan_type(&p, 8.9e9, &total));
    const gm_plan mixed = { .total = 19e9, .weights = { .matrices = 14e9, .values_256 = 4e9,
                                                        .values_32 = 3e9 } };
    ck_assert_str_eq(gm_plan_type(&mixed, 10.5e9, &total), "q4_K");
    ck_assert_double_eq_tol(total, 5e9 + 4e9 * 144 / 256 + 3e9 * 34 / 32, 1);
    ck_assert_str_eq(gm_plan_type(&mixed, 9.4e9, &total), "q4_1");
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
    ck_assert_double_eq(w.matrices, 2 * (w.values_256 + w.values_32));          /* bf16 */
    ck_assert(w.values_32 > 0);
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

static void put(const char *name, const char *text)
{
    char path[200];
    snprintf(path, sizeof path, "build/tests/groups/%s", name);
    FILE *f = fopen(path, "w");
    ck_assert_ptr_nonnull(f);
    fputs(text, f);
    fclose(f);
}

/* The least of what a group and those above it allow; its page cache counts as available. */
START_TEST(groups_narrow_the_memory)
{
    static const char root[] = "build/tests/groups", list[] = "build/tests/groups/list";
    gm_error e = { "" };
    gm_remove_dir(root, &e);
    ck_assert(gm_make_dir("build/tests/groups/job/part", &e) == 0 &&
              gm_make_dir("build/tests/groups/memory/old", &e) == 0);
    put("job/part/memory.max", "max\n");
    put("job/memory.max", "8000000\n");
    put("job/memory.current", "3000000\n");
    put("job/memory.stat", "anon 1\nfile 2000000\nother 5\n");
    put("memory/old/memory.limit_in_bytes", "6000000\n");
    put("memory/old/memory.usage_in_bytes", "2000000\n");
    put("memory/old/memory.stat", "cache 0\ntotal_cache 500000\n");
    put("memory/memory.limit_in_bytes", "9223372036854771712\n");
    put("list", "0::/job/part\n");
    gm_memory_limit m = { 1e9, 5e8 };
    gm_memory_limits(&m, list, root);
    ck_assert_double_eq(m.most, 8e6);
    ck_assert_double_eq(m.left, 7e6);
    put("list", "7:cpu:/x\n4:memory:/old\n0::/\n");
    m = (gm_memory_limit){ 1e9, 5e8 };
    gm_memory_limits(&m, list, root);
    ck_assert_double_eq(m.most, 6e6);
    ck_assert_double_eq(m.left, 4.5e6);
    put("list", "3:memory:/elsewhere\n0::/elsewhere\nno line\n");    /* nothing is known of it */
    m = (gm_memory_limit){ 1e9, 5e8 };
    gm_memory_limits(&m, list, root);
    ck_assert(m.most == 1e9 && m.left == 5e8);
    ck_assert(gm_machine_memory() <= gm_installed_memory() && gm_machine_memory() > 0);
    ck_assert(gm_available_memory() <= gm_installed_memory());
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
    tcase_add_test(t, short_rows_have_types_of_their_own);
    tcase_add_test(t, weights_are_counted_once);
    tcase_add_test(t, groups_narrow_the_memory);
    tcase_add_test(t, cores_are_counted);
    tcase_add_test(t, blocks_are_aligned);
    suite_add_tcase(s, t);
    return s;
}
