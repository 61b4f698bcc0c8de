/* Zip entries.  Source: PKWARE APPNOTE 6.3, sections 4.3.7 (local header), 4.3.12
 * (directory), 4.3.14 to 4.3.16 (end records), 4.5.3 (zip64 extra field). */
#include "zip.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum {
    LOCAL = 0x04034b50,
    CENTRAL = 0x02014b50,
    END = 0x06054b50,
    END64 = 0x06064b50,
    LOCATOR64 = 0x07064b50
};
enum { LOCAL_SIZE = 30, CENTRAL_SIZE = 46, END_SIZE = 22, END64_SIZE = 56, LOCATOR_SIZE = 20 };

typedef struct {
    const uint8_t *bytes;
    size_t n;
    const char *name;
    uint64_t at, size, count;           /* of the directory */
    bool deflated;                      /* entries may be */
} archive;

enum { STORED = 0, DEFLATED = 8 };      /* methods */

static uint64_t little(const uint8_t *p, int n)
{
    uint64_t v = 0;
    while (n--) v = v << 8 | p[n];
    return v;
}

/* Whether `size` bytes at `at` lie inside. */
static bool inside(const archive *a, uint64_t at, uint64_t size)
{
    return at <= a->n && size <= a->n - at;
}

/* The end record: last 22 bytes and up to 65535 bytes of comment. */
static int find_directory(archive *a, gm_error *e)
{
    size_t at = a->n >= END_SIZE ? a->n - END_SIZE + 1 : 0,
           low = a->n > 65535 + END_SIZE ? a->n - 65535 - END_SIZE : 0;
    while (at > low && little(a->bytes + at - 1, 4) != END) at--;
    if (at <= low)
        return gm_fail(e, "%s: a zip file without its directory at the end: the file is cut off",
                       a->name);
    at--;
    const uint8_t *p = a->bytes + at;
    a->count = little(p + 10, 2);
    a->size = little(p + 12, 4);
    a->at = little(p + 16, 4);
    if (a->count == 0xffff || a->size == 0xffffffff || a->at == 0xffffffff) {
        const uint8_t *l = p - LOCATOR_SIZE;
        if (at < LOCATOR_SIZE || little(l, 4) != LOCATOR64)
            return gm_fail(e, "%s: a zip64 file without its zip64 locator", a->name);
        uint64_t where = little(l + 8, 8);
        if (!inside(a, where, END64_SIZE) || little(a->bytes + where, 4) != END64)
            return gm_fail(e, "%s: a zip64 file without its zip64 end record", a->name);
        p = a->bytes + where;
        a->count = little(p + 32, 8);
        a->size = little(p + 40, 8);
        a->at = little(p + 48, 8);
    }
    if (!inside(a, a->at, a->size) || a->count > a->size / CENTRAL_SIZE)
        return gm_fail(e,
                       "%s: the zip directory (%llu entries, %llu bytes at %llu) "
                       "does not fit the file of %zu bytes",
                       a->name, (unsigned long long)a->count, (unsigned long long)a->size,
                       (unsigned long long)a->at, a->n);
    return 0;
}

/* Replaces the 32-bit fields that are full by those of the zip64 extra field; 0 when one is
 * missing. */
static bool zip64_fields(const uint8_t *extra, size_t n, uint64_t *size, uint64_t *packed,
                         uint64_t *at)
{
    uint64_t *field[3] = { size, packed, at };
    bool wanted = *size == 0xffffffff || *packed == 0xffffffff || *at == 0xffffffff;
    for (size_t i = 0; wanted && i + 4 <= n;) {
        size_t id = (size_t)little(extra + i, 2), length = (size_t)little(extra + i + 2, 2);
        i += 4;
        if (length > n - i) return false;
        if (id != 1) {
            i += length;
            continue;
        }
        for (int k = 0; k < 3; k++) {
            if (*field[k] != 0xffffffff) continue;
            if (length < 8) return false;
            *field[k] = little(extra + i, 8);
            i += 8;
            length -= 8;
        }
        return true;
    }
    return !wanted;
}

/* One directory record at p (room bytes left) -> out; *used bytes of it. */
static int read_record(const archive *a, const uint8_t *p, uint64_t room, gm_zip_entry *out,
                       uint64_t *used, gm_error *e)
{
    if (room < CENTRAL_SIZE || little(p, 4) != CENTRAL)
        return gm_fail(e, "%s: a broken record in the zip directory", a->name);
    unsigned flags = (unsigned)little(p + 8, 2), method = (unsigned)little(p + 10, 2);
    uint64_t packed = little(p + 20, 4), size = little(p + 24, 4), at = little(p + 42, 4);
    size_t name = (size_t)little(p + 28, 2), extra = (size_t)little(p + 30, 2),
           comment = (size_t)little(p + 32, 2);
    *used = CENTRAL_SIZE + name + extra + comment;
    if (*used > room) return gm_fail(e, "%s: a broken record in the zip directory", a->name);
    const char *text = (const char *)p + CENTRAL_SIZE;
    int shown = name < 200 ? (int)name : 200;
    if (!zip64_fields(p + CENTRAL_SIZE + name, extra, &size, &packed, &at))
        return gm_fail(e, "%s: %.*s: broken zip64 sizes", a->name, shown, text);
    if (flags & 1) return gm_fail(e, "%s: %.*s: the zip entry is encrypted", a->name, shown, text);
    bool deflated = a->deflated && method == DEFLATED && packed > 0;
    if (!deflated && (method != STORED || packed != size))
        return gm_fail(e,
                       "%s: %.*s: the zip entry is compressed (method %u); torch stores them plain",
                       a->name, shown, text, method);
    if (!inside(a, at, LOCAL_SIZE) || little(a->bytes + at, 4) != LOCAL)
        return gm_fail(e, "%s: %.*s: no zip entry where the directory says (%llu)", a->name, shown,
                       text, (unsigned long long)at);
    uint64_t data = at + LOCAL_SIZE + little(a->bytes + at + 26, 2) + little(a->bytes + at + 28, 2);
    if (!inside(a, data, packed))
        return gm_fail(e, "%s: %.*s: %llu bytes at %llu lie past the end of the file (%zu bytes)",
                       a->name, shown, text, (unsigned long long)packed, (unsigned long long)data,
                       a->n);
    out->name = malloc(name + 1);
    if (!out->name) return gm_fail(e, "%s: out of memory", a->name);
    memcpy(out->name, text, name);
    out->name[name] = 0;
    out->data = a->bytes + data;
    out->size = (size_t)size;
    out->packed = deflated ? (size_t)packed : 0;
    return 0;
}

static int open_archive(gm_zip *z, archive a, gm_error *e)
{
    const uint8_t *bytes = a.bytes;
    const char *name = a.name;
    *z = (gm_zip){ 0 };
    if (find_directory(&a, e) != 0) return -1;
    z->entry = calloc((size_t)a.count + 1, sizeof *z->entry);
    z->order = malloc(((size_t)a.count + 1) * sizeof *z->order);
    if (!z->entry || !z->order) return gm_fail(e, "%s: out of memory", name);
    uint64_t at = 0, used = 0;
    for (uint64_t i = 0; i < a.count; i++, at += used) {
        if (read_record(&a, bytes + a.at + at, a.size - at, &z->entry[i], &used, e) != 0) return -1;
        z->order[i] = (gm_named){ z->entry[i].name, (int64_t)i };
        z->n++;
    }
    const char *twice = gm_names_sort(z->order, z->n);
    return twice ? gm_fail(e, "%s: the zip entry %.200s is there twice", name, twice) : 0;
}

int gm_zip_open(gm_zip *z, const uint8_t *bytes, size_t n, const char *name, gm_error *e)
{
    return open_archive(z, (archive){ .bytes = bytes, .n = n, .name = name }, e);
}

int gm_zip_open_deflated(gm_zip *z, const uint8_t *bytes, size_t n, const char *name, gm_error *e)
{
    return open_archive(z, (archive){ .bytes = bytes, .n = n, .name = name, .deflated = true }, e);
}

const gm_zip_entry *gm_zip_find(const gm_zip *z, const char *name)
{
    int64_t i = gm_names_find(z->order, z->n, name);
    return i < 0 ? NULL : &z->entry[i];
}

void gm_zip_close(gm_zip *z)
{
    for (int64_t i = 0; i < z->n; i++) free(z->entry[i].name);
    free(z->entry);
    free(z->order);
    *z = (gm_zip){ 0 };
}
