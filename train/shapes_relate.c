/* Properties and relations of objects, in world B. */
#include "shapes_relate.h"

#include <math.h>

const char *const gm_shapes_relation_name[GM_RELATIONS] = {
    "left of", "right of", "above", "below", "in front of", "behind", "inside"
};

uint32_t gm_shapes_alike(const gm_shapes_scene *s, int k, int by)
{
    const gm_shapes_object *o = &s->object[k];
    uint32_t set = 0;
    for (int i = 0; i < s->n; i++) {
        const gm_shapes_object *p = &s->object[i];
        if ((by & GM_BY_SIZE && p->size != o->size)
            || (by & GM_BY_TEXTURE && p->texture != o->texture)
            || (by & GM_BY_COLOUR && p->colour != o->colour)
            || (by & GM_BY_FORM && p->form != o->form))
            continue;
        set |= 1u << i;
    }
    return set;
}

int gm_shapes_count(uint32_t objects)
{
    int n = 0;
    for (; objects; objects >>= 1) n += (int)(objects & 1);
    return n;
}

/* Whether one hides a part of the other, or lies inside it. */
static bool touch(const gm_shapes_scene *s, int a, int b)
{
    const gm_shapes_object *p = &s->object[a], *q = &s->object[b];
    return p->hides >> b & 1 || q->hides >> a & 1 || p->within == b || q->within == a;
}

/* Whether b is `ahead` of a by enough, with little to the `side`. */
static bool beside(double ahead, double side, bool plainly)
{
    return plainly ? ahead >= 24 && ahead >= 1.5 * fabs(side) : ahead > 0;
}

bool gm_shapes_holds(const gm_shapes_scene *s, gm_shapes_relation rel, int a, int b, bool plainly)
{
    const gm_shapes_object *p = &s->object[a], *q = &s->object[b];
    double dx = q->cx - p->cx, dy = q->cy - p->cy;
    if (a == b || (rel <= GM_BELOW && plainly && touch(s, a, b))) return false;
    switch (rel) {
    case GM_LEFT_OF: return beside(dx, dy, plainly);
    case GM_RIGHT_OF: return beside(-dx, dy, plainly);
    case GM_ABOVE: return beside(dy, dx, plainly);
    case GM_BELOW: return beside(-dy, dx, plainly);
    /* What lies inside something may be said to be in front of it. */
    case GM_IN_FRONT: return p->hides >> b & 1 || (!plainly && p->within == b);
    case GM_BEHIND: return q->hides >> a & 1 || (!plainly && q->within == a);
    default: return p->within == b;
    }
}

bool gm_shapes_between(const gm_shapes_scene *s, int m, int a, int b, bool plainly)
{
    const gm_shapes_object *o = &s->object[m], *p = &s->object[a], *q = &s->object[b];
    if (m == a || m == b || a == b) return false;
    double dx = q->cx - p->cx, dy = q->cy - p->cy, n = dx * dx + dy * dy;
    double x = o->cx - p->cx, y = o->cy - p->cy;
    double along = x * dx + y * dy, off = fabs(x * dy - y * dx);    /* both times |pq| */
    if (!plainly) return along > 0 && along < n && off < .5 * n;
    return n >= 80 * 80 && along > .25 * n && along < .75 * n && off < .25 * n
        && !touch(s, m, a) && !touch(s, m, b);
}

static const char *texture_name(gm_shapes_texture t)
{
    return t == GM_STRIPED ? "striped" : t == GM_DOTTED ? "dotted" : "plain";
}

void gm_shapes_noun(gm_text *t, const gm_shapes_scene *s, int k, int by)
{
    const gm_shapes_object *o = &s->object[k];
    const char *word[] = {
        by & GM_BY_SIZE ? gm_shapes_size_name[o->size] : NULL,
        by & GM_BY_TEXTURE ? texture_name(o->texture) : NULL,
        by & GM_BY_COLOUR ? gm_shapes_colour_name[o->colour] : NULL
    };
    for (int i = 0; i < 3; i++) {
        if (!word[i]) continue;
        gm_text_adds(t, word[i]);
        gm_text_adds(t, " ");
    }
    gm_text_adds(t, by & GM_BY_FORM ? gm_shapes_form_name[o->form] : "shape");
}

int gm_shapes_telling(const gm_shapes_scene *s, int k, int without, gm_random *r)
{
    int found[GM_BY_ALL + 1], n = 0, fewest = 5;
    for (int by = 1; by <= GM_BY_ALL; by++) {
        if (by & without || by == GM_BY_TEXTURE) continue;
        if (gm_shapes_alike(s, k, by) != 1u << k) continue;
        found[n++] = by;
        if (gm_shapes_count((uint32_t)by) < fewest) fewest = gm_shapes_count((uint32_t)by);
    }
    if (!n) return 0;
    /* Short ones are the rule. */
    for (int t = 0; t < 8; t++) {
        int by = found[gm_random_below(r, n)];
        if (gm_shapes_count((uint32_t)by) <= fewest + (t > 4) + gm_random_below(r, 2)) return by;
    }
    return found[0];
}
