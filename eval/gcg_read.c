/* Reads the truth and the predictions of gcg.h. */
#include "gcg.h"

#include <stdlib.h>
#include <string.h>
#include "../io/json.h"
#include "../io/os.h"
#include "../io/segmentation.h"

enum { NAME = 600 };

static int out_of_memory(gm_error *e)
{
    return gm_fail(e, "out of memory for the evaluation");
}

/* ---- images ---- */

/* What qsort compares: images through their places. */
typedef struct { const gm_gcg_image *image; int64_t place; } sorted;

/* Numbers by value; ids that are texts have number 0. */
static int compare(const void *a, const void *b)
{
    const sorted *x = a, *y = b;
    if (x->image->number != y->image->number)
        return x->image->number < y->image->number ? -1 : 1;
    return strcmp(x->image->id, y->image->id);
}

static int sort_images(gm_gcg *g, gm_error *e)
{
    sorted *s = malloc((size_t)(g->n + 1) * sizeof *s);
    g->order = malloc((size_t)(g->n + 1) * sizeof *g->order);
    if (!s || !g->order) {
        free(s);
        return out_of_memory(e);
    }
    for (int64_t i = 0; i < g->n; i++) s[i] = (sorted){ &g->image[i], i };
    qsort(s, (size_t)g->n, sizeof *s, compare);
    for (int64_t i = 0; i < g->n; i++) g->order[i] = s[i].place;
    free(s);
    return 0;
}

/* Ids of the images so far, sorted. */
static int index_images(gm_ids *ids, const gm_gcg *g, const char *path, gm_error *e)
{
    const char *twice;
    gm_id *more = realloc(ids->id, (size_t)(g->n + 1) * sizeof *more);
    if (!more) return out_of_memory(e);
    *ids = (gm_ids){ more, g->n };
    for (int64_t i = 0; i < g->n; i++) ids->id[i] = (gm_id){ g->image[i].id, i };
    gm_ids_sort(ids, &twice);
    return twice ? gm_fail(e, "%s: image %s is there twice", path, twice) : 0;
}

/* One truth file on its way in. */
typedef struct {
    gm_gcg *g;
    const char *path;
    bool captions;              /* the caption file, which comes first */
    gm_ids known;               /* of the file before, then of all images */
    int64_t room;
    bool indexed;               /* known holds this file's images */
} reading;

/* height and width of an image's entry into m, where both are there. */
static int read_size(gm_gcg_image *m, const json_t *o, const char *path, gm_error *e)
{
    return gm_json_int(o, "height", 1, UINT32_MAX, &m->height, path, e) ||
           gm_json_int(o, "width", 1, UINT32_MAX, &m->width, path, e) ? -1 : 0;
}

static int add_image(reading *r, const json_t *o, int64_t number, gm_error *e)
{
    gm_gcg *g = r->g;
    char text[32];
    const json_t *id = json_object_get(o, "id");
    const char *name = gm_id_text(id, text), *file = gm_json_text(o, "file_name");
    const char *prompt = gm_json_text(o, "prompt");
    if (!name)
        return gm_fail(e, "%s: image %lld: wanted an id, a text or a whole number", r->path,
                       (long long)number);
    int64_t known = r->captions ? -1 : gm_ids_find(&r->known, name);
    if (known >= 0) return read_size(&g->image[known], o, r->path, e);
    if (g->n == r->room) {
        r->room = r->room ? 2 * r->room : 64;
        gm_gcg_image *more = realloc(g->image, (size_t)r->room * sizeof *more);
        if (!more) return out_of_memory(e);
        g->image = more;
    }
    gm_gcg_image *m = &g->image[g->n++];
    *m = (gm_gcg_image){ .id = gm_copy_text(name), .captioned = r->captions,
                         .file = file ? gm_copy_text(file) : NULL,
                         .prompt = prompt ? gm_copy_text(prompt) : NULL,
                         .number = json_integer_value(id), .caption = gm_copy_text("") };
    if (!m->id || !m->caption || (file && !m->file) || (prompt && !m->prompt))
        return out_of_memory(e);
    return r->captions ? 0 : read_size(m, o, r->path, e);
}

/* ---- annotations ---- */

/* The image that an annotation belongs to, -1 with an error. */
static int64_t owner(const reading *r, const json_t *o, const char *what, gm_error *e)
{
    char number[32];
    const char *id = gm_id_text(json_object_get(o, "image_id"), number);
    int64_t i = id ? gm_ids_find(&r->known, id) : -1;
    if (i < 0) gm_fail(e, "%s: %s is no image of the list", what, id ? id : "(no image_id)");
    return i;
}

static int add_caption(reading *r, const json_t *o, const char *what, gm_error *e)
{
    int64_t i = owner(r, o, what, e);
    const char *caption = gm_json_text(o, "caption");
    if (i < 0) return -1;
    const json_t *also = json_object_get(o, "also");
    gm_gcg_image *m = &r->g->image[i];
    if (!caption) return gm_fail(e, "%s: wanted a caption", what);
    if (m->captions.n == 0 &&
        (gm_texts_read(&m->labels, json_object_get(o, "labels"), what, e) != 0 ||
         (also && gm_texts_read(&m->also, also, what, e) != 0)))
        return -1;
    return gm_texts_add(&m->captions, caption, e);
}

/* A true mask of category 1; without its image only what is beside the mask is read. */
static int true_mask(gm_true_mask *t, const json_t *o, const gm_gcg_image *m, const char *what,
                     gm_error *e)
{
    const json_t *id = json_object_get(o, "id"), *area = json_object_get(o, "area");
    const json_t *crowd = json_object_get(o, "iscrowd");
    if (!json_is_number(id) || !json_is_number(area) || !crowd)
        return gm_fail(e, "%s: wanted an id and an area, both numbers, and iscrowd", what);
    *t = (gm_true_mask){ .area = json_number_value(area),
                         .crowd = json_is_true(crowd) || json_integer_value(crowd) != 0,
                         .id_is_0 = json_number_value(id) == 0 };
    gm_error why = { "" };
    const json_t *s = json_object_get(o, "segmentation");
    if (!m || gm_segmentation_read(&t->mask, s, m->height, m->width, &why) == 0) return 0;
    return gm_fail(e, "%s: %s", what, why.text);
}

static int add_mask(reading *r, const json_t *o, gm_json_place place, const char *what, gm_error *e)
{
    gm_gcg *g = r->g;
    const json_t *category = json_object_get(o, "category_id");
    gm_true_mask t;
    int64_t i = owner(r, o, what, e);
    if (i < 0) return -1;
    if (json_is_integer(category) && json_integer_value(category) != 1) return 0;
    if (true_mask(&t, o, NULL, what, e) != 0) return -1;
    if (g->nmasks == g->mask_room) {
        g->mask_room = g->mask_room ? 2 * g->mask_room : 256;
        gm_gcg_mask *more = realloc(g->mask, (size_t)g->mask_room * sizeof *more);
        if (!more) return out_of_memory(e);
        g->mask = more;
    }
    g->mask[g->nmasks++] = (gm_gcg_mask){ i, place };
    return 0;
}

static int by_image(const void *a, const void *b)
{
    const gm_gcg_mask *x = a, *y = b;
    if (x->image != y->image) return x->image < y->image ? -1 : 1;
    return x->place.offset < y->place.offset ? -1 : x->place.offset > y->place.offset;
}

static void sort_masks(gm_gcg *g)
{
    if (g->nmasks) qsort(g->mask, (size_t)g->nmasks, sizeof *g->mask, by_image);
    for (int64_t k = 0; k < g->nmasks; k++) {
        gm_gcg_image *m = &g->image[g->mask[k].image];
        if (!m->nmasks++) m->first = k;
    }
}

/* ---- the truth files ---- */

/* Elements of one file, in a first pass its images, in a second its annotations: they may stand in
 * either order. */
static int go_through(reading *r, bool images, gm_error *e)
{
    gm_json_stream *s = gm_json_stream_open(r->path, GM_JSON_WHOLE, e);
    const char *key, *wanted = images ? "images" : "annotations";
    int64_t i = 0;
    int bad = s ? 0 : -1, more = 0;
    json_t *o;
    while (!bad && (more = gm_json_next(s, &key, &o, e)) == 1) {
        char what[NAME];
        if (strcmp(key, wanted) == 0) {
            snprintf(what, sizeof what, "%s: annotation %lld", r->path, (long long)i);
            bad = images ? add_image(r, o, i, e) : r->captions ? add_caption(r, o, what, e)
                : add_mask(r, o, gm_json_here(s), what, e);
            i++;
        }
        json_decref(o);
    }
    if (!bad && more == 0 && !gm_json_had_list(s, wanted))
        bad = gm_fail(e, "%s: wanted an object with a list called %s", r->path, wanted);
    gm_json_stream_free(s);
    return bad || more < 0 ? -1 : 0;
}

static int read_truth(gm_gcg *g, const char *path, bool captions, gm_error *e)
{
    reading r = { .g = g, .path = path, .captions = captions, .room = g->n };
    int bad = captions ? 0 : index_images(&r.known, g, path, e);
    if (!bad) bad = go_through(&r, true, e);
    if (captions) g->captioned = g->n;
    if (!bad) bad = index_images(&r.known, g, path, e);
    if (!bad) bad = go_through(&r, false, e);
    free(r.known.id);
    for (int64_t k = 0; !bad && captions && k < g->n; k++)
        if (g->image[k].captions.n == 0)
            bad = gm_fail(e, "%s: image %s has no caption", path, g->image[k].id);
    return bad ? -1 : 0;
}

/* Paths of both truth files. */
static int find_files(gm_gcg *g, const char *truth, const char *split, gm_error *e)
{
    char name[NAME];
    if (gm_is_dir(truth)) {
        snprintf(name, sizeof name, "%s_gcg_coco_caption_gt.json", split);
        g->captions_path = gm_path_join(truth, name);
        snprintf(name, sizeof name, "%s_gcg_coco_mask_gt.json", split);
        g->masks_path = gm_path_join(truth, name);
        return g->captions_path && g->masks_path ? 0 : out_of_memory(e);
    }
    if (!gm_is_file(truth)) return gm_fail(e, "%s: wanted a folder or a file, found none", truth);
    const char *slash = strrchr(truth, '/'), *base = slash ? slash + 1 : truth;
    const char *word = strstr(base, "caption");
    if (!word)
        return gm_fail(e, "%s: wanted a folder, or a file with \"caption\" in its name beside "
                       "which the mask file lies", truth);
    size_t before = (size_t)(word - truth), n = strlen(truth);
    g->captions_path = gm_copy_text(truth);
    if ((g->masks_path = malloc(n)))
        snprintf(g->masks_path, n, "%.*smask%s", (int)before, truth, word + strlen("caption"));
    return g->captions_path && g->masks_path ? 0 : out_of_memory(e);
}

int gm_gcg_read(gm_gcg *g, const char *truth, const char *split, gm_error *e)
{
    *g = (gm_gcg){ 0 };
    if (find_files(g, truth, split, e) != 0) return -1;
    if (read_truth(g, g->captions_path, true, e) != 0) return -1;
    if (read_truth(g, g->masks_path, false, e) != 0) return -1;
    if (g->captioned == 0) return gm_fail(e, "%s: no image in it", g->captions_path);
    sort_masks(g);
    return sort_images(g, e);
}

void gm_gcg_free(gm_gcg *g)
{
    for (int64_t i = 0; i < g->n; i++) {
        gm_gcg_image *m = &g->image[i];
        gm_texts_free(&m->captions);
        gm_texts_free(&m->labels);
        gm_texts_free(&m->also);
        gm_texts_free(&m->phrases);
        free(m->id);
        free(m->file);
        free(m->prompt);
        free(m->caption);
        free(m->iou);
        free(m->match);
        free(m->problem);
    }
    free(g->image);
    free(g->order);
    free(g->mask);
    free(g->captions_path);
    free(g->masks_path);
    gm_texts_free(&g->problems);
    *g = (gm_gcg){ 0 };
}

/* ---- masks and predictions of one image ---- */

int gm_gcg_true_masks(gm_gcg_masks *m, const gm_gcg *g, int64_t i, gm_error *e)
{
    const gm_gcg_image *image = &g->image[i];
    *m = (gm_gcg_masks){ .truth = calloc((size_t)image->nmasks + 1, sizeof *m->truth) };
    if (!m->truth) return out_of_memory(e);
    for (int64_t k = 0; k < image->nmasks; k++) {
        gm_json_place place = g->mask[image->first + k].place;
        char what[NAME];
        snprintf(what, sizeof what, "%s: the annotation at byte %llu", g->masks_path,
                 (unsigned long long)place.offset);
        json_t *o = gm_json_read_at(g->masks_path, place, e);
        int bad = o ? true_mask(&m->truth[k], o, image, what, e) : -1;
        json_decref(o);
        if (bad) return -1;
        m->ntruth++;
    }
    return 0;
}

void gm_gcg_masks_free(gm_gcg_masks *m)
{
    for (int64_t k = 0; k < m->ntruth; k++) gm_rle_free(&m->truth[k].mask);
    for (int64_t k = 0; k < m->nfound; k++) gm_rle_free(&m->found[k]);
    free(m->truth);
    free(m->found);
    *m = (gm_gcg_masks){ 0 };
}

static bool complete(const json_t *o)
{
    return json_object_get(o, "caption") && json_object_get(o, "phrases");
}

/* Phrases as texts, or as `glamm run` writes them: objects with a text. */
static int read_phrases(gm_texts *t, const json_t *list, const char *what, gm_error *e)
{
    size_t i;
    json_t *one;
    if (!json_is_object(json_array_get(list, 0))) return gm_texts_read(t, list, what, e);
    json_array_foreach(list, i, one) {
        const char *text = gm_json_text(one, "text");
        if (!text) return gm_fail(e, "%s: wanted a text in phrase %zu", what, i);
        if (gm_texts_add(t, text, e) != 0) return -1;
    }
    return 0;
}

static int read_found(gm_gcg_masks *m, const json_t *o, const char *what, gm_error *e)
{
    json_t *list = json_object_get(o, "pred_masks"), *own = json_object_get(o, "masks"), *one;
    size_t i;
    if (!list) list = own;
    if (!json_is_array(list))
        return gm_fail(e, "%s: wanted caption, phrases and pred_masks", what);
    m->found = calloc(json_array_size(list) + 1, sizeof *m->found);
    if (!m->found) return out_of_memory(e);
    json_array_foreach(list, i, one) {
        json_t *mask = list == own ? json_object_get(one, "segmentation") : one;
        gm_error why = { "" };
        if (gm_segmentation_part(&m->found[i], mask, 0, 0, &why) != 0)
            return gm_fail(e, "%s: %s", what, why.text);
        m->nfound++;
    }
    return 0;
}

int gm_gcg_prediction(gm_gcg_masks *m, char **caption, gm_texts *phrases, const json_t *o,
                      const char *what, gm_error *e)
{
    const json_t *first = json_object_iter_value(json_object_iter((json_t *)o));
    if (complete(first)) o = first;
    const char *text = gm_json_text(o, "caption");
    *caption = NULL;
    *phrases = (gm_texts){ 0 };
    int bad = text ? 0 : gm_fail(e, "%s: wanted caption, phrases and pred_masks", what);
    if (!bad) bad = read_phrases(phrases, json_object_get(o, "phrases"), what, e);
    if (!bad) bad = read_found(m, o, what, e);
    if (!bad && !(*caption = gm_copy_text(text))) bad = out_of_memory(e);
    if (!bad) return 0;
    for (int64_t k = 0; k < m->nfound; k++) gm_rle_free(&m->found[k]);
    m->nfound = 0;
    gm_texts_free(phrases);
    return -1;
}
