/* See pretrain.h. */
#include "pretrain.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "../io/image.h"
#include "../io/labels.h"
#include "draw.h"
#include "shapes_scene.h"

enum { WAYS = 8, FINE = 4 };            /* of the way to the centre; parts of a cell's side */
enum { PROMPTS = 3, PROMPT_INNER = 128 };
#define LEAST_COVER 0.15f               /* of a cell, to be an object's */

/* What is said of a cell: classes, and the weight of their cross-entropy. */
enum { WAY_X = GM_TRAITS, WAY_Y, RANK, COUNT, HEADS };
static const struct { int classes; float weight; } HEAD[HEADS] = {
    { GM_SHAPES_COLOURS, 1 }, { GM_SHAPES_FORMS, 1 }, { GM_SHAPES_SIZES, 0.5f },
    { GM_SHAPES_TEXTURES, 0.5f }, { WAYS, 0.5f }, { WAYS, 0.5f }, { GM_SHAPES_MOST, 1 },
    { GM_SHAPES_MOST + 1, 0.5f },
};
#define COVER_WEIGHT 2.0f

gm_learn gm_learn_of(const char *word)
{
    static const char *const words[] = { "talk", "clip", "sam", "decoder" };
    int i = GM_LEARN_DECODER;
    while (i > 0 && strcmp(words[i], word) != 0) i--;
    return (gm_learn)i;
}

/* ---- layers of its own ---- */

static int64_t classes(void)
{
    int64_t n = 0;
    for (int i = 0; i < HEADS; i++) n += HEAD[i].classes;
    return n;
}

/* A prompt's features: x, y, whether they count; traits, one-hot (0 where not said). */
static int64_t features(void)
{
    int64_t n = 3;
    for (int t = 0; t < GM_TRAITS; t++) n += HEAD[t].classes;
    return n;
}

static int add_linear(gm_params *ps, const char *name, int64_t out, int64_t in,
                      const gm_train_policy *o, gm_error *e)
{
    char full[80];
    snprintf(full, sizeof full, "pretrain.%s.weight", name);
    if (gm_params_add(ps, full, 2, GM_DIMS(out, in), 1 / sqrt((double)in), o, e) != 0) return -1;
    snprintf(full, sizeof full, "pretrain.%s.bias", name);
    return gm_params_add(ps, full, 1, GM_DIMS(out), 0, o, e);
}

int gm_pretrain_open(gm_params *ps, const glamm *m, gm_learn learn, const gm_train_policy *o,
                     gm_error *e)
{
    int64_t E = m->decoder.no_mask.dim[1], C = m->clip.class_embedding.dim[0];
    int64_t said = classes() + FINE * FINE;
    if (learn == GM_LEARN_TALK) return 0;
    if (learn == GM_LEARN_CLIP) return add_linear(ps, "head", said, C, o, e);
    if (learn == GM_LEARN_SAM) return add_linear(ps, "head", said, E, o, e);
    if (add_linear(ps, "prompt.0", PROMPT_INNER, features(), o, e) != 0) return -1;
    return add_linear(ps, "prompt.2", E, PROMPT_INNER, o, e);
}

static gm_tensor own_linear(gm_ctx *c, const gm_params *ps, const char *name, gm_tensor x)
{
    char full[80];
    snprintf(full, sizeof full, "pretrain.%s.weight", name);
    const gm_param *w = gm_params_find(ps, full);
    snprintf(full, sizeof full, "pretrain.%s.bias", name);
    const gm_param *b = gm_params_find(ps, full);
    return gm_linear(c, x, w->live, b->live);
}

/* ---- what lies in the cells ---- */

/* Of G x G cells of one picture: label[h] of each (GM_IGNORED: nobody's), cover of each one's
 * FINE x FINE parts. */
typedef struct { int64_t G; int32_t *label[HEADS]; float *cover, *part; uint8_t *mask; } cells;

/* The share of every part that the mask covers, into a->part. */
static void cover_parts(cells *a, const gm_rle *r)
{
    int64_t F = a->G * FINE, H = r->height, W = r->width;
    gm_rle_decode(a->mask, r);
    for (int64_t y = 0; y < F; y++)
        for (int64_t x = 0; x < F; x++) {
            int64_t y0 = y * H / F, y1 = (y + 1) * H / F, x0 = x * W / F, x1 = (x + 1) * W / F;
            int64_t sum = 0;
            for (int64_t v = y0; v < y1; v++)
                for (int64_t u = x0; u < x1; u++) sum += a->mask[v * W + u];
            float area = (float)((y1 - y0) * (x1 - x0));
            a->part[y * F + x] = area > 0 ? (float)sum / area : 0;
        }
}

/* -WAYS / 2 .. WAYS / 2 - 1 half cells of an 8 x 8 grid, from a cell's centre to the object's. */
static int32_t way(double centre, double cell)
{
    double w = floor((centre - cell) * 16) + WAYS / 2;
    return (int32_t)fmin(fmax(w, 0), WAYS - 1);
}

/* Objects whose centre lies further left (of one above the other: higher), as captions count. */
static int32_t rank(const gm_sample *s, int64_t k)
{
    int32_t n = 0;
    const double *o = s->box[k];
    for (int64_t i = 0; i < s->masks; i++) {
        const double *p = s->box[i];
        double dx = p[0] + p[2] - o[0] - o[2], dy = p[1] + p[3] - o[1] - o[3];
        n += dx < 0 || (dx <= 0 && dy < 0);
    }
    return n;
}

static void take_cell(cells *a, const gm_sample *s, int64_t k, int64_t y, int64_t x)
{
    int64_t at = y * a->G + x;
    const double *box = s->box[k];
    for (int t = 0; t < GM_TRAITS; t++) a->label[t][at] = s->trait[k][t];
    a->label[WAY_X][at] = way((box[0] + box[2]) / 2, ((double)x + 0.5) / (double)a->G);
    a->label[WAY_Y][at] = way((box[1] + box[3]) / 2, ((double)y + 0.5) / (double)a->G);
    a->label[RANK][at] = rank(s, k);
    a->label[COUNT][at] = (int32_t)s->masks;
}

/* A cell is of the object that covers most of it. */
static void fill_cells(cells *a, const gm_sample *s, float *best)
{
    int64_t G = a->G, F = G * FINE;
    for (int64_t i = 0; i < G * G; i++) best[i] = LEAST_COVER;
    for (int h = 0; h < HEADS; h++)
        for (int64_t i = 0; i < G * G; i++) a->label[h][i] = GM_IGNORED;
    memset(a->cover, 0, (size_t)(F * F) * sizeof *a->cover);
    for (int64_t k = 0; k < s->masks; k++) {
        cover_parts(a, &s->mask[k]);
        for (int64_t y = 0; y < G; y++)
            for (int64_t x = 0; x < G; x++) {
                float sum = 0;
                for (int64_t p = 0; p < FINE * FINE; p++) {
                    float v = a->part[(y * FINE + p / FINE) * F + x * FINE + p % FINE];
                    a->cover[(y * G + x) * FINE * FINE + p] += v;
                    sum += v;
                }
                if (sum / (FINE * FINE) <= best[y * G + x]) continue;
                best[y * G + x] = sum / (FINE * FINE);
                take_cell(a, s, k, y, x);
            }
    }
}

/* Labels and covers of all samples, one behind the other: label[h] i32 (n G G), cover (1, n G G
 * FINE FINE).  Returns how many cells are some object's.  Drawn pictures have one size. */
static int64_t all_cells(gm_ctx *c, const gm_sample *s, int64_t n, int64_t G,
                         gm_tensor label[HEADS], gm_tensor *cover)
{
    int64_t T = G * G, F = T * FINE * FINE, objects = 0;
    int64_t pixels = s[0].image.height * s[0].image.width;
    int32_t *labels[HEADS];
    float *covers = malloc((size_t)(n * F) * sizeof *covers);
    cells a = { .G = G, .part = malloc((size_t)F * sizeof(float)), .mask = malloc((size_t)pixels) };
    float *best = malloc((size_t)T * sizeof *best);
    bool good = covers && a.part && a.mask && best;
    for (int h = 0; h < HEADS; h++) {
        labels[h] = malloc((size_t)(n * T) * sizeof *labels[h]);
        good = good && labels[h];
    }
    for (int64_t i = 0; good && i < n; i++) {
        for (int h = 0; h < HEADS; h++) a.label[h] = labels[h] + i * T;
        a.cover = covers + i * F;
        fill_cells(&a, &s[i], best);
        for (int64_t k = 0; k < T; k++) objects += a.label[0][k] != GM_IGNORED;
    }
    if (!good) gm_set_error(c, "out of memory for the cells of %lld pictures", (long long)n);
    free(a.part);
    free(a.mask);
    free(best);
    for (int h = 0; h < HEADS; h++)
        label[h] = gm_from_owned(c, GM_I32, labels[h], 1, GM_DIMS(n * T));
    *cover = gm_from_owned(c, GM_F32, covers, 2, GM_DIMS(1, n * F));
    return objects;
}

/* ---- pixels ---- */

static gm_tensor clip_pixels(gm_ctx *c, const glamm *m, const gm_sample *s, int64_t n)
{
    gm_error e = { "" };
    int64_t S = m->config.clip.image;
    float *x = malloc((size_t)(n * 3 * S * S) * sizeof *x);
    for (int64_t i = 0; x && i < n; i++)
        if (gm_pixels_clip(x + i * 3 * S * S, &s[i].image, &m->config, &e) != 0)
            gm_set_error(c, "%s: %s", s[i].source, e.text);
    return gm_from_owned(c, GM_F32, x, 4, GM_DIMS(n, 3, S, S));
}

/* resized: height, width of every picture inside its padded pixels. */
static gm_tensor sam_pixels(gm_ctx *c, const glamm *m, const gm_sample *s, int64_t n,
                            int64_t resized[2])
{
    gm_error e = { "" };
    int64_t Z = gm_sam_side(m);
    float *x = malloc((size_t)(n * 3 * Z * Z) * sizeof *x);
    for (int64_t i = 0; x && i < n; i++)
        if (gm_pixels_sam(x + i * 3 * Z * Z, &s[i].image, Z, resized, &e) != 0)
            gm_set_error(c, "%s: %s", s[i].source, e.text);
    return gm_from_owned(c, GM_F32, x, 4, GM_DIMS(n, 3, Z, Z));
}

/* ---- losses ---- */

/* feature (n G G, C).  Where no cell is an object's (large cells, small objects), cover alone. */
static void cells_loss(gm_ctx *c, const gm_params *ps, gm_tensor feature, const gm_sample *s,
                       int64_t n, int64_t G, gm_losses *l)
{
    gm_tensor label[HEADS], cover, x = own_linear(c, ps, "head", feature);
    int64_t at = 0;
    bool any = all_cells(c, s, n, G, label, &cover) > 0;
    for (int h = 0; h < HEADS; at += HEAD[h++].classes) {
        if (!any) continue;
        gm_tensor ce = gm_cross_entropy(c, gm_slice(c, x, 1, at, HEAD[h].classes), label[h]);
        l->ce = gm_plus(c, l->ce, gm_scale(c, ce, HEAD[h].weight));
    }
    x = gm_reshape(c, gm_slice(c, x, 1, at, FINE * FINE), 2, cover.dim);
    l->bce = gm_scale(c, gm_bce(c, x, cover), COVER_WEIGHT);
    l->total = gm_plus(c, l->ce, l->bce);
}

/* One object in numbers. */
static void describe(float *f, const gm_sample *s, int64_t k, gm_draw *d)
{
    int64_t how = gm_draw_below(d, 3), at = 3;          /* where it is, what it is, both */
    const double *box = s->box[k];
    memset(f, 0, (size_t)features() * sizeof *f);
    if (how != 1) {
        f[0] = (float)(box[0] + box[2] - 1);
        f[1] = (float)(box[1] + box[3] - 1);
        f[2] = 1;
    }
    for (int t = 0; t < GM_TRAITS; t++) {
        bool always = t == GM_TRAIT_COLOUR || t == GM_TRAIT_FORM;
        if (how != 0 && (always || gm_draw_below(d, 2))) f[at + s->trait[k][t]] = 1;
        at += HEAD[t].classes;
    }
}

/* Up to PROMPTS objects of the picture, their prompts' features and true masks. */
static gm_tensor ask(gm_ctx *c, const gm_sample *s, uint64_t key, gm_tensor *target)
{
    gm_draw d = { key, 0 };
    int64_t order[GM_SHAPES_MOST], n = s->masks < PROMPTS ? s->masks : PROMPTS, F = features();
    int64_t H = s->image.height, W = s->image.width;
    float *f = malloc((size_t)(n * F) * sizeof *f), *t = malloc((size_t)(n * H * W) * sizeof *t);
    uint8_t *mask = malloc((size_t)(H * W));
    gm_draw_some(&d, order, s->masks, n);
    for (int64_t i = 0; f && t && mask && i < n; i++) {
        describe(f + i * F, s, order[i], &d);
        gm_rle_decode(mask, &s->mask[order[i]]);
        for (int64_t p = 0; p < H * W; p++) t[i * H * W + p] = mask[p];
    }
    if (!mask) gm_set_error(c, "out of memory for masks");
    free(mask);
    *target = gm_from_owned(c, GM_F32, t, 3, GM_DIMS(n, H, W));
    return gm_from_owned(c, GM_F32, f, 2, GM_DIMS(n, F));
}

/* E (n, C, G, G) */
static void decoder_loss(gm_ctx *c, const glamm *m, const gm_params *ps, gm_tensor E,
                         const gm_sample *s, int64_t n, const int64_t resized[2], uint64_t key,
                         gm_losses *l)
{
    int64_t count = 0;
    for (int64_t i = 0; i < n && gm_ok(c); i++) {
        const int64_t original[2] = { s[i].image.height, s[i].image.width };
        gm_tensor target, iou, x = ask(c, &s[i], gm_mix(key, (uint64_t)i), &target);
        x = gm_relu(c, own_linear(c, ps, "prompt.0", x));
        x = own_linear(c, ps, "prompt.2", x);
        x = gm_masks(c, m, gm_slice(c, E, 0, i, 1), x, resized, original, &iou);
        l->bce = gm_plus(c, l->bce, gm_bce(c, x, target));
        l->dice = gm_plus(c, l->dice, gm_dice(c, x, target));
        count += target.dim[0];
    }
    l->bce = gm_scale(c, l->bce, GM_BCE_WEIGHT / (float)count);
    l->dice = gm_scale(c, l->dice, GM_DICE_WEIGHT / (float)count);
    l->total = gm_add(c, l->bce, l->dice);
}

int gm_pretrain_loss(gm_ctx *c, const glamm *m, const gm_params *ps, gm_learn learn,
                     const gm_sample *s, int64_t n, uint64_t key, gm_losses *l)
{
    int64_t resized[2] = { 0, 0 };
    *l = (gm_losses){ 0 };
    for (int64_t i = 0; i < n; i++)
        if (!s[i].trait)
            gm_set_error(c, "%s: wanted objects with traits (shapes:task=objects)", s[i].source);
    if (!gm_ok(c)) return -1;
    if (learn == GM_LEARN_CLIP) {
        gm_tensor x = gm_clip(c, &m->clip, clip_pixels(c, m, s, n), NULL);  /* (n, T, C) */
        int64_t C = x.dim[2], G = m->config.clip.image / m->config.clip.patch;
        cells_loss(c, ps, gm_reshape(c, x, 2, GM_DIMS(-1, C)), s, n, G, l);
    } else {
        gm_tensor E = gm_sam_encode(c, &m->sam, sam_pixels(c, m, s, n, resized));
        int64_t C = E.dim[1], G = E.dim[2];
        if (learn == GM_LEARN_DECODER) {
            decoder_loss(c, m, ps, E, s, n, resized, key, l);
        } else {
            gm_tensor x = gm_transpose(c, gm_reshape(c, E, 3, GM_DIMS(n, C, G * G)));
            cells_loss(c, ps, gm_reshape(c, x, 2, GM_DIMS(-1, C)), s, n, G, l);
        }
    }
    return gm_ok(c) ? 0 : -1;
}
