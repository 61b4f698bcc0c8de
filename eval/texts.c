/* See texts.h. */
#include "texts.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include "../io/json.h"
#include "../io/os.h"

static int out_of_memory(gm_error *e)
{
    return gm_fail(e, "out of memory for the evaluation");
}

int gm_texts_add(gm_texts *t, const char *s, gm_error *e)
{
    bool full = (t->n & (t->n - 1)) == 0;           /* room for the next power of two */
    char **more = full ? realloc(t->text, (size_t)(t->n ? 2 * t->n : 1) * sizeof *more) : t->text;
    if (!more) return out_of_memory(e);
    t->text = more;
    if (!(t->text[t->n] = gm_copy_text(s))) return out_of_memory(e);
    t->n++;
    return 0;
}

int gm_texts_note(gm_texts *t, gm_error *e, const char *format, ...)
{
    char line[2000];
    va_list args;
    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    return gm_texts_add(t, line, e);
}

int gm_texts_read(gm_texts *t, const json_t *list, const char *what, gm_error *e)
{
    size_t i;
    json_t *one;
    if (!json_is_array(list)) return gm_fail(e, "%s: wanted a list of texts", what);
    json_array_foreach(list, i, one) {
        if (!json_is_string(one)) return gm_fail(e, "%s: wanted a text at place %zu", what, i);
        if (gm_texts_add(t, json_string_value(one), e) != 0) return -1;
    }
    return 0;
}

void gm_texts_free(gm_texts *t)
{
    for (int64_t i = 0; i < t->n; i++) free(t->text[i]);
    free(t->text);
    *t = (gm_texts){ 0 };
}

const char *gm_id_text(const json_t *id, char number[32])
{
    if (json_is_string(id)) return json_string_value(id);
    if (!json_is_integer(id)) return NULL;
    snprintf(number, 32, "%" PRId64, (int64_t)json_integer_value(id));
    return number;
}

/* Runs as numbers, which must add up to height x width (pycocotools' uncompressed form). */
static int runs_read(gm_rle *r, const json_t *list, int64_t height, int64_t width, gm_error *e)
{
    size_t n = json_array_size(list), i;
    int64_t left = height * width;
    json_t *one;
    uint32_t *count = malloc((n + 1) * sizeof *count);
    if (!count) return out_of_memory(e);
    json_array_foreach(list, i, one) {
        int64_t v = json_integer_value(one);
        if (!json_is_integer(one) || v < 0 || v > left) break;
        count[i] = (uint32_t)v;
        left -= v;
    }
    if (i < n || left || n == 0) {
        free(count);
        return gm_fail(e, "wanted runs that add up to %lld x %lld pixels", (long long)width,
                       (long long)height);
    }
    *r = (gm_rle){ height, width, (int64_t)n, count };
    return 0;
}

int gm_mask_read(gm_rle *r, const json_t *o, const char *what, gm_error *e)
{
    json_t *size = json_object_get(o, "size"), *list = json_object_get(o, "counts");
    const char *counts = gm_json_text(o, "counts");
    json_t *h = json_array_get(size, 0), *w = json_array_get(size, 1);
    gm_error why = { "" };
    int64_t height = json_integer_value(h), width = json_integer_value(w);
    bool sized = json_array_size(size) == 2 && json_is_integer(h) && json_is_integer(w);
    *r = (gm_rle){ 0 };
    if (!sized || (!counts && !json_is_array(list)))
        return gm_fail(e, "%s: wanted a mask: size [height, width], counts as compressed text or "
                       "runs", what);
    if (height < 1 || width < 1 || height > UINT32_MAX / width)
        return gm_fail(e, "%s: wanted 1 to 2^32 - 1 pixels, found %lld x %lld", what,
                       (long long)width, (long long)height);
    int bad = counts ? gm_rle_parse(r, counts, height, width, &why)
                     : runs_read(r, list, height, width, &why);
    return bad ? gm_fail(e, "%s: %s", what, why.text) : 0;
}

static int by_id(const void *a, const void *b)
{
    const gm_id *x = a, *y = b;
    int order = strcmp(x->id, y->id);
    return order ? order : (x->place > y->place) - (x->place < y->place);
}

void gm_ids_sort(gm_ids *s, const char **twice)
{
    if (s->n) qsort(s->id, (size_t)s->n, sizeof *s->id, by_id);
    *twice = NULL;
    for (int64_t i = 1; i < s->n && !*twice; i++)
        if (strcmp(s->id[i - 1].id, s->id[i].id) == 0) *twice = s->id[i].id;
}

int64_t gm_ids_find(const gm_ids *s, const char *id)
{
    int64_t low = 0, high = s->n;
    while (low < high) {
        int64_t middle = (low + high) / 2;
        if (strcmp(s->id[middle].id, id) < 0) low = middle + 1;
        else high = middle;
    }
    return low < s->n && strcmp(s->id[low].id, id) == 0 ? s->id[low].place : -1;
}
