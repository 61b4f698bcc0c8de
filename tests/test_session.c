/* Sessions through the public interface: one image, several questions.  Wanted values come from
 * golden/nano and golden/mini. */
#include <check.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../io/checkpoint.h"
#include "../ref/glamm.h"

Suite *test_session(void);

#define NANO "models/nano"
#define CASES "golden/nano/cases/"
#define SEG 1004

typedef struct {
    gm_model *m;
    gm_image image;
    gm_session *s;
} scene;

static scene open_scene(const char *model, const char *picture, const gm_model_options *o)
{
    gm_error e = { "" };
    scene x = { .m = gm_model_open(model, o, &e) };
    ck_assert_msg(x.m != NULL, "%s", e.text);
    ck_assert_msg(gm_image_read(&x.image, picture, &e) == 0, "%s", e.text);
    x.s = gm_session_new(x.m, &x.image, &e);
    ck_assert_msg(x.s != NULL, "%s", e.text);
    return x;
}

static void close_scene(scene *x)
{
    gm_session_free(x->s);
    gm_image_free(&x->image);
    gm_model_free(x->m);
}

static gm_answer *ask(scene *x, gm_ask q)
{
    gm_error e = { "" };
    gm_answer *a = gm_session_ask(x->s, &q, &e);
    ck_assert_msg(a != NULL, "%s", e.text);
    return a;
}

static void refuse(scene *x, gm_ask q, const char *words)
{
    gm_error e = { "" };
    gm_answer *a = gm_session_ask(x->s, &q, &e);
    ck_assert_msg(a == NULL && strstr(e.text, words), "wanted an error with \"%s\", found \"%s\"",
                  words, e.text);
}

/* Where token id stands for the n-th time behind the first `from` of a golden sequence, counted from
 * there; -1: it does not. */
static int64_t place_of(const json_t *sequence, int64_t from, int64_t id, int n)
{
    for (size_t i = (size_t)from; i < json_array_size(sequence); i++)
        if (json_integer_value(json_array_get(sequence, i)) == id && n-- == 0)
            return (int64_t)i - from;
    return -1;
}

/* golden: the case's answer, and the model's own masks against the authors' */
START_TEST(answers_are_the_authors)
{
    scene x = open_scene(NANO, CASES "gcg0.png", NULL);
    json_t *j = json_load_file(CASES "gcg0.json", 0, NULL), *g = json_object_get(j, "generate");
    gm_answer *a = ask(&x, (gm_ask){ .task = GM_GCG });
    ck_assert_str_eq(a->text, json_string_value(json_object_get(g, "answer")));
    const json_t *sequence = json_object_get(g, "sequence");
    ck_assert_int_eq(a->nprompt_ids + a->nids, (int64_t)json_array_size(sequence));
    for (int64_t i = 0; i < a->nids; i++)
        ck_assert_int_eq(
            a->ids[i], json_integer_value(json_array_get(sequence, (size_t)(a->nprompt_ids + i))));
    int64_t masks = 0;
    while (place_of(sequence, a->nprompt_ids, SEG, (int)masks) >= 0) masks++;
    ck_assert_int_ge(masks, 2);
    ck_assert_int_eq(a->nmasks, masks);
    ck_assert_int_eq(a->nspans, masks);
    ck_assert_int_eq(a->span[1].mask, 1);
    ck_assert(a->finished && a->mask[0].area > 1000 && a->mask[0].score > 0 &&
              !a->mask[0].in_prompt);
    gm_answer_free(a);
    json_decref(j);
    close_scene(&x);
}
END_TEST

/* The forced form of phrase grounding on gcg's own question and caption is the training pass:
 * mask_logits/0. */
static void forced(const char *model, const char *folder, const char *caption,
                   const char *instruction)
{
    char path[200];
    snprintf(path, sizeof path, "%s.png", folder);
    scene x = open_scene(model, path, NULL);
    gm_answer *a = ask(&x, (gm_ask){ .task = GM_PHRASE, .text = caption, .forced = 1,
                                     .instruction = instruction });
    snprintf(path, sizeof path, "%s.safetensors", folder);
    gm_file *f = gm_file_open(path, NULL);
    gm_tensor want = gm_file_find(f, "mask_logits_0");
    snprintf(path, sizeof path, "%s.json", folder);
    json_t *j = json_load_file(path, 0, NULL);
    json_t *about = json_object_get(json_object_get(j, "tensors"), "mask_logits/0");
    int64_t stride = json_integer_value(json_object_get(about, "stride")), n = gm_numel(want);
    double tolerance = 8 * json_number_value(json_object_get(about, "f64_gap")) +
                       4 * 1.1920929e-7 * json_number_value(json_object_get(about, "absmax"));
    ck_assert_int_eq(a->nmasks,
                     json_integer_value(json_array_get(json_object_get(about, "shape"), 0)));
    ck_assert_int_gt(n, 1000);
    for (int64_t i = 0; i < n; i++) {
        double error = fabs((double)a->mask[0].logits[i * stride] -
                            (double)((const float *)want.data)[i]);
        ck_assert_msg(error <= tolerance, "value %lld: off by %g, tolerance %g", (long long)i,
                      error, tolerance);
    }
    json_decref(j);
    gm_file_close(f);
    gm_answer_free(a);
    close_scene(&x);
}

START_TEST(forced_phrases_are_the_training_pass)
{
    forced(NANO, CASES "gcg0", "<p> A purple circle </p> is to the left of <p> a white heart </p>.",
           NULL);
    forced("golden/mini/model", "golden/mini/cases/gcg",
           "The image shows <p> a black circle </p>, <p> a red diamond </p>"
           " and <p> a red ring </p>.",
           "Describe the image and mark every object with its mask.");
}
END_TEST

START_TEST(a_conversation_keeps_image_boxes_and_masks)
{
    scene x = open_scene(NANO, CASES "gcg0.png", NULL);
    const double box[1][4] = { { 20, 30, 120, 140 } };
    gm_answer *first = ask(&x, (gm_ask){ .task = GM_REFER, .text = "the white shape" });
    ck_assert_int_eq(first->nmasks, 1);
    gm_answer *second = ask(&x, (gm_ask){ .task = GM_REGION, .boxes = box, .nboxes = 1 });
    ck_assert_int_gt(second->nprompt_ids, first->nprompt_ids + first->nids - 2);
    ck_assert_int_ge(second->nmasks, 1);
    ck_assert(second->mask[0].in_prompt);
    for (int64_t i = 0; i < x.image.width * x.image.height; i++)
        ck_assert_float_eq_tol(second->mask[0].logits[i], first->mask[0].logits[i], 1e-3f);
    gm_answer *third = ask(&x, (gm_ask){ .task = GM_REGION });      /* the box is still there */
    gm_session_reset(x.s);
    refuse(&x, (gm_ask){ .task = GM_REGION }, "box");
    gm_answer *again = ask(&x, (gm_ask){ .task = GM_REFER, .text = "the white shape" });
    ck_assert_int_eq(again->nprompt_ids, first->nprompt_ids);
    ck_assert_str_eq(again->text, first->text);
    gm_answer_free(first);
    gm_answer_free(second);
    gm_answer_free(third);
    gm_answer_free(again);
    close_scene(&x);
}
END_TEST

static bool took_time(const gm_answer *a, const char *stage)
{
    for (int i = 0; i < a->ntimings; i++)
        if (strcmp(a->timing[i].stage, stage) == 0) return true;
    return false;
}

START_TEST(regions_are_numbered_through_a_conversation)
{
    scene x = open_scene(NANO, CASES "region6.png", NULL);
    const double left[1][4] = { { 0, 0, 100, 200 } }, right[1][4] = { { 100, 50, 250, 250 } };
    gm_answer *one = ask(&x, (gm_ask){ .task = GM_REGION, .boxes = left, .nboxes = 1 });
    gm_answer *two = ask(&x, (gm_ask){ .task = GM_REGION, .boxes = right, .nboxes = 1 });
    ck_assert(took_time(one, "clip") && took_time(two, "region") && !took_time(two, "clip"));
    gm_answer *same = ask(&x, (gm_ask){ .task = GM_REGION });
    char *prompt = gm_detokenize(x.m, same->prompt_ids, same->nprompt_ids, NULL);
    const char *first = strstr(prompt, "region1 <bbox>"),
               *second = strstr(prompt, "region2 <bbox>");
    ck_assert(first && second > first && strstr(second, "region3 <bbox>"));
    free(prompt);
    gm_answer_free(one);
    gm_answer_free(two);
    gm_answer_free(same);
    close_scene(&x);
}
END_TEST

START_TEST(what_depends_on_the_image_is_computed_once)
{
    scene x = open_scene(NANO, CASES "refer4.png", NULL);
    gm_ask q = { .task = GM_REFER, .text = "the white shape", .max_new_tokens = INT64_MAX };
    gm_answer *first = ask(&x, q);
    ck_assert(first->nmasks == 1 && took_time(first, "clip") && took_time(first, "sam"));
    char *longer = calloc(1, 9001);
    for (int i = 0; i < 3000; i++) memcpy(longer + 3 * i, "ab ", 3);
    refuse(&x, (gm_ask){ .task = GM_CHAT, .text = longer }, "context");
    free(longer);
    gm_answer *second = ask(&x, q);
    ck_assert(second->nmasks > 0 && !took_time(second, "clip") && !took_time(second, "sam"));
    q.no_kv_cache = 1; /* recomputes, but keeps what was there */
    gm_session_reset(x.s);
    gm_answer *anew = ask(&x, q), *last = ask(&x, (gm_ask){ .task = GM_CAPTION });
    ck_assert_str_eq(anew->text, first->text);
    ck_assert(!took_time(last, "clip"));
    gm_answer_free(first);
    gm_answer_free(second);
    gm_answer_free(anew);
    gm_answer_free(last);
    close_scene(&x);
}
END_TEST

static double seconds_of(const gm_answer *a, const char *stage)
{
    for (int i = 0; i < a->ntimings; i++)
        if (strcmp(a->timing[i].stage, stage) == 0) return a->timing[i].seconds;
    return 0;
}

/* Whatever was asked before, answer and masks are those of a session of its own; and the second
 * question starts sooner. */
START_TEST(what_questions_share_is_read_once)
{
    const char *const text[] = { "the white shape", "the circle", "the white shape" };
    scene x = open_scene(NANO, CASES "refer4.png", NULL);
    for (int i = 0; i < 3; i++) {
        scene alone = open_scene(NANO, CASES "refer4.png", NULL);
        gm_ask q = { .task = GM_REFER, .text = text[i] };
        gm_answer *want = ask(&alone, q), *a = ask(&x, q);
        ck_assert_int_eq(a->nids, want->nids);
        ck_assert(memcmp(a->ids, want->ids, (size_t)a->nids * sizeof *a->ids) == 0);
        ck_assert(a->nmasks == want->nmasks && a->nmasks > 0);
        for (int64_t k = 0; k < a->width * a->height; k++)
            ck_assert_float_eq_tol(a->mask[0].logits[k], want->mask[0].logits[k], 1e-3f);
        if (i) ck_assert_double_lt(seconds_of(a, "first_token"), seconds_of(want, "first_token"));
        gm_answer_free(a);
        gm_answer_free(want);
        close_scene(&alone);
        gm_session_reset(x.s);
    }
    close_scene(&x);
}
END_TEST

/* Five sessions whose answers differ in length, one of which is refused: each has the answer that it
 * has alone, and takes the next question. */
START_TEST(answers_side_by_side_are_those_alone)
{
    enum { N = 5 };
    const char *const picture[N] = { "gcg0", "gcg2", "region6", "caption11", "vqa16" };
    const double box[1][4] = { { 30, 40, 150, 160 } };
    const gm_ask q[N] = {
        { .task = GM_GCG }, { .task = GM_REFER, .text = "the white ring" },
        { .task = GM_REGION, .boxes = box, .nboxes = 1 },
        { .task = GM_CAPTION, .max_new_tokens = 3 },
        { .task = GM_CHAT, .text = "what is <bbox>?" },
    };
    gm_error none = { "" }, e[N] = { { "" } };
    gm_model *m = gm_model_open(NANO, NULL, &none);
    gm_session *s[N], *alone;
    gm_answer *a[N];
    gm_image image[N];
    for (int i = 0; i < N; i++) {
        char path[100];
        snprintf(path, sizeof path, CASES "%s.png", picture[i]);
        ck_assert_int_eq(gm_image_read(&image[i], path, &none), 0);
        s[i] = gm_session_new(m, &image[i], &none);
    }
    ck_assert_int_eq(gm_session_ask_each(s, q, N, a, e), 1);
    ck_assert(!a[N - 1] && strstr(e[N - 1].text, "<bbox>"));
    for (int turn = 0; turn < 2; turn++) {
        for (int i = 0; i < N - 1; i++) {
            alone = gm_session_new(m, &image[i], &none);
            gm_answer *want = gm_session_ask(alone, &q[i], &none);
            ck_assert_msg(a[i] && want, "%s%s", e[i].text, none.text);
            ck_assert_str_eq(a[i]->text, want->text);
            ck_assert(a[i]->nids == want->nids && a[i]->nmasks == want->nmasks);
            ck_assert(memcmp(a[i]->ids, want->ids, (size_t)want->nids * sizeof *want->ids) == 0);
            for (int64_t k = 0; want->nmasks && k < want->nmasks * want->width * want->height; k++)
                ck_assert_float_eq_tol(a[i]->mask[0].logits[k], want->mask[0].logits[k], 1e-3f);
            gm_answer_free(a[i]);
            gm_answer_free(want);
            gm_session_free(alone);
            gm_session_reset(s[i]);
        }
        if (!turn) ck_assert_int_eq(gm_session_ask_each(s, q, N - 1, a, e), 0);
    }
    for (int i = 0; i < N; i++) {
        gm_session_free(s[i]);
        gm_image_free(&image[i]);
    }
    gm_model_free(m);
}
END_TEST

START_TEST(refused_questions_leave_no_trace)
{
    scene x = open_scene(NANO, CASES "refer4.png", NULL);
    const double inverted[1][4] = { { 50, 10, 20, 40 } }, outside[1][4] = { { 0, 0, 10000, 10 } };
    gm_answer *before = ask(&x, (gm_ask){ .task = GM_CAPTION });
    gm_session_reset(x.s);
    refuse(&x, (gm_ask){ .task = GM_REGION, .boxes = inverted, .nboxes = 1 }, "box 1");
    refuse(&x, (gm_ask){ .task = GM_REGION, .boxes = outside, .nboxes = 1 }, "box 1");
    refuse(&x, (gm_ask){ .task = GM_CHAT, .text = "  " }, "empty");
    refuse(&x, (gm_ask){ .task = GM_CHAT, .text = "what is <bbox>?" }, "<bbox>");
    refuse(&x, (gm_ask){ .task = GM_CHAT, .text = "two <image> tokens" }, "<image>");
    gm_error e = { "" };
    ck_assert_ptr_null(gm_session_new(x.m, &(gm_image){ 0, 10, x.image.rgb }, &e));
    ck_assert_ptr_nonnull(strstr(e.text, "1 x 1"));
    char *longer = calloc(1, 9001);
    for (int i = 0; i < 3000; i++) memcpy(longer + 3 * i, "ab ", 3);
    refuse(&x, (gm_ask){ .task = GM_CHAT, .text = longer }, "context");
    free(longer);
    gm_answer *after = ask(&x, (gm_ask){ .task = GM_CAPTION });
    ck_assert_str_eq(after->text, before->text);
    gm_answer_free(before);
    gm_answer_free(after);
    close_scene(&x);
}
END_TEST

START_TEST(two_models_and_both_tables_at_once)
{
    scene ref = open_scene(NANO, CASES "caption11.png", &(gm_model_options){ .backend = "ref" });
    scene cpu = open_scene(NANO, CASES "caption11.png", &(gm_model_options){ .backend = "cpu",
                                                                             .threads = 1 });
    gm_answer *a = ask(&ref, (gm_ask){ .task = GM_CAPTION });
    gm_answer *b = ask(&cpu, (gm_ask){ .task = GM_CAPTION, .no_kv_cache = 1 });
    ck_assert_str_eq(a->text, b->text);
    gm_answer_free(a);
    gm_answer_free(b);
    close_scene(&ref);
    close_scene(&cpu);
}
END_TEST

typedef struct { char text[400]; int stages; size_t before_sam; } heard;

static void on_text(void *user, const char *text, size_t n)
{
    strncat(((heard *)user)->text, text, n);
}

static void on_stage(void *user, const char *stage, double done)
{
    ck_assert(stage[0] && done >= 0 && done <= 1);
    heard *h = user;
    h->stages++;
    if (strcmp(stage, "sam") == 0 && done == 0) h->before_sam = strlen(h->text);
}

START_TEST(text_streams_as_it_is_written)
{
    scene x = open_scene(NANO, CASES "gcg0.png", NULL);
    heard h = { .text = "" };
    gm_answer *a = ask(&x, (gm_ask){ .task = GM_GCG, .on_text = on_text, .on_stage = on_stage,
                                     .user = &h });
    char *want = gm_detokenize(x.m, a->ids, a->nids - 1, NULL);     /* all but </s> */
    ck_assert(a->finished);
    ck_assert_str_eq(h.text, want);
    ck_assert_int_ge(h.stages, 8);
    ck_assert_uint_eq(h.before_sam, strlen(want));                  /* SAM runs when all is said */
    ck_assert(took_time(a, "first_token"));
    free(want);
    gm_answer_free(a);
    close_scene(&x);
}
END_TEST

/* Per stage: how often it was heard of, and how far it had come. */
typedef struct { const char *name; int calls; double done; } tower;

static void on_progress(void *user, const char *stage, double done)
{
    for (tower *t = user; t->name; t++) {
        if (strcmp(t->name, stage) != 0) continue;
        ck_assert(t->calls ? done > t->done : done == 0);
        t->calls++, t->done = done;
    }
}

/* A call at the start, one after each block of the tower: nano's CLIP runs 10 layers, LLaMA has 5,
 * SAM 4 (docs/MODEL.md). */
START_TEST(towers_say_how_far_they_are)
{
    scene x = open_scene(NANO, CASES "gcg0.png", NULL);
    tower t[] = { { "clip", 0, 0 }, { "prefill", 0, 0 }, { "generate", 0, 0 }, { "sam", 0, 0 },
                  { NULL, 0, 0 } };
    gm_answer_free(ask(&x, (gm_ask){ .task = GM_GCG, .on_stage = on_progress, .user = t }));
    const int want[] = { 11, 6, 2, 5 };
    for (int i = 0; i < 4; i++) {
        ck_assert_int_eq(t[i].calls, want[i]);
        ck_assert_double_eq(t[i].done, 1);
    }
    close_scene(&x);
}
END_TEST

START_TEST(sampling_is_seeded)
{
    scene x = open_scene(NANO, CASES "gcg0.png", NULL);
    int different = 0;
    char first[400] = "";
    for (int i = 0; i < 6; i++) {
        gm_session_reset(x.s);
        gm_ask q = { .task = GM_CAPTION, .temperature = 1.5f, .top_p = 0.95f,
                     .seed = (uint64_t)(i ? i - 1 : 0) };
        gm_answer *a = ask(&x, q);
        if (i == 1) ck_assert_str_eq(a->text, first);               /* the same seed again */
        else if (i) different += strcmp(a->text, first) != 0;
        else snprintf(first, sizeof first, "%s", a->text);
        gm_answer_free(a);
    }
    ck_assert_int_ge(different, 1);
    gm_session_reset(x.s);
    gm_answer *greedy = ask(&x, (gm_ask){ .task = GM_CAPTION });
    gm_session_reset(x.s);
    gm_answer *narrow = ask(&x, (gm_ask){ .task = GM_CAPTION, .temperature = 1, .top_p = 1e-6f });
    ck_assert_str_eq(greedy->text, narrow->text);
    gm_answer_free(greedy);
    gm_answer_free(narrow);
    close_scene(&x);
}
END_TEST

START_TEST(the_limit_ends_an_answer)
{
    scene x = open_scene(NANO, CASES "gcg0.png", NULL);
    json_t *j = json_load_file(CASES "gcg0.json", 0, NULL), *g = json_object_get(j, "generate");
    int64_t prompt = (int64_t)json_array_size(json_object_get(g, "prompt_ids"));
    int64_t limit = place_of(json_object_get(g, "sequence"), prompt, SEG, 0) + 1;
    json_decref(j);
    gm_answer *a = ask(&x, (gm_ask){ .task = GM_GCG, .max_new_tokens = limit });
    ck_assert_int_gt(limit, 1);
    ck_assert_int_eq(a->nids, limit);                               /* ends on the first [SEG] */
    ck_assert(!a->finished);
    ck_assert_int_eq(a->nmasks, 1);
    gm_answer *none = ask(&x, (gm_ask){ .task = GM_GCG, .max_new_tokens = 3, .no_masks = 1 });
    ck_assert_int_eq(none->nmasks, 0);
    gm_answer_free(a);
    gm_answer_free(none);
    close_scene(&x);
}
END_TEST

Suite *test_session(void)
{
    Suite *s = suite_create("session");
    TCase *t = tcase_create("session");
    tcase_set_timeout(t, 120);
    tcase_add_test(t, answers_are_the_authors);
    tcase_add_test(t, forced_phrases_are_the_training_pass);
    tcase_add_test(t, a_conversation_keeps_image_boxes_and_masks);
    tcase_add_test(t, regions_are_numbered_through_a_conversation);
    tcase_add_test(t, what_depends_on_the_image_is_computed_once);
    tcase_add_test(t, what_questions_share_is_read_once);
    tcase_add_test(t, answers_side_by_side_are_those_alone);
    tcase_add_test(t, refused_questions_leave_no_trace);
    tcase_add_test(t, two_models_and_both_tables_at_once);
    tcase_add_test(t, text_streams_as_it_is_written);
    tcase_add_test(t, towers_say_how_far_they_are);
    tcase_add_test(t, sampling_is_seeded);
    tcase_add_test(t, the_limit_ends_an_answer);
    suite_add_tcase(s, t);
    return s;
}
