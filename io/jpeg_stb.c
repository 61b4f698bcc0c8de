/* JPEG through stb_image, where libjpeg-turbo is not installed: up to 3 levels off what the authors
 * read. */
#include "image_formats.h"

const char *gm_jpeg_reader(void)
{
    return "stb_image";
}

int gm_jpeg_decode(uint8_t *rgb, const gm_image_header *h, const uint8_t *bytes, size_t n,
                   const char *name, gm_error *e)
{
    return gm_stb_decode(rgb, h, bytes, n, name, e);
}
