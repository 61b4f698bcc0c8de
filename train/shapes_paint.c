/* Painting: grounds with a soft texture, shapes with soft edges.  Pixels are integers all the way,
 * in units of 1 / ONE, so that every machine makes the same ones.  Source:
 * golden/oracle/shapeworld.py, scene. */
#include "shapes_scene.h"

#include <string.h>

enum {
    SIDE = GM_SHAPES_SIDE, ONE = 1 << 16,
    NODES = 6, SEGMENT = (SIDE - 1) / (NODES - 1),  /* the texture's nodes lie 51 pixels apart */
    ROW = 3 * SIDE,
    SAMPLES = GM_SHAPES_FINE * GM_SHAPES_FINE
};

void gm_shapes_colour(double rgb[3], int colour)
{
    static const double table[GM_SHAPES_COLOURS][3] = {
        { 214, 40, 40 }, { 46, 160, 67 }, { 40, 90, 214 }, { 240, 205, 40 }, { 240, 130, 30 },
        { 130, 60, 180 }, { 245, 245, 245 }, { 20, 20, 20 },
        { 245, 120, 190 }, { 110, 66, 32 }, { 40, 205, 205 },
    };
    memcpy(rgb, table[colour], sizeof table[colour]);
}

/* ---- the ground ---- */

typedef struct {
    int32_t node[NODES][NODES][3];      /* colours between which the ground is bilinear */
    int32_t noise;                      /* its standard deviation */
} ground;

/* noise: about normal, its standard deviation 147.8: sums of four bytes, two from each hash. */
static void noise_row(int32_t noise[ROW], gm_random *r)
{
    const uint64_t low = 0x00FF00FF00FF00FFu;
    for (int i = 0; i < ROW; i += 2) {
        uint64_t h = gm_random_next(r);
        h = (h & low) + (h >> 8 & low);
        noise[i] = (int32_t)((h & 0xFFFF) + (h >> 16 & 0xFFFF)) - 510;
        noise[i + 1] = (int32_t)((h >> 32 & 0xFFFF) + (h >> 48)) - 510;
    }
}

/* Row y of the ground without noise. */
static void ground_row(int32_t row[ROW], const ground *g, int64_t y)
{
    int64_t k = y / SEGMENT < NODES - 2 ? y / SEGMENT : NODES - 2, f = y - k * SEGMENT;
    int32_t at[NODES][3];
    for (int i = 0; i < NODES; i++)
        for (int c = 0; c < 3; c++) {
            int64_t a = g->node[k][i][c], b = g->node[k + 1][i][c];
            at[i][c] = (int32_t)(a + (b - a) * f / SEGMENT);
        }
    for (int i = 0; i < NODES - 1; i++)
        for (int c = 0; c < 3; c++) {
            int32_t step = (at[i + 1][c] - at[i][c]) / SEGMENT;
            for (int x = 0; x < SEGMENT; x++)
                row[3 * (i * SEGMENT + x) + c] = at[i][c] + step * x;
        }
    memcpy(row + ROW - 3, at[NODES - 1], sizeof at[NODES - 1]);
}

static void paint_ground(gm_shapes_scene *s, const ground *g, gm_random *r)
{
    int32_t row[ROW], noise[ROW];
    for (int64_t y = 0; y < SIDE; y++) {
        ground_row(row, g, y);
        noise_row(noise, r);
        uint8_t *out = s->image.rgb + y * ROW;
        for (int i = 0; i < ROW; i++) {
            int32_t v = (row[i] + g->noise * noise[i] + ONE / 2) / ONE;
            out[i] = (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : v);
        }
    }
}

void gm_shapes_paint_ground(gm_shapes_scene *s, gm_random *r)
{
    ground g;
    double base[3], grey = gm_random_uniform(r, 110, 190), depth;
    for (int c = 0; c < 3; c++) base[c] = grey + gm_random_uniform(r, -25, 25);
    depth = gm_random_uniform(r, 4, 18);
    for (int i = 0; i < NODES; i++)
        for (int j = 0; j < NODES; j++)
            for (int c = 0; c < 3; c++)
                g.node[i][j][c] = (int32_t)((base[c] + depth * gm_random_normal(r)) * ONE);
    g.noise = (int32_t)(gm_random_uniform(r, 0, 6) * ONE / 147.8);
    paint_ground(s, &g, r);
    memset(s->owner, 0, sizeof s->owner);
}

/* ---- shapes ---- */

/* The object's colour in row y: its tint, darker or lighter down the image. */
static void row_colour(int32_t colour[3], const gm_shapes_object *o, int64_t y)
{
    double light = 1 + o->shade * (2.0 * (double)y / (SIDE - 1) - 1);
    for (int c = 0; c < 3; c++) {
        double v = o->tint[c] * light;
        colour[c] = (int32_t)((v < 0 ? 0 : v > 255 ? 255 : v) * ONE);
    }
}

void gm_shapes_paint_object(gm_shapes_scene *s, int k)
{
    const gm_shapes_object *o = &s->object[k];
    for (int64_t y = o->reach[1]; y < o->reach[3]; y++) {
        int32_t colour[3];
        row_colour(colour, o, y);
        for (int64_t x = o->reach[0]; x < o->reach[2]; x++) {
            int cover = s->cover[y * SIDE + x];
            if (!cover) continue;
            uint8_t *p = s->image.rgb + 3 * (y * SIDE + x);
            for (int c = 0; c < 3; c++)
                p[c] = (uint8_t)((p[c] * ONE * (SAMPLES - cover) + colour[c] * cover
                                  + SAMPLES * ONE / 2) / (SAMPLES * ONE));
            if (gm_shapes_inside(cover)) s->owner[y * SIDE + x] = (uint8_t)(k + 1);
        }
    }
}

void gm_shapes_measure(gm_shapes_scene *s)
{
    for (int k = 0; k < s->n; k++) {
        gm_shapes_object *o = &s->object[k];
        int64_t box[4] = { SIDE, SIDE, 0, 0 };
        o->visible = 0;
        for (int64_t y = o->reach[1]; y < o->reach[3]; y++)
            for (int64_t x = o->reach[0]; x < o->reach[2]; x++) {
                if (s->owner[y * SIDE + x] != k + 1) continue;
                o->visible++;
                if (x < box[0]) box[0] = x;
                if (y < box[1]) box[1] = y;
                if (x >= box[2]) box[2] = x + 1;
                if (y >= box[3]) box[3] = y + 1;
            }
        memcpy(o->box, box, sizeof box);
    }
}
