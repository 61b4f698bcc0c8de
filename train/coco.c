/* See coco.h. */
#include "coco.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* pycocotools keeps them, unseen; here they are told. */
static int note_strays(gm_set *s, const gm_coco *c, gm_error *e)
{
    int64_t strays = 0, first = -1, n = gm_records_count(c->file, GM_COCO_ANNOTATIONS), id;
    for (int64_t i = 0; i < n; i++) {
        bool named = gm_records_int(c->file, GM_COCO_ANNOTATIONS, i, "image_id", &id);
        if (named && gm_record_find(c->image, c->images, id, NULL)) continue;
        if (strays++ == 0) first = i;
    }
    if (!strays) return 0;
    s->note = malloc(100);
    if (!s->note) return gm_fail(e, "%s: out of memory", s->path);
    snprintf(s->note, 100, "annotations that belong to no image: %lld (the first: annotation %lld)",
             (long long)strays, (long long)first);
    return 0;
}

int gm_coco_open(gm_set *s, bool categories, gm_error *e)
{
    static const char *const lists[] = { "images", "annotations", "categories" };
    gm_coco *c = s->own = calloc(1, sizeof *c);
    if (!c) return gm_fail(e, "%s: out of memory", s->path);
    c->file = gm_records_open(s->path, lists, categories ? 3 : 2, e);
    if (!c->file) return -1;
    c->image = gm_records_ids(c->file, GM_COCO_IMAGES, "id", &c->images, e);
    if (!c->image) return -1;
    c->of_image = gm_records_ids(c->file, GM_COCO_ANNOTATIONS, "image_id", &c->annotations, e);
    if (!c->of_image) return -1;
    s->n = gm_records_count(c->file, GM_COCO_IMAGES);
    return note_strays(s, c, e);
}

void gm_coco_close(gm_set *s)
{
    gm_coco *c = s->own;
    gm_records_close(c->file);
    free(c->image);
    free(c->of_image);
    free(c);
}

gm_problem gm_coco_read(const gm_coco *c, int64_t i, gm_coco_item *m, gm_error *e)
{
    int64_t id, n = 0;
    *m = (gm_coco_item){ .image = gm_records_get(c->file, GM_COCO_IMAGES, i, e) };
    if (!m->image) return GM_PROBLEM_RECORD;
    m->file = gm_json_text(m->image, "file_name");
    m->caption = gm_json_text(m->image, "caption");
    m->width = json_number_value(json_object_get(m->image, "width"));
    m->height = json_number_value(json_object_get(m->image, "height"));
    if (!gm_records_int(c->file, GM_COCO_IMAGES, i, "id", &id))
        return gm_problem_say(e, GM_PROBLEM_RECORD, "wanted an id, a whole number");
    const gm_record_id *first = gm_record_find(c->of_image, c->annotations, id, &n);
    m->annotation = calloc((size_t)n + 1, sizeof *m->annotation);
    if (!m->annotation) return gm_problem_say(e, GM_PROBLEM_MEMORY, "out of memory");
    for (; m->annotations < n; m->annotations++) {
        gm_error why = { "" };
        int64_t place = first[m->annotations].place;
        json_t *one = gm_records_get(c->file, GM_COCO_ANNOTATIONS, place, &why);
        if (!one)
            return gm_problem_say(e, GM_PROBLEM_RECORD, "annotation %lld: %s", (long long)place,
                                  why.text);
        m->annotation[m->annotations] = one;
    }
    return GM_PROBLEM_NONE;
}

void gm_coco_item_free(gm_coco_item *m)
{
    for (int64_t k = 0; k < m->annotations; k++) json_decref(m->annotation[k]);
    free(m->annotation);
    json_decref(m->image);
    *m = (gm_coco_item){ 0 };
}

gm_problem gm_coco_usable(const gm_coco_item *m, bool captioned, gm_error *e)
{
    enum { SMALLEST = 32, WORDS = 3 };
    if (!(m->width >= 1 && m->height >= 1))
        return gm_problem_say(e, GM_PROBLEM_RECORD, "wanted the image's width and height");
    if (m->width < SMALLEST || m->height < SMALLEST)
        return gm_problem_say(e, GM_PROBLEM_EMPTY, "a side under %d pixels", SMALLEST);
    if (!captioned) return GM_PROBLEM_NONE;
    if (!m->caption) return gm_problem_say(e, GM_PROBLEM_RECORD, "wanted a caption, a text");
    int words = 1;
    for (const char *c = m->caption; *c; c++) words += *c == ' ';
    if (words >= WORDS) return GM_PROBLEM_NONE;
    return gm_problem_say(e, GM_PROBLEM_EMPTY, "a caption of less than %d words", WORDS);
}

static bool is_true(const json_t *v)
{
    return json_is_true(v) || json_number_value(v) != 0;
}

bool gm_coco_box(const gm_coco_item *m, int64_t k, double box[4], gm_problem *p, gm_error *e)
{
    const json_t *a = m->annotation[k], *list = json_object_get(a, "bbox");
    const json_t *area = json_object_get(a, "area");
    *p = GM_PROBLEM_NONE;
    if (is_true(json_object_get(a, "ignore"))) return false;
    for (size_t i = 0; i < 4; i++) {
        const json_t *v = json_array_get(list, i);
        box[i] = json_number_value(v);
        if (!json_is_number(v) || fabs(box[i]) > 1e6) {
            *p = gm_problem_say(e, GM_PROBLEM_BOX, "annotation %lld of the image: wanted its bbox "
                                "as [x, y, width, height]", (long long)k);
            return false;
        }
    }
    double right = fmin(box[0] + box[2], m->width), bottom = fmin(box[1] + box[3], m->height);
    bool outside = right <= fmax(box[0], 0) || bottom <= fmax(box[1], 0);
    bool empty = json_is_number(area) && json_number_value(area) <= 0;
    if (box[2] < 1 || box[3] < 1 || empty || outside) return false;
    box[2] += box[0];
    box[3] += box[1];
    return true;
}
