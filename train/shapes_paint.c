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
    int32_t noise;                      /* its standard deviation, over that of noise_row */
    int pattern, period;                /* of stripes or checks, their side in pixels */
    int32_t step[3];                    /* what every other one is lighter */
} ground;

enum { ALONG, ACROSS, SLANTED, CHECKS };

/* Whether pixel x, y belongs to a stripe (or check) that stands out: phase[t] is t / period's
 * parity. */
static bool in_stripe(const uint8_t *phase, int pattern, int64_t x, int64_t y)
{
    switch (pattern) {
    case ALONG: return phase[y];
    case ACROSS: return phase[x];
    case SLANTED: return phase[x + y];
    default: return phase[x] != phase[y];
    }
}

static void fill_phase(uint8_t phase[2 * SIDE], int period)
{
    for (int t = 0; t < 2 * SIDE; t++) phase[t] = t / period & 1;
}

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
    uint8_t phase[2 * SIDE];
    if (s->ground) fill_phase(phase, g->period);
    for (int64_t y = 0; y < SIDE; y++) {
        ground_row(row, g, y);
        for (int64_t x = 0; x < SIDE && s->ground; x++)
            if (in_stripe(phase, g->pattern, x, y))
                for (int c = 0; c < 3; c++) row[3 * x + c] += g->step[c];
        noise_row(noise, r);
        uint8_t *out = s->image.rgb + y * ROW;
        for (int i = 0; i < ROW; i++) {
            int32_t v = (row[i] + g->noise * noise[i] + ONE / 2) / ONE;
            out[i] = (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : v);
        }
    }
}

/* World B adds a slope of light, stronger grain, stripes and checks. */
static void enrich(ground *g, gm_shapes_scene *s, gm_random *r)
{
    double slope[2] = { gm_random_uniform(r, -6, 6), gm_random_uniform(r, -6, 6) };
    for (int i = 0; i < NODES; i++)
        for (int j = 0; j < NODES; j++)
            for (int c = 0; c < 3; c++)
                g->node[i][j][c] += (int32_t)((slope[0] * (i - 2.5) + slope[1] * (j - 2.5)) * ONE);
    if (gm_random_chance(r, .25)) g->noise *= 2;
    if (gm_random_chance(r, .5)) return;
    g->pattern = gm_random_below(r, CHECKS + 1);
    g->period = 12 + gm_random_below(r, 21);
    s->ground = g->pattern == CHECKS ? GM_GROUND_CHECKED : GM_GROUND_STRIPED;
    for (int c = 0; c < 3; c++) g->step[c] = (int32_t)(gm_random_uniform(r, 12, 26) * ONE);
}

void gm_shapes_paint_ground(gm_shapes_scene *s, gm_random *r)
{
    ground g;
    double base[3], grey = gm_random_uniform(r, 110, 190), depth = gm_random_uniform(r, 4, 18);
    for (int c = 0; c < 3; c++) base[c] = grey + gm_random_uniform(r, -25, 25);
    if (s->world == GM_SHAPES_B) depth /= 2;
    for (int i = 0; i < NODES; i++)
        for (int j = 0; j < NODES; j++)
            for (int c = 0; c < 3; c++)
                g.node[i][j][c] = (int32_t)((base[c] + depth * gm_random_normal(r)) * ONE);
    g.noise = (int32_t)(gm_random_uniform(r, 0, 6) * ONE / 147.8);
    s->ground = GM_GROUND_PLAIN;
    if (s->world == GM_SHAPES_B) enrich(&g, s, r);
    paint_ground(s, &g, r);
    memset(s->owner, 0, sizeof s->owner);
}

/* ---- shapes ---- */

void gm_shapes_second_tone(double tone[3], const double colour[3])
{
    bool dark = colour[0] + colour[1] + colour[2] < 250;
    for (int c = 0; c < 3; c++)
        tone[c] = dark ? colour[c] + (255 - colour[c]) * .375 : colour[c] * .625;
}

/* The object's two tones in row y: its tint is darker or lighter down the image. */
static void row_tones(int32_t tone[2][3], const gm_shapes_object *o, int64_t y)
{
    double light = 1 + o->shade * (2.0 * (double)y / (SIDE - 1) - 1), v[2][3];
    for (int c = 0; c < 3; c++) {
        v[0][c] = o->tint[c] * light;
        v[0][c] = v[0][c] < 0 ? 0 : v[0][c] > 255 ? 255 : v[0][c];
    }
    gm_shapes_second_tone(v[1], v[0]);
    for (int i = 0; i < 2; i++)
        for (int c = 0; c < 3; c++) tone[i][c] = (int32_t)(v[i][c] * ONE);
}

/* Whether x, y, counted from a corner of the shape's reach, lies in one of its dots. */
static bool in_dot(int period, int64_t x, int64_t y)
{
    int64_t dx = 2 * (x % period) - period + 1, dy = 2 * (y % period) - period + 1;
    return 9 * (dx * dx + dy * dy) <= 4 * period * period;
}

void gm_shapes_paint_object(gm_shapes_scene *s, int k)
{
    const gm_shapes_object *o = &s->object[k];
    uint8_t phase[2 * SIDE];
    if (o->texture == GM_STRIPED) fill_phase(phase, o->period);
    for (int64_t y = o->reach[1]; y < o->reach[3]; y++) {
        int32_t tone[2][3];
        row_tones(tone, o, y);
        for (int64_t x = o->reach[0]; x < o->reach[2]; x++) {
            int cover = s->cover[y * SIDE + x];
            if (!cover) continue;
            int64_t i = x - o->reach[0], j = y - o->reach[1];
            bool other = o->texture == GM_STRIPED ? in_stripe(phase, o->pattern, i, j)
                         : o->texture == GM_DOTTED && in_dot(o->period, i, j);
            const int32_t *colour = tone[other];
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
