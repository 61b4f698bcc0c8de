/* Files of torch.save: the zip form (since 1.6) and the older one, as lists of tensors.
 * Source: torch/serialization.py (_save, _legacy_save, _load, _legacy_load), torch/_utils.py. */
#include "file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "pickle.h"
#include "zip.h"

typedef gm_pickle_value value;

enum { TENSOR_V2, TENSOR, PARAMETER, ORDERED_DICT, SIZE, STORAGES };
static const gm_pickle_global known[] = {
    [TENSOR_V2] = { "torch._utils", "_rebuild_tensor_v2", 0 },
    [TENSOR] = { "torch._utils", "_rebuild_tensor", 0 },
    [PARAMETER] = { "torch._utils", "_rebuild_parameter", 0 },
    [ORDERED_DICT] = { "collections", "OrderedDict", 1 },
    [SIZE] = { "torch", "Size", 0 },
    [STORAGES] = { "torch", "FloatStorage", 0 },
    { "torch", "BFloat16Storage", 0 },
    { "torch", "HalfStorage", 0 },
    { "torch", "DoubleStorage", 0 },
    { "torch", "LongStorage", 0 },
    { "torch", "IntStorage", 0 },
    { "torch", "ShortStorage", 0 },
    { "torch", "CharStorage", 0 },
    { "torch", "ByteStorage", 0 },
    { "torch", "BoolStorage", 0 },
};
#define NKNOWN ((int64_t)(sizeof known / sizeof *known))
static const gm_stored_type storage_type[] = {              /* of known[STORAGES + k] */
    GM_STORED_F32, GM_STORED_BF16, GM_STORED_F16, GM_STORED_F64, GM_STORED_I64, GM_STORED_I32,
    GM_STORED_I16, GM_STORED_I8, GM_STORED_U8, GM_STORED_BOOL,
};

/* A storage as its persistent id names it: ('storage', type, key, place, elements[, view]). */
typedef struct {
    const char *key;
    size_t key_length;
    gm_stored_type type;
    int64_t numel;
} storage_id;

typedef struct reader {
    gm_file *f;
    gm_zip zip;
    char *folder;                       /* of the zip form: "archive" */
    /* Of the legacy form: key -> where its data lie. */
    struct { const uint8_t *data; storage_id id; } *place;
    gm_named *order;
    char **keys;
    int64_t nplaces;
    gm_error *e;
} reader;

static bool is_int(const value *v)
{
    return v->kind == GM_P_INT;
}

static int read_storage_id(reader *r, const value *v, storage_id *id)
{
    const value *t = v->kind == GM_P_PERSID ? v->u.call.arg : NULL;
    if (!t || t->kind != GM_P_TUPLE || t->u.list.n < 5 ||
        !gm_pickle_is(t->u.list.item[0], "storage"))
        return gm_fail(r->e, "%s: a tensor without a storage", r->f->path);
    value *const *p = t->u.list.item;
    if (p[1]->kind != GM_P_GLOBAL || p[1]->u.i < STORAGES || p[2]->kind != GM_P_STR ||
        !is_int(p[4]) || p[4]->u.i < 0)
        return gm_fail(r->e, "%s: a storage that is not understood", r->f->path);
    if (t->u.list.n > 5 && p[5]->kind != GM_P_NONE)
        return gm_fail(r->e, "%s: storages that are views of others are not read", r->f->path);
    *id = (storage_id){ .key = p[2]->u.text.s, .key_length = p[2]->u.text.n,
                        .type = storage_type[p[1]->u.i - STORAGES], .numel = p[4]->u.i };
    if (id->key_length > 200 || memchr(id->key, 0, id->key_length))
        return gm_fail(r->e, "%s: a storage's key is not a short text", r->f->path);
    return 0;
}

/* Where the storage's bytes lie. */
static const uint8_t *find_storage(reader *r, const storage_id *id)
{
    char name[520];
    if (!r->folder) {
        snprintf(name, sizeof name, "%.*s", (int)id->key_length, id->key);
        int64_t i = gm_names_find(r->order, r->nplaces, name);
        if (i >= 0) return r->place[i].data;
        gm_fail(r->e, "%s: the storage %s is missing", r->f->path, name);
        return NULL;
    }
    snprintf(name, sizeof name, "%.250s/data/%.*s", r->folder, (int)id->key_length, id->key);
    const gm_zip_entry *z = gm_zip_find(&r->zip, name);
    if (!z) {
        gm_fail(r->e, "%s: the storage %s is missing", r->f->path, name);
        return NULL;
    }
    size_t each = gm_stored_size(id->type);
    if ((uint64_t)id->numel != z->size / each || z->size % each) {
        gm_fail(r->e, "%s: the storage %s has %zu bytes, wanted %lld elements of %zu", r->f->path,
                name, z->size, (long long)id->numel, each);
        return NULL;
    }
    return z->data;
}

/* (1, 2, 3) or torch.Size((1, 2, 3)) -> numbers; how many, or -1 (also for more than 4). */
static int read_sizes(const value *v, int64_t *dim)
{
    if (v->kind == GM_P_CALL && v->u.call.global == SIZE && v->u.call.arg->u.list.n == 1)
        v = v->u.call.arg->u.list.item[0];
    if (v->kind != GM_P_TUPLE || v->u.list.n > GM_MAX_DIMS) return -1;
    for (int64_t i = 0; i < v->u.list.n; i++) {
        if (!is_int(v->u.list.item[i])) return -1;
        dim[i] = v->u.list.item[i]->u.i;
    }
    return (int)v->u.list.n;
}

/* 1: v is a tensor and was added; 0: it is something else; -1: error. */
static int add_tensor(reader *r, const value *name, const value *v)
{
    if (v->kind == GM_P_CALL && v->u.call.global == PARAMETER && v->u.call.arg->u.list.n >= 1)
        v = v->u.call.arg->u.list.item[0];
    if (v->kind != GM_P_CALL || (v->u.call.global != TENSOR_V2 && v->u.call.global != TENSOR))
        return 0;
    const value *a = v->u.call.arg;
    int shown = name->u.text.n < 200 ? (int)name->u.text.n : 200;
    int64_t dim[GM_MAX_DIMS] = { 0 }, stride[GM_MAX_DIMS] = { 0 };
    int nd = a->u.list.n >= 4 ? read_sizes(a->u.list.item[2], dim) : -1;
    if (nd < 0 || read_sizes(a->u.list.item[3], stride) != nd || !is_int(a->u.list.item[1]))
        return gm_fail(r->e, "%s: %.*s: wanted at most %d sizes and as many strides", r->f->path,
                       shown, name->u.text.s, GM_MAX_DIMS);
    storage_id id;
    if (read_storage_id(r, a->u.list.item[0], &id) != 0) return -1;
    const uint8_t *data = find_storage(r, &id);
    if (!data) return -1;
    int64_t offset = a->u.list.item[1]->u.i;
    if (offset < 0 || offset > id.numel)
        return gm_fail(r->e, "%s: %.*s: starts at element %lld of a storage of %lld", r->f->path,
                       shown, name->u.text.s, (long long)offset, (long long)id.numel);
    size_t each = gm_stored_size(id.type);
    gm_stored_tensor t = { .name = name->u.text.s,
                           .name_length = name->u.text.n,
                           .type = id.type,
                           .nd = nd,
                           .dim = dim,
                           .stride = stride,
                           .data = data + (size_t)offset * each,
                           .avail = (size_t)(id.numel - offset) * each };
    return gm_file_add(r->f, &t, r->e) == 0 ? 1 : -1;
}

/* The tensors of a state dict; a dict under one of these keys is the state dict of a training
 * checkpoint. Values that are no tensors (epoch, settings) are passed over. */
static int add_dict(reader *r, const value *root)
{
    static const char *const wrapper[] = { "state_dict", "module", "model" };
    for (int depth = 0; depth < 4; depth++) {
        const value *inner = NULL;
        for (int i = 0; i < 3 && !inner; i++) inner = gm_pickle_get(root, wrapper[i]);
        if (!inner || inner->kind != GM_P_DICT) break;
        root = inner;
    }
    if (root->kind != GM_P_DICT)
        return gm_fail(r->e, "%s: wanted a dict of tensors, found something else", r->f->path);
    for (int64_t i = 0; i + 1 < root->u.list.n; i += 2) {
        const value *key = root->u.list.item[i];
        if (key->kind == GM_P_STR && add_tensor(r, key, root->u.list.item[i + 1]) < 0) return -1;
    }
    return r->f->n ? 0 : gm_fail(r->e, "%s: no tensor in its dict", r->f->path);
}

static int read_zip(reader *r)
{
    static const char tail[] = "/data.pkl";
    gm_file *f = r->f;
    if (gm_zip_open(&r->zip, f->bytes, f->size, f->path, r->e) != 0) return -1;
    const gm_zip_entry *pkl = NULL;
    for (int64_t i = 0; i < r->zip.n && !pkl; i++) {
        const char *s = r->zip.entry[i].name, *slash = strchr(s, '/');
        if (slash && strcmp(slash, tail) == 0) pkl = &r->zip.entry[i];
    }
    if (!pkl)
        return gm_fail(r->e, "%s: a zip file without data.pkl: not written by torch.save", f->path);
    size_t n = strlen(pkl->name) - strlen(tail);
    r->folder = malloc(n + 16);
    if (!r->folder) return gm_fail(r->e, "%s: out of memory", f->path);
    memcpy(r->folder, pkl->name, n);
    memcpy(r->folder + n, "/byteorder", 11);
    const gm_zip_entry *order = gm_zip_find(&r->zip, r->folder);
    r->folder[n] = 0;
    if (order && (order->size < 6 || memcmp(order->data, "little", 6) != 0))
        return gm_fail(r->e, "%s: written on a big-endian machine, which is not read", f->path);
    gm_pickle *p = gm_pickle_read(pkl->data, pkl->size, known, NKNOWN, f->path, NULL, r->e);
    int bad = p ? add_dict(r, gm_pickle_root(p)) : -1;
    gm_pickle_free(p);
    return bad;
}

int gm_torch_zip_read(gm_file *f, gm_error *e)
{
    reader r = { .f = f, .e = e };
    int bad = read_zip(&r);
    gm_zip_close(&r.zip);
    free(r.folder);
    return bad;
}

/* ---- legacy: five pickles (magic, version, machine, object, storage keys), then each storage as
 * its element count (int64) and data, in the order of the keys ---- */

static bool is_magic(const value *v)
{
    return v->kind == GM_P_LONG && v->u.text.n == 10 &&
           memcmp(v->u.text.s, "\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19", 10) == 0;
}

/* The storages that the object's persistent ids name, by key. */
static int collect_storages(reader *r, const gm_pickle *object)
{
    const value *const *id;
    int64_t n = gm_pickle_persids(object, &id);
    r->place = calloc((size_t)n + 1, sizeof *r->place);
    r->order = calloc((size_t)n + 1, sizeof *r->order);
    r->keys = calloc((size_t)n + 1, sizeof *r->keys);
    gm_named *all = calloc((size_t)n + 1, sizeof *all);
    int bad =
        r->place && r->order && r->keys && all ? 0 : gm_fail(r->e, "%s: out of memory", r->f->path);
    for (int64_t i = 0; !bad && i < n; i++) {
        storage_id *s = &r->place[i].id;
        bad = read_storage_id(r, id[i], s);
        r->keys[i] = bad ? NULL : malloc(s->key_length + 1);
        if (!bad && !r->keys[i]) bad = gm_fail(r->e, "%s: out of memory", r->f->path);
        if (bad) break;
        memcpy(r->keys[i], s->key, s->key_length);
        r->keys[i][s->key_length] = 0;
        all[i] = (gm_named){ r->keys[i], i };
        r->nplaces++;
    }
    int64_t kept = 0;
    if (!bad) gm_names_sort(all, n);
    for (int64_t i = 0; !bad && i < n; i++) {       /* tied tensors name a storage more than once */
        const storage_id *s = &r->place[all[i].i].id,
                         *last = kept ? &r->place[r->order[kept - 1].i].id : NULL;
        if (!kept || strcmp(r->order[kept - 1].name, all[i].name) != 0) r->order[kept++] = all[i];
        else if (s->type != last->type || s->numel != last->numel)
            bad =
                gm_fail(r->e, "%s: the storage %s has two types or sizes", r->f->path, all[i].name);
    }
    r->nplaces = kept;
    free(all);
    return bad;
}

/* Walks the data after the pickles. */
static int place_storages(reader *r, const value *keys, size_t at)
{
    gm_file *f = r->f;
    if (keys->kind != GM_P_LIST)
        return gm_fail(r->e, "%s: wanted the list of storage keys", f->path);
    for (int64_t i = 0; i < keys->u.list.n; i++) {
        const value *k = keys->u.list.item[i];
        char name[201];
        if (k->kind != GM_P_STR || k->u.text.n > 200)
            return gm_fail(r->e, "%s: a storage's key is not a short text", f->path);
        snprintf(name, sizeof name, "%.*s", (int)k->u.text.n, k->u.text.s);
        int64_t j = gm_names_find(r->order, r->nplaces, name);
        if (j < 0) return gm_fail(r->e, "%s: the storage %s belongs to no tensor", f->path, name);
        if (f->size - at < 8)
            return gm_fail(r->e, "%s: the file ends before the storage %s", f->path, name);
        uint64_t numel = 0;
        for (int b = 7; b >= 0; b--) numel = numel << 8 | f->bytes[at + (size_t)b];
        at += 8;
        size_t each = gm_stored_size(r->place[j].id.type);
        if (numel != (uint64_t)r->place[j].id.numel || numel > (f->size - at) / each)
            return gm_fail(r->e,
                           "%s: the storage %s of %llu elements: wanted %lld, and the file has "
                           "%zu bytes left",
                           f->path, name, (unsigned long long)numel,
                           (long long)r->place[j].id.numel, f->size - at);
        r->place[j].data = f->bytes + at;
        at += (size_t)numel * each;
    }
    for (int64_t i = 0; i < r->nplaces; i++) {
        if (!r->place[r->order[i].i].data)
            return gm_fail(r->e, "%s: the storage %s is missing", f->path, r->order[i].name);
    }
    return 0;
}

static int read_legacy(reader *r, gm_pickle **p)
{
    gm_file *f = r->f;
    size_t at = 0, used;
    for (int i = 0; i < 5; i++, at += used) {
        p[i] = gm_pickle_read(f->bytes + at, f->size - at, known, NKNOWN, f->path, &used, r->e);
        if (!p[i]) return -1;
        const value *v = gm_pickle_root(p[i]);
        if (i == 0 && !is_magic(v))
            return gm_fail(r->e, "%s: a pickle, but not one that torch.save wrote", f->path);
        if (i == 1 && (!is_int(v) || v->u.i != 1001))
            return gm_fail(r->e, "%s: a torch file of an unknown version", f->path);
        const value *little = i == 2 ? gm_pickle_get(v, "little_endian") : NULL;
        if (little && little->kind == GM_P_BOOL && !little->u.i)
            return gm_fail(r->e, "%s: written on a big-endian machine, which is not read", f->path);
    }
    if (collect_storages(r, p[3]) != 0 || place_storages(r, gm_pickle_root(p[4]), at) != 0)
        return -1;
    return add_dict(r, gm_pickle_root(p[3]));
}

int gm_torch_legacy_read(gm_file *f, gm_error *e)
{
    reader r = { .f = f, .e = e };
    gm_pickle *p[5] = { NULL };
    int bad = read_legacy(&r, p);
    for (int i = 0; i < 5; i++) gm_pickle_free(p[i]);
    for (int64_t i = 0; r.keys && r.keys[i]; i++) free(r.keys[i]);
    free(r.keys);
    free(r.order);
    free(r.place);
    return bad;
}
