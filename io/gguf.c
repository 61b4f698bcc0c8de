/* Reading GGUF: see gguf.h.  Nothing in the file is believed before it is checked. */
#include "gguf.h"

#include <stdlib.h>
#include <string.h>
#include "../ref/kernels/typed.h"
#include "os.h"

#define MOST_VALUES 65536               /* keys, and tensors */
#define MOST_DIMS 4

int gm_gguf_value_bytes(gm_gguf_type type)
{
    static const uint8_t bytes[GM_GGUF_TYPES] = { 1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8 };
    return bytes[type];
}

/* A place in the bytes; `bad` once something reached past the end. */
typedef struct { const uint8_t *at, *end; bool bad; } cursor;

static const uint8_t *take(cursor *c, uint64_t n)
{
    if (c->bad || n > (uint64_t)(c->end - c->at)) {
        c->bad = true;
        return NULL;
    }
    const uint8_t *p = c->at;
    c->at += n;
    return p;
}

static uint64_t number(cursor *c, int bytes)
{
    const uint8_t *p = take(c, (uint64_t)bytes);
    uint64_t v = 0;
    for (int i = 0; p && i < bytes; i++) v |= (uint64_t)p[i] << (8 * i);
    return v;
}

static const char *text(cursor *c, size_t *length)
{
    uint64_t n = number(c, 8);
    const char *p = (const char *)take(c, n);
    *length = p ? (size_t)n : 0;
    return p;
}

/* Passes over n elements of a type. */
static void skip(cursor *c, gm_gguf_type type, uint64_t n)
{
    size_t length;
    if (type != GM_GGUF_TEXT) {
        if (n > UINT64_MAX / 8) c->bad = true;
        else take(c, n * (uint64_t)gm_gguf_value_bytes(type));
        return;
    }
    for (uint64_t i = 0; i < n && !c->bad; i++) text(c, &length);
}

static int read_value(const gm_gguf *g, gm_gguf_value *v, cursor *c, gm_error *e)
{
    v->key = text(c, &v->length);
    uint64_t type = number(c, 4);
    v->n = 1;
    v->array = type == GM_GGUF_ARRAY;
    if (v->array) {
        type = number(c, 4);
        v->n = number(c, 8);
    }
    int shown = v->length < 100 ? (int)v->length : 100;
    if (!c->bad && (type >= GM_GGUF_TYPES || type == GM_GGUF_ARRAY))
        return gm_fail(e, "%s: %.*s: a value of type %llu is not read", g->path, shown, v->key,
                       (unsigned long long)type);
    v->type = (gm_gguf_type)type;
    v->data = c->at;
    if (!c->bad) skip(c, v->type, v->n);
    if (!c->bad) return 0;
    return gm_fail(e, "%s: the metadata reach past the file's end (%zu bytes)", g->path, g->size);
}

static int read_all(gm_gguf *g, gm_error *e)
{
    cursor c = { g->bytes, g->bytes + g->size, false };
    const uint8_t *magic = take(&c, 4);
    uint64_t version = number(&c, 4), keys;
    if (!magic || memcmp(magic, "GGUF", 4) != 0)
        return gm_fail(e, "%s: wanted a GGUF file, found none", g->path);
    if (version != 2 && version != 3)
        return gm_fail(e, "%s: GGUF version %llu: 2 and 3 are read", g->path,
                       (unsigned long long)version);
    g->ntensors = number(&c, 8);
    keys = number(&c, 8);
    if (c.bad || keys > MOST_VALUES || g->ntensors > MOST_VALUES)
        return gm_fail(e, "%s: %llu keys and %llu tensors: at most %d each are read", g->path,
                       (unsigned long long)keys, (unsigned long long)g->ntensors, MOST_VALUES);
    g->value = calloc((size_t)keys + 1, sizeof *g->value);
    if (!g->value) return gm_fail(e, "%s: out of memory", g->path);
    for (; g->n < (int64_t)keys; g->n++)
        if (read_value(g, &g->value[g->n], &c, e) != 0) return -1;
    g->tensors = (size_t)(c.at - g->bytes);
    int64_t alignment = 32;
    if (gm_gguf_int(g, "general.alignment", &alignment, e) != 0) return -1;
    if (alignment < 1 || alignment > 65536 || (alignment & (alignment - 1)))
        return gm_fail(e, "%s: general.alignment: wanted a power of 2, found %lld", g->path,
                       (long long)alignment);
    g->alignment = (uint64_t)alignment;
    return 0;
}

int gm_gguf_open(gm_gguf *g, const uint8_t *bytes, size_t n, const char *name, gm_error *e)
{
    *g = (gm_gguf){ .path = gm_copy_text(name), .bytes = bytes, .size = n };
    return g->path ? read_all(g, e) : gm_fail(e, "%s: out of memory", name);
}

void gm_gguf_close(gm_gguf *g)
{
    free(g->value);
    free(g->path);
    *g = (gm_gguf){ 0 };
}

const gm_gguf_value *gm_gguf_find(const gm_gguf *g, const char *key)
{
    size_t n = strlen(key);
    for (int64_t i = 0; i < g->n; i++)
        if (g->value[i].length == n && memcmp(g->value[i].key, key, n) == 0) return &g->value[i];
    return NULL;
}

/* A single number of any of the types. */
static bool as_number(const gm_gguf_value *v, double *d, int64_t *i)
{
    int bytes = gm_gguf_value_bytes(v->type);
    cursor c = { v->data, v->data + bytes, false };
    if (v->array || v->type == GM_GGUF_TEXT) return false;
    uint64_t u = number(&c, bytes);
    if (v->type == GM_GGUF_F32) *d = (double)gm_float_of_bits((uint32_t)u);
    else if (v->type == GM_GGUF_F64) memcpy(d, &u, sizeof *d);
    else {
        int unused = 64 - 8 * bytes;
        bool is_signed = v->type == GM_GGUF_I8 || v->type == GM_GGUF_I16 ||
                         v->type == GM_GGUF_I32 || v->type == GM_GGUF_I64;
        *i = is_signed ? (int64_t)(u << unused) >> unused : (int64_t)u;
        *d = (double)*i;
        return is_signed || u <= INT64_MAX;
    }
    *i = *d >= -9e18 && *d <= 9e18 ? (int64_t)*d : 0;
    return true;
}

int gm_gguf_int(const gm_gguf *g, const char *key, int64_t *v, gm_error *e)
{
    double d;
    int64_t i;
    const gm_gguf_value *x = gm_gguf_find(g, key);
    if (!x) return 0;
    if (!as_number(x, &d, &i) || (double)i != d)
        return gm_fail(e, "%s: %s: wanted a whole number", g->path, key);
    *v = i;
    return 0;
}

int gm_gguf_float(const gm_gguf *g, const char *key, double *v, gm_error *e)
{
    double d;
    int64_t i;
    const gm_gguf_value *x = gm_gguf_find(g, key);
    if (!x) return 0;
    if (!as_number(x, &d, &i)) return gm_fail(e, "%s: %s: wanted a number", g->path, key);
    *v = d;
    return 0;
}

const char *gm_gguf_next_text(const uint8_t **at, size_t *length)
{
    uint64_t n = 0;
    for (int i = 0; i < 8; i++) n |= (uint64_t)(*at)[i] << (8 * i);
    const char *p = (const char *)*at + 8;
    *length = (size_t)n;
    *at += 8 + n;
    return p;
}

const uint8_t *gm_gguf_bytes(const gm_gguf_value *v, size_t *n)
{
    const uint8_t *at = v->data;
    if (v->type == GM_GGUF_TEXT && !v->array) return (const uint8_t *)gm_gguf_next_text(&at, n);
    *n = (size_t)v->n;
    return v->array && (v->type == GM_GGUF_U8 || v->type == GM_GGUF_I8) ? v->data : NULL;
}

/* ---- tensors ---- */

/* ggml's type numbers. */
static const struct { uint32_t number; gm_stored_type type; } TYPES[] = {
    { 0, GM_STORED_F32 },   { 1, GM_STORED_F16 },   { 2, GM_STORED_Q4_0 },  { 3, GM_STORED_Q4_1 },
    { 8, GM_STORED_Q8_0 },  { 12, GM_STORED_Q4_K }, { 13, GM_STORED_Q5_K }, { 14, GM_STORED_Q6_K },
    { 24, GM_STORED_I8 },   { 25, GM_STORED_I16 },  { 26, GM_STORED_I32 },  { 27, GM_STORED_I64 },
    { 28, GM_STORED_F64 },  { 30, GM_STORED_BF16 },
};
enum { NTYPES = sizeof TYPES / sizeof *TYPES };

/* One entry of the list; its offset counts from the start of the data. */
static int read_tensor(gm_stored_tensor *t, int64_t dim[MOST_DIMS], uint64_t *offset, cursor *c,
                       const gm_gguf *g, gm_error *e)
{
    t->name = text(c, &t->name_length);
    uint64_t nd = number(c, 4), sizes[MOST_DIMS] = { 0 };
    int shown = t->name_length < 200 ? (int)t->name_length : 200;
    if (!c->bad && nd > MOST_DIMS)
        return gm_fail(e, "%s: %.*s: at most %d sizes are read, found %llu", g->path, shown,
                       t->name, MOST_DIMS, (unsigned long long)nd);
    for (uint64_t i = 0; i < nd && !c->bad; i++) sizes[i] = number(c, 8);
    uint64_t type = number(c, 4);
    *offset = number(c, 8);
    if (c->bad)
        return gm_fail(e, "%s: the list of tensors reaches past the file's end (%zu bytes)",
                       g->path, g->size);
    int k = 0;
    while (k < NTYPES && TYPES[k].number != type) k++;
    if (k == NTYPES)
        return gm_fail(e, "%s: %.*s: ggml's type %llu is not read (f32, f16, bf16, q8_0, q4_0, "
                       "q4_1, q4_K, q5_K, q6_K are)", g->path, shown, t->name,
                       (unsigned long long)type);
    t->type = TYPES[k].type;
    t->nd = (int)nd;
    t->dim = dim;
    for (uint64_t i = 0; i < nd; i++) {         /* the file has the innermost first */
        if (sizes[i] > INT64_MAX)
            return gm_fail(e, "%s: %.*s: an impossible size", g->path, shown, t->name);
        dim[nd - 1 - i] = (int64_t)sizes[i];
    }
    return 0;
}

static int read_tensors(gm_file *f, const gm_gguf *g, gm_error *e)
{
    cursor c = { g->bytes + g->tensors, g->bytes + g->size, false };
    gm_stored_tensor *t = calloc((size_t)g->ntensors + 1, sizeof *t);
    int64_t (*dim)[MOST_DIMS] = calloc((size_t)g->ntensors + 1, sizeof *dim);
    uint64_t *offset = calloc((size_t)g->ntensors + 1, sizeof *offset);
    int bad = t && dim && offset ? 0 : gm_fail(e, "%s: out of memory", g->path);
    for (uint64_t i = 0; i < g->ntensors && !bad; i++)
        bad = read_tensor(&t[i], dim[i], &offset[i], &c, g, e);
    size_t start = bad ? 0 : (size_t)(c.at - g->bytes);
    start += (size_t)((g->alignment - start % g->alignment) % g->alignment);
    for (uint64_t i = 0; i < g->ntensors && !bad; i++) {
        if (start > g->size || offset[i] > g->size - start)
            bad = gm_fail(e, "%s: %.*s lies past the file's end (%zu bytes)", g->path,
                          t[i].name_length < 200 ? (int)t[i].name_length : 200, t[i].name,
                          g->size);
        else {
            t[i].data = g->bytes + start + offset[i];
            t[i].avail = g->size - start - (size_t)offset[i];
            bad = gm_file_add(f, &t[i], e);
        }
    }
    free(t);
    free(dim);
    free(offset);
    return bad;
}

int gm_gguf_read(gm_file *f, gm_error *e)
{
    gm_gguf g;
    int bad = gm_gguf_open(&g, f->bytes, f->size, f->path, e);
    if (!bad) bad = read_tensors(f, &g, e);
    gm_gguf_close(&g);
    return bad;
}
