/* JPEG through libjpeg-turbo, bit-equal to what OpenCV and Pillow give. */
#include "image_formats.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <turbojpeg.h>

const char *gm_jpeg_reader(void)
{
    return "libjpeg-turbo";
}

/* OpenCV's icvCvt_CMYK2BGR_8u_C4C3R (imgcodecs utils.cpp): inverted CMYK, as Adobe stores it. */
static void cmyk_to_rgb(uint8_t *rgb, const uint8_t *cmyk, size_t pixels)
{
    for (size_t i = 0; i < pixels; i++) {
        int k = cmyk[4 * i + 3];
        for (int c = 0; c < 3; c++)
            rgb[3 * i + c] = (uint8_t)(k - ((255 - cmyk[4 * i + c]) * k >> 8));
    }
}

/* Warnings that leave every pixel decoded; any other means that part of the picture is made up. */
static bool harmless(const char *warning)
{
    return strstr(warning, "extraneous bytes") || strstr(warning, "SOS parameters")
        || strstr(warning, "Adobe");
}

int gm_jpeg_decode(uint8_t *rgb, const gm_image_header *h, const uint8_t *bytes, size_t n,
                   const char *name, gm_error *e)
{
    size_t pixels = (size_t)h->width * (size_t)h->height;
    bool cmyk = h->channels == 4;
    uint8_t *four = cmyk ? malloc(pixels * 4) : NULL;
    tjhandle t = tjInitDecompress();
    int bad = 0;
    if (!t || (cmyk && !four)) {
        bad = gm_fail(e, "%s: out of memory for a JPEG of %lld x %lld pixels", name,
                      (long long)h->width, (long long)h->height);
    } else if (tjDecompress2(t, bytes, n, cmyk ? four : rgb, (int)h->width, 0, (int)h->height,
                             cmyk ? TJPF_CMYK : TJPF_RGB,
                             TJFLAG_ACCURATEDCT | TJFLAG_LIMITSCANS) != 0) {
        const char *why = tjGetErrorStr2(t);
        if (tjGetErrorCode(t) != TJERR_WARNING || !harmless(why))
            bad = gm_fail(e, "%s: cannot be decoded: %s", name, why);
    }
    if (!bad && cmyk) cmyk_to_rgb(rgb, four, pixels);
    if (t) tjDestroy(t);
    free(four);
    return bad;
}
