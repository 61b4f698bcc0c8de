/* What image.c shares with the readers of single formats. */
#ifndef GM_IO_IMAGE_FORMATS_H
#define GM_IO_IMAGE_FORMATS_H
#include <stdbool.h>
#include "image.h"

/* The most pixels an image may have: 201 MB of RGB.  A header that claims more is refused before
 * anything is allocated. */
#define GM_MAX_PIXELS ((int64_t)1 << 26)

typedef enum { GM_PNG, GM_JPEG, GM_BMP, GM_PNM } gm_format;

typedef struct {
    gm_format format;
    int64_t width, height;      /* as stored, before the orientation is applied */
    int channels;               /* JPEG, PNM */
    bool wide;                  /* PNG of 16 bits a sample */
    int orientation;            /* EXIF 1..8; 1 upright */
    int64_t maxval;             /* PNM */
    size_t start;               /* PNM, BMP: where the samples begin */
} gm_image_header;

/* Tells the format from its first bytes, reads the sizes and checks that the file holds them: sides
 * of at least 1, at most GM_MAX_PIXELS, and an end that is there. */
int gm_image_probe(gm_image_header *h, const uint8_t *bytes, size_t n, const char *name,
                   gm_error *e);

/* The orientation (1..8) in a TIFF block as EXIF has it; 1 when it is not there or broken. */
int gm_exif_orientation(const uint8_t *tiff, size_t n);

/* rgb: room for h->width x h->height x 3.  jpeg_turbo.c or jpeg_stb.c. */
int gm_jpeg_decode(uint8_t *rgb, const gm_image_header *h, const uint8_t *bytes, size_t n,
                   const char *name, gm_error *e);
/* PNG and BMP, and JPEG for jpeg_stb.c.  stb.c */
int gm_stb_decode(uint8_t *rgb, const gm_image_header *h, const uint8_t *bytes, size_t n,
                  const char *name, gm_error *e);

#endif
