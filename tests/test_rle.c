/* COCO run lengths against pycocotools; PNG files written and read back. */
#include <check.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "../io/image.h"
#include "../io/os.h"
#include "../io/rle.h"

static int64_t at(json_t *j, const char *key, size_t i)
{
    return json_integer_value(json_array_get(json_object_get(j, key), i));
}

/* mask (H, W) in all ways: bytes, logits, text, back. */
static void check_mask(const uint8_t *mask, int64_t H, int64_t W, json_t *want)
{
    gm_error e = { "" };
    gm_rle r, back;
    int64_t box[4], area = json_integer_value(json_object_get(want, "area"));
    const char *counts = json_string_value(json_object_get(want, "counts"));
    float *logits = malloc((size_t)(H * W) * sizeof *logits);
    uint8_t *again = malloc((size_t)(H * W));
    ck_assert(logits && again);
    for (int64_t i = 0; i < H * W; i++)
        logits[i] = mask[i] ? 1e-30f : i % 3 ? -0.0f : i % 2 ? NAN : -5;
    char *text = gm_rle_from_logits(logits, H, W, &e);
    ck_assert_msg(text && !strcmp(text, counts), "%s", e.text);
    free(text);
    ck_assert_msg(gm_rle_encode(&r, mask, H, W, &e) == 0, "%s", e.text);
    text = gm_rle_text(&r, &e);
    ck_assert_str_eq(text, counts);
    ck_assert_int_eq(gm_rle_area(&r), area);
    gm_rle_box(&r, box);
    for (size_t i = 0; i < 4; i++) ck_assert_int_eq(box[i], at(want, "box", i));
    ck_assert_msg(gm_rle_parse(&back, counts, H, W, &e) == 0, "%s", e.text);
    ck_assert_int_eq(back.n, r.n);
    ck_assert_mem_eq(back.count, r.count, (size_t)r.n * sizeof *r.count);
    memset(again, 7, (size_t)(H * W));
    gm_rle_decode(again, &back);
    ck_assert_mem_eq(again, mask, (size_t)(H * W));
    gm_rle_free(&r);
    gm_rle_free(&back);
    free(text);
    free(again);
    free(logits);
}

START_TEST(equal_to_pycocotools)
{
    json_t *j = json_load_file("golden/rle.json", 0, NULL), *one;
    json_t *masks = json_object_get(j, "masks");
    size_t i;
    ck_assert_uint_ge(json_array_size(masks), 20);
    json_array_foreach(masks, i, one) {
        int64_t H = at(one, "size", 0), W = at(one, "size", 1);
        uint8_t *mask = malloc((size_t)(H * W));
        ck_assert_ptr_nonnull(mask);
        for (int64_t y = 0; y < H; y++) {
            const char *row = json_string_value(json_array_get(json_object_get(one, "rows"),
                                                               (size_t)y));
            for (int64_t x = 0; x < W; x++) mask[y * W + x] = row[x] == '1';
        }
        check_mask(mask, H, W, one);
        free(mask);
    }
    json_decref(j);
}
END_TEST

START_TEST(a_large_disc)
{
    json_t *j = json_load_file("golden/rle.json", 0, NULL), *disc = json_object_get(j, "large");
    int64_t H = at(disc, "size", 0), W = at(disc, "size", 1);
    int64_t cx = at(disc, "centre", 0), cy = at(disc, "centre", 1);
    int64_t r = json_integer_value(json_object_get(disc, "radius"));
    uint8_t *mask = malloc((size_t)(H * W));
    ck_assert_ptr_nonnull(mask);
    for (int64_t y = 0; y < H; y++)
        for (int64_t x = 0; x < W; x++)
            mask[y * W + x] = (y - cy) * (y - cy) + (x - cx) * (x - cx) < r * r;
    check_mask(mask, H, W, disc);
    free(mask);
    json_decref(j);
}
END_TEST

START_TEST(broken_text)
{
    static const char *const text[] = { "", "1", "0", "S1S1S1", "~~~", "\x80", "ooooooooooooooo",
                                        "`", "o", "R10", "@5S1" };
    for (size_t i = 0; i < sizeof text / sizeof *text; i++) {
        gm_error e = { "" };
        gm_rle r;
        ck_assert_msg(gm_rle_parse(&r, text[i], 5, 7, &e) == -1, "%s was taken", text[i]);
        ck_assert(strstr(e.text, "7 x 5") && !r.count);
    }
    gm_error e = { "" };
    gm_rle r;
    ck_assert_int_eq(gm_rle_parse(&r, "S1", 0, 7, &e), -1);
    ck_assert_int_eq(gm_rle_parse(&r, "S1", INT64_MAX / 2, 7, NULL), -1);
    e.text[0] = 0;
    ck_assert_msg(gm_rle_parse(&r, "S1", 5, 7, &e) == 0, "%s", e.text);
    gm_rle_free(&r);
}
END_TEST

START_TEST(png_there_and_back)
{
    uint8_t pixels[31 * 17 * 3];
    for (size_t i = 0; i < sizeof pixels; i++) pixels[i] = (uint8_t)(i * i / 7);
    for (int channels = 1; channels <= 3; channels += 2) {
        const char *path = channels == 1 ? "build/tests/grey.png" : "build/tests/rgb.png";
        gm_error e = { "" };
        gm_image im;
        ck_assert_msg(gm_make_dir("build/tests", &e) == 0, "%s", e.text);
        ck_assert_msg(gm_png_write(path, pixels, 31, 17, channels, &e) == 0, "%s", e.text);
        ck_assert_msg(gm_image_read(&im, path, &e) == 0, "%s", e.text);
        ck_assert_int_eq(im.width, 31);
        ck_assert_int_eq(im.height, 17);
        for (int i = 0; i < 31 * 17 * 3; i++)
            ck_assert_uint_eq(im.rgb[i], pixels[channels == 1 ? i / 3 : i]);
        gm_image_free(&im);
        remove(path);
    }
}
END_TEST

START_TEST(png_where_none_can_be)
{
    static const char *const path[] = { "golden/no-such-folder/a.png", "golden/README.md/a.png" };
    for (size_t i = 0; i < 2; i++) {
        gm_error e = { "" };
        ck_assert_int_eq(gm_png_write(path[i], (const uint8_t *)"abc", 1, 1, 3, &e), -1);
        ck_assert_msg(strstr(e.text, path[i]) && strstr(e.text, "cannot write: "), "%s", e.text);
    }
    gm_error e = { "" };
    ck_assert_int_eq(gm_png_write("build/a.png", (const uint8_t *)"abcd", 1, 1, 4, &e), -1);
    ck_assert_int_eq(gm_png_write("build/a.png", (const uint8_t *)"abcd", 1LL << 40, 1LL << 40, 1,
                                  &e), -1);
    ck_assert(!gm_is_file("build/a.png"));
}
END_TEST

Suite *test_rle(void)
{
    Suite *s = suite_create("rle");
    TCase *t = tcase_create("rle");
    tcase_set_timeout(t, 60);
    tcase_add_test(t, equal_to_pycocotools);
    tcase_add_test(t, a_large_disc);
    tcase_add_test(t, broken_text);
    tcase_add_test(t, png_there_and_back);
    tcase_add_test(t, png_where_none_can_be);
    suite_add_tcase(s, t);
    return s;
}
