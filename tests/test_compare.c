/* The comparator against broken data. */
#include <check.h>
#include <math.h>
#include <string.h>
#include "compare.h"

enum { N = 64 };

static void fill(float *x)
{
    for (int i = 0; i < N; i++) x[i] = (float)(1 + i % 8 * 0.25 + i / 8 * 0.01);
}

static gm_verdict verdict(const float *got, const float *want)
{
    return gm_compare(got, want, N, 1e-5, 1e-6).verdict;
}

START_TEST(equal_and_nearly_equal_pass)
{
    float want[N], got[N];
    fill(want);
    memcpy(got, want, sizeof got);
    ck_assert_int_eq(verdict(got, want), GM_PASS);
    got[5] += 1e-6f;
    gm_comparison c = gm_compare(got, want, N, 1e-5, 0);
    ck_assert_int_eq(c.verdict, GM_PASS);
    ck_assert_int_eq(c.worst, 5);
    ck_assert_int_eq(c.n, N);
}
END_TEST

START_TEST(one_bad_element_is_named)
{
    float want[N], got[N];
    fill(want);
    memcpy(got, want, sizeof got);
    got[5] += 1e-6f;
    got[37] += 0.5f;
    gm_comparison c = gm_compare(got, want, N, 1e-5, 1e-6);
    ck_assert_int_eq(c.verdict, GM_FAIL);
    ck_assert_int_eq(c.bad, 1);
    ck_assert_int_eq(c.worst, 37);
    ck_assert_double_eq_tol(c.error, 0.5, 1e-6);
    ck_assert_double_eq(c.want, want[37]);
    ck_assert_double_eq(c.got, got[37]);
}
END_TEST

START_TEST(nan_is_never_a_pass)
{
    float want[3] = { 1, 2, 3 }, got[3] = { 1, NAN, 3 };
    gm_comparison c = gm_compare(got, want, 3, 1e-6, 1e-6);
    ck_assert_int_eq(c.verdict, GM_FAIL);
    ck_assert_int_eq(c.worst, 1);
    ck_assert_int_eq(gm_compare(want, got, 3, 1e-6, 1e-6).verdict,
                     GM_FAIL); /* NaN wanted, 2 found */
    ck_assert_int_eq(gm_compare(got, got, 3, 1e-6, 1e-6).verdict,
                     GM_PASS); /* NaN wanted and found */
    for (int i = 0; i < 3; i++) got[i] = NAN;
    ck_assert_int_eq(gm_compare(got, want, 3, 1e30, 1e30).verdict, GM_FAIL);
    ck_assert_int_eq(gm_compare(got, got, 3, 1, 1).verdict, GM_VACUOUS);
}
END_TEST

START_TEST(inf_must_be_equal)
{
    float want[3] = { 1, 2, 3 }, got[3] = { 1, 2, INFINITY }, minus[3] = { 1, 2, -INFINITY };
    ck_assert_int_eq(gm_compare(got, want, 3, 1e30, 1e30).verdict, GM_FAIL);
    ck_assert_int_eq(gm_compare(want, got, 3, 1e30, 1e30).verdict, GM_FAIL);
    ck_assert_int_eq(gm_compare(minus, got, 3, 1, 1).verdict, GM_FAIL);
    ck_assert_int_eq(gm_compare(got, got, 3, 1, 1).verdict, GM_PASS);
}
END_TEST

/* A magnitude of Inf, which a sum with an infinite term has, allows nothing. */
START_TEST(an_infinite_magnitude_allows_nothing)
{
    const float want[4] = { 1, 2, INFINITY, NAN }, scale[4] = { 1, 1, INFINITY, INFINITY };
    float got[4] = { 1, 2, INFINITY, NAN };
    ck_assert_int_eq(gm_compare_each(got, want, 4, scale, 1e-6).verdict, GM_PASS);
    got[2] = 3;
    ck_assert_int_eq(gm_compare_each(got, want, 4, scale, 1e-6).bad, 1);
    got[2] = -INFINITY, got[3] = INFINITY;
    ck_assert_int_eq(gm_compare_each(got, want, 4, scale, 1e-6).bad, 2);
}
END_TEST

START_TEST(shift_transpose_and_zeros_fail)
{
    float want[N], got[N];
    fill(want);
    for (int i = 0; i < N; i++) got[i] = want[(i + 1) % N];
    ck_assert_int_eq(verdict(got, want), GM_FAIL);
    for (int i = 0; i < N; i++) got[i] = want[i % 8 * 8 + i / 8];
    ck_assert_int_eq(verdict(got, want), GM_FAIL);
    memset(got, 0, sizeof got);
    ck_assert_int_eq(verdict(got, want), GM_FAIL);
}
END_TEST

START_TEST(nothing_or_a_constant_is_vacuous)
{
    float want[N], got[N], one = 3, nan = NAN;
    for (int i = 0; i < N; i++) want[i] = got[i] = 0;
    ck_assert_int_eq(verdict(got, want), GM_VACUOUS);
    ck_assert_int_eq(gm_compare(got, want, 0, 1, 1).verdict, GM_VACUOUS);
    ck_assert_int_eq(gm_compare_bits(got, want, N).verdict, GM_VACUOUS);
    ck_assert_int_eq(gm_compare(&one, &one, 1, 0, 0).verdict, GM_PASS);
    ck_assert_int_eq(gm_compare(&nan, &nan, 1, 0, 0).verdict, GM_VACUOUS);
    got[3] = 1;
    ck_assert_int_eq(gm_compare(got, want, N, 1e-3, 0).verdict,
                     GM_FAIL); /* wrong is worse than vacuous */
}
END_TEST

START_TEST(tolerances_must_be_numbers)
{
    float want[3] = { 1, 2, 3 }, scale[3] = { 1, NAN, 1 };
    ck_assert_int_eq(gm_compare(want, want, 3, INFINITY, 0).verdict, GM_FAIL);
    ck_assert_int_eq(gm_compare(want, want, 3, NAN, 0).verdict, GM_FAIL);
    ck_assert_int_eq(gm_compare(want, want, 3, -1, 0).verdict, GM_FAIL);
    ck_assert_int_eq(gm_compare_each(want, want, 3, scale, 1).verdict, GM_FAIL);
}
END_TEST

START_TEST(each_element_has_its_own_tolerance)
{
    float want[3] = { 1, 2, 3 }, got[3] = { 1.5f, 2, 3 }, loose[3] = { 1, 0, 0 },
          tight[3] = { 0, 1, 1 };
    ck_assert_int_eq(gm_compare_each(got, want, 3, loose, 0.5).verdict, GM_PASS);
    ck_assert_int_eq(gm_compare_each(got, want, 3, loose, 0.4).verdict, GM_FAIL);
    ck_assert_int_eq(gm_compare_each(got, want, 3, tight, 1e6).verdict, GM_FAIL);
}
END_TEST

START_TEST(bits_and_integers)
{
    float a[3] = { 0, 1, NAN }, b[3] = { -0.0f, 1, NAN };
    ck_assert_int_eq(gm_compare_bits(a, a, 3).verdict, GM_PASS);
    ck_assert_int_eq(gm_compare_bits(a, b, 3).verdict, GM_FAIL);
    ck_assert_int_eq(gm_compare_bits(a, b, 3).worst, 0);
    int32_t x[3] = { 1, 2, INT32_MAX }, y[3] = { 1, 2, INT32_MIN };
    ck_assert_int_eq(gm_compare_ints(x, x, 3).verdict, GM_PASS);
    ck_assert_int_eq(gm_compare_ints(y, x, 3).verdict, GM_FAIL);
    ck_assert_int_eq(gm_compare_ints(x, x, 0).verdict, GM_VACUOUS);
}
END_TEST

START_TEST(wrong_shape_fails)
{
    float want[N];
    int64_t dim[2] = { 16, 4 }, other[2] = { 4, 16 }, flat[1] = { 64 };
    fill(want);
    ck_assert_int_eq(gm_compare_shaped(want, 2, dim, want, 2, dim, 1, 0, 0).verdict, GM_PASS);
    gm_comparison c = gm_compare_shaped(want, 2, other, want, 2, dim, 1, 0, 0);
    ck_assert_int_eq(c.verdict, GM_FAIL);
    ck_assert_str_eq(c.why, "sizes (4, 16), wanted (16, 4)");
    ck_assert_int_eq(gm_compare_shaped(want, 1, flat, want, 2, dim, 1, 0, 0).verdict, GM_FAIL);
}
END_TEST

START_TEST(strided_values_are_found)
{
    float want[N] = { 0 }, got[N];
    int64_t dim[2] = { 8, 8 };
    int n = 0;
    fill(got);
    for (int i = 0; i < N; i += 5) want[n++] = got[i];
    gm_comparison c = gm_compare_shaped(got, 2, dim, want, 2, dim, 5, 0, 0);
    ck_assert_int_eq(c.verdict, GM_PASS);
    ck_assert_int_eq(c.n, n);
    ck_assert_int_eq(gm_compare_shaped(got, 2, dim, want, 2, dim, 4, 0, 0).verdict, GM_FAIL);
}
END_TEST

Suite *test_compare(void)
{
    Suite *s = suite_create("compare");
    TCase *t = tcase_create("compare");
    tcase_add_test(t, equal_and_nearly_equal_pass);
    tcase_add_test(t, one_bad_element_is_named);
    tcase_add_test(t, nan_is_never_a_pass);
    tcase_add_test(t, inf_must_be_equal);
    tcase_add_test(t, an_infinite_magnitude_allows_nothing);
    tcase_add_test(t, shift_transpose_and_zeros_fail);
    tcase_add_test(t, nothing_or_a_constant_is_vacuous);
    tcase_add_test(t, tolerances_must_be_numbers);
    tcase_add_test(t, each_element_has_its_own_tolerance);
    tcase_add_test(t, bits_and_integers);
    tcase_add_test(t, wrong_shape_fails);
    tcase_add_test(t, strided_values_are_found);
    suite_add_tcase(s, t);
    return s;
}
