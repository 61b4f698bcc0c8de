/* Deflated zip entries: RFC 1951, through zlib. */
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include "zip.h"

enum { MOST_RATIO = 1032 };             /* deflate packs no denser (zlib's technical notes) */

/* out has room for exactly `size` bytes; false unless `in` gives that many. */
static bool inflate_all(uint8_t *out, size_t size, const uint8_t *in, size_t packed)
{
    z_stream z = { .next_in = (Bytef *)in, .avail_in = (uInt)packed };
    if (packed > UINT32_MAX || size > UINT32_MAX || inflateInit2(&z, -MAX_WBITS) != Z_OK)
        return false;
    z.next_out = out;
    z.avail_out = (uInt)size;
    int status = inflate(&z, Z_FINISH);
    bool good = status == Z_STREAM_END && z.total_out == size;
    inflateEnd(&z);
    return good;
}

char *gm_zip_text(const gm_zip *z, const char *entry, const char *name, gm_error *e)
{
    const gm_zip_entry *found = gm_zip_find(z, entry);
    if (!found) {
        gm_fail(e, "%s: holds no %s", name, entry);
        return NULL;
    }
    bool good = !found->packed || found->size / MOST_RATIO <= found->packed;
    char *text = good ? malloc(found->size + 1) : NULL;
    if (good && !text) {
        gm_fail(e, "%s: %s: out of memory for %zu bytes", name, entry, found->size);
        return NULL;
    }
    if (good && !found->packed) memcpy(text, found->data, found->size);
    else if (good) good = inflate_all((uint8_t *)text, found->size, found->data, found->packed);
    if (!good) {
        free(text);
        gm_fail(e, "%s: %s: the packed bytes are damaged", name, entry);
        return NULL;
    }
    text[found->size] = 0;
    return text;
}
