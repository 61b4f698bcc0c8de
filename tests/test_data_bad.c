/* Damaged data sets: what is wrong is named with file and record, and nothing else is lost. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "../io/os.h"
#include "../train/data.h"

#define DIR "build/tests/data"
#define FILE_NAME DIR "/set.json"

static gm_prompts *prompts;

static void prepare(void)
{
    gm_error e = { "" };
    prompts = gm_prompts_open(NULL, &e);
    ck_assert_msg(prompts != NULL && gm_make_dir(DIR, &e) == 0, "%s", e.text);
}

static void finish(void)
{
    gm_prompts_free(prompts);
}

static void write_file(const char *path, const void *bytes, size_t n)
{
    gm_error e = { "" };
    gm_writer w;
    ck_assert_msg(gm_create(&w, path, &e) == 0, "%s", e.text);
    ck_assert_uint_eq(fwrite(bytes, 1, n, w.file), n);
    ck_assert_msg(gm_commit(&w, &e) == 0, "%s", e.text);
}

static gm_data *open_line(const char *line, gm_error *e)
{
    gm_data_options o = { .prompts = prompts, .seed = 2 };
    return gm_data_open(&line, 1, &o, e);
}

/* A set of the text, whose images are those of the goldens. */
static gm_data *open_text(const char *format, const char *text, gm_error *e)
{
    char line[200];
    write_file(FILE_NAME, text, strlen(text));
    snprintf(line, sizeof line, "%s " FILE_NAME " images=golden/data/images", format);
    return open_line(line, e);
}

/* ---- files that cannot be opened ---- */

typedef struct { const char *format, *text, *why; } closed_case;
static const closed_case CLOSED[] = {
    { "grandf", " ", "wanted a JSON list of records" },
    { "grandf", "{\"a\":1}", "wanted a JSON list of records" },
    { "grandf", "[{\"a\":1}", "not valid JSON near byte" },
    { "grandf", "[{\"a\":\"]", "not valid JSON near byte" },
    { "grandf", "[1 2]", "not valid JSON near byte 3" },
    { "grandf", "[1,]", "not valid JSON near byte" },
    { "grandf", "[] []", "not valid JSON near byte" },
    { "grandf", "[]", "there is no record in it" },
    { "vg-region", "[]", "wanted a JSON object" },
    { "vg-region", "{\"images\":[{\"id\":1}]}", "wanted a list called \"annotations\"" },
    { "vg-region", "{\"images\":3,\"annotations\":[]}", "\"images\": wanted a list" },
    { "vg-region", "{\"images\":[],\"images\":[]}", "\"images\" is there twice" },
    { "paco", "{\"images\":[{\"id\":1}],\"annotations\":[]}", "called \"categories\"" },
};

START_TEST(a_file_that_is_none_is_named)
{
    const closed_case *c = &CLOSED[_i];
    gm_error e = { "" };
    ck_assert_ptr_null(open_text(c->format, c->text, &e));
    ck_assert_msg(strstr(e.text, FILE_NAME) && strstr(e.text, c->why), "%s", e.text);
}
END_TEST

/* ---- records that give no sample ---- */

#define GROUNDED(caption, span, mask)                                                              \
    "[{\"file_name\":\"0.png\",\"caption\":\"" caption "\",\"groundings\":{\"x\":"                 \
    "{\"token_positives\":" span ",\"rle_masks\":" mask "}}}]"
#define FULL "[{\"size\":[48,64],\"counts\":[0,3072]}]"
#define COCO(image, annotation)                                                                    \
    "{\"images\":[{\"id\":1,\"file_name\":\"0.png\",\"width\":64,\"height\":48" image "}],"        \
    "\"annotations\":[{\"image_id\":1" annotation "}],\"categories\":[{\"id\":4,\"name\":\"a\"},"  \
    "{\"id\":5,\"name\":\"a:b:c\"},{\"id\":6,\"name\":\"a:b\"}]}"
#define TALK(texts) "[{\"image\":\"0.png\",\"conversations\":[" texts "]}]"
#define HUMAN(text) "{\"from\":\"human\",\"value\":\"" text "\"}"
#define GPT(text) "{\"from\":\"gpt\",\"value\":\"" text "\"}"

typedef struct { const char *format, *text; gm_problem problem; const char *why; } bad_case;
static const bad_case BAD[] = {
    { "grandf", "[3]", GM_PROBLEM_RECORD, "'{' expected" },
    { "grandf", "[{\"a\" 1}]", GM_PROBLEM_RECORD, "not valid JSON" },
    { "grandf", "[{\"caption\":\"a b\"}]", GM_PROBLEM_RECORD, "wanted a caption" },
    { "grandf", "[{\"file_name\":\"9.png\",\"caption\":\"a\",\"groundings\":{\"a\":1}}]",
      GM_PROBLEM_IMAGE, "golden/data/images/9.png: cannot open" },
    { "grandf", "[{\"caption\":\"a\",\"groundings\":{\"a\":1}}]", GM_PROBLEM_RECORD,
      "wanted the name of its image" },
    { "grandf", "[{\"file_name\":\"../grandf.json\",\"caption\":\"a\",\"groundings\":{\"a\":1}}]",
      GM_PROBLEM_IMAGE, "grandf.json" },
    { "grandf", GROUNDED("a ball", "[2]", FULL), GM_PROBLEM_RECORD, "span as [start, end]" },
    { "grandf", GROUNDED("a ball", "[-2,3]", FULL), GM_PROBLEM_SPAN, "found -2 to 3" },
    { "grandf", GROUNDED("a ball", "[3,3]", FULL), GM_PROBLEM_SPAN, "found 3 to 3" },
    { "grandf", GROUNDED("a ball", "[6,9]", FULL), GM_PROBLEM_SPAN, "found 6 to 9" },
    { "grandf", GROUNDED("a ball", "[2,6]", "[{\"size\":[64,48],\"counts\":[0,3072]}]"),
      GM_PROBLEM_MASK, "64 x 48 pixels, found 48 x 64" },
    { "grandf", GROUNDED("a ball", "[2,6]", "[{\"size\":[48,64],\"counts\":[0,3071]}]"),
      GM_PROBLEM_MASK, "runs that add up to 64 x 48" },
    { "grandf", GROUNDED("a ball", "[2,6]", "[{\"size\":[48,64],\"counts\":[-1,3073]}]"),
      GM_PROBLEM_MASK, "runs that add up" },
    { "grandf", GROUNDED("a ball", "[2,6]", "[{\"size\":[48,64],\"counts\":\"0~\"}]"),
      GM_PROBLEM_MASK, "found other text" },
    { "grandf", GROUNDED("a ball", "[2,6]", "[{\"size\":[48]}]"), GM_PROBLEM_MASK, "size [height" },
    { "grandf", GROUNDED("a ball", "[2,6]", "[true]"), GM_PROBLEM_MASK, "runs, a polygon or" },
    { "grandf", GROUNDED("a ball", "[2,6]", "[[1,2,3,4]]"), GM_PROBLEM_MASK, "three points" },
    { "grandf", GROUNDED("a ball", "[2,6]", "[[1,2,3,4,5,1e9]]"), GM_PROBLEM_MASK, "100000" },
    { "grandf", GROUNDED("a ball", "[2,6]", "[\"none.png\"]"), GM_PROBLEM_MASK, "none.png" },
    { "grandf", GROUNDED("a ball", "[2,6]", "null"), GM_PROBLEM_MASK, "runs, a polygon or" },
    { "grandf", GROUNDED("a [SEG] ball", "[0,1]", FULL), GM_PROBLEM_TEXT, "a [SEG] for each of 1" },
    { "grandf", GROUNDED("a </s> ball", "[0,1]", FULL), GM_PROBLEM_TEXT, "holds \"</s>" },
    { "grandf", GROUNDED("a ASSISTANT: ball", "[0,1]", FULL), GM_PROBLEM_TEXT, "ASSISTANT:" },
    { "grandf", GROUNDED("a <image> ball", "[0,1]", FULL), GM_PROBLEM_TEXT, "<image> once" },
    { "grandf", GROUNDED("a <bbox> ball", "[0,1]", FULL), GM_PROBLEM_TEXT, "<bbox> for each of 0" },
    { "refcocog-gcg", "[{}]", GM_PROBLEM_RECORD, "wanted a caption" },
    { "refcocog-gcg", "[{\"1\":{\"img_file_name\":\"0.png\",\"caption\":\"a\",\"refs\":[{}]}}]",
      GM_PROBLEM_RECORD, "ref 0: wanted a sentence" },
    { "vg-region", COCO("", ",\"bbox\":[1,2,3],\"caption\":\"a\""), GM_PROBLEM_BOX, "annotation 0" },
    { "vg-region", COCO("", ",\"bbox\":[1,2,3,1e7],\"caption\":\"a\""), GM_PROBLEM_BOX, "bbox" },
    { "vg-region", COCO("", ",\"bbox\":[1,2,30,20]"), GM_PROBLEM_RECORD, "wanted a caption" },
    { "vg-region", COCO("", ",\"bbox\":[1,2,30,20],\"caption\":\" \""), GM_PROBLEM_TEXT, "empty" },
    { "vg-region", COCO("", ",\"bbox\":[70,2,30,20],\"caption\":\"a\""), GM_PROBLEM_EMPTY, "no box" },
    { "refcoco-region", COCO("", ",\"bbox\":[1,2,30,20]"), GM_PROBLEM_RECORD, "wanted a caption" },
    { "flickr-region", COCO(",\"caption\":\"one two\"", ""), GM_PROBLEM_EMPTY, "than 3 words" },
    { "flickr-region", COCO("", ""), GM_PROBLEM_RECORD, "wanted a caption" },
    { "flickr-region", COCO(",\"caption\":\"a b c\"", ",\"bbox\":[1,2,30,20]"), GM_PROBLEM_RECORD,
      "annotation 0 of the image: wanted a phrase's span" },
    { "flickr-gcg", COCO(",\"caption\":\"a b c\"", ",\"bbox\":[1,2,30,20],\"tokens_positive\":"
                         "[[0,1]]"), GM_PROBLEM_RECORD, "wanted a mask" },
    { "coco-caption", COCO("", ""), GM_PROBLEM_RECORD, "wanted a caption" },
    { "coco-caption", COCO("", ",\"image_id\":7"), GM_PROBLEM_RECORD, "not valid JSON" },
    { "coco-caption", "{\"images\":[],\"annotations\":[{\"image_id\":7}]}", GM_PROBLEM_RECORD,
      "names no image" },
    { "paco", COCO("", ",\"category_id\":9"), GM_PROBLEM_RECORD, "names no category" },
    { "paco", COCO("", ",\"category_id\":5"), GM_PROBLEM_RECORD, "found 'a:b:c'" },
    { "pascal-part", COCO("", ",\"category_id\":4"), GM_PROBLEM_RECORD, "object:part, found 'a'" },
    { "pascal-part", COCO("", ",\"category_id\":6"), GM_PROBLEM_RECORD, "wanted a mask" },
    { "llava", "[{\"image\":\"0.png\"}]", GM_PROBLEM_RECORD, "wanted conversations" },
    { "llava", TALK("{\"from\":\"me\",\"value\":\"a\"}"), GM_PROBLEM_RECORD, "human or gpt" },
    { "llava", TALK(HUMAN("<image> a") "," HUMAN("b")), GM_PROBLEM_TEXT, "in turn" },
    { "llava", TALK(HUMAN("<image> a")), GM_PROBLEM_TEXT, "questions and answers in turn, found 1" },
    { "llava", TALK(HUMAN("a") "," GPT("b")), GM_PROBLEM_TEXT, "found it 0 times" },
    { "llava", TALK(HUMAN("<image> a") "," GPT("<image> b")), GM_PROBLEM_TEXT, "2 times" },
    { "llava", TALK(HUMAN("<image>") "," GPT("b")), GM_PROBLEM_TEXT, "empty" },
    { "llava", TALK(HUMAN("<image> a") "," GPT("")), GM_PROBLEM_TEXT, "answer 0 is empty" },
};

START_TEST(a_bad_record_is_named)
{
    const bad_case *c = &BAD[_i];
    gm_error e = { "" };
    gm_sample s;
    gm_data *d = open_text(c->format, c->text, &e);
    ck_assert_msg(d != NULL, "%s", e.text);
    gm_problem p = gm_data_record(d, 0, &s, &e);
    ck_assert_msg(p == c->problem && strstr(e.text, c->why), "%d: %s", (int)p, e.text);
    ck_assert_msg(!strncmp(e.text, FILE_NAME ", record 0: ", strlen(FILE_NAME ", record 0: ")), "%s",
                  e.text);
    ck_assert(!s.image.rgb && !s.turn && !s.mask && !s.source);
    gm_data_close(d);
}
END_TEST

/* ---- what is mended ---- */

static gm_sample only_sample(const char *format, const char *text, gm_data **d)
{
    gm_error e = { "" };
    gm_sample s;
    *d = open_text(format, text, &e);
    ck_assert_msg(*d != NULL, "%s", e.text);
    ck_assert_msg(gm_data_record(*d, 0, &s, &e) == GM_PROBLEM_NONE, "%s", e.text);
    return s;
}

START_TEST(phrases_inside_others_are_left_out)
{
    gm_data *d;
    gm_sample s = only_sample("grandf",
        "[{\"file_name\":\"0.png\",\"caption\":\"a man in a red shirt runs\",\"groundings\":{"
        "\"a red shirt\":{\"token_positives\":[9,20],\"rle_masks\":" FULL "},"
        "\"runs\":{\"token_positives\":[21,99],\"rle_masks\":[[1,1,9,1,9,9]]},"
        "\"a man in a red shirt\":{\"token_positives\":[0,20],\"rle_masks\":[]},"
        "\"a man\":{\"token_positives\":[0,5],\"rle_masks\":" FULL "}}}]", &d);
    ck_assert_str_eq(s.turn[1], "<p> a man in a red shirt </p> [SEG] <p> runs </p> [SEG]");
    ck_assert_int_eq(s.masks, 2);
    ck_assert_int_eq(gm_rle_area(&s.mask[0]), 0);
    ck_assert(gm_rle_area(&s.mask[1]) > 0 && gm_rle_area(&s.mask[1]) < 100);
    ck_assert_int_eq(gm_data_left_out(d), 2);
    gm_sample_free(&s);
    gm_data_close(d);
}
END_TEST

START_TEST(phrases_that_touch_stay)
{
    gm_data *d;
    gm_sample s = only_sample("grandf",
        "[{\"file_name\":\"0.png\",\"caption\":\"sunflower \\\"]}\",\"groundings\":{"
        "\"a\":{\"token_positives\":[3,9],\"rle_masks\":" FULL "},"
        "\"b\":{\"token_positives\":[0,3],\"rle_masks\":" FULL "}}}]", &d);
    ck_assert_str_eq(s.turn[1], "<p> sun </p> [SEG]<p> flower </p> [SEG] \"]}");
    ck_assert_int_eq(gm_data_left_out(d), 0);
    gm_sample_free(&s);
    gm_data_close(d);
}
END_TEST

/* In whatever order the refs stand, and with capitals (Q26). */
START_TEST(sentences_are_trimmed_in_the_captions_order)
{
    gm_data *d;
    gm_sample s = only_sample("refcocog-gcg",
        "[{\"7\":{\"img_file_name\":\"0.png\",\"caption\":\" The Dog sits by the red ball\",\"refs\":["
        "{\"sentence\":\"by the Red\",\"segmentation\":[[1,1,9,1,9,9]]},"
        "{\"sentence\":\"dog sits by\",\"segmentation\":[[1,1,30,1,30,30]]},"
        "{\"sentence\":\"dog\",\"segmentation\":[[1,1,9,1,9,9]]},"
        "{\"sentence\":\"cat\",\"segmentation\":[[1,1,9,1,9,9]]}]}}]", &d);
    /* "dog" begins where "dog sits by" does, and would end before it: it goes. */
    ck_assert_str_eq(s.turn[1],
                     "the <p> dog </p> [SEG] sits <p> by the red </p> [SEG] ball");
    gm_sample_free(&s);
    gm_data_close(d);
}
END_TEST

START_TEST(a_mask_may_be_a_picture)
{
    enum { W = 64, H = 48 };
    uint8_t grey[W * H] = { 0 };
    gm_error e = { "" };
    gm_data *d;
    for (int x = 5; x < 9; x++) grey[3 * W + x] = (uint8_t)x;
    ck_assert_int_eq(gm_png_write(DIR "/mask.png", grey, W, H, 1, &e), 0);
    gm_sample s = only_sample("grandf", GROUNDED("a ball", "[2,6]",
                                                 "[\"../../../build/tests/data/mask.png\"]"), &d);
    int64_t box[4];
    gm_rle_box(&s.mask[0], box);
    ck_assert(box[0] == 5 && box[1] == 3 && box[2] == 4 && box[3] == 1);
    gm_sample_free(&s);
    gm_data_close(d);
}
END_TEST

/* One good record among bad ones is drawn every time; the others are told and counted. */
static void count_line(void *user, const char *line)
{
    int *n = user;
    ck_assert_msg(strstr(line, FILE_NAME ", record ") != NULL, "%s", line);
    ++*n;
}

START_TEST(bad_records_are_skipped)
{
    const char *line = "grandf " FILE_NAME " images=golden/data/images";
    static const char text[] = "[{\"a\":1},3," "{\"file_name\":\"0.png\",\"caption\":\"a ball\","
        "\"groundings\":{\"x\":{\"token_positives\":[2,6],\"rle_masks\":" FULL "}}},"
        "{\"file_name\":\"0.png\",\"caption\":\"a ball\",\"groundings\":{}}]";
    int told = 0;
    gm_error e = { "" };
    gm_data_options o = { .prompts = prompts, .log = count_line, .user = &told };
    write_file(FILE_NAME, text, strlen(text));
    gm_data *d = gm_data_open(&line, 1, &o, &e);
    ck_assert_msg(d != NULL, "%s", e.text);
    for (int64_t i = 0; i < 40; i++) {
        gm_sample s;
        ck_assert_msg(gm_data_draw(d, GM_SET_SEGM, i, &s, &e) == 0, "%s", e.text);
        ck_assert_str_eq(s.source, FILE_NAME ", record 2");
        gm_sample_free(&s);
    }
    ck_assert(told > 40 && gm_data_skipped(d) > told);      /* the empty one is counted alone */
    gm_data_close(d);
    write_file(FILE_NAME, "[3,4]", 5);
    d = gm_data_open(&line, 1, &o, &e);
    gm_sample s;
    ck_assert_int_ne(gm_data_draw(d, GM_SET_SEGM, 0, &s, &e), 0);
    ck_assert_msg(strstr(e.text, "100 records in a row") != NULL, "%s", e.text);
    gm_data_close(d);
}
END_TEST

/* ---- folders and lines ---- */

static void copy(const char *from, const char *to)
{
    size_t n;
    gm_error e = { "" };
    const uint8_t *bytes = gm_map(from, &n, &e);
    ck_assert_msg(bytes != NULL, "%s", e.text);
    write_file(to, bytes, n);
    gm_unmap(bytes, n);
}

static void check_refused(const char *line, const char *why)
{
    gm_error e = { "" };
    gm_data *d = open_line(line, &e);
    ck_assert_ptr_null(d);
    ck_assert_msg(strstr(e.text, why) != NULL, "%s: %s", line, e.text);
}

#define REFER "refer " DIR "/refer images=golden/data/images"
static const char PICKLE[] = "(lp0\n(dp1\nS'split'\nS'train'\nsS'image_id'\nI200\nsS'ann_id'\nI%d\n"
                             "sS'sentences'\n(lp2\n(dp3\nS'sent'\nS'a ball'\nsasa.";

START_TEST(refer_folders_that_lack_something)
{
    gm_error e = { "" };
    gm_sample s;
    char pickle[300];
    int n = snprintf(pickle, sizeof pickle, PICKLE, 777);
    ck_assert_int_eq(gm_make_dir(DIR "/refer", &e), 0);
    remove(DIR "/refer/refs(unc).p");
    remove(DIR "/refer/instances.json");
    check_refused(REFER, "wanted refs(unc).p");
    write_file(DIR "/refer/refs(unc).p", "\x80\x02}.", 4);
    check_refused(REFER, "wanted a list of refs");
    write_file(DIR "/refer/refs(unc).p", "(lp0\n(dp1\na.", 12);
    check_refused(REFER, "ref 0: wanted split");
    write_file(DIR "/refer/refs(unc).p", "cos\nsystem\n(S'x'\ntR.", 20);
    check_refused(REFER, "refs(unc).p");
    write_file(DIR "/refer/refs(unc).p", pickle, (size_t)n);
    check_refused(REFER, "instances.json: cannot open");
    copy("golden/data/refcoco/instances.json", DIR "/refer/instances.json");
    check_refused(REFER " split=test", "no sentence of split test");
    gm_data *d = open_line(REFER, &e);
    ck_assert_msg(d != NULL, "%s", e.text);
    ck_assert_int_eq(gm_data_record(d, 0, &s, &e), GM_PROBLEM_RECORD);
    ck_assert_msg(strstr(e.text, "no annotation 777") != NULL, "%s", e.text);
    gm_data_close(d);
}
END_TEST

START_TEST(label_pictures_of_another_kind)
{
    gm_error e = { "" };
    gm_sample s;
    uint8_t wrong[64 * 48] = { 151 };
    ck_assert_int_eq(gm_make_dir(DIR "/labels", &e), 0);
    copy("golden/data/images/0.png", DIR "/labels/0.png");
    copy("golden/data/images/0.jpg", DIR "/labels/1.png");
    ck_assert_int_eq(gm_png_write(DIR "/labels/2.png", wrong, 64, 48, 1, &e), 0);
    gm_data *d = open_line("ade20k " DIR "/labels images=golden/data/images", &e);
    ck_assert_msg(d && gm_data_size(d) == 3, "%s", e.text);
    static const char *const why[] = { "8-bit grey", "8-bit grey", "value 151 is no class" };
    for (int64_t i = 0; i < 3; i++) {
        e.text[0] = 0;
        ck_assert_int_eq(gm_data_record(d, i, &s, &e), GM_PROBLEM_MASK);
        ck_assert_msg(strstr(e.text, why[i]) != NULL, "%s", e.text);
    }
    gm_data_close(d);
}
END_TEST

START_TEST(lines_that_are_none)
{
    check_refused("", "wanted FORMAT PATH");
    check_refused("granf a.json", "wanted one of the formats grandf, ");
    check_refused("grandf", "wanted the path");
    check_refused("grandf golden/data/grandf.json folder=a", "images, rate, split or most");
    check_refused("grandf golden/data/grandf.json images", "images=DIR");
    check_refused("grandf golden/data/grandf.json rate=0", "above 0, found '0'");
    check_refused("grandf golden/data/grandf.json most=1.5", "1 to 100, found '1.5'");
    check_refused("grandf golden/data/grandf.json split=val", "has no splits");
    check_refused("grandf golden/data/grandf.json images=none", "none: wanted a folder of images");
    check_refused("grandf golden/data/none.json", "none.json: cannot open");
    check_refused("refer golden/data/grandf.json", "wanted a folder");
    check_refused("grandf \"golden/data/images\"", "golden/data/images/annotations.json");
}
END_TEST

START_TEST(lines_in_files_and_folders)
{
    char **line;
    int64_t n;
    gm_error e = { "" };
    static const char text[] = "# sets\n\nlr = 3e-4\n data = grandf a.json rate=2\r\ndata=llava b\n"
                               "vg_region \"c d\"\ndatabase = x\nvalue = y\nval = llava e\n";
    write_file(DIR "/lines.txt", text, strlen(text));
    ck_assert_msg(gm_data_lines(DIR "/lines.txt", &line, &n, &e) == 0, "%s", e.text);
    ck_assert_int_eq(n, 4);
    ck_assert_str_eq(line[3], "llava e");
    ck_assert_str_eq(line[0], "grandf a.json rate=2");
    ck_assert_str_eq(line[1], "llava b");
    ck_assert_str_eq(line[2], "vg_region \"c d\"");
    gm_free_list(line, n);
    ck_assert_int_eq(gm_data_lines("grandf a", &line, &n, &e), 0);
    ck_assert(n == 1 && !strcmp(line[0], "grandf a"));
    gm_free_list(line, n);
    ck_assert_int_ne(gm_data_lines("golden/data/images", &line, &n, &e), 0);
    ck_assert_msg(strstr(e.text, "annotations.json") != NULL, "%s", e.text);
    e.text[0] = 0;
    write_file(DIR "/lines.txt", "lr = 1\n", 7);
    ck_assert_int_ne(gm_data_lines(DIR "/lines.txt", &line, &n, &e), 0);
    ck_assert_msg(strstr(e.text, "no data line") != NULL, "%s", e.text);
}
END_TEST

Suite *test_data_bad(void);

Suite *test_data_bad(void)
{
    Suite *s = suite_create("bad data");
    TCase *c = tcase_create("bad");
    tcase_add_checked_fixture(c, prepare, finish);
    tcase_add_loop_test(c, a_file_that_is_none_is_named, 0, sizeof CLOSED / sizeof *CLOSED);
    tcase_add_loop_test(c, a_bad_record_is_named, 0, sizeof BAD / sizeof *BAD);
    tcase_add_test(c, phrases_inside_others_are_left_out);
    tcase_add_test(c, phrases_that_touch_stay);
    tcase_add_test(c, sentences_are_trimmed_in_the_captions_order);
    tcase_add_test(c, a_mask_may_be_a_picture);
    tcase_add_test(c, bad_records_are_skipped);
    tcase_add_test(c, refer_folders_that_lack_something);
    tcase_add_test(c, label_pictures_of_another_kind);
    tcase_add_test(c, lines_that_are_none);
    tcase_add_test(c, lines_in_files_and_folders);
    suite_add_tcase(s, c);
    return s;
}
