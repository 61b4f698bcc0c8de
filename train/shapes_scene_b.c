/* Scenes of world B: shapes that overlap, lie inside each other and look alike, yet each can be
 * told from what it touches and is seen for the most part. */
#include <math.h>
#include "shapes_scene.h"

enum { SIDE = GM_SHAPES_SIDE, TRIES = 40, GAP = 5 };
/* Of its own pixels, an object that is partly hidden keeps this share in sight, and so many. */
static const double SEEN = .7;
enum { SEEN_PIXELS = 150 };

static double difference(const double a[3], const double b[3])
{
    return fabs(a[0] - b[0]) + fabs(a[1] - b[1]) + fabs(a[2] - b[2]);
}

/* Whether two colours stay apart where they meet. */
static bool contrast(int a, int b)
{
    double x[3], y[3];
    gm_shapes_colour(x, a);
    gm_shapes_colour(y, b);
    return difference(x, y) >= 160;
}

/* Whether o's colour stays apart from the ground, looked at in nine places around it. */
static bool stands_out(const gm_shapes_scene *s, const gm_shapes_object *o)
{
    double colour[3], tone[3];
    gm_shapes_colour(colour, o->colour);
    gm_shapes_second_tone(tone, colour);
    for (int i = -1; i <= 1; i++)
        for (int j = -1; j <= 1; j++) {
            int64_t at = (int64_t)(o->cy + i * o->radius) * SIDE + (int64_t)(o->cx + j * o->radius);
            const uint8_t *p = s->image.rgb + 3 * at;
            double ground[3] = { p[0], p[1], p[2] };
            if (s->owner[at]) continue;
            if (difference(colour, ground) < 110) return false;
            if (o->texture && difference(tone, ground) < 90) return false;
        }
    return true;
}

static double distance(const gm_shapes_object *a, const gm_shapes_object *b)
{
    double dx = a->cx - b->cx, dy = a->cy - b->cy;
    return sqrt(dx * dx + dy * dy);
}

static void set_size(gm_shapes_object *o, gm_shapes_size size, gm_random *r)
{
    static const double radius[GM_SHAPES_SIZES][2] = { { 17, 22 }, { 30, 37 }, { 47, 60 } };
    o->size = size;
    o->radius = gm_random_uniform(r, radius[size][0], radius[size][1]);
    o->pattern = gm_random_below(r, 3);
    o->period = (int)(o->radius / (o->texture == GM_DOTTED ? 4 : 5)) + 2;
}

/* What the object is: one in four looks like an earlier one. */
static void look(gm_shapes_object *o, const gm_shapes_scene *s, gm_random *r)
{
    int texture = gm_random_below(r, 5);
    o->colour = gm_random_below(r, GM_SHAPES_COLOURS);
    o->form = (gm_shapes_form)gm_random_below(r, GM_SHAPES_FORMS);
    o->texture = texture == 0 ? GM_STRIPED : texture == 1 ? GM_DOTTED : GM_PLAIN;
    o->size = (gm_shapes_size)gm_random_below(r, GM_SHAPES_SIZES);
    if (s->n && gm_random_chance(r, .25)) {
        const gm_shapes_object *p = &s->object[gm_random_below(r, s->n)];
        o->colour = p->colour;
        o->form = p->form;
        if (gm_random_chance(r, .7)) o->texture = p->texture;
        if (gm_random_chance(r, .7)) o->size = p->size;
    }
    set_size(o, o->size, r);
}

/* A centre anywhere, or at a distance from object k in a random direction; false outside. */
static bool stand(gm_shapes_object *o, const gm_shapes_object *host, double from, double to,
                  gm_random *r)
{
    double margin = o->radius + 2;
    if (!host) {
        o->cx = gm_random_uniform(r, margin, SIDE - margin);
        o->cy = gm_random_uniform(r, margin, SIDE - margin);
        return true;
    }
    double x = gm_random_uniform(r, -1, 1), y = gm_random_uniform(r, -1, 1), n = x * x + y * y;
    if (n > 1 || n < .01) return false;
    double away = gm_random_uniform(r, from, to) / sqrt(n);
    o->cx = host->cx + x * away;
    o->cy = host->cy + y * away;
    return o->cx >= margin && o->cy >= margin && o->cx <= SIDE - margin && o->cy <= SIDE - margin;
}

/* How many pixels of each object the cover of o would hide. */
static void count_hidden(int64_t hidden[GM_SHAPES_MOST + 1], const gm_shapes_scene *s,
                         const gm_shapes_object *o)
{
    for (int i = 0; i <= GM_SHAPES_MOST; i++) hidden[i] = 0;
    for (int64_t y = o->reach[1]; y < o->reach[3]; y++)
        for (int64_t x = o->reach[0]; x < o->reach[2]; x++)
            if (gm_shapes_inside(s->cover[y * SIDE + x])) hidden[s->owner[y * SIDE + x]]++;
}

/* Whether o lies in the hole of a ring. */
static bool in_hole(const gm_shapes_object *o, const gm_shapes_object *ring)
{
    return ring->form == GM_RING && distance(o, ring) + o->radius < .55 * ring->radius - 1;
}

/* Whether o would hide parts of two objects that touch each other, and so perhaps where they do. */
static bool hides_a_meeting(const gm_shapes_scene *s, const int64_t hidden[GM_SHAPES_MOST + 1])
{
    for (int i = 0; i < s->n; i++)
        for (int j = i + 1; j < s->n; j++)
            if (hidden[i + 1] && hidden[j + 1]
                && (s->object[j].hides >> i & 1 || s->object[j].within == i))
                return true;
    return false;
}

/* Whether o may be painted over what is there; sets hides and within.  Overlaps are either plain to
 * see or none, colours that meet differ, and everything keeps enough in sight. */
static bool fits_b(const gm_shapes_scene *s, gm_shapes_object *o)
{
    int64_t hidden[GM_SHAPES_MOST + 1];
    count_hidden(hidden, s, o);
    o->hides = 0;
    o->within = -1;
    if (hides_a_meeting(s, hidden)) return false;
    for (int i = 0; i < s->n; i++) {
        const gm_shapes_object *p = &s->object[i];
        int64_t h = hidden[i + 1], smaller = o->area < p->area ? o->area : p->area;
        bool hole = in_hole(o, p), all = h == o->area;
        bool near = distance(o, p) < o->radius + p->radius + GAP;
        if (near && !contrast(o->colour, p->colour)) return false;
        if (!h && near && !hole) return false;
        if (!h && !hole) continue;
        if (h && 20 * h < smaller) return false;
        if ((double)(p->visible - h) < SEEN * (double)p->area || p->visible - h < SEEN_PIXELS)
            return false;
        /* Almost inside would be told either way. */
        if (!hole && !all && 10 * h > 7 * o->area) return false;
        if (all || hole) o->within = i;
        else o->hides |= 1u << i;
    }
    return true;
}

static bool try_place(gm_shapes_scene *s, gm_random *r)
{
    gm_shapes_object *o = &s->object[s->n];
    *o = (gm_shapes_object){ .within = -1 };
    look(o, s, r);
    const gm_shapes_object *host = s->n ? &s->object[gm_random_below(r, s->n)] : NULL;
    double chance = gm_random_uniform(r, 0, 1), from = 0, to = 0;
    if (host && chance < .2 && host->size == GM_LARGE) {        /* inside of it */
        set_size(o, GM_SMALL, r);
        to = .15 * host->radius;
    } else if (host && chance < .6) {                           /* over a part of it */
        from = .5 * (o->radius + host->radius);
        to = .9 * (o->radius + host->radius);
    } else {
        host = NULL;
    }
    if (!stand(o, host, from, to, r) || !stands_out(s, o)) return false;
    gm_shapes_cover(s, o);
    if (!fits_b(s, o)) return false;
    int64_t hidden[GM_SHAPES_MOST + 1];
    count_hidden(hidden, s, o);
    for (int i = 0; i < s->n; i++) s->object[i].visible -= hidden[i + 1];
    o->visible = o->area;
    gm_shapes_tint(o, 10, r);
    gm_shapes_paint_object(s, s->n++);
    return true;
}

void gm_shapes_place_b(gm_shapes_scene *s, int most, gm_random *r)
{
    int n = 1 + gm_random_below(r, most);
    for (int t = 0; s->n < n && t < TRIES * n; t++) try_place(s, r);
}
