/* The one EXIF field that changes a picture: its orientation. */
#include "image_formats.h"

#include <string.h>

enum { ORIENTATION = 0x0112, SHORT = 3, LONG = 4 };

static uint32_t number(const uint8_t *p, int bytes, int big)
{
    uint32_t v = 0;
    for (int i = 0; i < bytes; i++) v |= (uint32_t)p[i] << 8 * (big ? bytes - 1 - i : i);
    return v;
}

int gm_exif_orientation(const uint8_t *tiff, size_t n)
{
    if (n < 8 || (memcmp(tiff, "II*", 4) && memcmp(tiff, "MM\0*", 4))) return 1;
    int big = tiff[0] == 'M';
    size_t ifd = number(tiff + 4, 4, big);
    if (ifd > n - 2) return 1;
    size_t entries = number(tiff + ifd, 2, big), room = (n - ifd - 2) / 12;
    for (size_t i = 0; i < entries && i < room; i++) {
        const uint8_t *p = tiff + ifd + 2 + 12 * i;             /* tag, type, count, value */
        uint32_t type = number(p + 2, 2, big);
        if (number(p, 2, big) != ORIENTATION || (type != SHORT && type != LONG)) continue;
        uint32_t v = number(p + 8, type == SHORT ? 2 : 4, big);
        return v >= 1 && v <= 8 ? (int)v : 1;
    }
    return 1;
}
