/* RefCOCOg as grounded captions: a list of {KEY: {img_file_name, caption, refs: [{sentence,
 * segmentation}, ...]}}.  Source: groundingLMM dataset/gcg_datasets/GranDf_gcg_ds.py,
 * RefCOCOgGCGDataset. */
#include <stdlib.h>
#include <string.h>
#include "../io/records.h"
#include "set.h"

/* str.lower(), malloc'ed. */
static char *lower(const char *s)
{
    gm_text out = { 0 };
    gm_text_add_lower(&out, s, strlen(s));
    return gm_text_take(&out);
}

/* Phrases whose sentence occurs in the caption, at its first occurrence (the release looks for it
 * with its capitals, Q26). */
static gm_problem read_phrases(gm_set *s, gm_phrase *phrase, int64_t *n, const char *caption,
                               const json_t *refs, const gm_image *im, gm_error *e)
{
    size_t i;
    json_t *one;
    json_array_foreach(refs, i, one) {
        const char *sentence = gm_json_text(one, "sentence");
        gm_error why = { "" };
        if (!sentence)
            return gm_problem_say(e, GM_PROBLEM_RECORD, "ref %zu: wanted a sentence", i);
        char *low = lower(sentence);
        if (!low) return GM_PROBLEM_MEMORY;
        const char *at = *low ? strstr(caption, low) : NULL;
        int64_t start = at ? at - caption : 0, end = start + (int64_t)strlen(low);
        free(low);
        if (!at) continue;
        phrase[*n] = (gm_phrase){ .start = start, .end = end };
        gm_problem p = gm_mask_of(&phrase[*n].mask, json_object_get(one, "segmentation"), im,
                                  s->images, &why);
        if (p) return gm_problem_say(e, p, "ref %zu: %s", i, why.text);
        ++*n;
    }
    return GM_PROBLEM_NONE;
}

static int64_t before(const char *caption, int64_t at)
{
    while (at > 0 && ((unsigned char)caption[--at] & 0xC0) == 0x80) continue;
    return at;
}

/* By their starts; one that reaches the next one's start ends a character before it; what is then
 * empty goes. */
static int64_t trim(gm_phrase *p, int64_t n, const char *caption)
{
    for (int64_t i = 1; i < n; i++) {
        gm_phrase x = p[i];
        int64_t k = i;
        for (; k > 0 && p[k - 1].start > x.start; k--) p[k] = p[k - 1];
        p[k] = x;
    }
    for (int64_t i = 0; i + 1 < n; i++)
        if (p[i].end >= p[i + 1].start) p[i].end = before(caption, p[i + 1].start);
    int64_t kept = 0;
    for (int64_t i = 0; i < n; i++) {
        if (p[i].end > p[i].start) p[kept++] = p[i];
        else gm_rle_free(&p[i].mask);
    }
    return kept;
}

static gm_problem sample_one(gm_set *s, const json_t *o, gm_draw *d, gm_sample *out, gm_error *e)
{
    const char *text = gm_json_text(o, "caption");
    const json_t *refs = json_object_get(o, "refs");
    if (!text || !json_is_array(refs))
        return gm_problem_say(e, GM_PROBLEM_RECORD, "wanted a caption, a text, and refs, a list");
    gm_problem p = gm_set_image(s, gm_json_text(o, "img_file_name"), out, e);
    if (p) return p;
    char *stripped = gm_stripped(text, "\""), *caption = stripped ? lower(stripped) : NULL;
    gm_phrase *phrase = calloc(json_array_size(refs) + 1, sizeof *phrase);
    int64_t n = 0;
    if (!caption || !phrase) p = GM_PROBLEM_MEMORY;
    if (!p) p = read_phrases(s, phrase, &n, caption, refs, &out->image, e);
    if (!p) {
        int64_t all = n;
        n = trim(phrase, n, caption);
        s->left_out += all - n;
    }
    if (!p && n == 0)
        p = gm_problem_say(e, GM_PROBLEM_EMPTY, "no sentence occurs in the caption");
    if (!p) p = gm_talk_gcg(s, d, caption, phrase, n, out, e);
    if (phrase) gm_phrase_list_free(phrase, n);
    free(caption);
    free(stripped);
    return p;
}

static gm_problem sample(gm_set *s, int64_t i, gm_draw *d, gm_sample *out, gm_error *e)
{
    json_t *o = gm_records_get(s->own, 0, i, e);
    if (!o) return GM_PROBLEM_RECORD;
    gm_problem p = sample_one(s, json_object_iter_value(json_object_iter(o)), d, out, e);
    json_decref(o);
    return p;
}

const gm_format gm_refcocog_gcg = {
    .name = "refcocog-gcg", .kind = GM_SET_SEGM, .open = gm_set_open_list,
    .sample = sample, .close = gm_set_close_list,
};
