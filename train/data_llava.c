/* LLaVA-Instruct: a list of {image, conversations: [{from: human or gpt, value}, ...]}.  Source:
 * groundingLMM dataset/caption_datasets/LLavaInstruct_vqa_ds.py. */
#include <stdlib.h>
#include <string.h>
#include "../io/os.h"
#include "../io/records.h"
#include "set.h"

/* A text that holds <image>: without it and stripped, after the prompts' chat_begin. */
static char *with_image(const gm_set *s, const char *value, gm_error *e)
{
    gm_text bare = { 0 };
    for (const char *at; (at = strstr(value, "<image>")); value = at + strlen("<image>"))
        gm_text_add(&bare, value, (size_t)(at - value));
    gm_text_adds(&bare, value);
    char *words = bare.failed ? NULL : gm_stripped(bare.s ? bare.s : "", NULL), *text = NULL;
    gm_ask q = { .task = GM_CHAT, .text = words };
    if (words) text = gm_prompt_user(s->prompts, &q, 0, true, 0, e);
    else gm_fail(e, "out of memory");
    gm_text_drop(&bare);
    free(words);
    return text;
}

static gm_problem add_texts(const gm_set *s, const json_t *list, gm_sample *out, gm_error *e)
{
    size_t i;
    json_t *one;
    json_array_foreach(list, i, one) {
        const char *from = gm_json_text(one, "from"), *value = gm_json_text(one, "value");
        bool human = from && !strcmp(from, "human");
        if (!value || !from || (!human && strcmp(from, "gpt") != 0))
            return gm_problem_say(e, GM_PROBLEM_RECORD, "text %zu: wanted from, human or gpt, and "
                                  "value", i);
        if (i == 0 && !human) continue;
        if (human != (out->turns % 2 == 0))
            return gm_problem_say(e, GM_PROBLEM_TEXT, "text %zu: wanted human and gpt in turn", i);
        char *text = strstr(value, "<image>") ? with_image(s, value, e) : gm_copy_text(value);
        if (!text) return GM_PROBLEM_TEXT;
        gm_problem p = gm_sample_turn(out, text, e);
        if (p) return p;
    }
    return GM_PROBLEM_NONE;
}

static gm_problem sample(gm_set *s, int64_t i, gm_draw *d, gm_sample *out, gm_error *e)
{
    (void)d;
    json_t *o = gm_records_get(s->own, 0, i, e), *list = json_object_get(o, "conversations");
    gm_problem p = o ? GM_PROBLEM_NONE : GM_PROBLEM_RECORD;
    if (o && !json_is_array(list))
        p = gm_problem_say(e, GM_PROBLEM_RECORD, "wanted conversations, a list");
    if (!p) p = add_texts(s, list, out, e);
    if (!p) p = gm_set_image(s, gm_json_text(o, "image"), out, e);
    json_decref(o);
    return p;
}

const gm_format gm_llava = {
    .name = "llava", .kind = GM_SET_CAPTION, .open = gm_set_open_list,
    .sample = sample, .close = gm_set_close_list,
};
