/* Writing files as torch.save does: a zip archive of a pickle and one stored entry per tensor.
 * Sources: torch/serialization.py (_save), torch/_tensor.py (__reduce_ex__), PKWARE APPNOTE 6.3
 * (sections as in zip.c). */
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include "os.h"
#include "tensor_out.h"
#include "text.h"

enum { LOCAL = 0x04034b50, CENTRAL = 0x02014b50, END = 0x06054b50, END64 = 0x06064b50,
       LOCATOR64 = 0x07064b50 };
enum { ALIGN = 64, NAME_MAX_BYTES = 40 };
#define FULL 0xffffffffu                /* a 32-bit field whose value is in the zip64 extra field */

typedef struct { char name[NAME_MAX_BYTES]; uint64_t at, size; uint32_t crc; } entry;

typedef struct {
    FILE *file;
    uint64_t at;                        /* bytes written */
    entry *entry;
    int64_t n;
    bool failed;
} archive;

static void put(archive *a, const void *p, size_t n)
{
    a->failed = a->failed || fwrite(p, 1, n, a->file) != n;
    a->at += n;
}

/* The low `bytes` bytes of v, little-endian. */
static void put_int(archive *a, uint64_t v, int bytes)
{
    uint8_t b[8];
    for (int i = 0; i < bytes; i++) b[i] = (uint8_t)(v >> (8 * i));
    put(a, b, (size_t)bytes);
}

static uint32_t cut(uint64_t v) { return v >= FULL ? FULL : (uint32_t)v; }

/* What local header and directory record share, from the version that reads it to the sizes. */
static void put_facts(archive *a, const entry *x)
{
    put_int(a, x->size >= FULL || x->at >= FULL ? 45 : 20, 2);
    put_int(a, 0, 4);                   /* flags, method: stored */
    put_int(a, 0, 4);                   /* no time, so that the same model gives the same bytes */
    put_int(a, x->crc, 4);
    put_int(a, cut(x->size), 4);
    put_int(a, cut(x->size), 4);
    put_int(a, strlen(x->name), 2);
}

/* Header, name and an extra field "FB" that moves the data to a multiple of ALIGN. */
static void put_local(archive *a, const entry *x)
{
    size_t wide = x->size >= FULL ? 20 : 0;
    uint64_t data = x->at + 30 + strlen(x->name) + wide + 4;
    size_t pad = (size_t)((ALIGN - data % ALIGN) % ALIGN);
    static const char zeros[ALIGN];
    put_int(a, LOCAL, 4);
    put_facts(a, x);
    put_int(a, wide + 4 + pad, 2);
    put(a, x->name, strlen(x->name));
    if (wide) {
        put_int(a, 1, 2);
        put_int(a, 16, 2);
        put_int(a, x->size, 8);
        put_int(a, x->size, 8);
    }
    put_int(a, 0x4246, 2);
    put_int(a, pad, 2);
    put(a, zeros, pad);
}

static void put_central(archive *a, const entry *x)
{
    int wide = (x->size >= FULL ? 16 : 0) + (x->at >= FULL ? 8 : 0);
    put_int(a, CENTRAL, 4);
    put_int(a, 45, 2);
    put_facts(a, x);
    put_int(a, wide ? (uint64_t)wide + 4 : 0, 2);
    put_int(a, 0, 6);                   /* comment, disk, internal attributes */
    put_int(a, 0, 4);                   /* external attributes */
    put_int(a, cut(x->at), 4);
    put(a, x->name, strlen(x->name));
    if (!wide) return;
    put_int(a, 1, 2);
    put_int(a, (uint64_t)wide, 2);
    if (x->size >= FULL) {
        put_int(a, x->size, 8);
        put_int(a, x->size, 8);
    }
    if (x->at >= FULL) put_int(a, x->at, 8);
}

static void put_directory(archive *a)
{
    uint64_t start = a->at, n = (uint64_t)a->n;
    for (int64_t i = 0; i < a->n; i++) put_central(a, &a->entry[i]);
    uint64_t size = a->at - start, end64 = a->at;
    if (n >= 0xffff || size >= FULL || start >= FULL) {
        put_int(a, END64, 4);
        put_int(a, 44, 8);
        put_int(a, 45, 2);
        put_int(a, 45, 2);
        put_int(a, 0, 8);
        put_int(a, n, 8);
        put_int(a, n, 8);
        put_int(a, size, 8);
        put_int(a, start, 8);
        put_int(a, LOCATOR64, 4);
        put_int(a, 0, 4);
        put_int(a, end64, 8);
        put_int(a, 1, 4);
    }
    put_int(a, END, 4);
    put_int(a, 0, 4);
    put_int(a, n < 0xffff ? n : 0xffff, 2);
    put_int(a, n < 0xffff ? n : 0xffff, 2);
    put_int(a, cut(size), 4);
    put_int(a, cut(start), 4);
    put_int(a, 0, 2);
}

static entry *begin(archive *a, const char *name, uint64_t size, uint32_t crc)
{
    entry *x = &a->entry[a->n++];
    *x = (entry){ .at = a->at, .size = size, .crc = crc };
    snprintf(x->name, sizeof x->name, "archive/%.31s", name);
    put_local(a, x);
    return x;
}

static void add_bytes(archive *a, const char *name, const char *p, size_t n)
{
    begin(a, name, n, (uint32_t)crc32(crc32(0, NULL, 0), (const Bytef *)p, (uInt)n));
    put(a, p, n);
}

/* The CRC stands before the data, so its header is written again once they are there. */
static void add_tensor(archive *a, const gm_out_tensor *t, int64_t i)
{
    char name[NAME_MAX_BYTES];
    snprintf(name, sizeof name, "data/%lld", (long long)i);
    entry *x = begin(a, name, gm_out_bytes(t), 0);
    if (a->failed || gm_out_write(a->file, t, &x->crc) != 0) {
        a->failed = true;
        return;
    }
    uint64_t end = a->at + x->size;
    a->failed = fseek(a->file, (long)x->at, SEEK_SET) != 0;
    put_local(a, x);
    a->failed = a->failed || fseek(a->file, (long)end, SEEK_SET) != 0;
    a->at = end;
}

/* ---- the pickle, protocol 2 ---- */

static void op_int(gm_text *p, char op, uint64_t v, int bytes)
{
    char b[9] = { op };
    for (int i = 0; i < bytes; i++) b[i + 1] = (char)(v >> (8 * i));
    gm_text_add(p, b, (size_t)bytes + 1);
}

static void op_text(gm_text *p, const char *s)
{
    op_int(p, 'X', strlen(s), 4);                       /* BINUNICODE */
    gm_text_adds(p, s);
}

static void op_number(gm_text *p, int64_t v)
{
    if (v <= INT32_MAX) op_int(p, 'J', (uint64_t)v, 4); /* BININT */
    else {
        gm_text_add(p, "\x8a\x08", 2);                  /* LONG1 of 8 bytes */
        char b[8];
        for (int i = 0; i < 8; i++) b[i] = (char)((uint64_t)v >> (8 * i));
        gm_text_add(p, b, 8);
    }
}

/* ('storage', type, key, 'cpu', elements) as a persistent id. */
static void pickle_storage(gm_text *p, const gm_out_tensor *t, int64_t i)
{
    static const char *const storage[GM_NTYPES] = {
        [GM_F32] = "FloatStorage", [GM_BF16] = "BFloat16Storage", [GM_F16] = "HalfStorage",
        [GM_I32] = "IntStorage", [GM_I64] = "LongStorage", [GM_U8] = "ByteStorage"
    };
    char key[24];
    snprintf(key, sizeof key, "%lld", (long long)i);
    gm_text_adds(p, "(");
    op_text(p, "storage");
    gm_text_adds(p, "ctorch\n");
    gm_text_adds(p, storage[t->type]);
    gm_text_adds(p, "\n");
    op_text(p, key);
    op_text(p, "cpu");
    op_number(p, gm_numel(t->x));
    gm_text_adds(p, "tQ");
}

static void pickle_tensor(gm_text *p, const gm_out_tensor *t, int64_t i)
{
    int64_t stride = gm_numel(t->x);
    op_text(p, t->name);
    gm_text_adds(p, "ctorch._utils\n_rebuild_tensor_v2\n(");
    pickle_storage(p, t, i);
    op_number(p, 0);
    gm_text_adds(p, "(");
    for (int d = 0; d < t->x.nd; d++) op_number(p, t->x.dim[d]);
    gm_text_adds(p, "t(");
    for (int d = 0; d < t->x.nd; d++) {
        stride = t->x.dim[d] ? stride / t->x.dim[d] : 0;
        op_number(p, stride);
    }
    gm_text_adds(p, "t\x89" "ccollections\nOrderedDict\n)RtR");  /* no gradient; no hooks */
}

static void pickle_all(gm_text *p, const gm_out_tensor *t, int64_t n)
{
    gm_text_adds(p, "\x80\x02" "ccollections\nOrderedDict\n)R(");
    for (int64_t i = 0; i < n; i++) pickle_tensor(p, &t[i], i);
    gm_text_adds(p, "u.");
}

int gm_torch_write(const char *path, const gm_out_tensor *t, int64_t n, gm_error *e)
{
    gm_text pickle = { 0 };
    gm_writer w;
    archive a = { .entry = calloc((size_t)n + 2, sizeof *a.entry) };
    pickle_all(&pickle, t, n);
    if (!a.entry || pickle.failed || gm_create(&w, path, e) != 0) {
        bool memory = !a.entry || pickle.failed;
        free(a.entry);
        gm_text_drop(&pickle);
        return memory ? gm_fail(e, "%s: out of memory for its list of tensors", path) : -1;
    }
    a.file = w.file;
    add_bytes(&a, "data.pkl", pickle.s, pickle.n);
    for (int64_t i = 0; i < n && !a.failed; i++) add_tensor(&a, &t[i], i);
    add_bytes(&a, "version", "3\n", 2);
    put_directory(&a);
    free(a.entry);
    gm_text_drop(&pickle);
    if (a.failed && !ferror(w.file)) {
        gm_discard(&w);
        return gm_fail(e, "%s: out of memory while writing", path);
    }
    return gm_commit(&w, e);
}
