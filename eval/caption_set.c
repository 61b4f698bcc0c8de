/* See caption_set.h. */
#include "caption_set.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "../io/json.h"
#include "../io/json_stream.h"
#include "../io/os.h"

const char *const GM_CAPTION_KEYS[] = { "annotation_id", "image_id", NULL };

/* The file on its way in: its images are gathered first, then its annotations. */
typedef struct {
    gm_caption_set *set;
    const char *path;
    bool regions;
    gm_captioned *image;        /* id and file of every image */
    int64_t n, room, item_room;
    gm_ids ids;
} reading;

static int out_of_memory(gm_error *e)
{
    return gm_fail(e, "out of memory for the captions");
}

/* Room for one more in a list; NULL when out of memory. */
static gm_captioned *add_to(gm_captioned **list, int64_t *n, int64_t *room)
{
    if (*n == *room) {
        int64_t wanted = *room ? 2 * *room : 64;
        gm_captioned *more = realloc(*list, (size_t)wanted * sizeof *more);
        if (!more) return NULL;
        *list = more;
        *room = wanted;
    }
    gm_captioned *m = &(*list)[(*n)++];
    *m = (gm_captioned){ 0 };
    return m;
}

/* o's prompt into m, where it has one. */
static int take_prompt(gm_captioned *m, const json_t *o, gm_error *e)
{
    const char *prompt = gm_json_text(o, "prompt");
    m->prompt = prompt ? gm_copy_text(prompt) : NULL;
    return prompt && !m->prompt ? out_of_memory(e) : 0;
}

static int add_image(reading *r, const json_t *o, const char *what, gm_error *e)
{
    char number[32];
    const char *id = gm_id_text(json_object_get(o, "id"), number);
    const char *file = gm_json_text(o, "file_name");
    if (!id) return gm_fail(e, "%s: wanted an id, a text or a whole number", what);
    gm_captioned *m = add_to(&r->image, &r->n, &r->room);
    if (!m) return out_of_memory(e);
    m->id = gm_copy_text(id);
    m->file = file ? gm_copy_text(file) : NULL;
    return m->id && (m->file || !file) ? take_prompt(m, o, e) : out_of_memory(e);
}

static int read_box(double box[4], const json_t *o, const char *what, gm_error *e)
{
    const json_t *list = json_object_get(o, "bbox");
    for (size_t k = 0; k < 4; k++) {
        const json_t *v = json_array_get(list, k);
        if (json_array_size(list) != 4 || !json_is_number(v))
            return gm_fail(e, "%s: wanted a bbox [x, y, width, height]", what);
        box[k] = json_number_value(v);
    }
    box[2] += box[0];
    box[3] += box[1];
    return 0;
}

/* A region becomes an item of its own; an image's caption is kept with the image. */
static int add_annotation(reading *r, const json_t *o, const char *what, gm_error *e)
{
    char number[32];
    const char *id = gm_id_text(json_object_get(o, "image_id"), number);
    const char *caption = gm_json_text(o, "caption");
    int64_t i = id ? gm_ids_find(&r->ids, id) : -1;
    if (i < 0) return gm_fail(e, "%s: %s is no image of the list", what, id ? id : "(no image_id)");
    if (!caption) return gm_fail(e, "%s: wanted a caption", what);
    if (!r->regions) return gm_texts_add(&r->image[i].captions, caption, e);
    if (!(id = gm_id_text(json_object_get(o, "id"), number)))
        return gm_fail(e, "%s: wanted an id, a text or a whole number", what);
    gm_captioned *m = add_to(&r->set->item, &r->set->n, &r->item_room);
    if (!m) return out_of_memory(e);
    m->image = i;
    m->id = gm_copy_text(id);
    m->file = r->image[i].file ? gm_copy_text(r->image[i].file) : NULL;
    if (!m->id || (r->image[i].file && !m->file)) return out_of_memory(e);
    return take_prompt(m, o, e) || read_box(m->box, o, what, e) ||
           gm_texts_add(&m->captions, caption, e) ? -1 : 0;
}

static int go_through(reading *r, bool images, gm_error *e)
{
    gm_json_stream *s = gm_json_stream_open(r->path, GM_JSON_WHOLE, e);
    const char *key, *wanted = images ? "images" : "annotations";
    int bad = s ? 0 : -1, more = 0;
    json_t *o;
    for (int64_t i = 0; !bad && (more = gm_json_next(s, &key, &o, e)) == 1;) {
        if (strcmp(key, wanted) == 0) {
            char what[600];
            snprintf(what, sizeof what, "%s: %s %lld", r->path, images ? "image" : "annotation",
                     (long long)i++);
            bad = images ? add_image(r, o, what, e) : add_annotation(r, o, what, e);
        }
        json_decref(o);
    }
    if (!bad && more == 0 && !gm_json_had_list(s, wanted))
        bad = gm_fail(e, "%s: wanted an object with a list called %s", r->path, wanted);
    gm_json_stream_free(s);
    return bad || more < 0 ? -1 : 0;
}

/* An index of the ids of n items; they must differ. */
static int index_items(gm_ids *ids, const gm_captioned *m, int64_t n, const char *path, gm_error *e)
{
    const char *twice;
    ids->id = malloc((size_t)(n + 1) * sizeof *ids->id);
    if (!ids->id) return out_of_memory(e);
    ids->n = n;
    for (int64_t i = 0; i < n; i++) ids->id[i] = (gm_id){ m[i].id, i };
    gm_ids_sort(ids, &twice);
    return twice ? gm_fail(e, "%s: the id %s is there twice", path, twice) : 0;
}

static void free_item(gm_captioned *m)
{
    free(m->id);
    free(m->file);
    free(m->prompt);
    free(m->found);
    free(m->problem);
    gm_texts_free(&m->captions);
}

/* The images become the items; one without a caption is an error. */
static int take_images(reading *r, gm_error *e)
{
    for (int64_t i = 0; i < r->n; i++) {
        if (r->image[i].captions.n == 0)
            return gm_fail(e, "%s: image %s has no caption", r->path, r->image[i].id);
        r->image[i].image = i;
    }
    r->set->item = r->image;
    r->set->n = r->n;
    r->image = NULL;
    r->n = 0;
    return 0;
}

int gm_caption_set_read(gm_caption_set *s, const char *path, bool regions, gm_error *e)
{
    reading r = { .set = s, .path = path, .regions = regions };
    gm_ids items = { 0 };
    *s = (gm_caption_set){ 0 };
    int bad = go_through(&r, true, e);
    if (!bad) bad = index_items(&r.ids, r.image, r.n, path, e);
    if (!bad) bad = go_through(&r, false, e);
    s->images = r.n;
    if (!bad && !regions) bad = take_images(&r, e);
    if (!bad) bad = index_items(&items, s->item, s->n, path, e);
    if (!bad && s->n == 0) bad = gm_fail(e, "%s: no caption in it", path);
    for (int64_t i = 0; i < r.n; i++) free_item(&r.image[i]);
    free(r.image);
    free(r.ids.id);
    free(items.id);
    return bad ? -1 : 0;
}

void gm_caption_set_free(gm_caption_set *s)
{
    for (int64_t i = 0; i < s->n; i++) free_item(&s->item[i]);
    free(s->item);
    free(s->each);
    gm_texts_free(&s->problems);
    *s = (gm_caption_set){ 0 };
}

/* The item's prediction; what is wrong with it becomes a problem. */
static int take_prediction(gm_caption_set *s, gm_captioned *m, gm_predictions *p, gm_error *e)
{
    char where[600];
    gm_error why = { "" };
    json_t *o = gm_predictions_get(p, m->id, &why);
    const char *caption = gm_json_text(o, "caption");
    gm_predictions_where(p, m->id, where);
    if (!o && !why.text[0]) gm_fail(&why, "%s: no prediction", where);
    if (o && !caption) gm_fail(&why, "%s: wanted a caption", where);
    m->predicted = caption != NULL;
    m->found = gm_copy_text(caption ? caption : "");
    m->problem = caption ? NULL : gm_copy_text(why.text);
    json_decref(o);
    if (!m->found || (!caption && !m->problem)) return out_of_memory(e);
    for (int64_t k = 0; m->predicted && k < m->captions.n; k++)
        m->exact = m->exact || gm_texts_same(m->found, m->captions.text[k]);
    s->missing += !m->predicted;
    s->exact += m->exact;
    return caption ? 0 : gm_texts_add(&s->problems, m->problem, e);
}

int gm_caption_set_score(gm_caption_set *s, gm_predictions *p, gm_error *e)
{
    const char *first, **found = calloc((size_t)s->n + 1, sizeof *found);
    gm_texts *truth = calloc((size_t)s->n + 1, sizeof *truth);
    s->each = calloc((size_t)s->n + 1, sizeof *s->each);
    int bad = found && truth && s->each ? 0 : out_of_memory(e);
    for (int64_t i = 0; !bad && i < s->n; i++) {
        bad = take_prediction(s, &s->item[i], p, e);
        found[i] = s->item[i].found;
        truth[i] = s->item[i].captions;
    }
    if (!bad) s->extra = gm_predictions_left(p, &first);
    if (!bad) bad = gm_score_captions(&s->all, s->each, found, truth, s->n, s->meteor, e);
    free(found);
    free(truth);
    return bad;
}
