/* Damaged files of every kind that is read: each gives one clear error. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "../io/checkpoint.h"
#include "../io/os.h"
#include "../io/tokenizer.h"

#define CUTS 100
#define PREFIX "build/bad-"

static char scratch[64];

static void name_scratch(void)
{
    snprintf(scratch, sizeof scratch, PREFIX "%.0f", gm_seconds() * 1e9);
}

static void remove_scratch(void)
{
    remove(scratch);
}

static void write_bytes(const char *path, const void *bytes, size_t n)
{
    FILE *f = fopen(path, "wb");
    ck_assert_ptr_nonnull(f);
    ck_assert_uint_eq(fwrite(bytes, 1, n, f), n);
    ck_assert_int_eq(fclose(f), 0);
}

/* An error is one line that names the file. */
static void assert_clear(const gm_error *e, const char *file)
{
    ck_assert_msg(e->text[0], "no error text for %s", file);
    ck_assert_msg(strstr(e->text, file) != NULL, "the error does not name %s: %s", file, e->text);
    ck_assert_msg(!strchr(e->text, '\n'), "more than one line: %s", e->text);
}

static void refuse_file(const char *what)
{
    gm_error e = { "" };
    gm_file *f = gm_file_open(scratch, &e);
    ck_assert_msg(!f, "%s was taken", what);
    assert_clear(&e, scratch);
}

static void refuse_bytes(const char *what, const void *bytes, size_t n)
{
    write_bytes(scratch, bytes, n);
    refuse_file(what);
}

static const char *const weight_files[] = {
    "golden/mini/model/pytorch_model.bin",
    "golden/mini/model/clip/pytorch_model.bin",
    "golden/mini/model/sam.pth",
    "golden/mini/forms/released/pytorch_model-00001-of-00002.bin",
    "golden/mini/forms/released/pytorch_model-00002-of-00002.bin",
    "golden/mini/forms/legacy/pytorch_model.bin",
    "golden/mini/forms/prefixed/pytorch_model.bin",
    "golden/mini/forms/clipmodel/pytorch_model.bin",
    "golden/mini/forms/safetensors-tower-inside/model.safetensors",
    "golden/mini/lora/adapter_start.bin",
    "golden/mini/lora/lora.safetensors",
    "golden/mini/cases/gcg.safetensors",
};
enum { FILES = sizeof weight_files / sizeof *weight_files };

START_TEST(weights_cut_short)
{
    gm_error e = { "" };
    size_t n;
    const uint8_t *bytes = gm_map(weight_files[_i], &n, &e);
    ck_assert_msg(bytes != NULL, "%s", e.text);
    for (int k = 0; k < CUTS; k++) {
        size_t length = n * (size_t)k / CUTS;
        char what[200];
        snprintf(what, sizeof what, "%s cut to %zu of %zu bytes", weight_files[_i], length, n);
        refuse_bytes(what, bytes, length);
    }
    refuse_bytes("the file but its last byte", bytes, n - 1);
    write_bytes(scratch, bytes, n);
    gm_file *f = gm_file_open(scratch, &e);         /* and whole it is fine */
    ck_assert_msg(f != NULL, "%s", e.text);
    gm_file_close(f);
    gm_unmap(bytes, n);
}
END_TEST

/* One .safetensors from its header text and a number of data bytes; length 0: the header's own. */
static void refuse_safetensors(const char *what, const char *header, uint64_t length, size_t data)
{
    size_t h = strlen(header);
    uint8_t *b = calloc(8 + h + data, 1);
    ck_assert_ptr_nonnull(b);
    if (!length) length = h;
    for (int i = 0; i < 8; i++) b[i] = (uint8_t)(length >> (8 * i));
    memcpy(b + 8, header, h);
    refuse_bytes(what, b, 8 + h + data);
    free(b);
}

START_TEST(safetensors_that_lie)
{
    const char *one = "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}";
    refuse_safetensors("a header length of 2^63", one, UINT64_C(1) << 63, 8);
    refuse_safetensors("a header length of 2^64 - 1", one, UINT64_MAX, 8);
    refuse_safetensors("a header length of 2^62", one, UINT64_C(1) << 62, 8);
    refuse_safetensors("a header longer than the file", one, strlen(one) + 9, 8);
    refuse_safetensors("an offset past the end", one, 0, 4);
    refuse_safetensors("overlapping tensors",
                       "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]},"
                       "\"b\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[4,12]}}",
                       0, 12);
    refuse_safetensors("offsets the wrong way round",
                       "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[8,0]}}", 0, 8);
    refuse_safetensors("a negative offset",
                       "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[-8,0]}}", 0, 8);
    refuse_safetensors("a shape larger than its bytes",
                       "{\"a\":{\"dtype\":\"F32\",\"shape\":[3],\"data_offsets\":[0,8]}}", 0, 8);
    refuse_safetensors(
        "a shape whose product overflows",
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[4294967296,4294967296,2],\"data_offsets\":[0,0]}}", 0,
        0);
    refuse_safetensors("a negative size",
                       "{\"a\":{\"dtype\":\"F32\",\"shape\":[-2],\"data_offsets\":[0,8]}}", 0, 8);
    refuse_safetensors("an unknown type",
                       "{\"a\":{\"dtype\":\"Q9\",\"shape\":[2],\"data_offsets\":[0,8]}}", 0, 8);
    refuse_safetensors("the same name twice",
                       "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},"
                       "\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,8]}}",
                       0, 8);
    refuse_safetensors("no JSON", "{\"a\":", 0, 8);
    refuse_safetensors("a list in place of an object", "[1,2,3]", 0, 8);
    refuse_bytes("an empty file", "", 0);
    refuse_bytes("one byte", "x", 1);
}
END_TEST

START_TEST(tokenizer_cut_short)
{
    gm_error e = { "" };
    size_t n;
    const uint8_t *bytes = gm_map("golden/mini/model/tokenizer.model", &n, &e);
    ck_assert_msg(bytes != NULL, "%s", e.text);
    for (int k = 0; k < CUTS; k++) {
        size_t length = n * (size_t)k / CUTS;
        e = (gm_error){ "" };
        gm_tokenizer *t = gm_tokenizer_parse(bytes, length, NULL, "cut.model", &e);
        ck_assert_msg(!t, "tokenizer.model cut to %zu of %zu bytes was taken", length, n);
        assert_clear(&e, "cut.model");
    }
    gm_unmap(bytes, n);
}
END_TEST

/* ---- texts beside the weights, through gm_model_open ---- */

#define MINI "golden/mini/model"
#define RELEASED "golden/mini/forms/released"

static const struct { const char *folder, *file; int clip; } texts[] = {
    { MINI, "config.json", 0 },          { MINI, "sizes.json", 0 },
    { MINI, "added_tokens.json", 0 },    { MINI, "config.json", 1 },
    { MINI, "preprocessor_config.json", 1 },
    { RELEASED, "pytorch_model.bin.index.json", 0 },
    { "models/nano", "prompts.json", 0 },
};
enum { TEXTS = sizeof texts / sizeof *texts };

/* Writes from/name to to/name, `length` bytes of it (-1: all). */
static void copy_file(const char *from, const char *to, const char *name, long length)
{
    gm_error e = { "" };
    size_t n;
    char *a = gm_path_join(from, name), *b = gm_path_join(to, name);
    ck_assert(a && b);
    char *text = gm_read_text(a, &n, &e);
    ck_assert_msg(text != NULL, "%s", e.text);
    write_bytes(b, text, length < 0 ? n : (size_t)length);
    free(text);
    free(a);
    free(b);
}

/* Copies every file of a folder; folders in it are left out. */
static void copy_folder(const char *from, const char *to)
{
    gm_error e = { "" };
    char **names;
    int64_t n;
    ck_assert_msg(gm_make_dir(to, &e) == 0 && gm_list_dir(from, &names, &n, &e) == 0, "%s", e.text);
    for (int64_t i = 0; i < n; i++) {
        char *path = gm_path_join(from, names[i]);
        ck_assert_ptr_nonnull(path);
        if (gm_is_file(path)) copy_file(from, to, names[i], -1);
        free(path);
    }
    gm_free_list(names, n);
}

static void remove_folder(const char *path)
{
    gm_error e = { "" };
    char **names;
    int64_t n;
    ck_assert_msg(gm_list_dir(path, &names, &n, &e) == 0, "%s", e.text);
    for (int64_t i = 0; i < n; i++) {
        char *file = gm_path_join(path, names[i]);
        ck_assert(file && remove(file) == 0);
        free(file);
    }
    gm_free_list(names, n);
    remove(path);
}

START_TEST(texts_cut_short)
{
    gm_error e = { "" };
    size_t n;
    char model[100], tower[100], whole[300];
    int nano = strcmp(texts[_i].folder, "models/nano") == 0;
    snprintf(model, sizeof model, "%s-model", scratch);
    snprintf(tower, sizeof tower, "%s-clip", scratch);
    copy_folder(texts[_i].folder, model);
    copy_folder(MINI "/clip", tower);
    const char *from = texts[_i].clip ? MINI "/clip" : texts[_i].folder;
    const char *to = texts[_i].clip ? tower : model;
    gm_model_options o = { .clip = nano ? NULL : tower };
    gm_model *m = gm_model_open(model, &o, &e);         /* whole it is fine */
    ck_assert_msg(m != NULL, "%s", e.text);
    gm_model_free(m);
    snprintf(whole, sizeof whole, "%s/%s", from, texts[_i].file);
    char *text = gm_read_text(whole, &n, &e);
    ck_assert_msg(text != NULL, "%s", e.text);
    while (n && strchr(" \n", text[n - 1])) n--;
    free(text);
    for (int k = 0; k < CUTS; k++) {
        e = (gm_error){ "" };
        copy_file(from, to, texts[_i].file, (long)(n * (size_t)k / CUTS));
        m = gm_model_open(model, &o, &e);
        ck_assert_msg(!m, "%s cut to %zu of %zu bytes was taken", whole, n * (size_t)k / CUTS, n);
        assert_clear(&e, texts[_i].file);
    }
    remove_folder(model);
    remove_folder(tower);
}
END_TEST

Suite *test_bad_files(void);
Suite *test_bad_files(void)
{
    Suite *s = suite_create("bad_files");
    TCase *t = tcase_create("bad_files");
    tcase_set_timeout(t, 60);
    tcase_add_checked_fixture(t, name_scratch, remove_scratch);
    tcase_add_loop_test(t, weights_cut_short, 0, FILES);
    tcase_add_test(t, safetensors_that_lie);
    tcase_add_test(t, tokenizer_cut_short);
    tcase_add_loop_test(t, texts_cut_short, 0, TEXTS);
    suite_add_tcase(s, t);
    return s;
}
