/* World B's questions and answers.  A kind that has nothing to ask about in this scene says so, and
 * another one is drawn. */
#include "shapes_text_b.h"

enum { SIDE = GM_SHAPES_SIDE };

/* "the large red circle": how object k can be told, without these properties.  False: it cannot. */
static bool the(gm_text *t, const gm_shapes_scene *s, int k, int without, gm_random *r)
{
    int by = gm_shapes_telling(s, k, without, r);
    if (!by) return false;
    gm_text_adds(t, "the ");
    gm_shapes_noun(t, s, k, by);
    return true;
}

/* The texts of a question, with "{}" for the object's name, and of its answer. */
static bool about(gm_text *q, gm_text *a, const char *question, const char *answer,
                  const char *value, const gm_shapes_scene *s, int k, int without, gm_random *r)
{
    gm_text name = { 0 };
    bool can = the(&name, s, k, without, r);
    if (can && name.failed) q->failed = true;
    else if (can) {
        gm_shapes_say(q, question, name.s);
        gm_shapes_say(a, answer, value);
    }
    gm_text_drop(&name);
    return can;
}

static bool ask_count(gm_text *q, gm_text *a, const gm_shapes_scene *s, gm_random *r)
{
    int kind = gm_random_below(r, 3), k = gm_random_below(r, s->n), n = s->n;
    if (kind == 0) {
        gm_text_adds(q, "Count the shapes, please.");
    } else if (kind == 1) {
        /* Every other time of a form that need not be there. */
        int form = gm_random_below(r, 2) ? (int)s->object[k].form
                                         : gm_random_below(r, GM_SHAPES_FORMS);
        gm_text_adds(q, "How many ");
        gm_shapes_plural(q, gm_shapes_form_name[form]);
        gm_text_adds(q, " can you count?");
        n = 0;
        for (int i = 0; i < s->n; i++) n += (int)s->object[i].form == form;
    } else {
        n = gm_shapes_count(gm_shapes_alike(s, k, GM_BY_COLOUR));
        gm_shapes_say(q, "How many things are {}?", gm_shapes_colour_name[s->object[k].colour]);
    }
    gm_shapes_say(a, "I count {}.", n ? gm_shapes_number(n) : "none");
    return true;
}

static bool ask_colour(gm_text *q, gm_text *a, const gm_shapes_scene *s, gm_random *r)
{
    int k = gm_random_below(r, s->n);
    return about(q, a, "Which colour does {} have?", "It is {}.",
                 gm_shapes_colour_name[s->object[k].colour], s, k, GM_BY_COLOUR, r);
}

static bool ask_form(gm_text *q, gm_text *a, const gm_shapes_scene *s, gm_random *r)
{
    int k = gm_random_below(r, s->n);
    const char *form = gm_shapes_form_name[s->object[k].form];
    gm_text answer = { 0 };
    gm_shapes_say(&answer, "It is {} {}.", gm_shapes_article(form), form);
    bool can = !answer.failed && about(q, a, "What kind of shape is {}?", "{}", answer.s, s, k,
                                       GM_BY_FORM, r);
    gm_text_drop(&answer);
    return can;
}

static bool ask_texture(gm_text *q, gm_text *a, const gm_shapes_scene *s, gm_random *r)
{
    static const char *const name[] = { "plain", "striped", "dotted" };
    int k = gm_random_below(r, s->n);
    return about(q, a, "Is {} plain, striped or dotted?", "It is {}.", name[s->object[k].texture],
                 s, k, GM_BY_TEXTURE, r);
}

static bool ask_presence(gm_text *q, gm_text *a, const gm_shapes_scene *s, gm_random *r)
{
    int k = gm_random_below(r, s->n), n = 0;
    int colour = s->object[k].colour, form = (int)s->object[k].form;
    /* No is as frequent as yes; mostly something like it is there. */
    if (gm_random_chance(r, .5)) {
        if (gm_random_chance(r, .5)) colour = gm_random_below(r, GM_SHAPES_COLOURS);
        else form = gm_random_below(r, GM_SHAPES_FORMS);
    }
    for (int i = 0; i < s->n; i++)
        n += s->object[i].colour == colour && (int)s->object[i].form == form;
    const char *name = gm_shapes_colour_name[colour];
    gm_shapes_say(q, "Do you see {} {} {}?", gm_shapes_article(name), name,
                  gm_shapes_form_name[form]);
    if (n) gm_shapes_say(a, "Yes, I see {}.", gm_shapes_number(n));
    else gm_text_adds(a, "No, I do not.");
    return true;
}

static bool ask_side(gm_text *q, gm_text *a, const gm_shapes_scene *s, gm_random *r)
{
    int k = gm_random_below(r, s->n);
    const gm_shapes_object *o = &s->object[k];
    bool across = gm_random_below(r, 2);
    double at = (across ? o->cx : o->cy) - SIDE / 2;
    if (at > -16 && at < 16) return false;
    if (across)
        return about(q, a, "In which half is {}, left or right?", "In the {} half.",
                     at < 0 ? "left" : "right", s, k, 0, r);
    return about(q, a, "In which half is {}, upper or lower?", "In the {} half.",
                 at < 0 ? "upper" : "lower", s, k, 0, r);
}

/* Two texts: how objects i and j can be told.  False when one cannot. */
static bool both(gm_text name[2], const gm_shapes_scene *s, int i, int j, int without, gm_random *r)
{
    return i != j && the(&name[0], s, i, without, r) && the(&name[1], s, j, without, r)
        && !name[0].failed && !name[1].failed;
}

static bool ask_larger(gm_text *q, gm_text *a, const gm_shapes_scene *s, gm_random *r)
{
    int i = gm_random_below(r, s->n), j = gm_random_below(r, s->n);
    gm_text name[2] = { { 0 }, { 0 } };
    bool can = s->object[i].size != s->object[j].size && both(name, s, i, j, GM_BY_SIZE, r);
    if (can) {
        gm_shapes_say(q, "Which is larger, {} or {}?", name[0].s, name[1].s);
        gm_shapes_say(a, "It is {}.", name[s->object[j].size > s->object[i].size].s);
    }
    gm_text_drop(&name[0]);
    gm_text_drop(&name[1]);
    return can;
}

static bool ask_more(gm_text *q, gm_text *a, const gm_shapes_scene *s, gm_random *r)
{
    int i = gm_random_below(r, s->n), j = gm_random_below(r, s->n);
    if (s->object[i].form == s->object[j].form) return false;
    int ni = gm_shapes_count(gm_shapes_alike(s, i, GM_BY_FORM));
    int nj = gm_shapes_count(gm_shapes_alike(s, j, GM_BY_FORM));
    gm_text_adds(q, "Are there more ");
    gm_shapes_plural(q, gm_shapes_form_name[s->object[i].form]);
    gm_text_adds(q, " than ");
    gm_shapes_plural(q, gm_shapes_form_name[s->object[j].form]);
    gm_text_adds(q, "?");
    gm_text_adds(a, ni > nj ? "Yes, there are more." : ni < nj ? "No, there are fewer."
                 : "No, there are as many.");
    return true;
}

/* How i stands to j, plainly; -1: not so. */
static int relation_of(const gm_shapes_scene *s, int i, int j)
{
    for (int rel = GM_RELATIONS - 1; rel >= 0; rel--)
        if (gm_shapes_holds(s, (gm_shapes_relation)rel, i, j, true)) return rel;
    return -1;
}

static bool ask_relation(gm_text *q, gm_text *a, const gm_shapes_scene *s, gm_random *r)
{
    static const gm_shapes_relation other[GM_RELATIONS] = {
        GM_RIGHT_OF, GM_LEFT_OF, GM_BELOW, GM_ABOVE, GM_BEHIND, GM_IN_FRONT, GM_LEFT_OF
    };
    int i = 0, j = 0, rel = -1;
    for (int t = 0; t < 8 && rel < 0; t++) {
        i = gm_random_below(r, s->n);
        j = gm_random_below(r, s->n);
        rel = relation_of(s, i, j);
    }
    gm_text name[2] = { { 0 }, { 0 } };
    bool can = rel >= 0 && both(name, s, i, j, 0, r);
    if (can && gm_random_chance(r, .5)) {
        gm_shapes_say(q, "Where is {}, seen from {}?", name[0].s, name[1].s);
        gm_shapes_say(a, "It is {} it.", gm_shapes_relation_name[rel]);
    } else if (can) {
        bool yes = gm_random_chance(r, .5);
        gm_shapes_say(q, "Is {} {} {}?", name[0].s,
                      gm_shapes_relation_name[yes ? rel : (int)other[rel]], name[1].s);
        gm_shapes_say(a, yes ? "Yes, it is." : "No, it is {} it.", gm_shapes_relation_name[rel]);
    }
    gm_text_drop(&name[0]);
    gm_text_drop(&name[1]);
    return can;
}

static bool ask_ground(gm_text *q, gm_text *a, const gm_shapes_scene *s, gm_random *r)
{
    static const char *const name[] = { "plain", "striped", "checked" };
    (void)r;
    gm_text_adds(q, "What is the background like?");
    gm_shapes_say(a, "It is {}.", name[s->ground]);
    return true;
}

void gm_shapes_ask_b(gm_text *q, gm_text *a, const gm_shapes_scene *s, gm_random *r)
{
    typedef bool asking(gm_text *, gm_text *, const gm_shapes_scene *, gm_random *);
    static asking *const kind[] = {
        ask_count, ask_colour, ask_form, ask_texture, ask_presence, ask_side, ask_larger, ask_more,
        ask_relation, ask_ground
    };
    for (int t = 0; t < 30; t++)
        if (kind[gm_random_below(r, sizeof kind / sizeof *kind)](q, a, s, r)) return;
    ask_count(q, a, s, r);
}
