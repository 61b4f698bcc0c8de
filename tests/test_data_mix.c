/* What is drawn, and how often: from numbers alone, by weights and rates, or once an epoch. */
#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "../io/os.h"
#include "../train/data.h"
#include "../train/draw.h"
#include "../train/shapes.h"

#define IMAGES " images=golden/data/images"
static const char GRANDF[] = "grandf golden/data/grandf.json" IMAGES;
static const char OPENPSG[] = "grandf golden/data/openpsg.json" IMAGES " rate=3";
static const char REGION[] = "vg-region golden/data/vg-region.json" IMAGES;
static const char CHAT[] = "llava golden/data/llava.json" IMAGES;

static gm_prompts *prompts;

static void open_prompts(void)
{
    gm_error e = { "" };
    prompts = gm_prompts_open(NULL, &e);
    ck_assert_msg(prompts != NULL, "%s", e.text);
}

static void close_prompts(void)
{
    gm_prompts_free(prompts);
}

static gm_data *open_sets(const char *const *line, int64_t n, gm_data_options o)
{
    gm_error e = { "" };
    o.prompts = prompts;
    gm_data *d = gm_data_open(line, n, &o, &e);
    ck_assert_msg(d != NULL, "%s", e.text);
    return d;
}

static gm_sample draw(gm_data *d, gm_set_kind kind, int64_t place)
{
    gm_error e = { "" };
    gm_sample s;
    ck_assert_msg(gm_data_draw(d, kind, place, &s, &e) == 0, "%s", e.text);
    return s;
}

/* Does a count of n draws of probability p lie within 5 standard deviations? */
static void check_share(int64_t count, int64_t n, double p, const char *what)
{
    double far = 5 * sqrt((double)n * p * (1 - p)) + 1e-9;
    ck_assert_msg(fabs((double)count - (double)n * p) <= far, "%s: %lld of %lld, wanted about %g",
                  what, (long long)count, (long long)n, (double)n * p);
}

START_TEST(numbers_decide_alone)
{
    const char *line[] = { GRANDF, OPENPSG };
    gm_data *a = open_sets(line, 2, (gm_data_options){ .seed = 3 });
    gm_data *b = open_sets(line, 2, (gm_data_options){ .seed = 3 });
    gm_data *c = open_sets(line, 2, (gm_data_options){ .seed = 4 });
    int differ = 0, change = 0;
    char before[2000] = "";
    for (int64_t place = 30; place >= 0; place -= 7) {          /* b has drawn others before */
        gm_sample s = draw(b, GM_SET_SEGM, place);
        gm_sample_free(&s);
    }
    for (int64_t place = 0; place < 30; place++) {
        gm_sample x = draw(a, GM_SET_SEGM, place), y = draw(b, GM_SET_SEGM, place);
        gm_sample z = draw(c, GM_SET_SEGM, place);
        ck_assert_str_eq(x.source, y.source);
        ck_assert_int_eq(x.turns, y.turns);
        for (int64_t i = 0; i < x.turns; i++) ck_assert_str_eq(x.turn[i], y.turn[i]);
        differ += strcmp(x.source, z.source) != 0 || strcmp(x.turn[0], z.turn[0]) != 0;
        change += strcmp(before, x.turn[0]) != 0;
        snprintf(before, sizeof before, "%s", x.turn[0]);
        gm_sample_free(&x);
        gm_sample_free(&y);
        gm_sample_free(&z);
    }
    ck_assert_int_gt(differ, 20);
    ck_assert_int_gt(change, 20);
    gm_data_close(a);
    gm_data_close(b);
    gm_data_close(c);
}
END_TEST

static void count_kinds(gm_data *d, int64_t n, int64_t count[GM_SET_KINDS])
{
    for (int k = 0; k < GM_SET_KINDS; k++) count[k] = 0;
    for (int64_t i = 0; i < n; i++) count[gm_data_kind(d, i)]++;
}

START_TEST(kinds_come_by_their_weights)
{
    const char *all[] = { GRANDF, REGION, CHAT }, *two[] = { GRANDF, CHAT };
    const int64_t n = 20000;
    int64_t count[GM_SET_KINDS];
    gm_data *d = open_sets(all, 3, (gm_data_options){ .seed = 1 });
    count_kinds(d, n, count);
    check_share(count[GM_SET_CAPTION], n, 0.15, "captions");
    check_share(count[GM_SET_REGION], n, 0.40, "regions");
    check_share(count[GM_SET_SEGM], n, 0.45, "masks");
    gm_data_close(d);
    d = open_sets(two, 2, (gm_data_options){ .seed = 1 });      /* 0.15 : 0.45 */
    count_kinds(d, n, count);
    check_share(count[GM_SET_CAPTION], n, 0.25, "captions of two");
    check_share(count[GM_SET_REGION], n, 0, "regions of two");
    gm_data_close(d);
    d = open_sets(all, 3, (gm_data_options){ .seed = 1, .weight = { [GM_SET_CAPTION] = 1 } });
    count_kinds(d, n, count);
    ck_assert_int_eq(count[GM_SET_CAPTION], n);
    gm_data_close(d);
}
END_TEST

START_TEST(sets_come_by_their_rates)
{
    const char *line[] = { OPENPSG, REGION, GRANDF };
    gm_data *d = open_sets(line, 3, (gm_data_options){ .seed = 9 });
    int64_t n = 400, psg = 0;
    for (int64_t i = 0; i < n; i++) {
        gm_sample s = draw(d, GM_SET_SEGM, i);
        psg += strstr(s.source, "openpsg") != NULL;
        ck_assert_int_eq(s.kind, GM_SET_SEGM);
        gm_sample_free(&s);
    }
    /* 1 of the other set's 5 records is passed over and drawn anew: 3 : 4/5. */
    check_share(psg, n, 3 / 3.8, "openpsg");
    ck_assert_int_gt(gm_data_skipped(d), 0);
    gm_data_close(d);
}
END_TEST

START_TEST(an_epoch_holds_every_record_once)
{
    const char *line[] = { "coco-caption golden/data/coco-caption.json" IMAGES, CHAT };
    gm_data *d = open_sets(line, 2, (gm_data_options){ .seed = 6, .by_epochs = true });
    int64_t n = gm_data_size(d);
    int other = 0;
    char *first[7];
    ck_assert_int_eq(n, 7);
    for (int64_t epoch = 0; epoch < 4; epoch++) {
        for (int64_t i = 0; i < n; i++) {
            gm_sample s = draw(d, GM_SET_CAPTION, epoch * n + i);
            if (epoch == 0) {
                for (int64_t k = 0; k < i; k++) ck_assert_str_ne(first[k], s.source);
                first[i] = gm_copy_text(s.source);
            } else {
                int found = 0;
                for (int64_t k = 0; k < n; k++) found += strcmp(first[k], s.source) == 0;
                ck_assert_int_eq(found, 1);
                other += strcmp(first[i], s.source) != 0;
            }
            gm_sample_free(&s);
        }
    }
    ck_assert_int_gt(other, 7);             /* of 21: in another order */
    for (int64_t i = 0; i < n; i++) free(first[i]);
    gm_data_close(d);
}
END_TEST

START_TEST(shuffles_are_permutations)
{
    for (int64_t n = 1; n < 300; n += 1 + n / 7) {
        int64_t seen[300] = { 0 }, moved = 0, other = 0;
        for (int64_t i = 0; i < n; i++) {
            int64_t k = gm_shuffled(5, i, n);
            ck_assert(k >= 0 && k < n && !seen[k]);
            seen[k] = 1;
            moved += k != i;
            other += k != gm_shuffled(6, i, n);
        }
        ck_assert(n < 10 || (moved > n / 2 && other > n / 2));
    }
}
END_TEST

START_TEST(choices_are_even)
{
    gm_draw d = { gm_mix(1, 2), 0 };
    int64_t count[6] = { 0 }, first[4] = { 0 }, out[4], n = 60000;
    for (int64_t i = 0; i < n; i++) {
        count[gm_draw_below(&d, 6)]++;
        gm_draw_some(&d, out, 4, 2);
        ck_assert_int_ne(out[0], out[1]);
        first[out[1]]++;
        double x = gm_draw_real(&d);
        ck_assert(x >= 0 && x < 1);
    }
    for (int i = 0; i < 6; i++) check_share(count[i], n, 1 / 6., "one of 6");
    for (int i = 0; i < 4; i++) check_share(first[i], n, 1 / 4., "second of 4");
}
END_TEST

START_TEST(drawn_scenes_are_a_set)
{
    const char *line[] = { "shapes:task=refer,world=b,seed=7,objects=3,count=50",
                           "shapes:task=vqa,count=9 split=val rate=2" };
    gm_data *d = open_sets(line, 2, (gm_data_options){ .seed = 1 });
    gm_error e = { "" };
    gm_sample s, want;
    ck_assert_int_eq(gm_data_size(d), 59);
    ck_assert_int_eq(gm_data_set_kind(d, 0), GM_SET_SEGM);
    ck_assert_int_eq(gm_data_set_kind(d, 1), GM_SET_CAPTION);
    ck_assert_int_eq(gm_data_record(d, 4, &s, &e), GM_PROBLEM_NONE);
    ck_assert_int_eq(gm_shapes_sample(&want, 7, 4, GM_SHAPES_REFER, GM_SHAPES_B, 3, 0, &e), 0);
    ck_assert(s.turns == want.turns && s.masks == want.masks && s.masks > 0);
    for (int64_t i = 0; i < s.turns; i++) ck_assert_str_eq(s.turn[i], want.turn[i]);
    gm_sample_free(&s);
    gm_sample_free(&want);
    ck_assert_int_eq(gm_data_record(d, 50, &s, &e), GM_PROBLEM_NONE);
    ck_assert_int_eq(gm_shapes_sample(&want, 0, GM_SHAPES_VALIDATION, GM_SHAPES_VQA, GM_SHAPES_A, 0,
                                      0, &e), 0);
    for (int64_t i = 0; i < s.turns; i++) ck_assert_str_eq(s.turn[i], want.turn[i]);
    gm_sample_free(&s);
    gm_sample_free(&want);
    gm_data_close(d);
}
END_TEST

START_TEST(drawn_scenes_with_more_to_say_or_nothing)
{
    const char *line[] = { "shapes:task=vqa,world=b,seed=7,turns=8", "shapes:task=objects,seed=7" };
    gm_data *d = open_sets(line, 2, (gm_data_options){ .seed = 1 });
    int64_t first = gm_data_set_size(d, 0), most = 0;
    gm_error e = { "" };
    gm_sample s, want;
    for (int64_t i = 0; i < 20; i++) {
        ck_assert_int_eq(gm_data_record(d, i, &s, &e), GM_PROBLEM_NONE);
        ck_assert_int_eq(gm_shapes_sample(&want, 7, i, GM_SHAPES_VQA, GM_SHAPES_B, 0, 8, &e), 0);
        ck_assert_int_eq(s.turns, want.turns);
        for (int64_t k = 0; k < s.turns; k++) ck_assert_str_eq(s.turn[k], want.turn[k]);
        if (s.turns > most) most = s.turns;
        gm_sample_free(&s);
        gm_sample_free(&want);
    }
    ck_assert_int_gt(most, 6);
    ck_assert_int_eq(gm_data_set_kind(d, 1), GM_SET_SEGM);
    ck_assert_int_eq(gm_data_record(d, first + 3, &s, &e), GM_PROBLEM_NONE);
    ck_assert_int_eq(gm_shapes_sample(&want, 7, 3, GM_SHAPES_OBJECTS, GM_SHAPES_A, 0, 0, &e), 0);
    ck_assert(s.turns == 0 && s.masks == want.masks && s.boxes == s.masks);
    ck_assert_mem_eq(s.trait, want.trait, (size_t)s.masks * sizeof *s.trait);
    gm_sample_free(&s);
    gm_sample_free(&want);
    gm_data_close(d);
}
END_TEST

static void refused(const char *const *line, int64_t n, gm_data_options o, const char *why)
{
    gm_error e = { "" };
    o.prompts = prompts;
    ck_assert_ptr_null(gm_data_open(line, n, &o, &e));
    ck_assert_msg(strstr(e.text, why) != NULL, "'%s' says nothing of '%s'", e.text, why);
}

START_TEST(what_does_not_go_together_is_refused)
{
    const char *line[] = { GRANDF, CHAT };
    refused(line, 0, (gm_data_options){ 0 }, "at least one set");
    refused(line, 2, (gm_data_options){ .by_epochs = true }, "sets of one kind");
    refused(line, 2, (gm_data_options){ .weight = { [GM_SET_REGION] = 1 } }, "weight 0");
    refused(line, 2, (gm_data_options){ .weight = { -1, 1, 1 } }, "below 0");
    line[0] = "shapes:task=gcg,world=c";
    refused(line, 1, (gm_data_options){ 0 }, "found 'world=c'");
    line[0] = "shapes:count=0";
    refused(line, 1, (gm_data_options){ 0 }, "found 'count=0'");
    line[0] = "shapes:task=object";
    refused(line, 1, (gm_data_options){ 0 }, "phrase or objects;");
    line[0] = "shapes:task=vqa,turns=0";
    refused(line, 1, (gm_data_options){ 0 }, "turns=1 .. 8; found 'turns=0'");
    line[0] = "shapes:turns=9";
    refused(line, 1, (gm_data_options){ 0 }, "found 'turns=9'");
    line[0] = "shapes:task=gcg split=test";
    refused(line, 1, (gm_data_options){ 0 }, "train or val, found 'test'");
}
END_TEST

Suite *test_data_mix(void);

Suite *test_data_mix(void)
{
    Suite *s = suite_create("data mix");
    TCase *c = tcase_create("mix");
    tcase_add_checked_fixture(c, open_prompts, close_prompts);
    tcase_add_test(c, numbers_decide_alone);
    tcase_add_test(c, kinds_come_by_their_weights);
    tcase_add_test(c, sets_come_by_their_rates);
    tcase_add_test(c, an_epoch_holds_every_record_once);
    tcase_add_test(c, shuffles_are_permutations);
    tcase_add_test(c, choices_are_even);
    tcase_add_test(c, drawn_scenes_are_a_set);
    tcase_add_test(c, drawn_scenes_with_more_to_say_or_nothing);
    tcase_add_test(c, what_does_not_go_together_is_refused);
    suite_add_tcase(s, c);
    return s;
}
