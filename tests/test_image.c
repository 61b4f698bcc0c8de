/* Image files: decoded bytes against OpenCV's and Pillow's, orientations, and everything that is no
 * image. */
#include <check.h>
#include <jansson.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include "../io/image_formats.h"
#include "../io/os.h"
#include "sha256.h"

#define SPOTS "golden/spots/images/"
#define TINY "tests/fuzz/corpus/image/"

static json_t *load(const char *path)
{
    json_error_t why;
    json_t *j = json_load_file(path, 0, &why);
    ck_assert_msg(j, "%s: %s", path, why.text);
    return j;
}

static bool is_jpeg(const char *name)
{
    return strstr(name, ".jpg");
}

/* Every file of a list by its hash.  JPEG hashes hold for libjpeg-turbo only. */
static void check_list(const char *list, const char *folder, int atleast)
{
    json_t *j = load(list), *want;
    const char *name;
    int seen = 0, jpeg_by_size = 0;
    json_object_foreach(json_object_get(j, "files"), name, want) {
        gm_error e = { "" };
        gm_image im;
        char *path = gm_path_join(folder, name), hash[65];
        ck_assert_msg(gm_image_read(&im, path, &e) == 0, "%s", e.text);
        ck_assert_int_eq(im.width, json_integer_value(json_object_get(want, "width")));
        ck_assert_int_eq(im.height, json_integer_value(json_object_get(want, "height")));
        sha256(hash, im.rgb, (size_t)(im.width * im.height * 3));
        if (is_jpeg(name) && strcmp(gm_jpeg_reader(), "libjpeg-turbo")) jpeg_by_size++;
        else
            ck_assert_msg(!strcmp(hash, json_string_value(json_object_get(want, "rgb"))),
                          "%s: other pixels", name);
        gm_image_free(&im);
        free(path);
        seen++;
    }
    json_decref(j);
    if (jpeg_by_size)
        printf("%s: %d JPEGs compared by size alone: %s reads them, the stored pixels are "
               "libjpeg-turbo's\n",
               list, jpeg_by_size, gm_jpeg_reader());
    ck_assert_int_ge(seen, atleast);
}

START_TEST(sha256_of_known_texts)
{
    char hash[65], many[200];
    sha256(hash, "abc", 3);
    ck_assert_str_eq(hash, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    sha256(hash, "", 0);
    ck_assert_str_eq(hash, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    memset(many, 'a', sizeof many);
    sha256(hash, many, sizeof many);
    ck_assert_str_eq(hash, "c2a908d98f5df987ade41b5fce213067efbcc21ef2240212a41e54b5e7c28ae5");
}
END_TEST

START_TEST(files_of_every_kind)
{
    check_list("golden/spots/images.json", SPOTS, 18);
    check_list("golden/images.json", TINY, 38);
}
END_TEST

/* Where the stored picture's corners go, by the EXIF table: orientation 6 means "row 0 is the right
 * side, column 0 the top". */
START_TEST(orientations)
{
    gm_image im[9];
    for (int o = 1; o <= 8; o++) {
        char path[100];
        gm_error e = { "" };
        snprintf(path, sizeof path, TINY "exif%d.jpg", o);
        ck_assert_msg(gm_image_read(&im[o], path, &e) == 0, "%s", e.text);
    }
    int64_t w = im[1].width, h = im[1].height;
    for (int64_t y = 0; y < h; y++) {
        for (int64_t x = 0; x < w; x++) {
            const uint8_t *want = im[1].rgb + 3 * (y * w + x);
            int64_t r = w - 1 - x, d = h - 1 - y;               /* from the right, from below */
            int64_t at[9] = { 0, y * w + x, y * w + r, d * w + r, d * w + x, x * h + y, x * h + d,
                              r * h + d, r * h + y };
            for (int o = 2; o <= 8; o++) ck_assert_mem_eq(im[o].rgb + 3 * at[o], want, 3);
        }
    }
    for (int o = 1; o <= 8; o++) gm_image_free(&im[o]);
}
END_TEST

START_TEST(exif_blocks)
{
    uint8_t little[26] = { 'I', 'I', '*', 0, 8, 0, 0, 0, 1, 0, 0x12, 1, 3, 0, 1, 0, 0, 0, 6 };
    uint8_t big[26] = { 'M', 'M', 0, '*', 0, 0, 0, 8, 0, 1, 1, 0x12, 0, 3, 0, 0, 0, 1, 0, 8 };
    ck_assert_int_eq(gm_exif_orientation(little, 26), 6);
    ck_assert_int_eq(gm_exif_orientation(big, 26), 8);
    for (size_t n = 0; n < 22; n++) ck_assert_int_eq(gm_exif_orientation(little, n), 1);
    little[18] = 9;
    ck_assert_int_eq(gm_exif_orientation(little, 26), 1);
    little[8] = little[9] = 0xFF;                               /* 65535 entries */
    ck_assert_int_eq(gm_exif_orientation(little, 26), 1);
    for (uint32_t at = 15; at; at = at < 30 ? at + 1 : at * 2) {
        for (int i = 0; i < 4; i++) little[4 + i] = (uint8_t)(at >> 8 * i);
        ck_assert_int_eq(gm_exif_orientation(little, 26), 1);
    }
}
END_TEST

START_TEST(pnm_by_hand)
{
    static const struct { const char *file; size_t n; uint8_t want[6]; } c[] = {
        { "P5 2 1 255\n\x00\xff", 13, { 0, 0, 0, 255, 255, 255 } },
        { "P5 2 1 15\n\x05\x0f", 12, { 85, 85, 85, 255, 255, 255 } },
        { "P5\n#c\n2#d\n1\n65535\n\x12\x34\xff\x00", 22, { 0x12, 0x12, 0x12, 0xff, 0xff, 0xff } },
        { "P6 2 1 255\n\1\2\3\4\5\6", 17, { 1, 2, 3, 4, 5, 6 } },
        { "P5 2 1 1000\n\x03\xe8\x01\xf4", 16, { 255, 255, 255, 128, 128, 128 } },
    };
    for (size_t i = 0; i < sizeof c / sizeof *c; i++) {
        gm_error e = { "" };
        gm_image im;
        ck_assert_msg(gm_image_decode(&im, (const uint8_t *)c[i].file, c[i].n, "x.ppm", &e) == 0,
                      "%s", e.text);
        ck_assert_int_eq(im.width, 2);
        ck_assert_int_eq(im.height, 1);
        ck_assert_mem_eq(im.rgb, c[i].want, 6);
        gm_image_free(&im);
    }
}
END_TEST

/* bytes must give one error that names the file and contains part. */
static void refused(const uint8_t *bytes, size_t n, const char *name, const char *part)
{
    gm_error e = { "" };
    gm_image im = { 1, 1, (uint8_t *)"" };
    ck_assert_msg(gm_image_decode(&im, bytes, n, name, &e) == -1,
                  "%s: %zu bytes were taken for an image", name, n);
    ck_assert_ptr_null(im.rgb);
    ck_assert_msg(strstr(e.text, name) == e.text && strstr(e.text, part), "%s", e.text);
    ck_assert_uint_lt(strlen(e.text), 300);
}

static void refused_cuts(const char *folder, const char *list)
{
    json_t *j = load(list), *unused;
    const char *name;
    json_object_foreach(json_object_get(j, "files"), name, unused) {
        gm_error e = { "" };
        char *path = gm_path_join(folder, name);
        size_t n, step;
        const uint8_t *map = gm_map(path, &n, &e);
        ck_assert_msg(map, "%s", e.text);
        step = n > 100 ? n / 100 : 1;
        for (size_t cut = 0; cut < n; cut += step) refused(map, cut, name, "");
        refused(map, n - 1, name, "");
        gm_unmap(map, n);
        free(path);
    }
    json_decref(j);
}

START_TEST(cut_anywhere_is_an_error)
{
    refused_cuts(SPOTS, "golden/spots/images.json");
    refused_cuts(TINY, "golden/images.json");
}
END_TEST

START_TEST(other_files)
{
    gm_error e = { "" };
    gm_image im;
    ck_assert_int_eq(gm_image_read(&im, "golden/no-such-image.png", &e), -1);
    ck_assert(strstr(e.text, "no-such-image.png"));
    refused((const uint8_t *)"GIF89a\1\0\1\0", 10, "a.gif", "a GIF");
    refused((const uint8_t *)"RIFF\0\0\0\0WEBPVP8 ", 16, "a.webp", "a WebP");
    refused((const uint8_t *)"hello", 5, "a.png", "68656c6c6f");
    refused((const uint8_t *)"P5 0 7 255\n", 11, "a.pgm", "at least 1 x 1");
    refused((const uint8_t *)"P5 3 x 255\n", 11, "a.pgm", "PNM header");
    refused((const uint8_t *)"P5 3 1 0\nabc", 12, "a.pgm", "PNM header");
    refused((const uint8_t *)"P6 99999999999999999999 1 255\n", 30, "a.ppm", "PNM header");
}
END_TEST

/* Headers of 20000 x 20000 pixels in small files: refused before 1.2 GB are asked for. */
START_TEST(huge_headers)
{
    size_t before = gm_peak_rss(), n;
    gm_error e = { "" };
    static const struct { const char *file; size_t at; uint8_t side[8]; size_t bytes; } c[] = {
        { TINY "rgb.png", 16, { 0, 0, 0x4e, 0x20, 0, 0, 0x4e, 0x20 }, 8 },
        { TINY "grey.jpg", 0, { 0x4e, 0x20, 0x4e, 0x20 }, 4 },
        { TINY "rgb.bmp", 18, { 0x20, 0x4e, 0, 0, 0x20, 0x4e, 0, 0 }, 8 },
    };
    for (size_t i = 0; i < sizeof c / sizeof *c; i++) {
        char *copy = NULL;
        const uint8_t *map = gm_map(c[i].file, &n, &e);
        ck_assert_msg(map && (copy = malloc(n)), "%s", e.text);
        memcpy(copy, map, n);
        gm_unmap(map, n);
        /* JPEG: the sides stand 5 bytes after the frame header's marker. */
        size_t at = c[i].at ? c[i].at : 5;
        while (!c[i].at && memcmp(copy + at - 5, "\xff\xc0", 2)) at++;
        memcpy(copy + at, c[i].side, c[i].bytes);
        refused((uint8_t *)copy, n, c[i].file, i == 2 ? "ends before" : "too large: 20000 x 20000");
        free(copy);
    }
    refused((const uint8_t *)"P6 20000 20000 255\nabc", 22, "a.ppm", "ends before");
    ck_assert_uint_lt(gm_peak_rss() - before, 50 << 20);
}
END_TEST

START_TEST(boxes_to_the_bit)
{
    json_t *j = load("golden/spots/boxes.json"), *boxes = json_object_get(j, "boxes");
    json_t *bits = json_object_get(j, "bf16");
    size_t n = json_array_size(boxes);
    ck_assert_uint_eq(n, 200);
    for (size_t i = 0; i < n; i++) {
        double box[1][4];
        float got[4];
        for (size_t k = 0; k < 4; k++)
            box[0][k] = json_real_value(json_array_get(json_array_get(boxes, i), k));
        gm_boxes_normalise(got, (const double (*)[4])box, 1, 1, 1, true);
        for (size_t k = 0; k < 4; k++) {
            uint32_t b;
            memcpy(&b, got + k, 4);
            int64_t want = json_integer_value(json_array_get(bits, 4 * i + k));
            ck_assert_uint_eq(b, (uint32_t)want << 16);
        }
        gm_boxes_normalise(got, (const double (*)[4])box, 1, 2, 4, false);
        for (size_t k = 0; k < 4; k++)
            ck_assert_float_eq(got[k], (float)(box[0][k] / (k % 2 ? 4 : 2)));
    }
    json_decref(j);
}
END_TEST

/* torch.tensor(v).half().bfloat16() of torch 1.13 at the edges of half's range. */
START_TEST(boxes_at_the_edges_of_half)
{
    const double box[2][4] = { { 65519.99, 65520, -65519, 1e300 },
                               { 0x1p-25, 0x1.8p-24, 0x1p-14 - 0x1p-26, -0.0 } };
    const float want[8] = { 65536, HUGE_VALF, -65536, HUGE_VALF, 0, 0x1p-23f, 0x1p-14f, -0.0f };
    float got[8];
    gm_boxes_normalise(got, box, 2, 1, 1, true);
    for (int i = 0; i < 8; i++)
        ck_assert_msg(!memcmp(got + i, want + i, 4), "%d: %a", i, (double)got[i]);
}
END_TEST

Suite *test_image(void)
{
    Suite *s = suite_create("image");
    TCase *t = tcase_create("image");
    tcase_set_timeout(t, 60);
    tcase_add_test(t, sha256_of_known_texts);
    tcase_add_test(t, files_of_every_kind);
    tcase_add_test(t, orientations);
    tcase_add_test(t, exif_blocks);
    tcase_add_test(t, pnm_by_hand);
    tcase_add_test(t, cut_anywhere_is_an_error);
    tcase_add_test(t, other_files);
    tcase_add_test(t, huge_headers);
    tcase_add_test(t, boxes_to_the_bit);
    tcase_add_test(t, boxes_at_the_edges_of_half);
    suite_add_tcase(s, t);
    return s;
}
