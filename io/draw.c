/* Shapes and the palette. */
#include "draw.h"

#include <math.h>
#include <string.h>

/* Colours that stay apart on photographs and from each other; the first ones most of all. */
void gm_mask_colour(int64_t k, uint8_t rgb[3])
{
    static const gm_colour palette[] = {
        { 230, 57, 70 }, { 33, 118, 255 }, { 255, 190, 11 }, { 46, 184, 92 }, { 157, 78, 221 },
        { 255, 127, 17 }, { 0, 187, 212 }, { 240, 98, 196 }, { 139, 195, 24 }, { 141, 85, 56 },
        { 72, 79, 200 }, { 0, 137, 123 }, { 255, 145, 132 }, { 128, 128, 0 }, { 173, 20, 87 },
        { 144, 202, 249 }, { 205, 170, 255 }, { 96, 125, 139 },
    };
    const int64_t n = sizeof palette / sizeof *palette;
    memcpy(rgb, palette[(k % n + n) % n], 3);
}

void gm_ink(gm_colour ink, const gm_colour c)
{
    double light = 0.299 * c[0] + 0.587 * c[1] + 0.114 * c[2];          /* BT.601 luma */
    memset(ink, light > 150 ? 20 : 255, 3);
}

void gm_draw_pixel(gm_image *im, int64_t x, int64_t y, const gm_colour c, double alpha)
{
    if (x < 0 || y < 0 || x >= im->width || y >= im->height || !(alpha > 0)) return;
    uint8_t *p = im->rgb + 3 * (y * im->width + x);
    for (int i = 0; i < 3; i++)
        p[i] = (uint8_t)lround(p[i] + (c[i] - p[i]) * (alpha < 1 ? alpha : 1));
}

void gm_draw_rect(gm_image *im, double x, double y, double w, double h, double radius,
                  const gm_colour c, double alpha)
{
    double r = fmin(radius, fmin(w, h) / 2);
    for (int64_t j = (int64_t)fmax(floor(y), 0); j < im->height && (double)j < y + h; j++) {
        for (int64_t i = (int64_t)fmax(floor(x), 0); i < im->width && (double)i < x + w; i++) {
            /* Distance from the pixel's centre to the edge of the shape, positive outside. */
            double dx = fabs((double)i + 0.5 - x - w / 2) - w / 2 + r;
            double dy = fabs((double)j + 0.5 - y - h / 2) - h / 2 + r;
            double d = hypot(fmax(dx, 0), fmax(dy, 0)) + fmin(fmax(dx, dy), 0) - r;
            gm_draw_pixel(im, i, j, c, alpha * fmin(fmax(0.5 - d, 0), 1));
        }
    }
}

double gm_draw_badge(gm_image *im, const gm_font *f, double x, double top, const char *text,
                     const gm_colour c)
{
    double h = gm_font_pixels(f), inner = gm_text_width(f, text, strlen(text));
    double w = fmax(h, inner + h / 2);
    if (!im) return w;
    gm_colour ink;
    gm_ink(ink, c);
    gm_draw_rect(im, x - 1, top - 1, w + 2, h + 2, h / 2, ink, 0.7);
    gm_draw_rect(im, x, top, w, h, h / 2, c, 1);
    gm_draw_text(im, f, x + (w - inner) / 2, top, text, strlen(text), ink);
    return w;
}
