/* Reads truth and predictions of gcg.h. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include "../io/json.h"
#include "../io/os.h"
#include "gcg.h"

enum { NAME = 300 };

static int out_of_memory(gm_error *e)
{
    return gm_fail(e, "out of memory for the evaluation");
}

static int add_text(gm_texts *t, const char *s, gm_error *e)
{
    char **more = realloc(t->text, (size_t)(t->n + 1) * sizeof *more);
    if (!more) return out_of_memory(e);
    t->text = more;
    if (!(t->text[t->n] = gm_copy_text(s))) return out_of_memory(e);
    t->n++;
    return 0;
}

static void free_texts(gm_texts *t)
{
    for (int64_t i = 0; i < t->n; i++) free(t->text[i]);
    free(t->text);
    *t = (gm_texts){ 0 };
}

int gm_gcg_problem(gm_gcg *g, gm_error *e, const char *format, ...)
{
    char line[2 * NAME];
    va_list args;
    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    return add_text(&g->problems, line, e);
}

/* An array of strings. */
static int read_texts(gm_texts *t, const json_t *list, const char *what, gm_error *e)
{
    size_t i;
    json_t *one;
    if (!json_is_array(list)) return gm_fail(e, "%s: wanted a list of texts", what);
    json_array_foreach(list, i, one) {
        if (!json_is_string(one)) return gm_fail(e, "%s: wanted a text at place %zu", what, i);
        if (add_text(t, json_string_value(one), e) != 0) return -1;
    }
    return 0;
}

/* {"size": [height, width], "counts": "..."} */
static int read_mask(gm_rle *r, const json_t *o, const char *what, gm_error *e)
{
    json_t *size = json_object_get(o, "size");
    const char *counts = gm_json_text(o, "counts");
    json_t *h = json_array_get(size, 0), *w = json_array_get(size, 1);
    gm_error why = { "" };
    if (!counts || json_array_size(size) != 2 || !json_is_integer(h) || !json_is_integer(w))
        return gm_fail(e, "%s: wanted a mask: size [height, width], counts as compressed text",
                       what);
    if (gm_rle_parse(r, counts, json_integer_value(h), json_integer_value(w), &why) != 0)
        return gm_fail(e, "%s: %s", what, why.text);
    return 0;
}

/* An id as text: a string, or a whole number. */
static const char *id_text(const json_t *id, char number[32])
{
    if (json_is_string(id)) return json_string_value(id);
    if (!json_is_integer(id)) return NULL;
    snprintf(number, 32, "%" PRId64, (int64_t)json_integer_value(id));
    return number;
}

/* The image called id, or NULL.  byname: g->order, sorted by name. */
static gm_gcg_image *find(const gm_gcg *g, const char *id)
{
    int64_t low = 0, high = g->n;
    while (low < high) {
        int64_t middle = (low + high) / 2;
        if (strcmp(g->image[g->order[middle]].id, id) < 0) low = middle + 1;
        else high = middle;
    }
    if (low == g->n || strcmp(g->image[g->order[low]].id, id) != 0) return NULL;
    return &g->image[g->order[low]];
}

/* What qsort compares: images through their places. */
typedef struct { const gm_gcg_image *image; int64_t place; bool as_number; } sorted;

static int compare(const void *a, const void *b)
{
    const sorted *x = a, *y = b;
    if (x->as_number && x->image->number != y->image->number)
        return x->image->number < y->image->number ? -1 : 1;
    return strcmp(x->image->id, y->image->id);
}

static int sort_images(gm_gcg *g, bool as_number, gm_error *e)
{
    sorted *s = malloc((size_t)(g->n + 1) * sizeof *s);
    int64_t *order = realloc(g->order, (size_t)(g->n + 1) * sizeof *order);
    if (order) g->order = order;
    if (!s || !order) {
        free(s);
        return out_of_memory(e);
    }
    for (int64_t i = 0; i < g->n; i++) s[i] = (sorted){ &g->image[i], i, as_number };
    qsort(s, (size_t)g->n, sizeof *s, compare);
    for (int64_t i = 0; i < g->n; i++) order[i] = s[i].place;
    free(s);
    return 0;
}

/* Adds the images of a truth file that are not there yet; all ids must be of one kind. */
static int read_images(gm_gcg *g, const json_t *file, const char *path, bool captioned, gm_error *e)
{
    json_t *list = json_object_get(file, "images"), *one;
    size_t i;
    int64_t known = g->n;
    if (!json_is_array(list)) return gm_fail(e, "%s: wanted a list called images", path);
    size_t room = (size_t)g->n + json_array_size(list) + 1;
    gm_gcg_image *more = realloc(g->image, room * sizeof *more);
    if (!more) return out_of_memory(e);
    g->image = more;
    json_array_foreach(list, i, one) {
        char number[32];
        json_t *id = json_object_get(one, "id");
        const char *text = id_text(id, number);
        if (!text)
            return gm_fail(e, "%s: image %zu: wanted an id, a text or a whole number", path, i);
        int64_t all = g->n;
        g->n = known;                       /* only those are sorted */
        bool there = known && find(g, text);
        g->n = all;
        if (there) continue;
        g->image[g->n] = (gm_gcg_image){ .id = gm_copy_text(text), .captioned = captioned,
                                         .number = json_integer_value(id),
                                         .caption = gm_copy_text("") };
        g->n++;
        if (!g->image[g->n - 1].id || !g->image[g->n - 1].caption) return out_of_memory(e);
    }
    if (sort_images(g, false, e) != 0) return -1;
    for (int64_t k = 1; k < g->n; k++)
        if (strcmp(g->image[g->order[k - 1]].id, g->image[g->order[k]].id) == 0)
            return gm_fail(e, "%s: image %s is there twice", path, g->image[g->order[k]].id);
    return 0;
}

/* The image that an annotation belongs to. */
static gm_gcg_image *owner(gm_gcg *g, const json_t *annotation, const char *what, gm_error *e)
{
    char number[32];
    const char *id = id_text(json_object_get(annotation, "image_id"), number);
    gm_gcg_image *m = id ? find(g, id) : NULL;
    if (!m) gm_fail(e, "%s: %s is no image of the list", what, id ? id : "(no image_id)");
    return m;
}

static int read_captions(gm_gcg *g, const json_t *file, const char *path, gm_error *e)
{
    json_t *list = json_object_get(file, "annotations"), *one;
    char what[2 * NAME];
    size_t i;
    if (!json_is_array(list)) return gm_fail(e, "%s: wanted a list called annotations", path);
    json_array_foreach(list, i, one) {
        snprintf(what, sizeof what, "%s: annotation %zu", path, i);
        gm_gcg_image *m = owner(g, one, what, e);
        const char *caption = gm_json_text(one, "caption");
        if (!m) return -1;
        if (!caption) return gm_fail(e, "%s: wanted a caption", what);
        if (m->captions.n == 0 &&
            read_texts(&m->labels, json_object_get(one, "labels"), what, e) != 0)
            return -1;
        if (add_text(&m->captions, caption, e) != 0) return -1;
    }
    for (int64_t k = 0; k < g->captioned; k++)
        if (g->image[k].captions.n == 0)
            return gm_fail(e, "%s: image %s has no caption", path, g->image[k].id);
    return 0;
}

static int read_true_masks(gm_gcg *g, const json_t *file, const char *path, gm_error *e)
{
    json_t *list = json_object_get(file, "annotations"), *one;
    char what[2 * NAME];
    size_t i;
    if (!json_is_array(list)) return gm_fail(e, "%s: wanted a list called annotations", path);
    json_array_foreach(list, i, one) {
        snprintf(what, sizeof what, "%s: annotation %zu", path, i);
        gm_gcg_image *m = owner(g, one, what, e);
        json_t *id = json_object_get(one, "id"), *area = json_object_get(one, "area");
        json_t *crowd = json_object_get(one, "iscrowd");
        json_t *category = json_object_get(one, "category_id");
        if (!m) return -1;
        if (json_is_integer(category) && json_integer_value(category) != 1) continue;
        if (!json_is_number(id) || !json_is_number(area) || !crowd)
            return gm_fail(e, "%s: wanted an id and an area, both numbers, and iscrowd", what);
        gm_true_mask t = { .mask = { 0 } };
        gm_true_mask *more = realloc(m->mask, (size_t)(m->nmasks + 1) * sizeof *more);
        if (!more) return out_of_memory(e);
        m->mask = more;
        if (read_mask(&t.mask, json_object_get(one, "segmentation"), what, e) != 0) return -1;
        t.area = json_number_value(area);
        t.crowd = json_is_true(crowd) || json_integer_value(crowd) != 0;
        t.id_is_0 = json_number_value(id) == 0;
        m->mask[m->nmasks++] = t;
    }
    return 0;
}

static bool complete(const json_t *o)
{
    return json_object_get(o, "caption") && json_object_get(o, "phrases");
}

/* One prediction file; its first value may be the prediction, with any name (evaluate.py main). */
static int read_prediction(gm_gcg_image *m, const char *path, gm_error *e)
{
    json_t *file = gm_json_read(path, e), *one;
    if (!file) return -1;
    const json_t *o = json_object_iter_value(json_object_iter(file));
    size_t i;
    if (!complete(o)) o = file;
    const char *caption = gm_json_text(o, "caption");
    json_t *masks = json_object_get(o, "pred_masks");
    int bad = 0;
    if (!caption || !json_is_array(masks))
        bad = gm_fail(e, "%s: wanted caption, phrases and pred_masks", path);
    if (!bad) bad = read_texts(&m->phrases, json_object_get(o, "phrases"), path, e);
    if (!bad && !(m->found = calloc(json_array_size(masks) + 1, sizeof *m->found)))
        bad = out_of_memory(e);
    if (!bad) {
        json_array_foreach(masks, i, one) {
            bad = read_mask(&m->found[m->nfound], one, path, e);
            if (bad) break;
            m->nfound++;
        }
    }
    char *copy = bad ? NULL : gm_copy_text(caption);
    json_decref(file);
    if (!bad && !copy) bad = out_of_memory(e);
    if (bad) return -1;
    free(m->caption);
    m->caption = copy;
    m->predicted = true;
    return 0;
}

static void forget(gm_gcg_image *m)
{
    for (int64_t i = 0; i < m->nfound; i++) gm_rle_free(&m->found[i]);
    free(m->found);
    m->found = NULL;
    m->nfound = 0;
    free_texts(&m->phrases);
}

static int read_predictions(gm_gcg *g, const char *folder, gm_error *e)
{
    char **names, name[NAME];
    int64_t n, files = 0;
    if (gm_list_dir(folder, &names, &n, e) != 0) return -1;
    for (int64_t i = 0; i < n; i++) {
        size_t length = strlen(names[i]);
        files += length > 5 && strcmp(names[i] + length - 5, ".json") == 0;
    }
    gm_free_list(names, n);
    for (int64_t i = 0; i < g->captioned; i++) {
        gm_gcg_image *m = &g->image[i];
        snprintf(name, sizeof name, "%s.json", m->id);
        char *path = gm_path_join(folder, name);
        gm_error why = { "" };
        if (!path) return out_of_memory(e);
        int bad = 0;
        if (!gm_is_file(path)) {
            bad = gm_gcg_problem(g, e, "%s: no prediction for this image", path);
        } else {
            files--;
            if (read_prediction(m, path, &why) != 0) {
                forget(m);
                bad = gm_gcg_problem(g, e, "%s", why.text);
            }
        }
        free(path);
        if (bad) return -1;
        g->missing += !m->predicted;
    }
    g->extra = files;
    return 0;
}

/* One truth file into g. */
static int read_truth(gm_gcg *g, const char *folder, const char *split, const char *kind,
                      int (*read)(gm_gcg *, const json_t *, const char *, gm_error *), gm_error *e)
{
    char name[NAME];
    snprintf(name, sizeof name, "%s_gcg_coco_%s_gt.json", split, kind);
    char *path = gm_path_join(folder, name);
    if (!path) return out_of_memory(e);
    bool captioned = g->n == 0;
    json_t *file = gm_json_read(path, e);
    int bad = file ? read_images(g, file, path, captioned, e) : -1;
    if (captioned) g->captioned = g->n;
    if (!bad) bad = read(g, file, path, e);
    json_decref(file);
    free(path);
    return bad;
}

int gm_gcg_read(gm_gcg *g, const char *truth, const char *split, const char *predictions,
                gm_error *e)
{
    *g = (gm_gcg){ 0 };
    if (read_truth(g, truth, split, "caption", read_captions, e) != 0) return -1;
    if (read_truth(g, truth, split, "mask", read_true_masks, e) != 0) return -1;
    if (g->captioned == 0) return gm_fail(e, "%s: no image in the %s split", truth, split);
    if (read_predictions(g, predictions, e) != 0) return -1;
    return sort_images(g, true, e);         /* ids that are texts have number 0 */
}

void gm_gcg_free(gm_gcg *g)
{
    for (int64_t i = 0; i < g->n; i++) {
        gm_gcg_image *m = &g->image[i];
        for (int64_t k = 0; k < m->nmasks; k++) gm_rle_free(&m->mask[k].mask);
        free(m->mask);
        forget(m);
        free_texts(&m->captions);
        free_texts(&m->labels);
        free(m->id);
        free(m->caption);
    }
    free(g->image);
    free(g->order);
    free_texts(&g->problems);
    *g = (gm_gcg){ 0 };
}
