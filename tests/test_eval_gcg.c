/* The authors' files scored: golden/eval against pycocotools and pycocoevalcap; what is wrong is
 * named. */
#include <check.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "../eval/gcg.h"
#include "../io/os.h"
#include "program.h"
#include "vectors.h"

#define DIR "build/tests/gcg"

static void near(const char *what, double got, double want)
{
    ck_assert_msg(fabs(got - want) < 1e-9, "%s: %.17g, wanted %.17g", what, got, want);
}

static const char *const KEYS[] = { "image_id", NULL };

static gm_predictions *score(gm_gcg *g, gm_gcg_scores *s, const char *truth, const char *found)
{
    gm_error e = { "" };
    ck_assert_msg(gm_gcg_read(g, truth, "val", &e) == 0, "%s", e.text);
    gm_predictions *p = gm_predictions_open(found, KEYS, &g->problems, &e);
    ck_assert_msg(p != NULL, "%s", e.text);
    ck_assert_msg(gm_gcg_score(s, g, p, &e) == 0, "%s", e.text);
    return p;
}

START_TEST(the_golden_set)
{
    json_t *want = json_load_file("golden/eval/expected.json", 0, NULL);
    json_t *caption = json_object_get(want, "caption");
    json_t *stats = json_object_get(want, "coco_stats");
    gm_gcg g;
    gm_gcg_scores s;
    gm_predictions *p = score(&g, &s, "golden/eval", "golden/eval/predictions");
    ck_assert_int_eq(g.captioned, 40);
    ck_assert(g.missing == 0 && g.extra == 0 && g.problems.n == 0);
    for (size_t i = 0; i < GM_AP_STATS; i++)
        near(GM_AP_NAMES[i], s.ap[i], json_real_value(json_array_get(stats, i)));
    double mean = 0;
    for (size_t i = 0; i < GM_AP_POINTS; i++) mean += s.curve50[i] / GM_AP_POINTS;
    near("the curve's mean", mean, s.ap[1]);
    near("BLEU 1", s.caption.bleu[0], number_in(caption, "Bleu_1"));
    near("BLEU 2", s.caption.bleu[1], number_in(caption, "Bleu_2"));
    near("BLEU 3", s.caption.bleu[2], number_in(caption, "Bleu_3"));
    near("BLEU 4", s.caption.bleu[3], number_in(caption, "Bleu_4"));
    near("ROUGE", s.caption.rouge, number_in(caption, "ROUGE_L"));
    near("CIDEr", s.caption.cider, number_in(caption, "CIDEr"));
    near("mIoU", s.miou, number_in(want, "miou"));
    for (int64_t i = 0; i < g.captioned; i++) {
        const char *id = g.image[i].id;
        json_t *one = json_object_get(json_object_get(want, "caption_per_image"), id);
        json_t *masks = json_object_get(json_object_get(want, "per_image"), id);
        near(id, s.each[i].bleu[3], number_in(one, "Bleu_4"));
        near(id, s.each[i].rouge, number_in(one, "ROUGE_L"));
        near(id, s.each[i].cider, number_in(one, "CIDEr"));
        near(id, s.each_miou[i], number_in(masks, "miou"));
        ck_assert_int_eq(g.image[i].labels.n, (int64_t)number_in(masks, "labels"));
    }
    gm_predictions_free(p);
    gm_gcg_scores_free(&s);
    gm_gcg_free(&g);
    json_decref(want);
}
END_TEST

#define IMAGES "\"images\":[{\"id\":10},{\"id\":9},{\"id\":8},{\"id\":7}]"
#define FULL "{\"size\":[2,3],\"counts\":\"06\"}"
#define TRUE_MASK                                                                                  \
    "{\"id\":1,\"image_id\":10,\"category_id\":1,\"segmentation\":" FULL                           \
    ",\"area\":6,\"iscrowd\":0}"
static const char MASKS[] = "{" IMAGES ",\"annotations\":[" TRUE_MASK "]}";
static const char CAPTIONS[] =
    "{" IMAGES ",\"annotations\":[{\"image_id\":10,\"caption\":\"a red dog\",\"labels\":[\"a red "
               "dog\"]},{\"image_id\":10,\"caption\":\"two\"},{\"image_id\":9,\"caption\":\"a "
               "cat\",\"labels\":[]},{\"image_id\":8,\"caption\":\"a "
               "hen\",\"labels\":[]},{\"image_id\":7,\"caption\":\"a cow\",\"labels\":[]}]}";
static const char GOOD[] =
    "{\"x\":{\"caption\":\"A red dog.\",\"phrases\":[\"dog\"],\"pred_masks\":[" FULL "]}}";

static void set_up(void)
{
    gm_error e = { "" };
    clean_output();
    shell("rm -rf %s", DIR);
    ck_assert_msg(gm_make_dir(DIR "/pred", &e) == 0, "%s", e.text);
    write_file(DIR, "val_gcg_coco_mask_gt.json", MASKS);
    write_file(DIR, "val_gcg_coco_caption_gt.json", CAPTIONS);
    write_file(DIR, "pred/10.json", GOOD);
    write_file(DIR, "pred/9.json", "{\"caption\":\"a c");
    write_file(DIR, "pred/8.json", "{\"caption\":\"a hen\",\"phrases\":[\"x\"],\"pred_masks\":[" FULL
               ",{\"size\":[2,3],\"counts\":\"05\"}]}");
    write_file(DIR, "pred/other.json", GOOD);
}

static bool has_problem(const gm_gcg *g, const char *words)
{
    for (int64_t i = 0; i < g->problems.n; i++)
        if (strstr(g->problems.text[i], words)) return true;
    return false;
}

/* A wrapped prediction counts; a truncated one, one with a broken mask and a missing one: all
 * named. */
START_TEST(broken_predictions)
{
    gm_gcg g;
    gm_gcg_scores s;
    set_up();
    gm_predictions *p = score(&g, &s, DIR, DIR "/pred");
    ck_assert_int_eq(g.captioned, 4);
    ck_assert_int_eq(g.missing, 3);
    ck_assert_int_eq(g.extra, 1);
    ck_assert_int_eq(g.problems.n, 3);
    ck_assert(has_problem(&g, "9.json: not valid JSON"));
    ck_assert(has_problem(&g, "8.json: mask: wanted runs that add up to 3 x 2"));
    ck_assert(has_problem(&g, "7.json: no prediction"));
    ck_assert_int_eq(g.image[g.order[0]].number, 7);            /* as numbers, not as texts */
    ck_assert_int_eq(g.image[g.order[3]].number, 10);
    ck_assert_int_eq(g.image[0].captions.n, 2);
    /* nothing of a broken file */
    ck_assert(g.image[2].nfound == 0 && g.image[2].phrases.n == 0);
    near("AP50", s.ap[1], 1);
    near("mIoU", s.miou, 0.25);
    near("ROUGE", s.each[0].rouge, 1);
    near("ROUGE", s.each[1].rouge, 0);
    gm_predictions_free(p);
    gm_gcg_scores_free(&s);
    gm_gcg_free(&g);
}
END_TEST

/* True masks as polygons, of an image whose size the mask file says. */
START_TEST(polygons)
{
    gm_gcg g;
    gm_gcg_scores s;
    set_up();
    write_file(DIR, "val_gcg_coco_mask_gt.json",
               "{\"images\":[{\"id\":10,\"height\":2,\"width\":3}],\"annotations\":[{\"id\":1,"
               "\"image_id\":10,\"segmentation\":[[0,0,2,0,2,2,0,2],[1,0,3,0,3,2,1,2]],\"area\":6,"
               "\"iscrowd\":0}]}");
    gm_predictions *p = score(&g, &s, DIR, DIR "/pred");
    near("AP50", s.ap[1], 1);
    near("mIoU", s.each_miou[0], 1);
    gm_predictions_free(p);
    gm_gcg_scores_free(&s);
    gm_gcg_free(&g);
}
END_TEST

/* Pairs of mIoU at IoU 5/6, 2/5 and 1/2; phrase number k is mask k's, whatever stands in the texts;
 * one phrase is the label but for case, one is not. */
START_TEST(matched_masks_and_their_phrases)
{
    gm_gcg g;
    gm_gcg_scores s;
    set_up();
    write_file(DIR, "val_gcg_coco_caption_gt.json",
               "{\"images\":[{\"id\":1,\"prompt\":\"What?\"},{\"id\":2}],\"annotations\":["
               "{\"image_id\":1,\"caption\":\"\",\"labels\":[\"a red ring\",\"a blue cross\"]},"
               "{\"image_id\":2,\"caption\":\"\",\"labels\":[\"a star\"]}]}");
    write_file(DIR, "val_gcg_coco_mask_gt.json",
               "{\"images\":[{\"id\":1},{\"id\":2}],\"annotations\":["
               "{\"id\":1,\"image_id\":1,\"area\":5,\"iscrowd\":0,\"segmentation\":"
               "{\"size\":[1,10],\"counts\":[0,5,5]}},"
               "{\"id\":2,\"image_id\":1,\"area\":5,\"iscrowd\":0,\"segmentation\":"
               "{\"size\":[1,10],\"counts\":[5,5]}},"
               "{\"id\":3,\"image_id\":2,\"area\":10,\"iscrowd\":0,\"segmentation\":"
               "{\"size\":[1,10],\"counts\":[0,10]}}]}");
    write_file(DIR, "pred/1.json",
               "{\"caption\":\"\",\"phrases\":[\"A Blue  cross\",\"a red ring\"],\"pred_masks\":["
               "{\"size\":[1,10],\"counts\":[4,6]},{\"size\":[1,10],\"counts\":[0,2,8]}]}");
    write_file(DIR, "pred/2.json",
               "{\"caption\":\"\",\"phrases\":[\"a star on a ring\"],\"pred_masks\":["
               "{\"size\":[1,10],\"counts\":[5,5]}]}");
    gm_predictions *p = score(&g, &s, DIR, DIR "/pred");
    near("mIoU", s.miou, ((5 / 6. + .4) / 2 + .5) / 2);
    near("matched", s.matched, 2 / 3.);
    near("phrases", s.phrases, 1 / 2.);
    ck_assert(g.image[0].match[0] == 1 && g.image[0].match[1] == 0 && g.image[1].match[0] == 0);
    ck_assert_str_eq(g.image[0].prompt, "What?");
    ck_assert_ptr_null(g.image[1].prompt);
    gm_predictions_free(p);
    gm_gcg_scores_free(&s);
    gm_gcg_free(&g);
    write_file(DIR, "val_gcg_coco_caption_gt.json",     /* other words that are as right */
               "{\"images\":[{\"id\":1},{\"id\":2}],\"annotations\":["
               "{\"image_id\":1,\"caption\":\"\",\"labels\":[\"a red ring\",\"a blue cross\"]},"
               "{\"image_id\":2,\"caption\":\"\",\"labels\":[\"a star\"],"
               "\"also\":[\"A star on a ring\"]}]}");
    p = score(&g, &s, DIR, DIR "/pred");
    near("phrases", s.phrases, 1);
    gm_predictions_free(p);
    gm_gcg_scores_free(&s);
    gm_gcg_free(&g);
}
END_TEST

START_TEST(masks_of_two_sizes)
{
    gm_gcg g;
    gm_gcg_scores s;
    set_up();
    write_file(DIR, "pred/10.json",
        "{\"caption\":\"\",\"phrases\":[],\"pred_masks\":[{\"size\":[3,2],\"counts\":\"06\"}]}");
    gm_predictions *p = score(&g, &s, DIR, DIR "/pred");
    ck_assert(has_problem(&g, "image 10: masks of two sizes: 3 x 2 and 2 x 3"));
    near("AP50", s.ap[1], 0);
    near("mIoU", s.miou, 0);
    gm_predictions_free(p);
    gm_gcg_scores_free(&s);
    gm_gcg_free(&g);
}
END_TEST

START_TEST(broken_truth)
{
    static const char *const list[][3] = {
        { "mask", "{}", "wanted an object with a list called images" },
        { "mask", "{" IMAGES "}", "wanted an object with a list called annotations" },
        { "mask", "{\"images\":[{\"id\":1},{\"id\":\"1\"}],\"annotations\":[]}",
          "image 1 is there twice" },
        { "mask", "{\"images\":[{\"id\":1.5}],\"annotations\":[]}", "image 0: wanted an id" },
        { "mask", "{" IMAGES ",\"annotations\":[{\"image_id\":3}]}",
          "annotation 0: 3 is no image of the list" },
        { "mask",
          "{" IMAGES ",\"annotations\":[{\"id\":1,\"image_id\":9,\"area\":\"6\",\"iscrowd\":0}]}",
          "wanted an id and an area" },
        { "mask",
          "{" IMAGES ",\"annotations\":[{\"id\":1,\"image_id\":9,\"area\":6,\"iscrowd\":0,"
                     "\"segmentation\":[[1,2]]}]}",
          "three points or more" },
        { "caption", "[]", "wanted an object with a list called images" },
        { "caption", "{\"images\":[],\"annotations\":[]}", "no image in it" },
        { "caption", "{\"images\":[{\"id\":5}],\"annotations\":[]}", "image 5 has no caption" },
        { "caption",
          "{\"images\":[{\"id\":5}],\"annotations\":[{\"image_id\":5,\"caption\":\"a\"}]}",
          "wanted a list of texts" },
        { "caption",
          "{\"images\":[{\"id\":5}],\"annotations\":[{\"image_id\":5,\"caption\":\"a\",\"labels\":["
          "2]}]}",
          "wanted a text at place 0" },
    };
    for (size_t i = 0; i < sizeof list / sizeof *list; i++) {
        gm_error e = { "" };
        gm_gcg g;
        char name[80];
        set_up();
        if (!strcmp(list[i][2], "no image in it"))
            write_file(DIR, "val_gcg_coco_mask_gt.json", list[i][1]);
        snprintf(name, sizeof name, "val_gcg_coco_%s_gt.json", list[i][0]);
        write_file(DIR, name, list[i][1]);
        gm_gcg_scores sums = { 0 };
        gm_predictions *p = NULL;
        int bad = gm_gcg_read(&g, DIR, "val", &e);      /* of masks, when they are needed */
        if (!bad) p = gm_predictions_open(DIR "/pred", KEYS, &g.problems, &e);
        if (!bad) bad = gm_gcg_score(&sums, &g, p, &e);
        ck_assert_int_eq(bad, -1);
        ck_assert_msg(strstr(e.text, list[i][2]) != NULL, "case %zu: %s", i, e.text);
        gm_predictions_free(p);
        gm_gcg_scores_free(&sums);
        gm_gcg_free(&g);
    }
}
END_TEST

START_TEST(the_program)
{
    set_up();
    ck_assert_int_eq(
        shell("./$G eval gcg --truth golden/eval --pred golden/eval/predictions --json"), 0);
    ck_assert(strstr(said(), "\"coco_stats\": [") && strstr(said(), "\"METEOR\": null") &&
              strstr(said(), "needs --meteor-data DIR") && strstr(said(), "needs --bert DIR"));
    ck_assert_int_eq(shell("./$G eval gcg --truth golden/eval --pred golden/eval/predictions --json "
                           "--bert golden/eval_bert/model --meteor-data golden/eval_meteor"), 0);
    ck_assert(strstr(said(), "\"recall_released\": 0.3488") && !strstr(said(), "METEOR(es)") &&
              strstr(said(), "\"recall_paper\": 0.3604") && !strstr(said(), "null"));
    ck_assert_int_eq(shell("./$G eval gcg --truth golden/eval --pred golden/eval/predictions "
                           "--bert %s", DIR), 1);
    ck_assert(strstr(complained(), "config.json"));
    ck_assert_int_eq(shell("./$G eval gcg --truth %s --pred %s/pred", DIR, DIR), 0);
    ck_assert(strstr(said(), "4 images, 3 without a prediction, 1 predictions of other images"));
    ck_assert(strstr(complained(), "7.json: no prediction"));
    ck_assert_int_eq(shell("./$G eval gcg --truth %s --pred %s/pred --strict", DIR, DIR), 1);
    ck_assert_str_eq(said(), "");
    ck_assert_int_eq(shell("./$G eval gcg --truth %s --split test --pred %s/pred", DIR, DIR), 1);
    ck_assert(strstr(complained(), "test_gcg_coco_caption_gt.json"));
    ck_assert_int_eq(shell("./$G eval regio --truth %s --pred %s", DIR, DIR), 2);
    ck_assert(strstr(complained(), "did you mean region?"));
    ck_assert_int_eq(shell("./$G eval gcg --pred %s", DIR), 2);
}
END_TEST

Suite *test_eval_gcg(void)
{
    Suite *s = suite_create("eval gcg");
    TCase *t = tcase_create("eval gcg");
    tcase_set_timeout(t, 60);
    tcase_add_test(t, the_golden_set);
    tcase_add_test(t, broken_predictions);
    tcase_add_test(t, polygons);
    tcase_add_test(t, matched_masks_and_their_phrases);
    tcase_add_test(t, masks_of_two_sizes);
    tcase_add_test(t, broken_truth);
    tcase_add_test(t, the_program);
    suite_add_tcase(s, t);
    return s;
}
