/* Text through stb_truetype in the font that is linked into the library. */
#include "draw.h"

#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include "unicode.h"

/* What one glyph needs while it is drawn, given out in order and taken back at once. Enough for
 * every glyph of the font at LARGEST pixels; stb_truetype does not survive every failing malloc. */
enum { LARGEST = 160, ROOM = 1 << 18 };
typedef struct { size_t used; max_align_t room[ROOM / sizeof(max_align_t)]; } glyph_memory;

static void *take(size_t n, void *user)
{
    glyph_memory *g = user;
    n = (n + sizeof *g->room - 1) / sizeof *g->room;
    if (n > sizeof g->room / sizeof *g->room - g->used) return NULL;
    g->used += n;
    return g->room + g->used - n;
}

#define STBTT_malloc(n, user) take(n, user)
#define STBTT_free(p, user) ((void)(p), (void)(user))
#define STBTT_STATIC
#define STB_TRUETYPE_IMPLEMENTATION
#include <stb/stb_truetype.h>

/* io/font/DejaVuSans.ttf: Latin, Greek, Cyrillic and punctuation of DejaVu Sans. */
extern const unsigned char _binary_io_font_DejaVuSans_ttf_start[];

struct gm_font {
    stbtt_fontinfo info;
    double pixels, ascent;
    float scale;
    glyph_memory memory;
};

gm_font *gm_font_new(double pixels, gm_error *e)
{
    gm_font *f = calloc(1, sizeof *f);
    if (!f) {
        gm_fail(e, "font: out of memory");
        return NULL;
    }
    if (!stbtt_InitFont(&f->info, _binary_io_font_DejaVuSans_ttf_start, 0)) {
        free(f);
        gm_fail(e, "font: the font in this build is damaged");
        return NULL;
    }
    int ascent, descent, gap;
    stbtt_GetFontVMetrics(&f->info, &ascent, &descent, &gap);
    f->info.userdata = &f->memory;
    pixels = fmin(pixels, LARGEST);
    f->scale = stbtt_ScaleForPixelHeight(&f->info, (float)pixels);
    f->pixels = pixels;
    f->ascent = ascent * (double)f->scale;
    return f;
}

void gm_font_free(gm_font *f)
{
    free(f);
}

double gm_font_pixels(const gm_font *f)
{
    return f->pixels;
}

/* The character at text and its bytes; 0xFFFD and one byte where there is none. */
static size_t decode(int *ch, const char *text, size_t n)
{
    size_t length;
    bool valid;
    *ch = (int)gm_utf8_get(text, n, &length, &valid);
    return length;
}

size_t gm_text_step(const char *text, size_t n)
{
    int ch;
    return decode(&ch, text, n);
}

/* Advance in pixels; the digits' widths are equal, kerning is left out. */
static double advance(const gm_font *f, int glyph)
{
    int wide, bearing;
    stbtt_GetGlyphHMetrics(&f->info, glyph, &wide, &bearing);
    return wide * (double)f->scale;
}

double gm_text_width(const gm_font *f, const char *text, size_t n)
{
    double w = 0;
    for (size_t i = 0; i < n;) {
        int ch;
        i += decode(&ch, text + i, n - i);
        w += advance(f, stbtt_FindGlyphIndex(&f->info, ch));
    }
    return w;
}

void gm_draw_text(gm_image *im, const gm_font *f, double x, double top, const char *text, size_t n,
                  const gm_colour c)
{
    double base = round(top + f->ascent);
    for (size_t i = 0; i < n;) {
        int ch, w = 0, h = 0, left = 0, up = 0;
        i += decode(&ch, text + i, n - i);
        int glyph = stbtt_FindGlyphIndex(&f->info, ch);
        float part = (float)(x - floor(x));
        ((glyph_memory *)f->info.userdata)->used = 0;
        unsigned char *cover = stbtt_GetGlyphBitmapSubpixel(&f->info, f->scale, f->scale, part, 0,
                                                            glyph, &w, &h, &left, &up);
        for (int64_t j = 0; cover && j < h; j++)
            for (int64_t k = 0; k < w; k++)
                gm_draw_pixel(im, (int64_t)floor(x) + left + k, (int64_t)base + up + j, c,
                              cover[j * w + k] / 255.0);
        x += advance(f, glyph);
    }
}
