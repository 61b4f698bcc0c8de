/* Two programs on one folder of SAM's embeddings, at the same time. */
#include <check.h>
#include <stdio.h>
#include "program.h"

Suite *test_cache(void);

#define NANO "models/nano"
#define IMAGES OUTPUT "/images"
#define CACHE OUTPUT "/cache"

enum { PICTURES = 17 };                 /* of 64 kB each in the cache, of which 1 MB holds 15 */

/* Small pictures of other noise each, as PPM. */
static void draw(int n)
{
    clean_output();
    ck_assert_int_eq(shell("mkdir -p " IMAGES "; for i in $(seq 10 %d); do { "
                           "printf 'P6\\n8 8\\n255\\n'; tail -c +$((i * 97)) "
                           "golden/nano/scenes/demo.png | head -c 192; } "
                           "> " IMAGES "/$i.ppm; done", n + 9), 0);
}

#define ASK "OMP_NUM_THREADS=1 $G run " NANO " " IMAGES " --phrase '<p> it </p>' --forced --quiet "
#define MASKS(dir) "(cd " OUTPUT "/" dir "; find . -name '*.png' | sort | xargs cksum)"

/* Both compute the same embeddings at about the same time, write, read and remove them. */
START_TEST(two_programs_share_a_cache)
{
    draw(PICTURES);
    ck_assert_msg(shell(ASK "--out " OUTPUT "/none") == 0, "%s", complained());
    ck_assert_msg(shell(ASK "--out " OUTPUT "/a --cache " CACHE " --cache-size 0.001 & "
                        ASK "--out " OUTPUT "/b --cache " CACHE " --cache-size 0.001; one=$?; "
                        "wait $!; exit $((one + $?))") == 0, "%s", complained());
    ck_assert_str_eq(complained(), "");
    /* the same masks, and as many as pictures */
    ck_assert_int_eq(shell("test $( " MASKS("none") " | wc -l) -ge %d && "
                           MASKS("none") " > " OUTPUT "/1; " MASKS("a") " > " OUTPUT "/2; "
                           MASKS("b") " > " OUTPUT "/3; cmp " OUTPUT "/1 " OUTPUT "/2 && "
                           "cmp " OUTPUT "/1 " OUTPUT "/3", PICTURES), 0);
    /* the limit holds, it is used, and nothing half written is left */
    ck_assert_int_eq(shell("cd " CACHE "; ls -A | grep -v '^[0-9a-f]*.safetensors$'; "
                           "n=$(cat * | wc -c); test $n -le 1000000 -a $n -ge 800000"), 0);
    ck_assert_str_eq(said(), "");
}
END_TEST

START_TEST(what_is_kept_needs_no_sam)
{
    draw(1);
    ck_assert_int_eq(shell(ASK "--out " OUTPUT "/a --cache " CACHE), 0);
    ck_assert_int_eq(shell(ASK "--out " OUTPUT "/b --cache " CACHE), 0);
    ck_assert_int_eq(shell("grep '\"sam\": [0-9]' " OUTPUT "/a/*.json"), 0);
    ck_assert_int_eq(shell("grep '\"sam\": [0-9]' " OUTPUT "/b/*.json"), 1);
}
END_TEST

/* What a killed process left goes after an hour; what one may still be writing stays. */
START_TEST(abandoned_files_go)
{
    draw(1);
    const char *key = "0123456789abcdef0123456789abcdef";
    ck_assert_int_eq(shell("mkdir -p " CACHE "; cd " CACHE "; touch -d '2 hours ago' "
                           "%s.safetensors.tmp-1 other.tmp-1; touch %s.safetensors.tmp-2",
                           key, key), 0);
    ck_assert_int_eq(shell(ASK "--out " OUTPUT "/a --cache " CACHE), 0);
    ck_assert_int_eq(shell("ls " CACHE " | grep tmp"), 0);
    ck_assert_str_eq(said(), "0123456789abcdef0123456789abcdef.safetensors.tmp-2\nother.tmp-1\n");
}
END_TEST

Suite *test_cache(void)
{
    Suite *s = suite_create("cache");
    TCase *t = tcase_create("cache");
    tcase_add_test(t, two_programs_share_a_cache);
    tcase_add_test(t, what_is_kept_needs_no_sam);
    tcase_add_test(t, abandoned_files_go);
    tcase_set_timeout(t, 300);
    suite_add_tcase(s, t);
    return s;
}
