/* Pictures of training samples. */
#include "data.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "../io/draw.h"
#include "../io/labels.h"
#include "../io/os.h"
#include "../io/text.h"
#include "../train/batch.h"

static const gm_colour paper = { 250, 250, 250 }, ink = { 25, 25, 30 }, faint = { 120, 120, 125 };
static const gm_colour learnt = { 190, 235, 195 }, white = { 255, 255, 255 };
static const char SPACE[] = "\xe2\x96\x81";     /* U+2581, a space in pieces */

/* Where the next word goes; without an image it only measures. */
typedef struct {
    gm_image *im;
    const gm_font *font;
    double left, right, x, y;
    gm_text word;                       /* tokens that hang together, not drawn yet */
    bool is_learnt;                     /* the model is trained to write it */
    int64_t masks, boxes;               /* [SEG]s and <bbox>es so far */
} pen;

static void next_line(pen *p)
{
    p->x = p->left;
    p->y += round(1.5 * gm_font_pixels(p->font));
}

static void put_green(const pen *p, double w)
{
    double h = gm_font_pixels(p->font), pad = round(h / 7);
    if (p->im && p->is_learnt) gm_draw_rect(p->im, p->x, p->y - pad, w, h + 2 * pad, 0, learnt, 1);
}

/* Draws the word, on a new line when it does not fit. */
static void put_word(pen *p)
{
    const char *text = p->word.s;
    size_t n = p->word.failed ? 0 : p->word.n;
    if (n == 0) return;
    bool wraps = p->x > p->left && p->x + gm_text_width(p->font, text, n) > p->right;
    if (wraps) next_line(p);
    for (; n && p->x == p->left && *text == ' '; n--) text++;
    double w = gm_text_width(p->font, text, n);
    put_green(p, w);
    if (p->im) gm_draw_text(p->im, p->font, p->x, p->y, text, n, p->is_learnt ? ink : faint);
    p->x += w;
    p->word.n = 0;
}

/* A [SEG] in its mask's colour, a <bbox> under the name that its box has in the picture. */
static void put_badge(pen *p, const char *name, int64_t number, const gm_colour c)
{
    char text[40];
    double gap = round(gm_font_pixels(p->font) / 4);
    snprintf(text, sizeof text, "%s %lld", name, (long long)number);
    double w = gm_draw_badge(NULL, p->font, 0, 0, text, c) + 2 * gap;
    if (p->x > p->left && p->x + w > p->right) next_line(p);
    put_green(p, w);
    gm_draw_badge(p->im, p->font, p->x + gap, p->y, text, c);
    p->x += w;
}

/* The token's text joins the word, or starts a new one. */
static void put_token(pen *p, const char *piece, bool is_learnt)
{
    bool seg = !strcmp(piece, "[SEG]"), box = !strcmp(piece, "<bbox>"), space = *piece == SPACE[0];
    bool line = !strcmp(piece, "<0x0A>");
    unsigned byte;
    if (seg || box || line || space || is_learnt != p->is_learnt) put_word(p);
    p->is_learnt = is_learnt;
    if (line) {
        next_line(p);
    } else if (seg) {
        gm_colour c;
        gm_mask_colour(p->masks, c);
        put_badge(p, "[SEG]", ++p->masks, c);
    } else if (box) {
        put_badge(p, "<bbox>", ++p->boxes, white);
    } else if (sscanf(piece, "<0x%2X>", &byte) == 1) {
        char c = (char)byte;
        gm_text_add(&p->word, &c, 1);
    } else {
        for (const char *s = piece; *s;) {
            bool mark = !strncmp(s, SPACE, strlen(SPACE));
            gm_text_add(&p->word, mark ? " " : s, 1);
            s += mark ? strlen(SPACE) : 1;
        }
    }
}

/* The conversation below row `top`; the height that it takes. */
static int64_t draw_tokens(gm_image *im, int64_t width, int64_t top, const gm_font *f,
                           const data_work *w, const int32_t *ids, const int32_t *labels,
                           int64_t n)
{
    double margin = round(0.9 * gm_font_pixels(f));
    pen p = { .im = im, .font = f, .left = margin, .right = (double)width - margin, .x = margin,
              .y = (double)top + margin };
    for (int64_t i = 1; i < n; i++) {           /* 0 is the BOS */
        bool image = ids[i] == GM_IMAGE_ID;
        const char *piece = image ? "<image>" : gm_token_piece(w->tokenizer, ids[i]);
        put_token(&p, piece, labels[i] != GM_IGNORED);
        bool ends = !strcmp(piece, "</s>");
        if (ends || i + 1 == n) put_word(&p);
        if (ends && i + 1 < n) next_line(&p);
    }
    gm_text_drop(&p.word);
    return (int64_t)(p.y + gm_font_pixels(f) + margin) - top;
}

/* ---- one picture ---- */

/* The sample's masks as an answer whose words name the record; a->mask and logits are one
 * block. */
static int make_answer(gm_answer *a, const gm_sample *s, gm_error *e)
{
    int64_t n = s->image.width * s->image.height;
    size_t head = (size_t)s->masks * sizeof *a->mask;
    *a = (gm_answer){ .width = s->image.width, .height = s->image.height, .caption = s->source };
    a->mask = calloc(1, head + (size_t)(s->masks * n) * (sizeof(float) + 1) + 1);
    if (!a->mask) return gm_fail(e, "%s: out of memory for the picture", s->source);
    float *logits = (float *)((char *)a->mask + head);
    uint8_t *bits = (uint8_t *)(logits + s->masks * n);
    for (int64_t k = 0; k < s->masks; k++, logits += n) {
        gm_rle_decode(bits, &s->mask[k]);
        for (int64_t i = 0; i < n; i++) logits[i] = bits[i] ? 1 : -1;
        a->mask[k].logits = logits;
        a->mask[k].area = gm_rle_area(&s->mask[k]);
    }
    a->nmasks = s->masks;
    return 0;
}

/* The image with masks and boxes, and a line for each mask. */
static int draw_sample(gm_image *out, const gm_sample *s, gm_error *e)
{
    gm_answer a;
    double(*box)[4] = malloc(((size_t)s->boxes + 1) * sizeof *box);
    int bad = box ? make_answer(&a, s, e) : gm_fail(e, "out of memory");
    for (int64_t i = 0; !bad && i < 4 * s->boxes; i++) {
        int64_t side = i % 2 ? s->image.height : s->image.width;
        box[i / 4][i % 4] = s->box[i / 4][i % 4] * (double)side;
    }
    if (!bad) {
        bad = gm_overlay_draw(out, &s->image, &a, (const double(*)[4])box, s->boxes, e);
        free(a.mask);
    }
    free(box);
    return bad;
}

int data_picture(const char *path, const data_work *w, const gm_sample *s, gm_error *e)
{
    gm_image top = { 0 }, out = { 0 };
    int32_t *ids = NULL, *labels = NULL;
    int64_t n = 0;
    gm_font *f = NULL;
    int bad = s->turns ? gm_train_encode(w->prompts, w->tokenizer, (const char *const *)s->turn,
                                         s->turns, &ids, &labels, &n, e) : 0;
    if (!bad) bad = draw_sample(&top, s, e);
    if (!bad && !(f = gm_font_new(18, e))) bad = -1;
    if (!bad) {
        int64_t panel = draw_tokens(NULL, top.width, 0, f, w, ids, labels, n);
        size_t used = (size_t)(top.width * top.height * 3);
        out = (gm_image){ top.width, top.height + panel,
                          malloc(used + (size_t)(top.width * panel * 3)) };
        if (out.rgb) {
            memcpy(out.rgb, top.rgb, used);
            memset(out.rgb + used, paper[0], (size_t)(top.width * panel * 3));
            draw_tokens(&out, top.width, top.height, f, w, ids, labels, n);
            bad = gm_png_write(path, out.rgb, out.width, out.height, 3, e);
        } else {
            bad = gm_fail(e, "%s: out of memory for the picture", s->source);
        }
    }
    gm_font_free(f);
    gm_image_free(&top);
    gm_image_free(&out);
    free(ids);
    free(labels);
    return bad ? -1 : 0;
}

/* ---- all ---- */

/* Spread evenly over the sets, so that each shows: record `turn` of the count belongs to set turn %
 * sets. */
static int64_t choose(const data_work *w, int64_t turn, int64_t count)
{
    int64_t sets = gm_data_sets(w->data), set = turn % sets, first = 0;
    for (int64_t k = 0; k < set; k++) first += gm_data_set_size(w->data, k);
    int64_t n = gm_data_set_size(w->data, set), each = (count + sets - 1) / sets;
    return first + turn / sets * n / (each > 0 ? each : 1);
}

int data_preview(const data_work *w, int64_t count, const char *folder, gm_error *e)
{
    int64_t last = -1, drawn = 0;
    if (gm_make_dir(folder, e) != 0) return -1;
    for (int64_t k = 0; k < count; k++) {
        char name[40];
        gm_sample s;
        gm_error why = { "" };
        int64_t i = choose(w, k, count);
        if (i == last) continue;                /* fewer records than pictures wanted */
        last = i;
        if (gm_data_record(w->data, i, &s, &why) != GM_PROBLEM_NONE) {
            fprintf(stderr, "glamm data: not drawn: %s\n", why.text);
            continue;
        }
        snprintf(name, sizeof name, "%03lld.png", (long long)drawn);
        char *path = gm_path_join(folder, name);
        int bad = path ? data_picture(path, w, &s, e) : gm_fail(e, "out of memory");
        if (!bad) printf("%s  %s\n", path, s.source);
        drawn += !bad;
        free(path);
        gm_sample_free(&s);
        if (bad) return -1;
    }
    return drawn ? 0 : gm_fail(e, "there was nothing to draw");
}
