/* COCO's segmentations against pycocotools; what is wrong with them is said. */
#include <check.h>
#include <stdlib.h>
#include <string.h>
#include "../io/segmentation.h"

START_TEST(equal_to_pycocotools)
{
    json_t *list = json_load_file("golden/segmentation.json", 0, NULL), *one;
    size_t i;
    ck_assert_uint_ge(json_array_size(list), 100);
    json_array_foreach(list, i, one) {
        json_t *size = json_object_get(one, "size"), *s = json_object_get(one, "segmentation");
        json_t *areas = json_object_get(one, "areas");
        const char *counts = json_string_value(json_object_get(one, "counts"));
        int64_t H = json_integer_value(json_array_get(size, 0));
        int64_t W = json_integer_value(json_array_get(size, 1));
        gm_error e = { "" };
        gm_rle r, part;
        ck_assert_msg(gm_segmentation_read(&r, s, H, W, &e) == 0, "%zu: %s", i, e.text);
        char *text = gm_rle_text(&r, &e);
        ck_assert_msg(strcmp(text, counts) == 0, "%zu: %s, wanted %s", i, text, counts);
        free(text);
        gm_rle_free(&r);
        for (size_t k = 0; json_is_array(s) && k < json_array_size(s); k++) {
            ck_assert_int_eq(gm_segmentation_part(&part, json_array_get(s, k), H, W, &e), 0);
            ck_assert_int_eq(gm_rle_area(&part), json_integer_value(json_array_get(areas, k)));
            gm_rle_free(&part);
        }
    }
    json_decref(list);
}
END_TEST

START_TEST(a_union_with_nothing_and_all)
{
    uint32_t nothing[] = { 6 }, all[] = { 0, 6 }, some[] = { 0, 1, 2, 3 };
    gm_rle a = { 2, 3, 1, nothing }, b = { 2, 3, 2, all }, c = { 2, 3, 4, some }, r;
    gm_rle other = { 3, 2, 1, nothing };
    gm_error e = { "" };
    ck_assert_int_eq(gm_rle_union(&r, &a, &c, &e), 0);
    ck_assert(r.n == 4 && memcmp(r.count, some, sizeof some) == 0);
    gm_rle_free(&r);
    ck_assert_int_eq(gm_rle_union(&r, &c, &b, &e), 0);
    ck_assert(r.n == 2 && memcmp(r.count, all, sizeof all) == 0);
    gm_rle_free(&r);
    ck_assert_int_eq(gm_rle_union(&r, &a, &a, &e), 0);
    ck_assert(r.n == 1 && r.count[0] == 6);
    gm_rle_free(&r);
    ck_assert_int_eq(gm_rle_union(&r, &a, &other, &e), -1);
    ck_assert_str_eq(e.text, "masks of two sizes: 3 x 2 and 2 x 3");
}
END_TEST

START_TEST(what_is_wrong)
{
    static const char *const list[][2] = {
        { "null", "wanted a mask: size [height, width]" },
        { "7", "wanted a mask: size" },
        { "[]", "found an empty list" },
        { "[[]]", "found 0 values" },
        { "[[1,2,3,4]]", "found 4 values" },
        { "[[1,2,3,4,5]]", "found 5 values" },
        { "[[1,2,3,4,5,6,7]]", "found 7 values" },
        { "[[1,2,3,4,5,1e30]]", "within 100000 pixels" },
        { "[[1,2,3,4,5,\"6\"]]", "wanted x and y in turn" },
        { "[[1,2,3,4,5,[6]]]", "wanted x and y in turn" },
        { "[1,2,3,4,5,6]", "wanted a mask: size" },
        { "{\"size\":[2,3]}", "wanted a mask: size" },
        { "{\"size\":[2,3,1],\"counts\":\"06\"}", "wanted a mask: size" },
        { "{\"size\":[2.0,3],\"counts\":\"06\"}", "wanted a mask: size" },
        { "{\"size\":[0,3],\"counts\":\"0\"}", "wanted 1 to 2^32 - 1 pixels, found 3 x 0" },
        { "{\"size\":[-2,-3],\"counts\":\"6\"}", "wanted 1 to 2^32 - 1 pixels" },
        { "{\"size\":[65536,65536],\"counts\":\"0\"}", "wanted 1 to 2^32 - 1 pixels" },
        { "{\"size\":[9223372036854775807,2],\"counts\":\"0\"}", "wanted 1 to 2^32 - 1 pixels" },
        { "{\"size\":[2,3],\"counts\":\"07\"}", "add up to 3 x 2" },
        { "{\"size\":[2,3],\"counts\":\"\"}", "add up to 3 x 2" },
        { "{\"size\":[2,3],\"counts\":\"~~~\"}", "add up to 3 x 2" },
        { "{\"size\":[2,3],\"counts\":[]}", "add up to 3 x 2" },
        { "{\"size\":[2,3],\"counts\":[6,-1,1]}", "add up to 3 x 2" },
        { "{\"size\":[2,3],\"counts\":[6,1]}", "add up to 3 x 2" },
        { "{\"size\":[2,3],\"counts\":[4294967296]}", "add up to 3 x 2" },
        { "{\"size\":[2,3],\"counts\":[2.5,3.5]}", "add up to 3 x 2" },
        { "[{\"size\":[2,3],\"counts\":[6]},{\"size\":[3,2],\"counts\":[6]}]", "two sizes" },
    };
    for (size_t i = 0; i < sizeof list / sizeof *list; i++) {
        json_t *o = json_loads(list[i][0], JSON_DECODE_ANY, NULL);
        gm_error e = { "" };
        gm_rle r;
        ck_assert_int_eq(gm_segmentation_read(&r, o, 4, 4, &e), -1);
        ck_assert_msg(strstr(e.text, list[i][1]) != NULL, "%s: %s", list[i][0], e.text);
        ck_assert_ptr_null(r.count);
        json_decref(o);
    }
}
END_TEST

/* A polygon needs the picture's size; an outline far around it ends soon. */
START_TEST(pictures_without_a_size_and_long_outlines)
{
    json_t *square = json_loads("[[0,0,2,0,2,2,0,2]]", 0, NULL), *far = json_array();
    gm_error e = { "" };
    gm_rle r;
    ck_assert_int_eq(gm_segmentation_read(&r, square, 0, 0, &e), -1);
    ck_assert_str_eq(e.text, "a polygon without the image's height and width");
    for (int i = 0; i < 4000; i++) json_array_append_new(far, json_real(i % 4 < 2 ? -9e4 : 9e4));
    e.text[0] = 0;
    ck_assert_int_eq(gm_segmentation_part(&r, far, 4, 4, &e), -1);
    json_decref(square);
    json_decref(far);
}
END_TEST

Suite *test_segmentation(void)
{
    Suite *s = suite_create("segmentation");
    TCase *t = tcase_create("segmentation");
    tcase_add_test(t, equal_to_pycocotools);
    tcase_add_test(t, a_union_with_nothing_and_all);
    tcase_add_test(t, what_is_wrong);
    tcase_add_test(t, pictures_without_a_size_and_long_outlines);
    suite_add_tcase(s, t);
    return s;
}
