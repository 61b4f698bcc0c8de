/* Prompts, conversations and answers against the authors' code and the goldens made with it. */
#include <check.h>
#include <stdlib.h>
#include <string.h>
#include "../io/os.h"
#include "../io/prompts.h"
#include "../io/tokenizer.h"
#include "vectors.h"

#define NANO "models/nano"
#define BEGIN "The <im_start><image><im_end> provides an overview of the picture.\n"

static gm_prompts *open_prompts(const char *path)
{
    gm_error e = { "" };
    gm_prompts *p = gm_prompts_open(path, &e);
    ck_assert_msg(p != NULL, "%s", e.text);
    return p;
}

static void check_prompt(const gm_prompts *p, gm_ask q, int64_t index, bool first, const char *want)
{
    gm_error e = { "" };
    char *got = gm_prompt_user(p, &q, index, first, 0, &e);
    ck_assert_msg(got != NULL, "%s", e.text);
    ck_assert_str_eq(got, want);
    free(got);
}

static void check_no_prompt(const gm_prompts *p, gm_ask q, int64_t index, const char *why)
{
    gm_error e = { "" };
    char *got = gm_prompt_user(p, &q, index, true, 0, &e);
    ck_assert_msg(got == NULL, "found \"%s\", wanted an error: %s", got, why);
    ck_assert_msg(strstr(e.text, why) != NULL, "wanted: %s, found: %s", why, e.text);
}

START_TEST(prompts_of_the_release)
{
    gm_prompts *p = open_prompts(NULL);
    double box[3][4] = { { 0 } };
    check_prompt(p, (gm_ask){ .task = GM_GCG }, 0, true,
                 BEGIN "Could you please give me a detailed description of "
                       "the image? Please respond with interleaved     segmentation masks for the "
                       "corresponding parts of "
                       "the answer.");
    check_prompt(
        p, (gm_ask){ .task = GM_GCG }, 2, false,
        "Can you provide a thorough description of the this image? "
        "Please output with interleaved segmentation masks for the corresponding phrases.");
    check_prompt(p, (gm_ask){ .task = GM_GCG, .text = "List all {} & <things>" }, 99, true,
                 BEGIN "List all {} & <things>");
    check_prompt(p, (gm_ask){ .task = GM_REFER,
                              .text = " \n\xC2\xA0The {} LEFT D\xC3\x89J\xC3\x80 " }, 1, true,
                 BEGIN "Please segment the {} left d\xC3\xA9j\xC3\xA0 in this image.");
    check_prompt(p, (gm_ask){ .task = GM_REGION, .boxes = box, .nboxes = 1 }, 0, true,
                 BEGIN "Can you provide me with a detailed description of the region in the "
                       "picture marked by <bbox>?");
    check_prompt(p, (gm_ask){ .task = GM_REGION, .boxes = box, .nboxes = 1 }, 3, false,
                 "What can you tell me about the region indicated by region1 <bbox> in the image?");
    check_prompt(
        p, (gm_ask){ .task = GM_REGION, .boxes = box, .nboxes = 3 }, 1, true,
        BEGIN
        "Can you provide a thorough "
        "description of the regions region1 <bbox>,region2 <bbox>,region3 <bbox>, in this image?");
    check_prompt(p, (gm_ask){ .task = GM_REGION, .boxes = box, .nboxes = 1, .text = "Is {} red?" },
                 0, false,
                 "Is region1 <bbox> red?");
    check_prompt(p, (gm_ask){ .task = GM_REGION, .boxes = box, .nboxes = 2,
                              .text = "Is <bbox> {} red?" }, 0, false,
                 "Is <bbox> {} red?");
    check_prompt(p, (gm_ask){ .task = GM_CAPTION }, 2, true,
                 BEGIN "Please provide a thorough description of the this image");
    check_prompt(p, (gm_ask){ .task = GM_PHRASE, .text = "<p> A woman </p> in a hat." }, 0, true,
                 BEGIN "Please generate a "
                 "segmentation mask for the specific phrase highlighted within the image caption. "
                 "<p> A woman </p> in a hat.");
    check_prompt(p, (gm_ask){ .task = GM_PHRASE, .text = "<p> A woman </p>", .forced = 1 }, 1, true,
                 BEGIN "Could you please "
                       "give me a detailed description of the image? Please respond with "
                       "interleaved segmentation masks for the "
                       "corresponding parts of the answer.");
    check_prompt(p, (gm_ask){ .task = GM_PHRASE, .text = "A <p>man</p>", .instruction = "Mark:" },
                 0,
                 false, "Mark: A <p>man</p>");
    check_prompt(p, (gm_ask){ .task = GM_PHRASE, .text = "A <p>man</p>", .instruction = "Describe.",
                              .forced = 1 }, 0, false, "Describe.");
    check_prompt(p, (gm_ask){ .task = GM_CHAT, .text = " Why? " }, 0, true,
                 "<im_start><image><im_end>\n Why? ");
    check_prompt(p, (gm_ask){ .task = GM_CHAT, .text = "Why?" }, 0, false, "Why?");
    gm_prompts_free(p);
}
END_TEST

START_TEST(a_model_has_its_own_prompts)
{
    gm_prompts *p = open_prompts(NANO "/prompts.json");
    double box[2][4] = { { 0 } };
    check_prompt(p, (gm_ask){ .task = GM_GCG }, 0, true,
                 BEGIN "Describe the image and mark every object with its mask.");
    check_prompt(p, (gm_ask){ .task = GM_REGION, .boxes = box, .nboxes = 2 }, 1, true,
                 BEGIN "Please describe region1 <bbox>, region2 <bbox>.");
    check_prompt(p, (gm_ask){ .task = GM_CHAT, .text = "Why?" }, 0, true, BEGIN "Why?");
    gm_error e = { "" };
    const char *turn[] = { "q" };
    char *s = gm_conversation(p, "llava_llama_2", turn, 1, &e);
    ck_assert_ptr_nonnull(s);
    ck_assert_int_eq(strncmp(s, "[INST] <<SYS>>\nYou are a helpful language", 41), 0);
    free(s);
    gm_prompts_free(p);
}
END_TEST

START_TEST(questions_that_cannot_be_asked)
{
    gm_prompts *p = open_prompts(NULL), *nano = open_prompts(NANO "/prompts.json");
    double box[2][4] = { { 0 } };
    check_no_prompt(p, (gm_ask){ .task = GM_CHAT, .text = "" }, 0, "the prompt is empty");
    check_no_prompt(p, (gm_ask){ .task = GM_CHAT, .text = " \n\xE3\x80\x80\t" }, 0,
                    "the prompt is empty");
    check_no_prompt(p, (gm_ask){ .task = GM_GCG, .text = " " }, 0, "the prompt is empty");
    check_no_prompt(p, (gm_ask){ .task = GM_CHAT }, 0, "missing");
    check_no_prompt(p, (gm_ask){ .task = GM_REFER }, 0, "missing");
    check_no_prompt(p, (gm_ask){ .task = GM_PHRASE }, 0, "missing");
    check_no_prompt(p, (gm_ask){ .task = GM_PHRASE, .text = "<p>a</p>", .instruction = " " }, 0,
                    "the prompt is empty");
    check_no_prompt(p, (gm_ask){ .task = GM_PHRASE, .text = "<p>a</p>", .instruction = "<image>" },
                    0,
                    "contains <image>");
    check_no_prompt(p, (gm_ask){ .task = GM_CHAT, .text = "a <image> b" }, 0, "contains <image>");
    check_no_prompt(p, (gm_ask){ .task = GM_GCG }, 7, "wanted template 0 .. 6, found 7");
    check_no_prompt(p, (gm_ask){ .task = GM_GCG }, -1, "found -1");
    check_no_prompt(p, (gm_ask){ .task = GM_REGION }, 0, "at least one box");
    check_no_prompt(p, (gm_ask){ .task = GM_REGION, .boxes = box, .nboxes = 1,
                                 .text = "Is it red?" }, 0, "{} or <bbox>");
    check_no_prompt(p, (gm_ask){ .task = GM_PHRASE, .text = "a man" }, 0, "between <p> and </p>");
    check_no_prompt(p, (gm_ask){ .task = GM_PHRASE, .text = "</p> a <p> man" }, 0,
                    "between <p> and </p>");
    check_no_prompt(nano, (gm_ask){ .task = GM_GCG }, 99, "prompts.json: \"gcg\"");
    gm_prompts_free(nano);
    gm_prompts_free(p);
}
END_TEST

static void check_file(const char *json, const char *why)
{
    gm_error e = { "" };
    gm_prompts *p = gm_prompts_parse(json, strlen(json), "a.json", &e);
    ck_assert_msg(p == NULL, "accepted: %s", json);
    ck_assert_msg(strstr(e.text, why) && strstr(e.text, "a.json"), "wanted: %s, found: %s", why,
                  e.text);
}

START_TEST(broken_prompt_files)
{
    gm_error e = { "" };
    check_file("", "line 1");
    check_file("[1]", "wanted a JSON object");
    check_file("{\"system\": \"s\"", "line 1");
    check_file("{}", "\"system\": wanted a text");
    check_file("{\"system\": \"s\", \"begin\": 1}", "\"begin\": wanted a text");
    check_file("{\"system\": \"s\", \"begin\": \"b\"}", "\"begin\": wanted <image>");
    check_file("{\"system\": \"s\", \"begin\": \"<image><image>\"}", "\"begin\": wanted <image>");
    check_file("{\"system\": \"s\", \"begin\": \"<image>\", \"gcg\": []}",
               "\"gcg\": wanted a list");
    check_file("{\"system\": \"s\", \"begin\": \"<image>\", \"gcg\": \"a\"}",
               "\"gcg\": wanted a list");
    check_file("{\"system\": \"s\", \"begin\": \"<image>\", \"gcg\": [1]}",
               "\"gcg\"[0]: wanted a text");
    check_file("{\"system\": \"s\", \"begin\": \"<image>\", \"refer\": [\"{}\", \"a\"]}",
               "\"refer\"[1]: wanted {}");
    check_file("{\"system\": \"s\", \"begin\": \"<image>\", \"conversation\": []}",
               "wanted an object");
    check_file(
        "{\"system\": \"s\", \"begin\": \"<image>\", \"conversation\": {\"c\": {\"first\": "
        "\"{}\"}}}",
        "a text \"user\"");
    check_file(                                 /* the user's words would be lost */
        "{\"system\": \"s\", \"begin\": \"<image>\", \"conversation\": {\"c\": {\"first\": \"\"}}}",
        "a text \"first\" with {}");
    static const char least[] = "{\"system\": \"s\", \"begin\": \"<image>\"}";
    gm_prompts *p = gm_prompts_parse(least, strlen(least), "a.json", &e);
    ck_assert_msg(p != NULL, "%s", e.text);
    check_no_prompt(p, (gm_ask){ .task = GM_GCG }, 0, "has no list \"gcg\"");
    gm_prompts_free(p);
    ck_assert_ptr_null(gm_prompts_open("golden/no-such.json", &e));
}
END_TEST

START_TEST(conversations_as_the_authors_render_them)
{
    gm_prompts *p = open_prompts(NULL);
    json_t *rows = load_vectors("golden/tokenizer/conversations.json"), *row, *turn;
    size_t i, k;
    ck_assert_uint_ge(json_array_size(rows), 20);
    json_array_foreach(rows, i, row) {
        gm_error e = { "" };
        const char *turns[8];
        json_array_foreach(json_object_get(row, "turns"), k, turn)
            turns[k] = json_string_value(turn);
        char *got = gm_conversation(p, text_in(row, "name"), turns, (int64_t)k, &e);
        ck_assert_msg(got != NULL, "%s", e.text);
        ck_assert_str_eq(got, text_in(row, "text"));
        free(got);
    }
    json_decref(rows);
    gm_error e = { "" };
    const char *empty[] = { "a", "b", "" };
    ck_assert_ptr_null(gm_conversation(p, "llava_v1", empty, 3, &e));
    ck_assert_str_eq(e.text, "turn 2 of the conversation is empty");
    e.text[0] = 0;
    ck_assert_ptr_null(gm_conversation(p, "mpt", empty, 1, &e));
    ck_assert_ptr_nonnull(strstr(e.text, "no conversation \"mpt\""));
    gm_prompts_free(p);
    static const char own[] =
        "{\"system\": \"sss\", \"begin\": \"<image>\", \"conversation\": {\"own\": {\"first\": "
        "\"<s>{system}<{}|{}\", \"user\": \"{}\", \"assistant\": \"{}\", \"open\": \"\", "
        "\"strip\": \"<s>\"}}}";
    e.text[0] = 0;
    p = gm_prompts_parse(own, strlen(own), "own", &e);
    ck_assert_msg(p != NULL, "%s", e.text);
    char *got = gm_conversation(p, "own", empty, 1, &e);
    ck_assert_str_eq(got, "a|a");
    free(got);
    gm_prompts_free(p);
}
END_TEST

/* One case of golden/nano: its questions come out of prompts.json, its conversation has the
 * prompt's ids, its answer's ids decode to the answer. */
static void check_case(const gm_prompts *p, const gm_tokenizer *t, const char *name, gm_ask q,
                       int64_t index)
{
    char path[100];
    gm_error e = { "" };
    snprintf(path, sizeof path, "golden/nano/cases/%s.json", name);
    json_t *root = load_vectors(path), *g = json_object_get(root, "generate"), *turn;
    json_t *turns = json_object_get(json_array_get(json_object_get(root, "conversations"), 0),
                                    "turns");
    const char *text[8];
    size_t k, n = json_array_size(turns);
    json_array_foreach(turns, k, turn) {
        text[2 * k] = text_in(turn, "user");
        text[2 * k + 1] = text_in(turn, "assistant");
    }
    check_prompt(p, q, index, true, text[0]);
    char *s = gm_conversation(p, "llava_v1", text, 2 * (int64_t)n - 1, &e);
    ck_assert_msg(s != NULL, "%s", e.text);
    int32_t *ids, answer[200];
    int64_t nids;
    ck_assert_int_eq(gm_encode(t, s, &ids, &nids, &e), 0);
    check_ids(ids, nids, json_object_get(g, "prompt_ids"), name);
    free(ids);
    free(s);
    const json_t *all = json_object_get(g, "sequence");
    size_t from = (size_t)nids, to = json_array_size(all);
    ck_assert(to > from && to - from <= 200);
    for (k = from; k < to; k++)
        answer[k - from] = (int32_t)json_integer_value(json_array_get(all, k));
    s = gm_decode(t, answer, (int64_t)(to - from), &e);
    ck_assert_str_eq(s, text_in(g, "answer"));
    free(s);
    json_decref(root);
}

START_TEST(questions_and_answers_of_nano)
{
    gm_error e = { "" };
    gm_prompts *p = open_prompts(NANO "/prompts.json");
    gm_tokenizer *t = gm_tokenizer_open(NANO, &e);
    ck_assert_msg(t != NULL, "%s", e.text);
    double box[1][4] = { { 0 } };
    check_case(p, t, "gcg0", (gm_ask){ .task = GM_GCG }, 0);
    check_case(p, t, "gcg2", (gm_ask){ .task = GM_GCG }, 1);
    check_case(p, t, "gcg7", (gm_ask){ .task = GM_GCG }, 2);
    check_case(p, t, "gcg187", (gm_ask){ .task = GM_GCG }, 2);
    check_case(p, t, "refer4", (gm_ask){ .task = GM_REFER, .text = "the Circle " }, 1);
    check_case(p, t, "refer12", (gm_ask){ .task = GM_REFER, .text = "the white shape" }, 2);
    check_case(p, t, "region6", (gm_ask){ .task = GM_REGION, .boxes = box, .nboxes = 1 }, 0);
    check_case(p, t, "region24", (gm_ask){ .task = GM_REGION, .boxes = box, .nboxes = 1 }, 2);
    check_case(p, t, "caption11", (gm_ask){ .task = GM_CAPTION }, 0);
    check_case(p, t, "vqa16", (gm_ask){ .task = GM_CHAT, .text = "How many shapes are there?" }, 0);
    check_case(p, t, "phrase12", (gm_ask){ .task = GM_PHRASE, .text = "The image shows <p> a white "
               "heart </p>, a yellow circle and a blue cross." }, 0);
    gm_tokenizer_free(t);
    gm_prompts_free(p);
}
END_TEST

START_TEST(forced_answers)
{
    static const char *const pair[][2] = {
        { "<p> A man </p> rides <p> a horse </p>.",
          "<p> A man </p> [SEG] rides <p> a horse </p> [SEG]." },
        { "<p>a</p> [SEG] b <p>c</p>\n[SEG]", "<p>a</p> [SEG] b <p>c</p>\n[SEG]" },
        { "<p>a</p><p>b</p> [SE", "<p>a</p> [SEG]<p>b</p> [SEG] [SE" },
    };
    for (size_t i = 0; i < sizeof pair / sizeof *pair; i++) {
        gm_error e = { "" };
        char *got = gm_forced_answer(pair[i][0], &e);
        ck_assert_msg(got != NULL, "%s", e.text);
        ck_assert_str_eq(got, pair[i][1]);
        free(got);
    }
    gm_error e = { "" };
    ck_assert_ptr_null(gm_forced_answer("a man", &e));
    ck_assert_ptr_nonnull(strstr(e.text, "a man"));
}
END_TEST

static void check_clean(const char *text, const char *want, const json_t *spans,
                        const json_t *masks)
{
    gm_error e = { "" };
    char *caption;
    gm_span *span;
    int64_t n;
    ck_assert_msg(gm_answer_clean(text, &caption, &span, &n, &e) == 0, "%s", e.text);
    ck_assert_msg(strcmp(caption, want) == 0, "of \"%s\": \"%s\", wanted \"%s\"", text, caption,
                  want);
    ck_assert_msg(n == (int64_t)json_array_size(masks), "of \"%s\": %lld phrases", text,
                  (long long)n);
    for (int64_t i = 0; i < n; i++) {
        const json_t *ends = spans ? json_array_get(spans, (size_t)i) : NULL;
        ck_assert_msg(span[i].start <= span[i].end && span[i].end <= strlen(caption),
                      "a span outside");
        ck_assert_msg(span[i].mask == json_integer_value(json_array_get(masks, (size_t)i)),
                      "of \"%s\": phrase %lld has mask %lld", text, (long long)i,
                      (long long)span[i].mask);
        if (ends)
            ck_assert_msg((long long)span[i].start == json_integer_value(json_array_get(ends, 0)) &&
                          (long long)span[i].end == json_integer_value(json_array_get(ends, 1)),
                          "of \"%s\": phrase %lld at %zu .. %zu", text, (long long)i,
                          span[i].start, span[i].end);
    }
    free(caption);
    free(span);
}

START_TEST(answers_cleaned_as_evaluation_does)
{
    json_t *rows = load_vectors("golden/tokenizer/answers.json"), *row;
    size_t i, phrases = 0;
    json_array_foreach(rows, i, row) {
        const json_t *masks = json_object_get(row, "masks");
        phrases += json_array_size(masks);
        check_clean(text_in(row, "text"), text_in(row, "caption"), json_object_get(row, "spans"),
                    masks);
    }
    ck_assert_uint_ge(i, 400);
    ck_assert_uint_ge(phrases, 200);
    json_decref(rows);
}
END_TEST

START_TEST(long_answers_take_no_longer_than_they_should)
{
    enum { N = 200000 };         /* a sanitizer measures the rest of the text at every strstr */
    static const char *const unit[] = { "<p></p>", "<p>", "<<<<<<<", "[SEG]</p>", "     '",
                                        "ASSISTANT: " };
    char *text = malloc(N + 1), *caption;
    gm_span *span;
    int64_t n;
    double start = gm_seconds();
    for (size_t u = 0; u < sizeof unit / sizeof *unit; u++) {
        for (int i = 0; i < N; i++) text[i] = unit[u][(size_t)i % strlen(unit[u])];
        text[N] = 0;
        ck_assert_int_eq(gm_answer_clean(text, &caption, &span, &n, NULL), 0);
        free(caption);
        free(span);
    }
    ck_assert_msg(gm_seconds() - start < 20, "took %.1f s", gm_seconds() - start);
    free(text);
}
END_TEST

static json_t *load_released(void)
{
    char *path = shared_path("data/tokenizer_vectors.json", "the release's prompts and answers");
    json_t *root = path ? load_vectors(path) : NULL;
    free(path);
    return root;
}

/* What asks for the prompt called name among the released ones; false when no task does. */
static bool released_question(const char *name, gm_ask *q, int64_t *index)
{
    long k = 0;
    *index = 0;
    if (sscanf(name, "gcg_q%ld", &k) == 1) {
        q->task = GM_GCG;
        *index = k + 1;
    } else if (!strcmp(name, "gcg_eval_effective")) {
        q->task = GM_GCG;
    } else if (sscanf(name, "seg_q%ld", &k) == 1) {
        q->task = GM_REFER;
        q->text = "left most zebra";
        *index = k;
    } else if (!strcmp(name, "regioncap_eval")) {
        q->task = GM_REGION;
        q->nboxes = 1;
    } else if (!strcmp(name, "group3")) {
        q->task = GM_REGION;
        q->nboxes = 3;
        *index = 1;
    } else if (!strcmp(name, "caption_q0")) {
        q->task = GM_CAPTION;
    } else if (!strcmp(name, "vqa")) {
        q->text = "What is unusual about this image?";
    } else if (!strcmp(name, "phrase_grounding_proposal")) {
        q->task = GM_PHRASE;
        q->text = "<p> A woman </p> in a navy blue jacket and hat.";
    } else {
        return false;
    }
    return true;
}

START_TEST(released_prompts)
{
    json_t *root = load_released(), *row;
    if (!root) return;
    gm_prompts *p = open_prompts(NULL);
    double box[3][4] = { { 0 } };
    size_t i, same = 0;
    json_array_foreach(json_object_get(root, "generation_prompts"), i, row) {
        gm_error e = { "" };
        gm_ask q = { .task = GM_CHAT, .boxes = box };
        int64_t index;
        if (!released_question(text_in(row, "name"), &q, &index)) continue;
        char *user = gm_prompt_user(p, &q, index, true, 0, &e);
        ck_assert_msg(user != NULL, "%s: %s", text_in(row, "name"), e.text);
        char *s = gm_conversation(p, "llava_v1", (const char *const[]){ user }, 1, &e);
        ck_assert_str_eq(s, text_in(row, "prompt"));
        same++;
        free(s);
        free(user);
    }
    ck_assert_uint_eq(same, 28);
    gm_prompts_free(p);
    json_decref(root);
}
END_TEST

/* Ids of prompt and answer, as evaluation decodes them, to the caption; phrase k has mask k. */
START_TEST(released_answers)
{
    json_t *root = load_released(), *row, *id;
    char *path = shared_path("data/llama_tokenizer.model", "the release's answers");
    if (!root || !path) {
        json_decref(root);
        free(path);
        return;
    }
    gm_error e = { "" };
    size_t n, i, k;
    const uint8_t *bytes = gm_map(path, &n, &e);
    gm_tokenizer *t = gm_tokenizer_parse(bytes, n, added_32000, path, &e);
    ck_assert_msg(t != NULL, "%s", e.text);
    gm_unmap(bytes, n);
    json_array_foreach(json_object_get(root, "decode"), i, row) {
        int32_t *prompt, ids[300];
        int64_t np;
        ck_assert_int_eq(gm_encode(t, text_in(row, "prompt"), &prompt, &np, &e), 0);
        memcpy(ids, prompt, (size_t)np * sizeof *ids);
        free(prompt);
        json_array_foreach(json_object_get(row, "generated_ids"), k, id)
            ids[np + (int64_t)k] = (int32_t)json_integer_value(id);
        char *s = gm_decode(t, ids, np + (int64_t)k, &e);
        ck_assert_str_eq(s, text_in(row, "decoded_full"));
        json_t *masks = json_array();
        for (k = 0; k < json_array_size(json_object_get(row, "phrases")); k++)
            json_array_append_new(masks, json_integer((long)k));
        check_clean(s, text_in(row, "clean_caption"), NULL, masks);
        json_decref(masks);
        free(s);
    }
    ck_assert_uint_ge(i, 8);
    json_decref(root);
    gm_tokenizer_free(t);
    free(path);
}
END_TEST

Suite *test_prompts(void)
{
    Suite *s = suite_create("prompts");
    TCase *c = tcase_create("prompts");
    tcase_set_timeout(c, 60);
    tcase_add_test(c, prompts_of_the_release);
    tcase_add_test(c, a_model_has_its_own_prompts);
    tcase_add_test(c, questions_that_cannot_be_asked);
    tcase_add_test(c, broken_prompt_files);
    tcase_add_test(c, conversations_as_the_authors_render_them);
    tcase_add_test(c, questions_and_answers_of_nano);
    tcase_add_test(c, forced_answers);
    tcase_add_test(c, answers_cleaned_as_evaluation_does);
    tcase_add_test(c, long_answers_take_no_longer_than_they_should);
    tcase_add_test(c, released_prompts);
    tcase_add_test(c, released_answers);
    suite_add_tcase(s, c);
    return s;
}
