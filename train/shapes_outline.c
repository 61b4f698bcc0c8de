/* Outlines of the shapes as spans of a row, and how much of each pixel they cover.  Source:
 * golden/oracle/shapeworld.py, _inside and scene. */
#include "shapes_scene.h"

#include <math.h>
#include <string.h>

enum { CORNERS = 12 };
typedef struct { int n; double p[CORNERS][2]; } polygon;

static const polygon POLYGON[GM_SHAPES_FORMS] = {
    [GM_SQUARE] = { 4, { { -.82, -.82 }, { .82, -.82 }, { .82, .82 }, { -.82, .82 } } },
    [GM_TRIANGLE] = { 3, { { 0, -1 }, { 1, .75 }, { -1, .75 } } },
    /* Points at radius 1, dents at .42, 36 degrees apart. */
    [GM_STAR] = { 10, {
        { 0, -1 }, { .24686980596283870, -.33978713763747790 },
        { .95105651629515360, -.30901699437494745 }, { .39944373684396450, .12978713763747790 },
        { .58778525229247310, .80901699437494740 }, { 0, .42 },
        { -.58778525229247310, .80901699437494740 }, { -.39944373684396450, .12978713763747790 },
        { -.95105651629515360, -.30901699437494745 },
        { -.24686980596283870, -.33978713763747790 } } },
    [GM_CROSS] = { 12, {
        { -.32, -.95 }, { .32, -.95 }, { .32, -.32 }, { .95, -.32 }, { .95, .32 }, { .32, .32 },
        { .32, .95 }, { -.32, .95 }, { -.32, .32 }, { -.95, .32 }, { -.95, -.32 },
        { -.32, -.32 } } },
    [GM_DIAMOND] = { 4, { { 0, -1 }, { .8, 0 }, { 0, 1 }, { -.8, 0 } } },
    [GM_HEXAGON] = { 6, {
        { -.5, -.86602540378443865 }, { .5, -.86602540378443865 }, { 1, 0 },
        { .5, .86602540378443865 }, { -.5, .86602540378443865 }, { -1, 0 } } },
    [GM_ARROW] = { 7, {
        { -1, -.28 }, { .1, -.28 }, { .1, -.75 }, { 1, 0 }, { .1, .75 }, { .1, .28 },
        { -1, .28 } } },
};

/* Even-odd filling: the edges that the line crosses, sorted. */
static int polygon_spans(double span[GM_SHAPES_SPANS][2], const polygon *g, double y)
{
    double cut[CORNERS];
    int n = 0;
    for (int i = 0; i < g->n; i++) {
        const double *a = g->p[i], *b = g->p[(i + 1) % g->n];
        if ((a[1] <= y) == (b[1] <= y)) continue;
        double x = a[0] + (y - a[1]) * (b[0] - a[0]) / (b[1] - a[1]);
        int at = n++;
        for (; at > 0 && cut[at - 1] > x; at--) cut[at] = cut[at - 1];
        cut[at] = x;
    }
    memcpy(span, cut, (size_t)n * sizeof *cut);
    return n / 2;
}

/* The heart is (u + v^2 - 1)^3 <= u v^3 with u = (1.2 x)^2, v = .15 - 1.2 y; with u = w^3: f(w) =
 * w^3 - v w + v^2 - 1 <= 0.  f falls to w = sqrt(v / 3) and rises from there. */
static double heart(double w, double v) { return w * w * w - v * w + v * v - 1; }

/* The w between `in`, where f <= 0, and `out`, where f > 0, at which it changes. */
static double heart_edge(double in, double out, double v)
{
    for (int i = 0; i < 26; i++) {
        double middle = (in + out) / 2;
        if (heart(middle, v) <= 0) in = middle;
        else out = middle;
    }
    return in * sqrt(in) / 1.2;                                 /* x = sqrt(w^3) / 1.2 */
}

static int heart_spans(double span[GM_SHAPES_SPANS][2], double y)
{
    double v = .15 - 1.2 * y, lowest = v > 0 ? sqrt(v / 3) : 0;
    if (heart(lowest, v) > 0) return 0;
    double outer = heart_edge(lowest, 2, v);
    if (heart(0, v) <= 0) {
        span[0][0] = -outer;
        span[0][1] = outer;
        return 1;
    }
    double inner = heart_edge(lowest, 0, v);                    /* the dent between the lobes */
    memcpy(span, (double[2][2]){ { -outer, -inner }, { inner, outer } }, 4 * sizeof(double));
    return 2;
}

/* [-a, a] without what lies between lo and hi. */
static int without(double span[GM_SHAPES_SPANS][2], double a, double lo, double hi)
{
    int n = 0;
    if (lo > -a) {
        span[n][0] = -a;
        span[n++][1] = fmin(a, lo);
    }
    if (hi < a) {
        span[n][0] = fmax(-a, hi);
        span[n++][1] = a;
    }
    return n;
}

int gm_shapes_spans(double span[GM_SHAPES_SPANS][2], gm_shapes_form f, double y)
{
    if (POLYGON[f].n) return polygon_spans(span, &POLYGON[f], y);
    if (f == GM_HEART) return heart_spans(span, y);
    double flat = f == GM_OVAL ? y / .62 : y;
    if (flat * flat > 1) return 0;
    double a = sqrt(1 - flat * flat);
    if (f == GM_RING && y * y < .55 * .55) {
        double hole = sqrt(.55 * .55 - y * y);
        return without(span, a, -hole, hole);
    }
    if (f == GM_MOON && y * y < .8 * .8) {                      /* a disc bitten by another one */
        double bite = sqrt(.8 * .8 - y * y);
        return without(span, a, .5 - bite, .5 + bite);
    }
    span[0][0] = -a;
    span[0][1] = a;
    return 1;
}

/* Samples first..last of a fine row, counted in the pixels they belong to. */
static void add_samples(uint8_t *row, int64_t first, int64_t last)
{
    enum { F = GM_SHAPES_FINE };
    if (first < 0) first = 0;
    if (last > F * GM_SHAPES_SIDE - 1) last = F * GM_SHAPES_SIDE - 1;
    if (first > last) return;
    int64_t p = first / F, q = last / F;
    if (p == q) {
        row[p] = (uint8_t)(row[p] + last - first + 1);
        return;
    }
    row[p] = (uint8_t)(row[p] + F - first % F);
    for (int64_t i = p + 1; i < q; i++) row[i] += F;
    row[q] = (uint8_t)(row[q] + last % F + 1);
}

static int64_t clip(double v)
{
    return v < 0 ? 0 : v > GM_SHAPES_SIDE ? GM_SHAPES_SIDE : (int64_t)v;
}

void gm_shapes_cover(gm_shapes_scene *s, gm_shapes_object *o)
{
    enum { F = GM_SHAPES_FINE, SIDE = GM_SHAPES_SIDE };
    const double r = o->radius;
    int64_t reach[4] = { clip(o->cx - r - 1), clip(o->cy - r - 1), clip(o->cx + r + 2),
                         clip(o->cy + r + 2) };
    memcpy(o->reach, reach, sizeof reach);
    o->area = 0;
    for (int64_t y = reach[1]; y < reach[3]; y++) {
        uint8_t *row = s->cover + y * SIDE;
        memset(row + reach[0], 0, (size_t)(reach[2] - reach[0]));
        for (int k = 0; k < F; k++) {
            double span[GM_SHAPES_SPANS][2], fine = ((double)(y * F + k) + .5) / F;
            int n = gm_shapes_spans(span, o->form, (fine - o->cy) / r);
            for (int i = 0; i < n; i++)
                add_samples(row, (int64_t)ceil((o->cx + r * span[i][0]) * F - .5),
                            (int64_t)floor((o->cx + r * span[i][1]) * F - .5));
        }
        for (int64_t x = reach[0]; x < reach[2]; x++) o->area += gm_shapes_inside(row[x]);
    }
}
