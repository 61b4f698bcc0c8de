/* Models from nothing: the tensors of the authors' modules, and how they start. */
#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "../io/os.h"
#include "../io/weights.h"
#include "../ref/model_open.h"
#include "../train/init.h"

#define OUT "build/tests/init"
#define NANO "models/nano"

static gm_model *open_model(const char *path)
{
    gm_error e = { "" };
    gm_model_options o = { .backend = "cpu" };
    gm_model *m = gm_model_open(path, &o, &e);
    ck_assert_msg(m != NULL, "%s", e.text);
    return m;
}

static gm_model *made(const char *from, const char *start, uint64_t seed)
{
    char sizes[100];
    gm_error e = { "" };
    snprintf(sizes, sizeof sizes, "%s/sizes.json", from);
    ck_assert_msg(gm_init_model(OUT, sizes, from, start, seed, &e) == 0, "%s", e.text);
    return open_model(OUT);
}

/* Mean and standard deviation of a tensor. */
static void moments(const gm_model *m, const char *name, double *mean, double *std)
{
    gm_tensor x = gm_weights_look(gm_checkpoint_weights(m->checkpoint), name);
    double sum = 0, squares = 0, n = (double)gm_numel(x);
    ck_assert_msg(x.data != NULL, "there is no %s", name);
    for (int64_t i = 0; i < gm_numel(x); i++) {
        sum += ((float *)x.data)[i];
        squares += (double)((float *)x.data)[i] * ((float *)x.data)[i];
    }
    *mean = sum / n;
    *std = sqrt(squares / n - *mean * *mean);
}

static const char *const like[] = { NANO, "golden/mini/model" };

START_TEST(names_and_sizes_are_the_authors)
{
    gm_model *m = made(like[_i], "fan_in", 1), *want = open_model(like[_i]);
    const gm_weights *a = gm_checkpoint_weights(m->checkpoint);
    const gm_weights *b = gm_checkpoint_weights(want->checkpoint);
    for (int64_t i = 0; i < b->n; i++) {
        gm_tensor x = gm_weights_look(a, b->entry[i].name), y = b->entry[i].x;
        if (y.type == GM_I64 || strstr(b->entry[i].name, ".inv_freq")) continue;      /* buffers */
        ck_assert_msg(x.nd == y.nd && x.data, "there is no %s", b->entry[i].name);
        for (int d = 0; d < x.nd; d++) ck_assert_int_eq(x.dim[d], y.dim[d]);
    }
    ck_assert_int_le(a->n, b->n);
    gm_model_free(m);
    gm_model_free(want);
    gm_remove_dir(OUT, NULL);
}
END_TEST

START_TEST(values_start_as_asked)
{
    double mean, std;
    const char *up = "model.layers.3.mlp.up_proj.weight", *embed = "model.embed_tokens.weight";
    gm_model *m = made(NANO, "fan_in", 1);
    const double hidden = (double)m->net.config.llm.hidden, inter = (double)m->net.config.llm.inter;
    const double sums = 2 * (double)m->net.config.llm.layers;           /* into one residual stream */
    moments(m, up, &mean, &std);
    ck_assert_double_eq_tol(mean, 0, 0.002);
    ck_assert_double_eq_tol(std, 1 / sqrt(hidden), 0.002);
    moments(m, "model.layers.3.mlp.down_proj.weight", &mean, &std);
    ck_assert_double_eq_tol(std, 1 / sqrt(inter * sums), 0.001);
    moments(m, embed, &mean, &std);
    ck_assert_double_eq_tol(std, 0.5, 0.01);
    moments(m, "model.norm.weight", &mean, &std);
    ck_assert_double_eq(mean, 1);
    moments(m, "model.mm_projector.2.bias", &mean, &std);
    ck_assert_double_eq(std, 0);
    gm_model_free(m);
    m = made(NANO, "release", 1);
    moments(m, up, &mean, &std);
    ck_assert_double_eq_tol(std, 0.02, 0.0005);
    moments(m, embed, &mean, &std);
    ck_assert_double_eq_tol(std, 0.02, 0.0005);
    moments(m, "model.region_encoder.roi_align.pconvs.2.weight", &mean, &std);
    ck_assert_double_eq_tol(std, 0.01, 0.0003);
    gm_model_free(m);
    gm_remove_dir(OUT, NULL);
}
END_TEST

START_TEST(the_seed_decides)
{
    size_t n;
    gm_error e = { "" };
    gm_model_free(made("golden/mini/model", "fan_in", 5));
    char *a = gm_read_text(OUT "/model.safetensors", &n, &e);
    gm_model_free(made("golden/mini/model", "fan_in", 5));
    char *b = gm_read_text(OUT "/model.safetensors", &n, &e);
    gm_model_free(made("golden/mini/model", "fan_in", 6));
    char *c = gm_read_text(OUT "/model.safetensors", &n, &e);
    ck_assert_ptr_nonnull(a);
    ck_assert_int_eq(memcmp(a, b, n), 0);
    ck_assert_int_ne(memcmp(a, c, n), 0);
    free(a);
    free(b);
    free(c);
    gm_remove_dir(OUT, NULL);
}
END_TEST

START_TEST(wrong_sizes_are_named)
{
    static const struct { const char *text, *says; } wrong[] = {
        { "{\"hidden\": 10}", "wanted inter" },
        { "{\"hidden\": 0}", "hidden" },
        { "[]", "sizes" },
    };
    gm_error e = { "" };
    gm_writer w;
    ck_assert_int_eq(gm_create(&w, "build/tests/sizes.json", &e), 0);
    fputs(wrong[_i].text, w.file);
    ck_assert_int_eq(gm_commit(&w, &e), 0);
    ck_assert_int_ne(gm_init_model(OUT, "build/tests/sizes.json", NANO, "fan_in", 1, &e), 0);
    ck_assert_msg(strstr(e.text, wrong[_i].says) != NULL, "%s", e.text);
    ck_assert(!gm_is_dir(OUT));
}
END_TEST

Suite *test_train_init(void);
Suite *test_train_init(void)
{
    Suite *s = suite_create("train_init");
    TCase *t = tcase_create("init");
    tcase_add_loop_test(t, names_and_sizes_are_the_authors, 0, 2);
    tcase_add_test(t, values_start_as_asked);
    tcase_add_test(t, the_seed_decides);
    tcase_add_loop_test(t, wrong_sizes_are_named, 0, 3);
    suite_add_tcase(s, t);
    return s;
}
