/* The safetensors format: 8 bytes header length (little endian), a JSON header
 * {"name": {"dtype", "shape", "data_offsets": [begin, end]}, "__metadata__": {..}}, then the data.
 * Source: huggingface/safetensors README, "Format". */
#include "file.h"

#include <stdlib.h>
#include <string.h>
#include "json.h"
#include "os.h"
#include "tensor_out.h"

#define HEADER_MAX 100000000ULL         /* as the reference reader: a longer header is an attack */

static const struct { const char *name; gm_stored_type type; } types[] = {
    { "F32", GM_STORED_F32 }, { "BF16", GM_STORED_BF16 }, { "F16", GM_STORED_F16 },
    { "F64", GM_STORED_F64 }, { "I64", GM_STORED_I64 },   { "I32", GM_STORED_I32 },
    { "I16", GM_STORED_I16 }, { "I8", GM_STORED_I8 },     { "U8", GM_STORED_U8 },
    { "BOOL", GM_STORED_BOOL },
};
#define NTYPES ((int)(sizeof types / sizeof *types))

typedef struct { uint64_t begin, end; const char *name; } extent;

static int by_begin(const void *a, const void *b)
{
    const extent *x = a, *y = b;
    if (x->begin != y->begin) return x->begin < y->begin ? -1 : 1;
    return (x->end > y->end) - (x->end < y->end);
}

/* No byte belongs to two tensors; x is sorted here. */
static int check_overlap(const gm_file *f, extent *x, int64_t n, gm_error *e)
{
    if (n) qsort(x, (size_t)n, sizeof *x, by_begin);
    for (int64_t i = 1; i < n; i++) {
        if (x[i].begin < x[i - 1].end)
            return gm_fail(e, "%s: the tensors %.200s and %.200s overlap", f->path, x[i - 1].name,
                           x[i].name);
    }
    return 0;
}

static int read_entry(gm_file *f, const char *name, const json_t *o, uint64_t data, extent *x,
                      gm_error *e)
{
    const json_t *shape = json_object_get(o, "shape");
    const json_t *offsets = json_object_get(o, "data_offsets");
    const char *dtype = gm_json_text(o, "dtype");
    if (!dtype || !json_is_array(shape) || !json_is_array(offsets) || json_array_size(offsets) != 2)
        return gm_fail(e, "%s: %.200s: wanted dtype, shape and two data_offsets", f->path, name);
    int k = 0;
    while (k < NTYPES && strcmp(dtype, types[k].name) != 0) k++;
    if (k == NTYPES)
        return gm_fail(e, "%s: %.200s: the type %.50s is not read", f->path, name, dtype);

    int64_t dim[GM_MAX_DIMS] = { 0 };
    size_t nd = json_array_size(shape);
    if (nd > GM_MAX_DIMS)
        return gm_fail(e, "%s: %.200s: at most %d sizes are read, found %zu", f->path, name,
                       GM_MAX_DIMS, nd);
    for (size_t i = 0; i < nd; i++) {
        const json_t *d = json_array_get(shape, i);
        if (!json_is_integer(d))
            return gm_fail(e, "%s: %.200s: a size is not a whole number", f->path, name);
        dim[i] = json_integer_value(d);
    }
    const json_t *b = json_array_get(offsets, 0), *z = json_array_get(offsets, 1);
    int64_t begin = json_is_integer(b) ? json_integer_value(b) : -1;
    int64_t end = json_is_integer(z) ? json_integer_value(z) : -1;
    if (begin < 0 || end < begin || (uint64_t)end > f->size - data)
        return gm_fail(e,
                       "%s: %.200s: its data at %lld to %lld lies outside the %llu data bytes "
                       "of the file",
                       f->path, name, (long long)begin, (long long)end,
                       (unsigned long long)(f->size - data));
    int64_t n = gm_count_elements((int)nd, dim);
    size_t each = gm_stored_size(types[k].type);
    if (n < 0 || (uint64_t)n > (uint64_t)(end - begin) / each ||
        (uint64_t)n * each != (uint64_t)(end - begin))
        return gm_fail(e, "%s: %.200s: its sizes do not match its %lld stored bytes", f->path, name,
                       (long long)(end - begin));
    *x = (extent){ (uint64_t)begin, (uint64_t)end, name };
    return gm_file_add(f, &(gm_stored_tensor){
        .name = name, .name_length = strlen(name), .type = types[k].type, .nd = (int)nd, .dim = dim,
        .data = f->bytes + data + (uint64_t)begin, .avail = (size_t)(end - begin) }, e);
}

int gm_safetensors_read(gm_file *f, gm_error *e)
{
    uint64_t length = 0;
    if (f->size < 8)
        return gm_fail(e, "%s: wanted a safetensors header, found %zu bytes", f->path, f->size);
    for (int i = 7; i >= 0; i--) length = length << 8 | f->bytes[i];
    if (length > f->size - 8 || length > HEADER_MAX)
        return gm_fail(e,
                       "%s: a safetensors header of %llu bytes does not fit the file of %zu bytes",
                       f->path, (unsigned long long)length, f->size);
    json_t *header = gm_json_object((const char *)f->bytes + 8, (size_t)length, f->path, e);
    if (!header) return -1;
    extent *x = malloc((json_object_size(header) + 1) * sizeof *x);
    int64_t n = 0;
    int bad = x ? 0 : gm_fail(e, "%s: out of memory", f->path);
    const char *name;
    json_t *o;
    json_object_foreach(header, name, o) {
        if (strcmp(name, "__metadata__") == 0) continue;
        if (!bad) bad = read_entry(f, name, o, 8 + length, &x[n], e);
        if (!bad && x[n].end > x[n].begin) n++;
    }
    if (!bad) bad = check_overlap(f, x, n, e);
    free(x);
    json_decref(header);
    return bad;
}

/* ---- writing ---- */

static const char *type_text(gm_dtype type)
{
    static const char *const text[GM_NTYPES] = { "F32", "BF16", "F16", "I32", "I64", "U8" };
    return text[type];
}

static json_t *write_header(const gm_out_tensor *t, int64_t n)
{
    json_t *h = json_object();
    json_int_t at = 0;
    for (int64_t i = 0; i < n && h; i++) {
        const gm_tensor *x = &t[i].x;
        json_int_t bytes = (json_int_t)gm_out_bytes(&t[i]);
        json_t *shape = json_array();
        for (int d = 0; d < x->nd; d++) json_array_append_new(shape, json_integer(x->dim[d]));
        json_t *o = json_pack("{s:s, s:o, s:[I, I]}", "dtype", type_text(t[i].type), "shape", shape,
                              "data_offsets", at, at + bytes);
        bool bad = !o || json_object_get(h, t[i].name) || json_object_set(h, t[i].name, o) != 0;
        json_decref(o);
        if (bad) {
            json_decref(h);
            return NULL;
        }
        at += bytes;
    }
    return h;
}

/* Data follow each other in the order given; the header is padded with spaces so that they start
 * at a multiple of 64. */
int gm_safetensors_write_out(const char *path, const gm_out_tensor *t, int64_t n, gm_error *e)
{
    json_t *h = write_header(t, n);
    char *text = h ? json_dumps(h, JSON_COMPACT) : NULL;
    json_decref(h);
    if (!text)
        return gm_fail(e,
                       "%s: cannot write these tensors: a name twice or not UTF-8, "
                       "or out of memory",
                       path);
    gm_writer w;
    if (gm_create(&w, path, e) != 0) {
        free(text);
        return -1;
    }
    size_t used = strlen(text), length = (used + 8 + 63) / 64 * 64 - 8;
    for (int i = 0; i < 8; i++) fputc((int)(length >> (8 * i) & 255), w.file);
    fwrite(text, 1, used, w.file);
    for (size_t i = used; i < length; i++) fputc(' ', w.file);
    int bad = 0;
    for (int64_t i = 0; i < n && !bad; i++) bad = gm_out_write(w.file, &t[i], NULL);
    free(text);
    if (bad && !ferror(w.file)) {
        gm_discard(&w);
        return gm_fail(e, "%s: out of memory while writing", path);
    }
    return gm_commit(&w, e);
}

int gm_safetensors_write(const char *path, const char *const *name, const gm_tensor *x, int64_t n,
                         gm_error *e)
{
    gm_out_tensor *t = calloc((size_t)n + 1, sizeof *t);
    if (!t) return gm_fail(e, "%s: out of memory", path);
    for (int64_t i = 0; i < n; i++)
        t[i] = (gm_out_tensor){ .name = name[i], .x = x[i], .type = x[i].type };
    int bad = gm_safetensors_write_out(path, t, n, e);
    free(t);
    return bad;
}
