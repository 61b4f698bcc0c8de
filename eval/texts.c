/* See texts.h. */
#include "texts.h"

#include <ctype.h>
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

/* The next character as gm_texts_same sees it: one space for white space, none at either end or
 * beside a dot or a comma; 0 at the end. */
static int next_plain(const char **s, int before)
{
    const char *from = *s;
    while (isspace((unsigned char)**s)) (*s)++;
    bool apart = *s > from && before && !strchr(".,", before) && !strchr(".,", **s);
    if (apart) return ' ';                  /* not at the end: strchr finds the 0 as well */
    return **s ? tolower((unsigned char)*(*s)++) : 0;
}

bool gm_texts_same(const char *a, const char *b)
{
    for (int c = 0;;) {
        int x = next_plain(&a, c), y = next_plain(&b, c);
        if (x != y) return false;
        if (!x) return true;
        c = x;
    }
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
