/* Flickr30k as grounded captions: COCO's form; an image has a caption, an annotation
 * tokens_positive [[start, end], ...] and sam_mask.  Source: groundingLMM
 * dataset/gcg_datasets/GranDf_gcg_ds.py, Flickr30kGCGDataset. */
#include <stdlib.h>
#include "coco.h"

static int open_set(gm_set *s, gm_error *e)
{
    return gm_coco_open(s, false, e);
}

static gm_problem read_phrases(gm_set *s, gm_phrase *phrase, int64_t *n, const gm_coco_item *m,
                               const gm_image *im, gm_error *e)
{
    for (int64_t k = 0; k < m->annotations; k++) {
        double box[4];
        gm_problem p;
        gm_error why = { "" };
        if (!gm_coco_box(m, k, box, &p, e)) {
            if (p) return p;
            continue;
        }
        const json_t *spans = json_object_get(m->annotation[k], "tokens_positive");
        p = gm_phrase_span(&phrase[*n], m->caption, json_array_get(spans, 0), &why);
        if (!p)
            p = gm_mask_of(&phrase[*n].mask, json_object_get(m->annotation[k], "sam_mask"), im,
                           s->images, &why);
        if (p) return gm_problem_say(e, p, "annotation %lld of the image: %s", (long long)k,
                                     why.text);
        ++*n;
    }
    return GM_PROBLEM_NONE;
}

static gm_problem sample(gm_set *s, int64_t i, gm_draw *d, gm_sample *out, gm_error *e)
{
    gm_coco_item m;
    int64_t n = 0;
    gm_phrase *phrase = NULL;
    gm_problem p = gm_coco_read(s->own, i, &m, e);
    if (!p) p = gm_coco_usable(&m, true, e);
    if (!p) p = gm_set_image(s, m.file, out, e);
    if (!p && !(phrase = calloc((size_t)m.annotations + 1, sizeof *phrase))) p = GM_PROBLEM_MEMORY;
    if (!p) p = read_phrases(s, phrase, &n, &m, &out->image, e);
    if (!p && n == 0) p = gm_problem_say(e, GM_PROBLEM_EMPTY, "no phrase is grounded");
    if (!p) p = gm_talk_gcg(s, d, m.caption, phrase, n, out, e);
    if (phrase) gm_phrase_list_free(phrase, m.annotations);
    gm_coco_item_free(&m);
    return p;
}

const gm_format gm_flickr_gcg = {
    .name = "flickr-gcg", .kind = GM_SET_SEGM, .open = open_set, .sample = sample,
    .close = gm_coco_close,
};
