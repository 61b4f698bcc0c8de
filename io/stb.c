/* stb_image: reads PNG and BMP, and JPEG where jpeg_stb.c is built in. Static: the library exports
 * none of its names. */
#include "image_formats.h"

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

/* The samples of a 16-bit PNG without their low bytes; stbi_load does the same but leaks when out
 * of memory. */
static uint8_t *load(const uint8_t *bytes, int n, bool wide, int *width, int *height)
{
    int channels;
    if (!wide) return stbi_load_from_memory(bytes, n, width, height, &channels, 3);
    uint16_t *p = stbi_load_16_from_memory(bytes, n, width, height, &channels, 3);
    uint8_t *low = (uint8_t *)p;
    for (int64_t i = 0; p && i < 3 * (int64_t)*width * *height; i++) low[i] = (uint8_t)(p[i] >> 8);
    return low;
}

int gm_stb_decode(uint8_t *rgb, const gm_image_header *h, const uint8_t *bytes, size_t n,
                  const char *name, gm_error *e)
{
    int width, height;
    if (n > INT32_MAX) return gm_fail(e, "%s: the file is too large: %zu bytes", name, n);
    uint8_t *p = load(bytes, (int)n, h->wide, &width, &height);
    if (!p) return gm_fail(e, "%s: cannot be decoded: %s", name, stbi_failure_reason());
    bool same = width == h->width && height == h->height;
    if (same) memcpy(rgb, p, (size_t)width * (size_t)height * 3);
    stbi_image_free(p);
    return same ? 0 : gm_fail(e, "%s: cannot be decoded: two different sizes in one file", name);
}
