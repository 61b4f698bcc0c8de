/* Image files to 8-bit RGB, upright. */
#include "image_formats.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include "os.h"

/* Binary PNM by hand: stb_image reads 16-bit samples in the wrong byte order and ignores the
 * largest value. */
static void pnm_decode(uint8_t *rgb, const gm_image_header *h, const uint8_t *bytes)
{
    const uint8_t *p = bytes + h->start;
    int64_t n = h->width * h->height, wide = h->maxval > 255;
    for (int64_t i = 0; i < n; i++) {
        for (int64_t c = 0; c < 3; c++) {
            int64_t at = i * h->channels + (h->channels == 3 ? c : 0);
            int64_t v = wide ? p[2 * at] << 8 | p[2 * at + 1] : p[at];
            if (h->maxval == 65535) v >>= 8;                    /* as 16-bit PNG */
            else if (h->maxval != 255)
                v = v < h->maxval ? (v * 255 + h->maxval / 2) / h->maxval : 255;
            rgb[3 * i + c] = (uint8_t)v;
        }
    }
}

/* out: the image turned as EXIF orientation o says.  5 to 8 swap width and height. */
static void turn(gm_image *out, const gm_image *in, int o)
{
    bool swap = o >= 5, flip_x = o == 2 || o == 3 || o == 7 || o == 8;
    bool flip_y = o == 3 || o == 4 || o == 6 || o == 7;
    for (int64_t y = 0; y < out->height; y++) {
        for (int64_t x = 0; x < out->width; x++) {
            int64_t sx = swap ? y : x, sy = swap ? x : y;
            if (flip_x) sx = in->width - 1 - sx;
            if (flip_y) sy = in->height - 1 - sy;
            memcpy(out->rgb + 3 * (y * out->width + x), in->rgb + 3 * (sy * in->width + sx), 3);
        }
    }
}

static int upright(gm_image *im, int orientation, const char *name, gm_error *e)
{
    if (orientation == 1) return 0;
    bool swap = orientation >= 5;
    gm_image turned = { swap ? im->height : im->width, swap ? im->width : im->height, NULL };
    turned.rgb = malloc((size_t)im->width * (size_t)im->height * 3);
    if (!turned.rgb) return gm_fail(e, "%s: out of memory while turning the image", name);
    turn(&turned, im, orientation);
    free(im->rgb);
    *im = turned;
    return 0;
}

int gm_image_decode(gm_image *im, const uint8_t *bytes, size_t n, const char *name, gm_error *e)
{
    gm_image_header h;
    *im = (gm_image){ 0 };
    if (gm_image_probe(&h, bytes, n, name, e) != 0) return -1;
    gm_image got = { h.width, h.height, malloc((size_t)h.width * (size_t)h.height * 3) };
    if (!got.rgb)
        return gm_fail(e, "%s: out of memory for %lld x %lld pixels", name, (long long)h.width,
                       (long long)h.height);
    int bad = 0;
    if (h.format == GM_PNM) pnm_decode(got.rgb, &h, bytes);
    else if (h.format == GM_JPEG) bad = gm_jpeg_decode(got.rgb, &h, bytes, n, name, e);
    else bad = gm_stb_decode(got.rgb, &h, bytes, n, name, e);
    if (!bad) bad = upright(&got, h.orientation, name, e);
    if (bad) {
        gm_image_free(&got);
        return -1;
    }
    *im = got;
    return 0;
}

int gm_image_read(gm_image *im, const char *path, gm_error *e)
{
    size_t n;
    *im = (gm_image){ 0 };
    const uint8_t *bytes = gm_map(path, &n, e);
    if (!bytes) return -1;
    int bad = gm_image_decode(im, bytes, n, path, e);
    gm_unmap(bytes, n);
    return bad;
}

void gm_image_free(gm_image *im)
{
    free(im->rgb);
    *im = (gm_image){ 0 };
}
