#include "golden_case.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "../io/os.h"

static void *zeroed(int64_t n, size_t size)
{
    return calloc(n > 0 ? (size_t)n : 1, size);
}

static char *text_of(const char *format, const char *a, const char *b)
{
    size_t n = strlen(a) + strlen(b) + strlen(format) + 1;
    char *s = malloc(n);
    if (s) snprintf(s, n, format, a, b);
    return s;
}

static int read_talk(golden_talk *t, const json_t *turns, const char *name, gm_error *e)
{
    size_t n = json_array_size(turns);
    if (n == 0) return gm_fail(e, "case %s: a conversation has no turns", name);
    t->turn = zeroed(2 * (int64_t)n, sizeof *t->turn);
    if (!t->turn) return gm_fail(e, "case %s: out of memory", name);
    t->turns = 2 * (int64_t)n;
    for (size_t i = 0; i < n; i++) {
        const json_t *turn = json_array_get(turns, i);
        t->turn[2 * i] = json_string_value(json_object_get(turn, "user"));
        t->turn[2 * i + 1] = json_string_value(json_object_get(turn, "assistant"));
        if (!t->turn[2 * i] || !t->turn[2 * i + 1])
            return gm_fail(e, "case %s: turn %zu has no user or assistant text", name, i);
    }
    return 0;
}

static int read_boxes(golden_image *m, const json_t *boxes, const char *name, gm_error *e)
{
    m->boxes = (int64_t)json_array_size(boxes);
    m->box = zeroed(m->boxes, sizeof *m->box);
    if (!m->box) return gm_fail(e, "case %s: out of memory", name);
    for (int64_t i = 0; i < m->boxes; i++) {
        const json_t *b = json_array_get(boxes, (size_t)i);
        if (json_array_size(b) != 4)
            return gm_fail(e, "case %s: box %lld has not 4 numbers", name, (long long)i);
        for (size_t k = 0; k < 4; k++) m->box[i][k] = json_number_value(json_array_get(b, k));
    }
    return 0;
}

static int read_image(golden_image *m, const json_t *j, const char *folder, const char *name,
                      gm_error *e)
{
    const char *file = json_string_value(json_object_get(j, "image"));
    const json_t *size = json_object_get(j, "size_wh"),
                 *more = json_object_get(j, "further_conversations");
    if (!file || json_array_size(size) != 2)
        return gm_fail(e, "case %s: an image without name or size_wh", name);
    m->path = gm_path_join(folder, file);
    m->width = json_integer_value(json_array_get(size, 0));
    m->height = json_integer_value(json_array_get(size, 1));
    m->masks = json_integer_value(json_object_get(j, "masks"));
    m->talks = 1 + (int64_t)json_array_size(more);
    m->talk = zeroed(m->talks, sizeof *m->talk);
    if (!m->path || !m->talk) return gm_fail(e, "case %s: out of memory", name);
    if (read_boxes(m, json_object_get(j, "boxes"), name, e)) return -1;
    if (read_talk(&m->talk[0], json_object_get(j, "turns"), name, e)) return -1;
    for (int64_t i = 1; i < m->talks; i++)
        if (read_talk(&m->talk[i], json_array_get(more, (size_t)i - 1), name, e)) return -1;
    return 0;
}

/* The conversations of image i are offset[i] .. offset[i + 1]; the JSON must agree with itself. */
static int read_images(golden_case *g, const json_t *root, const char *folder, gm_error *e)
{
    const json_t *list = json_object_get(root, "conversations"),
                 *offset = json_object_get(root, "offset");
    g->images = (int64_t)json_array_size(list);
    if (g->images == 0) return gm_fail(e, "case %s: no conversations", g->name);
    g->image = zeroed(g->images, sizeof *g->image);
    g->offset = zeroed(g->images + 1, sizeof *g->offset);
    if (!g->image || !g->offset) return gm_fail(e, "case %s: out of memory", g->name);
    for (int64_t i = 0; i < g->images; i++) {
        if (read_image(&g->image[i], json_array_get(list, (size_t)i), folder, g->name, e))
            return -1;
        g->offset[i + 1] = g->offset[i] + g->image[i].talks;
    }
    if (offset && (int64_t)json_array_size(offset) != g->images + 1)
        return gm_fail(e, "case %s: %zu offsets for %lld images", g->name, json_array_size(offset),
                       (long long)g->images);
    for (int64_t i = 0; offset && i <= g->images; i++)
        if (json_integer_value(json_array_get(offset, (size_t)i)) != g->offset[i])
            return gm_fail(e, "case %s: offset %lld does not fit its conversations", g->name,
                           (long long)i);
    return 0;
}

static int32_t *read_ids(const json_t *list, int64_t *n)
{
    *n = (int64_t)json_array_size(list);
    int32_t *ids = zeroed(*n, sizeof *ids);
    for (int64_t i = 0; ids && i < *n; i++)
        ids[i] = (int32_t)json_integer_value(json_array_get(list, (size_t)i));
    return ids;
}

static int read_generate(golden_case *g, const json_t *j, gm_error *e)
{
    if (!j) return 0;
    g->prompt_ids = read_ids(json_object_get(j, "prompt_ids"), &g->prompt_length);
    g->sequence = read_ids(json_object_get(j, "sequence"), &g->sequence_length);
    g->max_new_tokens = json_integer_value(json_object_get(j, "max_new_tokens"));
    g->answer = json_string_value(json_object_get(j, "answer"));
    if (!g->prompt_ids || !g->sequence) return gm_fail(e, "case %s: out of memory", g->name);
    if (g->prompt_length < 1 || g->sequence_length <= g->prompt_length || g->max_new_tokens < 1)
        return gm_fail(e, "case %s: generate has no prompt_ids, sequence or max_new_tokens",
                       g->name);
    return 0;
}

static double number_or_nan(const json_t *j)
{
    return json_is_number(j) ? json_number_value(j) : NAN;
}

static int read_tensor(golden_case *g, golden_tensor *t, const char *name, const json_t *j,
                       gm_error *e)
{
    const json_t *shape = json_object_get(j, "shape");
    char key[512];
    t->name = name;
    t->nd = (int)json_array_size(shape);
    t->stride = json_integer_value(json_object_get(j, "stride"));
    if (!json_is_array(shape) || t->nd > 8 || t->stride < 1 || strlen(name) >= sizeof key)
        return gm_fail(e, "case %s: %s has no usable shape or stride", g->name, name);
    t->numel = 1;
    for (int d = 0; d < t->nd; d++) {
        t->dim[d] = json_integer_value(json_array_get(shape, (size_t)d));
        t->numel *= t->dim[d];
    }
    t->absmax = number_or_nan(json_object_get(j, "absmax"));
    t->norm = number_or_nan(json_object_get(j, "norm"));
    t->f64_gap = number_or_nan(json_object_get(j, "f64_gap"));
    for (size_t i = 0; i <= strlen(name); i++) key[i] = name[i] == '/' ? '_' : name[i];
    t->stored = gm_file_find(g->file, key);
    int64_t n = (t->numel + t->stride - 1) / t->stride;
    if (n > 0 && !t->stored.data)
        return gm_fail(e, "case %s: %s is not in the .safetensors", g->name, key);
    if (n > 0 && gm_numel(t->stored) != n)
        return gm_fail(e, "case %s: %s: wanted %lld stored values, found %lld", g->name, name,
                       (long long)n, (long long)gm_numel(t->stored));
    return 0;
}

static int read_tensors(golden_case *g, json_t *list, const char *path, gm_error *e)
{
    const char *name;
    json_t *j;
    g->tensors = (int64_t)json_object_size(list);
    if (g->tensors == 0) return gm_fail(e, "%s: no tensors", path);
    g->tensor = zeroed(g->tensors, sizeof *g->tensor);
    if (!g->tensor) return gm_fail(e, "%s: out of memory", path);
    golden_tensor *t = g->tensor;
    json_object_foreach(list, name, j)
        if (read_tensor(g, t++, name, j, e)) return -1;
    return 0;
}

static int open_case(golden_case *g, const char *folder, const char *name, bool images, gm_error *e)
{
    json_error_t why;
    *g = (golden_case){ .name = gm_copy_text(name) };
    char *stem = gm_path_join(folder, name);
    char *json = stem ? text_of("%s%s", stem, ".json") : NULL;
    char *data = stem ? text_of("%s%s", stem, ".safetensors") : NULL;
    int bad = !g->name || !json || !data ? gm_fail(e, "%s: out of memory", name) : 0;
    if (!bad) {
        json_t *root = json_load_file(json, JSON_REJECT_DUPLICATES, &why);
        g->json = root;
        if (!root) bad = gm_fail(e, "%s: line %d: %s", json, why.line, why.text);
        else if (!(g->file = gm_file_open(data, e))) bad = -1;
        else
            bad = (images && read_images(g, root, folder, e)) ||
                  read_generate(g, json_object_get(root, "generate"), e) ||
                  read_tensors(g, json_object_get(root, "tensors"), json, e);
        g->losses = root && json_object_get(root, "losses");
    }
    free(stem);
    free(json);
    free(data);
    if (bad) golden_case_close(g);
    return bad ? -1 : 0;
}

int golden_case_open(golden_case *g, const char *folder, const char *name, gm_error *e)
{
    return open_case(g, folder, name, true, e);
}

int golden_values_open(golden_case *g, const char *folder, const char *name, gm_error *e)
{
    return open_case(g, folder, name, false, e);
}

void golden_case_close(golden_case *g)
{
    for (int64_t i = 0; g->image && i < g->images; i++) {
        for (int64_t k = 0; g->image[i].talk && k < g->image[i].talks; k++)
            free(g->image[i].talk[k].turn);
        free(g->image[i].talk);
        free(g->image[i].box);
        free(g->image[i].path);
    }
    free(g->image);
    free(g->offset);
    free(g->tensor);
    free(g->prompt_ids);
    free(g->sequence);
    free(g->name);
    gm_file_close(g->file);
    json_decref(g->json);
    *g = (golden_case){ 0 };
}

golden_tensor *golden_find(golden_case *g, const char *name)
{
    for (int64_t i = 0; i < g->tensors; i++)
        if (strcmp(g->tensor[i].name, name) == 0) return &g->tensor[i];
    return NULL;
}
