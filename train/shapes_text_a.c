/* World A in words.  Source: golden/oracle/shapeworld.py (phrase, grounded_caption) and
 * nano_data.py. */
#include "shapes_text.h"

#include <ctype.h>
#include <math.h>

enum { SIDE = GM_SHAPES_SIDE };

static const char *const GCG[] = {
    "Describe the image and mark every object with its mask.",
    "What is in the image? Please answer with interleaved segmentation masks.",
    "Please give a caption whose phrases are grounded with segmentation masks.", NULL
};
static const char *const REFER[] = {
    "Please segment {} in the image.", "Where is {}? Please answer with a segmentation mask.",
    "Can you segment {}?", NULL
};
static const char *const REFER_ANSWERS[] = {
    "It is [SEG].", "Sure, [SEG].", "Here is the mask: [SEG].", NULL
};
static const char *const REGION[] = {
    "What is in {} of the image?", "Please describe {}.", "What can you see in {}?", NULL
};
static const char *const CAPTION[] = {
    "Give a short caption for the image.", "What does the image show?",
    "Please describe the image briefly.", NULL
};

static const char *colour(const gm_shapes_object *o) { return gm_shapes_colour_name[o->colour]; }
static const char *form(const gm_shapes_object *o) { return gm_shapes_form_name[o->form]; }

static void phrase(gm_text *t, const gm_shapes_object *o, bool with_size)
{
    const char *size = gm_shapes_size_name[o->size];
    if (with_size)
        gm_shapes_say(t, "{} {} {} {}", gm_shapes_article(size), size, colour(o), form(o));
    else gm_shapes_say(t, "{} {} {}", gm_shapes_article(colour(o)), colour(o), form(o));
}

static void mention(gm_shapes_caption *c, const gm_shapes_scene *s, int k, bool with_size)
{
    size_t start = c->text.n;
    phrase(&c->text, &s->object[k], with_size);
    c->span[c->spans++] = (gm_shapes_span){ start, c->text.n, 1u << k };
}

/* Sorted by cx, then by cy. */
static void from_left(int *order, const gm_shapes_scene *s)
{
    for (int k = 0; k < s->n; k++) {
        int at = k;
        for (; at > 0; at--) {
            const gm_shapes_object *p = &s->object[order[at - 1]], *o = &s->object[k];
            if (p->cx < o->cx || (p->cx <= o->cx && p->cy <= o->cy)) break;
            order[at] = order[at - 1];
        }
        order[at] = k;
    }
}

static void describe(gm_shapes_caption *c, const gm_shapes_scene *s, gm_random *r)
{
    int order[GM_SHAPES_MOST];
    from_left(order, s);
    bool with_size = gm_random_chance(r, .5);
    if (s->n == 1 || gm_random_chance(r, .5)) {
        gm_text_adds(&c->text, "The image shows ");
        for (int k = 0; k < s->n; k++) {
            if (k) gm_text_adds(&c->text, k == s->n - 1 ? " and " : ", ");
            mention(c, s, order[k], with_size);
        }
        gm_text_adds(&c->text, ".");
        return;
    }
    const gm_shapes_object *a = &s->object[order[0]], *b = &s->object[order[1]];
    double dx = b->cx - a->cx, dy = b->cy - a->cy;
    mention(c, s, order[0], with_size);
    if (c->text.s) c->text.s[0] = (char)toupper((unsigned char)c->text.s[0]);
    gm_shapes_say(&c->text, " is {} ", fabs(dx) >= fabs(dy) ? "to the left of"
                  : dy > 0 ? "above" : "below");
    mention(c, s, order[1], with_size);
    gm_text_adds(&c->text, ".");
    for (int k = 2; k < s->n; k++) {
        gm_text_adds(&c->text, " There is also ");
        mention(c, s, order[k], with_size);
        gm_text_adds(&c->text, ".");
    }
}

/* How many objects share k's colour (or shape). */
static int sharing(const gm_shapes_scene *s, int k, bool by_colour)
{
    const gm_shapes_object *o = &s->object[k];
    int n = 0;
    for (int i = 0; i < s->n; i++)
        n += by_colour ? s->object[i].colour == o->colour : s->object[i].form == o->form;
    return n;
}

/* Whether k lies by more than 16 pixels nearest to the left (dx -1), right (1), top (dy -1) or
 * bottom (1). */
static bool outermost(const gm_shapes_scene *s, int k, int dx, int dy)
{
    const gm_shapes_object *o = &s->object[k];
    for (int i = 0; i < s->n; i++) {
        const gm_shapes_object *p = &s->object[i];
        if (i != k && dx * (o->cx - p->cx) + dy * (o->cy - p->cy) <= 16) return false;
    }
    return s->n > 1;
}

static bool refer_to(gm_text *t, const gm_shapes_scene *s, int k, gm_random *r)
{
    const gm_shapes_object *o = &s->object[k];
    const char *option[7] = { "the {} {}" }, *word[7] = { colour(o) };
    int n = 1;
    if (sharing(s, k, false) == 1) {
        word[n] = form(o);
        option[n++] = "the {}";
    }
    if (sharing(s, k, true) == 1) {
        word[n] = colour(o);
        option[n++] = "the {} shape";
    }
    if (outermost(s, k, -1, 0)) option[n++] = "the shape on the left";
    if (outermost(s, k, 1, 0)) option[n++] = "the shape on the right";
    if (outermost(s, k, 0, -1)) option[n++] = "the shape at the top";
    if (outermost(s, k, 0, 1)) option[n++] = "the shape at the bottom";
    int chosen = gm_random_below(r, n);
    gm_shapes_say(t, option[chosen], word[chosen], form(o));
    return true;
}

static void region_of(gm_text *t, const gm_shapes_scene *s, int k, gm_random *r)
{
    (void)r;
    phrase(t, &s->object[k], true);
}

static void ask_count(gm_text *q, gm_text *a, const gm_shapes_scene *s)
{
    gm_text_adds(q, "How many shapes are there?");
    gm_shapes_say(a, "There {} {} shape{}.", s->n == 1 ? "is" : "are", gm_shapes_number(s->n),
                  s->n > 1 ? "s" : "");
}

static void ask_presence(gm_text *q, gm_text *a, const gm_shapes_object *o,
                         const gm_shapes_scene *s, gm_random *r)
{
    int c = o->colour, f = (int)o->form;
    if (!gm_random_chance(r, .5)) {
        c = gm_random_below(r, GM_SHAPES_COLOURS_A);
        f = gm_random_below(r, GM_SHAPES_FORMS_A);
    }
    bool yes = false;
    for (int i = 0; i < s->n; i++)
        yes = yes || (s->object[i].colour == c && (int)s->object[i].form == f);
    const char *name = gm_shapes_colour_name[c], *article = gm_shapes_article(name);
    gm_shapes_say(q, "Is there {} {} {}?", article, name, gm_shapes_form_name[f]);
    if (yes) gm_shapes_say(a, "Yes, there is {} {} {}.", article, name, gm_shapes_form_name[f]);
    else gm_shapes_say(a, "No, there is no {} {}.", name, gm_shapes_form_name[f]);
}

static void ask(gm_text *q, gm_text *a, const gm_shapes_scene *s, gm_random *r)
{
    int kind = gm_random_below(r, 4), single[GM_SHAPES_MOST], n = 0;
    const gm_shapes_object *o = &s->object[gm_random_below(r, s->n)];
    for (int k = 0; k < s->n; k++)
        if (sharing(s, k, false) == 1) single[n++] = k;
    if (kind == 0 || (kind == 1 && n == 0)) {
        ask_count(q, a, s);
    } else if (kind == 1) {
        o = &s->object[single[gm_random_below(r, n)]];
        gm_shapes_say(q, "What colour is the {}?", form(o));
        gm_shapes_say(a, "The {} is {}.", form(o), colour(o));
    } else if (kind == 2) {
        ask_presence(q, a, o, s, r);
    } else {
        gm_shapes_say(q, "Is the {} {} on the left or on the right?", colour(o), form(o));
        gm_shapes_say(a, "It is on the {}.", o->cx < SIDE / 2 ? "left" : "right");
    }
}

const gm_shapes_words gm_shapes_words_a = {
    GCG, REFER, REFER_ANSWERS, REGION, CAPTION,
    "Please generate a segmentation mask for the phrases highlighted within the image caption. ",
    describe, refer_to, region_of, ask, true
};
