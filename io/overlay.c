/* The picture of an answer: the image, its masks and boxes, and the legend below. */
#include "draw.h"
#include "image_formats.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Small images grow by a whole factor: to this width, within this height. PAPER: around them. */
enum { WIDTH = 640, HEIGHT = 1024, PAPER = 250 };

/* What a pixel shows of one mask: its edge is a line, with a rim outside that. */
typedef enum { OUTSIDE, INSIDE, LINE, RIM } part;

/* Where things are: the image, k times larger, `left` pixels from the picture's left edge.
 * parts (nmasks, height, width): what each pixel of the enlarged image shows of each mask. */
typedef struct { int64_t k, left, width, height; const gm_answer *a; uint8_t *parts; } place;

/* Is pixel (x, y) of the enlarged image in mask m?  Logits between pixels are interpolated. */
static bool logit_above_0(const place *p, int64_t m, int64_t x, int64_t y)
{
    int64_t W = p->a->width, H = p->a->height;
    const float *logits = p->a->mask[m].logits;
    if (p->k == 1) return logits[y * W + x] > 0;
    double u = ((double)x + 0.5) / (double)p->k - 0.5, v = ((double)y + 0.5) / (double)p->k - 0.5;
    u = fmin(fmax(u, 0), (double)(W - 1));
    v = fmin(fmax(v, 0), (double)(H - 1));
    int64_t x0 = (int64_t)u, y0 = (int64_t)v, x1 = x0 + (x0 + 1 < W), y1 = y0 + (y0 + 1 < H);
    double fx = u - (double)x0, fy = v - (double)y0;
    return (logits[y0 * W + x0] * (1 - fx) + logits[y0 * W + x1] * fx) * (1 - fy)
         + (logits[y1 * W + x0] * (1 - fx) + logits[y1 * W + x1] * fx) * fy > 0;
}

/* Of the pixel at i, distance to the nearest pixel outside, given those of its neighbours in a row
 * above or below: sideways 5, across a corner 7. */
static uint16_t nearer(uint16_t own, const uint16_t *other, int64_t x, int64_t W)
{
    int d = own;
    if (other[x] + 5 < d) d = other[x] + 5;
    if (x > 0 && other[x - 1] + 7 < d) d = other[x - 1] + 7;
    if (x + 1 < W && other[x + 1] + 7 < d) d = other[x + 1] + 7;
    return (uint16_t)d;
}

/* Fifths of a pixel from each pixel to the nearest outside (Borgefors 1986: one pass down, one up).
 * d (H, W): 0 outside, `far` inside before; `far` stays where nothing is outside.  The image's
 * border is no edge. */
static void distances(uint16_t *d, int64_t H, int64_t W)
{
    for (int64_t y = 0; y < H; y++) {
        uint16_t *row = d + y * W;
        for (int64_t x = 0; x < W; x++) {
            if (y > 0) row[x] = nearer(row[x], row - W, x, W);
            if (x > 0 && row[x - 1] + 5 < row[x]) row[x] = (uint16_t)(row[x - 1] + 5);
        }
    }
    for (int64_t y = H - 1; y >= 0; y--) {
        uint16_t *row = d + y * W;
        for (int64_t x = W - 1; x >= 0; x--) {
            if (y + 1 < H) row[x] = nearer(row[x], row + W, x, W);
            if (x + 1 < W && row[x + 1] + 5 < row[x]) row[x] = (uint16_t)(row[x + 1] + 5);
        }
    }
}

/* The parts of every mask, with lines of thickness t. */
static int find_parts(place *p, int64_t t, gm_error *e)
{
    const uint16_t far = UINT16_MAX - 7;
    int64_t n = p->height * p->width, rim = (t + 1) / 2;
    uint16_t *d = malloc((size_t)n * sizeof *d);
    p->parts = malloc((size_t)p->a->nmasks * (size_t)n + 1);
    for (int64_t m = 0; d && p->parts && m < p->a->nmasks; m++) {
        for (int64_t y = 0; y < p->height; y++)
            for (int64_t x = 0; x < p->width; x++)
                d[y * p->width + x] = logit_above_0(p, m, x, y) ? far : 0;
        distances(d, p->height, p->width);
        for (int64_t i = 0; i < n; i++) {
            int64_t deep = (d[i] + 2) / 5;
            part now = deep > rim + t ? INSIDE : deep > rim ? LINE : RIM;
            p->parts[m * n + i] = d[i] ? now : OUTSIDE;
        }
    }
    free(d);
    if (d && p->parts) return 0;
    return gm_fail(e, "overlay: out of memory for %lld masks", (long long)p->a->nmasks);
}

static part part_of(const place *p, int64_t m, int64_t x, int64_t y)
{
    return (part)p->parts[(m * p->height + y) * p->width + x];
}

/* Half image, half mask; within each mask's edge a line of its full colour, t thick, and a white
 * rim outside that, so that it shows on its own colour too.  Where masks overlap they take turns in
 * slanting stripes; edges go before insides. */
static void draw_masks(gm_image *out, const place *p, int64_t t)
{
    static const gm_colour white = { 255, 255, 255 };
    for (int64_t y = 0; y < p->height; y++) {
        for (int64_t x = 0; x < p->width; x++) {
            int64_t insides = 0, edges = 0;
            for (int64_t m = 0; m < p->a->nmasks; m++) {
                part now = part_of(p, m, x, y);
                insides += now == INSIDE;
                edges += now > INSIDE;
            }
            if (!insides && !edges) continue;
            int64_t turn = (x + y) / (4 * t) % (edges ? edges : insides), m = 0;
            part now = OUTSIDE;
            for (;; m++) {
                now = part_of(p, m, x, y);
                if (now != OUTSIDE && (!edges || now > INSIDE) && turn-- == 0) break;
            }
            gm_colour c;
            gm_mask_colour(m, c);
            gm_draw_pixel(out, p->left + x, y, now == RIM ? white : c, now == INSIDE ? 0.5 : 1);
        }
    }
}

/* The mask's pixel nearest to its centre of mass, in pixels of the image. */
static bool middle(const gm_answer *a, int64_t m, double *mx, double *my)
{
    const float *logits = a->mask[m].logits;
    double sx = 0, sy = 0, n = 0, best = INFINITY;
    for (int64_t i = 0; i < a->width * a->height; i++) {
        if (!(logits[i] > 0)) continue;
        sx += (double)(i % a->width);
        sy += (double)(i / a->width);
        n++;
    }
    for (int64_t i = 0; i < a->width * a->height && n > 0; i++) {
        if (!(logits[i] > 0)) continue;
        double x = (double)(i % a->width), y = (double)(i / a->width);
        double d = hypot(x - sx / n, y - sy / n);
        if (d >= best) continue;
        best = d;
        *mx = x + 0.5;
        *my = y + 0.5;
    }
    return n > 0;
}

/* Each mask's number on it; a badge that would cover an earlier one moves to its right, at the
 * image's edge to the next row. */
static int draw_numbers(gm_image *out, const place *p, const gm_font *f, gm_error *e)
{
    double h = gm_font_pixels(f);
    double (*at)[2] = calloc((size_t)p->a->nmasks + 1, sizeof *at);
    if (!at) return gm_fail(e, "overlay: out of memory for %lld masks", (long long)p->a->nmasks);
    for (int64_t m = 0; m < p->a->nmasks; m++) {
        char number[24];
        gm_colour c;
        double x = 0, y = 0;
        at[m][0] = -1e9;
        if (!middle(p->a, m, &x, &y)) continue;
        snprintf(number, sizeof number, "%lld", (long long)m + 1);
        gm_mask_colour(m, c);
        double w = gm_draw_badge(NULL, f, 0, 0, number, c);
        x = fmin(fmax(x * (double)p->k - w / 2, 1), (double)p->width - w - 1);
        y = fmin(fmax(y * (double)p->k - h / 2, 1), (double)p->height - h - 1);
        double first = x, right = (double)p->width - w - 1, low = (double)p->height - h - 1;
        for (int64_t i = 0; i < m; i++) {
            if (fabs(at[i][0] - x) >= 1.2 * w || fabs(at[i][1] - y) >= 1.2 * h) continue;
            x = at[i][0] + 1.25 * w;
            if (x > right) {
                if (y + 1.25 * h > low) break;
                x = first;
                y += 1.25 * h;
            }
            i = -1;
        }
        x = fmin(x, fmax(right, 1));
        at[m][0] = x;
        at[m][1] = y;
        gm_draw_badge(out, f, (double)p->left + x, y, number, c);
    }
    free(at);
    return 0;
}

/* A frame of thickness t whose outer edge is the box, cut to the image. */
static void draw_frame(gm_image *out, const place *p, const double b[4], double t,
                       const gm_colour c)
{
    double x0 = fmin(fmax(b[0], 0), (double)p->width), x1 = fmin(fmax(b[2], 0), (double)p->width);
    double y0 = fmin(fmax(b[1], 0), (double)p->height), y1 = fmin(fmax(b[3], 0), (double)p->height);
    if (!(x1 > x0 && y1 > y0)) return;
    double w = x1 - x0, h = y1 - y0, left = (double)p->left;
    gm_draw_rect(out, left + x0, y0, w, t, 0, c, 1);
    gm_draw_rect(out, left + x0, y1 - t, w, t, 0, c, 1);
    gm_draw_rect(out, left + x0, y0, t, h, 0, c, 1);
    gm_draw_rect(out, left + x1 - t, y0, t, h, 0, c, 1);
}

static void draw_boxes(gm_image *out, const place *p, const double (*boxes)[4], int64_t n, double t,
                       const gm_font *f)
{
    static const gm_colour white = { 255, 255, 255 }, black = { 20, 20, 20 };
    for (int64_t i = 0; i < n; i++) {
        char name[40];
        double b[4];
        for (int j = 0; j < 4; j++) b[j] = boxes[i][j] * (double)p->k;
        draw_frame(out, p, (double[]){ b[0] - t / 2, b[1] - t / 2, b[2] + t / 2, b[3] + t / 2 },
                   2 * t, black);
        draw_frame(out, p, b, t, white);
        snprintf(name, sizeof name, "region%lld", (long long)i + 1);
        double w = gm_draw_badge(NULL, f, 0, 0, name, white), h = gm_font_pixels(f);
        double x = fmin(fmax(b[0] + 2 * t, 1), (double)p->width - w - 1);
        double y = fmin(fmax(b[1] + 2 * t, 1), (double)p->height - h - 1);
        gm_draw_badge(out, f, (double)p->left + x, y, name, white);
    }
}

/* The image, enlarged, on a picture with room for the legend (f NULL: without one). */
static int make_canvas(gm_image *out, const gm_image *im, place *p, const gm_font *f, gm_error *e)
{
    gm_image large;
    int64_t legend = f ? gm_draw_legend(NULL, out->width, 0, p->a, f) : 0;
    out->height = p->height + legend;
    if (out->height > 2 * GM_MAX_PIXELS / out->width)
        return gm_fail(e, "overlay: too large: %lld x %lld pixels", (long long)out->width,
                       (long long)out->height);
    if (gm_image_resize(&large, im, p->width, p->height, GM_BICUBIC, e) != 0) return -1;
    out->rgb = malloc((size_t)out->width * (size_t)out->height * 3);
    if (!out->rgb) {
        gm_image_free(&large);
        return gm_fail(e, "overlay: out of memory for %lld x %lld pixels", (long long)out->width,
                       (long long)out->height);
    }
    memset(out->rgb, PAPER, (size_t)out->width * (size_t)out->height * 3);
    for (int64_t y = 0; y < p->height; y++)
        memcpy(out->rgb + 3 * (y * out->width + p->left), large.rgb + 3 * y * p->width,
               (size_t)(3 * p->width));
    gm_image_free(&large);
    if (f) gm_draw_legend(out, out->width, p->height, p->a, f);
    return 0;
}

static int draw_picture(gm_image *picture, const gm_image *im, const gm_answer *a,
                        const double (*boxes)[4], int64_t nboxes, bool legend, gm_error *e)
{
    *picture = (gm_image){ 0 };
    if (a->nmasks && (a->width != im->width || a->height != im->height))
        return gm_fail(e, "overlay: wanted masks of the image's %lld x %lld pixels, found %lld x "
                       "%lld", (long long)im->width, (long long)im->height, (long long)a->width,
                       (long long)a->height);
    int64_t k = (WIDTH + im->width - 1) / im->width;
    if (k > HEIGHT / im->height) k = HEIGHT / im->height;
    if (k < 1) k = 1;
    place p = { k, 0, k * im->width, k * im->height, a, NULL };
    gm_image out = { p.width < WIDTH ? WIDTH : p.width, 0, NULL };
    p.left = (out.width - p.width) / 2;
    double size = fmax(19, (double)out.width / 40);
    gm_font *text = gm_font_new(round(size), e), *small = gm_font_new(round(size * 0.85), e);
    int bad = text && small ? make_canvas(&out, im, &p, legend ? text : NULL, e) : -1;
    int64_t t = (int64_t)fmax(2, round((double)p.width / 256));
    if (!bad) bad = find_parts(&p, t, e);
    if (!bad) {
        draw_masks(&out, &p, t);
        draw_boxes(&out, &p, boxes, nboxes, (double)t, small);
        bad = draw_numbers(&out, &p, small, e);
    }
    free(p.parts);
    gm_font_free(small);
    gm_font_free(text);
    if (bad) gm_image_free(&out);
    else *picture = out;
    return bad ? -1 : 0;
}

int gm_overlay_draw(gm_image *picture, const gm_image *im, const gm_answer *a,
                    const double (*boxes)[4], int64_t nboxes, gm_error *e)
{
    return draw_picture(picture, im, a, boxes, nboxes, true, e);
}

static int write_picture(const char *path, const gm_image *im, const gm_answer *a,
                         const double (*boxes)[4], int64_t nboxes, bool legend, gm_error *e)
{
    gm_image out;
    gm_error why = { "" };
    if (draw_picture(&out, im, a, boxes, nboxes, legend, &why) != 0)
        return gm_fail(e, "%s: %s", path, why.text);
    int bad = gm_png_write(path, out.rgb, out.width, out.height, 3, e);
    gm_image_free(&out);
    return bad;
}

int gm_overlay_write(const char *path, const gm_image *im, const gm_answer *a,
                     const double (*boxes)[4], int64_t nboxes, gm_error *e)
{
    return write_picture(path, im, a, boxes, nboxes, true, e);
}

int gm_masks_write(const char *path, const gm_image *im, const gm_answer *a,
                   const double (*boxes)[4], int64_t nboxes, gm_error *e)
{
    return write_picture(path, im, a, boxes, nboxes, false, e);
}
