/* PNG files, written whole or not at all. */
#include "image_formats.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "os.h"

int gm_png_write(const char *path, const uint8_t *pixels, int64_t width, int64_t height, int channels, gm_error *e)
{
    if (width < 1 || height < 1 || height > 2 * GM_MAX_PIXELS / width || (channels != 1 && channels != 3))
        return gm_fail(e, "%s: wanted a picture of 1 to %lld pixels in 1 or 3 channels, found %lld x %lld in %d", path,
                       (long long)(2 * GM_MAX_PIXELS), (long long)width, (long long)height, channels);
    size_t n;
    gm_writer w;
    uint8_t *png = gm_stb_png(pixels, width, height, channels, &n);
    if (!png) return gm_fail(e, "%s: out of memory for a PNG of %lld x %lld", path, (long long)width, (long long)height);
    int bad = gm_create(&w, path, e);
    if (!bad && fwrite(png, 1, n, w.file) != n) {
        bad = gm_fail(e, "%s: cannot write: %s", path, strerror(errno));
        gm_discard(&w);
    }
    free(png);
    return bad ? -1 : gm_commit(&w, e);
}
