/* Captions of regions, COCO's form: RefCOCO and RefCOCO+ (their long intro, the image's caption for
 * each box), RefCOCOg (the same caption, usual questions), Visual Genome (each annotation its
 * own).  Source: groundingLMM dataset/region_datasets/RefCOCO_VG_Region_ds.py. */
#include <stdlib.h>
#include <string.h>
#include "coco.h"

static int open_set(gm_set *s, gm_error *e)
{
    return gm_coco_open(s, false, e);
}

/* Boxes that the release uses, and their captions, malloc'ed; of all or an image's own. */
typedef struct { double (*box)[4]; char **label; int64_t n; } regions;

static gm_problem find_regions(const gm_set *s, regions *r, const gm_coco_item *m, gm_error *e)
{
    bool own = s->format == &gm_vg_region;
    r->box = malloc((size_t)(m->annotations + 1) * sizeof *r->box);
    r->label = calloc((size_t)m->annotations + 1, sizeof *r->label);
    if (!r->box || !r->label) return GM_PROBLEM_MEMORY;
    for (int64_t k = 0; k < m->annotations; k++) {
        gm_problem p;
        if (!gm_coco_box(m, k, r->box[r->n], &p, e)) {
            if (p) return p;
            continue;
        }
        const char *text = own ? gm_json_text(m->annotation[k], "caption") : m->caption;
        if (!text)
            return gm_problem_say(e, GM_PROBLEM_RECORD, "annotation %lld of the image: wanted a "
                                  "caption, a text", (long long)k);
        if (!(r->label[r->n] = gm_stripped(text, NULL))) return GM_PROBLEM_MEMORY;
        r->n++;
    }
    return r->n ? GM_PROBLEM_NONE : gm_problem_say(e, GM_PROBLEM_EMPTY, "no box that can be used");
}

static gm_problem talk(const gm_set *s, gm_draw *d, const char *const *label, int64_t n,
                       gm_sample *out, gm_error *e)
{
    if (s->format != &gm_refcoco_region) return gm_talk_regions(s, d, label, n, true, out, e);
    for (int64_t i = 0; i < n; i++) {
        gm_problem p = gm_sample_turn(out, gm_prompt_refcoco(s->prompts, i, e), e);
        if (!p) p = gm_sample_turn(out, gm_stripped(label[i], NULL), e);
        if (p) return p;
    }
    return GM_PROBLEM_NONE;
}

/* In random order, `most` of them. */
static gm_problem use(const gm_set *s, gm_draw *d, const regions *r, gm_sample *out, gm_error *e)
{
    int64_t *order = malloc((size_t)r->n * sizeof *order);
    const char **label = malloc((size_t)r->n * sizeof *label);
    gm_problem p = order && label ? GM_PROBLEM_NONE : GM_PROBLEM_MEMORY;
    int64_t n = r->n < s->most ? r->n : s->most;
    if (!p) gm_draw_some(d, order, r->n, r->n);
    for (int64_t i = 0; !p && i < n; i++) {
        label[i] = r->label[order[i]];
        p = gm_sample_box(out, r->box[order[i]], e);
    }
    if (!p) p = talk(s, d, label, n, out, e);
    free(order);
    free(label);
    return p;
}

static gm_problem sample(gm_set *s, int64_t i, gm_draw *d, gm_sample *out, gm_error *e)
{
    gm_coco_item m;
    regions r = { 0 };
    gm_problem p = gm_coco_read(s->own, i, &m, e);
    if (!p) p = gm_coco_usable(&m, false, e);
    if (!p) p = find_regions(s, &r, &m, e);
    if (!p) p = gm_set_image(s, m.file, out, e);
    if (!p) p = use(s, d, &r, out, e);
    for (int64_t k = 0; r.label && k < m.annotations; k++) free(r.label[k]);
    free(r.label);
    free(r.box);
    gm_coco_item_free(&m);
    return p;
}

const gm_format gm_refcoco_region = {
    .name = "refcoco-region", .kind = GM_SET_REGION, .most = 10, .open = open_set,
    .sample = sample, .close = gm_coco_close,
};
const gm_format gm_refcocog_region = {
    .name = "refcocog-region", .kind = GM_SET_REGION, .most = 10, .open = open_set,
    .sample = sample, .close = gm_coco_close,
};
const gm_format gm_vg_region = {
    .name = "vg-region", .kind = GM_SET_REGION, .most = 10, .open = open_set, .sample = sample,
    .close = gm_coco_close,
};
