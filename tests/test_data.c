/* The readers of data sets and the collation against what the authors' classes make of the same
 * files (golden/data/expected.json). */
#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "../io/polygon.h"
#include "../train/batch.h"
#include "../train/data.h"
#include "vectors.h"

typedef struct { const char *name, *line; } one_set;

/* Names as expected.json has them; images lie in one folder. */
#define IMAGES " images=golden/data/images"
static const one_set SETS[] = {
    { "grandf", "grandf golden/data/grandf.json" IMAGES },
    { "openpsg", "grandf golden/data/openpsg.json" IMAGES },
    { "refcocog-gcg", "refcocog-gcg golden/data/refcocog-gcg.json" IMAGES },
    { "flickr-gcg", "flickr-gcg golden/data/flickr-gcg.json" IMAGES },
    { "refcoco-region", "refcoco-region golden/data/refcoco-region.json" IMAGES },
    { "refcocog-region", "refcocog-region golden/data/refcocog-region.json" IMAGES },
    { "vg-region", "vg-region golden/data/vg-region.json" IMAGES },
    { "flickr-region", "flickr-region golden/data/flickr-region.json" IMAGES },
    { "coco-caption", "coco-caption golden/data/coco-caption.json" IMAGES },
    { "llava", "llava golden/data/llava.json" IMAGES },
    { "refcoco train", "refer golden/data/refcoco" IMAGES },
    { "refcoco val", "refer golden/data/refcoco split=val" IMAGES },
    { "refcocog testA", "refer golden/data/refcocog split=testA" IMAGES },
    { "refcocog test", "refer golden/data/refcocog split=test" IMAGES },
    { "ade20k", "ade20k golden/data/ade20k" IMAGES },
    { "cocostuff", "cocostuff golden/data/cocostuff" IMAGES },
    { "paco", "paco golden/data/paco.json" IMAGES },
    { "pascal-part", "pascal-part golden/data/pascal-part.json" IMAGES },
};
enum { NSETS = sizeof SETS / sizeof *SETS };

static gm_model *open_model(void)
{
    gm_error e = { "" };
    gm_model *m = gm_model_open("golden/mini/model", NULL, &e);
    ck_assert_msg(m != NULL, "%s", e.text);
    return m;
}

static gm_data *open_set(const char *line, const gm_model *m, uint64_t seed)
{
    gm_error e = { "" };
    gm_data_options o = { .prompts = m->prompts, .seed = seed };
    gm_data *d = gm_data_open(&line, 1, &o, &e);
    ck_assert_msg(d != NULL, "%s", e.text);
    return d;
}

static const char *line_of(const char *name)
{
    for (int i = 0; i < NSETS; i++)
        if (!strcmp(SETS[i].name, name)) return SETS[i].line;
    ck_abort_msg("no set %s", name);
    return NULL;
}

/* Conversation, ids and labels, boxes and masks of a record. */
static void check_sample(const gm_model *m, const gm_sample *s, const json_t *want)
{
    gm_error e = { "" };
    gm_train_batch b;
    const char *const *turn = (const char *const *)s->turn;
    char *text = gm_conversation(m->prompts, "llava_v1", turn, s->turns, &e);
    ck_assert_str_eq(text, text_in(want, "conversation"));
    ck_assert_msg(gm_train_batch_make(&b, m, s, 1, 0, &e) == 0, "%s", e.text);
    check_ids(b.ids, b.L, json_object_get(want, "ids"), s->source);
    check_ids(b.labels, b.L, json_object_get(want, "labels"), s->source);
    const json_t *boxes = json_object_get(want, "boxes"), *masks = json_object_get(want, "masks");
    ck_assert_int_eq(b.boxes, (int64_t)json_array_size(boxes));
    for (int64_t i = 0; i < 4 * b.boxes; i++) {
        const json_t *box = json_array_get(boxes, (size_t)i / 4);
        double v = json_number_value(json_array_get(box, (size_t)i % 4));
        /* Theirs goes through pixels of the cropped image in float32. */
        ck_assert_msg(fabs(b.box[i] - v) <= 3e-7 * fmax(1, fabs(v)), "%s: box value %d: %.9g, "
                      "wanted %.9g", s->source, (int)i, b.box[i], v);
    }
    ck_assert_int_eq(s->masks, (int64_t)json_array_size(masks));
    for (int64_t k = 0; k < s->masks; k++) {
        char *runs = gm_rle_text(&s->mask[k], &e);
        ck_assert_str_eq(runs, json_string_value(json_array_get(masks, (size_t)k)));
        free(runs);
    }
    gm_train_batch_free(&b);
    free(text);
}

START_TEST(every_record_is_as_the_authors_make_it)
{
    json_t *all = load_vectors("golden/data/expected.json");
    json_t *want = json_object_get(json_object_get(all, "sets"), SETS[_i].name), *one;
    gm_model *m = open_model();
    uint64_t seed = (uint64_t)json_integer_value(json_object_get(all, "seed"));
    gm_data *d = open_set(SETS[_i].line, m, seed);
    size_t i;
    int good = 0;
    ck_assert_int_eq(gm_data_size(d), (int64_t)json_array_size(want));
    json_array_foreach(want, i, one) {
        gm_sample s;
        gm_error e = { "" };
        gm_problem p = gm_data_record(d, (int64_t)i, &s, &e);
        if (json_is_null(one)) {
            ck_assert_msg(p == GM_PROBLEM_EMPTY, "%s record %zu: %s", SETS[_i].name, i, e.text);
            continue;
        }
        ck_assert_msg(p == GM_PROBLEM_NONE, "%s", e.text);
        check_sample(m, &s, one);
        gm_sample_free(&s);
        good++;
    }
    ck_assert_int_gt(good, 0);
    gm_data_close(d);
    gm_model_free(m);
    json_decref(all);
}
END_TEST

static void check_rows(const int32_t *got, int64_t B, int64_t L, const json_t *rows,
                       const char *what)
{
    ck_assert_int_eq(B, (int64_t)json_array_size(rows));
    for (int64_t i = 0; i < B; i++)
        check_ids(got + i * L, L, json_array_get(rows, (size_t)i), what);
}

/* Sums of the pixels of each image: the order of summation differs, nothing else. */
static void check_sums(const float *x, int64_t n, const json_t *sums)
{
    for (size_t i = 0; i < json_array_size(sums); i++) {
        double sum = 0, size = 0, want = json_number_value(json_array_get(sums, i));
        for (int64_t k = 0; k < n; k++) {
            sum += x[(int64_t)i * n + k];
            size += fabs(x[(int64_t)i * n + k]);
        }
        ck_assert_msg(fabs(sum - want) <= 1e-6 * size, "sum %.9g, wanted %.9g", sum, want);
    }
}

static void check_batch(const gm_train_batch *b, const json_t *want)
{
    const json_t *resized = json_object_get(want, "resized");
    const json_t *sums = json_object_get(want, "mask_sum");
    check_rows(b->ids, b->B, b->L, json_object_get(want, "ids"), "ids");
    check_rows(b->labels, b->B, b->L, json_object_get(want, "labels"), "labels");
    check_sums(b->clip, 3 * b->S * b->S, json_object_get(want, "clip_sum"));
    ck_assert_int_eq(b->sam != NULL, json_is_array(json_object_get(want, "sam_sum")));
    if (b->sam) check_sums(b->sam, 3 * b->Z * b->Z, json_object_get(want, "sam_sum"));
    for (int64_t i = 0; i < b->B; i++) {
        const json_t *list = json_array_get(sums, (size_t)i);
        const json_t *size = json_array_get(resized, (size_t)i);
        int64_t n = b->original[i][0] * b->original[i][1];
        ck_assert_int_eq(b->offset[i], i);
        for (size_t k = 0; json_is_array(resized) && k < 2; k++)
            ck_assert_int_eq(b->resized[i][k], json_integer_value(json_array_get(size, k)));
        for (int64_t k = 0; k < b->targets[i]; k++) {
            double sum = 0;
            for (int64_t p = 0; p < n; p++) sum += b->target[i][k * n + p];
            ck_assert_double_eq(sum, json_number_value(json_array_get(list, (size_t)k)));
        }
    }
}

START_TEST(batches_are_padded_and_cut_as_the_authors_do)
{
    json_t *all = load_vectors("golden/data/expected.json"), *want;
    gm_model *m = open_model();
    uint64_t seed = (uint64_t)json_integer_value(json_object_get(all, "seed"));
    size_t i;
    json_array_foreach(json_object_get(all, "batches"), i, want) {
        gm_error e = { "" };
        gm_sample s[2];
        gm_train_batch b;
        gm_data *d = open_set(line_of(text_in(want, "set")), m, seed);
        for (size_t k = 0; k < 2; k++) {
            json_t *record = json_array_get(json_object_get(want, "records"), k);
            ck_assert_int_eq(gm_data_record(d, json_integer_value(record), &s[k], &e), 0);
        }
        int64_t most = json_integer_value(json_object_get(want, "most"));
        ck_assert_msg(gm_train_batch_make(&b, m, s, 2, most, &e) == 0, "%s", e.text);
        check_batch(&b, want);
        ck_assert(!most || b.L == most);
        int64_t tokens = 0;
        for (int64_t k = 0; k < 2; k++) {
            int64_t segs = 0;
            for (int64_t p = 0; p < b.L; p++) {
                segs += b.ids[k * b.L + p] == gm_token_id(m->tokenizer, "[SEG]");
                tokens += b.ids[k * b.L + p] == gm_token_id(m->tokenizer, "<bbox>");
            }
            ck_assert_int_eq(b.targets[k], segs);
        }
        ck_assert_int_eq(b.boxes, tokens);
        gm_train_batch_free(&b);
        for (int k = 0; k < 2; k++) gm_sample_free(&s[k]);
        gm_data_close(d);
    }
    ck_assert_int_eq(i, 3);
    gm_model_free(m);
    json_decref(all);
}
END_TEST

START_TEST(a_batch_of_two_kinds_is_refused)
{
    gm_model *m = open_model();
    gm_sample s[2];
    gm_error e = { "" };
    gm_train_batch b;
    gm_data *one = open_set(line_of("grandf"), m, 1), *two = open_set(line_of("llava"), m, 1);
    ck_assert_int_eq(gm_data_record(one, 0, &s[0], &e), 0);
    ck_assert_int_eq(gm_data_record(two, 0, &s[1], &e), 0);
    ck_assert_int_ne(gm_train_batch_make(&b, m, s, 2, 0, &e), 0);
    ck_assert_ptr_nonnull(strstr(e.text, "one kind"));
    for (int k = 0; k < 2; k++) gm_sample_free(&s[k]);
    gm_data_close(one);
    gm_data_close(two);
    gm_model_free(m);
}
END_TEST

/* One id too many is one too many. */
START_TEST(a_batch_is_cut_to_the_id)
{
    gm_model *m = open_model();
    gm_data *d = open_set(line_of("grandf"), m, 1);
    gm_sample s;
    gm_error e = { "" };
    gm_train_batch whole, cut;
    ck_assert_int_eq(gm_data_record(d, 0, &s, &e), 0);
    ck_assert_int_eq(gm_train_batch_make(&whole, m, &s, 1, 0, &e), 0);
    ck_assert_int_eq(gm_train_batch_make(&cut, m, &s, 1, whole.L - 1, &e), 0);
    ck_assert_int_eq(cut.L, whole.L - 1);
    ck_assert_mem_eq(cut.ids, whole.ids, (size_t)cut.L * sizeof *cut.ids);
    gm_train_batch_free(&whole);
    gm_train_batch_free(&cut);
    gm_sample_free(&s);
    gm_data_close(d);
    gm_model_free(m);
}
END_TEST

START_TEST(polygons_are_filled_as_pycocotools_does)
{
    json_t *all = load_vectors("golden/data/expected.json"), *want;
    size_t i;
    json_array_foreach(json_object_get(all, "polygons"), i, want) {
        const json_t *size = json_object_get(want, "size");
        const json_t *list = json_object_get(want, "points");
        double points[2][16];
        const double *xy[2] = { points[0], points[1] };
        int64_t n[2];
        for (size_t k = 0; k < json_array_size(list); k++) {
            const json_t *one = json_array_get(list, k);
            n[k] = (int64_t)json_array_size(one) / 2;
            ck_assert(json_array_size(one) <= 16);
            for (size_t j = 0; j < json_array_size(one); j++)
                points[k][j] = json_number_value(json_array_get(one, j));
        }
        gm_rle r;
        gm_error e = { "" };
        ck_assert_int_eq(gm_rle_polygons(&r, xy, n, (int64_t)json_array_size(list),
                                         json_integer_value(json_array_get(size, 0)),
                                         json_integer_value(json_array_get(size, 1)), &e), 0);
        char *text = gm_rle_text(&r, &e);
        ck_assert_str_eq(text, text_in(want, "counts"));
        free(text);
        gm_rle_free(&r);
    }
    ck_assert_int_eq(i, 60);
    json_decref(all);
}
END_TEST

Suite *test_data(void);

Suite *test_data(void)
{
    Suite *s = suite_create("data");
    TCase *c = tcase_create("data");
    tcase_add_loop_test(c, every_record_is_as_the_authors_make_it, 0, NSETS);
    tcase_add_test(c, batches_are_padded_and_cut_as_the_authors_do);
    tcase_add_test(c, a_batch_is_cut_to_the_id);
    tcase_add_test(c, polygons_are_filled_as_pycocotools_does);
    tcase_add_test(c, a_batch_of_two_kinds_is_refused);
    suite_add_tcase(s, c);
    return s;
}
