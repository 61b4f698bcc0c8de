/* Byte-level BPE against llama.cpp's tokenizer (golden/make_byte_bpe.py), and files that lie. */
#include <check.h>
#include <stdlib.h>
#include <string.h>
#include "../io/os.h"
#include "../io/tokenizer.h"
#include "vectors.h"

#define VOCABULARY "golden/tokenizer/bytes.gguf"
#define VECTORS "golden/tokenizer/bytes.json"

static char *whole_file(size_t *n)
{
    gm_error e = { "" };
    char *bytes = gm_read_text(VOCABULARY, n, &e);
    ck_assert_msg(bytes != NULL, "%s", e.text);
    return bytes;
}

static gm_tokenizer *parse(const char *bytes, size_t n, gm_error *e)
{
    gm_gguf g;
    gm_tokenizer *t = NULL;
    if (gm_gguf_open(&g, (const uint8_t *)bytes, n, "FILE", e) == 0) t = gm_tokenizer_gguf(&g, e);
    gm_gguf_close(&g);
    return t;
}

/* The first place of a text; the test fails without one. */
static size_t place(const char *bytes, size_t n, const char *text)
{
    size_t k = strlen(text);
    for (size_t i = 0; i + k <= n; i++)
        if (memcmp(bytes + i, text, k) == 0) return i;
    ck_abort_msg("%s is not there", text);
    return 0;
}

/* The file with its pre-tokenizer "smollm" called by a name as long or shorter. */
static gm_tokenizer *with_pre(const char *pre, gm_error *e)
{
    size_t n, less = strlen("smollm") - strlen(pre);
    char *bytes = whole_file(&n);
    size_t at = place(bytes, n, "smollm");
    bytes[at - 8] = (char)strlen(pre);
    memcpy(bytes + at, pre, strlen(pre));
    memmove(bytes + at + strlen(pre), bytes + at + 6, n - at - 6);
    gm_tokenizer *t = parse(bytes, n - less, e);
    free(bytes);
    return t;
}

START_TEST(as_llama_cpp_does)
{
    static const char *const pre[] = { "smollm", "gpt-2" };
    gm_error e = { "" };
    gm_tokenizer *t = with_pre(pre[_i], &e);
    ck_assert_msg(t != NULL, "%s", e.text);
    json_t *root = load_vectors(VECTORS), *list = json_object_get(root, pre[_i]), *row;
    size_t i;
    ck_assert_int_gt((int)json_array_size(list), 80);
    json_array_foreach(list, i, row) {
        const char *text = json_string_value(json_array_get(row, 0)),
                   *back = json_string_value(json_array_get(row, 2));
        int32_t *ids;
        int64_t n;
        ck_assert_msg(gm_encode(t, text, &ids, &n, &e) == 0, "%s", e.text);
        check_ids(ids, n, json_array_get(row, 1), text);
        char *got = gm_decode(t, ids, n, &e);
        ck_assert_str_eq(got, back);
        free(got);
        free(ids);
    }
    json_decref(root);
    gm_tokenizer_free(t);
}
END_TEST

START_TEST(ends_and_begins)
{
    gm_error e = { "" };
    gm_tokenizer *t = gm_tokenizer_open(VOCABULARY, &e);
    int32_t *ids;
    int64_t n;
    ck_assert_msg(t != NULL, "%s", e.text);
    ck_assert_int_eq(gm_token_eos(t), 2);
    ck_assert_str_eq(gm_token_piece(t, 2), "<|im_end|>");
    ck_assert(gm_encode(t, "", &ids, &n, &e) == 0 && n == 0);   /* no BOS: the file asks for none */
    free(ids);
    ck_assert(gm_encode(t, "a\xFFz", &ids, &n, &e) == 0);       /* not UTF-8: U+FFFD */
    char *back = gm_decode(t, ids, n, &e);
    ck_assert_str_eq(back, "a\xEF\xBF\xBDz");
    free(back);
    free(ids);
    gm_tokenizer_free(t);
}
END_TEST

START_TEST(other_pre_tokenizers_are_refused)
{
    gm_error e = { "" };
    ck_assert_ptr_null(with_pre("qwen2", &e));
    ck_assert_str_eq(e.text, "FILE: tokenizer.ggml.pre: only smollm and gpt-2 are read");
}
END_TEST

/* A text of the file, another of its length, what is said. */
static const struct { const char *from, *to, *want; } LIES[] = {
    { "gpt2", "bert", "tokenizer.ggml.model: only gpt2" },
    { "tokenizer.ggml.merges", "tokenizer.ggml.xxxxxx", "tokenizer.ggml.merges: wanted a list" },
    { "tokenizer.ggml.tokens", "tokenizer.ggml.xxxxxx", "tokenizer.ggml.tokens: wanted a list" },
    { "\xC4\xA0 t", "\xC4\xA0\xC4\xA0", "merge 0: wanted two tokens" },
    { "<added>", "<ADDED>", "" },
    { "<|im_start|>", "<|im_end|>\xC3\xA9", "" },
};

START_TEST(files_that_lie)
{
    gm_error e = { "" };
    size_t n;
    char *bytes = whole_file(&n);
    memcpy(bytes + place(bytes, n, LIES[_i].from), LIES[_i].to, strlen(LIES[_i].to));
    gm_tokenizer *t = parse(bytes, n, &e);
    ck_assert(!t == (LIES[_i].want[0] != 0));
    ck_assert_msg(strstr(e.text, LIES[_i].want) != NULL, "%s", e.text);
    gm_tokenizer_free(t);
    free(bytes);
}
END_TEST

Suite *test_byte_bpe(void);
Suite *test_byte_bpe(void)
{
    Suite *s = suite_create("byte_bpe");
    TCase *t = tcase_create("byte_bpe");
    tcase_add_loop_test(t, as_llama_cpp_does, 0, 2);
    tcase_add_test(t, ends_and_begins);
    tcase_add_test(t, other_pre_tokenizers_are_refused);
    tcase_add_loop_test(t, files_that_lie, 0, (int)(sizeof LIES / sizeof *LIES));
    suite_add_tcase(s, t);
    return s;
}
