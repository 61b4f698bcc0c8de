/* Muon against PyTorch (golden/make_muon.py), and which parameters it moves. */
#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "../train/muon.h"
#include "../train/params.h"
#include "vectors.h"

enum { MOST = 80 };

/* 8 times what PyTorch's own float32 run differs by, as whole modules (docs/TOLERANCE.md). */
static void near(const float *got, const json_t *list, double gap, const char *what)
{
    int64_t n = (int64_t)json_array_size(list);
    double most = 0;
    for (int64_t i = 0; i < n; i++)
        most = fmax(most, fabs(json_number_value(json_array_get(list, (size_t)i))));
    for (int64_t i = 0; i < n; i++) {
        double want = json_number_value(json_array_get(list, (size_t)i));
        ck_assert_msg(fabs((double)got[i] - want) <= 8 * gap + 4 * 0x1p-23 * most,
                      "%s %lld: wanted %.9g, found %.9g", what, (long long)i, want,
                      (double)got[i]);
    }
}

/* The gradient comes four times as large, to be scaled. */
static void run_steps(const json_t *run)
{
    int64_t R = (int64_t)number_in(run, "rows"), C = (int64_t)number_in(run, "cols");
    int64_t room = gm_muon_scratch(R, C);
    float w[MOST], m[MOST] = { 0 }, dw[MOST];
    float *scratch = malloc((size_t)room * sizeof *scratch);
    json_t *step;
    size_t s;
    ck_assert_ptr_nonnull(scratch);
    ck_assert_int_eq(floats_in(w, MOST, json_object_get(run, "start")), R * C);
    json_array_foreach(json_object_get(run, "steps"), s, step) {
        ck_assert_int_eq(floats_in(dw, MOST, json_object_get(step, "grad")), R * C);
        for (int64_t i = 0; i < R * C; i++) dw[i] *= 4;
        for (int64_t i = 0; i < room; i++) scratch[i] = NAN;
        gm_muon_step(w, dw, m, R, C, number_in(run, "mu"), number_in(step, "lr"),
                     number_in(run, "decay"), 0.25, scratch);
        near(w, json_object_get(step, "after"), number_in(step, "gap_w"), "w");
        near(m, json_object_get(step, "m"), number_in(step, "gap_m"), "m");
    }
    ck_assert_uint_ge(s, 4);
    free(scratch);
}

START_TEST(muon_moves_as_pytorch_does)
{
    json_t *root = load_vectors("golden/muon.json"), *run;
    size_t r;
    json_array_foreach(json_object_get(root, "runs"), r, run) run_steps(run);
    ck_assert_uint_ge(r, 5);
    json_decref(root);
}
END_TEST

/* What it is for: singular values, of a diagonal matrix its diagonal, come out alike. */
START_TEST(every_direction_moves_alike)
{
    enum { N = 6 };
    float w[N * N] = { 0 }, m[N * N] = { 0 }, dw[N * N] = { 0 };
    float *scratch = malloc((size_t)gm_muon_scratch(N, N) * sizeof *scratch);
    for (int i = 0; i < N; i++) dw[i * N + i] = powf(0.5f, (float)i);
    gm_muon_step(w, dw, m, N, N, 0.95, 1, 0, 1, scratch);
    for (int i = 0; i < N * N; i++) {
        double size = (double)w[i] / (-0.2 * sqrt(N));
        if (i / N == i % N) ck_assert_msg(size > 0.6 && size < 1.3, "%d: %g", i, size);
        else ck_assert_double_le(fabs(size), 1e-5);
    }
    free(scratch);
}
END_TEST

/* ---- among the parameters ---- */

typedef struct { gm_model *m; gm_params ps; gm_train_policy o; } opened;

static int open_params(opened *t, const char *muon, gm_error *e)
{
    const gm_model_options o = { .backend = "ref", .exact_f32 = 1 };
    t->m = gm_model_open("golden/mini/model", &o, e);
    ck_assert_msg(t->m != NULL, "%s", e->text);
    t->o = (gm_train_policy){ .freeze = "full", .decay = 0.1, .momentum = 0.9, .seed = 2 };
    ck_assert_int_eq(gm_words_split(&t->o.muon, muon), 0);
    return gm_params_open(&t->ps, t->m, &t->o, e);
}

static void close_params(opened *t)
{
    gm_params_free(&t->ps);
    gm_model_free(t->m);
    gm_words_free(&t->o.muon);
}

/* Matrices of the pattern and no other; larger ones that come later find scratch, too. */
START_TEST(patterns_choose_matrices)
{
    static const struct { const char *name; bool muon; } want[] = {
        { "model.layers.0.self_attn.q_proj.weight", true },
        { "model.layers.1.mlp.down_proj.weight", true },
        { "model.layers.0.input_layernorm.weight", false }, { "lm_head.weight", false },
        { "pretrain.wide.weight", true }, { "pretrain.wide.bias", false },
    };
    opened t;
    gm_error e = { "" };
    const gm_adamw adam = { 0.9, 0.95, 1e-8 };
    ck_assert_msg(open_params(&t, "model.layers.* pretrain.*", &e) == 0, "%s", e.text);
    ck_assert_int_eq(gm_params_add(&t.ps, "pretrain.wide.weight", 2, GM_DIMS(90, 200), 1, &t.o, &e),
                     0);
    ck_assert_int_eq(gm_params_add(&t.ps, "pretrain.wide.bias", 1, GM_DIMS(90), 0, &t.o, &e), 0);
    for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
        gm_param *p = gm_params_find(&t.ps, want[i].name);
        int64_t n = gm_numel(p->w);
        float *w = malloc((size_t)n * sizeof *w), *m = calloc((size_t)n, sizeof *m);
        float *v = calloc((size_t)n, sizeof *v), *scratch = NULL;
        ck_assert_int_eq(p->muon, want[i].muon);
        memcpy(w, p->w.data, (size_t)n * sizeof *w);
        for (int64_t k = 0; k < n; k++) ((float *)p->dw.data)[k] = sinf((float)k);
        if (want[i].muon) {
            scratch = malloc((size_t)gm_muon_scratch(p->w.dim[0], p->w.dim[1]) * sizeof *scratch);
            gm_muon_step(w, p->dw.data, m, p->w.dim[0], p->w.dim[1], 0.9, 0.01, 0.1, 0.5, scratch);
        } else {
            gm_adamw_step(w, p->dw.data, m, v, n, &adam, 0.01, p->decay, 0.5, 1);
        }
        gm_params_step(&t.ps, &adam, 0.01, 0.5);
        ck_assert_mem_eq(p->w.data, w, (size_t)n * sizeof *w);
        ck_assert_mem_eq(p->m, m, (size_t)n * sizeof *m);
        ck_assert_mem_eq(p->v, v, (size_t)n * sizeof *v);
        ck_assert_int_eq(p->steps, 1);
        gm_params_clear(&t.ps);
        free(w);
        free(m);
        free(v);
        free(scratch);
    }
    close_params(&t);
}
END_TEST

START_TEST(a_misspelt_pattern_is_named)
{
    opened t;
    gm_error e = { "" };
    ck_assert_int_ne(open_params(&t, "model.layers.* model.lyers.*", &e), 0);
    ck_assert_msg(strstr(e.text, "muon: model.lyers.* fits no tensor"), "%s", e.text);
    close_params(&t);
}
END_TEST

Suite *test_train_muon(void);
Suite *test_train_muon(void)
{
    Suite *s = suite_create("train_muon");
    TCase *t = tcase_create("muon");
    tcase_add_test(t, muon_moves_as_pytorch_does);
    tcase_add_test(t, every_direction_moves_alike);
    tcase_add_test(t, patterns_choose_matrices);
    tcase_add_test(t, a_misspelt_pattern_is_named);
    suite_add_tcase(s, t);
    return s;
}
