/* Writing GGUF (version 3), and checking what was written: see gguf.h. */
#include <stdlib.h>
#include <string.h>
#include "../ref/kernels/typed.h"
#include "gguf.h"
#include "os.h"

enum { ALIGNMENT = 32, HEADER = 24 };     /* magic, version, two counts: before the keys */

typedef struct { uint8_t *p; size_t n, room; bool failed; } buffer;

struct gm_gguf_writer {
    buffer keys;
    uint64_t nkeys;
};

static void put(buffer *b, const void *p, size_t n)
{
    if (b->failed) return;
    if (n > b->room - b->n) {
        size_t room = 2 * b->room + n + 4096;
        uint8_t *more = realloc(b->p, room);
        if (!more) {
            b->failed = true;
            return;
        }
        b->p = more;
        b->room = room;
    }
    if (n) memcpy(b->p + b->n, p, n);
    b->n += n;
}

static void put_int(buffer *b, uint64_t v, int bytes)
{
    uint8_t p[8];
    for (int i = 0; i < bytes; i++) p[i] = (uint8_t)(v >> (8 * i));
    put(b, p, (size_t)bytes);
}

static void put_text(buffer *b, const char *s)
{
    put_int(b, strlen(s), 8);
    put(b, s, strlen(s));
}

gm_gguf_writer *gm_gguf_new(void) { return calloc(1, sizeof(gm_gguf_writer)); }

void gm_gguf_free(gm_gguf_writer *w)
{
    if (w) free(w->keys.p);
    free(w);
}

/* ---- keys ---- */

static void begin(gm_gguf_writer *w, const char *key, gm_gguf_type type)
{
    put_text(&w->keys, key);
    put_int(&w->keys, type, 4);
    w->nkeys++;
}

void gm_gguf_set_int(gm_gguf_writer *w, const char *key, gm_gguf_type type, int64_t v)
{
    begin(w, key, type);
    put_int(&w->keys, (uint64_t)v, gm_gguf_value_bytes(type));
}

void gm_gguf_set_float(gm_gguf_writer *w, const char *key, float v)
{
    begin(w, key, GM_GGUF_F32);
    put_int(&w->keys, gm_bits_of_float(v), 4);
}

void gm_gguf_set_text(gm_gguf_writer *w, const char *key, const char *v)
{
    begin(w, key, GM_GGUF_TEXT);
    put_text(&w->keys, v);
}

static void begin_array(gm_gguf_writer *w, const char *key, gm_gguf_type type, int64_t n)
{
    begin(w, key, GM_GGUF_ARRAY);
    put_int(&w->keys, type, 4);
    put_int(&w->keys, (uint64_t)n, 8);
}

void gm_gguf_set_array(gm_gguf_writer *w, const char *key, gm_gguf_type type, const void *v,
                       int64_t n)
{
    begin_array(w, key, type, n);
    put(&w->keys, v, (size_t)n * (size_t)gm_gguf_value_bytes(type));
}

void gm_gguf_set_texts(gm_gguf_writer *w, const char *key,
                       const char *(*text)(void *user, int64_t i), void *user, int64_t n)
{
    begin_array(w, key, GM_GGUF_TEXT, n);
    for (int64_t i = 0; i < n; i++) put_text(&w->keys, text(user, i));
}

/* ---- the file ---- */

static uint32_t ggml_type(gm_dtype t)
{
    switch (t) {
    case GM_F32: return 0;
    case GM_F16: return 1;
    case GM_Q4_0: return 2;
    case GM_Q4_1: return 3;
    case GM_Q8_0: return 8;
    case GM_Q4_K: return 12;
    case GM_Q5_K: return 13;
    case GM_Q6_K: return 14;
    case GM_I32: return 26;
    case GM_I64: return 27;
    case GM_BF16: return 30;
    default: return 24;                 /* bytes */
    }
}

static uint64_t padded(uint64_t n) { return (n + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT; }

/* Everything before the data; *sums is where the tensors' checksums will stand, *own the head's. */
static void head(buffer *b, gm_gguf_writer *w, const gm_out_tensor *t, int64_t n, size_t *sums,
                 size_t *own)
{
    uint64_t at = 0;
    uint32_t *none = calloc((size_t)n + 1, sizeof *none);
    gm_gguf_set_int(w, GM_GGUF_HEAD, GM_GGUF_U32, 0);
    *own = HEADER + w->keys.n - 4;
    if (none) gm_gguf_set_array(w, GM_GGUF_SUMS, GM_GGUF_U32, none, n);
    else b->failed = true;
    free(none);
    put(b, "GGUF", 4);
    put_int(b, 3, 4);
    put_int(b, (uint64_t)n, 8);
    put_int(b, w->nkeys, 8);
    put(b, w->keys.p, w->keys.n);
    *sums = b->n - 4 * (size_t)n;
    for (int64_t i = 0; i < n; i++) {
        const gm_tensor *x = &t[i].x;
        put_text(b, t[i].name);
        put_int(b, (uint64_t)x->nd, 4);
        for (int d = x->nd - 1; d >= 0; d--) put_int(b, (uint64_t)x->dim[d], 8);
        put_int(b, ggml_type(t[i].type), 4);
        put_int(b, at, 8);
        at += padded(gm_out_bytes(&t[i]));
    }
    static const uint8_t zeros[ALIGNMENT];
    put(b, zeros, (size_t)(padded(b->n) - b->n));
    b->failed = b->failed || w->keys.failed;
}

static int pad(FILE *f, uint64_t n)
{
    for (; n % ALIGNMENT; n++)
        if (fputc(0, f) == EOF) return -1;
    return 0;
}

static void set_u32(uint8_t *p, uint32_t v)
{
    for (int i = 0; i < 4; i++) p[i] = (uint8_t)(v >> (8 * i));
}

/* Head and tensors, then the head again with the checksums in the room left for them. */
static int body(FILE *f, const buffer *b, size_t sums, size_t own, const gm_out_tensor *t,
                int64_t n, void (*done)(void *user, int64_t i, uint64_t bytes), void *user)
{
    uint64_t bytes = 0;
    int bad = fwrite(b->p, 1, b->n, f) != b->n;
    for (int64_t i = 0; i < n && !bad; i++) {
        uint32_t crc = 0;
        bad = gm_out_write(f, &t[i], &crc) || pad(f, gm_out_bytes(&t[i]));
        set_u32(b->p + sums + 4 * (size_t)i, crc);
        bytes += gm_out_bytes(&t[i]);
        if (done) done(user, i, bytes);
    }
    set_u32(b->p + own, gm_crc32(0, b->p, b->n));
    return bad || fseek(f, 0, SEEK_SET) || fwrite(b->p, 1, b->n, f) != b->n;
}

int gm_gguf_write(gm_gguf_writer *w, const char *path, const gm_out_tensor *t, int64_t n,
                  void (*done)(void *user, int64_t i, uint64_t bytes), void *user, gm_error *e)
{
    buffer b = { 0 };
    size_t sums, own;
    gm_writer out;
    head(&b, w, t, n, &sums, &own);
    if (b.failed) {
        free(b.p);
        return gm_fail(e, "%s: out of memory for the metadata", path);
    }
    if (gm_create(&out, path, e) != 0) {
        free(b.p);
        return -1;
    }
    int bad = body(out.file, &b, sums, own, t, n, done, user);
    free(b.p);
    if (bad && !ferror(out.file)) {
        gm_discard(&out);
        return gm_fail(e, "%s: out of memory while writing", path);
    }
    return gm_commit(&out, e);          /* says what the disk has against it */
}

/* ---- checking ---- */

static uint32_t u32_at(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

/* The head reaches to the first tensor. */
static int check_head(const gm_file *f, const gm_gguf *g, const uint8_t *own, gm_error *e)
{
    static const uint8_t zero[4];
    const uint8_t *end = f->bytes + f->size;
    for (int64_t i = 0; i < gm_file_count(f); i++) {
        const uint8_t *p = gm_file_tensor(f, i).data;
        if (p >= f->bytes + g->tensors && p < end) end = p;
    }
    uint32_t crc = gm_crc32(0, f->bytes, (size_t)(own - f->bytes));
    crc = gm_crc32(crc, zero, sizeof zero);
    crc = gm_crc32(crc, own + 4, (size_t)(end - own - 4));
    if (crc == u32_at(own)) return 0;
    return gm_fail(e, "%s: the metadata are damaged: checksum %08x, wanted %08x", f->path,
                   (unsigned)crc, (unsigned)u32_at(own));
}

static int check_sums(const gm_file *f, const gm_gguf *g, gm_error *e)
{
    const gm_gguf_value *v = gm_gguf_find(g, GM_GGUF_SUMS), *h = gm_gguf_find(g, GM_GGUF_HEAD);
    if (!v || !v->array || v->type != GM_GGUF_U32 || v->n != (uint64_t)gm_file_count(f) || !h ||
        h->array || h->type != GM_GGUF_U32)
        return gm_fail(e, "%s: no checksums (%s, %s) to verify by: not written by glamm convert",
                       f->path, GM_GGUF_HEAD, GM_GGUF_SUMS);
    if (check_head(f, g, h->data, e) != 0) return -1;
    for (int64_t i = 0; i < gm_file_count(f); i++) {
        gm_tensor x = gm_file_tensor(f, i);
        uint32_t want = u32_at(v->data + 4 * i);
        uint32_t crc = gm_crc32(0, x.data, gm_bytes(x));
        if (crc != want)
            return gm_fail(e, "%s: %s is damaged: checksum %08x, wanted %08x", f->path,
                           gm_file_name(f, i), (unsigned)crc, (unsigned)want);
        gm_file_forget(f, x);
    }
    return 0;
}

int gm_gguf_verify(const char *path, gm_error *e)
{
    gm_gguf g = { 0 };
    gm_file *f = gm_file_open(path, e);
    int bad = f ? gm_gguf_open(&g, f->bytes, f->size, path, e) : -1;
    if (!bad) bad = check_sums(f, &g, e);
    gm_gguf_close(&g);
    gm_file_close(f);
    return bad;
}
