/* glamm data as a user runs it. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "../io/image.h"
#include "../io/os.h"
#include "program.h"

#define GRANDF "\"grandf golden/data/grandf.json images=golden/data/images\""
#define CHAT "\"llava golden/data/llava.json images=golden/data/images\""

static void check_says(const char *text)
{
    ck_assert_msg(strstr(said(), text) != NULL, "wanted '%s' in:\n%s", text, said());
}

START_TEST(good_data)
{
    ck_assert_int_eq(shell("$G data check %s %s", GRANDF, CHAT), 0);
    check_says("records                       5   teaches masks; 4 answers, 8 masks, 0 boxes");
    check_says("nothing to learn from         1   passed over, no mistake\n"
               "    golden/data/grandf.json, record 2: no phrase is grounded");
    check_says("records                       3   teaches captions; 4 answers, 0 masks, 0 boxes");
    ck_assert_str_eq(complained(), "");
    ck_assert_int_eq(shell("$G data check --examples 0 %s", GRANDF), 0);
    ck_assert_ptr_null(strstr(said(), "record 2"));
}
END_TEST

START_TEST(bad_data)
{
    clean_output();
    ck_assert_int_eq(shell("mkdir -p %s/own/images && cp golden/data/images/0.png %s/own/images/ && "
                           "sed 's/1.png/none.png/' golden/data/grandf.json > "
                           "%s/own/annotations.json", OUTPUT, OUTPUT, OUTPUT), 0);
    ck_assert_int_eq(shell("$G data check %s/own", OUTPUT), 1);
    check_says("own/images/none.png: cannot open");
    check_says("\n  image                         3\n");
    ck_assert_int_eq(shell("echo 'data = llava golden/data/none.json' > %s/a.conf && "
                           "$G data check %s/a.conf", OUTPUT, OUTPUT), 1);
    ck_assert_ptr_nonnull(strstr(complained(), "golden/data/none.json: cannot open"));
    ck_assert_int_eq(shell("$G data check nothing-here"), 1);
    ck_assert_ptr_nonnull(strstr(complained(), "nothing-here"));
}
END_TEST

START_TEST(misuse)
{
    ck_assert_int_eq(shell("$G data look %s", GRANDF), 2);
    ck_assert_ptr_nonnull(strstr(complained(), "wanted check or preview, found 'look'"));
    ck_assert_int_eq(shell("$G data check"), 2);
    ck_assert_int_eq(shell("$G data preview %s", GRANDF), 2);
    ck_assert_ptr_nonnull(strstr(complained(), "--model"));
    ck_assert_int_eq(shell("$G data preview %s --model m --count 0", GRANDF), 2);
}
END_TEST

/* Pixels of a colour in rows from `top` on. */
static int64_t pixels_of(const gm_image *im, int64_t top, const uint8_t rgb[3])
{
    int64_t n = 0;
    for (int64_t i = top * im->width; i < im->height * im->width; i++)
        n += memcmp(im->rgb + 3 * i, rgb, 3) == 0;
    return n;
}

START_TEST(previews)
{
    static const uint8_t green[3] = { 190, 235, 195 };
    uint8_t red[3];
    gm_image one, two;
    gm_error e = { "" };
    clean_output();
    ck_assert_int_eq(shell("$G data preview %s %s --model golden/mini/model --count 4 --out %s/p",
                           GRANDF, CHAT, OUTPUT), 0);
    check_says(OUTPUT "/p/000.png  golden/data/grandf.json, record 0\n"
               OUTPUT "/p/001.png  golden/data/llava.json, record 0\n"
               OUTPUT "/p/002.png  golden/data/llava.json, record 1\n");
    ck_assert_ptr_nonnull(strstr(complained(), "not drawn: golden/data/grandf.json, record 2"));
    ck_assert_int_eq(gm_image_read(&one, OUTPUT "/p/000.png", &e), 0);
    ck_assert_int_eq(gm_image_read(&two, OUTPUT "/p/001.png", &e), 0);
    gm_mask_colour(0, red);
    ck_assert_int_eq(one.width, 640);
    ck_assert_int_gt(pixels_of(&one, 480, green), 2000);
    ck_assert_int_gt(pixels_of(&one, 480, red), 500);           /* the badges of the first mask */
    ck_assert_int_gt(pixels_of(&two, 480, green), 2000);
    ck_assert_int_eq(pixels_of(&two, 480, red), 0);
    ck_assert_int_eq(pixels_of(&one, 0, green), pixels_of(&one, 480, green));
    gm_image_free(&one);
    gm_image_free(&two);
    ck_assert_int_eq(shell("$G data preview %s --model golden/mini/model --out %s/p/000.png/q",
                           GRANDF, OUTPUT), 1);
}
END_TEST

/* Samples without words are counted and drawn, too. */
START_TEST(objects_without_words)
{
    gm_image im;
    gm_error e = { "" };
    uint8_t red[3];
    clean_output();
    ck_assert_int_eq(shell("$G data check shapes:task=objects,world=b,count=9 "
                           "--model golden/mini/model"), 0);
    check_says("records                       9   teaches masks; 0 answers, ");
    check_says("good                          9\n");
    ck_assert_ptr_null(strstr(said(), "longest text"));
    ck_assert_int_eq(shell("$G data preview shapes:task=objects,world=b,count=9 "
                           "--model golden/mini/model --count 1 --out %s/o", OUTPUT), 0);
    check_says(OUTPUT "/o/000.png  shapes objects, seed 0, scene 0\n");
    ck_assert_int_eq(gm_image_read(&im, OUTPUT "/o/000.png", &e), 0);
    gm_mask_colour(0, red);
    ck_assert_int_gt(pixels_of(&im, 0, red), 0);
    gm_image_free(&im);
}
END_TEST

Suite *test_data_program(void);

Suite *test_data_program(void)
{
    Suite *s = suite_create("data program");
    TCase *c = tcase_create("program");
    tcase_set_timeout(c, 60);
    tcase_add_test(c, good_data);
    tcase_add_test(c, bad_data);
    tcase_add_test(c, misuse);
    tcase_add_test(c, previews);
    tcase_add_test(c, objects_without_words);
    suite_add_tcase(s, c);
    return s;
}
