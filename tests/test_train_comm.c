/* Sums and copies over processes of one machine: exact values, the same in each, round after round;
 * one that ends. */
#include <check.h>
#include <stdlib.h>
#include <string.h>
#include "../io/os.h"
#include "../train/comm.h"

enum { N = 5, ROUNDS = 40 };
static const int64_t length[] = { 1, 17, 4097, 70001 };
enum { LENGTHS = sizeof length / sizeof *length };

/* A whole number that depends on all. */
static float value(int rank, int round, int64_t i)
{
    return (float)((rank + 1) * (round + 3) + i % 251);
}

static void fill(float *x, int64_t n, int rank, int round)
{
    for (int64_t i = 0; i < n; i++) x[i] = value(rank, round, i);
}

/* Elements that are not what they should be: after a sum, or of a copy from a process. */
static int64_t wrong(const float *x, int64_t n, int round, int from)
{
    int64_t bad = 0;
    for (int64_t i = 0; i < n; i++) {
        float want = 0;
        for (int r = 0; r < N; r++)
            if (from < 0 || r == from) want += value(r, round, i);
        bad += x[i] != want;
    }
    return bad;
}

/* Each process is late in its turn. */
static void dawdle(int round)
{
    if (gm_comm_rank() == round % N) gm_sleep(0.001);
}

static int64_t one_round(float *const *x, int round, gm_error *e)
{
    int64_t bad = 0;
    for (int k = 0; k < LENGTHS; k++) {
        int from = k == 2 ? round % N : -1;
        fill(x[k], length[k], gm_comm_rank(), round);
        dawdle(round);
        bad += from < 0 ? gm_comm_start_sum(x[k], length[k], e)
                        : gm_comm_start_copy(x[k], length[k], from, e);
    }
    dawdle(round + 1);
    bad += gm_comm_finish(e);
    for (int k = 0; k < LENGTHS; k++) {
        dawdle(round + 2);
        bad += wrong(x[k], length[k], round, k == 2 ? round % N : -1);
    }
    double d[2] = { gm_comm_rank(), 0.5 };
    bad += gm_comm_sum_double(d, 2, e) != 0 || d[0] != N * (N - 1) / 2 || d[1] != 0.5 * N;
    bad += gm_comm_any(false, e) != 0;
    bad += gm_comm_any(gm_comm_rank() == round % N, e) != 1;
    return bad;
}

START_TEST(sums_and_copies)
{
    gm_error e = { "" };
    float *x[LENGTHS];
    for (int k = 0; k < LENGTHS; k++)
        ck_assert_ptr_nonnull(x[k] = malloc((size_t)length[k] * sizeof **x));
    ck_assert_int_eq(gm_comm_start(N, &e), 0);
    ck_assert_int_eq(gm_comm_size(), N);
    ck_assert(gm_comm_near());
    int rank = gm_comm_rank();
    int64_t bad = 0;
    for (int round = 0; round < ROUNDS; round++) bad += one_round(x, round, &e) != 0;
    double all[2] = { (double)bad, 1 };
    int lost = gm_comm_sum_double(all, 2, &e);
    gm_comm_end();
    if (rank) _Exit(0);                 /* the first one alone reports */
    ck_assert_msg(lost == 0, "%s", e.text);
    ck_assert_double_eq(all[1], N);
    ck_assert_msg(all[0] == 0, "%g of %d rounds wrong", all[0], N * ROUNDS);
    ck_assert_int_eq(gm_comm_size(), 1);
    for (int k = 0; k < LENGTHS; k++) free(x[k]);
}
END_TEST

START_TEST(one_ends)
{
    gm_error e = { "" };
    ck_assert_int_eq(gm_comm_start(3, &e), 0);
    int rank = gm_comm_rank(), any = gm_comm_any(false, &e);
    if (rank == 2) _Exit(7);
    double start = gm_seconds();
    int lost = gm_comm_any(false, &e);
    bool says = lost < 0 && gm_comm_fail();
    gm_comm_end();
    if (rank) _Exit(0);
    ck_assert_int_eq(any, 0);
    ck_assert_int_eq(lost, -1);
    ck_assert(says);
    ck_assert_msg(strstr(e.text, "process 3 of 3") && strstr(e.text, "status 7"), "%s", e.text);
    ck_assert(gm_seconds() - start < 5);
}
END_TEST

/* A caller that goes on after the error does not wait for ever. */
START_TEST(one_that_ended_is_remembered)
{
    gm_error e = { "" }, again = { "" };
    ck_assert_int_eq(gm_comm_start(3, &e), 0);
    int rank = gm_comm_rank();
    if (rank == 1) _Exit(7);
    double start = gm_seconds();
    int lost = gm_comm_any(false, &e), still = rank ? 0 : gm_comm_any(false, &again);
    gm_comm_fail();
    gm_comm_end();
    if (rank) _Exit(0);
    ck_assert_int_eq(lost, -1);
    ck_assert_int_eq(still, -1);
    ck_assert_str_eq(again.text, e.text);
    ck_assert(gm_seconds() - start < 5);
}
END_TEST

START_TEST(alone)
{
    gm_error e = { "" };
    float x[3] = { 1, 2, 3 };
    double d = 4;
    ck_assert_int_eq(gm_comm_size(), 1);
    ck_assert(!gm_comm_near());
    ck_assert_int_eq(gm_comm_start_sum(x, 3, &e), 0);
    ck_assert_int_eq(gm_comm_finish(&e), 0);
    ck_assert_int_eq(gm_comm_sum_double(&d, 1, &e), 0);
    ck_assert(x[0] == 1 && x[2] == 3 && d == 4);
    ck_assert_int_eq(gm_comm_any(true, &e), 1);
    ck_assert_int_eq(gm_comm_start(65, &e), -1);
    ck_assert_str_eq(e.text, "processes: wanted at most 64, found 65");
}
END_TEST

Suite *test_train_comm(void)
{
    Suite *s = suite_create("train_comm");
    TCase *t = tcase_create("processes");
    tcase_set_timeout(t, 60);
    tcase_add_test(t, sums_and_copies);
    tcase_add_test(t, one_ends);
    tcase_add_test(t, one_that_ended_is_remembered);
    tcase_add_test(t, alone);
    suite_add_tcase(s, t);
    return s;
}
