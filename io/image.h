/* Images in, pixels for the two encoders, pictures out. */
#ifndef GM_IO_IMAGE_H
#define GM_IO_IMAGE_H
#include "../ref/config.h"
#include "../ref/error.h"

/* Decodes a file held in memory (name is for messages).  Owner frees with gm_image_free. */
int gm_image_decode(gm_image *im, const uint8_t *bytes, size_t n, const char *name, gm_error *e);
/* "libjpeg-turbo" or "stb_image": which reads JPEG in this build (jpeg_turbo.c, jpeg_stb.c). */
const char *gm_jpeg_reader(void);

typedef enum { GM_BILINEAR, GM_BICUBIC } gm_filter;
/* Pillow's resize of 8-bit RGB, bit for bit (docs/IMAGES.md).  out: ow x oh x 3. */
int gm_image_resize(gm_image *out, const gm_image *in, int64_t ow, int64_t oh, gm_filter f,
                    gm_error *e);

/* The w x h part at x0, y0 of the same resize to ow x oh; the rest is not computed. */
int gm_image_resize_part(gm_image *out, const gm_image *in, int64_t ow, int64_t oh, gm_filter f,
                         int64_t x0, int64_t y0, int64_t w, int64_t h, gm_error *e);

/* The sizes to which the encoders' preprocessing resizes a width x height image; the SAM one
 * may have a side of 0 for extreme shapes, which is then an error in gm_pixels_sam. */
void gm_size_clip(int64_t width, int64_t height, int64_t shortest, int64_t *ow, int64_t *oh);
void gm_size_sam(int64_t width, int64_t height, int64_t S, int64_t *ow, int64_t *oh);
/* out (3, crop, crop): the global encoder's pixels. */
int gm_pixels_clip(float *out, const gm_image *im, const gm_config *g, gm_error *e);
/* out (3, S, S), resized[2] = height, width of the image inside it: the grounding encoder's
 * pixels. */
int gm_pixels_sam(float *out, const gm_image *im, int64_t S, int64_t resized[2], gm_error *e);

/* Boxes in pixels -> 0..1, x1 y1 x2 y2.  bf16: through double -> float16 -> bfloat16 as the release
 * does (QUIRKS Q4), else rounded to float. */
void gm_boxes_normalise(float *out, const double (*boxes)[4], int64_t n, int64_t width,
                        int64_t height, bool bf16);

/* PNG written to a temporary name, then renamed.  channels 1 or 3. */
int gm_png_write(const char *path, const uint8_t *pixels, int64_t width, int64_t height,
                 int channels, gm_error *e);

/* The picture of an answer: masks blended over the image, each in its own colour, outlines, boxes,
 * and below it a legend of the caption with every phrase in its mask's colour. */
int gm_overlay_draw(gm_image *picture, const gm_image *im, const gm_answer *a,
                    const double (*boxes)[4], int64_t nboxes, gm_error *e);
/* The same into a PNG file. */
int gm_overlay_write(const char *path, const gm_image *im, const gm_answer *a,
                     const double (*boxes)[4], int64_t nboxes, gm_error *e);
/* The same without the legend. */
int gm_masks_write(const char *path, const gm_image *im, const gm_answer *a,
                   const double (*boxes)[4], int64_t nboxes, gm_error *e);
/* The colour of mask k, the same in overlays and on the terminal. */
void gm_mask_colour(int64_t k, uint8_t rgb[3]);

#endif
