/* Exported folders, read back: the model computes what it did while it was trained.  PyTorch reads
 * the same folders in golden/check_export.py. */
#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "../io/os.h"
#include "../io/weights.h"
#include "../train/export.h"

#define FORMS "golden/mini/forms/"
#define OUT "build/tests/exported"
#define ADAPTER "golden/mini/lora/adapter_end.bin"

typedef struct { gm_model *m; gm_params ps; gm_train_policy o; } trained;

static gm_model *open_model(const char *path, const char *clip, const char *lora)
{
    gm_error e = { "" };
    gm_model_options o = { .backend = "ref", .clip = clip, .lora = lora, .exact_f32 = 1 };
    gm_model *m = gm_model_open(path, &o, &e);
    ck_assert_msg(m != NULL, "%s", e.text);
    return m;
}

/* The base with an adapter, and other values in some of what trains. */
static void train(trained *t, const char *base, const char *clip, const char *freeze)
{
    gm_error e = { "" };
    int64_t taken;
    t->m = open_model(base, clip, NULL);
    t->o = (gm_train_policy){ .freeze = freeze, .rank = 8, .alpha = 16, .dropout = 0.05 };
    gm_words_split(&t->o.targets, "q_proj v_proj");
    ck_assert_msg(gm_params_open(&t->ps, t->m, &t->o, &e) == 0, "%s", e.text);
    ck_assert_msg(gm_params_load(&t->ps, ADAPTER, &taken, &e) == 0, "%s", e.text);
    gm_tensor head = gm_params_find(&t->ps, "lm_head.weight")->w;
    for (int64_t i = 0; i < gm_numel(head); i++) ((float *)head.data)[i] = cosf((float)i);
}

static void done(trained *t)
{
    gm_params_free(&t->ps);
    gm_model_free(t->m);
    gm_words_free(&t->o.targets);
}

enum { T = 4 };

/* Logits over made-up embeddings, and over the tower's state for a made-up image. */
static double difference(gm_model *a, gm_model *b)
{
    gm_model *m[2] = { a, b };
    gm_tensor x[2], v[2];
    gm_ctx *c[2];
    double most = 0;
    for (int k = 0; k < 2; k++) {
        int64_t C = m[k]->net.config.llm.hidden, S = m[k]->net.config.clip.image;
        c[k] = gm_ctx_new(&m[k]->kernels, NULL);
        gm_tensor e = gm_new(c[k], GM_F32, 3, GM_DIMS(1, T, C));
        gm_tensor p = gm_new(c[k], GM_F32, 4, GM_DIMS(1, 3, S, S));
        for (int64_t i = 0; i < T * C; i++) ((float *)e.data)[i] = sinf((float)i);
        for (int64_t i = 0; i < 3 * S * S; i++) ((float *)p.data)[i] = sinf((float)i);
        x[k] = gm_llama(c[k], &m[k]->net.llama, e, NULL, GM_NONE);
        x[k] = gm_linear(c[k], x[k], m[k]->net.llama.head, GM_NONE);
        v[k] = gm_clip(c[k], &m[k]->net.clip, p, NULL);
        ck_assert_msg(gm_ok(c[k]), "%s", gm_error_text(c[k]));
    }
    for (int64_t i = 0; i < gm_numel(x[0]); i++)
        most = fmax(most, fabs((double)((float *)x[0].data)[i] - ((float *)x[1].data)[i]));
    for (int64_t i = 0; i < gm_numel(v[0]); i++)
        most = fmax(most, fabs((double)((float *)v[0].data)[i] - ((float *)v[1].data)[i]));
    gm_ctx_free(c[0]);
    gm_ctx_free(c[1]);
    return most;
}

/* Every form of the base, both formats, one file and many. */
START_TEST(a_model_comes_back)
{
    static const struct { const char *base, *clip, *freeze; bool safetensors; int64_t shard;
                          const char *file; } form[] = {
        { "golden/mini/model", NULL, "released", false, 0, OUT "/pytorch_model.bin" },
        { "golden/mini/model", NULL, "full", true, 40000, OUT "/clip/config.json" },
        { FORMS "safetensors-tower-inside", NULL, "full", false, 30000,
          OUT "/pytorch_model.bin.index.json" },
        { FORMS "legacy", NULL, "paper", true, 0, OUT "/model.safetensors" },
        { "golden/mini/model", FORMS "clipmodel", "released", true, 0, OUT "/model.safetensors" },
    };
    trained t;
    gm_error e = { "" };
    train(&t, form[_i].base, form[_i].clip, form[_i].freeze);
    const gm_export_options o = { "f32", form[_i].safetensors, form[_i].shard };
    ck_assert_msg(gm_export_model(OUT, &t.ps, t.m, &o, &e) == 0, "%s", e.text);
    ck_assert_msg(gm_is_file(form[_i].file), "%s was not written", form[_i].file);
    gm_model *back = open_model(OUT, form[_i].clip, NULL);
    ck_assert_double_lt(difference(t.m, back), 2e-5);
    gm_model_free(back);
    done(&t);
    ck_assert_int_eq(gm_remove_dir(OUT, &e), 0);
}
END_TEST

START_TEST(stored_types_stay)
{
    trained t;
    gm_error e = { "" };
    train(&t, FORMS "released", NULL, "released");
    const gm_export_options o = { "stored", false, 0 };
    ck_assert_msg(gm_export_model(OUT, &t.ps, t.m, &o, &e) == 0, "%s", e.text);
    gm_model *back = open_model(OUT, NULL, NULL), *base = open_model(FORMS "released", NULL, NULL);
    const gm_weights *w = gm_checkpoint_weights(back->checkpoint);
    const gm_weights *from = gm_checkpoint_weights(base->checkpoint);
    ck_assert_int_eq(w->n, from->n);
    for (int64_t i = 0; i < from->n; i++) {
        gm_tensor x = gm_weights_look(w, from->entry[i].name);
        ck_assert_msg(x.data && x.type == from->entry[i].x.type, "%s", from->entry[i].name);
    }
    ck_assert_double_lt(difference(t.m, back), 0.1);        /* rounded to bf16 */
    ck_assert_double_gt(difference(base, back), 1);         /* another head */
    gm_model_free(back);
    gm_model_free(base);
    done(&t);
    ck_assert_int_eq(gm_remove_dir(OUT, &e), 0);
}
END_TEST

START_TEST(an_adapter_comes_back)
{
    trained t;
    gm_error e = { "" };
    train(&t, "golden/mini/model", NULL, "released");
    const gm_export_options o = { "f32", _i == 1, 0 };
    ck_assert_msg(gm_export_adapter(OUT, &t.ps, "base", &o, &e) == 0, "%s", e.text);
    gm_model *back = open_model("golden/mini/model", NULL, OUT);
    ck_assert_double_lt(difference(t.m, back), 2e-5);
    gm_model_free(back);
    done(&t);
    ck_assert_int_eq(gm_remove_dir(OUT, &e), 0);
}
END_TEST

START_TEST(what_cannot_be_written_leaves_nothing)
{
    trained t;
    gm_error e = { "" };
    train(&t, "golden/mini/model", NULL, "released");
    const gm_export_options o = { "f32", false, 0 };
    ck_assert_int_ne(gm_export_model("/dev/null/x", &t.ps, t.m, &o, &e), 0);
    ck_assert_msg(strstr(e.text, "/dev/null/x") != NULL, "%s", e.text);
    done(&t);
}
END_TEST

Suite *test_train_export(void);
Suite *test_train_export(void)
{
    Suite *s = suite_create("train_export");
    TCase *t = tcase_create("export");
    tcase_add_loop_test(t, a_model_comes_back, 0, 5);
    tcase_add_test(t, stored_types_stay);
    tcase_add_loop_test(t, an_adapter_comes_back, 0, 2);
    tcase_add_test(t, what_cannot_be_written_leaves_nothing);
    suite_add_tcase(s, t);
    return s;
}
