/* Sets of expressions, captions and questions: golden/eval_sets against the authors' and
 * pycocoevalcap's code; what is wrong is named and counted. */
#include <check.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "../eval/caption_set.h"
#include "../eval/qa_set.h"
#include "../eval/refseg.h"
#include "../io/os.h"
#include "program.h"
#include "vectors.h"

#define SETS "golden/eval_sets"
#define DIR "build/tests/sets"

static void near(const char *what, double got, double want)
{
    ck_assert_msg(fabs(got - want) < 1e-9, "%s: %.17g, wanted %.17g", what, got, want);
}

static void set_up(void)
{
    gm_error e = { "" };
    clean_output();
    shell("rm -rf %s", DIR);
    ck_assert_msg(gm_make_dir(DIR "/found", &e) == 0, "%s", e.text);
}

static bool has_problem(const gm_texts *t, const char *words)
{
    for (int64_t i = 0; i < t->n; i++)
        if (strstr(t->text[i], words)) return true;
    return false;
}

/* ---- referring ---- */

static gm_predictions *score(gm_ref_set *s, gm_seg_sums *sums, const char *truth, const char *split,
                             const char *found, gm_ref_protocol protocol)
{
    gm_error e = { "" };
    ck_assert_msg(gm_ref_set_read(s, truth, split, &e) == 0, "%s", e.text);
    ck_assert_msg(gm_ref_choose(s, protocol, 5, &e) == 0, "%s", e.text);
    gm_predictions *p = gm_predictions_open(found, GM_REF_KEYS, &s->problems, &e);
    ck_assert_msg(p != NULL, "%s", e.text);
    ck_assert_msg(gm_ref_score(sums, s, p, &e) == 0, "%s", e.text);
    return p;
}

static void check_split(const char *truth, const char *split)
{
    json_t *all = load_vectors(SETS "/expected.json"), *want = json_object_get(all, split);
    gm_ref_set s;
    gm_seg_sums sums;
    gm_predictions *p = score(&s, &sums, truth, split, SETS "/refer_found", GM_REF_ALL);
    ck_assert_int_eq(s.asked, (int64_t)number_in(want, "n"));
    for (int64_t k = 0; k < s.n; k++) {
        const gm_expression *x = &s.expression[k];
        const json_t *one = json_object_get(json_object_get(want, "expressions"), x->id);
        near(x->id, (double)x->both, json_number_value(json_array_get(one, 0)));
        near(x->id, (double)x->either, json_number_value(json_array_get(one, 1)));
    }
    near("cIoU", gm_ciou(&sums), number_in(want, "ciou"));
    near("gIoU", gm_giou(&sums), number_in(want, "giou"));
    gm_predictions_free(p);
    gm_ref_set_free(&s);
    json_decref(all);
}

START_TEST(refer_masks)
{
    check_split(SETS "/refer", "val");
}
END_TEST

/* Polygons, parts of which overlap; testA is looked for inside "testAB" too, as REFER does. */
START_TEST(refer_polygons)
{
    check_split(SETS "/refer", "testA");
}
END_TEST

/* Python 2 wrote protocol 0; its pickle alone in the folder is taken whatever its name. */
START_TEST(refer_protocol_0)
{
    set_up();
    ck_assert_int_eq(shell("mkdir %s/refer && cp %s/refer/instances.json '%s/refer/refs(zero).p' "
                           "%s/refer/", DIR, SETS, SETS, DIR), 0);
    check_split(DIR "/refer", "val");
}
END_TEST

/* Three of each image that has more, the same ones for the same seed; of their sums the scores. */
START_TEST(the_released_draw)
{
    gm_ref_set s, again;
    gm_seg_sums sums, all;
    gm_predictions *p =
        score(&s, &sums, SETS "/refer", "val", SETS "/refer_found", GM_REF_RELEASED);
    gm_predictions *q = score(&again, &all, SETS "/refer", "val", SETS "/refer_found", GM_REF_ALL);
    int64_t both = 0, either = 0, drawn = 0;
    for (int64_t i = 0; i < s.nimages; i++) {
        const gm_ref_image *m = &s.image[i];
        ck_assert_int_eq(m->nasked, m->n < 3 ? m->n : 3);
        drawn += m->n > 3;
        for (int64_t k = 0; k < m->nasked; k++) {
            for (int64_t l = 0; l < k; l++) ck_assert_int_ne(m->asked[k], m->asked[l]);
            ck_assert_int_eq(s.expression[m->asked[k]].image, i);
            both += again.expression[m->asked[k]].both;
            either += again.expression[m->asked[k]].either;
        }
    }
    ck_assert_int_gt(drawn, 0);
    ck_assert(sums.both == both && sums.either == either && sums.n == s.asked);
    ck_assert_int_lt(s.asked, again.asked);
    gm_predictions_free(p);
    gm_predictions_free(q);
    gm_ref_set_free(&s);
    gm_ref_set_free(&again);
}
END_TEST

#define FULL "{\"size\":[2,3],\"counts\":\"06\"}"
#define LEFT "{\"size\":[2,3],\"counts\":\"024\"}"          /* the first column */

/* A list of expressions, and one prediction for each. */
START_TEST(a_list_of_expressions)
{
    gm_ref_set s;
    gm_seg_sums sums;
    set_up();
    write_file(DIR, "truth.json",
               "[{\"id\":1,\"image\":\"a.png\",\"expression\":\"x\",\"segmentation\":" FULL "},"
               "{\"id\":2,\"image\":\"a.png\",\"expression\":\"y\",\"segmentation\":{\"size\":[2,"
               "3],\"counts\":[0,2,4]}},"
               "{\"id\":3,\"image\":\"b/c.png\",\"expression\":\"z\",\"segmentation\":[" FULL ","
               LEFT "]},"
               "{\"id\":4,\"image\":\"b/c.png\",\"expression\":\"z\",\"segmentation\":" FULL "},"
               "{\"id\":5,\"image\":\"b/c.png\",\"expression\":\"z\",\"segmentation\":" FULL "}]");
    write_file(DIR, "found.jsonl",
               "{\"sent_id\":1,\"segmentation\":" LEFT "}\n{\"sent_id\":2,\"segmentation\":" LEFT
               "}\n{\"sent_id\":2,\"segmentation\":" FULL "}\n\n{\"sent_id\":3,\"segmentation\":"
               FULL
               "}\n{\"sent_id\":9,\"segmentation\":" FULL
               "}\n{\"sent_id\":4,\"segmentation\":{\"size\":[3,2],\"counts\":\"06\"}}\n{"
               "\"sent_id\":5,\"segm");
    gm_predictions *p = score(&s, &sums, DIR "/truth.json", "val", DIR "/found.jsonl", GM_REF_ALL);
    /* 2 of 6, 2 of 2, 4 of 6 (the first column is covered twice), 0 of 6, 0 of 6 */
    ck_assert_int_eq(sums.both, 2 + 2 + 4);
    ck_assert_int_eq(sums.either, 6 + 2 + 6 + 6 + 6);
    ck_assert(s.missing == 2 && s.extra == 1 && s.nimages == 2);
    ck_assert(has_problem(&s.problems, "a second prediction for 2"));
    ck_assert(has_problem(&s.problems, "expression 4: wanted a mask of 3 x 2 pixels, found 2 x 3"));
    ck_assert(has_problem(&s.problems, "expression 5: no mask"));
    ck_assert(has_problem(&s.problems, "found.jsonl: not valid JSON: the file ends at byte"));
    ck_assert_int_eq(s.problems.n, 4);
    gm_predictions_free(p);
    gm_ref_set_free(&s);
}
END_TEST

START_TEST(broken_referring_truth)
{
    static const char *const list[][2] = {
        { "{}", "no expression in it" },
        { "[]", "no expression in it" },
        { "[{\"id\":1}]", "expression 0: wanted id, image, expression and segmentation" },
        { "{\"x\":[{\"id\":1}]}", "wanted a list of expressions" },
        { "[{\"id\":1,\"image\":\"a\",\"expression\":\"x\",\"segmentation\":{}},{\"id\":1,"
          "\"image\":\"a\",\"expression\":\"x\",\"segmentation\":{}}]",
          "expression 1 is there twice" },
        { "[{\"id\":1,\"image\":\"a\",\"expression\":\"x\",\"segmentation\":{\"size\":[2,2],"
          "\"counts\":[3]}}]", "wanted runs that add up to 2 x 2 pixels" },
        { "[{\"id\":1,\"image\":\"a\",\"expression\":\"x\",\"segmentation\":[]}]",
          "wanted the image's height and width" },
        { "[{\"id\":1,\"image\":\"a\",\"expression\":\"x\",\"segmentation\":[" FULL
          ",{\"size\":[3,2],\"counts\":\"06\"}]}]", "wanted a mask of 3 x 2 pixels" },
        { "[{\"id\":1,", "the file ends at byte 9" },
        { "[{\"id\":1,\"image\":\"a\",\"expression\":\"x\",\"segmentation\":[[1,2,3,4,5,6]]}]",
          "a polygon without the image's height and width" },
        { "[{\"id\":1,\"image\":\"a\",\"expression\":\"x\",\"height\":4,\"width\":4,"
          "\"segmentation\":[[1,2,3,4,5]]}]", "wanted x and y in turn" },
        { "{\"x\":[]]", "byte 7: wanted a comma or the end of the object, found ']'" },
    };
    set_up();
    write_file(DIR, "found.json", "[]");
    for (size_t i = 0; i < sizeof list / sizeof *list; i++) {
        write_file(DIR, "truth.json", list[i][0]);
        ck_assert_int_eq(shell("$G eval refseg --truth %s/truth.json --pred %s/found.json", DIR,
                               DIR), 1);
        ck_assert_msg(strstr(complained(), list[i][1]), "case %zu: %s", i, complained());
        ck_assert_str_eq(said(), "");
    }
    ck_assert_int_eq(shell("$G eval refseg --truth %s/refer --split train --pred %s/refer_found",
                           SETS, SETS), 1);
    ck_assert(strstr(complained(), "refs(unc).p: no expression of split train"));
    shell("mkdir %s/r && cp %s/refer/instances.json %s/r/", DIR, SETS, DIR);
    ck_assert_int_eq(shell("$G eval refseg --truth %s/r --pred %s/refer_found", DIR, SETS), 1);
    ck_assert(strstr(complained(), "wanted refs(unc).p, refs(umd).p or one other refs(...).p, "
                                   "found 0"));
    write_file(DIR, "r/refs(unc).p", "(lp0\ncos\nsystem\n(S'x'\ntR.");
    ck_assert_int_eq(shell("$G eval refseg --truth %s/r --pred %s/refer_found", DIR, SETS), 1);
    ck_assert_msg(strstr(complained(), "refuses the global os.system"), "%s", complained());
}
END_TEST

/* ---- captions ---- */

START_TEST(regions)
{
    json_t *all = load_vectors(SETS "/expected.json"), *want = json_object_get(all, "region");
    json_t *caption = json_object_get(want, "caption");
    static const char *const bleu[] = { "Bleu_1", "Bleu_2", "Bleu_3", "Bleu_4" };
    gm_caption_set s;
    gm_error e = { "" };
    ck_assert_msg(gm_caption_set_read(&s, SETS "/region.json", true, &e) == 0, "%s", e.text);
    gm_predictions *p =
        gm_predictions_open(SETS "/region_found", GM_CAPTION_KEYS, &s.problems, &e);
    ck_assert_msg(p && gm_caption_set_score(&s, p, &e) == 0, "%s", e.text);
    ck_assert(s.n == 20 && s.missing == 0 && s.extra == 0 && s.problems.n == 0);
    for (int k = 0; k < GM_BLEU_MOST; k++) near(bleu[k], s.all.bleu[k], number_in(caption, bleu[k]));
    near("ROUGE", s.all.rouge, number_in(caption, "ROUGE_L"));
    near("CIDEr", s.all.cider, number_in(caption, "CIDEr"));
    for (int64_t i = 0; i < s.n; i++) {
        const json_t *one = json_object_get(json_object_get(want, "each"), s.item[i].id);
        near(s.item[i].id, s.each[i].cider, number_in(one, "CIDEr"));
        near(s.item[i].id, s.each[i].bleu[3], number_in(one, "Bleu_4"));
        near(s.item[i].id, s.item[i].box[2], 31);
    }
    gm_predictions_free(p);
    gm_caption_set_free(&s);
    json_decref(all);
}
END_TEST

START_TEST(captions_of_images)
{
    gm_caption_set s;
    gm_error e = { "" };
    set_up();
    write_file(DIR, "truth.json",
               "{\"annotations\":[{\"id\":1,\"image_id\":7,\"caption\":\"a cat\"},{\"id\":2,"
               "\"image_id\":7,\"caption\":\"one cat\"},{\"id\":3,\"image_id\":8,\"caption\":\"a "
               "dog\"}],\"info\":{\"a\":[[1]]},\"images\":[{\"id\":7,\"file_name\":\"7.png\"},{"
               "\"id\":8}]}");
    write_file(DIR, "found/merged.json", "[{\"image_id\":8,\"caption\":\"no\"}]");
    write_file(DIR, "found/a.json",
               "[{\"image_id\":7,\"caption\":\"one cat\"},{\"caption\":\"x\"}]");
    write_file(DIR, "found/8.json", "{\"caption\":3}");
    ck_assert_msg(gm_caption_set_read(&s, DIR "/truth.json", false, &e) == 0, "%s", e.text);
    gm_predictions *p = gm_predictions_open(DIR "/found", GM_CAPTION_KEYS, &s.problems, &e);
    ck_assert_msg(p && gm_caption_set_score(&s, p, &e) == 0, "%s", e.text);
    ck_assert(s.n == 2 && s.missing == 1 && s.extra == 0);
    ck_assert_str_eq(s.item[0].file, "7.png");
    ck_assert_int_eq(s.item[0].captions.n, 2);
    near("ROUGE", s.each[0].rouge, 1);
    near("ROUGE", s.each[1].rouge, 0);
    ck_assert(has_problem(&s.problems, "merged.json: left out"));
    ck_assert(has_problem(&s.problems, "a.json: element 1: wanted an object with"));
    ck_assert(has_problem(&s.problems, "8.json: wanted a caption"));
    gm_predictions_free(p);
    gm_caption_set_free(&s);
    ck_assert_int_eq(shell("$G eval caption --truth %s/truth.json --pred %s/found --strict", DIR,
                           DIR), 1);
    ck_assert_str_eq(said(), "");
    ck_assert(strstr(complained(), "stopped, for --strict"));
}
END_TEST

/* ---- questions ---- */

START_TEST(answers_compared)
{
    ck_assert(gm_answer_exact(" Two.\n", "Two."));
    ck_assert(!gm_answer_exact("two.", "Two."));
    ck_assert(gm_texts_same(" A  red\nring .", "a red ring."));
    ck_assert(gm_texts_same("a , b.c", "a,b . C "));
    ck_assert(gm_texts_same("", " \t"));
    ck_assert(!gm_texts_same("a red ring", "a red ring."));
    ck_assert(!gm_texts_same("a redring", "a red ring"));
    ck_assert(!gm_texts_same("a red ring", "a red rings"));
    ck_assert(!gm_texts_same("a red", "a red ring"));
    ck_assert(gm_answer_relaxed("two", "Two."));
    ck_assert(gm_answer_relaxed("It is , red", "it is, red!"));
    ck_assert(!gm_answer_relaxed("two", "Twos"));
    ck_assert(!gm_answer_relaxed("", "two"));
    ck_assert(gm_answer_relaxed("", "."));
}
END_TEST

START_TEST(conversations)
{
    gm_qa_set s;
    gm_error e = { "" };
    set_up();
    write_file(DIR, "truth.json",
               "[{\"id\":\"a\",\"image\":\"a.png\",\"conversations\":[{\"from\":\"human\","
               "\"value\":\"<image>\\nHow many?\"},{\"from\":\"gpt\",\"value\":\"Two.\"},"
               "{\"from\":\"human\",\"value\":\"Red?\"},{\"from\":\"gpt\",\"value\":\"Yes.\"}]},"
               "{\"id\":\"b\",\"image\":\"b.png\",\"conversations\":[{\"from\":\"human\","
               "\"value\":\"Why?\\n<image>\"},{\"from\":\"gpt\",\"value\":\"So.\"}]}]");
    write_file(DIR, "found.jsonl",
               "{\"question_id\":\"a-1\",\"text\":\"Two.\"}\n{\"question_id\":\"a-2\",\"text\":"
               "\"yes\"}\n{\"question_id\":\"z\",\"text\":\"yes\"}\n");
    ck_assert_msg(gm_qa_set_read(&s, DIR "/truth.json", true, &e) == 0, "%s", e.text);
    ck_assert_int_eq(s.n, 3);
    ck_assert_str_eq(s.item[0].question, "How many?");
    ck_assert_str_eq(s.item[2].question, "Why?");
    ck_assert_str_eq(s.item[2].id, "b");
    gm_predictions *p = gm_predictions_open(DIR "/found.jsonl", GM_QA_KEYS, &s.problems, &e);
    ck_assert_msg(p && gm_qa_set_score(&s, p, &e) == 0, "%s", e.text);
    ck_assert(s.exact == 1 && s.relaxed == 2 && s.missing == 1 && s.extra == 1);
    ck_assert(has_problem(&s.problems, "b: no answer"));
    gm_predictions_free(p);
    gm_qa_set_free(&s);
    ck_assert_int_eq(shell("$G eval vqa --truth %s/truth.json --pred %s/found.jsonl --csv "
                           "%s/out.csv", DIR, DIR, DIR), 0);
    ck_assert(strstr(said(), "exact            33.3\nrelaxed          66.7\n"));
    ck_assert(strstr(complained(), "1 predictions of other questions, such as z"));
    ck_assert_int_eq(shell("cat %s/out.csv", DIR), 0);
    ck_assert_str_eq(said(), "id,exact,relaxed,found,truth\n\"a-1\",1,1,\"Two.\",\"Two.\"\n"
                             "\"a-2\",0,1,\"yes\",\"Yes.\"\n\"b\",0,0,\"\",\"So.\"\n");
}
END_TEST

Suite *test_eval_sets(void)
{
    Suite *s = suite_create("eval sets");
    TCase *t = tcase_create("eval sets");
    tcase_set_timeout(t, 60);
    tcase_add_test(t, refer_masks);
    tcase_add_test(t, refer_polygons);
    tcase_add_test(t, refer_protocol_0);
    tcase_add_test(t, the_released_draw);
    tcase_add_test(t, a_list_of_expressions);
    tcase_add_test(t, broken_referring_truth);
    tcase_add_test(t, regions);
    tcase_add_test(t, captions_of_images);
    tcase_add_test(t, answers_compared);
    tcase_add_test(t, conversations);
    suite_add_tcase(s, t);
    return s;
}
