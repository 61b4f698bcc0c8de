/* PACO-LVIS and PASCAL-Part: COCO's form; categories are called "object:part" (PACO's also
 * "object"), a suffix "_(...)" of PACO's is cut.  Source: groundingLMM
 * dataset/segm_datasets/Semantic_Segm_ds.py. */
#include <stdlib.h>
#include <string.h>
#include "coco.h"

static int open_set(gm_set *s, gm_error *e)
{
    return gm_coco_open(s, true, e);
}

static void add_cut(gm_text *out, const char *s, size_t n, bool cut)
{
    for (size_t i = 0; cut && i + 1 < n; i++)
        if (s[i] == '_' && s[i + 1] == '(') n = i;
    gm_text_add(out, s, n);
}

/* "obj part" or "the part of the obj", as the draw has it; malloc'ed, NULL when out of memory. */
static char *name_part(gm_draw *d, const char *name, bool paco)
{
    const char *colon = strchr(name, ':');
    size_t n = strlen(name), object = colon ? (size_t)(colon - name) : n;
    gm_text out = { 0 };
    bool turned = colon && gm_draw_real(d) >= 0.5;
    if (turned) {
        gm_text_adds(&out, "the ");
        add_cut(&out, colon + 1, n - object - 1, paco);
        gm_text_adds(&out, " of the ");
    }
    add_cut(&out, name, object, paco);
    if (colon && !turned) {
        gm_text_adds(&out, " ");
        add_cut(&out, colon + 1, n - object - 1, paco);
    }
    return gm_text_take(&out);
}

/* The name of a category, stripped and malloc'ed. */
static gm_problem category_name(const gm_set *s, const json_t *annotation, char **name, gm_error *e)
{
    const gm_coco *c = s->own;
    const json_t *id = json_object_get(annotation, "category_id");
    int64_t n = gm_records_count(c->file, GM_COCO_CATEGORIES), v;
    for (int64_t i = 0; json_is_integer(id) && i < n; i++) {
        if (!gm_records_int(c->file, GM_COCO_CATEGORIES, i, "id", &v) ||
            v != json_integer_value(id))
            continue;
        json_t *o = gm_records_get(c->file, GM_COCO_CATEGORIES, i, e);
        const char *text = gm_json_text(o, "name");
        *name = text ? gm_stripped(text, NULL) : NULL;
        bool colon = *name && strchr(*name, ':'), needed = s->format == &gm_pascal_part;
        bool good = text && (colon || !needed) && (!colon || !strchr(strchr(*name, ':') + 1, ':'));
        gm_problem p = good ? GM_PROBLEM_NONE : GM_PROBLEM_RECORD;
        if (!good) gm_fail(e, "category %lld: wanted a name object:part, found '%s'", (long long)i,
                           text ? text : "");
        json_decref(o);
        return p;
    }
    return gm_problem_say(e, GM_PROBLEM_RECORD, "its category_id names no category");
}

static gm_problem use(const gm_set *s, gm_draw *d, const gm_coco_item *m, char **text,
                      gm_sample *out, gm_error *e)
{
    int64_t n = m->annotations < s->most ? m->annotations : s->most;
    int64_t *order = malloc((size_t)m->annotations * sizeof *order);
    gm_problem p = order ? GM_PROBLEM_NONE : GM_PROBLEM_MEMORY;
    if (!p) gm_draw_some(d, order, m->annotations, m->annotations >= s->most ? n : 0);
    for (int64_t k = 0; !p && k < n; k++) {
        const json_t *a = m->annotation[order[k]];
        gm_rle mask = { 0 };
        gm_error why = { "" };
        char *name = NULL;
        p = category_name(s, a, &name, &why);
        if (!p && (!name || !(text[k] = name_part(d, name, s->format == &gm_paco))))
            p = GM_PROBLEM_MEMORY;
        free(name);
        if (!p)
            p = gm_mask_of(&mask, json_object_get(a, "segmentation"), &out->image, s->images, &why);
        if (!p) p = gm_sample_mask(out, &mask, &why);
        if (p) gm_fail(e, "annotation %lld of the image: %s", (long long)order[k], why.text);
    }
    if (!p) p = gm_talk_refer(s, d, (const char *const *)text, n, out, e);
    free(order);
    return p;
}

static gm_problem sample(gm_set *s, int64_t i, gm_draw *d, gm_sample *out, gm_error *e)
{
    gm_coco_item m;
    gm_problem p = gm_coco_read(s->own, i, &m, e);
    char **text = calloc((size_t)s->most, sizeof *text);
    if (!text) p = GM_PROBLEM_MEMORY;
    if (!p && m.annotations == 0) p = gm_problem_say(e, GM_PROBLEM_EMPTY, "no part is marked");
    if (!p) p = gm_set_image(s, m.file, out, e);
    if (!p) p = use(s, d, &m, text, out, e);
    for (int64_t k = 0; text && k < s->most; k++) free(text[k]);
    free(text);
    gm_coco_item_free(&m);
    return p;
}

const gm_format gm_paco = {
    .name = "paco", .kind = GM_SET_SEGM, .most = 3, .open = open_set, .sample = sample,
    .close = gm_coco_close,
};
const gm_format gm_pascal_part = {
    .name = "pascal-part", .kind = GM_SET_SEGM, .most = 3, .open = open_set, .sample = sample,
    .close = gm_coco_close,
};
