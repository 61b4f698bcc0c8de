/* See records.h. */
#include "records.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "os.h"

enum { LISTS = 4 };

typedef struct { const char *s; size_t n; } extent;
typedef struct { extent *item; int64_t n, room; } extents;

struct gm_records {
    char *name;
    const char *text;
    size_t size;
    bool mapped;
    extents list[LISTS];
};

/* ---- walking over text that is not parsed ---- */

static const char *skip_space(const char *s, const char *end)
{
    while (s < end && (*s == ' ' || *s == '\n' || *s == '\t' || *s == '\r')) s++;
    return s;
}

/* Past the text that starts at s (a "), or NULL when it does not close. */
static const char *skip_text(const char *s, const char *end)
{
    for (s++; s < end && *s != '"'; s++)
        if (*s == '\\') s++;
    return s < end ? s + 1 : NULL;
}

/* Ends a number or a word: white space, or what JSON is built of. */
static bool ends_scalar(char c)
{
    switch (c) {
        case ' ': case '\n': case '\t': case '\r': case '"': case '{': case '}': case '[': case ']':
        case ',': case ':': return true;
        default: return false;
    }
}

/* Past the value that starts at s, or NULL when it does not close. */
static const char *skip_value(const char *s, const char *end)
{
    int64_t depth = 0;
    do {
        s = skip_space(s, end);
        if (s == end) return NULL;
        if (*s == '"') {
            if (!(s = skip_text(s, end))) return NULL;
        } else if (*s == '{' || *s == '[') {
            depth++;
            s++;
        } else if (*s == '}' || *s == ']') {
            if (--depth < 0) return NULL;
            s++;
        } else if (*s == ',' || *s == ':') {
            if (depth == 0) return NULL;
            s++;
        } else {
            while (s < end && !ends_scalar(*s)) s++;
        }
    } while (depth > 0);
    return s;
}

/* One member of an object, *s standing where its key should be: the key without its quotes and the
 * value; *s moves past a comma, or to NULL after the last.  False when it is no member. */
static bool take_member(const char **s, const char *end, extent *key, extent *value)
{
    const char *k = skip_space(*s, end), *after = k < end && *k == '"' ? skip_text(k, end) : NULL;
    if (!after) return false;
    *key = (extent){ k + 1, (size_t)(after - k) - 2 };
    const char *v = skip_space(after, end);
    if (v == end || *v != ':') return false;
    v = skip_space(v + 1, end);
    if (!(after = skip_value(v, end))) return false;
    *value = (extent){ v, (size_t)(after - v) };
    after = skip_space(after, end);
    if (after == end || (*after != ',' && *after != '}')) return false;
    *s = *after == ',' ? after + 1 : NULL;
    return true;
}

static bool is_key(const extent *k, const char *name)
{
    return k->n == strlen(name) && memcmp(k->s, name, k->n) == 0;
}

/* ---- opening ---- */

static int add_extent(extents *l, extent x)
{
    if (l->n == l->room) {
        int64_t room = l->room ? 2 * l->room : 64;
        extent *more = realloc(l->item, (size_t)room * sizeof *more);
        if (!more) return -1;
        l->item = more;
        l->room = room;
    }
    l->item[l->n++] = x;
    return 0;
}

static int damaged(const gm_records *r, const char *at, gm_error *e)
{
    return gm_fail(e, "%s: not valid JSON near byte %lld: a bracket, a text or a comma is missing",
                   r->name, (long long)(at - r->text));
}

/* The elements of the list at s (a [) that ends before end. */
static int find_elements(gm_records *r, extents *l, const char *s, const char *end, gm_error *e)
{
    s = skip_space(s + 1, end);
    if (s < end && *s == ']') return 0;
    for (;;) {
        const char *start = skip_space(s, end), *after = skip_value(start, end);
        if (!after) return damaged(r, start, e);
        if (add_extent(l, (extent){ start, (size_t)(after - start) }) != 0)
            return gm_fail(e, "%s: out of memory for %lld records", r->name, (long long)l->n);
        s = skip_space(after, end);
        if (s < end && *s == ']') return 0;
        if (s == end || *s != ',') return damaged(r, s, e);
        s++;
    }
}

/* The lists under the keys of the object at s (a {). */
static int find_lists(gm_records *r, const char *s, const char *end, const char *const *key,
                      int keys, gm_error *e)
{
    extent k, v;
    bool found[LISTS] = { false };
    s = skip_space(s + 1, end);
    if (s < end && *s == '}') s = NULL;
    while (s) {
        const char *at = s;
        if (!take_member(&s, end, &k, &v)) return damaged(r, at, e);
        for (int i = 0; i < keys; i++) {
            if (!is_key(&k, key[i])) continue;
            if (*v.s != '[') return gm_fail(e, "%s: \"%s\": wanted a list", r->name, key[i]);
            if (found[i]) return gm_fail(e, "%s: \"%s\" is there twice", r->name, key[i]);
            found[i] = true;
            if (find_elements(r, &r->list[i], v.s, v.s + v.n, e) != 0) return -1;
        }
    }
    for (int i = 0; i < keys; i++)
        if (!found[i]) return gm_fail(e, "%s: wanted a list called \"%s\"", r->name, key[i]);
    return 0;
}

static int find_all(gm_records *r, const char *const *key, int keys, gm_error *e)
{
    const char *end = r->text + r->size, *s = skip_space(r->text, end);
    char wanted = keys ? '{' : '[';
    if (s == end || *s != wanted)
        return gm_fail(e, "%s: wanted a JSON %s", r->name, keys ? "object" : "list of records");
    const char *after = skip_value(s, end);
    if (!after || skip_space(after, end) != end) return damaged(r, after ? after : end, e);
    return keys ? find_lists(r, s, end, key, keys, e) : find_elements(r, &r->list[0], s, end, e);
}

gm_records *gm_records_parse(const uint8_t *bytes, size_t n, const char *name,
                             const char *const *key, int keys, gm_error *e)
{
    gm_records *r = calloc(1, sizeof *r);
    if (r) r->name = gm_copy_text(name);
    if (!r || !r->name) {
        gm_fail(e, "%s: out of memory", name);
    } else {
        r->text = (const char *)bytes;
        r->size = n;
        if (find_all(r, key, keys, e) == 0) return r;
    }
    gm_records_close(r);
    return NULL;
}

gm_records *gm_records_open(const char *path, const char *const *key, int keys, gm_error *e)
{
    size_t n;
    const uint8_t *bytes = gm_map(path, &n, e);
    if (!bytes) return NULL;
    gm_records *r = gm_records_parse(bytes, n, path, key, keys, e);
    if (r) r->mapped = true;
    else gm_unmap(bytes, n);
    return r;
}

void gm_records_close(gm_records *r)
{
    if (!r) return;
    if (r->mapped) gm_unmap((const uint8_t *)r->text, r->size);
    for (int i = 0; i < LISTS; i++) free(r->list[i].item);
    free(r->name);
    free(r);
}

/* ---- elements ---- */

int64_t gm_records_count(const gm_records *r, int list)
{
    return r->list[list].n;
}

json_t *gm_records_get(const gm_records *r, int list, int64_t i, gm_error *e)
{
    const extent *x = &r->list[list].item[i];
    return gm_json_object(x->s, x->n, "the record", e);
}

bool gm_records_int(const gm_records *r, int list, int64_t i, const char *key, int64_t *v)
{
    const extent *x = &r->list[list].item[i];
    const char *end = x->s + x->n, *s = x->n && *x->s == '{' ? skip_space(x->s + 1, end) : NULL;
    extent k, value;
    while (s && take_member(&s, end, &k, &value)) {
        if (!is_key(&k, key)) continue;
        char digits[24], *last;
        if (value.n >= sizeof digits) return false;
        memcpy(digits, value.s, value.n);
        digits[value.n] = 0;
        errno = 0;
        *v = strtoll(digits, &last, 10);
        return last != digits && *last == 0 && errno == 0;
    }
    return false;
}

/* ---- numbers ---- */

static int compare_ids(const void *a, const void *b)
{
    const gm_record_id *x = a, *y = b;
    if (x->id != y->id) return x->id < y->id ? -1 : 1;
    return x->place < y->place ? -1 : x->place > y->place;
}

void gm_record_ids_sort(gm_record_id *ids, int64_t n)
{
    if (n) qsort(ids, (size_t)n, sizeof *ids, compare_ids);
}

gm_record_id *gm_records_ids(const gm_records *r, int list, const char *key, int64_t *n,
                             gm_error *e)
{
    int64_t count = r->list[list].n;
    gm_record_id *ids = malloc((size_t)(count + 1) * sizeof *ids);
    *n = 0;
    if (!ids) {
        gm_fail(e, "%s: out of memory for %lld records", r->name, (long long)count);
        return NULL;
    }
    for (int64_t i = 0; i < count; i++) {
        ids[*n].place = i;
        if (gm_records_int(r, list, i, key, &ids[*n].id)) ++*n;
    }
    gm_record_ids_sort(ids, *n);
    return ids;
}

const gm_record_id *gm_record_find(const gm_record_id *ids, int64_t n, int64_t id, int64_t *count)
{
    int64_t low = 0, high = n;
    while (low < high) {
        int64_t middle = low + (high - low) / 2;
        if (ids[middle].id < id) low = middle + 1;
        else high = middle;
    }
    int64_t first = low;
    while (low < n && ids[low].id == id) low++;
    if (count) *count = low - first;
    return low > first ? &ids[first] : NULL;
}
