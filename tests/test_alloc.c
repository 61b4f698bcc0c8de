/* An allocation that fails, at every allocation of a run: an error, no crash, no leak.  A single
 * failure may also be made good, for the context gives its cached blocks back and tries again; then
 * the answer is the same.
 *
 * The linker's --wrap sends the library's malloc, calloc, realloc, aligned_alloc and free through
 * here (alloc.mk). Maps, streams and what BLAS and libjpeg take for themselves are not counted.
 * jansson's allocations join by json_set_alloc_funcs where all after the first fail too; where a
 * single one fails they stay out, because jansson 2.14 overlooks that while it collects a token
 * (load.c, lex_save) and then asserts. GM_ALLOC_STEP=n fails every n-th alone (the sanitizers are
 *
 * slow). */
#include <check.h>
#include <jansson.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "../ref/glamm.h"
#include "../train/shapes.h"
#include "lesson.h"

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

/* Blocks alive, allocations so far, which one fails (0: none), and whether all after it fail
 * too. */
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
void *__wrap_calloc(size_t n, size_t size)
{
    return fails() ? NULL : counted(__real_calloc(n, size));
}
void *__wrap_aligned_alloc(size_t align, size_t n)
{
    return fails() ? NULL : counted(__real_aligned_alloc(align, n));
}

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

typedef struct { int good; uint64_t digest; long allocations, leaked; gm_error e; } outcome;

static uint64_t digest(uint64_t h, const void *p, size_t n)
{
    for (size_t i = 0; i < n; i++) h = (h ^ ((const uint8_t *)p)[i]) * UINT64_C(1099511628211);
    return h;
}

/* Opens mini, asks for a grounded caption, frees everything; allocation number `failing` fails (0:
 * none).  What Check itself allocates lies outside. */
static outcome run(long failing)
{
    outcome r = { 0 };
    gm_error *e = &r.e;
    gm_model_options o = { .backend = "cpu" };
    gm_ask q = { .task = GM_GCG, .max_new_tokens = 6 };
    gm_image im = { 0 };
    gm_session *s = NULL;
    gm_answer *a = NULL;
    live = count = 0;
    fail_at = failing;
    gm_model *m = gm_model_open("golden/mini/model", &o, e);
    if (m && gm_image_read(&im, "golden/mini/cases/gcg.png", e) == 0) s = gm_session_new(m, &im, e);
    if (s) a = gm_session_ask(s, &q, e);
    r.good = a != NULL;
    if (a) r.digest = digest(digest(1, a->ids, (size_t)a->nids * 4), a->text, strlen(a->text));
    for (int64_t i = 0; a && i < a->nmasks; i++)
        r.digest = digest(r.digest, a->mask[i].logits, (size_t)(a->width * a->height) * 4);
    gm_answer_free(a);
    gm_session_free(s);
    gm_image_free(&im);
    gm_model_free(m);
    fail_at = 0;
    r.allocations = count;
    r.leaked = live;
    return r;
}

START_TEST(every_failure_is_an_error)
{
    fail_on = _i;
    if (fail_on) json_set_alloc_funcs(__wrap_malloc, __wrap_free);
    outcome r = run(0);                                 /* warms what libraries keep for ever */
    ck_assert_msg(r.good, "%s", r.e.text);
    r = run(0);
    uint64_t want = r.digest;
    long all = r.allocations, tried = 0, made_good = 0;
    ck_assert_msg(r.good, "%s", r.e.text);
    ck_assert_int_eq(r.leaked, 0);
    ck_assert_int_gt(all, 100);

    const char *given = getenv("GM_ALLOC_STEP");
    long step = given && atol(given) > 0 ? atol(given) : 1;
    for (long k = 1; k <= all; k += step, tried++) {
        r = run(k);
        ck_assert_msg(r.leaked == 0, "allocation %ld of %ld: %ld blocks leaked (%s)", k, all,
                      r.leaked, r.e.text);
        if (r.good && !fail_on) {
            ck_assert_msg(r.digest == want, "allocation %ld of %ld changed the answer unseen", k,
                          all);
            made_good++;
            continue;
        }
        ck_assert_msg(!r.good, "allocation %ld and all after of %ld failed unseen", k, all);
        ck_assert_msg(r.e.text[0] && !strchr(r.e.text, '\n'), "allocation %ld of %ld: error '%s'",
                      k, all, r.e.text);
    }
    printf("alloc: %ld of %ld allocations failed in turn%s, %ld made good\n", tried, all,
           fail_on ? ", and all after" : "", made_good);
    ck_assert_int_lt(10 * made_good, tried);
}
END_TEST

/* Drawn samples and files: whichever allocation fails, an error, nothing leaks, no file stays
 * half-written. */
static outcome draw(int task, long failing)
{
    outcome r = { 0 };
    gm_sample s = { 0 };
    gm_shapes_set o = { .dir = "build/tests/alloc-shapes", .count = 2, .world = GM_SHAPES_B,
                        .tasks = (1u << GM_SHAPES_TASKS) - 1, .validation = true };
    live = count = 0;
    fail_at = failing;
    int bad = task == GM_SHAPES_TASKS ? gm_shapes_write(&o, &r.e)
              : gm_shapes_sample(&s, 3, 7, (gm_shapes_task)task, GM_SHAPES_B, 0, 0, &r.e);
    gm_sample_free(&s);
    fail_at = 0;
    r.good = !bad;
    r.allocations = count;
    r.leaked = live;
    return r;
}

START_TEST(every_failure_of_drawing)
{
    fail_on = 1;
    json_set_alloc_funcs(__wrap_malloc, __wrap_free);
    for (int task = 0; task <= GM_SHAPES_TASKS; task++) {
        ck_assert_int_eq(system("rm -rf build/tests/alloc-shapes"), 0);
        outcome r = draw(task, 0);
        long all = r.allocations;
        ck_assert_msg(r.good && r.leaked == 0 && all >= 8, "%s, %ld leaked", r.e.text, r.leaked);
        /* Writing PNGs takes long: of a set's thousands every 23rd. */
        for (long k = 1; k <= all; k += task == GM_SHAPES_TASKS ? 23 : 1) {
            r = draw(task, k);
            ck_assert_msg(!r.good && r.e.text[0], "allocation %ld of %ld, task %d, failed unseen",
                          k, all, task);
            ck_assert_msg(r.leaked == 0, "allocation %ld of %ld, task %d: %ld blocks leaked (%s)",
                          k, all, task, r.leaked, r.e.text);
        }
    }
    ck_assert_int_ne(system("find build/tests/alloc-shapes -name '*.tmp*' | grep tmp"), 0);
}
END_TEST

/* The losses of pretraining, on a model that is open. */
static outcome learn(const lesson *t, long failing)
{
    outcome r = { 0 };
    gm_losses l;
    live = count = 0;
    fail_at = failing;
    gm_ctx *c = gm_ctx_new(&t->m->kernels, NULL);
    r.good = c && gm_pretrain_loss(c, &t->m->net, &t->ps, t->learn, t->s, 2, 3, &l) == 0;
    if (c) snprintf(r.e.text, sizeof r.e.text, "%s", gm_error_text(c));
    gm_ctx_free(c);
    fail_at = 0;
    r.allocations = count;
    r.leaked = live;
    return r;
}

START_TEST(every_failure_of_pretraining)
{
    lesson t;
    fail_on = 1;
    lesson_open(&t, (gm_learn)_i, 2);
    outcome r = learn(&t, 0);
    long all = r.allocations;
    ck_assert_msg(r.good && r.leaked == 0 && all > 30, "%s, %ld leaked", r.e.text, r.leaked);
    for (long k = 1; k <= all; k++) {
        r = learn(&t, k);
        ck_assert_msg(!r.good && (r.e.text[0] || k == 1), "allocation %ld of %ld failed unseen", k,
                      all);
        ck_assert_msg(r.leaked == 0, "allocation %ld of %ld: %ld blocks leaked (%s)", k, all,
                      r.leaked, r.e.text);
    }
    lesson_close(&t);
}
END_TEST

Suite *test_alloc(void);
Suite *test_alloc(void)
{
    Suite *s = suite_create("alloc");
    TCase *t = tcase_create("alloc");
    tcase_set_timeout(t, 600);
    tcase_add_loop_test(t, every_failure_is_an_error, 0, 2);
    tcase_add_test(t, every_failure_of_drawing);
    tcase_add_loop_test(t, every_failure_of_pretraining, GM_LEARN_CLIP, GM_LEARN_DECODER + 1);
    suite_add_tcase(s, t);
    return s;
}
