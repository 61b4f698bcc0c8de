/* SAM's embeddings on disk: the same masks without SAM, keys, damaged files, room. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "../io/embeddings.h"
#include "../io/os.h"
#include "../ref/model_open.h"

#define DIR "build/tests/embeddings"
#define NANO "models/nano"

static void on_stage(void *user, const char *stage, double done)
{
    if (done == 0 && strcmp(stage, "sam") == 0) ++*(int *)user;
}

/* The logits of the demo scene's mask, and how often SAM ran. */
static float *mask_of(const char *scene, int64_t *n, int *sam)
{
    gm_error e = { "" };
    gm_image im;
    const gm_model_options o = { .cache = DIR };
    gm_model *m = gm_model_open(NANO, &o, &e);
    ck_assert_msg(m && gm_image_read(&im, scene, &e) == 0, "%s", e.text);
    gm_session *s = gm_session_new(m, &im, &e);
    *sam = 0;
    const gm_ask ask = { .task = GM_REFER, .text = "the purple heart", .max_new_tokens = 10,
                         .on_stage = on_stage, .user = sam };
    gm_answer *a = s ? gm_session_ask(s, &ask, &e) : NULL;
    ck_assert_msg(a && a->nmasks == 1, "%s", e.text);
    *n = a->width * a->height;
    float *x = malloc((size_t)*n * sizeof *x);
    memcpy(x, a->mask[0].logits, (size_t)*n * sizeof *x);
    gm_answer_free(a);
    gm_session_free(s);
    gm_image_free(&im);
    gm_model_free(m);
    return x;
}

static int64_t files(char ***names)
{
    gm_error e = { "" };
    int64_t n = 0;
    *names = NULL;
    if (gm_is_dir(DIR)) gm_list_dir(DIR, names, &n, &e);
    return n;
}

START_TEST(a_second_run_needs_no_sam)
{
    gm_error e = { "" };
    int64_t n, m;
    int sam;
    char **names;
    gm_remove_dir(DIR, &e);
    float *first = mask_of("golden/nano/scenes/demo.png", &n, &sam);
    ck_assert_int_eq(sam, 1);
    float *second = mask_of("golden/nano/scenes/demo.png", &m, &sam);
    ck_assert_int_eq(sam, 0);
    ck_assert(n == m && memcmp(first, second, (size_t)n * sizeof *first) == 0);
    free(second);
    free(mask_of("golden/nano/scenes/two.png", &m, &sam));  /* another image: another key */
    ck_assert_int_eq(sam, 1);
    int64_t count = files(&names);
    ck_assert_int_eq(count, 2);
    /* damaged files are as none */
    for (int64_t i = 0; i < count; i++) {
        char path[300];
        snprintf(path, sizeof path, DIR "/%s", names[i]);
        FILE *f = fopen(path, "wb");
        fputs("no tensor", f);
        fclose(f);
    }
    gm_free_list(names, count);
    second = mask_of("golden/nano/scenes/demo.png", &m, &sam);
    ck_assert_int_eq(sam, 1);
    ck_assert(memcmp(first, second, (size_t)n * sizeof *first) == 0);
    free(first);
    free(second);
}
END_TEST

START_TEST(what_was_longest_unused_goes)
{
    gm_error e = { "" };
    float values[1000] = { 0 };
    const gm_tensor E = { .data = values, .nd = 4, .dim = { 1, 10, 10, 10 }, .type = GM_F32 };
    gm_remove_dir(DIR, &e);
    for (int i = 0; i < 4; i++) {       /* 4 kB each and a header, of which 13 kB hold three */
        gm_embeddings d = { .dir = DIR, .most = 13000 };
        snprintf(d.key, sizeof d.key, "%032d", i);
        ck_assert_msg(gm_embeddings_write(&d, E, &e) == 0, "%s", e.text);
        gm_sleep(0.02);
        d.key[31] = '0';                /* the first is used again each time */
        if (i) ck_assert(gm_embeddings_read(&d, values, 1000));
        gm_sleep(0.02);
    }
    char **names;
    int64_t n = files(&names);
    ck_assert_int_eq(n, 3);
    ck_assert_int_eq(names[0][31], '0');
    ck_assert_int_eq(names[1][31], '2');
    gm_free_list(names, n);
    gm_embeddings d = { .dir = DIR, .most = 1, .key = "00000000000000000000000000000000" };
    ck_assert(!gm_embeddings_read(&d, values, 999));            /* another size */
}
END_TEST

START_TEST(a_folder_that_cannot_be)
{
    gm_error e = { "" };
    float v = 0;
    const gm_tensor E = { .data = &v, .nd = 1, .dim = { 1 }, .type = GM_F32 };
    gm_embeddings d = { .dir = "README.md/sub", .most = 100,
                        .key = "0123456789abcdef0123456789abcdef" };
    ck_assert(gm_embeddings_write(&d, E, &e) != 0 && strstr(e.text, "README.md"));
}
END_TEST

Suite *test_embeddings(void)
{
    Suite *s = suite_create("embeddings");
    TCase *t = tcase_create("embeddings");
    tcase_add_test(t, a_second_run_needs_no_sam);
    tcase_add_test(t, what_was_longest_unused_goes);
    tcase_add_test(t, a_folder_that_cannot_be);
    tcase_set_timeout(t, 60);
    suite_add_tcase(s, t);
    return s;
}
