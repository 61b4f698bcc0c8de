/* What rounding costs: differences by hand, an answer's surprise by PyTorch (golden/mini), and the
 * program on models/nano. */
#include <check.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "../io/os.h"
#include "../train/drift.h"
#include "program.h"
#include "vectors.h"

#define CASE "golden/mini/cases/gcg"

/* p (1/4, 3/4) against q (1/2, 1/2); then twice the same.  Masks that share one of three pixels,
 * and two empty ones. */
START_TEST(differences_by_hand)
{
    float want[] = { 0, 1.09861229f, 5, 6 }, got[] = { 7, 7, 5, 6 };
    int32_t label[] = { 0, 1 };
    uint8_t a[] = { 1, 1, 0, 0, 0, 0 }, b[] = { 0, 1, 1, 0, 0, 0 };
    const gm_said x = { 2, 2, want, label, 2, 3, a }, y = { 2, 2, got, label, 2, 3, b };
    gm_drift d = { 0 };
    gm_drift_add(&d, &x, &y);
    double kl = 0.25 * log(0.5) + 0.75 * log(1.5), surprise = log(2) + log(1 + exp(-1));
    ck_assert(d.tokens == 2 && d.masks == 2 && d.same == 1);
    ck_assert_double_eq_tol(d.kl, kl, 1e-7);
    ck_assert_double_eq_tol(d.most_kl, kl, 1e-7);
    ck_assert_double_eq_tol(d.surprise, surprise, 1e-7);
    ck_assert_double_eq_tol(d.iou, 1 / 3.0 + 1, 1e-12);
}
END_TEST

START_TEST(the_answer_s_loss_is_pytorch_s)
{
    gm_error e = { "" };
    gm_said said;
    gm_drift d = { 0 };
    json_t *all = load_vectors(CASE ".json");
    const json_t *talk = json_array_get(json_object_get(all, "conversations"), 0),
                 *turn = json_array_get(json_object_get(talk, "turns"), 0);
    char *turns[] = { (char *)text_in(turn, "user"), (char *)text_in(turn, "assistant") };
    gm_sample s = { .kind = GM_SET_SEGM, .source = "gcg", .turn = turns, .turns = 2 };
    gm_model *m = gm_model_open("golden/mini/model", NULL, &e);
    ck_assert_msg(m && gm_image_read(&s.image, CASE ".png", &e) == 0, "%s", e.text);
    ck_assert_msg(gm_said_make(&said, m, &s, &e) == 0, "%s", e.text);
    gm_drift_add(&d, &said, &said);
    double want = json_number_value(json_object_get(json_object_get(all, "losses_f64"), "ce_loss"));
    ck_assert_double_eq_tol(d.surprise / (double)d.tokens, want, 1e-5);
    ck_assert(d.same == d.tokens && d.masks == 3 && fabs(d.kl) < 1e-12 && d.iou == 3);
    ck_assert_int_eq(said.pixels, 300 * 200);
    gm_said_free(&said);
    gm_image_free(&s.image);
    gm_model_free(m);
    json_decref(all);
}
END_TEST

static double number_of(const json_t *rows, size_t i, const char *key)
{
    return json_number_value(json_object_get(json_array_get(rows, i), key));
}

static json_t *report(const char *arguments)
{
    clean_output();
    ck_assert_int_eq(shell("mkdir -p " OUTPUT " && $G quantize models/nano %s --json -q "
                           "--scratch " OUTPUT, arguments), 0);
    json_t *all = json_loads(said(), 0, NULL);
    ck_assert_msg(json_array_size(json_object_get(all, "types")) > 1, "%s", said());
    ck_assert(!gm_is_dir(OUTPUT "/glamm-quantize.tmp"));
    return all;
}

START_TEST(less_bits_cost_more)
{
    json_t *all = report("--type bf16 --type q8_0 --type q4_0 --samples 6");
    const json_t *rows = json_object_get(all, "types");
    ck_assert_int_eq(json_integer_value(json_object_get(all, "conversations")), 6);
    for (size_t i = 0; i < 2; i++) {            /* as it is; and bf16, in which it is stored */
        ck_assert(fabs(number_of(rows, i, "kl")) < 1e-9 && number_of(rows, i, "same_top1") == 1);
        ck_assert_double_ge(number_of(rows, i, "mask_iou"), 0.9999);
    }
    double q8 = number_of(rows, 2, "kl"), q4 = number_of(rows, 3, "kl");
    ck_assert_msg(q8 > 1e-7 && q8 < 2e-3 && q4 > 5 * q8 && q4 < 1, "%g, %g", q8, q4);
    ck_assert_double_ge(number_of(rows, 2, "same_top1"), 0.98);
    ck_assert_double_ge(number_of(rows, 2, "mask_iou"), 0.98);
    ck_assert_double_lt(number_of(rows, 3, "megabytes"), number_of(rows, 2, "megabytes"));
    ck_assert(number_of(rows, 3, "of_another_type") == 0);
    json_decref(all);
}
END_TEST

/* nano's rows of 160 and 448: no blocks of 256. */
START_TEST(types_that_do_not_fit)
{
    json_t *all = report("--type q4_K --samples 1");
    const json_t *rows = json_object_get(all, "types");
    ck_assert_double_gt(number_of(rows, 1, "of_another_type"), 10);
    json_decref(all);
}
END_TEST

/* Activations in 8 bits as llama.cpp has them, against the exact model. */
START_TEST(eight_bit_activations)
{
    json_t *all = report("--type q8_0 --samples 30 --activations q8");
    const json_t *rows = json_object_get(all, "types");
    ck_assert(number_of(rows, 0, "kl") < 1e-9 && number_of(rows, 1, "kl") > 1e-7);
    ck_assert_double_ge(number_of(rows, 1, "same_top1"), 0.99);
    ck_assert_double_ge(number_of(rows, 1, "mask_iou"), 0.98);
    json_decref(all);
}
END_TEST

START_TEST(about_images_of_one_s_own)
{
    json_t *all = report("golden/nano/scenes/demo.png --type q8_0");
    const json_t *rows = json_object_get(all, "types");
    ck_assert_int_eq(json_integer_value(json_object_get(all, "conversations")), 1);
    /* its own greedy answer surprises it little */
    ck_assert(number_of(rows, 0, "perplexity") >= 1 && number_of(rows, 0, "perplexity") < 1.5);
    ck_assert_double_gt(number_of(rows, 1, "mask_iou"), 0.95);
    json_decref(all);
}
END_TEST

START_TEST(what_is_refused)
{
    static const struct { const char *arguments, *want; int status; } bad[] = {
        { "models/nano --type q3_K", "--type: wanted one of", 2 },
        { "models/none", "models/none", 1 },
        { "models/nano golden/README.md", "README.md", 1 },
        { "models/nano --scratch " OUTPUT "/full", "is there already", 1 },
        { "", "MODEL", 2 },
    };
    clean_output();
    ck_assert_int_eq(shell("mkdir -p " OUTPUT "/full/glamm-quantize.tmp"), 0);
    ck_assert_int_eq(shell("$G quantize %s", bad[_i].arguments), bad[_i].status);
    ck_assert_msg(strstr(complained(), bad[_i].want), "%s", complained());
}
END_TEST

Suite *test_quantize(void);
Suite *test_quantize(void)
{
    Suite *s = suite_create("quantize");
    TCase *t = tcase_create("quantize");
    tcase_add_test(t, differences_by_hand);
    tcase_add_test(t, the_answer_s_loss_is_pytorch_s);
    tcase_add_test(t, less_bits_cost_more);
    tcase_add_test(t, types_that_do_not_fit);
    tcase_add_test(t, eight_bit_activations);
    tcase_add_test(t, about_images_of_one_s_own);
    tcase_add_loop_test(t, what_is_refused, 0, 5);
    tcase_set_timeout(t, 120);
    suite_add_tcase(s, t);
    return s;
}
