/* Reads the truth of refseg.h. */
#include <stdlib.h>
#include <string.h>
#include "../io/json.h"
#include "../io/os.h"
#include "../io/refer.h"
#include "refseg.h"

static int out_of_memory(gm_error *e)
{
    return gm_fail(e, "out of memory for the expressions");
}

/* Room for one more of a list of elements of `size` bytes; NULL when out of memory. */
static void *grow(void *list, int64_t n, int64_t *room, size_t size)
{
    if (n < *room) return list;
    int64_t wanted = *room ? 2 * *room : 64;
    void *more = realloc(list, (size_t)wanted * size);
    if (more) *room = wanted;
    return more;
}

static gm_ref_image *add_image(gm_ref_set *s, const char *id, const char *file, gm_error *e)
{
    gm_ref_image *more = grow(s->image, s->nimages, &s->image_room, sizeof *more);
    if (!more) {
        out_of_memory(e);
        return NULL;
    }
    s->image = more;
    gm_ref_image *m = &s->image[s->nimages++];
    *m = (gm_ref_image){ .id = gm_copy_text(id), .file = file ? gm_copy_text(file) : NULL };
    if (m->id && (m->file || !file)) return m;
    out_of_memory(e);
    return NULL;
}

gm_expression *gm_ref_add(gm_ref_set *s, int64_t image, const char *id, const char *text,
                          gm_error *e)
{
    gm_expression *more = grow(s->expression, s->n, &s->room, sizeof *more);
    if (!more) {
        out_of_memory(e);
        return NULL;
    }
    s->expression = more;
    gm_expression *x = &s->expression[s->n++];
    *x = (gm_expression){ .id = gm_copy_text(id), .text = gm_copy_text(text), .image = image };
    if (x->id && x->text) return x;
    out_of_memory(e);
    return NULL;
}

/* ---- REFER's folder ---- */

static int image_element(gm_ref_set *s, const json_t *o, const char *what, gm_error *e)
{
    char number[32];
    const char *id = gm_id_text(json_object_get(o, "id"), number);
    if (!id) return gm_fail(e, "%s: wanted an id", what);
    gm_ref_image *m = add_image(s, id, gm_json_text(o, "file_name"), e);
    if (!m) return -1;
    return gm_json_int(o, "width", 1, 1 << 20, &m->width, what, e) ||
           gm_json_int(o, "height", 1, 1 << 20, &m->height, what, e) ? -1 : 0;
}

/* Places of the annotations that are wanted; an annotation may be wanted more than once. */
static int annotation_element(gm_ref_set *s, const json_t *o, gm_json_place place,
                              const gm_ids *wanted, const char *what, gm_error *e)
{
    char number[32];
    const char *id = gm_id_text(json_object_get(o, "id"), number);
    if (!id) return gm_fail(e, "%s: wanted an id", what);
    int64_t low = 0, high = wanted->n;
    while (low < high) {
        int64_t middle = (low + high) / 2;
        if (strcmp(wanted->id[middle].id, id) < 0) low = middle + 1;
        else high = middle;
    }
    for (; low < wanted->n && strcmp(wanted->id[low].id, id) == 0; low++)
        s->part[wanted->id[low].place] = place;
    return 0;
}

/* instances.json, its images (wanted NULL) or its annotations. */
static int read_instances(gm_ref_set *s, const gm_ids *wanted, gm_error *e)
{
    gm_json_stream *f = gm_json_stream_open(s->path, GM_JSON_WHOLE, e);
    const char *key, *list = wanted ? "annotations" : "images";
    int bad = f ? 0 : -1, more = 0;
    json_t *o;
    for (int64_t i = 0; !bad && (more = gm_json_next(f, &key, &o, e)) == 1;) {
        if (strcmp(key, list) == 0) {
            char what[600];
            snprintf(what, sizeof what, "%s: %s %lld", s->path, wanted ? "annotation" : "image",
                     (long long)i++);
            bad = wanted ? annotation_element(s, o, gm_json_here(f), wanted, what, e)
                         : image_element(s, o, what, e);
        }
        json_decref(o);
    }
    if (!bad && more == 0 && !gm_json_had_list(f, list))
        bad = gm_fail(e, "%s: wanted an object with a list called %s", s->path, list);
    gm_json_stream_free(f);
    return bad || more < 0 ? -1 : 0;
}

/* Ids of texts with their places, sorted; equal ones stay. */
static int index_texts(gm_ids *ids, const gm_texts *t, gm_error *e)
{
    const char *twice;
    ids->id = malloc((size_t)(t->n + 1) * sizeof *ids->id);
    if (!ids->id) return out_of_memory(e);
    ids->n = t->n;
    for (int64_t i = 0; i < t->n; i++) ids->id[i] = (gm_id){ t->text[i], i };
    gm_ids_sort(ids, &twice);
    return 0;
}

static int index_images(gm_ids *ids, const gm_ref_set *s, gm_error *e)
{
    const char *twice;
    ids->id = malloc((size_t)(s->nimages + 1) * sizeof *ids->id);
    if (!ids->id) return out_of_memory(e);
    ids->n = s->nimages;
    for (int64_t i = 0; i < s->nimages; i++) ids->id[i] = (gm_id){ s->image[i].id, i };
    gm_ids_sort(ids, &twice);
    return twice ? gm_fail(e, "%s: image %s is there twice", s->path, twice) : 0;
}

static int read_folder(gm_ref_set *s, const char *folder, const char *split, gm_error *e)
{
    gm_ids images = { 0 }, ids = { 0 };
    gm_texts wanted = { 0 };
    char *refs = gm_refer_pickle(folder, e);
    s->path = gm_path_join(folder, "instances.json");
    int bad = !refs ? -1 : s->path ? read_instances(s, NULL, e) : out_of_memory(e);
    if (!bad) bad = index_images(&images, s, e);
    if (!bad) bad = gm_ref_set_pickle(s, refs, split, &images, &wanted, e);
    if (!bad && s->n == 0) bad = gm_fail(e, "%s: no expression of split %s", refs, split);
    if (!bad) bad = index_texts(&ids, &wanted, e);
    if (!bad && !(s->part = calloc((size_t)wanted.n + 1, sizeof *s->part))) bad = out_of_memory(e);
    s->nparts = bad ? 0 : wanted.n;
    if (!bad) bad = read_instances(s, &ids, e);
    for (int64_t k = 0; !bad && k < s->nparts; k++)
        if (!s->part[k].length)
            bad = gm_fail(e, "%s: annotation %s is not there", s->path, wanted.text[k]);
    free(refs);
    free(images.id);
    free(ids.id);
    gm_texts_free(&wanted);
    return bad;
}

/* ---- a list of expressions ---- */

/* {"id", "image", "expression", "segmentation"}; expressions of one image follow each other. */
static int list_element(gm_ref_set *s, const json_t *o, gm_json_place place, const char *what,
                        gm_error *e)
{
    char number[32];
    const char *id = gm_id_text(json_object_get(o, "id"), number);
    const char *file = gm_json_text(o, "image"), *text = gm_json_text(o, "expression");
    if (!id || !file || !text || !json_object_get(o, "segmentation"))
        return gm_fail(e, "%s: wanted id, image, expression and segmentation", what);
    int64_t i = s->nimages - 1;
    while (i >= 0 && strcmp(s->image[i].file, file) != 0) i--;
    if (i < 0) {
        const char *slash = strrchr(file, '/'), *base = slash ? slash + 1 : file;
        char *name = gm_copy_text(base), *dot = name ? strrchr(name, '.') : NULL;
        if (dot && dot != name) *dot = 0;
        gm_ref_image *m = name ? add_image(s, name, file, e) : NULL;
        free(name);
        if (!m) return -1;
        i = s->nimages - 1;
        if (gm_json_int(o, "width", 1, 1 << 20, &m->width, what, e) ||
            gm_json_int(o, "height", 1, 1 << 20, &m->height, what, e))
            return -1;
    }
    gm_expression *x = gm_ref_add(s, i, id, text, e);
    gm_json_place *more = x ? grow(s->part, s->nparts, &s->part_room, sizeof *more) : NULL;
    if (!more) return x ? out_of_memory(e) : -1;
    s->part = more;
    x->first = s->nparts;
    x->parts = 1;
    s->part[s->nparts++] = place;
    const char *prompt = gm_json_text(o, "prompt");
    if (prompt && !(x->prompt = gm_copy_text(prompt))) return out_of_memory(e);
    return 0;
}

static int read_list(gm_ref_set *s, const char *path, gm_error *e)
{
    size_t n = strlen(path);
    bool lines = n > 6 && strcmp(path + n - 6, ".jsonl") == 0;
    gm_json_stream *f = gm_json_stream_open(path, lines ? GM_JSON_LINES : GM_JSON_WHOLE, e);
    const char *key;
    int bad = f ? 0 : -1, more = 0;
    json_t *o;
    if (!(s->path = gm_copy_text(path))) bad = out_of_memory(e);
    for (int64_t i = 0; !bad && (more = gm_json_next(f, &key, &o, e)) == 1; i++) {
        char what[600];
        snprintf(what, sizeof what, "%s: expression %lld", path, (long long)i);
        if (*key) bad = gm_fail(e, "%s: wanted a list of expressions", path);
        else bad = list_element(s, o, gm_json_here(f), what, e);
        json_decref(o);
    }
    gm_json_stream_free(f);
    if (!bad && more == 0 && s->n == 0) bad = gm_fail(e, "%s: no expression in it", path);
    return bad || more < 0 ? -1 : 0;
}

/* ---- both ---- */

/* Expressions by image, in the file's order; their ids must differ. */
static int group(gm_ref_set *s, gm_error *e)
{
    const char *twice;
    gm_ids ids = { malloc((size_t)(s->n + 1) * sizeof *ids.id), s->n };
    s->by_image = malloc((size_t)(s->n + 1) * sizeof *s->by_image);
    if (!ids.id || !s->by_image) {
        free(ids.id);
        return out_of_memory(e);
    }
    for (int64_t k = 0; k < s->n; k++) {
        ids.id[k] = (gm_id){ s->expression[k].id, k };
        s->image[s->expression[k].image].n++;
    }
    for (int64_t i = 0, at = 0; i < s->nimages; at += s->image[i++].n) s->image[i].first = at;
    for (int64_t i = 0; i < s->nimages; i++) s->image[i].n = 0;
    for (int64_t k = 0; k < s->n; k++) {
        gm_ref_image *m = &s->image[s->expression[k].image];
        s->by_image[m->first + m->n++] = k;
    }
    gm_ids_sort(&ids, &twice);
    int bad = twice ? gm_fail(e, "%s: the expression %s is there twice", s->path, twice) : 0;
    free(ids.id);
    return bad;
}

int gm_ref_set_read(gm_ref_set *s, const char *truth, const char *split, gm_error *e)
{
    *s = (gm_ref_set){ 0 };
    int bad = gm_is_dir(truth) ? read_folder(s, truth, split, e) : read_list(s, truth, e);
    return bad ? -1 : group(s, e);
}

void gm_ref_set_free(gm_ref_set *s)
{
    for (int64_t i = 0; i < s->nimages; i++) {
        free(s->image[i].id);
        free(s->image[i].file);
        free(s->image[i].asked);
        free(s->image[i].problem);
    }
    for (int64_t k = 0; k < s->n; k++) {
        free(s->expression[k].id);
        free(s->expression[k].text);
        free(s->expression[k].prompt);
    }
    free(s->image);
    free(s->expression);
    free(s->by_image);
    free(s->part);
    free(s->path);
    gm_texts_free(&s->problems);
    *s = (gm_ref_set){ 0 };
}
