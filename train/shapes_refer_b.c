/* World B's referring expressions: each fits one object alone, and nobody could take another one
 * for it. */
#include "shapes_text_b.h"

/* "the leftmost red shape": by some properties, of which others have them too, and the place. */
static bool refer_by_place(gm_text *t, const gm_shapes_scene *s, int k, gm_random *r)
{
    static const char *const word[4] = { "leftmost", "rightmost", "topmost", "lowest" };
    const gm_shapes_object *o = &s->object[k];
    static const int by[] = {
        0, GM_BY_COLOUR, GM_BY_FORM, GM_BY_TEXTURE, GM_BY_SIZE, GM_BY_COLOUR | GM_BY_FORM, GM_BY_ALL
    };
    enum { SIDES = 4, WAYS = SIDES * sizeof by / sizeof *by };
    int start = gm_random_below(r, WAYS), step = 2 * gm_random_below(r, 3) + 1;
    for (int i = 0; i < WAYS; i++) {                    /* 1, 3 and 5 reach all 28 */
        int way = (start + i * step) % WAYS, side = way % SIDES, how = by[way / SIDES];
        uint32_t others = gm_shapes_alike(s, k, how) & ~(1u << k);
        bool first = others != 0;
        for (int j = 0; j < s->n && first; j++) {
            if (!(others >> j & 1)) continue;
            double dx = s->object[j].cx - o->cx, dy = s->object[j].cy - o->cy;
            double ahead = side == 0 ? dx : side == 1 ? -dx : side == 2 ? dy : -dy;
            first = ahead > 14;
        }
        if (!first) continue;
        gm_shapes_say(t, "the {} ", word[side]);
        gm_shapes_noun(t, s, k, how);
        return true;
    }
    return false;
}

/* Whether k alone, of those that share its properties `by`, may be said to stand so to b. */
static bool only_one(const gm_shapes_scene *s, int k, int by, gm_shapes_relation rel, int b)
{
    uint32_t alike = gm_shapes_alike(s, k, by);
    for (int i = 0; i < s->n; i++)
        if (i != k && alike >> i & 1 && gm_shapes_holds(s, rel, i, b, false)) return false;
    return gm_shapes_holds(s, rel, k, b, true);
}

/* "the circle left of the red star". */
static bool refer_by_relation(gm_text *t, const gm_shapes_scene *s, int k, gm_random *r)
{
    static const int by[] = { 0, GM_BY_FORM, GM_BY_COLOUR, GM_BY_COLOUR | GM_BY_FORM };
    for (int try = 0; try < 12; try++) {
        int b = gm_random_below(r, s->n), how = by[gm_random_below(r, 4)];
        /* Overlaps are rarer than sides, so they are asked for as often. */
        int rel = gm_random_below(r, 2) ? gm_random_below(r, GM_RELATIONS)
                                        : GM_IN_FRONT + gm_random_below(r, 3);
        if (!only_one(s, k, how, (gm_shapes_relation)rel, b)) continue;
        int telling = gm_shapes_telling(s, b, 0, r);
        if (!telling) continue;
        gm_text_adds(t, "the ");
        gm_shapes_noun(t, s, k, how);
        gm_shapes_say(t, " {} the ", gm_shapes_relation_name[rel]);
        gm_shapes_noun(t, s, b, telling);
        return true;
    }
    return false;
}

/* Whether k alone, of those that share its properties `by`, may be said to lie between a and b. */
static bool only_between(const gm_shapes_scene *s, int k, int by, int a, int b)
{
    uint32_t alike = gm_shapes_alike(s, k, by);
    for (int i = 0; i < s->n; i++)
        if (i != k && alike >> i & 1 && gm_shapes_between(s, i, a, b, false)) return false;
    return gm_shapes_between(s, k, a, b, true);
}

/* "the star between the red circle and the ring". */
static bool refer_by_between(gm_text *t, const gm_shapes_scene *s, int k, gm_random *r)
{
    int how = gm_random_below(r, 2) ? GM_BY_FORM : 0, start = gm_random_below(r, s->n * s->n);
    for (int i = 0; i < s->n * s->n; i++) {
        int a = (start + i) % (s->n * s->n) / s->n, b = (start + i) % s->n;
        if (!only_between(s, k, how, a, b)) continue;
        int first = gm_shapes_telling(s, a, 0, r), second = gm_shapes_telling(s, b, 0, r);
        if (!first || !second) continue;
        gm_text_adds(t, "the ");
        gm_shapes_noun(t, s, k, how);
        gm_text_adds(t, " between the ");
        gm_shapes_noun(t, s, a, first);
        gm_text_adds(t, " and the ");
        gm_shapes_noun(t, s, b, second);
        return true;
    }
    return false;
}

bool gm_shapes_refer_b(gm_text *t, const gm_shapes_scene *s, int k, gm_random *r)
{
    double kind = gm_random_uniform(r, 0, 1);
    if (kind < .15 && refer_by_between(t, s, k, r)) return true;
    if (kind < .45 && refer_by_relation(t, s, k, r)) return true;
    if (kind < .60 && refer_by_place(t, s, k, r)) return true;
    int by = gm_shapes_telling(s, k, 0, r);
    if (!by) return refer_by_relation(t, s, k, r) || refer_by_place(t, s, k, r);
    gm_text_adds(t, "the ");
    gm_shapes_noun(t, s, k, by);
    return true;
}
