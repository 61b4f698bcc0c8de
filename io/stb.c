/* The one place where the stb headers become code: reading PNG and BMP (JPEG where jpeg_stb.c is built in),
 * writing PNG.  Static: the library exports none of their names. */
#include "image_formats.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* Zeroed: a damaged JPEG may use tables that it never defined, which 2.27 does not clear. */
#define STBI_MALLOC(n) calloc(1, n)
#define STBI_REALLOC(p, n) realloc(p, n)
#define STBI_FREE(p) free(p)
#define STBI_ONLY_PNG
#define STBI_ONLY_BMP
#define STBI_ONLY_JPEG
#define STBI_NO_STDIO
#define STBI_FAILURE_USERMSG
#define STB_IMAGE_STATIC
#define STB_IMAGE_IMPLEMENTATION
#include <stb/stb_image.h>

#define STBI_WRITE_NO_STDIO
#define STB_IMAGE_WRITE_STATIC
#define STB_IMAGE_WRITE_IMPLEMENTATION
#include <stb/stb_image_write.h>

int gm_stb_decode(uint8_t *rgb, const gm_image_header *h, const uint8_t *bytes, size_t n,
                  const char *name, gm_error *e)
{
    int width, height, channels;
    if (n > INT32_MAX) return gm_fail(e, "%s: the file is too large: %zu bytes", name, n);
    uint8_t *p = stbi_load_from_memory(bytes, (int)n, &width, &height, &channels, 3);
    if (!p) return gm_fail(e, "%s: cannot be decoded: %s", name, stbi_failure_reason());
    bool same = width == h->width && height == h->height;
    if (same) memcpy(rgb, p, (size_t)width * (size_t)height * 3);
    stbi_image_free(p);
    return same ? 0 : gm_fail(e, "%s: cannot be decoded: two different sizes in one file", name);
}

uint8_t *gm_stb_png(const uint8_t *pixels, int64_t width, int64_t height, int channels, size_t *n)
{
    int length = 0;
    uint8_t *png = stbi_write_png_to_mem(pixels, (int)width * channels, (int)width, (int)height, channels, &length);
    *n = (size_t)length;
    return png;
}
