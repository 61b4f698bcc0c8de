/* RefCOCO, RefCOCO+, RefCOCOg, RefCLEF as REFER publishes them: a folder with refs(AUTHOR).p, a
 * pickle of [{image_id, ann_id, split, sentences: [{sent}, ...]}, ...], and instances.json in
 * COCO's form.  A record is an image of the split.  Source: groundingLMM
 * dataset/utils/refcoco_refer.py and dataset/segm_datasets/RefCOCO_Segm_ds.py. */
#include <stdlib.h>
#include <string.h>
#include "../io/os.h"
#include "../io/records.h"
#include "../io/refer.h"
#include "set.h"

enum { IMAGES, ANNOTATIONS };

typedef struct { int64_t annotation; char *text; } expression;

typedef struct {
    gm_records *instances;
    gm_record_id *image, *annotation;       /* by id */
    int64_t images, annotations;
    expression *expression;                 /* of the split, in the pickle's order */
    gm_record_id *of_image;                 /* expressions by their image's id */
    int64_t expressions;
    int64_t *record;                        /* the ids of the split's images as they first occur */
} refer;

/* ---- the pickle ---- */

/* Room for all sentences of the list, of whatever split. */
static int make_room(refer *r, const gm_pickle_value *all, const char *path, gm_error *e)
{
    int64_t n = 0;
    for (int64_t i = 0; i < all->u.list.n; i++) {
        const gm_pickle_value *s = gm_pickle_get(all->u.list.item[i], "sentences");
        n += s && s->kind == GM_P_LIST ? s->u.list.n : 0;
    }
    r->expression = calloc((size_t)n + 1, sizeof *r->expression);
    r->of_image = calloc((size_t)n + 1, sizeof *r->of_image);
    r->record = calloc((size_t)n + 1, sizeof *r->record);
    if (r->expression && r->of_image && r->record) return 0;
    return gm_fail(e, "%s: out of memory for %lld sentences", path, (long long)n);
}

static int add_ref(refer *r, const gm_pickle_value *ref, const char *wanted, const char *path,
                   int64_t i, gm_error *e)
{
    int64_t image, annotation;
    const gm_pickle_value *sentences = gm_pickle_get(ref, "sentences");
    char *split = gm_refer_text(gm_pickle_get(ref, "split"));
    bool good = split && gm_refer_number(gm_pickle_get(ref, "image_id"), &image) &&
                gm_refer_number(gm_pickle_get(ref, "ann_id"), &annotation) &&
                sentences && sentences->kind == GM_P_LIST;
    bool here = good && gm_refer_in_split(split, wanted);
    free(split);
    if (!good)
        return gm_fail(e, "%s: ref %lld: wanted split, image_id, ann_id and a list of sentences",
                       path, (long long)i);
    for (int64_t k = 0; here && k < sentences->u.list.n; k++) {
        char *text = gm_refer_text(gm_pickle_get(sentences->u.list.item[k], "sent"));
        if (!text)
            return gm_fail(e, "%s: ref %lld: sentence %lld: wanted sent, a text", path,
                           (long long)i, (long long)k);
        r->expression[r->expressions] = (expression){ annotation, text };
        r->of_image[r->expressions] = (gm_record_id){ image, r->expressions };
        r->expressions++;
    }
    return 0;
}

static int read_refs(gm_set *s, refer *r, const char *path, gm_error *e)
{
    size_t n;
    const uint8_t *bytes = gm_map(path, &n, e);
    gm_pickle *p = bytes ? gm_pickle_read(bytes, n, NULL, 0, path, NULL, e) : NULL;
    const gm_pickle_value *all = p ? gm_pickle_root(p) : NULL;
    int bad = p ? 0 : -1;
    if (p && all->kind != GM_P_LIST) bad = gm_fail(e, "%s: wanted a list of refs", path);
    if (!bad) bad = make_room(r, all, path, e);
    for (int64_t i = 0; !bad && i < all->u.list.n; i++)
        bad = add_ref(r, all->u.list.item[i], s->split, path, i, e);
    gm_pickle_free(p);
    gm_unmap(bytes, n);
    if (bad) return -1;
    int64_t *image = r->record;
    for (int64_t i = 0; i < r->expressions; i++) image[i] = r->of_image[i].id;
    gm_record_ids_sort(r->of_image, r->expressions);
    for (int64_t i = 0; i < r->expressions; i++)
        if (gm_record_find(r->of_image, r->expressions, image[i], NULL)->place == i)
            r->record[s->n++] = image[i];
    return s->n ? 0 : gm_fail(e, "%s: no sentence of split %s", path, s->split);
}

/* ---- opening ---- */

static int open_set(gm_set *s, gm_error *e)
{
    static const char *const lists[] = { "images", "annotations" };
    refer *r = s->own = calloc(1, sizeof *r);
    char *refs = gm_refer_pickle(s->path, e), *instances = gm_path_join(s->path, "instances.json");
    int bad = r && refs && instances ? 0 : gm_fail(e, "%s: out of memory", s->path);
    if (!bad) bad = read_refs(s, r, refs, e);
    if (!bad && !(r->instances = gm_records_open(instances, lists, 2, e))) bad = -1;
    if (!bad && !(r->image = gm_records_ids(r->instances, IMAGES, "id", &r->images, e))) bad = -1;
    if (!bad && !(r->annotation = gm_records_ids(r->instances, ANNOTATIONS, "id", &r->annotations,
                                                 e)))
        bad = -1;
    free(refs);
    free(instances);
    return bad;
}

static void close_set(gm_set *s)
{
    refer *r = s->own;
    for (int64_t i = 0; i < r->expressions; i++) free(r->expression[i].text);
    gm_records_close(r->instances);
    free(r->image);
    free(r->annotation);
    free(r->expression);
    free(r->of_image);
    free(r->record);
    free(r);
}

/* ---- samples ---- */

static gm_problem read_image(const gm_set *s, int64_t id, gm_sample *out, gm_error *e)
{
    const refer *r = s->own;
    const gm_record_id *at = gm_record_find(r->image, r->images, id, NULL);
    if (!at) return gm_problem_say(e, GM_PROBLEM_RECORD, "instances.json has no image %lld",
                                   (long long)id);
    json_t *o = gm_records_get(r->instances, IMAGES, at->place, e);
    if (!o) return GM_PROBLEM_RECORD;
    gm_problem p = gm_set_image(s, gm_json_text(o, "file_name"), out, e);
    json_decref(o);
    return p;
}

static gm_problem read_mask(const gm_set *s, int64_t id, gm_sample *out, gm_error *e)
{
    const refer *r = s->own;
    gm_rle mask = { 0 };
    gm_error why = { "" };
    const gm_record_id *at = gm_record_find(r->annotation, r->annotations, id, NULL);
    if (!at) return gm_problem_say(e, GM_PROBLEM_RECORD, "instances.json has no annotation %lld",
                                   (long long)id);
    json_t *o = gm_records_get(r->instances, ANNOTATIONS, at->place, &why);
    gm_problem p = o ? gm_mask_of(&mask, json_object_get(o, "segmentation"), &out->image,
                                  s->images, &why)
                     : GM_PROBLEM_RECORD;
    json_decref(o);
    if (p) return gm_problem_say(e, p, "annotation %lld: %s", (long long)id, why.text);
    return gm_sample_mask(out, &mask, e);
}

static gm_problem sample(gm_set *s, int64_t i, gm_draw *d, gm_sample *out, gm_error *e)
{
    const refer *r = s->own;
    int64_t m, id = r->record[i];
    const gm_record_id *mine = gm_record_find(r->of_image, r->expressions, id, &m);
    int64_t *order = malloc((size_t)m * sizeof *order), n = m < s->most ? m : s->most;
    const char **text = malloc((size_t)m * sizeof *text);
    gm_problem p = order && text ? read_image(s, id, out, e) : GM_PROBLEM_MEMORY;
    if (!p) gm_draw_some(d, order, m, m >= s->most ? n : 0);
    for (int64_t k = 0; !p && k < n; k++) {
        const expression *x = &r->expression[mine[order[k]].place];
        text[k] = x->text;
        p = read_mask(s, x->annotation, out, e);
    }
    if (!p) p = gm_talk_refer(s, d, text, n, out, e);
    free(order);
    free(text);
    return p;
}

const gm_format gm_refer = {
    .name = "refer", .kind = GM_SET_SEGM, .most = 3, .open = open_set, .sample = sample,
    .close = close_set, .split = "train", .folder = true,
};
