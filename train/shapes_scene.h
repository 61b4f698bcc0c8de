/* Scenes: what stands where, and how it looks. */
#ifndef GM_TRAIN_SHAPES_SCENE_H
#define GM_TRAIN_SHAPES_SCENE_H
#include "shapes.h"
#include "shapes_random.h"

/* World A has the first GM_SHAPES_COLOURS_A colours and GM_SHAPES_FORMS_A shapes. */
enum {
    GM_SHAPES_COLOURS_A = 8, GM_SHAPES_FORMS_A = 8, GM_SHAPES_COLOURS = 11, GM_SHAPES_FORMS = 12
};
typedef enum {
    GM_CIRCLE, GM_SQUARE, GM_TRIANGLE, GM_STAR, GM_CROSS, GM_RING, GM_HEART, GM_DIAMOND,
    GM_OVAL, GM_HEXAGON, GM_ARROW, GM_MOON
} gm_shapes_form;
typedef enum { GM_SMALL, GM_MEDIUM, GM_LARGE, GM_SHAPES_SIZES } gm_shapes_size;
typedef enum { GM_PLAIN, GM_STRIPED, GM_DOTTED, GM_SHAPES_TEXTURES } gm_shapes_texture;

extern const char *const gm_shapes_colour_name[GM_SHAPES_COLOURS];
extern const char *const gm_shapes_form_name[GM_SHAPES_FORMS];
extern const char *const gm_shapes_size_name[GM_SHAPES_SIZES];

typedef struct {
    int colour;
    gm_shapes_form form;
    gm_shapes_size size;
    gm_shapes_texture texture;
    double radius, cx, cy;              /* pixels; pixel i reaches from i to i + 1 */
    double tint[3], shade;              /* red, green, blue 0..255; how much darker the top is */
    int pattern, period;                /* which way its stripes run, and pixels between two */
    int64_t reach[4];                   /* x1 y1 x2 y2 (ends excluded) around all it may cover */
    int64_t area, visible;              /* pixels of its own, and those not hidden */
    int64_t box[4];                     /* x1 y1 x2 y2 (ends excluded) of the visible pixels */
    uint32_t hides;                     /* bits of the objects that it stands in front of */
    int within;                         /* the object that it lies inside of, or -1 */
} gm_shapes_object;

/* What the ground shows besides soft clouds. */
typedef enum { GM_GROUND_PLAIN, GM_GROUND_STRIPED, GM_GROUND_CHECKED } gm_shapes_ground;

typedef struct {
    gm_shapes_world world;              /* A or B */
    gm_shapes_ground ground;
    int n;
    gm_shapes_object object[GM_SHAPES_MOST];            /* from back to front */
    gm_image image;                     /* GM_SHAPES_SIDE squared */
    uint8_t owner[GM_SHAPES_SIDE * GM_SHAPES_SIDE];     /* 1 + the object seen there; 0: ground */
    uint8_t cover[GM_SHAPES_SIDE * GM_SHAPES_SIDE];     /* scratch of one object */
} gm_shapes_scene;

/* Scene (seed, index), malloc'ed; world A or B (gm_shapes_world_of).  NULL when out of memory. */
gm_shapes_scene *gm_shapes_scene_new(uint64_t seed, int64_t index, gm_shapes_world world,
                                     int max_objects);
void gm_shapes_scene_free(gm_shapes_scene *s);
/* A or B: what MIX is at this index. */
gm_shapes_world gm_shapes_world_of(gm_shapes_world w, uint64_t seed, int64_t index);
/* The visible pixels of the objects whose bits are set. */
int gm_shapes_mask(gm_rle *r, const gm_shapes_scene *s, uint32_t objects, gm_error *e);

/* Objects 0 .. at most `most` - 1 of world B, placed and painted.  shapes_scene_b.c */
void gm_shapes_place_b(gm_shapes_scene *s, int most, gm_random *r);
/* Its colour, a little off, and a shade. */
void gm_shapes_tint(gm_shapes_object *o, double off, gm_random *r);

/* ---- geometry: shapes_outline.c ---- */

enum { GM_SHAPES_FINE = 3, GM_SHAPES_SPANS = 4 };       /* samples a pixel, each way */
/* Where a line at height y crosses a shape of radius 1 around 0, 0 (y grows downwards): pairs of x,
 * from left to right; returns how many. */
int gm_shapes_spans(double span[GM_SHAPES_SPANS][2], gm_shapes_form f, double y);
/* s->cover within o->reach (both set here): how many of a pixel's 9 samples lie inside. */
void gm_shapes_cover(gm_shapes_scene *s, gm_shapes_object *o);
/* Half a pixel or more makes it the object's. */
static inline bool gm_shapes_inside(int cover)
{
    return cover > GM_SHAPES_FINE * GM_SHAPES_FINE / 2;
}

/* ---- painting: shapes_paint.c ---- */

/* The ground of s->world; sets s->ground. */
void gm_shapes_paint_ground(gm_shapes_scene *s, gm_random *r);
/* Object k over what is there, from s->cover; its pixels become its own. */
void gm_shapes_paint_object(gm_shapes_scene *s, int k);
/* visible and box of every object, once all are painted. */
void gm_shapes_measure(gm_shapes_scene *s);
void gm_shapes_colour(double rgb[3], int colour);
/* The other tone of a textured shape: darker, of a dark colour lighter. */
void gm_shapes_second_tone(double tone[3], const double colour[3]);

#endif
