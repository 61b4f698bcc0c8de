/* Drawing on 8-bit RGB pictures: rounded rectangles, text, numbered badges. */
#ifndef GM_IO_DRAW_H
#define GM_IO_DRAW_H
#include <stdbool.h>
#include "image.h"

typedef uint8_t gm_colour[3];

/* Colour c over pixel x, y, which may lie outside. alpha 0..1. */
void gm_draw_pixel(gm_image *im, int64_t x, int64_t y, const gm_colour c, double alpha);
/* A filled rectangle with round corners, antialiased. */
void gm_draw_rect(gm_image *im, double x, double y, double w, double h, double radius,
                  const gm_colour c, double alpha);
/* Black or white, whichever can be read on c. */
void gm_ink(gm_colour ink, const gm_colour c);

/* DejaVu Sans, shipped in io/font, at one size (pixels from ascent to descent, at most 160). */
typedef struct gm_font gm_font;
gm_font *gm_font_new(double pixels, gm_error *e);
void gm_font_free(gm_font *f);
double gm_font_pixels(const gm_font *f);
/* Text is n bytes of UTF-8; what is no UTF-8 and what the font lacks show as a box. */
double gm_text_width(const gm_font *f, const char *text, size_t n);
/* The bytes of the character at text, n > 0 bytes. */
size_t gm_text_step(const char *text, size_t n);
void gm_draw_text(gm_image *im, const gm_font *f, double x, double top, const char *text, size_t n,
                  const gm_colour c);

/* A round badge in colour c with text in it, as high as the font; drawn only with an image.  Its
 * width. */
double gm_draw_badge(gm_image *im, const gm_font *f, double x, double top, const char *text,
                     const gm_colour c);

/* The panel below an overlay from row `top` on: the caption with its phrases marked, then masks
 * without a phrase. Returns its height; draws only with an image. */
int64_t gm_draw_legend(gm_image *im, int64_t width, int64_t top, const gm_answer *a,
                       const gm_font *f);

#endif
