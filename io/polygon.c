/* See polygon.h.  pycocotools draws the outline on a grid five times as fine, and keeps where it
 * crosses the middles of the columns. */
#include "polygon.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Points of the fine outline, and the flat pixel numbers where runs change. */
typedef struct { int64_t u, v; } fine;
typedef struct { fine *p; int64_t n; } outline;

/* The edge's points; the longer axis goes up in steps of 1, the other one is rounded. */
static void draw_edge(outline *o, int64_t xs, int64_t ys, int64_t xe, int64_t ye)
{
    int64_t dx = llabs(xe - xs), dy = llabs(ye - ys), t, d;
    int flip = (dx >= dy && xs > xe) || (dx < dy && ys > ye);
    if (flip) {
        t = xs, xs = xe, xe = t;
        t = ys, ys = ye, ye = t;
    }
    double slope = dx >= dy ? (dx ? (double)(ye - ys) / (double)dx : 0)
                            : (double)(xe - xs) / (double)dy;
    int64_t last = dx >= dy ? dx : dy;
    for (d = 0; d <= last; d++) {
        t = flip ? last - d : d;
        if (dx >= dy)
            o->p[o->n++] = (fine){ t + xs, (int64_t)((double)ys + slope * (double)t + .5) };
        else o->p[o->n++] = (fine){ (int64_t)((double)xs + slope * (double)t + .5), t + ys };
    }
}

static int64_t fine_grid(double v)
{
    return (int64_t)(5 * v + .5);
}

/* The outline of one polygon; 0 unless out of memory. */
static int draw_outline(outline *o, const double *xy, int64_t k)
{
    int64_t room = 0;
    for (int pass = 0; pass < 2; pass++) {
        for (int64_t i = 0; i < k; i++) {
            int64_t j = (i + 1) % k;
            int64_t xs = fine_grid(xy[2 * i]), ys = fine_grid(xy[2 * i + 1]);
            int64_t xe = fine_grid(xy[2 * j]), ye = fine_grid(xy[2 * j + 1]);
            int64_t dx = llabs(xe - xs), dy = llabs(ye - ys);
            if (pass == 0) room += (dx > dy ? dx : dy) + 1;
            else draw_edge(o, xs, ys, xe, ye);
        }
        if (pass == 0 && !(o->p = malloc((size_t)room * sizeof *o->p))) return -1;
    }
    return 0;
}

static int compare(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

/* Flips the pixels of a column-major mask from each crossing to the next, as runs do. */
static void fill(uint8_t *mask, int64_t *at, int64_t n, int64_t H, int64_t W)
{
    qsort(at, (size_t)n, sizeof *at, compare);
    for (int64_t i = 0; i < n; i += 2) {
        int64_t end = i + 1 < n ? at[i + 1] : H * W;
        for (int64_t k = at[i]; k < end; k++) mask[k % H * W + k / H] = 1;
    }
}

/* One polygon into mask (height x width). */
static int fill_polygon(uint8_t *mask, const double *xy, int64_t k, int64_t H, int64_t W)
{
    outline o = { 0 };
    int64_t *at = NULL, n = 0;
    if (draw_outline(&o, xy, k) == 0) at = malloc((size_t)(o.n + 1) * sizeof *at);
    for (int64_t j = 1; at && j < o.n; j++) {
        const fine *a = &o.p[j - 1], *b = &o.p[j];
        if (a->u == b->u) continue;
        double x = ((double)(b->u < a->u ? b->u : b->u - 1) + .5) / 5 - .5;
        if (floor(x) != x || x < 0 || x > (double)(W - 1)) continue;
        double y = ((double)(b->v < a->v ? b->v : a->v) + .5) / 5 - .5;
        y = ceil(fmin(fmax(y, 0), (double)H));
        at[n++] = (int64_t)x * H + (int64_t)y;
    }
    if (at) fill(mask, at, n, H, W);
    int bad = at ? 0 : -1;
    free(at);
    free(o.p);
    return bad;
}

int gm_rle_polygons(gm_rle *r, const double *const *xy, const int64_t *points, int64_t n,
                    int64_t height, int64_t width, gm_error *e)
{
    *r = (gm_rle){ 0 };
    if (height < 1 || width < 1 || height > UINT32_MAX / width)
        return gm_fail(e, "mask: wanted 1 to 2^32 - 1 pixels, found %lld x %lld", (long long)width,
                       (long long)height);
    uint8_t *mask = calloc((size_t)height, (size_t)width);
    int bad = mask ? 0 : -1;
    for (int64_t i = 0; !bad && i < n; i++)
        bad = fill_polygon(mask, xy[i], points[i], height, width);
    if (bad) gm_fail(e, "mask of %lld polygons: out of memory", (long long)n);
    else bad = gm_rle_encode(r, mask, height, width, e);
    free(mask);
    return bad;
}
