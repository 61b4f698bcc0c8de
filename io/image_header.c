/* Formats by their first bytes, sizes before anything is allocated, whether the file is whole. */
#include "image_formats.h"

#include <string.h>

static uint32_t big32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static uint32_t little32(const uint8_t *p)
{
    return (uint32_t)p[3] << 24 | (uint32_t)p[2] << 16 | (uint32_t)p[1] << 8 | p[0];
}

static int cut(const char *name, const char *format, gm_error *e)
{
    return gm_fail(e, "%s: the %s file ends before the picture does: it is cut off or damaged",
                   name, format);
}

/* Signature, then chunks of (length, type, data, CRC) up to IEND. */
static int png_header(gm_image_header *h, const uint8_t *b, size_t n, const char *name, gm_error *e)
{
    bool end = false;
    for (size_t at = 8; !end;) {
        if (n - at < 12) return cut(name, "PNG", e);
        size_t length = big32(b + at);
        const uint8_t *type = b + at + 4, *data = b + at + 8;
        if (length > n - at - 12) return cut(name, "PNG", e);
        if (at == 8) {
            if (length != 13 || memcmp(type, "IHDR", 4))
                return gm_fail(e, "%s: wanted a PNG header chunk first, found something else",
                               name);
            h->width = big32(data);
            h->height = big32(data + 4);
            h->wide = data[8] == 16;
        }
        if (!memcmp(type, "eXIf", 4)) h->orientation = gm_exif_orientation(data, length);
        end = !memcmp(type, "IEND", 4);
        at += length + 12;
    }
    return 0;
}

/* File header of 14 bytes, then an info header; its height is negative when rows run downwards.
 * Compressed forms are left to the decoder to refuse. */
static int bmp_header(gm_image_header *h, const uint8_t *b, size_t n, const char *name, gm_error *e)
{
    if (n < 26) return cut(name, "BMP", e);
    h->start = little32(b + 10);
    uint32_t info = little32(b + 14), bits, compression = 0;
    if (info == 12) {
        h->width = b[18] | b[19] << 8;
        h->height = b[20] | b[21] << 8;
        bits = b[24] | (uint32_t)b[25] << 8;
    } else {
        if (n < 34) return cut(name, "BMP", e);
        h->width = (int32_t)little32(b + 18);
        h->height = (int32_t)little32(b + 22);
        if (h->height < 0) h->height = -h->height;
        bits = b[28] | (uint32_t)b[29] << 8;
        compression = little32(b + 30);
    }
    if (compression != 0 && compression != 3)
        return gm_fail(e, "%s: wanted an uncompressed BMP, found compression %u", name,
                       compression);
    if (bits != 1 && bits != 4 && bits != 8 && bits != 16 && bits != 24 && bits != 32)
        return gm_fail(e, "%s: wanted a BMP of 1 to 32 bits a pixel, found %u", name, bits);
    if (h->width < 1 || h->height < 1 || h->width > GM_MAX_PIXELS || h->height > GM_MAX_PIXELS)
        return 0;
    uint64_t row = ((uint64_t)h->width * bits + 31) / 32 * 4;
    if (h->start > n || row * (uint64_t)h->height > n - h->start) return cut(name, "BMP", e);
    return 0;
}

/* One of the decimal numbers of a PNM header; -1 when there is none. */
static int64_t pnm_number(const uint8_t *b, size_t n, size_t *at)
{
    for (bool comment = false; *at < n; (*at)++) {
        uint8_t ch = b[*at];
        if (comment) comment = ch != '\n' && ch != '\r';
        else if (ch == '#') comment = true;
        else if (ch != ' ' && (ch < '\t' || ch > '\r')) break;
    }
    int64_t v = -1;
    for (; *at < n && b[*at] >= '0' && b[*at] <= '9'; (*at)++) {
        v = 10 * (v < 0 ? 0 : v) + b[*at] - '0';
        if (v > 1000000000) return -1;
    }
    return v;
}

static int pnm_header(gm_image_header *h, const uint8_t *b, size_t n, const char *name, gm_error *e)
{
    size_t at = 2;
    h->channels = b[1] == '6' ? 3 : 1;
    h->width = pnm_number(b, n, &at);
    h->height = pnm_number(b, n, &at);
    h->maxval = pnm_number(b, n, &at);
    h->start = at + 1;                                          /* one white space, then samples */
    if (h->width < 0 || h->height < 0 || h->maxval < 1 || h->maxval > 65535)
        return gm_fail(e, "%s: wanted width, height and a largest value of 1 to 65535 in the PNM "
                       "header, found something else", name);
    if (h->width > GM_MAX_PIXELS || h->height > GM_MAX_PIXELS) return 0;
    uint64_t sample = (uint64_t)h->channels * (h->maxval > 255 ? 2 : 1);
    uint64_t need = (uint64_t)h->width * (uint64_t)h->height * sample;
    if (h->start > n || need > n - h->start) return cut(name, "PNM", e);
    return 0;
}

/* From the first byte of a scan to the marker that ends it: 0xFF followed by neither 0 nor a
 * restart. */
static size_t jpeg_scan_end(const uint8_t *b, size_t n, size_t at)
{
    while (at + 1 < n && !(b[at] == 0xFF && b[at + 1] != 0 && b[at + 1] != 0xFF
                           && (b[at + 1] < 0xD0 || b[at + 1] > 0xD7))) at++;
    return at;
}

/* Huffman tables of (class, 16 counts, values): whole, and at most 256 values each. stb_image 2.27
 * takes more and writes past its own. */
static bool good_tables(const uint8_t *p, size_t n)
{
    while (n) {
        size_t values = 0;
        for (int i = 1; n >= 17 && i <= 16; i++) values += p[i];
        if (n < 17 || values > 256 || values > n - 17) return false;
        p += 17 + values;
        n -= 17 + values;
    }
    return true;
}

/* Marker segments of (0xFF, code, length, data) up to the end-of-image marker. */
static int jpeg_header(gm_image_header *h, const uint8_t *b, size_t n, const char *name,
                       gm_error *e)
{
    for (size_t at = 2;;) {
        while (at < n && b[at] != 0xFF) at++;                   /* decoders skip stray bytes too */
        while (at < n && b[at] == 0xFF) at++;                   /* fill bytes */
        if (at >= n) return cut(name, "JPEG", e);
        uint8_t code = b[at++];
        if (code == 0xD9) break;
        if (code == 0 || code == 1 || (code >= 0xD0 && code <= 0xD8)) continue;
        if (n - at < 2) return cut(name, "JPEG", e);
        size_t length = (size_t)b[at] << 8 | b[at + 1];
        if (length < 2 || length > n - at) return cut(name, "JPEG", e);
        const uint8_t *p = b + at + 2;
        bool frame = code >= 0xC0 && code <= 0xCF && code != 0xC4 && code != 0xC8 && code != 0xCC;
        if (frame && length >= 8 && !h->channels) {
            h->height = p[1] << 8 | p[2];
            h->width = p[3] << 8 | p[4];
            h->channels = p[5];
        }
        if (code == 0xC4 && !good_tables(p, length - 2))
            return gm_fail(e, "%s: cannot be decoded: a damaged Huffman table", name);
        if (code == 0xE1 && length > 8 && !memcmp(p, "Exif\0", 6))
            h->orientation = gm_exif_orientation(p + 6, length - 8);
        at += length;
        if (code == 0xDA) at = jpeg_scan_end(b, n, at);
    }
    if (h->channels) return 0;
    return gm_fail(e, "%s: wanted a JPEG with a picture, found no frame header", name);
}

static int unknown(const uint8_t *b, size_t n, const char *name, gm_error *e)
{
    const char *what = "";
    if (n >= 6 && !memcmp(b, "GIF8", 4)) what = " (a GIF)";
    if (n >= 12 && !memcmp(b, "RIFF", 4) && !memcmp(b + 8, "WEBP", 4)) what = " (a WebP)";
    if (n >= 4 && (!memcmp(b, "II*", 4) || !memcmp(b, "MM\0*", 4))) what = " (a TIFF)";
    if (n >= 12 && !memcmp(b + 4, "ftyp", 4)) what = " (a HEIC, AVIF or video)";
    char bytes[40] = "";
    for (size_t i = 0; i < n && i < 8; i++)
        for (int s = 4; s >= 0; s -= 4) strncat(bytes, &"0123456789abcdef"[b[i] >> s & 15], 1);
    return gm_fail(e, "%s: wanted a PNG, JPEG, BMP or binary PNM (P5, P6) image, found one that "
                   "starts with %s%s", name, bytes, what);
}

int gm_image_probe(gm_image_header *h, const uint8_t *b, size_t n, const char *name, gm_error *e)
{
    *h = (gm_image_header){ .orientation = 1 };
    int bad;
    if (n >= 8 && !memcmp(b, "\x89PNG\r\n\x1a\n", 8)) {
        h->format = GM_PNG;
        bad = png_header(h, b, n, name, e);
    } else if (n >= 3 && b[0] == 0xFF && b[1] == 0xD8 && b[2] == 0xFF) {
        h->format = GM_JPEG;
        bad = jpeg_header(h, b, n, name, e);
    } else if (n >= 2 && b[0] == 'B' && b[1] == 'M') {
        h->format = GM_BMP;
        bad = bmp_header(h, b, n, name, e);
    } else if (n >= 3 && b[0] == 'P' && (b[1] == '5' || b[1] == '6')) {
        h->format = GM_PNM;
        bad = pnm_header(h, b, n, name, e);
    } else {
        bad = unknown(b, n, name, e);
    }
    if (bad) return -1;
    if (h->width < 1 || h->height < 1)
        return gm_fail(e, "%s: wanted an image of at least 1 x 1 pixels, found %lld x %lld", name,
                       (long long)h->width, (long long)h->height);
    if (h->width > GM_MAX_PIXELS || h->height > GM_MAX_PIXELS / h->width)
        return gm_fail(e, "%s: the image is too large: %lld x %lld pixels, at most %lld in all "
                       "(scale it down first; the model sees about 1000 a side)", name,
                       (long long)h->width, (long long)h->height, (long long)GM_MAX_PIXELS);
    return 0;
}
