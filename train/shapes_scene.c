/* Scenes: which objects, and where.  Source: golden/oracle/shapeworld.py, scene. */
#include "shapes_scene.h"

#include <stdlib.h>
#include <string.h>

const char *const gm_shapes_colour_name[GM_SHAPES_COLOURS] = {
    "red", "green", "blue", "yellow", "orange", "purple", "white", "black",
    "pink", "brown", "turquoise"
};
const char *const gm_shapes_form_name[GM_SHAPES_FORMS] = {
    "circle", "square", "triangle", "star", "cross", "ring", "heart", "diamond",
    "oval", "hexagon", "arrow", "moon"
};
const char *const gm_shapes_size_name[GM_SHAPES_SIZES] = { "small", "medium", "large" };

enum { SIDE = GM_SHAPES_SIDE, MOST_A = 4, MOST_B = 6, TRIES = 60 };

void gm_shapes_tint(gm_shapes_object *o, double off, gm_random *r)
{
    gm_shapes_colour(o->tint, o->colour);
    for (int c = 0; c < 3; c++) o->tint[c] += gm_random_uniform(r, -off, off);
    o->shade = gm_random_uniform(r, -.10, .10);
}

static double squared(double v) { return v * v; }

/* Whether a candidate of world A may stand beside the s->n objects before it: no colour and shape
 * twice, the same shape half as often as chance would have it, and a gap of 4 pixels. */
static bool fits_a(const gm_shapes_scene *s, const gm_shapes_object *o, gm_random *r)
{
    bool fits = true;
    for (int i = 0; i < s->n; i++) {
        const gm_shapes_object *p = &s->object[i];
        bool alike = p->form == o->form;
        if (alike && (p->colour == o->colour || gm_random_chance(r, .5))) fits = false;
        if (squared(o->cx - p->cx) + squared(o->cy - p->cy) <= squared(o->radius + p->radius + 4))
            fits = false;
    }
    return fits;
}

static void place_a(gm_shapes_scene *s, int most, gm_random *r)
{
    int n = 1 + gm_random_below(r, most);
    for (int k = 0; k < n; k++) {
        for (int t = 0; t < TRIES; t++) {
            gm_shapes_object o = { .within = -1 };
            o.colour = gm_random_below(r, GM_SHAPES_COLOURS_A);
            o.form = (gm_shapes_form)gm_random_below(r, GM_SHAPES_FORMS_A);
            o.size = gm_random_below(r, 2) ? GM_LARGE : GM_SMALL;
            o.radius = o.size == GM_LARGE ? gm_random_uniform(r, 42, 56)
                                          : gm_random_uniform(r, 24, 32);
            o.cx = gm_random_uniform(r, o.radius + 2, SIDE - o.radius - 2);
            o.cy = gm_random_uniform(r, o.radius + 2, SIDE - o.radius - 2);
            if (!fits_a(s, &o, r)) continue;
            gm_shapes_tint(&o, 14, r);
            s->object[s->n] = o;
            gm_shapes_cover(s, &s->object[s->n]);
            gm_shapes_paint_object(s, s->n++);
            break;
        }
    }
}

gm_shapes_world gm_shapes_world_of(gm_shapes_world w, uint64_t seed, int64_t index)
{
    gm_random r = gm_random_stream(seed, (uint64_t)index, 1);
    if (w != GM_SHAPES_MIX) return w;
    return gm_random_below(&r, 2) ? GM_SHAPES_B : GM_SHAPES_A;
}

gm_shapes_scene *gm_shapes_scene_new(uint64_t seed, int64_t index, gm_shapes_world world,
                                     int max_objects)
{
    gm_shapes_scene *s = malloc(sizeof *s);
    if (!s) return NULL;
    s->world = world;
    s->n = 0;
    s->image = (gm_image){ SIDE, SIDE, malloc(3 * SIDE * SIDE) };
    if (!s->image.rgb) {
        free(s);
        return NULL;
    }
    gm_random r = gm_random_stream(seed, (uint64_t)index, 0);
    gm_shapes_paint_ground(s, &r);
    if (world == GM_SHAPES_B) gm_shapes_place_b(s, max_objects ? max_objects : MOST_B, &r);
    else place_a(s, max_objects && max_objects < MOST_A ? max_objects : MOST_A, &r);
    gm_shapes_measure(s);
    return s;
}

void gm_shapes_scene_free(gm_shapes_scene *s)
{
    if (s) gm_image_free(&s->image);
    free(s);
}

/* The runs of a mask (io/rle.h), looked for only in columns from..to - 1; counts alone when
 * count is NULL. */
static int64_t runs(uint32_t *count, const gm_shapes_scene *s, uint32_t objects, int64_t from,
                    int64_t to)
{
    int64_t n = 0, length = from * SIDE;
    bool now = false;
    for (int64_t x = from; x < to; x++) {
        for (int64_t y = 0; y < SIDE; y++) {
            if ((objects << 1 >> s->owner[y * SIDE + x] & 1) != now) {
                if (count) count[n] = (uint32_t)length;
                n++;
                length = 0;
                now = !now;
            }
            length++;
        }
    }
    length += (SIDE - to) * SIDE;
    if (count) count[n] = (uint32_t)length;
    return n + 1;
}

int gm_shapes_mask(gm_rle *out, const gm_shapes_scene *s, uint32_t objects, gm_error *e)
{
    int64_t from = SIDE, to = 0;
    *out = (gm_rle){ 0 };
    for (int k = 0; k < s->n; k++) {
        if (!(objects >> k & 1)) continue;
        if (s->object[k].box[0] < from) from = s->object[k].box[0];
        if (s->object[k].box[2] > to) to = s->object[k].box[2];
    }
    if (from > to) from = to;
    if (to < SIDE) to++;                /* a column outside ends the last run */
    int64_t n = runs(NULL, s, objects, from, to);
    uint32_t *count = malloc((size_t)n * sizeof *count);
    if (!count) return gm_fail(e, "out of memory for a mask of %lld runs", (long long)n);
    runs(count, s, objects, from, to);
    *out = (gm_rle){ SIDE, SIDE, n, count };
    return 0;
}
