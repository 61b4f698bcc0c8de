/* The curves of a run as a picture.  See curves.h. */
#include "curves.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "../io/draw.h"
#include "../io/image.h"

enum { WIDTH = 1100, HEIGHT = 820, PAPER = 255, TICKS = 5 };
static const gm_colour ink = { 60, 60, 60 }, grid = { 228, 228, 228 };

/* Where values of 0 .. high (or low .. high) lie in the picture. */
typedef struct { double x, y, w, h, high, first, last; } panel;

/* One curve: value i at update at(i); NaN is a gap. */
typedef struct {
    const char *name;
    double (*value)(const gm_train_row *r);
    gm_colour colour;
    bool dots;
} series;

static double value_total(const gm_train_row *r) { return r->r.total; }
static double value_ce(const gm_train_row *r) { return r->r.ce; }
static double value_bce(const gm_train_row *r)
{
    return r->r.kind == GM_SET_SEGM ? r->r.bce : NAN;
}
static double value_dice(const gm_train_row *r)
{
    return r->r.kind == GM_SET_SEGM ? r->r.dice : NAN;
}
static double value_val(const gm_train_row *r) { return r->val; }
static double value_rate(const gm_train_row *r) { return r->r.rate; }
static double value_norm(const gm_train_row *r) { return r->r.norm; }

static const series LOSSES[] = {
    { "loss", value_total, { 40, 60, 160 }, false },
    { "text (ce)", value_ce, { 20, 140, 90 }, false },
    { "masks (bce)", value_bce, { 200, 110, 20 }, false },
    { "masks (dice)", value_dice, { 150, 60, 160 }, false },
    { "validation loss", value_val, { 210, 30, 50 }, true },
};
static const series RATES[] = { { "learning rate", value_rate, { 40, 60, 160 }, false } };
static const series NORMS[] = { { "gradient norm", value_norm, { 120, 80, 40 }, false } };

/* 1, 2 or 5 times a power of ten: at most TICKS of them reach high. */
static double tick_step(double high)
{
    double step = pow(10, floor(log10(fmax(high, 1e-30) / TICKS)));
    const double by[] = { 1, 2, 5, 10 };
    int k = 0;
    while (k < 3 && by[k] * step * TICKS < high) k++;
    return by[k] * step;
}

static double place_x(const panel *p, double update)
{
    return p->x + p->w * (update - p->first) / fmax(1, p->last - p->first);
}

static double place_y(const panel *p, double v)
{
    return p->y + p->h * (1 - fmin(fmax(v / p->high, 0), 1.02));
}

static void text(gm_image *im, const gm_font *f, double x, double y, const char *s,
                 const gm_colour c)
{
    gm_draw_text(im, f, x, y, s, strlen(s), c);
}

static void frame(gm_image *im, const panel *p, const gm_font *f)
{
    char label[40];
    double step = tick_step(p->high);
    for (double v = 0; v <= p->high * 1.001; v += step) {
        double y = place_y(p, v);
        snprintf(label, sizeof label, "%.3g", v);
        gm_draw_rect(im, p->x, y, p->w, 1, 0, grid, 1);
        text(im, f, p->x - 8 - gm_text_width(f, label, strlen(label)), y - gm_font_pixels(f) / 2,
             label, ink);
    }
    step = fmax(1, tick_step(p->last));
    for (double u = ceil(p->first / step) * step; u <= p->last; u += step) {
        double x = place_x(p, u);
        snprintf(label, sizeof label, "%.0f", u);
        gm_draw_rect(im, x, p->y + p->h, 1, 5, 0, ink, 1);
        text(im, f, x - gm_text_width(f, label, strlen(label)) / 2, p->y + p->h + 6, label, ink);
    }
    gm_draw_rect(im, p->x, p->y, 1, p->h, 0, ink, 1);
    gm_draw_rect(im, p->x, p->y + p->h, p->w, 1, 0, ink, 1);
}

/* From (x0, y0) to (x1, y1), as thick as t. */
static void line(gm_image *im, double x0, double y0, double x1, double y1, double t,
                 const gm_colour c, double alpha)
{
    double n = ceil(fmax(fabs(x1 - x0), fabs(y1 - y0)));
    for (double i = 0; i <= n; i++) {
        double s = n > 0 ? i / n : 0;
        gm_draw_rect(im, x0 + s * (x1 - x0) - t / 2, y0 + s * (y1 - y0) - t / 2, t, t, t / 2, c,
                     alpha);
    }
}

/* The running mean of a curve over about a fiftieth of the run, bias taken out. */
typedef struct { double sum, weight, keep; } running;

static double mean_with(running *m, double v)
{
    m->sum = m->keep * m->sum + (1 - m->keep) * v;
    m->weight = m->keep * m->weight + (1 - m->keep);
    return m->sum / m->weight;
}

static running running_mean(const gm_train_curves *c)
{
    return (running){ .keep = 1 - 1 / fmax(1, (double)c->n / 50) };
}

static void curve(gm_image *im, const panel *p, const gm_train_curves *c, const series *s)
{
    running m = running_mean(c);
    double x0 = NAN, y0 = NAN;
    int64_t step = c->n / (4 * WIDTH) + 1;              /* faint points: not all of a long run */
    for (int64_t i = 0; i < c->n; i++) {
        double v = s->value(&c->row[i]), x = place_x(p, (double)c->row[i].update);
        if (!isfinite(v)) continue;
        if (s->dots) {
            gm_draw_rect(im, x - 5, place_y(p, v) - 5, 10, 10, 5, s->colour, 1);
            continue;
        }
        if (i % step == 0) gm_draw_rect(im, x - 1, place_y(p, v) - 1, 2, 2, 1, s->colour, 0.25);
        double y = place_y(p, mean_with(&m, v));
        if (isfinite(x0)) line(im, x0, y0, x, y, 2, s->colour, 0.8);
        x0 = x, y0 = y;
    }
}

/* The panel's highest value: of the running means, and of the dots. */
static double highest(const gm_train_curves *c, const series *s, int n)
{
    double high = 0;
    for (int k = 0; k < n; k++) {
        running m = running_mean(c);
        for (int64_t i = 0; i < c->n; i++) {
            double v = s[k].value(&c->row[i]);
            if (isfinite(v)) high = fmax(high, s[k].dots ? v : mean_with(&m, v));
        }
    }
    return high > 0 ? 1.05 * high : 1;
}

static void draw_panel(gm_image *im, const gm_font *f, const gm_train_curves *c, panel p,
                       const series *s, int n)
{
    double x = p.x + 12;
    p.high = highest(c, s, n);
    p.first = 0;
    p.last = fmax(1, (double)c->row[c->n - 1].update);
    frame(im, &p, f);
    for (int k = 0; k < n; k++) curve(im, &p, c, &s[k]);
    for (int k = 0; k < n; k++) {
        gm_draw_rect(im, x, p.y - gm_font_pixels(f) + 1, 10, 10, 3, s[k].colour, 1);
        text(im, f, x + 16, p.y - gm_font_pixels(f) - 4, s[k].name, ink);
        x += 40 + gm_text_width(f, s[k].name, strlen(s[k].name));
    }
}

int gm_curves_draw(const gm_train_curves *c, const char *path, gm_error *e)
{
    if (!c->n) return 0;
    gm_font *f = gm_font_new(17, e);
    gm_image im = { WIDTH, HEIGHT, malloc((size_t)WIDTH * HEIGHT * 3) };
    int bad = f && im.rgb ? 0 : gm_fail(e, "%s: out of memory", path);
    if (!bad) {
        memset(im.rgb, PAPER, (size_t)WIDTH * HEIGHT * 3);
        draw_panel(&im, f, c, (panel){ .x = 80, .y = 40, .w = WIDTH - 110, .h = 460 }, LOSSES,
                   sizeof LOSSES / sizeof *LOSSES);
        panel left = { .x = 80, .y = 580, .w = WIDTH / 2 - 110, .h = 190 };
        panel right = { .x = WIDTH / 2 + 60, .y = 580, .w = WIDTH / 2 - 90, .h = 190 };
        draw_panel(&im, f, c, left, RATES, 1);
        draw_panel(&im, f, c, right, NORMS, 1);
        bad = gm_png_write(path, im.rgb, WIDTH, HEIGHT, 3, e);
    }
    gm_font_free(f);
    gm_image_free(&im);
    return bad;
}
