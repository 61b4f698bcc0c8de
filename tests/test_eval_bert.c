/* BERT's tokens and vectors against transformers, mask recall against the authors' rules. */
#include <check.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "../eval/gcg.h"
#include "../eval/text_recall.h"
#include "../eval/wordpiece.h"
#include "../io/os.h"
#include "program.h"

#define GOLDEN "golden/eval_bert"
#define DIR "build/tests/bert"

static json_t *golden(const char *key)
{
    json_t *file = json_load_file(GOLDEN "/expected.json", 0, NULL);
    json_t *value = json_incref(json_object_get(file, key));
    ck_assert(value != NULL);
    json_decref(file);
    return value;
}

static double at(json_t *list, size_t i)
{
    return json_number_value(json_array_get(list, i));
}

START_TEST(tokens)
{
    json_t *texts = golden("texts"), *ids = golden("ids");
    gm_error e = { "" };
    gm_wordpiece *w = gm_wordpiece_open(GOLDEN "/model/vocab.txt", &e);
    ck_assert_msg(w != NULL, "%s", e.text);
    ck_assert_int_ge((int64_t)json_array_size(texts), 20);
    for (size_t i = 0; i < json_array_size(texts); i++) {
        const char *text = json_string_value(json_array_get(texts, i));
        json_t *want = json_array_get(ids, i);
        int64_t n;
        int32_t *got = gm_wordpiece_ids(w, text, 128, &n);
        ck_assert_msg(n == (int64_t)json_array_size(want), "%s: %lld ids, wanted %zu", text,
                      (long long)n, json_array_size(want));
        for (int64_t k = 0; k < n; k++)
            ck_assert_msg(got[k] == (int32_t)at(want, (size_t)k), "%s: id %lld: %d", text,
                          (long long)k, got[k]);
        free(got);
    }
    gm_wordpiece_free(w);
    json_decref(texts);
    json_decref(ids);
}
END_TEST

START_TEST(not_utf8_counts_as_nothing)
{
    gm_error e = { "" };
    gm_wordpiece *w = gm_wordpiece_open(GOLDEN "/model/vocab.txt", &e);
    int64_t n, m;
    int32_t *a = gm_wordpiece_ids(w, "r\xff\xc3" "ed \xed\xa0\x80", 9, &n);
    int32_t *b = gm_wordpiece_ids(w, "red", 9, &m);
    ck_assert(n == m && memcmp(a, b, (size_t)n * sizeof *a) == 0);
    free(a);
    free(b);
    a = gm_wordpiece_ids(w, "red red red", 2, &n);
    ck_assert_int_eq(n, 2);
    free(a);
    gm_wordpiece_free(w);
}
END_TEST

/* All texts in one call (batches of one length), then one alone. */
static void check_vectors(const char *folder)
{
    json_t *texts = golden("texts"), *vectors = golden("vectors"), *cosine = golden("cosine");
    gm_error e = { "" };
    gm_bert *b = gm_bert_open(folder, &e);
    ck_assert_msg(b != NULL, "%s", e.text);
    size_t n = json_array_size(texts), C = (size_t)gm_bert_width(b);
    const char **text = calloc(n, sizeof *text);
    float *y = malloc(n * C * sizeof *y), *one = malloc(C * sizeof *one);
    for (size_t i = 0; i < n; i++) text[i] = json_string_value(json_array_get(texts, i));
    ck_assert_msg(gm_bert_embed(y, b, text, (int64_t)n, &e) == 0, "%s", e.text);
    ck_assert_msg(gm_bert_embed(one, b, text + 6, 1, &e) == 0, "%s", e.text);
    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; k < C; k++)
            ck_assert_float_eq_tol(y[i * C + k], at(json_array_get(vectors, i), k), 1e-5);
        for (size_t j = 0; j < n; j++)
            ck_assert_double_eq_tol(gm_cosine(y + i * C, y + j * C, (int64_t)C),
                                    at(json_array_get(cosine, i), j), 1e-5);
    }
    for (size_t k = 0; k < C; k++) ck_assert_float_eq_tol(one[k], y[6 * C + k], 1e-5);
    free(text);
    free(y);
    free(one);
    gm_bert_free(b);
    json_decref(texts);
    json_decref(vectors);
    json_decref(cosine);
}

START_TEST(vectors_from_safetensors) { check_vectors(GOLDEN "/model"); }
END_TEST

/* "bert." before names, gamma and beta, float16. */
START_TEST(vectors_from_an_old_file) { check_vectors(GOLDEN "/old"); }
END_TEST

START_TEST(a_zero_vector_is_like_nothing)
{
    const float zero[2] = { 0, 0 }, x[2] = { 3, 4 }, y[2] = { 4, 3 };
    ck_assert_double_eq(gm_cosine(zero, x, 2), 0);
    ck_assert_double_eq_tol(gm_cosine(x, y, 2), 24. / 25, 1e-15);
}
END_TEST

/* golden/eval by the small BERT, in both modes; the two differ. */
START_TEST(recall_of_the_golden_set)
{
    static const char *const keys[] = { "image_id", NULL }, *const mode[] = { "released", "paper" };
    json_t *want = golden("recall"), *each = json_object_get(want, "each");
    gm_error e = { "" };
    gm_gcg g;
    gm_gcg_scores s;
    gm_bert *b = gm_bert_open(GOLDEN "/model", &e);
    ck_assert_msg(b && gm_gcg_read(&g, "golden/eval", "val", &e) == 0, "%s", e.text);
    gm_predictions *p = gm_predictions_open("golden/eval/predictions", keys, &g.problems, &e);
    ck_assert_msg(p && gm_gcg_score(&s, &g, p, &e) == 0, "%s", e.text);
    ck_assert(isnan(s.recall[0]) && isnan(s.recall[1]));
    ck_assert_msg(gm_gcg_recall(&s, &g, b, &e) == 0, "%s", e.text);
    for (size_t k = 0; k < 2; k++) {
        ck_assert_double_eq(s.recall[k], json_number_value(json_object_get(want, mode[k])));
        for (int64_t i = 0; i < g.captioned; i++)
            ck_assert_int_eq(s.each_found[k][i], at(json_object_get(each, g.image[i].id), k));
    }
    ck_assert(s.recall[0] != s.recall[1]);
    gm_gcg_scores_free(&s);
    gm_predictions_free(p);
    gm_gcg_free(&g);
    gm_bert_free(b);
    json_decref(want);
}
END_TEST

/* Masks of two sizes, no label, no phrase, no image. */
START_TEST(recall_of_nothing)
{
    const char *label[] = { "a red circle" };
    gm_recall_texts m[2] = { { .iou = NULL, .label = label, .T = 1, .F = 1, .L = 1 },
                             { .iou = (const double[]){ 1 }, .T = 1, .F = 1 } };
    gm_error e = { "" };
    gm_bert *b = gm_bert_open(GOLDEN "/model", &e);
    double recall;
    int64_t found[2], outside;
    ck_assert_int_eq(gm_text_recall(&recall, found, &outside, m, 2, b, GM_RECALL_RELEASED, &e), 0);
    ck_assert(recall == 0 && found[0] == 0 && found[1] == 0 && outside == 1);
    ck_assert_int_eq(gm_text_recall(&recall, NULL, NULL, m, 0, b, GM_RECALL_PAPER, &e), 0);
    ck_assert_double_eq(recall, 0);
    gm_bert_free(b);
}
END_TEST

static void refuses(const char *command, const char *wanted)
{
    gm_error e = { "" };
    shell("rm -rf %s && cp -r %s/model %s && chmod -R u+w %s", DIR, GOLDEN, DIR, DIR);
    ck_assert_int_eq(shell("cd %s && %s", DIR, command), 0);
    ck_assert_ptr_null(gm_bert_open(DIR, &e));
    ck_assert_msg(strstr(e.text, wanted) != NULL, "%s: %s", command, e.text);
}

START_TEST(damaged_folders)
{
    gm_error e = { "" };
    clean_output();
    ck_assert_int_eq(gm_make_dir("build/tests", &e), 0);
    refuses("rm config.json", "config.json");
    refuses("echo '{}' > config.json", "wanted the sizes of a BERT");
    refuses("sed -i 's/\"gelu\"/\"relu\"/' config.json", "wanted hidden_act gelu");
    refuses("sed -i '/num_attention_heads/s/3/7/' config.json", "a multiple of");
    refuses("rm vocab.txt", "vocab.txt");
    refuses(": > vocab.txt", "vocab.txt");
    refuses("echo red >> vocab.txt", "line 204: the piece of line 9 again");
    refuses("echo more >> vocab.txt", "wanted 203 pieces, as config.json says, found 204");
    refuses("sed -i 's/\\[SEP\\]/x1/' vocab.txt", "there is no [SEP]");
    refuses("rm model.safetensors", "wanted model.safetensors or pytorch_model.bin");
    refuses("head -c 9000 model.safetensors > x; mv x model.safetensors", "model.safetensors");
    refuses("sed -i 's/encoder.layer.1.output.dense.bias/encoder.layer.1.output.dense.bia_/' "
            "model.safetensors", "no tensor encoder.layer.1.output.dense.bias");
    refuses("sed -i '/intermediate_size/s/40/41/' config.json",
            "intermediate.dense.weight: wanted 41 x 24, found (40, 24)");
}
END_TEST

Suite *test_eval_bert(void)
{
    Suite *s = suite_create("eval bert");
    TCase *t = tcase_create("eval bert");
    tcase_set_timeout(t, 60);
    tcase_add_test(t, tokens);
    tcase_add_test(t, not_utf8_counts_as_nothing);
    tcase_add_test(t, vectors_from_safetensors);
    tcase_add_test(t, vectors_from_an_old_file);
    tcase_add_test(t, a_zero_vector_is_like_nothing);
    tcase_add_test(t, recall_of_the_golden_set);
    tcase_add_test(t, recall_of_nothing);
    tcase_add_test(t, damaged_folders);
    suite_add_tcase(s, t);
    return s;
}
