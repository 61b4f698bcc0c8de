/* See text_model.h. */
#include "text_model.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include "text.h"

enum { MOST = 1 << 24 };                /* of any size, as in config.json */

/* The bytes of a text, NULL when there is none. */
static const char *text_at(const gm_gguf *f, const char *key, size_t *n)
{
    const gm_gguf_value *v = gm_gguf_find(f, key);
    return v && v->type == GM_GGUF_TEXT && !v->array ? (const char *)gm_gguf_bytes(v, n) : NULL;
}

static bool text_is(const gm_gguf *f, const char *key, const char *want)
{
    size_t n = 0;
    const char *s = text_at(f, key, &n);
    return s && n == strlen(want) && memcmp(s, want, n) == 0;
}

/* ---- sizes ---- */

typedef struct { const char *key; int64_t *v; bool needed; } size_key;

static int read_sizes(const size_key *list, int n, const gm_gguf *f, gm_error *e)
{
    for (int i = 0; i < n; i++) {
        if (!gm_gguf_find(f, list[i].key)) {
            if (list[i].needed) return gm_fail(e, "%s: %s is missing", f->path, list[i].key);
            continue;
        }
        if (gm_gguf_int(f, list[i].key, list[i].v, e) != 0) return -1;
        if (*list[i].v < 1 || *list[i].v > MOST)
            return gm_fail(e, "%s: %s: wanted 1 .. %d, found %lld", f->path, list[i].key, MOST,
                           (long long)*list[i].v);
    }
    return 0;
}

/* Keys that may only say what is computed here anyway. */
static int check_kind(const gm_config *g, const gm_gguf *f, gm_error *e)
{
    int64_t head = g->llm.hidden / g->llm.heads;
    static const char *const width[] = {
        "llama.rope.dimension_count", "llama.attention.key_length", "llama.attention.value_length"
    };
    for (int i = 0; i < 3; i++) {
        int64_t v = head;
        if (gm_gguf_int(f, width[i], &v, e) != 0) return -1;
        if (v != head)
            return gm_fail(e, "%s: %s: only a head's width, %lld, is read, found %lld", f->path,
                           width[i], (long long)head, (long long)v);
    }
    int64_t experts = 0;
    if (gm_gguf_int(f, "llama.expert_count", &experts, e) != 0) return -1;
    if (experts) return gm_fail(e, "%s: llama.expert_count: experts are not read", f->path);
    static const char scaling[] = "llama.rope.scaling.type";
    if (gm_gguf_find(f, scaling) && !text_is(f, scaling, "none"))
        return gm_fail(e, "%s: %s: only none is read", f->path, scaling);
    return 0;
}

int gm_text_model_config(gm_config *g, const gm_gguf *f, gm_error *e)
{
    const gm_gguf_value *tokens = gm_gguf_find(f, "tokenizer.ggml.tokens");
    const size_key sizes[] = {
        { "llama.vocab_size", &g->llm.vocab, !tokens },
        { "llama.embedding_length", &g->llm.hidden, true },
        { "llama.feed_forward_length", &g->llm.inter, true },
        { "llama.block_count", &g->llm.layers, true },
        { "llama.attention.head_count", &g->llm.heads, true },
        { "llama.attention.head_count_kv", &g->llm.kv_heads, false },
        { "llama.context_length", &g->llm.max_positions, true },
    };
    double eps = 0, theta = (double)g->llm.theta;
    if (!text_is(f, "general.architecture", "llama"))
        return gm_fail(e, "%s: general.architecture: only llama is read in a text model", f->path);
    if (tokens && tokens->n <= MOST) g->llm.vocab = (int64_t)tokens->n;
    if (read_sizes(sizes, sizeof sizes / sizeof *sizes, f, e) != 0 || check_kind(g, f, e) != 0 ||
        gm_gguf_float(f, "llama.attention.layer_norm_rms_epsilon", &eps, e) != 0 ||
        gm_gguf_float(f, "llama.rope.freq_base", &theta, e) != 0)
        return -1;
    if (!(theta >= 1 && theta <= 1e12))
        return gm_fail(e, "%s: llama.rope.freq_base: wanted 1 .. 1e12, found %g", f->path, theta);
    g->llm.eps = (float)eps;
    g->llm.theta = (float)theta;
    g->llm.interleaved = true;
    g->text_only = true;
    return 0;
}

/* ---- the conversation ---- */

static const char start[] = "<|im_start|>", end[] = "<|im_end|>";

/* The words between <|im_start|>system and <|im_end|>, malloc'ed, when they stand in the template
 * as they are; else NULL. */
static char *system_of(const char *template)
{
    const char *s = strstr(template, "<|im_start|>system");
    if (!s) return NULL;
    s += strlen("<|im_start|>system");
    s += *s == '\n' ? 1 : strncmp(s, "\\n", 2) == 0 ? 2 : 0;
    const char *stop = strstr(s, end);
    size_t n = stop ? (size_t)(stop - s) : 0;
    gm_text words = { 0 };
    if (!n || strcspn(s, "'\"{}") < n) return NULL;
    gm_text_add(&words, s, n);
    return gm_text_take(&words);
}

/* docs/TEXT.md has the form.  `begin`, which every file of prompts has, is not used here. */
static json_t *conversation(const char *template)
{
    char *system = system_of(template);
    json_t *root;
    if (!*template)
        root = json_pack("{s{s{ss ss ss ss ss}} ss ss}", "conversation", GM_TEXT_CONVERSATION,
                         "first", "{}", "user", "{}", "assistant", "{}", "open", "", "strip", "",
                         "system", "", "begin", "<image>");
    else
        root = json_pack(
            "{s{s{ss ss ss ss ss}} ss ss}", "conversation", GM_TEXT_CONVERSATION, "first",
            system ? "<|im_start|>system\n{system}<|im_end|>\n<|im_start|>user\n{}<|im_end|>\n"
                   : "<|im_start|>user\n{}<|im_end|>\n",
            "user", "<|im_start|>user\n{}<|im_end|>\n", "assistant",
            "<|im_start|>assistant\n{}<|im_end|>\n", "open", "<|im_start|>assistant\n", "strip", "",
            "system", system ? system : "", "begin", "<image>");
    free(system);
    return root;
}

gm_prompts *gm_text_model_prompts(const gm_gguf *f, gm_error *e)
{
    size_t n = 0;
    const char *s = text_at(f, "tokenizer.chat_template", &n);
    gm_text template = { 0 };
    gm_prompts *p = NULL;
    if (s) gm_text_add(&template, s, n);
    char *copy = gm_text_take(&template), *json = NULL;
    if (copy && *copy && !strstr(copy, start)) {
        gm_fail(e, "%s: tokenizer.chat_template: only ChatML (with %s) is read", f->path, start);
        free(copy);
        return NULL;
    }
    json_t *root = copy ? conversation(copy) : NULL;
    if (root) json = json_dumps(root, JSON_COMPACT);
    if (json) p = gm_prompts_parse(json, strlen(json), f->path, e);
    else gm_fail(e, "%s: out of memory, or its system text is not UTF-8", f->path);
    json_decref(root);
    free(json);
    free(copy);
    return p;
}
