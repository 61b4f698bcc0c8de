/* Masks of a conversation that is given whole: golden/mini's case refer, which PyTorch ran as the
 * authors' evaluation of referring segmentation does. */
#include <check.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "../io/checkpoint.h"
#include "../io/image.h"
#include "../ref/model_open.h"
#include "vectors.h"

#define CASE "golden/mini/cases/refer"

/* The largest difference to the stored logits: every stride-th of the n. */
static double compare(const float *logits, int64_t n, int64_t stride)
{
    gm_error e = { "" };
    gm_file *f = gm_file_open(CASE ".safetensors", &e);
    ck_assert_msg(f != NULL, "%s", e.text);
    gm_tensor want = gm_file_find(f, "mask_logits_0");
    ck_assert_ptr_nonnull(want.data);
    ck_assert_int_eq(gm_numel(want), (n + stride - 1) / stride);
    double most = 0;
    for (int64_t i = 0; i < gm_numel(want); i++)
        most = fmax(most, fabs((double)logits[i * stride] - ((const float *)want.data)[i]));
    gm_file_close(f);
    return most;
}

START_TEST(the_authors_masks)
{
    gm_error e = { "" };
    gm_image im;
    float *logits;
    int64_t n;
    json_t *all = load_vectors(CASE ".json");
    const json_t *talk = json_array_get(json_object_get(all, "conversations"), 0);
    const json_t *turns = json_object_get(talk, "turns");
    const json_t *facts = json_object_get(json_object_get(all, "tensors"), "mask_logits/0");
    const char *turn[6];
    ck_assert_uint_eq(json_array_size(turns), 3);
    for (size_t k = 0; k < 3; k++) {
        turn[2 * k] = text_in(json_array_get(turns, k), "user");
        turn[2 * k + 1] = text_in(json_array_get(turns, k), "assistant");
    }
    gm_model *m = gm_model_open("golden/mini/model", NULL, &e);
    ck_assert_msg(m && gm_image_read(&im, CASE ".png", &e) == 0, "%s", e.text);
    ck_assert_msg(gm_forced_masks(m, &im, turn, 6, &logits, &n, &e) == 0, "%s", e.text);
    ck_assert_int_eq(n, 3);
    double gap = json_number_value(json_object_get(facts, "f64_gap"));
    double most = json_number_value(json_object_get(facts, "absmax"));
    int64_t stride = json_integer_value(json_object_get(facts, "stride"));
    double off = compare(logits, n * im.width * im.height, stride);
    ck_assert_msg(off <= 8 * gap + 4 * 1.2e-7 * most, "off by %g", off);
    free(logits);
    /* a conversation without masks has none, and one that does not fit is an error */
    const char *plain[] = { turn[0], "It is there." }, *bad[] = { "", "It is [SEG]." };
    ck_assert_msg(gm_forced_masks(m, &im, plain, 2, &logits, &n, &e) == 0, "%s", e.text);
    ck_assert_int_eq(n, 0);
    free(logits);
    ck_assert_int_eq(gm_forced_masks(m, &im, bad, 2, &logits, &n, &e), -1);
    free(logits);
    gm_image_free(&im);
    gm_model_free(m);
    json_decref(all);
}
END_TEST

Suite *test_eval_forced(void);
Suite *test_eval_forced(void)
{
    Suite *s = suite_create("eval forced");
    TCase *t = tcase_create("eval forced");
    tcase_set_timeout(t, 60);
    tcase_add_test(t, the_authors_masks);
    suite_add_tcase(s, t);
    return s;
}
