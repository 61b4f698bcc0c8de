/* Resizing against Pillow's bytes, and both encoders' pixels against the authors' code. */
#include <check.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "../io/image.h"
#include "../io/os.h"
#include "sha256.h"

static json_t *load(const char *path)
{
    json_error_t why;
    json_t *j = json_load_file(path, 0, &why);
    ck_assert_msg(j, "%s: %s", path, why.text);
    return j;
}

static int64_t integer(json_t *j, const char *key)
{
    return json_integer_value(json_object_get(j, key));
}

/* The image at folder/name; width 0 where its stored pixels are libjpeg-turbo's and this build's
 * are not. */
static gm_image source(const char *folder, const char *name)
{
    gm_error e = { "" };
    gm_image im = { 0 };
    char *path = gm_path_join(folder, name);
    if (strstr(name, ".jpg") && strcmp(gm_jpeg_reader(), "libjpeg-turbo"))
        printf("%s: not compared, this build reads JPEG with %s\n", name, gm_jpeg_reader());
    else ck_assert_msg(gm_image_read(&im, path, &e) == 0, "%s", e.text);
    free(path);
    return im;
}

static void check_resize(const gm_image *im, json_t *want, gm_filter f, const char *name)
{
    gm_error e = { "" };
    gm_image out;
    char hash[65];
    ck_assert_msg(gm_image_resize(&out, im, integer(want, "width"), integer(want, "height"), f,
                                  &e) == 0, "%s", e.text);
    sha256(hash, out.rgb, (size_t)(out.width * out.height * 3));
    ck_assert_msg(!strcmp(hash, json_string_value(json_object_get(want, "rgb"))),
                  "%s: other pixels", name);
    gm_image_free(&out);
}

START_TEST(equal_to_pillow)
{
    json_t *j = load("golden/spots/images.json"), *want;
    const char *name;
    int seen = 0;
    json_object_foreach(json_object_get(j, "files"), name, want) {
        gm_image im = source("golden/spots/images", name);
        if (!im.width) continue;
        json_t *clip = json_object_get(want, "clip"), *sam = json_object_get(want, "sam");
        int64_t w, h;
        gm_size_sam(im.width, im.height, 1024, &w, &h);
        ck_assert_int_eq(w, integer(sam, "width"));
        ck_assert_int_eq(h, integer(sam, "height"));
        check_resize(&im, sam, GM_BILINEAR, name);
        if (json_is_object(clip)) {
            gm_size_clip(im.width, im.height, 336, &w, &h);
            ck_assert_int_eq(w, integer(clip, "width"));
            ck_assert_int_eq(h, integer(clip, "height"));
            check_resize(&im, clip, GM_BICUBIC, name);
        }
        gm_image_free(&im);
        seen++;
    }
    json_decref(j);
    ck_assert_int_ge(seen, 9);
}
END_TEST

START_TEST(both_encoders_pixels)
{
    json_t *j = load("golden/images.json"), *want;
    int64_t side = integer(j, "clip_side"), S = integer(j, "sam_side"), resized[2];
    gm_config g = { .clip = { .shortest = side, .crop = side,
                              .mean = { 0.48145466f, 0.4578275f, 0.40821073f },
                              .std = { 0.26862954f, 0.26130258f, 0.27577711f } } };
    float *x = malloc((size_t)(3 * S * S) * sizeof *x);
    ck_assert_ptr_nonnull(x);
    const char *name;
    int seen = 0;
    json_object_foreach(json_object_get(j, "files"), name, want) {
        char hash[65];
        gm_error e = { "" };
        gm_image im = source("tests/fuzz/corpus/image", name);
        if (!im.width) continue;
        const char *clip = json_string_value(json_object_get(want, "clip_pixels"));
        ck_assert_msg(gm_pixels_clip(x, &im, &g, &e) == 0, "%s", e.text);
        sha256(hash, x, (size_t)(3 * side * side) * sizeof *x);
        /* An image of height 1 is taken for channels first by transformers; nothing to compare
         * with. */
        ck_assert_msg(clip ? !strcmp(hash, clip) : im.height == 1,
                      "%s: other pixels for the global encoder", name);
        memset(x, 0xFF, (size_t)(3 * S * S) * sizeof *x);
        ck_assert_msg(gm_pixels_sam(x, &im, S, resized, &e) == 0, "%s", e.text);
        sha256(hash, x, (size_t)(3 * S * S) * sizeof *x);
        ck_assert_msg(!strcmp(hash, json_string_value(json_object_get(want, "sam_pixels"))),
                      "%s: other pixels for the grounding encoder", name);
        ck_assert_int_eq(resized[0] > resized[1] ? resized[0] : resized[1], S);
        gm_image_free(&im);
        seen++;
    }
    free(x);
    json_decref(j);
    ck_assert_int_ge(seen, 20);
}
END_TEST

START_TEST(a_part_is_a_piece_of_the_whole)
{
    static const int64_t size[][4] = { { 37, 91, 50, 20 }, { 1, 1, 9, 9 }, { 300, 2, 7, 40 },
                                       { 64, 64, 64, 64 } };
    for (size_t i = 0; i < sizeof size / sizeof *size; i++) {
        gm_error e = { "" };
        gm_image in = { size[i][0], size[i][1], malloc((size_t)(size[i][0] * size[i][1] * 3)) };
        gm_image all, part;
        ck_assert_ptr_nonnull(in.rgb);
        for (int64_t k = 0; k < in.width * in.height * 3; k++)
            in.rgb[k] = (uint8_t)(k * k * 31 + k);
        int64_t ow = size[i][2], oh = size[i][3], x0 = ow / 3, y0 = oh / 4, w = ow / 2, h = oh / 2;
        for (int f = GM_BILINEAR; f <= GM_BICUBIC; f++) {
            ck_assert_int_eq(gm_image_resize(&all, &in, ow, oh, (gm_filter)f, &e), 0);
            ck_assert_int_eq(gm_image_resize_part(&part, &in, ow, oh, (gm_filter)f, x0, y0, w, h,
                                                  &e), 0);
            for (int64_t y = 0; y < h; y++)
                ck_assert_mem_eq(part.rgb + 3 * y * w, all.rgb + 3 * ((y0 + y) * ow + x0),
                                 (size_t)(3 * w));
            gm_image_free(&part);
            gm_image_free(&all);
        }
        gm_image_free(&in);
    }
}
END_TEST

START_TEST(extreme_shapes)
{
    gm_error e = { "" };
    float *x = malloc(3 * 64 * 64 * sizeof *x);
    int64_t resized[2];
    gm_config g = { .clip = { .shortest = 16, .crop = 16, .std = { 1, 1, 1 } } };
    gm_image wide = { 1000000, 1, calloc(3000000, 1) };
    ck_assert(x && wide.rgb);
    /* 16 million columns wide before the crop: only the crop is computed. */
    size_t before = gm_peak_rss();
    ck_assert_msg(gm_pixels_clip(x, &wide, &g, &e) == 0, "%s", e.text);
    ck_assert_uint_lt(gm_peak_rss() - before, 20 << 20);
    ck_assert_int_eq(gm_pixels_sam(x, &wide, 64, resized, &e), -1);
    ck_assert(strstr(e.text, "1000000 x 1") && strstr(e.text, "64 x 0"));
    gm_image part;
    e.text[0] = 0;
    ck_assert_int_eq(gm_image_resize_part(&part, &wide, 10, 10, GM_BICUBIC, 5, 0, 6, 1, &e), -1);
    ck_assert(e.text[0] && !part.rgb);
    g.clip.crop = 17;
    e.text[0] = 0;
    ck_assert_int_eq(gm_pixels_clip(x, &wide, &g, &e), -1);
    ck_assert(strstr(e.text, "17"));
    gm_image_free(&wide);
    free(x);
}
END_TEST

Suite *test_resize(void)
{
    Suite *s = suite_create("resize");
    TCase *t = tcase_create("resize");
    tcase_set_timeout(t, 60);
    tcase_add_test(t, equal_to_pillow);
    tcase_add_test(t, both_encoders_pixels);
    tcase_add_test(t, a_part_is_a_piece_of_the_whole);
    tcase_add_test(t, extreme_shapes);
    suite_add_tcase(s, t);
    return s;
}
