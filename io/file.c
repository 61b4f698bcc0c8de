/* Weight files: opening, finding by name, and the tensors that cannot be used where they lie. */
#include "file.h"

#include <stdlib.h>
#include <string.h>
#include "../ref/kernels/typed.h"
#include "os.h"

/* Copies may take this many times the file's size: i8 -> i32 takes four, tied tensors more. */
#define COPY_FACTOR 8

static const struct { size_t size; gm_dtype type; bool same; } stored[GM_STORED_NTYPES] = {
    [GM_STORED_F32] = { 4, GM_F32, true },  [GM_STORED_BF16] = { 2, GM_BF16, true },
    [GM_STORED_F16] = { 2, GM_F16, true },  [GM_STORED_F64] = { 8, GM_F32, false },
    [GM_STORED_I64] = { 8, GM_I64, true },  [GM_STORED_I32] = { 4, GM_I32, true },
    [GM_STORED_I16] = { 2, GM_I32, false }, [GM_STORED_I8] = { 1, GM_I32, false },
    [GM_STORED_U8] = { 1, GM_U8, true },    [GM_STORED_BOOL] = { 1, GM_U8, true },
    [GM_STORED_Q8_0] = { 34, GM_Q8_0, true }, [GM_STORED_Q4_0] = { 18, GM_Q4_0, true },
    [GM_STORED_Q4_1] = { 20, GM_Q4_1, true }, [GM_STORED_Q4_K] = { 144, GM_Q4_K, true },
    [GM_STORED_Q5_K] = { 176, GM_Q5_K, true }, [GM_STORED_Q6_K] = { 210, GM_Q6_K, true },
};

size_t gm_stored_size(gm_stored_type t)
{
    return stored[t].size;
}

int64_t gm_count_elements(int nd, const int64_t *dim)
{
    int64_t n = 1;
    for (int i = 0; i < nd; i++) {
        if (dim[i] < 0 || (dim[i] > 0 && n > INT64_MAX / dim[i])) return -1;
        n *= dim[i];
    }
    return n;
}

/* The farthest element a strided view touches, -1 when negative or overflowing; n > 0 elements. */
static int64_t last_element(int nd, const int64_t *dim, const int64_t *stride)
{
    int64_t last = 0;
    for (int i = 0; i < nd; i++) {
        int64_t steps = dim[i] - 1;
        if (stride[i] < 0 || (steps > 0 && stride[i] > (INT64_MAX - last) / steps)) return -1;
        last += steps * stride[i];
    }
    return last;
}

static bool contiguous(int nd, const int64_t *dim, const int64_t *stride)
{
    int64_t want = 1;
    for (int i = nd - 1; stride && i >= 0; i--) {
        if (dim[i] != 1 && stride[i] != want) return false;
        want *= dim[i];
    }
    return true;
}

static void convert_one(void *y, const uint8_t *x, gm_stored_type t)
{
    switch (t) {
    case GM_STORED_F64: { double v; memcpy(&v, x, 8); *(float *)y = (float)v; break; }
    case GM_STORED_I16: { int16_t v; memcpy(&v, x, 2); *(int32_t *)y = v; break; }
    case GM_STORED_I8:  *(int32_t *)y = (int8_t)*x; break;
    default:            memcpy(y, x, stored[t].size);
    }
}

/* y: n elements, contiguous, of the gm_dtype; walks the view in row-major order. */
static void gather_copy(uint8_t *y, const gm_stored_tensor *t, int64_t n)
{
    size_t in = stored[t->type].size, out = gm_type_size(stored[t->type].type);
    if (contiguous(t->nd, t->dim, t->stride)) {
        if (stored[t->type].same) memcpy(y, t->data, (size_t)n * in);
        for (int64_t i = 0; !stored[t->type].same && i < n; i++)
            convert_one(y + (size_t)i * out, t->data + (size_t)i * in, t->type);
        return;
    }
    int64_t at[GM_MAX_DIMS] = { 0 };
    for (int64_t i = 0; i < n; i++) {
        int64_t offset = 0;
        for (int d = 0; d < t->nd; d++) offset += at[d] * t->stride[d];
        convert_one(y + (size_t)i * out, t->data + (size_t)offset * in, t->type);
        for (int d = t->nd - 1; d >= 0 && ++at[d] == t->dim[d]; d--) at[d] = 0;
    }
}

static void *add_copy(gm_file *f, const gm_stored_tensor *t, int64_t n, gm_error *e)
{
    size_t each = gm_type_size(stored[t->type].type);
    if ((uint64_t)n > (COPY_FACTOR * f->size - f->copied) / each) {
        gm_fail(e,
                "%s: %.*s: the file's strided or converted tensors would take more than %d times "
                "its size",
                f->path, (int)t->name_length, t->name, COPY_FACTOR);
        return NULL;
    }
    if (f->ncopies == f->copy_room) {
        int64_t room = f->copy_room ? 2 * f->copy_room : 16;
        void **more = realloc(f->copy, (size_t)room * sizeof *more);
        if (!more) goto memory;
        f->copy = more;
        f->copy_room = room;
    }
    void *y = gm_aligned_alloc((size_t)n * each);
    if (!y) goto memory;
    f->copy[f->ncopies++] = y;
    f->copied += (size_t)n * each;
    gather_copy(y, t, n);
    return y;
memory:
    gm_fail(e, "%s: out of memory for a copy of %.*s", f->path, (int)t->name_length, t->name);
    return NULL;
}

static int add_entry(gm_file *f, const gm_stored_tensor *t, gm_tensor x, gm_error *e)
{
    if (f->n == f->room) {
        int64_t room = f->room ? 2 * f->room : 64;
        gm_file_entry *more = realloc(f->entry, (size_t)room * sizeof *more);
        if (!more) return gm_fail(e, "%s: out of memory for %lld names", f->path, (long long)room);
        f->entry = more;
        f->room = room;
    }
    char *name = malloc(t->name_length + 1);
    if (!name) return gm_fail(e, "%s: out of memory for a name", f->path);
    memcpy(name, t->name, t->name_length);
    name[t->name_length] = 0;
    f->entry[f->n++] = (gm_file_entry){ name, x };
    return 0;
}

int gm_file_add(gm_file *f, const gm_stored_tensor *t, gm_error *e)
{
    int shown = t->name_length < 200 ? (int)t->name_length : 200;
    if (memchr(t->name, 0, t->name_length))
        return gm_fail(e, "%s: a tensor's name holds a zero byte: %.*s", f->path, shown, t->name);
    if (t->nd > GM_MAX_DIMS)
        return gm_fail(e, "%s: %.*s: at most %d sizes are read, found %d", f->path, shown, t->name,
                       GM_MAX_DIMS, t->nd);
    size_t each = stored[t->type].size;
    int64_t block = gm_block_values(stored[t->type].type);
    bool blocks = block > 1;
    int64_t n = gm_count_elements(t->nd, t->dim), reach = n;
    if (blocks && (t->nd == 0 || t->stride || t->dim[t->nd - 1] % block))
        return gm_fail(e, "%s: %.*s: a quantised row must be whole blocks of %d", f->path, shown,
                       t->name, (int)block);
    if (blocks && n > 0) reach = n / block;
    if (n > 0 && t->stride) {
        reach = last_element(t->nd, t->dim, t->stride);
        if (reach >= 0 && reach < INT64_MAX) reach++;
    }
    if (n < 0 || reach < 0 || (uint64_t)reach > t->avail / each)
        return gm_fail(e, "%s: %.*s: its sizes reach past its %zu stored bytes", f->path, shown,
                       t->name, t->avail);

    gm_tensor x = { .nd = t->nd, .type = stored[t->type].type, .data = (void *)t->data };
    for (int i = 0; i < t->nd; i++) x.dim[i] = t->dim[i];
    bool lies_well = n > 0 && stored[t->type].same &&
                     (blocks || (uintptr_t)t->data % each == 0) &&
                     contiguous(t->nd, t->dim, t->stride);
    if (n > 0 && !lies_well) x.data = add_copy(f, t, n, e);
    return x.data ? add_entry(f, t, x, e) : -1;
}

static int index_names(gm_file *f, gm_error *e)
{
    f->order = malloc((size_t)(f->n ? f->n : 1) * sizeof *f->order);
    if (!f->order) return gm_fail(e, "%s: out of memory for %lld names", f->path, (long long)f->n);
    for (int64_t i = 0; i < f->n; i++) f->order[i] = (gm_named){ f->entry[i].name, i };
    const char *twice = gm_names_sort(f->order, f->n);
    return twice ? gm_fail(e, "%s: the tensor %.200s is there twice", f->path, twice) : 0;
}

static int read_any(gm_file *f, gm_error *e)
{
    const uint8_t *b = f->bytes;
    if (f->size >= 9 && b[8] == '{') return gm_safetensors_read(f, e);
    if (f->size >= 4 && (memcmp(b, "PK\3\4", 4) == 0 || memcmp(b, "PK\5\6", 4) == 0))
        return gm_torch_zip_read(f, e);
    if (f->size >= 2 && b[0] == 0x80) return gm_torch_legacy_read(f, e);
    if (f->size >= 4 && memcmp(b, "GGUF", 4) == 0) return gm_gguf_read(f, e);
    return gm_fail(e, "%s: wanted a safetensors, torch or GGUF file, found none of them (%zu bytes)",
                   f->path, f->size);
}

gm_file *gm_file_parse(const uint8_t *bytes, size_t n, const char *name, gm_error *e)
{
    gm_file *f = calloc(1, sizeof *f);
    if (f) f->path = gm_copy_text(name);
    if (!f || !f->path) {
        free(f);
        gm_fail(e, "%s: out of memory", name);
        return NULL;
    }
    f->bytes = bytes;
    f->size = n;
    if (read_any(f, e) == 0 && index_names(f, e) == 0) return f;
    gm_file_close(f);
    return NULL;
}

gm_file *gm_file_open(const char *path, gm_error *e)
{
    size_t n;
    const uint8_t *bytes = gm_map(path, &n, e);
    if (!bytes) return NULL;
    gm_file *f = gm_file_parse(bytes, n, path, e);
    if (f) f->mapped = true;
    else gm_unmap(bytes, n);
    return f;
}

void gm_file_close(gm_file *f)
{
    if (!f) return;
    for (int64_t i = 0; i < f->n; i++) free(f->entry[i].name);
    for (int64_t i = 0; i < f->ncopies; i++) free(f->copy[i]);
    if (f->mapped) gm_unmap(f->bytes, f->size);
    free(f->entry);
    free(f->copy);
    free(f->order);
    free(f->path);
    free(f);
}

int64_t gm_file_count(const gm_file *f)
{
    return f->n;
}

const char *gm_file_name(const gm_file *f, int64_t i)
{
    return i >= 0 && i < f->n ? f->entry[i].name : NULL;
}

gm_tensor gm_file_tensor(const gm_file *f, int64_t i)
{
    return i >= 0 && i < f->n ? f->entry[i].x : GM_NONE;
}

gm_tensor gm_file_find(const gm_file *f, const char *name)
{
    return gm_file_tensor(f, gm_names_find(f->order, f->n, name));
}

void gm_file_forget(const gm_file *f, gm_tensor x)
{
    const uint8_t *p = x.data;
    size_t n = gm_bytes(x);
    if (f->mapped && p >= f->bytes && p + n <= f->bytes + f->size) gm_map_forget(p, n);
}

size_t gm_file_copied(const gm_file *f)
{
    return f->copied;
}

int gm_to_float(float *y, const void *x, gm_dtype type, int64_t n)
{
    if (!gm_is_matrix_type(type, n)) return -1;
    for (int64_t i = 0; i < n; i++) y[i] = gm_typed(x, type, i);
    return 0;
}
