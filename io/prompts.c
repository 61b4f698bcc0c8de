/* prompts.json: the words a model was trained with (prompts.h). */
#include "prompts.h"

#include <stdlib.h>
#include <string.h>
#include "json.h"
#include "os.h"
#include "text.h"
#include "unicode.h"

/* models/release-prompts.json, made an object file by the linker. */
extern const char _binary_models_release_prompts_json_start[];
extern const char _binary_models_release_prompts_json_end[];

static size_t release_size(void)
{
    const char *start = _binary_models_release_prompts_json_start;
    return (size_t)(_binary_models_release_prompts_json_end - start);
}

struct gm_prompts {
    char *name;                 /* for messages */
    json_t *root;
    json_t *release;            /* lends `conversation` and region items to files without */
};

/* ---- opening ---- */

static const char *const lists[] = { "gcg", "refer", "refer_answers", "region", "region_group",
                                     "caption", "phrase" };
static const char *const texts[] = { "system", "begin", "chat_begin", "refcoco_begin",
                                     "region_item", "region_group_item" };
enum { NEEDED = 2, WITH_IMAGE = 4 };    /* how many of them must be there; from 1: hold <image> */

static int check_list(const char *name, const char *key, const json_t *list, gm_error *e)
{
    if (!json_is_array(list) || json_array_size(list) == 0)
        return gm_fail(e, "%s: \"%s\": wanted a list of texts", name, key);
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *s = json_string_value(json_array_get(list, i));
        if (!s) return gm_fail(e, "%s: \"%s\"[%zu]: wanted a text", name, key, i);
        bool open = !strcmp(key, "refer") || !strcmp(key, "region_group");
        if (open && !strstr(s, "{}"))
            return gm_fail(e, "%s: \"%s\"[%zu]: wanted {} in it", name, key, i);
    }
    return 0;
}

static int check_conversations(const char *name, json_t *all, gm_error *e)
{
    enum { OPEN = 3 };                  /* what stands before it holds a turn's words */
    static const char *const wanted[] = { "first", "user", "assistant", "open", "strip" };
    const char *key;
    json_t *one;
    if (!json_is_object(all)) return gm_fail(e, "%s: \"conversation\": wanted an object", name);
    json_object_foreach(all, key, one) {
        const json_t *system = json_object_get(one, "system");
        if (system && !json_is_string(system))
            return gm_fail(e, "%s: the system of \"%s\": wanted a text", name, key);
        for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
            const char *s = json_string_value(json_object_get(one, wanted[i]));
            if (!s || (i < OPEN && !strstr(s, "{}")))
                return gm_fail(e, "%s: conversation \"%s\": wanted a text \"%s\"%s", name, key,
                               wanted[i], i < OPEN ? " with {} in it" : "");
        }
    }
    return 0;
}

/* "training_from": list -> its first template that training uses. */
static int check_training(const gm_prompts *p, gm_error *e)
{
    json_t *from = json_object_get(p->root, "training_from"), *first;
    const char *key;
    if (from && !json_is_object(from))
        return gm_fail(e, "%s: \"training_from\": wanted an object", p->name);
    json_object_foreach(from, key, first) {
        int64_t n = (int64_t)json_array_size(json_object_get(p->root, key));
        if (!json_is_integer(first) || json_integer_value(first) < 0 ||
            json_integer_value(first) >= n)
            return gm_fail(e, "%s: \"training_from\": \"%s\": wanted one of the list's %lld "
                           "templates", p->name, key, (long long)n);
    }
    return 0;
}

/* Lists may be absent (asking for the task is then an error); system and begin may not. */
static int check(const gm_prompts *p, gm_error *e)
{
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        const json_t *list = json_object_get(p->root, lists[i]);
        if (list && check_list(p->name, lists[i], list, e) != 0) return -1;
    }
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        const json_t *text = json_object_get(p->root, texts[i]);
        if (!text && i >= NEEDED) continue;
        if (!json_is_string(text))
            return gm_fail(e, "%s: \"%s\": wanted a text", p->name, texts[i]);
        bool open = i >= 1 && i < WITH_IMAGE;
        const char *image = open ? strstr(json_string_value(text), "<image>") : NULL;
        if (open && (!image || strstr(image + 1, "<image>")))
            return gm_fail(e, "%s: \"%s\": wanted <image> in it, once", p->name, texts[i]);
    }
    if (check_training(p, e) != 0) return -1;
    json_t *all = json_object_get(p->root, "conversation");
    return all ? check_conversations(p->name, all, e) : 0;
}

gm_prompts *gm_prompts_parse(const char *json, size_t n, const char *name, gm_error *e)
{
    const char *release = _binary_models_release_prompts_json_start;
    gm_prompts *p = calloc(1, sizeof *p);
    if (p) p->name = gm_copy_text(name);
    if (!p || !p->name) {
        gm_fail(e, "%s: out of memory", name);
        gm_prompts_free(p);
        return NULL;
    }
    p->root = gm_json_object(json, n, name, e);
    if (p->root)
        p->release = gm_json_object(release, release_size(), name, e);
    if (p->release && check(p, e) == 0) return p;
    gm_prompts_free(p);
    return NULL;
}

gm_prompts *gm_prompts_open(const char *path, gm_error *e)
{
    const char *release = _binary_models_release_prompts_json_start;
    size_t n = release_size();
    if (!path) return gm_prompts_parse(release, n, "the release's prompts", e);
    const uint8_t *file = gm_map(path, &n, e);
    gm_prompts *p = file ? gm_prompts_parse((const char *)file, n, path, e) : NULL;
    gm_unmap(file, n);
    return p;
}

void gm_prompts_free(gm_prompts *p)
{
    if (!p) return;
    json_decref(p->root);
    json_decref(p->release);
    free(p->name);
    free(p);
}

/* ---- templates ---- */

static const char *text_of(const gm_prompts *p, const char *key)
{
    const char *s = json_string_value(json_object_get(p->root, key));
    return s ? s : json_string_value(json_object_get(p->release, key));
}

/* template with {} as value and {system} as system; what is put in is not looked at again. */
static void fill(gm_text *out, const char *template, const char *value, const char *system)
{
    for (const char *s = template, *open; *s;) {
        open = strchr(s, '{');
        bool here = open && strncmp(open, "{}", 2) == 0;
        bool named = open && system && strncmp(open, "{system}", 8) == 0;
        size_t before = !open ? strlen(s) : (size_t)(open - s) + !(here || named);
        gm_text_add(out, s, before);
        if (here || named) gm_text_adds(out, here ? value : system);
        s += before + (here ? 2 : named ? 8 : 0);
    }
}

/* The index-th template of a list, NULL with an error when there is none. */
static const char *pick(const gm_prompts *p, const char *list, int64_t index, gm_error *e)
{
    const json_t *all = json_object_get(p->root, list);
    long long n = (long long)json_array_size(all);
    if (index >= 0 && index < n) return json_string_value(json_array_get(all, (size_t)index));
    if (!n) gm_fail(e, "%s: has no list \"%s\", which this task needs", p->name, list);
    else gm_fail(e, "%s: \"%s\": wanted template 0 .. %lld, found %lld", p->name, list, n - 1,
                 (long long)index);
    return NULL;
}

static bool is_blank(const char *s)
{
    size_t start = 0, end = strlen(s);
    gm_strip_left(s, &start, end);
    return start == end;
}

/* What str.strip().lower() gives (RefCOCO_Segm_ds.py, create_conversations). */
static void add_stripped_lower(gm_text *out, const char *s)
{
    size_t start = 0, end = strlen(s);
    gm_strip_left(s, &start, end);
    gm_strip_right(s, start, &end);
    gm_text_add_lower(out, s + start, end - start);
}

/* ---- one task each ---- */

static int add_refer(gm_text *out, const gm_prompts *p, const gm_ask *q, int64_t index, gm_error *e)
{
    const char *template = pick(p, "refer", index, e);
    if (!template) return -1;
    gm_text expression = { 0 };
    add_stripped_lower(&expression, q->text);
    if (!expression.failed) fill(out, template, expression.s, NULL);
    out->failed |= expression.failed;
    gm_text_drop(&expression);
    return 0;
}

/* "region1 <bbox>", or the items of all boxes: in the release's group form, else joined by
 * commas. */
static void add_regions(gm_text *out, const gm_prompts *p, bool group, int64_t before, int64_t n)
{
    const char *item = text_of(p, group ? "region_group_item" : "region_item");
    for (int64_t i = 1; i <= n; i++) {
        char number[24];
        snprintf(number, sizeof number, "%lld", (long long)(before + i));
        if (i > 1 && !group) gm_text_adds(out, ", ");
        fill(out, item, number, NULL);
    }
}

static int add_region(gm_text *out, const gm_prompts *p, const gm_ask *q, int64_t index,
                      int64_t before, gm_error *e)
{
    const char *template = q->text, *boxed = q->text ? strstr(q->text, "<bbox>") : NULL;
    if (boxed) {
        gm_text_adds(out, template);
        return 0;
    }
    if (q->nboxes < 1) return gm_fail(e, "a region question: wanted at least one box, found none");
    bool group = q->nboxes > 1 && json_object_get(p->root, "region_group");
    if (!template) template = pick(p, group ? "region_group" : "region", index, e);
    if (!template) return -1;
    bool open = strstr(template, "{}"), one = strstr(template, "<bbox>") && q->nboxes == 1;
    if (!open && !one)
        return gm_fail(e, "a region question for %lld boxes: wanted {} or <bbox> where they "
                       "belong, found \"%s\"",
                       (long long)q->nboxes, template);
    gm_text regions = { 0 };
    add_regions(&regions, p, group, before, q->nboxes);
    if (!regions.failed) fill(out, template, regions.s, NULL);
    out->failed |= regions.failed;
    gm_text_drop(&regions);
    return 0;
}

static int check_phrases(const char *caption, gm_error *e)
{
    const char *open = strstr(caption, "<p>");
    if (open && strstr(open, "</p>")) return 0;
    return gm_fail(e, "wanted a caption with phrases between <p> and </p>, found none in \"%s\"",
                   caption);
}

static int add_phrase(gm_text *out, const gm_prompts *p, const gm_ask *q, int64_t index,
                      gm_error *e)
{
    const char *instruction = q->instruction;
    if (!instruction) instruction = pick(p, q->forced ? "gcg" : "phrase", index, e);
    if (!instruction || check_phrases(q->text, e) != 0) return -1;
    gm_text_adds(out, instruction);
    if (q->instruction && !q->forced) gm_text_adds(out, " ");       /* templates end with theirs */
    if (!q->forced) gm_text_adds(out, q->text);
    return 0;
}

/* GCG and CAPTION: the user's words or the template's. */
static int add_plain(gm_text *out, const gm_prompts *p, const gm_ask *q, int64_t index, gm_error *e)
{
    const char *s = q->text ? q->text : pick(p, q->task == GM_GCG ? "gcg" : "caption", index, e);
    if (!s) return -1;
    gm_text_adds(out, s);
    return 0;
}

/* What the user wrote: there, not blank, without an image of its own (QUIRKS Q5). */
static int check_words(const gm_ask *q, gm_error *e)
{
    bool needed = q->task == GM_REFER || q->task == GM_PHRASE || q->task == GM_CHAT;
    const char *words[] = { q->text, q->task == GM_PHRASE ? q->instruction : NULL };
    if (needed && !q->text) return gm_fail(e, "the prompt is missing: this task needs a text");
    for (int i = 0; i < 2; i++) {
        if (!words[i]) continue;
        if (is_blank(words[i])) return gm_fail(e, "the prompt is empty");
        if (strstr(words[i], "<image>"))
            return gm_fail(e,
                           "the prompt contains <image>: there is one image, and it has its place");
    }
    return 0;
}

char *gm_prompt_user(const gm_prompts *p, const gm_ask *q, int64_t index, bool first,
                     int64_t before, gm_error *e)
{
    gm_text out = { 0 };
    int bad = check_words(q, e);
    const char *chat = json_string_value(json_object_get(p->root, "chat_begin"));
    if (first) gm_text_adds(&out, q->task == GM_CHAT && chat ? chat : text_of(p, "begin"));
    if (!bad) switch (q->task) {
        case GM_REFER: bad = add_refer(&out, p, q, index, e); break;
        case GM_REGION: bad = add_region(&out, p, q, index, before, e); break;
        case GM_PHRASE: bad = add_phrase(&out, p, q, index, e); break;
        case GM_CHAT: gm_text_adds(&out, q->text); break;
        default: bad = add_plain(&out, p, q, index, e);
    }
    if (bad) {
        gm_text_drop(&out);
        return NULL;
    }
    char *s = gm_text_take(&out);
    if (!s) gm_fail(e, "out of memory for the prompt");
    return s;
}

/* ---- what training adds ---- */

int64_t gm_prompts_count(const gm_prompts *p, const char *list)
{
    return (int64_t)json_array_size(json_object_get(p->root, list));
}

int64_t gm_prompts_training(const gm_prompts *p, const char *list)
{
    return json_integer_value(json_object_get(json_object_get(p->root, "training_from"), list));
}

const char *gm_prompts_template(const gm_prompts *p, const char *list, int64_t index, gm_error *e)
{
    return pick(p, list, index, e);
}

/* Flickr_Region_ds.py, create_conversations: the group form for a single region, too. */
char *gm_prompt_group(const gm_prompts *p, int64_t index, int64_t n, gm_error *e)
{
    bool group = json_object_get(p->root, "region_group") != NULL;
    const char *template = pick(p, group ? "region_group" : "region", index, e);
    if (!template) return NULL;
    gm_text out = { 0 }, regions = { 0 };
    gm_text_adds(&out, text_of(p, "begin"));
    add_regions(&regions, p, group, 0, n);
    if (!regions.failed && n) fill(&out, template, regions.s, NULL);
    out.failed |= regions.failed;
    gm_text_drop(&regions);
    char *s = gm_text_take(&out);
    if (!s) gm_fail(e, "out of memory for the prompt");
    return s;
}

/* RefCOCO_VG_Region_ds.py, RefCocoRegDataset: nothing between the intro and the region (Q12). */
char *gm_prompt_refcoco(const gm_prompts *p, int64_t before, gm_error *e)
{
    gm_text out = { 0 };
    if (before == 0) gm_text_adds(&out, text_of(p, "refcoco_begin"));
    add_regions(&out, p, false, before, 1);
    char *s = gm_text_take(&out);
    if (!s) gm_fail(e, "out of memory for the prompt");
    return s;
}

/* ---- conversations ---- */

/* model/llava/conversation.py, Conversation.get_prompt, styles TWO and LLAMA_2 as data. */
char *gm_conversation(const gm_prompts *p, const char *name, const char *const *turn, int64_t n,
                      gm_error *e)
{
    json_t *style = json_object_get(json_object_get(p->root, "conversation"), name);
    if (!style) style = json_object_get(json_object_get(p->release, "conversation"), name);
    if (!style) {
        gm_fail(e, "%s: there is no conversation \"%s\"", p->name, name);
        return NULL;
    }
    const char *system = json_string_value(json_object_get(style, "system"));
    if (!system) system = text_of(p, "system");
    gm_text out = { 0 };
    for (int64_t i = 0; i < n + n % 2; i++) {
        bool user = i % 2 == 0, empty = i == n || !*turn[i];
        if (user && empty) {
            gm_fail(e, "turn %lld of the conversation is empty", (long long)i);
            gm_text_drop(&out);
            return NULL;
        }
        const char *part = i == 0 ? "first" : user ? "user" : empty ? "open" : "assistant";
        fill(&out, json_string_value(json_object_get(style, part)), empty ? "" : turn[i], system);
    }
    const char *strip = json_string_value(json_object_get(style, "strip"));
    size_t skip = out.s ? strspn(out.s, strip) : 0;     /* as str.lstrip: any of the characters */
    if (skip) memmove(out.s, out.s + skip, out.n - skip + 1);
    char *s = gm_text_take(&out);
    if (!s) gm_fail(e, "out of memory for the conversation");
    return s;
}

char *gm_forced_answer(const char *caption, gm_error *e)
{
    gm_text out = { 0 };
    if (check_phrases(caption, e) != 0) return NULL;
    const char *s = caption;
    for (const char *close; (close = strstr(s, "</p>")); s = close + 4) {
        gm_text_add(&out, s, (size_t)(close + 4 - s));
        size_t after = 0;
        gm_strip_left(close + 4, &after, strlen(close + 4));
        if (strncmp(close + 4 + after, "[SEG]", 5) != 0) gm_text_adds(&out, " [SEG]");
    }
    gm_text_adds(&out, s);
    char *answer = gm_text_take(&out);
    if (!answer) gm_fail(e, "out of memory for the forced answer");
    return answer;
}
