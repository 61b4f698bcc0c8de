/* Metrics over masks against pycocotools, numpy and scipy (golden/make_eval_masks.py). */
#include <check.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "../eval/masks.h"

static double number(json_t *o, const char *key)
{
    json_t *v = json_object_get(o, key);
    ck_assert_msg(json_is_number(v) || json_is_boolean(v), "no %s", key);
    return json_is_boolean(v) ? json_is_true(v) : json_number_value(v);
}

static gm_rle mask(json_t *o)
{
    gm_error e = { "" };
    gm_rle r;
    json_t *size = json_object_get(o, "size");
    int64_t H = json_integer_value(json_array_get(size, 0)),
            W = json_integer_value(json_array_get(size, 1));
    ck_assert_msg(gm_rle_parse(&r, json_string_value(json_object_get(o, "counts")), H, W, &e) == 0,
                  "%s", e.text);
    return r;
}

static json_t *sets(json_t **root)
{
    *root = json_load_file("golden/eval_masks.json", 0, NULL);
    json_t *list = json_object_get(*root, "sets");
    ck_assert_uint_ge(json_array_size(list), 6);
    return list;
}

static void load(gm_mask_image *m, json_t *image)
{
    json_t *truth = json_object_get(image, "truth"), *found = json_object_get(image, "found"), *j;
    int64_t T = (int64_t)json_array_size(truth), F = (int64_t)json_array_size(found);
    gm_true_mask *t = calloc((size_t)T + 1, sizeof *t);
    gm_rle *f = calloc((size_t)F + 1, sizeof *f);
    double *score = calloc((size_t)F + 1, sizeof *score);
    size_t i;
    ck_assert(t && f && score);
    json_array_foreach(truth, i, j)
        t[i] = (gm_true_mask){ mask(j), number(j, "area"), number(j, "crowd") != 0,
                               number(j, "id") == 0 };
    json_array_foreach(found, i, j) {
        f[i] = mask(j);
        score[i] = number(j, "score");
    }
    *m = (gm_mask_image){ t, f, score, T, F };
}

static void unload(gm_mask_image *m)
{
    for (int64_t i = 0; i < m->ntruth; i++) free(m->truth[i].mask.count);
    for (int64_t i = 0; i < m->nfound; i++) free(m->found[i].count);
    free((void *)m->truth);
    free((void *)m->found);
    free((void *)m->score);
}

START_TEST(average_precision)
{
    json_t *root, *list = sets(&root), *set, *j;
    size_t s, i;
    json_array_foreach(list, s, set) {
        json_t *images = json_object_get(set, "images");
        int64_t n = (int64_t)json_array_size(images);
        gm_mask_image *m = calloc((size_t)n, sizeof *m);
        double stats[GM_AP_STATS];
        ck_assert_ptr_nonnull(m);
        json_array_foreach(images, i, j) load(&m[i], j);
        ck_assert_int_eq(gm_coco_ap(stats, m, n, NULL), 0);
        for (i = 0; i < GM_AP_STATS; i++) {
            double want = json_number_value(json_array_get(json_object_get(set, "stats"), i));
            ck_assert_msg(fabs(stats[i] - want) < 1e-12, "set %zu, %s: %.17g, wanted %.17g", s,
                          GM_AP_NAMES[i], stats[i], want);
        }
        for (int64_t k = 0; k < n; k++) unload(&m[k]);
        free(m);
    }
    json_decref(root);
}
END_TEST

START_TEST(nothing_to_find)
{
    double stats[GM_AP_STATS];
    ck_assert_int_eq(gm_coco_ap(stats, NULL, 0, NULL), 0);
    for (int i = 0; i < GM_AP_STATS; i++) ck_assert_double_eq(stats[i], -1);
}
END_TEST

/* Equal sums have several assignments, so the sum is compared.  iou without NaN. */
static void check_assignment(const double *iou, int64_t T, int64_t F, double want)
{
    int64_t match[200];
    bool used[200] = { false };
    double sum = 0;
    ck_assert(T <= 200 && F <= 200);
    ck_assert_int_eq(gm_assign(match, iou, T, F), 0);
    for (int64_t t = 0; t < T; t++) {
        if (match[t] < 0) continue;
        ck_assert(match[t] < F && !used[match[t]]);
        used[match[t]] = true;
        sum += iou[t * F + match[t]];
    }
    ck_assert_double_eq_tol(sum, want, 1e-12);
}

static void check_image(const gm_mask_image *m, json_t *image, int64_t counts[3])
{
    json_t *want = json_object_get(image, "iou"),
           *similarity = json_object_get(image, "similarity");
    int64_t T = m->ntruth, F = m->nfound, L = (int64_t)number(image, "labels"),
            P = (int64_t)number(image, "phrases");
    double *iou = calloc((size_t)(T * F) + 1, sizeof *iou),
           *turned = calloc((size_t)(T * F) + 1, sizeof *iou);
    double *text = calloc((size_t)(L * P) + 1, sizeof *text);
    gm_rle *t = calloc((size_t)T + 1, sizeof *t);
    gm_error e = { "" };
    ck_assert(iou && turned && text && t);
    for (int64_t i = 0; i < T; i++) t[i] = m->truth[i].mask;
    for (int64_t f = 0; f < F; f++)
        for (int64_t i = 0; i < T; i++) {
            double w = json_number_value(
                json_array_get(json_array_get(want, (size_t)f), (size_t)i));
            double got = gm_rle_iou(&m->found[f], &t[i], m->truth[i].crowd);
            ck_assert_msg(w == got, "IoU %.17g, wanted %.17g", got, w);
        }
    for (int64_t l = 0; l < L; l++)
        for (int64_t p = 0; p < P; p++)
            text[l * P + p] = json_real_value(
                json_array_get(json_array_get(similarity, (size_t)l), (size_t)p));
    ck_assert_msg(gm_iou_matrix(turned, m->found, F, t, T, &e) == 0, "%s", e.text);
    ck_assert_double_eq_tol(gm_miou(turned, F, T, NULL), number(image, "miou"), 1e-12);
    bool outside = false;
    ck_assert_int_eq(gm_iou_matrix(iou, t, T, m->found, F, &e), 0);
    gm_recall_image r = { iou, text, T, F, L, P };
    int64_t pairs = (int64_t)number(image, "released");
    ck_assert_int_eq(gm_recall_found(&r, GM_RECALL_RELEASED, &outside), pairs < 0 ? 0 : pairs);
    ck_assert_int_eq(outside, pairs < 0);
    ck_assert_int_eq(gm_recall_wanted(&r, GM_RECALL_RELEASED), L);
    if (pairs > 0) counts[0] += pairs;
    counts[2] += pairs < 0;
    ck_assert_int_eq(gm_iou_matrix(iou, t, T, m->found, F, &e), 0);
    int64_t got = gm_recall_found(&r, GM_RECALL_PAPER, NULL);
    pairs = (int64_t)number(image, "paper");
    if (pairs >= 0) ck_assert_int_eq(got, pairs);
    if (pairs > 0) counts[1] += pairs;
    ck_assert_int_eq(gm_recall_wanted(&r, GM_RECALL_PAPER), T);
    check_assignment(iou, T, F, number(image, "best_sum"));
    free(iou);
    free(turned);
    free(text);
    free(t);
}

START_TEST(pairs_of_masks)
{
    json_t *root, *list = sets(&root), *set, *j;
    int64_t counts[3] = { 0 };
    size_t s, i;
    json_array_foreach(list, s, set)
        json_array_foreach(json_object_get(set, "images"), i, j) {
            gm_mask_image m;
            load(&m, j);
            check_image(&m, j, counts);
            unload(&m);
        }
    ck_assert_int_gt(counts[0], 20);
    ck_assert_int_gt(counts[1], 20);
    ck_assert_int_gt(counts[2], 0);
    json_decref(root);
}
END_TEST

START_TEST(two_sizes)
{
    uint8_t full[6] = { 1, 1, 1, 1, 1, 1 };
    gm_rle a, b;
    double iou;
    gm_error e = { "" };
    ck_assert_int_eq(gm_rle_encode(&a, full, 2, 3, &e) + gm_rle_encode(&b, full, 3, 2, &e), 0);
    ck_assert_double_eq(gm_rle_iou(&a, &b, false), -1);
    ck_assert_int_eq(gm_iou_matrix(&iou, &a, 1, &b, 1, &e), -1);
    ck_assert_str_eq(e.text, "masks of two sizes: 3 x 2 and 2 x 3");
    gm_rle_free(&a);
    gm_rle_free(&b);
}
END_TEST

/* The largest sum of IoUs is not the greedy one. */
START_TEST(assignment_is_not_greedy)
{
    double value[] = { 0.9, 0.8, 0.8, 0.1, 0.7, 0.6 };
    int64_t match[3];
    ck_assert_int_eq(gm_assign(match, value, 2, 2), 0);
    ck_assert(match[0] == 1 && match[1] == 0);
    ck_assert_int_eq(gm_assign(match, value, 3, 2), 0);         /* 0.9 + 0.6, 0.8 + 0.8 ... */
    ck_assert(match[0] == 1 && match[1] == 0 && match[2] == -1);
    ck_assert_int_eq(gm_assign(match, value, 1, 3), 0);
    ck_assert_int_eq(match[0], 0);
}
END_TEST

START_TEST(referring)
{
    static const uint8_t found[] = { 1, 255, 0, 0, 1, 0 }, truth[] = { 1, 2, 1, 0, 0, 2 };
    static const uint8_t none[6] = { 0 };
    gm_seg_sums s = { 0 };
    gm_seg_add(&s, found, truth, 6);            /* 1 of 4: the 2s only count where found */
    gm_seg_add(&s, none, none, 6);
    ck_assert_int_eq(s.both, 1);
    ck_assert_int_eq(s.either, 4);
    ck_assert_double_eq_tol(gm_giou(&s), (1 / (4 + 1e-5) + 1) / (2 + 1e-5), 1e-15);
    ck_assert_double_eq_tol(gm_ciou(&s), 1 / (4 + 1e-10), 1e-15);
}
END_TEST

Suite *test_eval_masks(void)
{
    Suite *s = suite_create("eval masks");
    TCase *t = tcase_create("eval masks");
    tcase_set_timeout(t, 60);
    tcase_add_test(t, average_precision);
    tcase_add_test(t, nothing_to_find);
    tcase_add_test(t, pairs_of_masks);
    tcase_add_test(t, two_sizes);
    tcase_add_test(t, assignment_is_not_greedy);
    tcase_add_test(t, referring);
    suite_add_tcase(s, t);
    return s;
}
