/* The picture of an answer: what is drawn where, and answers of every shape. */
#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "../io/draw.h"
#include "../io/os.h"

#define PATH "build/tests/overlay.png"

/* A grey image of w x h. */
static gm_image grey(int64_t w, int64_t h)
{
    gm_image im = { w, h, malloc((size_t)(w * h * 3)) };
    ck_assert_ptr_nonnull(im.rgb);
    memset(im.rgb, 100, (size_t)(w * h * 3));
    return im;
}

/* Logits of a rectangle [x0, x1) x [y0, y1); *m gets its area. */
static float *rectangle(gm_mask *m, int64_t w, int64_t h, int64_t x0, int64_t y0, int64_t x1,
                        int64_t y1)
{
    float *l = malloc((size_t)(w * h) * sizeof *l);
    ck_assert_ptr_nonnull(l);
    *m = (gm_mask){ .logits = l };
    for (int64_t i = 0; i < w * h; i++) {
        int64_t x = i % w, y = i / w;
        l[i] = x >= x0 && x < x1 && y >= y0 && y < y1 ? 2.0f : -2.0f;
        m->area += l[i] > 0;
    }
    return l;
}

static gm_image overlay(const gm_image *im, const gm_answer *a, const double (*boxes)[4], int64_t n)
{
    gm_error e = { "" };
    gm_image out;
    ck_assert_int_eq(gm_make_dir("build/tests", &e), 0);
    ck_assert_msg(gm_overlay_write(PATH, im, a, boxes, n, &e) == 0, "%s", e.text);
    ck_assert_msg(gm_image_read(&out, PATH, &e) == 0, "%s", e.text);
    ck_assert_int_ge(out.width, 640);
    remove(PATH);
    return out;
}

static const uint8_t *pixel(const gm_image *im, int64_t x, int64_t y)
{
    return im->rgb + 3 * (y * im->width + x);
}

/* How many pixels of rows [y0, y1) have this colour. */
static int64_t count(const gm_image *im, int64_t y0, int64_t y1, const uint8_t c[3])
{
    int64_t n = 0;
    for (int64_t y = y0; y < y1; y++)
        for (int64_t x = 0; x < im->width; x++) n += !memcmp(pixel(im, x, y), c, 3);
    return n;
}

START_TEST(colours_differ_and_come_round)
{
    uint8_t a[3], b[3];
    for (int64_t i = 0; i < 18; i++) {
        gm_mask_colour(i, a);
        for (int64_t j = 0; j < i; j++) {
            gm_mask_colour(j, b);
            ck_assert_int_gt(abs(a[0] - b[0]) + abs(a[1] - b[1]) + abs(a[2] - b[2]), 60);
        }
        gm_mask_colour(i + 18, b);
        ck_assert_mem_eq(a, b, 3);
    }
}
END_TEST

START_TEST(masks_outlines_and_legend)
{
    gm_image im = grey(700, 300);
    gm_mask mask[2];
    float *l0 = rectangle(&mask[0], 700, 300, 50, 50, 250, 250);
    float *l1 = rectangle(&mask[1], 700, 300, 150, 100, 500, 290);
    gm_span span[2] = { { 0, 5, 0 }, { 10, 15, 1 } };
    gm_answer a = { .caption = (char *)"a cat and a dog", .span = span, .nspans = 2, .mask = mask,
                    .nmasks = 2,
                    .width = 700, .height = 300 };
    gm_image out = overlay(&im, &a, NULL, 0);
    uint8_t c[2][3], half[2][3], white[3] = { 255, 255, 255 };
    gm_mask_colour(0, c[0]);
    gm_mask_colour(1, c[1]);
    ck_assert_int_eq(out.width, 700);
    ck_assert_int_gt(out.height, 330);
    ck_assert_mem_eq(pixel(&out, 10, 10), im.rgb, 3);                   /* outside: untouched */
    ck_assert_mem_eq(pixel(&out, 49, 150), im.rgb, 3);
    /* A rim, a line, half-strength inside. */
    ck_assert_mem_eq(pixel(&out, 50, 150), white, 3);
    ck_assert_mem_eq(pixel(&out, 54, 150), c[0], 3);
    for (int i = 0; i < 3; i++) {
        half[0][i] = (uint8_t)lround(100 + (c[0][i] - 100) * 0.5);
        half[1][i] = (uint8_t)lround(100 + (c[1][i] - 100) * 0.5);
    }
    ck_assert_mem_eq(pixel(&out, 80, 80), half[0], 3);
    ck_assert_mem_eq(pixel(&out, 400, 200), half[1], 3);
    /* Where masks overlap, stripes of both. */
    int seen[2] = { 0 };
    for (int64_t x = 170; x < 230; x++)
        for (int k = 0; k < 2; k++) seen[k] += !memcmp(pixel(&out, x, 120), half[k], 3);
    ck_assert_int_ge(seen[0], 20);
    ck_assert_int_ge(seen[1], 20);
    ck_assert_int_eq(seen[0] + seen[1], 60);
    for (int k = 0; k < 2; k++) {
        uint8_t back[3];
        for (int i = 0; i < 3; i++) back[i] = (uint8_t)(255 - (255 - c[k][i]) * 2 / 5);
        /* The phrase's background and its badge. */
        ck_assert_int_gt(count(&out, 300, out.height, back), 200);
        ck_assert_int_gt(count(&out, 300, out.height, c[k]), 50);
        ck_assert_int_eq(count(&out, 0, 300, back), 0);
    }
    gm_image again = overlay(&im, &a, NULL, 0);
    ck_assert_mem_eq(again.rgb, out.rgb, (size_t)(out.width * out.height * 3));
    gm_image_free(&again);
    gm_image_free(&out);
    gm_image_free(&im);
    free(l0);
    free(l1);
}
END_TEST

/* A phrase whose mask is empty says so, one whose mask is not does not; no word is lost when lines
 * wrap. */
/* A rim of 2, a line of 3, then inside: from every side and around a hole of one pixel; none along
 * the image's border. */
START_TEST(edges_are_even)
{
    gm_image im = grey(700, 300);
    gm_mask mask;
    float *l = rectangle(&mask, 700, 300, 50, 100, 350, 300);
    l[250 * 700 + 250] = -1;
    mask.area--;
    gm_answer a = { .caption = (char *)"", .mask = &mask, .nmasks = 1,
                    .width = 700, .height = 300 };
    gm_image out = overlay(&im, &a, NULL, 0);
    static const int64_t from[][4] = { { 50, 150, 1, 0 }, { 349, 150, -1, 0 }, { 80, 100, 0, 1 },
        { 251, 250, 1, 0 }, { 249, 250, -1, 0 }, { 250, 251, 0, 1 }, { 250, 249, 0, -1 } };
    uint8_t c[3], half[3], white[3] = { 255, 255, 255 };
    gm_mask_colour(0, c);
    for (int i = 0; i < 3; i++) half[i] = (uint8_t)lround(100 + (c[i] - 100) * 0.5);
    for (size_t k = 0; k < sizeof from / sizeof *from; k++)
        for (int64_t s = 0; s < 12; s++) {
            int64_t x = from[k][0] + s * from[k][2], y = from[k][1] + s * from[k][3];
            const uint8_t *p = pixel(&out, x, y);
            ck_assert_msg(!memcmp(p, s < 2 ? white : s < 5 ? c : half, 3), "edge %zu, step %lld", k,
                          (long long)s);
        }
    ck_assert_mem_eq(pixel(&out, 251, 251), white, 3);                 /* the hole's corner */
    for (int64_t x = 56; x < 200; x++) ck_assert_mem_eq(pixel(&out, x, 299), half, 3);
    free(l);
    gm_image_free(&im);
    gm_image_free(&out);
}
END_TEST

/* Numbers of masks in the same place, at the right border: each is seen whole. */
START_TEST(numbers_stay_inside)
{
    enum { N = 7 };
    gm_image im = grey(700, 300);
    gm_mask mask[N];
    float *l[N];
    for (int k = 0; k < N; k++) l[k] = rectangle(&mask[k], 700, 300, 690, 150, 692, 152);
    gm_answer a = { .caption = (char *)"", .mask = mask, .nmasks = N, .width = 700, .height = 300 };
    gm_image out = overlay(&im, &a, NULL, 0);
    for (int k = 0; k < N; k++) {
        uint8_t c[3];
        gm_mask_colour(k, c);
        ck_assert_msg(count(&out, 0, 300, c) > 60, "badge %d", k);
        free(l[k]);
    }
    gm_image_free(&im);
    gm_image_free(&out);
}
END_TEST

START_TEST(empty_masks_and_long_captions)
{
    const uint8_t faint[3] = { 120, 120, 125 };
    gm_image im = grey(640, 40);
    gm_mask mask;
    gm_span span = { 0, 5, 0 };
    char words[4000] = "a cat";
    for (int full = 0; full < 2; full++) {
        float *l = rectangle(&mask, 640, 40, 0, 0, full ? 9 : 0, 9);
        gm_answer a = { .caption = words, .span = &span, .nspans = 1, .mask = &mask, .nmasks = 1,
                        .width = 640, .height = 40 };
        gm_image out = overlay(&im, &a, NULL, 0);
        if (full) ck_assert_int_eq(count(&out, 40, out.height, faint), 0);
        else ck_assert_int_gt(count(&out, 40, out.height, faint), 30);
        gm_image_free(&out);
        free(l);
    }
    int64_t before = 0;
    for (int n = 0; n < 8; n++) {
        for (int k = 0; k < 20; k++) strcat(words, n % 2 ? " abcdefghi" : "qwertzuiop");
        gm_answer a = { .caption = words };
        gm_image out = overlay(&im, &a, NULL, 0);
        ck_assert_int_gt(out.height, before);
        before = out.height;
        gm_image_free(&out);
    }
    gm_image_free(&im);
}
END_TEST

START_TEST(every_shape_of_answer)
{
    static const int64_t size[][2] = { { 1, 1 }, { 97, 131 }, { 3, 900 }, { 900, 2 }, { 256, 256 },
                                       { 1500, 30 } };
    const double boxes[4][4] = { { 1, 1, 60, 50 }, { -10, -1e300, 1e300, INFINITY },
                                 { NAN, 5, 9, NAN }, { 9, 9, 2, 2 } };
    char *captions[] = { NULL, (char *)"", (char *)" \n ",
                         (char *)"\xff\xc3 \xe2\x82 \xf0\x9f\x98\x80 \xc0\x80 na\xc3\xafve\nline",
                         (char *)"abc" };
    for (size_t s = 0; s < sizeof size / sizeof *size; s++) {
        int64_t w = size[s][0], h = size[s][1];
        gm_image im = grey(w, h);
        gm_mask mask[20];
        float *l[20];
        for (int k = 0; k < 20; k++) {
            l[k] = rectangle(&mask[k], w, h, 0, 0, k == 3 ? 0 : w, h);
            if (k == 4) l[k][0] = NAN;
        }
        gm_span span[4] = { { 0, 2, 7 }, { 1, 3, -1 }, { 2, 1, 2 }, { 3, 99, 99 } };
        for (size_t k = 0; k < sizeof captions / sizeof *captions; k++) {
            gm_answer a = { .caption = captions[k], .span = span, .nspans = captions[k] ? 4 : 0,
                            .mask = mask,
                            .nmasks = k == 3 ? 20 : 0, .width = w, .height = h };
            gm_image out = overlay(&im, &a, boxes, 4);
            ck_assert_int_gt(out.height, h);
            gm_image_free(&out);
        }
        for (int k = 0; k < 20; k++) free(l[k]);
        gm_image_free(&im);
    }
}
END_TEST

START_TEST(wrong_sizes_and_places)
{
    gm_error e = { "" };
    gm_image im = grey(5, 6);
    gm_mask mask = { 0 };
    gm_answer a = { .mask = &mask, .nmasks = 1, .width = 6, .height = 5 };
    ck_assert_int_eq(gm_overlay_write(PATH, &im, &a, NULL, 0, &e), -1);
    ck_assert(strstr(e.text, "5 x 6") && strstr(e.text, "6 x 5"));
    a.nmasks = 0;
    e.text[0] = 0;
    ck_assert_int_eq(gm_overlay_write("golden/no-such-folder/a.png", &im, &a, NULL, 0, &e), -1);
    ck_assert(strstr(e.text, "no-such-folder"));
    gm_image_free(&im);
}
END_TEST

/* Each glyph leaves ink, at the largest size too: the room it is drawn in suffices. */
START_TEST(large_glyphs)
{
    const uint8_t black[3] = { 0 };
    gm_font *f = gm_font_new(9999, NULL);
    ck_assert_double_eq(gm_font_pixels(f), 160);
    gm_image im = grey(320, 200);
    for (int ch = 0x21; ch < 0x450; ch++) {
        char text[2] = { (char)(0xC0 | ch >> 6), (char)(0x80 | (ch & 63)) };
        bool one = ch < 0x80, blank = ch == 0xA0 || ch == 0xAD;
        if (one) text[0] = (char)ch;
        memset(im.rgb, 255, 320 * 200 * 3);
        gm_draw_text(&im, f, 40, 10, text, one ? 1 : 2, black);
        if (!blank) ck_assert_msg(count(&im, 0, 200, black) > 0, "U+%04X is blank", ch);
    }
    gm_image_free(&im);
    gm_font_free(f);
}
END_TEST

START_TEST(text_widths_and_steps)
{
    gm_font *f = gm_font_new(20, NULL);
    ck_assert_ptr_nonnull(f);
    ck_assert_double_gt(gm_text_width(f, "WWW", 3), gm_text_width(f, "iii", 3));
    ck_assert_double_eq_tol(gm_text_width(f, "\xc3\xa4", 2), gm_text_width(f, "a", 1), 0.01);
    ck_assert_uint_eq(gm_text_step("\xc3\xa4", 2), 2);
    ck_assert_uint_eq(gm_text_step("\xc3\xa4", 1), 1);
    ck_assert_uint_eq(gm_text_step("\xe2\x82\xac", 3), 3);
    ck_assert_uint_eq(gm_text_step("\xf0\x9f\x98\x80", 4), 4);
    ck_assert_uint_eq(gm_text_step("\xc0\x80", 2), 1);
    ck_assert_uint_eq(gm_text_step("\xff", 1), 1);
    gm_font_free(f);
}
END_TEST

Suite *test_overlay(void)
{
    Suite *s = suite_create("overlay");
    TCase *t = tcase_create("overlay");
    tcase_set_timeout(t, 60);
    tcase_add_test(t, colours_differ_and_come_round);
    tcase_add_test(t, masks_outlines_and_legend);
    tcase_add_test(t, edges_are_even);
    tcase_add_test(t, numbers_stay_inside);
    tcase_add_test(t, empty_masks_and_long_captions);
    tcase_add_test(t, every_shape_of_answer);
    tcase_add_test(t, wrong_sizes_and_places);
    tcase_add_test(t, large_glyphs);
    tcase_add_test(t, text_widths_and_steps);
    suite_add_tcase(s, t);
    return s;
}
