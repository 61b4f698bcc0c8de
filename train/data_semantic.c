/* ADE20K and COCO-Stuff: a folder of label pictures, PNG of 8-bit grey, whose values are classes.
 * Source: groundingLMM dataset/segm_datasets/Semantic_Segm_ds.py. */
#include <stdlib.h>
#include <string.h>
#include "../io/json.h"
#include "../io/os.h"
#include "set.h"

/* models/semantic-classes.json, made an object file by the linker. */
extern const char _binary_models_semantic_classes_json_start[];
extern const char _binary_models_semantic_classes_json_end[];

enum { VALUES = 256, IGNORED = 255 };

typedef struct {
    char **name;                        /* of the label pictures */
    int64_t n;
    json_t *all, *classes;              /* the file; this set's list in it */
} labels;

static int open_set(gm_set *s, gm_error *e)
{
    const char *text = _binary_models_semantic_classes_json_start;
    size_t size = (size_t)(_binary_models_semantic_classes_json_end - text);
    labels *l = s->own = calloc(1, sizeof *l);
    if (!l) return gm_fail(e, "%s: out of memory", s->path);
    l->all = gm_json_object(text, size, "the semantic classes", e);
    l->classes = json_object_get(l->all, s->format->name);
    if (!l->all || gm_list_dir(s->path, &l->name, &l->n, e) != 0) return -1;
    for (int64_t i = 0; i < l->n; i++) {
        const char *end = strrchr(l->name[i], '.');
        if (end && !strcmp(end, ".png")) {
            char *name = l->name[i];    /* the others go behind, to be freed with the list */
            l->name[i] = l->name[s->n];
            l->name[s->n++] = name;
        }
    }
    return 0;
}

static void close_set(gm_set *s)
{
    labels *l = s->own;
    gm_free_list(l->name, l->n);
    json_decref(l->all);
    free(l);
}

/* The picture's values, in the first third of im->rgb. */
static gm_problem read_values(gm_image *im, const char *path, gm_error *e)
{
    enum { DEPTH = 24, COLOUR = 25, HEAD = 33 };        /* of a PNG's first chunk */
    size_t n;
    const uint8_t *bytes = gm_map(path, &n, e);
    gm_problem p = bytes ? GM_PROBLEM_NONE : GM_PROBLEM_MASK;
    if (bytes && (n < HEAD || memcmp(bytes, "\x89PNG\r\n\x1a\n", 8) != 0 || bytes[DEPTH] != 8 ||
                  bytes[COLOUR] != 0))
        p = gm_problem_say(e, GM_PROBLEM_MASK, "%s: wanted a PNG of 8-bit grey", path);
    if (!p && gm_image_decode(im, bytes, n, path, e) != 0) p = GM_PROBLEM_MASK;
    gm_unmap(bytes, n);
    for (int64_t i = 0; !p && i < im->width * im->height; i++) im->rgb[i] = im->rgb[3 * i];
    return p;
}

/* The class of a value, NULL when it is to be ignored (ADE20K counts from 1, COCO-Stuff leaves out
 * what has a - in its name), "" when there is none. */
static const char *class_of(const gm_set *s, int value)
{
    const labels *l = s->own;
    bool ade = s->format == &gm_ade20k;
    if (value == IGNORED || (ade && value == 0)) return NULL;
    const char *name = json_string_value(json_array_get(l->classes, (size_t)(value - ade)));
    if (!name) return "";
    return ade || !strchr(name, '-') ? name : NULL;
}

static gm_problem add_masks(gm_set *s, gm_draw *d, const gm_image *values, gm_sample *out,
                            gm_error *e)
{
    int64_t n = values->width * values->height, m = 0, order[VALUES];
    bool there[VALUES] = { false };
    int found[VALUES];
    const char *name[VALUES];
    for (int64_t i = 0; i < n; i++) there[values->rgb[i]] = true;
    for (int v = 0; v < VALUES; v++) {
        const char *class = there[v] ? class_of(s, v) : NULL;
        if (class && !*class)
            return gm_problem_say(e, GM_PROBLEM_MASK, "the label picture's value %d is no class of "
                                  "%s", v, s->format->name);
        if (class) found[m++] = v;
    }
    if (m == 0) return gm_problem_say(e, GM_PROBLEM_EMPTY, "no class that is used");
    int64_t k = m < s->most ? m : s->most;
    gm_draw_some(d, order, m, m >= s->most ? k : 0);
    uint8_t *mask = malloc((size_t)n);
    gm_problem p = mask ? GM_PROBLEM_NONE : GM_PROBLEM_MEMORY;
    for (int64_t i = 0; !p && i < k; i++) {
        gm_rle r;
        name[i] = class_of(s, found[order[i]]);
        for (int64_t j = 0; j < n; j++) mask[j] = values->rgb[j] == found[order[i]];
        p = gm_rle_encode(&r, mask, values->height, values->width, e) ? GM_PROBLEM_MASK
                                                                     : gm_sample_mask(out, &r, e);
    }
    free(mask);
    return p ? p : gm_talk_refer(s, d, name, k, out, e);
}

/* NAME.jpg, or NAME.png when there is no such file, in the folder of images. */
static gm_problem read_image(const gm_set *s, const char *label, gm_sample *out, gm_error *e)
{
    size_t stem = strlen(label) - strlen(".png");
    gm_text name = { 0 };
    gm_text_add(&name, label, stem);
    gm_text_adds(&name, ".jpg");
    char *path = name.failed ? NULL : gm_path_join(s->images, name.s);
    bool jpeg = path && gm_is_file(path);
    gm_problem p = path ? gm_set_image(s, jpeg ? name.s : label, out, e) : GM_PROBLEM_MEMORY;
    gm_text_drop(&name);
    free(path);
    return p;
}

static gm_problem sample(gm_set *s, int64_t i, gm_draw *d, gm_sample *out, gm_error *e)
{
    const labels *l = s->own;
    gm_image values = { 0 };
    char *path = gm_path_join(s->path, l->name[i]);
    gm_problem p = path ? read_values(&values, path, e) : GM_PROBLEM_MEMORY;
    if (!p) p = read_image(s, l->name[i], out, e);
    if (!p) p = add_masks(s, d, &values, out, e);
    gm_image_free(&values);
    free(path);
    return p;
}

const gm_format gm_ade20k = {
    .name = "ade20k", .kind = GM_SET_SEGM, .most = 3, .open = open_set, .sample = sample,
    .close = close_set, .folder = true,
};
const gm_format gm_cocostuff = {
    .name = "cocostuff", .kind = GM_SET_SEGM, .most = 3, .open = open_set, .sample = sample,
    .close = close_set, .folder = true,
};
