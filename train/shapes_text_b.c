/* World B in words: prompts, captions, regions. */
#include "shapes_text_b.h"

#include <ctype.h>
#include <string.h>

static const char *const GCG[] = {
    "Tell me what is drawn here and show where each thing is.",
    "Write a caption and outline everything that it names.",
    "What do you see? Mark all of it, please.", NULL
};
static const char *const REFER[] = {
    "Show me {}.", "Mark {}, please.", "Which pixels belong to {}?", "Find {} and outline it.", NULL
};
static const char *const REFER_ANSWERS[] = {
    "Here it is: [SEG].", "I found it: [SEG].", "This one: [SEG].", NULL
};
static const char *const REGION[] = {
    "Name what you see at {}.", "What is this at {}?", "Tell me what {} holds.", NULL
};
static const char *const CAPTION[] = {
    "Say in a few words what is drawn here.", "Sum up the picture.", "What has been drawn?", NULL
};

void gm_shapes_plural(gm_text *t, const char *noun)
{
    gm_text_adds(t, noun);
    gm_text_adds(t, noun[strlen(noun) - 1] == 's' ? "es" : "s");
}

/* ---- captions ---- */

/* What a caption speaks of at once: one object, or several that are alike, with the properties that
 * tell it from all others. */
typedef struct { uint32_t objects; int first, by, n; } item;

/* The fewest properties beyond colour and form that tell k; those of `extra` at least. */
static int enough(const gm_shapes_scene *s, int k, int extra)
{
    static const int more[] = { 0, GM_BY_TEXTURE, GM_BY_SIZE, GM_BY_SIZE | GM_BY_TEXTURE };
    int by = GM_BY_ALL;
    for (int i = 3; i >= 0; i--) {
        int tried = GM_BY_COLOUR | GM_BY_FORM | extra | more[i];
        if (gm_shapes_alike(s, k, tried) == 1u << k) by = tried;
    }
    return by;
}

/* In every other caption what has the same colour and form goes together, else only what nothing
 * tells apart. */
static int list_items(item *list, const gm_shapes_scene *s, gm_random *r)
{
    int n = 0, extra = gm_random_below(r, 4);           /* size or texture, where not needed */
    bool together = gm_random_chance(r, .5);
    uint32_t done = 0;
    for (int k = 0; k < s->n; k++) {
        if (done >> k & 1) continue;
        item *it = &list[n++];
        it->by = together ? GM_BY_COLOUR | GM_BY_FORM : GM_BY_ALL;
        it->objects = gm_shapes_alike(s, k, it->by);
        it->first = k;
        it->n = gm_shapes_count(it->objects);
        if (it->n == 1) it->by = enough(s, k, extra);
        done |= it->objects;
    }
    return n;
}

/* "a red circle", "two red circles"; at a sentence's start with a capital. */
static void mention(gm_shapes_caption *c, const gm_shapes_scene *s, const item *it, bool start)
{
    size_t at = c->text.n;
    gm_text noun = { 0 };
    gm_shapes_noun(&noun, s, it->first, it->by);
    if (noun.failed) {
        c->text.failed = true;
    } else if (it->n == 1) {
        gm_shapes_say(&c->text, "{} {}", gm_shapes_article(noun.s), noun.s);
    } else {
        gm_shapes_say(&c->text, "{} ", gm_shapes_number(it->n));
        gm_shapes_plural(&c->text, noun.s);
    }
    gm_text_drop(&noun);
    if (c->text.failed) return;
    if (start) c->text.s[at] = (char)toupper((unsigned char)c->text.s[at]);
    c->span[c->spans++] = (gm_shapes_span){ at, c->text.n, it->objects };
}

static void mention_all(gm_shapes_caption *c, const gm_shapes_scene *s, const item *list, int n)
{
    for (int i = 0; i < n; i++) {
        if (i) gm_text_adds(&c->text, i == n - 1 ? " and " : ", ");
        mention(c, s, &list[i], false);
    }
}

/* Takes two single items that stand plainly to each other (touching, or side by side) out of *list,
 * as a sentence.  False when no two do. */
static bool tell_pair(gm_shapes_caption *c, const gm_shapes_scene *s, item *list, int *n,
                      bool touching)
{
    for (int i = 0; i < *n; i++)
        for (int j = 0; j < *n; j++) {
            if (i == j || list[i].n > 1 || list[j].n > 1) continue;
            int rel = touching ? GM_IN_FRONT : GM_LEFT_OF;
            int end = touching ? GM_RELATIONS : GM_IN_FRONT;
            while (rel < end && !gm_shapes_holds(s, (gm_shapes_relation)rel, list[i].first,
                                                 list[j].first, true)) rel++;
            if (rel == end) continue;
            mention(c, s, &list[i], true);
            gm_shapes_say(&c->text, " is {} ", gm_shapes_relation_name[rel]);
            mention(c, s, &list[j], false);
            gm_text_adds(&c->text, ".");
            int low = i < j ? i : j, high = i < j ? j : i;
            memmove(list + high, list + high + 1, (size_t)(*n - high - 1) * sizeof *list);
            memmove(list + low, list + low + 1, (size_t)(*n - low - 2) * sizeof *list);
            *n -= 2;
            return true;
        }
    return false;
}

/* The same with three, one between two others. */
static bool tell_between(gm_shapes_caption *c, const gm_shapes_scene *s, item *list, int *n)
{
    for (int m = 0; m < *n; m++)
        for (int i = 0; i < *n; i++)
            for (int j = i + 1; j < *n; j++) {
                if (list[m].n + list[i].n + list[j].n > 3) continue;
                if (!gm_shapes_between(s, list[m].first, list[i].first, list[j].first, true))
                    continue;
                mention(c, s, &list[m], true);
                gm_text_adds(&c->text, " is between ");
                mention(c, s, &list[i], false);
                gm_text_adds(&c->text, " and ");
                mention(c, s, &list[j], false);
                gm_text_adds(&c->text, ".");
                int kept = 0;
                for (int k = 0; k < *n; k++)
                    if (k != m && k != i && k != j) list[kept++] = list[k];
                *n = kept;
                return true;
            }
    return false;
}

static void tell_ground(gm_text *t, const gm_shapes_scene *s)
{
    if (s->ground == GM_GROUND_PLAIN) return;
    gm_shapes_say(t, " The background is {}.",
                  s->ground == GM_GROUND_STRIPED ? "striped" : "checked");
}

/* The items that no sentence told, in a list. */
static void tell_rest(gm_shapes_caption *c, const gm_shapes_scene *s, const item *list, int n,
                      gm_random *r)
{
    static const char *const opening[] = {
        "Here we see ", "The picture holds ", "Someone drew ", NULL
    };
    if (!c->text.n) gm_text_adds(&c->text, gm_shapes_pick(r, opening));
    else gm_shapes_say(&c->text, " There {} also ", list[0].n > 1 ? "are" : "is");
    mention_all(c, s, list, n);
    gm_text_adds(&c->text, ".");
}

/* Up to two sentences about how things stand, each thing in one of them. */
static void tell_relations(gm_shapes_caption *c, const gm_shapes_scene *s, item *list, int *n,
                           gm_random *r)
{
    bool told = gm_random_chance(r, .3) && tell_between(c, s, list, n);
    for (int t = told; t < 2; t++) {
        size_t before = c->text.n;
        if (before) gm_text_adds(&c->text, " ");
        if (tell_pair(c, s, list, n, true) || (!t && tell_pair(c, s, list, n, false))) continue;
        if (before) c->text.s[--c->text.n] = 0;
        return;
    }
}

static void describe(gm_shapes_caption *c, const gm_shapes_scene *s, gm_random *r)
{
    item list[GM_SHAPES_MOST], shuffled[GM_SHAPES_MOST];
    int n = list_items(list, s, r), order[GM_SHAPES_MOST];
    gm_shapes_permutation(order, n, r);
    for (int i = 0; i < n; i++) shuffled[i] = list[order[i]];
    if (gm_random_chance(r, .7)) tell_relations(c, s, shuffled, &n, r);
    if (n) tell_rest(c, s, shuffled, n, r);
    if (gm_random_chance(r, .4)) tell_ground(&c->text, s);
}

/* ---- regions ---- */

/* All properties (texture unless plain), and what it lies inside of, in front of or behind: the
 * same words for the same object every time. */
static void region_of(gm_text *t, const gm_shapes_scene *s, int k, gm_random *r)
{
    (void)r;
    const gm_shapes_object *o = &s->object[k];
    gm_text noun = { 0 };
    gm_shapes_noun(&noun, s, k, o->texture ? GM_BY_ALL : GM_BY_ALL & ~GM_BY_TEXTURE);
    if (noun.failed) t->failed = true;
    else gm_shapes_say(t, "{} {}", gm_shapes_article(noun.s), noun.s);
    gm_text_drop(&noun);
    for (int rel = GM_INSIDE; rel >= GM_IN_FRONT; rel--)
        for (int b = 0; b < s->n; b++) {
            if (!gm_shapes_holds(s, (gm_shapes_relation)rel, k, b, true)) continue;
            const gm_shapes_object *p = &s->object[b];
            const char *colour = gm_shapes_colour_name[p->colour];
            gm_shapes_say(t, " {} {} {} {}", gm_shapes_relation_name[rel],
                          gm_shapes_article(colour), colour, gm_shapes_form_name[p->form]);
            return;
        }
}

const gm_shapes_words gm_shapes_words_b = {
    GCG, REFER, REFER_ANSWERS, REGION, CAPTION,
    "Add a mask to each marked phrase of this caption: ",
    describe, gm_shapes_refer_b, region_of, gm_shapes_ask_b, false
};
