/* METEOR against the original's classes, on small word lists of our own; damaged lists. */
#include <check.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "../eval/meteor.h"
#include "../eval/meteor_parts.h"
#include "../io/os.h"
#include "program.h"

#define LISTS "golden/eval_meteor"
#define DIR "build/tests/meteor"

/* The golden's captions; text lives as long as file. */
static gm_caption *captions(json_t *file, int64_t *n)
{
    json_t *list = json_object_get(file, "captions");
    *n = (int64_t)json_array_size(list);
    gm_caption *c = calloc((size_t)*n + 1, sizeof *c);
    for (int64_t i = 0; i < *n; i++) {
        json_t *one = json_array_get(list, (size_t)i), *truth = json_array_get(one, 1);
        const char **texts = calloc(json_array_size(truth) + 1, sizeof *texts);
        c[i] = (gm_caption){ json_string_value(json_array_get(one, 0)), texts,
                             (int64_t)json_array_size(truth) };
        for (size_t k = 0; k < json_array_size(truth); k++)
            texts[k] = json_string_value(json_array_get(truth, k));
    }
    return c;
}

static void free_captions(gm_caption *c, int64_t n)
{
    for (int64_t i = 0; i < n; i++) free((void *)c[i].truth);
    free(c);
}

static void check_scores(const char *folder, const char *key)
{
    json_t *file = json_load_file(LISTS "/expected.json", 0, NULL);
    json_t *want = json_object_get(file, key), *list = json_object_get(want, "each");
    int64_t n;
    gm_caption *c = captions(file, &n);
    double corpus, *each = malloc((size_t)n * sizeof *each);
    gm_error e = { "" };
    ck_assert_int_ge(n, 250);
    ck_assert_msg(gm_meteor(&corpus, each, c, n, folder, &e) == 0, "%s", e.text);
    for (int64_t i = 0; i < n; i++) {
        double one = json_number_value(json_array_get(list, (size_t)i));
        ck_assert_msg(fabs(each[i] - one) < 1e-12, "%s: %s: %.17g, wanted %.17g", key, c[i].found,
                      each[i], one);
    }
    ck_assert_double_eq_tol(corpus, json_number_value(json_object_get(want, "corpus")), 1e-12);
    free(each);
    free_captions(c, n);
    json_decref(file);
}

START_TEST(all_matchers) { check_scores(LISTS, "full"); }
END_TEST

START_TEST(exact_and_stem_alone) { check_scores(NULL, "es"); }
END_TEST

/* Cut by the original's normaliser (edu.cmu.meteor.util.Normalizer of the jar). */
START_TEST(words_as_the_jar_cuts_them)
{
    static const char *const list[][2] = {
        { "a man's u.s. hat... x", "a man 's us hat ... x" },
        { "-lrb- x -rrb- o'clock 'til 90's", "-lrb- x -rrb- o 'clock ' til 90 's" },
        { "mr. smith Mr. S. x. Y end.", "mr. smith mr. s. x . y end ." },
        { "i.e. no. 5 no. five no. Six", "ie no. 5 no. five no . six" },
        { "a,b,c 5,a 5,000 a,5", "a , b,c 5 , a 5,000 a , 5" },
        { "a-b-c black-and-white", "a b-c black and white" },
        { "'' \xe2\x80\x9cx\xe2\x80\x9d \xe2\x80\x93 --", "\" \" x \" - -" },
        { "  \x01 \xc2\xa0 ", "" },
    };
    gm_meteor_lists l;
    gm_error e = { "" };
    ck_assert_msg(gm_meteor_lists_read(&l, LISTS, &e) == 0, "%s", e.text);
    for (size_t i = 0; i < sizeof list / sizeof *list; i++) {
        char *got = gm_meteor_normal(list[i][0], &l);
        ck_assert_str_eq(got, list[i][1]);
        free(got);
    }
    gm_meteor_lists_free(&l);
}
END_TEST

/* The lists with one file changed by a command; what the error says. */
static void refuses(const char *command, const char *wanted)
{
    const char *truth = "a man";
    const gm_caption c = { "a man", &truth, 1 };
    gm_error e = { "" };
    double corpus;
    shell("rm -rf %s && cp -r %s %s && chmod -R u+w %s", DIR, LISTS, DIR, DIR);
    ck_assert_int_eq(shell("cd %s && %s", DIR, command), 0);
    ck_assert_int_eq(gm_meteor(&corpus, NULL, &c, 1, DIR, &e), -1);
    ck_assert_msg(strstr(e.text, wanted) != NULL, "%s: %s", command, e.text);
}

START_TEST(damaged_files)
{
    gm_error e = { "" };
    clean_output();
    ck_assert_int_eq(gm_make_dir("build/tests", &e), 0);
    refuses("true; rm meteor-1.5.jar", "meteor-1.5.jar");
    refuses("rm data/paraphrase-en.gz", "paraphrase-en.gz: cannot be opened");
    refuses("head -c 700 meteor-1.5.jar > x; mv x meteor-1.5.jar", "without its directory");
    refuses("printf x > meteor-1.5.jar", "without its directory");
    /* inside the first packed entry */
    refuses("printf '\\377\\377\\377' | dd of=meteor-1.5.jar bs=1 seek=190 conv=notrunc",
            "the packed bytes are damaged");
    refuses("head -c 200 data/paraphrase-en.gz > x; mv x data/paraphrase-en.gz",
            "damaged or cut off");
    refuses("printf '\\1' | dd of=data/paraphrase-en.gz bs=1 seek=100 conv=notrunc", "damaged");
    refuses("printf '0.5\\na\\n' > data/paraphrase-en.gz", "wanted groups of three lines, found 2");
    refuses(": > data/paraphrase-en.gz", "wanted groups of three lines, found 0");
}
END_TEST

START_TEST(damaged_lists)
{
    gm_meteor_lists l = { 0 };
    gm_error e = { "" };
    ck_assert_int_eq(gm_meteor_read_synsets(&l, gm_copy_text("a\n1 2\nb\n"), "S", &e), -1);
    ck_assert_str_eq(e.text, "S: wanted numbers of synsets behind the word b");
    e.text[0] = 0;
    ck_assert_int_eq(gm_meteor_read_synsets(&l, gm_copy_text("a\n1 x\n"), "S", &e), -1);
    e.text[0] = 0;
    ck_assert_int_eq(gm_meteor_read_exceptions(&l, "a\nb\nc", "X", &e), -1);
    ck_assert_str_eq(e.text, "X: ends behind the word c, without its forms");
    ck_assert_int_eq(gm_meteor_read_synsets(&l, gm_copy_text(""), "S", &e), 0);
    gm_meteor_lists_free(&l);
}
END_TEST

Suite *test_eval_meteor(void)
{
    Suite *s = suite_create("eval meteor");
    TCase *t = tcase_create("eval meteor");
    tcase_set_timeout(t, 60);
    tcase_add_test(t, all_matchers);
    tcase_add_test(t, exact_and_stem_alone);
    tcase_add_test(t, words_as_the_jar_cuts_them);
    tcase_add_test(t, damaged_files);
    tcase_add_test(t, damaged_lists);
    suite_add_tcase(s, t);
    return s;
}
