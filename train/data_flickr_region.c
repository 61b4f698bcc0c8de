/* Flickr30k's regions: COCO's form with a caption for the image; the caption is told of all boxes,
 * then each box its phrase.  Source: groundingLMM dataset/region_datasets/Flickr_Region_ds.py,
 * which stops at images with 2 to 19 boxes, two tokens standing for each; here the boxes are given
 * twice. */
#include <stdlib.h>
#include <string.h>
#include "coco.h"

typedef struct { double box[4]; char *label; } region;

static int open_set(gm_set *s, gm_error *e)
{
    return gm_coco_open(s, false, e);
}

/* The stretch of the caption that the annotation's first span names, malloc'ed into r->label. */
static gm_problem read_label(region *r, const gm_coco_item *m, int64_t k, gm_error *e)
{
    gm_phrase span;
    gm_error why = { "" };
    const json_t *first = json_array_get(json_object_get(m->annotation[k], "tokens_positive"), 0);
    gm_problem p = gm_phrase_span(&span, m->caption, first, &why);
    if (p) return gm_problem_say(e, p, "annotation %lld of the image: %s", (long long)k, why.text);
    gm_text label = { 0 };
    gm_text_add(&label, m->caption + span.start, (size_t)(span.end - span.start));
    return (r->label = gm_text_take(&label)) ? GM_PROBLEM_NONE : GM_PROBLEM_MEMORY;
}

static gm_problem find_regions(region *r, int64_t *n, const gm_coco_item *m, gm_error *e)
{
    for (int64_t k = 0; k < m->annotations; k++) {
        gm_problem p;
        const json_t *crowd = json_object_get(m->annotation[k], "iscrowd");
        if (!gm_coco_box(m, k, r[*n].box, &p, e)) {
            if (p) return p;
            continue;
        }
        if (json_is_true(crowd) || json_number_value(crowd) != 0) continue;
        if ((p = read_label(&r[*n], m, k, e))) return p;
        ++*n;
    }
    return *n ? GM_PROBLEM_NONE : gm_problem_say(e, GM_PROBLEM_EMPTY, "no box that can be used");
}

static gm_problem use(const gm_set *s, gm_draw *d, const region *r, int64_t all,
                      const char *caption, gm_sample *out, gm_error *e)
{
    int64_t *order = malloc((size_t)all * sizeof *order), n = all < s->most ? all : s->most;
    const char **label = malloc((size_t)all * sizeof *label);
    gm_problem p = order && label ? GM_PROBLEM_NONE : GM_PROBLEM_MEMORY;
    if (!p) gm_draw_some(d, order, all, all);
    for (int64_t i = 0; !p && i < 2 * n; i++) {
        label[i % n] = r[order[i % n]].label;
        p = gm_sample_box(out, r[order[i % n]].box, e);
    }
    if (!p) p = gm_talk_group(s, d, caption, label, n, out, e);
    free(order);
    free(label);
    return p;
}

static gm_problem sample(gm_set *s, int64_t i, gm_draw *d, gm_sample *out, gm_error *e)
{
    gm_coco_item m;
    int64_t n = 0;
    gm_problem p = gm_coco_read(s->own, i, &m, e);
    region *r = calloc((size_t)m.annotations + 1, sizeof *r);
    if (!r) p = GM_PROBLEM_MEMORY;
    if (!p) p = gm_coco_usable(&m, true, e);
    if (!p) p = find_regions(r, &n, &m, e);
    if (!p) p = gm_set_image(s, m.file, out, e);
    if (!p) p = use(s, d, r, n, m.caption, out, e);
    for (int64_t k = 0; k < n; k++) free(r[k].label);
    free(r);
    gm_coco_item_free(&m);
    return p;
}

const gm_format gm_flickr_region = {
    .name = "flickr-region", .kind = GM_SET_REGION, .most = 10, .open = open_set,
    .sample = sample, .close = gm_coco_close,
};
