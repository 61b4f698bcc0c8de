/* AdamW, clipping and learning rates against PyTorch (golden/make_adamw.py). */
#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "../train/adamw.h"
#include "../train/schedule.h"
#include "vectors.h"

enum { MOST = 64, TENSORS = 2 };

typedef struct { float w[MOST], m[MOST], v[MOST]; int64_t n, steps; } parameter;

/* Within one rounding of each of the 8 updates: PyTorch may fuse a product and a sum where this
 * does not. */
static void near(const float *got, const json_t *list, double least, const char *what)
{
    float want[MOST];
    int64_t n = floats_in(want, MOST, list);
    for (int64_t i = 0; i < n; i++)
        ck_assert_msg(fabs((double)got[i] - want[i]) <= 8 * 1.2e-7 * fabs((double)want[i]) + least,
                      "%s %lld: wanted %.9g, found %.9g", what, (long long)i, want[i], got[i]);
}

static void one_step(parameter *p, const json_t *run, const json_t *step)
{
    const json_t *betas = json_object_get(run, "betas"), *grads = json_object_get(step, "grads");
    gm_adamw o = { json_number_value(json_array_get(betas, 0)),
                   json_number_value(json_array_get(betas, 1)), number_in(run, "eps") };
    float dw[TENSORS][MOST];
    double sum = 0;
    size_t n = json_array_size(grads);
    for (size_t k = 0; k < n; k++)
        if (floats_in(dw[k], MOST, json_array_get(grads, k))) sum += gm_sum_squares(dw[k], p[k].n);
    double norm = sqrt(sum), want = number_in(step, "norm");
    ck_assert_double_le(fabs(norm - want), 2e-7 * want);
    for (size_t k = 0; k < n; k++) {
        if (json_is_null(json_array_get(grads, k))) continue;
        gm_adamw_step(p[k].w, dw[k], p[k].m, p[k].v, p[k].n, &o, number_in(step, "lr"),
                      number_in(run, "decay"), gm_clip_scale(norm, number_in(run, "clip")),
                      ++p[k].steps);
    }
}

START_TEST(adamw_moves_as_pytorch_does)
{
    json_t *root = load_vectors("golden/adamw.json"), *run, *step;
    size_t r, s;
    ck_assert_uint_ge(json_array_size(json_object_get(root, "runs")), 3);
    json_array_foreach(json_object_get(root, "runs"), r, run) {
        parameter p[TENSORS];
        memset(p, 0, sizeof p);
        json_t *start = json_object_get(run, "start");
        for (size_t k = 0; k < json_array_size(start); k++)
            p[k].n = floats_in(p[k].w, MOST, json_array_get(start, k));
        json_array_foreach(json_object_get(run, "steps"), s, step) {
            one_step(p, run, step);
            for (size_t k = 0; k < json_array_size(start); k++) {
                near(p[k].w, json_array_get(json_object_get(step, "after"), k), 1e-8, "w");
                near(p[k].m, json_array_get(json_object_get(step, "m"), k), 1e-8, "m");
                near(p[k].v, json_array_get(json_object_get(step, "v"), k), 1e-12, "v");
            }
        }
    }
    json_decref(root);
}
END_TEST

/* Several chunks and blocks of chunks, and a rest. */
START_TEST(long_tensors_are_done_whole)
{
    int64_t n = 3 * 256 * 4096 + 4096 + 5;
    float *x = malloc(4 * (size_t)n * sizeof *x), *dw = x + n, *m = x + 2 * n, *v = x + 3 * n;
    ck_assert_ptr_nonnull(x);
    double want = 0;
    for (int64_t i = 0; i < n; i++) {
        x[i] = 1;
        dw[i] = (float)(i % 7 + 1);
        m[i] = v[i] = 0;
        want += (double)dw[i] * dw[i];
    }
    ck_assert_double_eq(gm_sum_squares(dw, n), want);           /* whole numbers: exact */
    const gm_adamw o = { 0.9, 0.95, 0 };
    gm_adamw_step(x, dw, m, v, n, &o, 0.5, 0, 1, 1);            /* the first step moves by lr */
    int64_t bad = 0;
    for (int64_t i = 0; i < n; i++) bad += !(fabsf(x[i] - 0.5f) <= 1e-6f);
    ck_assert_int_eq(bad, 0);
    free(x);
}
END_TEST

START_TEST(rates_of_every_schedule)
{
    json_t *root = load_vectors("golden/adamw.json"), *cosine = json_object_get(root, "cosine");
    gm_schedule s = { GM_COSINE, number_in(cosine, "lr"), 0, (int64_t)number_in(cosine, "total"), 0,
                      number_in(cosine, "floor") };
    json_t *rates = json_object_get(cosine, "rates"), *j;
    size_t i;
    json_array_foreach(rates, i, j)
        ck_assert_double_eq_tol(gm_schedule_rate(&s, (int64_t)i), json_number_value(j), 1e-15);
    json_decref(root);

    json_t *lora = load_vectors("golden/mini/lora/lora.json");     /* DeepSpeed's formula */
    gm_schedule w = { GM_WARMUP_DECAY, number_in(lora, "lr"), (int64_t)number_in(lora, "warmup"),
                      (int64_t)number_in(lora, "total"), 0, 0 };
    json_array_foreach(json_object_get(lora, "log"), i, j)
        ck_assert_double_eq_tol(gm_schedule_rate(&w, (int64_t)i), number_in(j, "lr"), 1e-18);
    ck_assert_double_eq(gm_schedule_rate(&w, w.total + 3), 0);
    json_decref(lora);

    /* golden/oracle/train_nano.py, frac = i / total */
    gm_schedule h = { GM_HOLD_COSINE, 1e-3, 60, 1000, 0.4, 0.02 };
    ck_assert_double_eq_tol(gm_schedule_rate(&h, 0), 1e-3 / 60, 1e-18);
    ck_assert_double_eq_tol(gm_schedule_rate(&h, 399), 1e-3, 1e-18);
    ck_assert_double_eq_tol(gm_schedule_rate(&h, 700), 1e-3 * cos(0.5 * acos(-1) / 2), 1e-15);
    ck_assert_double_eq_tol(gm_schedule_rate(&h, 999), 1e-3 * 0.02, 1e-18);
    gm_schedule k = { GM_CONSTANT, 2, 4, 10, 0, 0 };
    ck_assert_double_eq(gm_schedule_rate(&k, 1), 1);
    ck_assert_double_eq(gm_schedule_rate(&k, 9), 2);
}
END_TEST

Suite *test_train_adamw(void);
Suite *test_train_adamw(void)
{
    Suite *s = suite_create("train_adamw");
    TCase *t = tcase_create("optimiser");
    tcase_add_test(t, adamw_moves_as_pytorch_does);
    tcase_add_test(t, long_tensors_are_done_whole);
    tcase_add_test(t, rates_of_every_schedule);
    suite_add_tcase(s, t);
    return s;
}
