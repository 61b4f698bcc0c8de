/* An allocation that fails, at every allocation of a run: an error, no crash, no leak.
 *
 * The linker's --wrap sends the library's malloc, calloc, realloc, aligned_alloc and free through here (alloc.mk),
 * jansson's go the same way by json_set_alloc_funcs.  Maps, streams and what BLAS and libjpeg take for
 * themselves are not counted.  GM_ALLOC_STEP=1 fails every allocation in turn; without it about TRIES of them,
 * spread over the run with a step that shares no factor with it. */
#include <check.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "../ref/glamm.h"

enum { TRIES = 150 };

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t n);
void *__real_aligned_alloc(size_t align, size_t n);
void __real_free(void *p);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t n);
void *__wrap_aligned_alloc(size_t align, size_t n);
void __wrap_free(void *p);

/* Blocks alive, allocations so far, which one fails (0: none), and whether all after it fail too. */
static long live, count, fail_at;
static int fail_on;

static int fails(void)
{
    long n = __atomic_add_fetch(&count, 1, __ATOMIC_RELAXED);
    return fail_at && (n == fail_at || (fail_on && n > fail_at));
}

static void *counted(void *p)
{
    if (p) __atomic_add_fetch(&live, 1, __ATOMIC_RELAXED);
    return p;
}

void *__wrap_malloc(size_t n) { return fails() ? NULL : counted(__real_malloc(n)); }
void *__wrap_calloc(size_t n, size_t size) { return fails() ? NULL : counted(__real_calloc(n, size)); }
void *__wrap_aligned_alloc(size_t align, size_t n) { return fails() ? NULL : counted(__real_aligned_alloc(align, n)); }

void *__wrap_realloc(void *p, size_t n)
{
    if (fails()) return NULL;
    void *q = __real_realloc(p, n);
    return p ? q : counted(q);
}

void __wrap_free(void *p)
{
    if (p) __atomic_sub_fetch(&live, 1, __ATOMIC_RELAXED);
    __real_free(p);
}

/* Opens mini, asks for a grounded caption, frees everything.  1 when it succeeded; else e says why not.
 * *ids is a digest of the answer. */
static int run(gm_error *e, long *ids)
{
    gm_model_options o = { .backend = "cpu" };
    gm_ask q = { .task = GM_GCG, .max_new_tokens = 6 };
    gm_image im = { 0 };
    gm_session *s = NULL;
    gm_answer *a = NULL;
    gm_model *m = gm_model_open("golden/mini/model", &o, e);
    if (m && gm_image_read(&im, "golden/mini/cases/gcg.png", e) == 0) s = gm_session_new(m, &im, e);
    if (s) a = gm_session_ask(s, &q, e);
    int good = a != NULL;
    *ids = 0;
    for (int64_t i = 0; a && i < a->nids; i++) *ids = *ids * 31 + a->ids[i];
    gm_answer_free(a);
    gm_session_free(s);
    gm_image_free(&im);
    gm_model_free(m);
    return good;
}

static long coprime_step(long n, long tries)
{
    long step = n / tries > 1 ? n / tries : 1;
    for (;; step++) {
        long a = n, b = step;
        while (b) {
            long r = a % b;
            a = b;
            b = r;
        }
        if (a == 1) return step;
    }
}

START_TEST(every_failure_is_an_error)
{
    gm_error e = { "" };
    long want, got, tried = 0;
    json_set_alloc_funcs(__wrap_malloc, __wrap_free);
    ck_assert_msg(run(&e, &want), "%s", e.text);        /* warms what libraries keep for ever */
    live = count = 0;
    ck_assert_msg(run(&e, &want), "%s", e.text);
    long all = count;
    ck_assert_int_eq(live, 0);
    ck_assert_int_gt(all, 100);

    const char *given = getenv("GM_ALLOC_STEP");
    long step = given && atol(given) > 0 ? atol(given) : coprime_step(all, TRIES);
    fail_on = _i;
    for (long k = 1; k <= all; k += step, tried++) {
        e = (gm_error){ "" };
        live = count = 0;
        fail_at = k;
        int good = run(&e, &got);
        fail_at = 0;
        ck_assert_msg(live == 0, "allocation %ld of %ld: %ld blocks leaked (%s)", k, all, live, e.text);
        ck_assert_msg(!good, "allocation %ld of %ld failed unseen", k, all);
        ck_assert_msg(e.text[0] && !strchr(e.text, '\n'), "allocation %ld of %ld: error '%s'", k, all, e.text);
    }
    printf("alloc: %ld of %ld allocations failed in turn%s\n", tried, all, fail_on ? ", and all after" : "");
}
END_TEST

Suite *test_alloc(void);
Suite *test_alloc(void)
{
    Suite *s = suite_create("alloc");
    TCase *t = tcase_create("alloc");
    tcase_set_timeout(t, 600);
    tcase_add_loop_test(t, every_failure_is_an_error, 0, 2);
    suite_add_tcase(s, t);
    return s;
}
