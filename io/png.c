/* PNG files, written row by row, whole or not at all. */
#include "image_formats.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include "os.h"

enum { BLOCK = 1 << 16 };               /* bytes of compressed data a chunk */

/* A file under way.  row: the filter byte and one row as filtered. */
typedef struct { FILE *file; z_stream z; uint8_t *block, *row; bool failed; } png;

static void put32(uint8_t *p, uint32_t v)
{
    for (int i = 0; i < 4; i++) p[i] = (uint8_t)(v >> (24 - 8 * i));
}

/* Length, type, data, CRC of type and data. */
static void chunk(png *p, const char *type, const uint8_t *data, size_t n)
{
    uint8_t head[8], crc[4];
    put32(head, (uint32_t)n);
    memcpy(head + 4, type, 4);
    uLong sum = crc32(crc32(0, NULL, 0), head + 4, 4);
    put32(crc, (uint32_t)(n ? crc32(sum, data, (uInt)n) : sum));
    p->failed = p->failed || fwrite(head, 1, 8, p->file) != 8
        || (n && fwrite(data, 1, n, p->file) != n)
             || fwrite(crc, 1, 4, p->file) != 4;
}

/* Compresses what z holds; every full block becomes a chunk, at the end the rest does. */
static void squeeze(png *p, bool end)
{
    int more = Z_OK;
    while (more == Z_OK && !p->failed && (end || p->z.avail_in)) {
        more = deflate(&p->z, end ? Z_FINISH : Z_NO_FLUSH);
        if (p->z.avail_out && !end) continue;
        chunk(p, "IDAT", p->block, BLOCK - p->z.avail_out);
        p->z.next_out = p->block;
        p->z.avail_out = BLOCK;
    }
}

/* The Paeth filter: what left, up and upper left foretell, taken away (PNG specification 9.4). */
static void filter_row(uint8_t *out, const uint8_t *row, const uint8_t *above, int64_t n,
                       int64_t channels)
{
    *out++ = 4;
    for (int64_t i = 0; i < n; i++) {
        int a = i < channels ? 0 : row[i - channels], b = above ? above[i] : 0;
        int c = i < channels || !above ? 0 : above[i - channels];
        int da = abs(b - c), db = abs(a - c), dc = abs(a + b - 2 * c);
        out[i] = (uint8_t)(row[i] - (da <= db && da <= dc ? a : db <= dc ? b : c));
    }
}

static void write_picture(png *p, const uint8_t *pixels, int64_t width, int64_t height,
                          int channels)
{
    uint8_t head[13] = { 0 };
    put32(head, (uint32_t)width);
    put32(head + 4, (uint32_t)height);
    head[8] = 8;
    head[9] = channels == 3 ? 2 : 0;
    p->failed = fwrite("\x89PNG\r\n\x1a\n", 1, 8, p->file) != 8;
    chunk(p, "IHDR", head, sizeof head);
    p->z.next_out = p->block;
    p->z.avail_out = BLOCK;
    int64_t n = width * channels;
    for (int64_t y = 0; y < height && !p->failed; y++) {
        filter_row(p->row, pixels + y * n, y ? pixels + (y - 1) * n : NULL, n, channels);
        p->z.next_in = p->row;
        p->z.avail_in = (uInt)n + 1;
        squeeze(p, false);
    }
    squeeze(p, true);
    chunk(p, "IEND", NULL, 0);
}

int gm_png_write(const char *path, const uint8_t *pixels, int64_t width, int64_t height,
                 int channels, gm_error *e)
{
    if (width < 1 || height < 1 || height > 2 * GM_MAX_PIXELS / width
        || (channels != 1 && channels != 3))
        return gm_fail(e, "%s: wanted a picture of 1 to %lld pixels in 1 or 3 channels, found %lld "
                       "x %lld in %d", path, (long long)(2 * GM_MAX_PIXELS), (long long)width,
                       (long long)height, channels);
    gm_writer w;
    if (gm_create(&w, path, e) != 0) return -1;
    png p = { .file = w.file, .block = malloc(BLOCK),
              .row = malloc((size_t)(width * channels) + 1) };
    bool room = p.block && p.row && deflateInit(&p.z, 4) == Z_OK;
    if (room) {
        write_picture(&p, pixels, width, height, channels);
        if (p.failed) gm_fail(e, "%s: cannot write: %s", path, strerror(errno));
        deflateEnd(&p.z);
    } else {
        gm_fail(e, "%s: out of memory for a PNG of %lld x %lld", path, (long long)width,
                (long long)height);
    }
    free(p.row);
    free(p.block);
    if (room && !p.failed) return gm_commit(&w, e);
    gm_discard(&w);
    return -1;
}
