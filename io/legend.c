/* The panel below an overlay: the caption, every phrase on its mask's colour behind its mask's
 * number. */
#include "draw.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const gm_colour ink = { 25, 25, 30 }, faint = { 120, 120, 125 };

/* Where the next word goes. Backgrounds are drawn first, then the text; without an image nothing
 * is. */
typedef struct {
    gm_image *im;
    const gm_font *font;
    bool backs;                         /* this is the backgrounds' turn */
    double left, right, x, y;           /* y: top of the current line of text */
    double from;                        /* where the current phrase starts on this line */
} pen;

static double space(const pen *p)
{
    return gm_text_width(p->font, " ", 1);
}

static void next_line(pen *p)
{
    p->x = p->from = p->left;
    p->y += round(1.5 * gm_font_pixels(p->font));
}

/* A word of n bytes, on a new line when it does not fit, cut when no line is long enough.
 * back: the colour behind it and behind the phrase's words before it, or NULL. */
static void put_word(pen *p, const char *text, size_t n, const gm_colour colour,
                     const uint8_t *back)
{
    double pad = round(gm_font_pixels(p->font) / 7);
    if (p->x > p->left && p->x + gm_text_width(p->font, text, n) > p->right) next_line(p);
    while (n) {
        size_t k = 0;
        for (size_t step; k < n; k += step) {
            step = gm_text_step(text + k, n - k);
            if (k && p->x + gm_text_width(p->font, text, k + step) > p->right) break;
        }
        double w = gm_text_width(p->font, text, k);
        if (p->im && p->backs && back)
            gm_draw_rect(p->im, p->from - pad, p->y - pad, p->x + w - p->from + 2 * pad,
                         gm_font_pixels(p->font) + 2 * pad, 2 * pad, back, 1);
        if (p->im && !p->backs) gm_draw_text(p->im, p->font, p->x, p->y, text, k, colour);
        p->x += w;
        text += k;
        n -= k;
        if (n) next_line(p);
    }
}

static void put_text(pen *p, const char *text, const gm_colour colour)
{
    while (*text) {
        size_t n = strcspn(text, " ");
        put_word(p, text, n, colour, NULL);
        text += n;
        if (*text == ' ') p->x += space(p);
        text += *text == ' ';
    }
}

/* Bytes up to the next white space or the end. */
static size_t word(const char *text, size_t n)
{
    size_t k = 0;
    while (k < n && !strchr(" \n\t", text[k])) k++;
    return k;
}

/* The mask's number, on the same line as the first of the n bytes of text that follow. */
static void put_badge(pen *p, int64_t mask, const char *text, size_t n)
{
    char number[24];
    gm_colour c;
    gm_mask_colour(mask, c);
    snprintf(number, sizeof number, "%lld", (long long)mask + 1);
    double w = gm_draw_badge(NULL, p->font, 0, 0, number, c) + gm_font_pixels(p->font) / 3;
    if (p->x > p->left && p->x + w + gm_text_width(p->font, text, word(text, n)) > p->right)
        next_line(p);
    if (!p->backs) gm_draw_badge(p->im, p->font, p->x, p->y, number, c);
    p->x += w;
}

/* Bytes [start, end) of the caption. */
static void put_words(pen *p, const gm_answer *a, size_t start, size_t end, const uint8_t *back)
{
    const char *text = a->caption;
    for (size_t i = start; i < end; i++) {
        size_t n = word(text + i, end - i);
        if (n) put_word(p, text + i, n, ink, back);
        i += n;
        if (i == end) return;
        if (text[i] == '\n') next_line(p);
        else if (p->x > p->left) p->x += space(p);
    }
}

static void put_span(pen *p, const gm_answer *a, const gm_span *s)
{
    bool masked = s->mask >= 0 && s->mask < a->nmasks;
    gm_colour back = { 225, 225, 225 };
    if (masked) {
        gm_mask_colour(s->mask, back);
        for (int i = 0; i < 3; i++) back[i] = (uint8_t)(255 - (255 - back[i]) * 2 / 5);
        put_badge(p, s->mask, a->caption + s->start, s->end - s->start);
    }
    p->from = p->x;
    put_words(p, a, s->start, s->end, back);
    p->x += gm_font_pixels(p->font) / 6;
    if (masked && a->mask[s->mask].area > 0) return;
    p->x += space(p);
    put_text(p, masked ? "(empty mask)" : "(no mask)", faint);
}

static void put_caption(pen *p, const gm_answer *a)
{
    size_t at = 0, n = strlen(a->caption);
    for (int64_t k = 0; k < a->nspans; k++) {
        const gm_span *s = &a->span[k];
        if (s->start < at || s->end < s->start || s->end > n) continue;
        put_words(p, a, at, s->start, NULL);
        put_span(p, a, s);
        at = s->end;
    }
    put_words(p, a, at, n, NULL);
}

/* Masks that no phrase names: the answer to a referring expression has one. */
static void put_others(pen *p, const gm_answer *a)
{
    for (int64_t m = 0; m < a->nmasks; m++) {
        bool named = false;
        for (int64_t k = 0; k < a->nspans; k++) named = named || a->span[k].mask == m;
        if (named) continue;
        char text[64] = "empty mask";
        double share = 100 * (double)a->mask[m].area / (double)(a->width * a->height);
        if (share >= 0.1) snprintf(text, sizeof text, "%.*f %% of the picture", share < 10, share);
        else if (share > 0) snprintf(text, sizeof text, "less than 0.1 %% of the picture");
        if (p->x > p->left) next_line(p);
        put_badge(p, m, text, strlen(text));
        put_text(p, text, faint);
    }
}

int64_t gm_draw_legend(gm_image *im, int64_t width, int64_t top, const gm_answer *a,
                       const gm_font *f)
{
    double margin = round(0.9 * gm_font_pixels(f));
    bool caption = a->caption && a->caption[strspn(a->caption, " \n\t")];
    int64_t height = 0;
    for (int turn = 0; turn < 2; turn++) {
        pen p = { .im = im, .font = f, .backs = turn == 0, .left = margin,
                  .right = (double)width - margin,
                  .x = margin, .y = (double)top + margin };
        if (caption) put_caption(&p, a);
        else if (!a->nmasks) put_text(&p, "(no answer)", faint);
        put_others(&p, a);
        height = (int64_t)(p.y + gm_font_pixels(f) + margin) - top;
    }
    return height;
}
