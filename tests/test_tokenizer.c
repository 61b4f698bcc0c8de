/* The tokenizer against the slow LlamaTokenizer of transformers 4.28.1. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "../io/os.h"
#include "../io/tokenizer.h"
#include "vectors.h"

#define MODEL "golden/mini/model"
#define VECTORS "golden/tokenizer/nano_vectors.json"

static gm_tokenizer *open_small(void)
{
    gm_error e = { "" };
    gm_tokenizer *t = gm_tokenizer_open(MODEL, &e);
    ck_assert_msg(t != NULL, "%s", e.text);
    return t;
}

static gm_tokenizer *parse_file(const char *path, const char *added)
{
    gm_error e = { "" };
    size_t n;
    const uint8_t *model = gm_map(path, &n, &e);
    ck_assert_msg(model != NULL, "%s", e.text);
    gm_tokenizer *t = gm_tokenizer_parse(model, n, added, path, &e);
    ck_assert_msg(t != NULL, "%s", e.text);
    gm_unmap(model, n);
    return t;
}

static void check_encode(const gm_tokenizer *t, const char *text, const json_t *ids)
{
    gm_error e = { "" };
    int32_t *got;
    int64_t n;
    ck_assert_msg(gm_encode(t, text, &got, &n, &e) == 0, "%s: %s", text, e.text);
    check_ids(got, n, ids, text);
    free(got);
}

static char *decode_list(const gm_tokenizer *t, const json_t *list)
{
    gm_error e = { "" };
    size_t n = json_array_size(list);
    int32_t *ids = malloc((n + 1) * sizeof *ids);
    for (size_t i = 0; i < n; i++) ids[i] = (int32_t)json_integer_value(json_array_get(list, i));
    char *s = gm_decode(t, ids, (int64_t)n, &e);
    ck_assert_msg(s != NULL, "%s", e.text);
    free(ids);
    return s;
}

START_TEST(encodes_as_transformers_does)
{
    gm_tokenizer *t = open_small();
    json_t *root = load_vectors(VECTORS), *row;
    size_t i, n = 0;
    json_array_foreach(json_object_get(root, "encode"), i, row) {
        check_encode(t, text_in(row, "text"), json_object_get(row, "ids"));
        n++;
    }
    ck_assert_uint_ge(n, 300);
    json_decref(root);
    gm_tokenizer_free(t);
}
END_TEST

START_TEST(decodes_as_transformers_does)
{
    gm_tokenizer *t = open_small();
    json_t *root = load_vectors(VECTORS), *row;
    size_t i, n = 0;
    json_array_foreach(json_object_get(root, "decode"), i, row) {
        char *got = decode_list(t, json_object_get(row, "ids"));
        ck_assert_str_eq(got, text_in(row, "text"));
        free(got);
        n++;
    }
    ck_assert_uint_ge(n, 200);
    json_decref(root);
    gm_tokenizer_free(t);
}
END_TEST

START_TEST(bytes_that_are_not_utf8_go_as_sentencepiece_takes_them)
{
    gm_tokenizer *t = open_small();
    json_t *root = load_vectors(VECTORS), *row;
    size_t i;
    ck_assert_uint_ge(json_array_size(json_object_get(root, "raw")), 50);
    json_array_foreach(json_object_get(root, "raw"), i, row) {
        const char *hex = text_in(row, "bytes");
        char bytes[64] = { 0 };
        for (size_t k = 0; hex[2 * k] && k < sizeof bytes - 1; k++) {
            char two[3] = { hex[2 * k], hex[2 * k + 1], 0 };
            bytes[k] = (char)strtol(two, NULL, 16);
        }
        check_encode(t, bytes, json_object_get(row, "ids"));
    }
    json_decref(root);
    gm_tokenizer_free(t);
}
END_TEST

START_TEST(names_and_sizes)
{
    gm_tokenizer *t = open_small();
    ck_assert_int_eq(gm_tokenizer_size(t), 1007);
    ck_assert_int_eq(gm_token_id(t, "<unk>"), 0);
    ck_assert_int_eq(gm_token_id(t, "<s>"), 1);
    ck_assert_int_eq(gm_token_id(t, "</s>"), 2);
    ck_assert_int_eq(gm_token_id(t, "<0x0A>"), 13);
    ck_assert_int_eq(gm_token_id(t, "<bbox>"), 1002);
    ck_assert_int_eq(gm_token_id(t, "[SEG]"), 1004);
    ck_assert_int_eq(gm_token_id(t, "[SEG"), -1);
    ck_assert_int_eq(gm_token_id(t, "<image>"), -1);
    ck_assert_str_eq(gm_token_piece(t, 1006), "</p>");
    ck_assert_ptr_null(gm_token_piece(t, 1007));
    ck_assert_ptr_null(gm_token_piece(t, -1));
    gm_tokenizer_free(t);
}
END_TEST

START_TEST(without_added_tokens_they_are_plain_text)
{
    gm_tokenizer *t = parse_file(MODEL "/tokenizer.model", NULL);
    gm_error e = { "" };
    int32_t *ids;
    int64_t n;
    ck_assert_int_eq(gm_tokenizer_size(t), 1000);
    ck_assert_int_eq(gm_encode(t, "[SEG]", &ids, &n, &e), 0);
    ck_assert_int_gt(n, 2);
    free(ids);
    gm_tokenizer_free(t);
}
END_TEST

/* The small model of the fuzz corpus, but the merged piece is a control piece; the ids are
 * SentencePiece 0.1.97's. */
START_TEST(only_normal_pieces_merge)
{
    static const int32_t want[] = { 1, 262, 260, 262, 260, 259, 262, 267 };
    gm_error e = { "" };
    size_t size;
    const uint8_t *file = gm_map("tests/fuzz/corpus/tokenizer/model-control", &size, &e);
    ck_assert_msg(file != NULL, "%s", e.text);
    gm_tokenizer *t = gm_tokenizer_parse(file + 1, size - 1, NULL, "model-control", &e);
    ck_assert_msg(t != NULL, "%s", e.text);
    int32_t *ids;
    int64_t n;
    ck_assert_int_eq(gm_encode(t, "re re a \xE2\x98\x95", &ids, &n, &e), 0);
    ck_assert_int_eq(n, sizeof want / sizeof *want);
    for (int64_t i = 0; i < n; i++) ck_assert_int_eq(ids[i], want[i]);
    free(ids);
    gm_tokenizer_free(t);
    gm_unmap(file, size);
}
END_TEST

START_TEST(ids_out_of_range_are_an_error)
{
    gm_tokenizer *t = open_small();
    const int32_t bad[] = { 1007, -1, -199, INT32_MAX, INT32_MIN };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        gm_error e = { "" };
        int32_t ids[2] = { 5, bad[i] };
        ck_assert_ptr_null(gm_decode(t, ids, 2, &e));
        ck_assert_ptr_nonnull(strstr(e.text, "0 .. 1006"));
    }
    int32_t image = GM_IMAGE_ID;
    char *s = gm_decode(t, &image, 1, NULL);
    ck_assert_str_eq(s, "");
    free(s);
    gm_tokenizer_free(t);
}
END_TEST

START_TEST(long_texts_take_no_longer_than_they_should)
{
    enum { N = 400000 };
    gm_tokenizer *t = open_small();
    char *text = malloc(N + 1);
    for (int kind = 0; kind < 3; kind++) {
        gm_error e = { "" };
        int32_t *ids;
        int64_t n;
        for (int i = 0; i < N; i++)
            text[i] = kind == 0 ? ' ' : kind == 1 ? "the red circle "[i % 15] : '<';
        text[N] = 0;
        double start = gm_seconds();
        ck_assert_int_eq(gm_encode(t, text, &ids, &n, &e), 0);
        ck_assert_msg(gm_seconds() - start < 20, "kind %d took %.1f s", kind, gm_seconds() - start);
        char *back = gm_decode(t, ids + 1, n - 1, &e);
        ck_assert_str_eq(back, text);
        free(back);
        free(ids);
    }
    free(text);
    gm_tokenizer_free(t);
}
END_TEST

START_TEST(a_text_past_the_limit_is_refused)
{
    enum { N = (1 << 24) + 1 };
    gm_tokenizer *t = open_small();
    gm_error e = { "" };
    int32_t *ids;
    int64_t n;
    char *text = malloc(N + 1);
    memset(text, 'a', N);
    text[N] = 0;
    ck_assert_int_eq(gm_encode(t, text, &ids, &n, &e), -1);
    ck_assert_ptr_nonnull(strstr(e.text, "too long"));
    free(text);
    gm_tokenizer_free(t);
}
END_TEST

static void check_refused(const uint8_t *model, size_t n, const char *added, const char *why)
{
    gm_error e = { "" };
    gm_tokenizer *t = gm_tokenizer_parse(model, n, added, "a.model", &e);
    ck_assert_msg(t == NULL, "accepted, wanted: %s", why);
    ck_assert_msg(strstr(e.text, why) != NULL, "wanted: %s, found: %s", why, e.text);
    ck_assert_ptr_nonnull(strstr(e.text, "a.model"));
}

START_TEST(broken_models_are_refused)
{
    gm_error e = { "" };
    size_t n;
    const uint8_t *model = gm_map(MODEL "/tokenizer.model", &n, &e);
    ck_assert_msg(model != NULL, "%s", e.text);
    for (size_t cut = 0; cut < n; cut += cut + 300 < n ? 41 : 1)
        check_refused(model, cut, NULL, "a.model");
    const uint8_t endless[] = { 0x0A, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F };
    check_refused(endless, sizeof endless, NULL, "cut short");
    const uint8_t no_pieces[] = { 0x12, 0x02, 0x18, 0x02 };
    check_refused(no_pieces, sizeof no_pieces, NULL, "no pieces");
    const uint8_t twice[] = { 0x0A, 0x03, 0x0A, 0x01, 'a', 0x0A, 0x03, 0x0A, 0x01, 'a' };
    check_refused(twice, sizeof twice, NULL, "are both");
    const uint8_t unigram[] = { 0x0A, 0x03, 0x0A, 0x01, 'a', 0x12, 0x02, 0x18, 0x01 };
    check_refused(unigram, sizeof unigram, NULL, "BPE");
    const uint8_t defined[] = { 0x0A, 0x05, 0x0A, 0x01, 'a', 0x18, 0x04 };
    check_refused(defined, sizeof defined, NULL, "user-defined");
    const uint8_t two_unknown[] = { 0x0A, 0x05, 0x0A, 0x01, 'a', 0x18, 0x02, 0x0A, 0x05, 0x0A,
                                    0x01, 'b', 0x18, 0x02 };
    check_refused(two_unknown, sizeof two_unknown, NULL, "both stand for the unknown");
    const uint8_t zero[] = { 0x0A, 0x03, 0x0A, 0x01, 0 };
    check_refused(zero, sizeof zero, NULL, "zero byte");
    const uint8_t empty[] = { 0x0A, 0x02, 0x0A, 0x00 };
    check_refused(empty, sizeof empty, NULL, "is empty");
    gm_unmap(model, n);
}
END_TEST

START_TEST(added_tokens_must_continue_the_pieces)
{
    gm_error e = { "" };
    size_t n;
    const uint8_t *model = gm_map(MODEL "/tokenizer.model", &n, &e);
    ck_assert_msg(model != NULL, "%s", e.text);
    check_refused(model, n, "{\"[SEG]\": 1001}",
                  "[SEG]: wanted its own id in 1000 .. 1000, found 1001");
    check_refused(model, n, "{\"[SEG]\": 1000, \"<p>\": 1000}", "wanted its own id");
    check_refused(model, n, "{\"[SEG]\": -1}", "wanted its own id");
    check_refused(model, n, "{\"[SEG]\": \"1000\"}", "wanted its own id");
    check_refused(model, n, "{\"<s>\": 1000}", "are both");
    check_refused(model, n, "{\"\": 1000}", "is empty");
    check_refused(model, n, "[]", "wanted an object");
    check_refused(model, n, "{\"[SEG]\": ", "line 1");
    gm_unmap(model, n);
}
END_TEST

START_TEST(the_released_vocabulary)
{
    char *path = shared_path("data/tokenizer_vectors.json", "vectors of the 32000-piece tokenizer");
    char *model = path ? shared_path("data/llama_tokenizer.model",
                                     "vectors of the 32000-piece tokenizer") : NULL;
    if (!model) {
        free(path);
        return;
    }
    gm_tokenizer *t = parse_file(model, added_32000);
    json_t *root = load_vectors(path), *row;
    size_t i;
    ck_assert_uint_ge(json_array_size(json_object_get(root, "generation_prompts")), 30);
    json_array_foreach(json_object_get(root, "generation_prompts"), i, row)
        check_encode(t, text_in(row, "prompt"), json_object_get(row, "input_ids"));
    ck_assert_uint_ge(json_array_size(json_object_get(root, "training")), 11);
    json_array_foreach(json_object_get(root, "training"), i, row)
        check_encode(t, text_in(row, "conversation"), json_object_get(row, "input_ids"));
    json_decref(root);
    gm_tokenizer_free(t);
    free(model);
    free(path);
}
END_TEST

Suite *test_tokenizer(void)
{
    Suite *s = suite_create("tokenizer");
    TCase *c = tcase_create("tokenizer");
    tcase_set_timeout(c, 120);
    tcase_add_test(c, encodes_as_transformers_does);
    tcase_add_test(c, decodes_as_transformers_does);
    tcase_add_test(c, bytes_that_are_not_utf8_go_as_sentencepiece_takes_them);
    tcase_add_test(c, names_and_sizes);
    tcase_add_test(c, without_added_tokens_they_are_plain_text);
    tcase_add_test(c, only_normal_pieces_merge);
    tcase_add_test(c, ids_out_of_range_are_an_error);
    tcase_add_test(c, long_texts_take_no_longer_than_they_should);
    tcase_add_test(c, a_text_past_the_limit_is_refused);
    tcase_add_test(c, broken_models_are_refused);
    tcase_add_test(c, added_tokens_must_continue_the_pieces);
    tcase_add_test(c, the_released_vocabulary);
    suite_add_tcase(s, c);
    return s;
}
