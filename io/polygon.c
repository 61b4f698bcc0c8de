/* See polygon.h.  pycocotools draws the outline on a grid five times as fine, and keeps where it
 * crosses the middles of the columns. */
#include "polygon.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The outline point by point: the last one, and the flat pixel numbers (column by column) where
 * runs change so far. */
typedef struct {
    int64_t H, W, u, v;
    bool started, failed;
    int64_t *at, n, room;
} outline;

static void add_change(outline *o, int64_t at)
{
    if (o->n == o->room) {
        int64_t room = o->room ? 2 * o->room : 256;
        int64_t *more = realloc(o->at, (size_t)room * sizeof *more);
        if (!more) {
            o->failed = true;
            return;
        }
        o->at = more;
        o->room = room;
    }
    o->at[o->n++] = at;
}

/* The next point of the fine outline. */
static void add_point(outline *o, int64_t u, int64_t v)
{
    if (o->started && u != o->u) {
        double x = ((double)(u < o->u ? u : u - 1) + .5) / 5 - .5;
        double y = ((double)(v < o->v ? v : o->v) + .5) / 5 - .5;
        if (floor(x) == x && x >= 0 && x <= (double)(o->W - 1))
            add_change(o, (int64_t)x * o->H + (int64_t)ceil(fmin(fmax(y, 0), (double)o->H)));
    }
    o->u = u;
    o->v = v;
    o->started = true;
}

/* The edge's points; the longer axis goes in steps of 1, the other one is rounded. */
static void add_edge(outline *o, int64_t xs, int64_t ys, int64_t xe, int64_t ye)
{
    int64_t dx = llabs(xe - xs), dy = llabs(ye - ys), t;
    bool flip = (dx >= dy && xs > xe) || (dx < dy && ys > ye);
    if (flip) {
        t = xs, xs = xe, xe = t;
        t = ys, ys = ye, ye = t;
    }
    double slope = dx >= dy ? (dx ? (double)(ye - ys) / (double)dx : 0)
                            : (double)(xe - xs) / (double)dy;
    int64_t last = dx >= dy ? dx : dy;
    for (int64_t d = 0; d <= last; d++) {
        t = flip ? last - d : d;
        if (dx >= dy) add_point(o, t + xs, (int64_t)((double)ys + slope * (double)t + .5));
        else add_point(o, (int64_t)((double)xs + slope * (double)t + .5), t + ys);
    }
}

static int64_t fine(double v)
{
    return (int64_t)(5 * v + .5);
}

static int compare(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

/* One polygon of k points into mask (H, W), row by row. */
static int fill_polygon(uint8_t *mask, const double *xy, int64_t k, int64_t H, int64_t W)
{
    outline o = { .H = H, .W = W };
    for (int64_t i = 0; i < k && !o.failed; i++) {
        int64_t j = (i + 1) % k;
        add_edge(&o, fine(xy[2 * i]), fine(xy[2 * i + 1]), fine(xy[2 * j]), fine(xy[2 * j + 1]));
    }
    if (o.n) qsort(o.at, (size_t)o.n, sizeof *o.at, compare);
    for (int64_t i = 0; i < o.n; i += 2) {
        int64_t end = i + 1 < o.n ? o.at[i + 1] : H * W;
        for (int64_t p = o.at[i]; p < end; p++) mask[p % H * W + p / H] = 1;
    }
    free(o.at);
    return o.failed ? -1 : 0;
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
