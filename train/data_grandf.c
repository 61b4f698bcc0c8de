/* GranD_f (human annotated) and OpenPSG: a list of {file_name, caption, groundings: {phrase:
 * {token_positives: [start, end], rle_masks: [mask, ...]}}}.  Source: groundingLMM
 * dataset/gcg_datasets/GranDf_gcg_ds.py, GCGBaseDataset. */
#include <stdlib.h>
#include "../io/records.h"
#include "set.h"

static gm_problem read_phrases(gm_set *s, gm_phrase *phrase, const char *caption, json_t *all,
                               const gm_image *im, gm_error *e)
{
    const char *key;
    json_t *one;
    gm_phrase *p = phrase;
    json_object_foreach(all, key, one) {
        gm_error why = { "" };
        gm_problem bad = gm_phrase_span(p, caption, json_object_get(one, "token_positives"), &why);
        if (!bad)
            bad = gm_mask_of(&p->mask, json_object_get(one, "rle_masks"), im, s->images, &why);
        if (bad) return gm_problem_say(e, bad, "\"%s\": %s", key, why.text);
        p++;
    }
    return GM_PROBLEM_NONE;
}

static gm_problem sample_grandf(gm_set *s, int64_t i, gm_draw *d, gm_sample *out, gm_error *e)
{
    json_t *o = gm_records_get(s->own, 0, i, e), *all = json_object_get(o, "groundings");
    if (!o) return GM_PROBLEM_RECORD;
    const char *text = gm_json_text(o, "caption");
    int64_t n = (int64_t)json_object_size(all);
    char *caption = text ? gm_stripped(text, "\"") : NULL;
    gm_phrase *phrase = calloc((size_t)n + 1, sizeof *phrase);
    gm_problem p = GM_PROBLEM_NONE;
    if (!text || !json_is_object(all))
        p = gm_problem_say(e, GM_PROBLEM_RECORD, "wanted a caption, a text, and groundings, an "
                           "object");
    else if (!caption || !phrase) p = GM_PROBLEM_MEMORY;
    else if (n == 0) p = gm_problem_say(e, GM_PROBLEM_EMPTY, "no phrase is grounded");
    if (!p) p = gm_set_image(s, gm_json_text(o, "file_name"), out, e);
    if (!p) p = read_phrases(s, phrase, caption, all, &out->image, e);
    if (!p) p = gm_talk_gcg(s, d, caption, phrase, n, out, e);
    if (phrase) gm_phrase_list_free(phrase, n);
    free(caption);
    json_decref(o);
    return p;
}

const gm_format gm_grandf = {
    .name = "grandf", .kind = GM_SET_SEGM, .open = gm_set_open_list,
    .sample = sample_grandf, .close = gm_set_close_list,
};
