/* GGUF: files of the PyPI package gguf (golden/make_gguf.py) and of llama.cpp's quantisers
 * (make_gguf_k.py) read, their quantisation met bit for bit; files that lie; and a model through
 * glamm convert and back. */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "../io/convert.h"
#include "../io/folder.h"
#include "../io/os.h"
#include "../io/quantise.h"
#include "../ref/glamm.h"
#include "../train/params.h"

#define SMALL "golden/gguf/small.gguf"
#define LARGE "golden/gguf/k.gguf"
#define DIR "build/tests/gguf"
#define NANO "models/nano"
#define SCENE "golden/nano/scenes/demo.png"

static gm_file *open_good(const char *path)
{
    gm_error e = { "" };
    gm_file *f = gm_file_open(path, &e);
    ck_assert_msg(f != NULL, "%s", e.text);
    return f;
}

/* ---- tensors ---- */

static const struct { const char *file, *name; gm_dtype type; int64_t R, C; } TYPES[] = {
    { SMALL, "q8_0", GM_Q8_0, 4, 64 }, { SMALL, "q4_0", GM_Q4_0, 4, 64 },
    { SMALL, "q4_1", GM_Q4_1, 4, 64 }, { LARGE, "q4_K", GM_Q4_K, 4, 512 },
    { LARGE, "q5_K", GM_Q5_K, 4, 512 }, { LARGE, "q6_K", GM_Q6_K, 4, 512 },
    { SMALL, "bf16", GM_BF16, 4, 64 }, { LARGE, "bits.q4_K", GM_Q4_K, 2, 256 },
    { LARGE, "bits.q5_K", GM_Q5_K, 2, 256 }, { LARGE, "bits.q6_K", GM_Q6_K, 2, 256 },
};
enum { QUANTISED = 6, NTYPES = sizeof TYPES / sizeof *TYPES };

START_TEST(values_are_the_package_s)
{
    char name[40];
    gm_file *f = open_good(TYPES[_i].file);
    gm_tensor x = gm_file_find(f, TYPES[_i].name);
    snprintf(name, sizeof name, "want.%s", TYPES[_i].name);
    gm_tensor want = gm_file_find(f, name);
    float got[2048];
    int64_t R = TYPES[_i].R, C = TYPES[_i].C;
    ck_assert(x.type == TYPES[_i].type && x.nd == 2 && x.dim[0] == R && x.dim[1] == C);
    ck_assert(want.type == GM_F32 && gm_numel(want) == R * C);
    ck_assert_int_eq(gm_to_float(got, x.data, x.type, R * C), 0);
    ck_assert_mem_eq(got, want.data, (size_t)(R * C) * sizeof *got);
    gm_file_close(f);
}
END_TEST

START_TEST(quantising_gives_the_package_s_bytes)
{
    gm_file *f = open_good(TYPES[_i].file);
    gm_tensor x = gm_file_find(f, TYPES[_i].name), source = gm_file_find(f, "source");
    float y[2048];
    memcpy(y, source.data, gm_bytes(source));
    gm_quantise(y, x.type, y, gm_numel(source));        /* in place */
    ck_assert_mem_eq(y, x.data, gm_bytes(x));
    gm_file_close(f);
}
END_TEST

START_TEST(other_types_and_sizes)
{
    gm_file *f = open_good(SMALL);
    gm_tensor i = gm_file_find(f, "i32"), h = gm_file_find(f, "f16");
    ck_assert_int_eq(gm_file_count(f), 11);
    ck_assert(i.type == GM_I32 && i.nd == 3 && i.dim[0] == 1 && i.dim[1] == 2 && i.dim[2] == 3);
    ck_assert_int_eq(((int32_t *)i.data)[5], 5);
    ck_assert(h.type == GM_F16 && h.dim[0] == 4);
    gm_file_close(f);
}
END_TEST

/* ---- keys ---- */

START_TEST(keys_of_every_type)
{
    static const struct { const char *key; double v; } want[] = {
        { "t.u8", 200 }, { "t.i8", -100 }, { "t.u16", 60000 }, { "t.i16", -30000 },
        { "t.u32", 4e9 }, { "t.i32", -2e9 }, { "t.u64", 0x1p60 }, { "t.i64", -0x1p60 },
        { "t.f32", 0.5 }, { "t.f64", -0.25 }, { "t.bool", 1 },
    };
    gm_error e = { "" };
    gm_gguf g;
    size_t n;
    const uint8_t *bytes = gm_map(SMALL, &n, &e);
    ck_assert_int_eq(gm_gguf_open(&g, bytes, n, SMALL, &e), 0);
    for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
        double v = 0;
        int64_t whole = 7;
        ck_assert_int_eq(gm_gguf_float(&g, want[i].key, &v, &e), 0);
        ck_assert_double_eq(v, want[i].v);
        int bad = gm_gguf_int(&g, want[i].key, &whole, &e);
        ck_assert(want[i].v == floor(want[i].v) ? !bad && (double)whole == v : bad != 0);
        e.text[0] = 0;
    }
    int64_t stays = 3;
    ck_assert(gm_gguf_int(&g, "none", &stays, &e) == 0 && stays == 3);
    ck_assert(gm_gguf_int(&g, "t.text", &stays, &e) != 0 && strstr(e.text, "t.text"));
    const gm_gguf_value *v = gm_gguf_find(&g, "t.texts");
    const uint8_t *at = v->data;
    static const char *const texts[] = { "one", "", "three" };
    ck_assert(v->array && v->n == 3 && v->type == GM_GGUF_TEXT);
    for (int i = 0; i < 3; i++) {
        const char *s = gm_gguf_next_text(&at, &n);
        ck_assert(n == strlen(texts[i]) && memcmp(s, texts[i], n) == 0);
    }
    const uint8_t *text = gm_gguf_bytes(gm_gguf_find(&g, "t.text"), &n);
    ck_assert(n == 10 && memcmp(text, "a text, \xc3\xa9", 10) == 0);
    gm_gguf_close(&g);
}
END_TEST

/* ---- files that lie ---- */

START_TEST(cut_files_are_refused)
{
    gm_error e = { "" };
    size_t n;
    const uint8_t *whole = gm_map(SMALL, &n, &e);
    int refused = 0;
    for (int k = 0; k < 200; k++) {
        size_t part = n * (size_t)k / 200;
        uint8_t *copy = malloc(part + 1);
        memcpy(copy, whole, part);
        gm_error why = { "" };
        gm_file *f = gm_file_parse(copy, part, "FILE", &why);
        ck_assert(!f == (why.text[0] != 0));
        refused += !f;
        gm_file_close(f);
        free(copy);
    }
    ck_assert_int_eq(refused, 200);
}
END_TEST

/* One field of the header, as the bytes at `at`. */
START_TEST(headers_that_lie)
{
    static const struct { size_t at; int bytes; uint64_t v; const char *want; } lies[] = {
        { 4, 4, 1, "version 1" }, { 8, 8, 1u << 30, "tensors" }, { 16, 8, 1u << 30, "keys" },
        { 24, 8, UINT64_MAX, "past the file's end" }, { 8, 8, 12, "FILE: " },
    };
    gm_error e = { "" };
    size_t n;
    const uint8_t *whole = gm_map(SMALL, &n, &e);
    uint8_t *copy = malloc(n);
    memcpy(copy, whole, n);
    for (int i = 0; i < lies[_i].bytes; i++)
        copy[lies[_i].at + (size_t)i] = (uint8_t)(lies[_i].v >> (8 * i));
    ck_assert_ptr_null(gm_file_parse(copy, n, "FILE", &e));
    ck_assert_msg(strstr(e.text, lies[_i].want) && strstr(e.text, "FILE"), "%s", e.text);
    free(copy);
}
END_TEST

/* ---- a model there and back ---- */

static void convert(const char *out, gm_dtype type)
{
    gm_error e = { "" };
    const gm_convert_options o = { .type = type };
    gm_make_dir(DIR, &e);
    ck_assert_msg(gm_convert(NANO, NULL, out, &o, &e) == 0, "%s", e.text);
}

/* The answer about the demo scene, and its first mask's pixels. */
static char *answer_of(const char *path, int64_t *area)
{
    gm_error e = { "" };
    gm_image im;
    gm_model *m = gm_model_open(path, NULL, &e);
    ck_assert_msg(m && gm_image_read(&im, SCENE, &e) == 0, "%s", e.text);
    gm_session *s = gm_session_new(m, &im, &e);
    gm_answer *a = s ? gm_session_ask(s, &(gm_ask){ .max_new_tokens = 40 }, &e) : NULL;
    ck_assert_msg(a != NULL, "%s", e.text);
    char *text = gm_copy_text(a->text);
    *area = a->nmasks ? a->mask[0].area : 0;
    gm_answer_free(a);
    gm_session_free(s);
    gm_image_free(&im);
    gm_model_free(m);
    return text;
}

START_TEST(a_converted_model_answers_alike)
{
    static const struct { gm_dtype type; const char *out; int64_t slack; } way[] = {
        { GM_F32, DIR "/f32.gguf", 2 }, { GM_BF16, DIR "/bf16.gguf", 2 },
        { GM_Q8_0, DIR "/q8.gguf", 200 },
    };
    int64_t want_area, area;
    convert(way[_i].out, way[_i].type);
    char *want = answer_of(NANO, &want_area), *got = answer_of(way[_i].out, &area);
    ck_assert_str_eq(got, want);
    ck_assert_int_gt(want_area, 1000);
    ck_assert_msg(llabs(area - want_area) <= way[_i].slack, "%lld pixels, %lld of the folder",
                  (long long)area, (long long)want_area);
    free(want);
    free(got);
}
END_TEST

START_TEST(a_flipped_bit_is_found)
{
    gm_error e = { "" };
    size_t n;
    convert(DIR "/torn.gguf", GM_Q8_0);
    ck_assert_int_eq(gm_gguf_verify(DIR "/torn.gguf", &e), 0);
    char *bytes = gm_read_text(DIR "/torn.gguf", &n, &e);
    bytes[n - 3000] ^= 4;
    FILE *f = fopen(DIR "/torn.gguf", "wb");
    fwrite(bytes, 1, n, f);
    fclose(f);
    free(bytes);
    ck_assert_int_ne(gm_gguf_verify(DIR "/torn.gguf", &e), 0);
    ck_assert_msg(strstr(e.text, "is damaged: checksum"), "%s", e.text);
}
END_TEST

/* Writes bytes (n) with bit `at` flipped, and puts the bit back. */
static void write_flipped(const char *path, char *bytes, size_t n, size_t at)
{
    bytes[at / 8] ^= (char)(1 << at % 8);
    FILE *f = fopen(path, "wb");
    ck_assert(f && fwrite(bytes, 1, n, f) == n && fclose(f) == 0);
    bytes[at / 8] ^= (char)(1 << at % 8);
}

/* The language model's file of golden/wide has no padding but the head's. */
START_TEST(any_flipped_bit_is_found)
{
    static const char path[] = DIR "/flip.gguf";
    const gm_convert_options o = { .type = GM_Q4_K };
    gm_error e = { "" };
    size_t n, head = 40000;                     /* metadata, pieces, list of tensors */
    gm_make_dir(DIR, &e);
    ck_assert_msg(gm_convert("golden/wide/model", NULL, path, &o, &e) == 0, "%s", e.text);
    char *bytes = gm_read_text(path, &n, &e);
    ck_assert_uint_gt(n, 8 * head);
    for (size_t i = 0; i < 200; i++) {
        gm_error why = { "" };
        size_t at = i < 100 ? i * 7919 % (8 * head) : i * 1000003 % (8 * n);
        write_flipped(path, bytes, n, at);
        ck_assert_msg(gm_gguf_verify(path, &why) != 0 && strstr(why.text, "flip.gguf"),
                      "bit %zu: %s", at, why.text);
    }
    free(bytes);
}
END_TEST

START_TEST(a_foreign_file_has_no_checksums)
{
    gm_error e = { "" };
    ck_assert_int_ne(gm_gguf_verify(SMALL, &e), 0);
    ck_assert_msg(strstr(e.text, "no checksums") && strstr(e.text, SMALL), "%s", e.text);
}
END_TEST

/* Cut anywhere, it is refused without being asked to verify. */
START_TEST(a_torn_pair_is_refused)
{
    size_t n;
    gm_error e = { "" };
    convert(DIR "/cut.gguf", GM_Q8_0);
    char *bytes = gm_read_text(DIR "/cut.gguf", &n, &e);
    for (size_t k = 0; k < 8; k++) {
        gm_error why = { "" };
        FILE *f = fopen(DIR "/cut.gguf", "wb");
        ck_assert(f && fwrite(bytes, 1, k * n / 8, f) == k * n / 8 && fclose(f) == 0);
        ck_assert_ptr_null(gm_model_open(DIR "/cut.gguf", NULL, &why));
        ck_assert_msg(strstr(why.text, "cut.gguf"), "%s", why.text);
    }
    free(bytes);
}
END_TEST

START_TEST(what_cannot_be_converted)
{
    static const struct { const char *from, *to, *want; } bad[] = {
        { NANO, DIR "/name.bin", "ends with .gguf" },
        { DIR "/again.gguf", DIR "/twice.gguf", "has been rounded already" },
        { "golden/none.gguf", DIR "/x.gguf", "is missing: golden/none.vision.gguf" },
        { "golden", DIR "/x.gguf", "config.json" },
        { NANO, DIR "/no/such/x.gguf", "no/such" },
    };
    gm_error e = { "" };
    const gm_convert_options o = { .type = GM_Q8_0 };
    if (_i == 1) convert(DIR "/again.gguf", GM_BF16);
    ck_assert_int_ne(gm_convert(bad[_i].from, NULL, bad[_i].to, &o, &e), 0);
    ck_assert_msg(strstr(e.text, bad[_i].want), "%s", e.text);
    ck_assert(!gm_is_file(bad[_i].to));
}
END_TEST

/* Their rows of q and k stand in an order that no reader of adapters or exports knows. */
START_TEST(adapters_and_training_want_a_folder)
{
    gm_error e = { "" };
    const gm_model_options lora = { .lora = "golden/mini/lora/peft_start" };
    const gm_train_policy policy = { .freeze = "all", .rank = 2 };
    gm_params ps;
    convert(DIR "/again.gguf", GM_F32);
    ck_assert_ptr_null(gm_model_open(DIR "/again.gguf", &lora, &e));
    ck_assert_msg(strstr(e.text, "again.gguf: wanted a model folder to merge") &&
                  strstr(e.text, "peft_start"), "%s", e.text);
    e = (gm_error){ "" };
    gm_model *m = gm_model_open(DIR "/again.gguf", NULL, &e);
    ck_assert_msg(m != NULL, "%s", e.text);
    ck_assert_int_ne(gm_params_open(&ps, m, &policy, &e), 0);
    ck_assert_msg(strstr(e.text, "again.gguf: wanted a model folder to train"), "%s", e.text);
    gm_params_free(&ps);
    gm_model_free(m);
}
END_TEST

Suite *test_gguf(void)
{
    Suite *s = suite_create("gguf");
    TCase *t = tcase_create("gguf");
    tcase_add_loop_test(t, values_are_the_package_s, 0, NTYPES);
    tcase_add_loop_test(t, quantising_gives_the_package_s_bytes, 0, QUANTISED);
    tcase_add_test(t, other_types_and_sizes);
    tcase_add_test(t, keys_of_every_type);
    tcase_add_test(t, cut_files_are_refused);
    tcase_add_loop_test(t, headers_that_lie, 0, 5);
    tcase_add_loop_test(t, a_converted_model_answers_alike, 0, 3);
    tcase_add_test(t, a_flipped_bit_is_found);
    tcase_add_test(t, any_flipped_bit_is_found);
    tcase_add_test(t, a_foreign_file_has_no_checksums);
    tcase_add_test(t, a_torn_pair_is_refused);
    tcase_add_loop_test(t, what_cannot_be_converted, 0, 5);
    tcase_add_test(t, adapters_and_training_want_a_folder);
    tcase_set_timeout(t, 120);
    suite_add_tcase(s, t);
    return s;
}
