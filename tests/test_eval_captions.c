/* Tokens and caption metrics against pycocoevalcap (golden/make_eval_captions.py). */
#include <check.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "../eval/captions.h"
#include "../eval/ptb.h"
#include "vectors.h"

static json_t *golden(const char *key, json_t **root)
{
    *root = json_load_file("golden/eval_captions.json", 0, NULL);
    json_t *list = json_object_get(*root, key);
    ck_assert_uint_ge(json_array_size(list), 4);
    return list;
}

static const char *text(json_t *list, size_t i, size_t k)
{
    return json_string_value(json_array_get(json_array_get(list, i), k));
}

START_TEST(tokens)
{
    json_t *root, *list = golden("tokens", &root);
    size_t n = json_array_size(list);
    ck_assert_uint_ge(n, 350);
    for (size_t i = 0; i < n; i++) {
        size_t k = i + 1;
        while (k < n && !text(list, k, 0)[strspn(text(list, k, 0), " ")]) k++;
        char *got = gm_ptb_tokens(text(list, i, 0), k < n ? text(list, k, 0) : NULL, NULL);
        ck_assert_ptr_nonnull(got);
        ck_assert_msg(!strcmp(got, text(list, i, 1)), "%s\n got: %s\nwant: %s", text(list, i, 0),
                      got, text(list, i, 1));
        free(got);
    }
    json_decref(root);
}
END_TEST

/* Bytes that are no UTF-8 and line ends separate words; what follows is seen, but not cut. */
START_TEST(odd_bytes)
{
    static const char *const list[][3] = {
        { "a\xFF" "b \xE2\x82", NULL, "a b" }, { "a\nb\r\nc", NULL, "a b c" }, { "", NULL, "" },
        { "'", "x", "" }, { "the letter A.", "The man", "the letter a" },
        { "the letter A.", "the man", "the letter a." },
        { "the letter A.", "A", "the letter a" }, { "\xC2\xAD", NULL, "" }, { "<", NULL, "<" },
        { "&", NULL, "&" }, { "'tis", NULL, "'t is" }
    };
    for (size_t i = 0; i < sizeof list / sizeof *list; i++) {
        char *got = gm_ptb_tokens(list[i][0], list[i][1], NULL);
        ck_assert_str_eq(got, list[i][2]);
        free(got);
    }
}
END_TEST

/* Every pair and triple of characters that rules look for: no crash, and the end is reached. */
START_TEST(all_short_texts)
{
    static const char set[] = "aN1.,-'\"&<>()@#$/:;=_\\* \xC3\xA9\xE2\x80\x99";
    char s[9] = "";
    for (size_t i = 0; i < sizeof set - 1; i++)
        for (size_t j = 0; j < sizeof set - 1; j++)
            for (size_t k = 0; k < sizeof set - 1; k++) {
                s[0] = set[i];
                s[1] = set[j];
                s[2] = set[k];
                memcpy(s + 3, s, 3);
                char *got = gm_ptb_tokens(s, NULL, NULL);
                ck_assert_ptr_nonnull(got);
                free(got);
            }
}
END_TEST

static void near(const char *what, size_t image, double got, double want)
{
    ck_assert_msg(fabs(got - want) < 1e-11, "%s, image %zu: %.17g, wanted %.17g", what, image, got,
                  want);
}

static void check_set(json_t *set)
{
    json_t *found = json_object_get(set, "found"), *truth = json_object_get(set, "truth"), *want;
    size_t n = json_array_size(found), i;
    gm_caption *c = calloc(n, sizeof *c);
    double bleu[GM_BLEU_MOST], rouge, cider, *each = calloc(n * (GM_BLEU_MOST + 2), sizeof *each);
    ck_assert(c && each);
    for (i = 0; i < n; i++) {
        size_t refs = json_array_size(json_array_get(truth, i));
        const char **list = calloc(refs, sizeof *list);
        ck_assert_ptr_nonnull(list);
        for (size_t r = 0; r < refs; r++) list[r] = text(truth, i, r);
        c[i] = (gm_caption){ json_string_value(json_array_get(found, i)), list, (int64_t)refs };
    }
    double *rouges = each + n * GM_BLEU_MOST, *ciders = rouges + n;
    ck_assert_int_eq(gm_bleu(bleu, each, c, (int64_t)n, NULL), 0);
    ck_assert_int_eq(gm_rouge_l(&rouge, rouges, c, (int64_t)n, NULL), 0);
    ck_assert_int_eq(gm_cider(&cider, ciders, c, (int64_t)n, NULL), 0);
    for (size_t k = 0; k < GM_BLEU_MOST; k++)
        near("BLEU of all", k, bleu[k],
             json_real_value(json_array_get(json_object_get(set, "bleu"), k)));
    near("ROUGE of all", n, rouge, number_in(set, "rouge"));
    near("CIDEr of all", n, cider, number_in(set, "cider"));
    json_array_foreach(json_object_get(set, "each"), i, want) {
        for (size_t k = 0; k < GM_BLEU_MOST; k++)
            near("BLEU", i, each[i * GM_BLEU_MOST + k],
                 json_real_value(json_array_get(json_object_get(want, "bleu"), k)));
        near("ROUGE", i, rouges[i], number_in(want, "rouge"));
        near("CIDEr", i, ciders[i], number_in(want, "cider"));
        free((void *)c[i].truth);
    }
    free(c);
    free(each);
}

START_TEST(scores)
{
    json_t *root, *list = golden("sets", &root), *set;
    size_t i;
    json_array_foreach(list, i, set) check_set(set);
    json_decref(root);
}
END_TEST

START_TEST(no_images)
{
    double bleu[GM_BLEU_MOST] = { 1, 1, 1, 1 }, rouge = 1, cider = 1;
    ck_assert_int_eq(gm_bleu(bleu, NULL, NULL, 0, NULL), 0);
    ck_assert_int_eq(gm_rouge_l(&rouge, NULL, NULL, 0, NULL), 0);
    ck_assert_int_eq(gm_cider(&cider, NULL, NULL, 0, NULL), 0);
    ck_assert(bleu[0] == 0 && bleu[3] == 0 && rouge == 0 && cider == 0);
}
END_TEST

Suite *test_eval_captions(void)
{
    Suite *s = suite_create("eval captions");
    TCase *t = tcase_create("eval captions");
    tcase_set_timeout(t, 60);
    tcase_add_test(t, tokens);
    tcase_add_test(t, odd_bytes);
    tcase_add_test(t, all_short_texts);
    tcase_add_test(t, scores);
    tcase_add_test(t, no_images);
    suite_add_tcase(s, t);
    return s;
}
