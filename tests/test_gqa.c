/* Grouped-query heads: a model with fewer key/value heads answers as the same model with each of
 * its k and v rows repeated for every query head of the group.  PyTorch's release has no such
 * model, so the wanted values are those of the repeated one, which the goldens cover. */
#include <check.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "../io/checkpoint.h"
#include "../io/os.h"

#define MINI "golden/mini/model"
enum { HEADS = 4, GROUPS = 2, ROOM = 2000 };

static char grouped[64], repeated[64];

static void must(int ok, const gm_error *e)
{
    ck_assert_msg(ok, "%s", e->text);
}

static void copy_file(const char *to, const char *name)
{
    gm_error e = { "" };
    char from[200], path[200];
    size_t n;
    snprintf(from, sizeof from, MINI "/%s", name);
    snprintf(path, sizeof path, "%s/%s", to, name);
    char *text = gm_read_text(from, &n, &e);
    must(text != NULL, &e);
    FILE *f = fopen(path, "wb");
    ck_assert(f && fwrite(text, 1, n, f) == n && fclose(f) == 0);
    free(text);
}

/* Rows of the heads that a model with `groups` key/value heads keeps (repeat: each one HEADS /
 * groups times). */
static gm_tensor heads_of(gm_tensor x, int repeat)
{
    int64_t HD = x.dim[0] / HEADS, C = x.dim[1], n = repeat ? HEADS : GROUPS, each = HEADS / GROUPS;
    gm_tensor y = { .nd = 2, .dim = { n * HD, C }, .type = GM_F32 };
    float *p = malloc((size_t)(n * HD * C) * sizeof *p);
    ck_assert_ptr_nonnull(p);
    for (int64_t h = 0; h < n; h++)
        memcpy(p + h * HD * C, (const float *)x.data + (repeat ? h / each : h) * HD * C,
               (size_t)(HD * C) * sizeof *p);
    y.data = p;
    return y;
}

static void write_model(const char *dir, int repeat)
{
    gm_error e = { "" };
    char path[200];
    static const char *names[ROOM];
    static gm_tensor tensors[ROOM];
    must(gm_make_dir(dir, &e) == 0, &e);
    copy_file(dir, "tokenizer.model");
    copy_file(dir, "added_tokens.json");
    copy_file(dir, "sizes.json");
    json_t *config = json_load_file(MINI "/config.json", 0, NULL);
    ck_assert_ptr_nonnull(config);
    json_object_set_new(config, "num_key_value_heads", json_integer(repeat ? HEADS : GROUPS));
    snprintf(path, sizeof path, "%s/config.json", dir);
    ck_assert_int_eq(json_dump_file(config, path, 0), 0);
    json_decref(config);

    gm_file *f = gm_file_open(MINI "/pytorch_model.bin", &e);
    must(f != NULL, &e);
    int64_t n = gm_file_count(f), changed = 0;
    ck_assert_int_le(n, ROOM);
    for (int64_t i = 0; i < n; i++) {
        names[i] = gm_file_name(f, i);
        tensors[i] = gm_file_tensor(f, i);
        int kv = strstr(names[i], "self_attn.k_proj") || strstr(names[i], "self_attn.v_proj");
        if (!kv || strstr(names[i], "grounding_encoder") || strstr(names[i], "vision_tower"))
            continue;
        tensors[i] = heads_of(tensors[i], repeat);
        changed++;
    }
    ck_assert_int_eq(changed, 4);       /* k and v of two layers */
    snprintf(path, sizeof path, "%s/model.safetensors", dir);
    must(gm_safetensors_write(path, names, tensors, n, &e) == 0, &e);
    for (int64_t i = 0; i < n; i++)
        if (tensors[i].data != gm_file_tensor(f, i).data) free(tensors[i].data);
    gm_file_close(f);
}

static void remove_model(const char *dir)
{
    static const char *const names[] = { "tokenizer.model", "added_tokens.json", "sizes.json",
                                         "config.json", "model.safetensors" };
    char path[200];
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        snprintf(path, sizeof path, "%s/%s", dir, names[i]);
        remove(path);
    }
    remove(dir);
}

static void make_models(void)
{
    double now = gm_seconds() * 1e9;
    snprintf(grouped, sizeof grouped, "build/gqa-%.0f", now);
    snprintf(repeated, sizeof repeated, "build/gqa-%.0f-repeated", now);
    write_model(grouped, 0);
    write_model(repeated, 1);
}

static void remove_models(void)
{
    remove_model(grouped);
    remove_model(repeated);
}

static gm_answer *answer(const char *model, const char *backend, int no_kv_cache)
{
    gm_error e = { "" };
    gm_model_options o = { .backend = backend, .clip = MINI "/clip" };
    gm_model *m = gm_model_open(model, &o, &e);
    must(m != NULL, &e);
    gm_image im;
    must(gm_image_read(&im, "golden/mini/cases/gcg.png", &e) == 0, &e);
    gm_session *s = gm_session_new(m, &im, &e);
    must(s != NULL, &e);
    gm_image_free(&im);
    gm_ask q = { .task = GM_PHRASE, .text = "<p> A circle </p> and <p> a ring </p>.", .forced = 1,
                 .max_new_tokens = 12, .no_kv_cache = no_kv_cache };
    gm_answer *a = gm_session_ask(s, &q, &e);
    must(a != NULL, &e);
    gm_session_free(s);
    gm_model_free(m);
    return a;
}

START_TEST(grouped_heads_equal_repeated_rows)
{
    const char *backend = _i & 1 ? "cpu" : "ref";
    gm_answer *a = answer(grouped, backend, _i & 2), *b = answer(repeated, backend, 0);
    ck_assert_int_eq(a->nids, b->nids);
    for (int64_t i = 0; i < a->nids; i++) ck_assert_int_eq(a->ids[i], b->ids[i]);
    ck_assert_int_eq(a->nmasks, 2);
    ck_assert_int_eq(b->nmasks, 2);
    for (int64_t k = 0; k < 2; k++)
        for (int64_t i = 0; i < a->width * a->height; i++)
            ck_assert_float_eq_tol(a->mask[k].logits[i], b->mask[k].logits[i], 1e-5f);
    gm_answer_free(a);
    gm_answer_free(b);
}
END_TEST

Suite *test_gqa(void);
Suite *test_gqa(void)
{
    Suite *s = suite_create("gqa");
    TCase *t = tcase_create("gqa");
    tcase_set_timeout(t, 60);
    tcase_add_checked_fixture(t, make_models, remove_models);
    tcase_add_loop_test(t, grouped_heads_equal_repeated_rows, 0, 4);
    suite_add_tcase(s, t);
    return s;
}
