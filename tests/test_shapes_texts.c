/* What is said about drawn scenes is true: a reader of its own takes the texts apart and looks the
 * scene over.  Phrases belong to their masks, expressions fit one object alone, answers are right. */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "../train/shapes_text.h"

enum { SIDE = GM_SHAPES_SIDE, SCENES = 1200 };

static const char *const TEXTURES[] = { "plain", "striped", "dotted" };
static const char *const NUMBERS[] = { "none", "one", "two", "three", "four", "five", "six",
                                       "seven", "eight" };

/* The first word of *text, which moves behind it and its spaces. */
static void take_word(char word[40], const char **text)
{
    size_t n = strcspn(*text, " .,?");
    ck_assert_msg(n < 40, "a long word: %s", *text);
    memcpy(word, *text, n);
    word[n] = 0;
    *text += n + strspn(*text + n, " ");
}

static int find(const char *word, const char *const *list, int n)
{
    for (int i = 0; i < n; i++)
        if (!strcmp(word, list[i])) return i;
    return -1;
}

/* What a noun phrase says: -1 is nothing.  number 0: the rest is a singular. */
typedef struct { int size, texture, colour, form; bool plural; } said;

static bool fits(const said *p, const gm_shapes_object *o)
{
    return (p->size < 0 || p->size == (int)o->size)
        && (p->texture < 0 || p->texture == (int)o->texture)
        && (p->colour < 0 || p->colour == o->colour) && (p->form < 0 || p->form == (int)o->form);
}

static uint32_t all_that_fit(const said *p, const gm_shapes_scene *s)
{
    uint32_t set = 0;
    for (int k = 0; k < s->n; k++)
        if (fits(p, &s->object[k])) set |= 1u << k;
    return set;
}

static int count(uint32_t set)
{
    int n = 0;
    for (; set; set &= set - 1) n++;
    return n;
}

static int only(uint32_t set, const char *text)
{
    ck_assert_msg(count(set) == 1, "%d objects fit: %s", count(set), text);
    int k = 0;
    while (!(set >> k & 1)) k++;
    return k;
}

/* Takes adjectives and a noun off *text. */
static said take_noun(const char **text)
{
    said p = { -1, -1, -1, -1, false };
    for (char word[40]; **text;) {
        take_word(word, text);
        int i;
        if ((i = find(word, gm_shapes_size_name, GM_SHAPES_SIZES)) >= 0) p.size = i;
        else if ((i = find(word, TEXTURES, 3)) >= 0) p.texture = i;
        else if ((i = find(word, gm_shapes_colour_name, GM_SHAPES_COLOURS)) >= 0) p.colour = i;
        else {
            size_t n = strlen(word);
            if (n && word[n - 1] == 's' && find(word, gm_shapes_form_name, GM_SHAPES_FORMS) < 0) {
                word[n - 1] = 0;
                p.plural = true;
                if (!strcmp(word, "crosse")) word[5] = 0;
            }
            p.form = find(word, gm_shapes_form_name, GM_SHAPES_FORMS);
            ck_assert_msg(p.form >= 0 || !strcmp(word, "shape"), "no noun: %s", word);
            return p;
        }
    }
    ck_abort_msg("no noun");
    return p;
}

static bool starts(const char **text, const char *with)
{
    size_t n = strlen(with);
    if (strncmp(*text, with, n)) return false;
    *text += n;
    return true;
}

/* "the red circle": the one object that it means. */
static int take_the(const char **text, const gm_shapes_scene *s)
{
    const char *all = *text;
    ck_assert_msg(starts(text, "the "), "%s", all);
    said p = take_noun(text);
    return only(all_that_fit(&p, s), all);
}

/* Whether a may be said to stand so to b, by their centres, or by who covers whom. */
static bool may_say(const char *relation, const gm_shapes_scene *s, int a, int b)
{
    const gm_shapes_object *p = &s->object[a], *q = &s->object[b];
    double dx = p->cx - q->cx, dy = p->cy - q->cy;
    if (a == b) return false;
    if (!strcmp(relation, "left of") || !strcmp(relation, "to the left of")) return dx < 0;
    if (!strcmp(relation, "right of")) return dx > 0;
    if (!strcmp(relation, "above")) return dy < 0;
    if (!strcmp(relation, "below")) return dy > 0;
    /* Their own pixels, drawn alone. */
    gm_shapes_scene *t = malloc(2 * sizeof *t);
    ck_assert_ptr_nonnull(t);
    gm_shapes_object back = *q, front = *p;
    bool behind = !strcmp(relation, "behind");
    gm_shapes_cover(&t[0], &front);
    gm_shapes_cover(&t[1], &back);
    int both = 0, mine = 0, own = 0;
    for (int64_t y = 0; y < SIDE; y++)
        for (int64_t x = 0; x < SIDE; x++) {
            int64_t at = y * SIDE + x;
            bool in_a = x >= front.reach[0] && x < front.reach[2] && y >= front.reach[1]
                && y < front.reach[3] && t[0].cover[at] >= 5;
            bool in_b = x >= back.reach[0] && x < back.reach[2] && y >= back.reach[1]
                && y < back.reach[3] && t[1].cover[at] >= 5;
            own += in_a;
            both += in_a && in_b;
            mine += in_a && in_b && (s->owner[at] == (behind ? b : a) + 1);
        }
    free(t);
    double apart = sqrt(dx * dx + dy * dy) + p->radius;
    if (!strcmp(relation, "inside"))
        return both == own || (q->form == GM_RING && both == 0 && apart < .55 * q->radius);
    ck_assert_msg(behind || !strcmp(relation, "in front of"), "a new relation: %s", relation);
    return both > 0 && mine > 0 && (behind ? a < b : a > b);
}

static bool may_be_between(const gm_shapes_scene *s, int m, int a, int b)
{
    const gm_shapes_object *o = &s->object[m], *p = &s->object[a], *q = &s->object[b];
    double px = p->cx - o->cx, py = p->cy - o->cy, qx = q->cx - o->cx, qy = q->cy - o->cy;
    return m != a && m != b && px * qx + py * qy < 0;           /* they lie on two sides of it */
}

/* The objects among `set` that a relation at *text leaves. */
static uint32_t take_relation(const char **text, const gm_shapes_scene *s, uint32_t set)
{
    static const char *const name[] = { "left of", "right of", "above", "below", "in front of",
                                        "behind", "inside" };
    uint32_t left = 0;
    if (starts(text, "between ")) {
        int a = take_the(text, s);
        ck_assert(starts(text, "and "));
        int b = take_the(text, s);
        for (int k = 0; k < s->n; k++)
            if (set >> k & 1 && may_be_between(s, k, a, b)) left |= 1u << k;
        return left;
    }
    for (size_t i = 0; i < sizeof name / sizeof *name; i++) {
        if (!starts(text, name[i])) continue;
        ck_assert(starts(text, " "));
        int b = take_the(text, s);
        for (int k = 0; k < s->n; k++)
            if (set >> k & 1 && may_say(name[i], s, k, b)) left |= 1u << k;
        return left;
    }
    ck_abort_msg("no relation: %s", *text);
    return 0;
}

/* Those of set that lie furthest that way: nobody else of it as far. */
static uint32_t furthest(const gm_shapes_scene *s, uint32_t set, int dx, int dy)
{
    int best = -1;
    double most = 0;
    for (int k = 0; k < s->n; k++) {
        double at = dx * s->object[k].cx + dy * s->object[k].cy;
        if (!(set >> k & 1) || (best >= 0 && at <= most)) continue;
        best = k;
        most = at;
    }
    return best < 0 ? 0 : 1u << best;
}

/* Whom "the .." means, in either world's words. */
static uint32_t meant(const char *text, const gm_shapes_scene *s)
{
    static const struct { const char *word; int dx, dy; } way[] = {
        { "leftmost ", -1, 0 }, { "rightmost ", 1, 0 }, { "topmost ", 0, -1 }, { "lowest ", 0, 1 },
        { "on the left", -1, 0 }, { "on the right", 1, 0 }, { "at the top", 0, -1 },
        { "at the bottom", 0, 1 }
    };
    const char *at = text;
    int first = -1;
    ck_assert_msg(starts(&at, "the "), "%s", text);
    for (int i = 0; i < 4; i++)
        if (starts(&at, way[i].word)) first = i;
    said p = take_noun(&at);
    uint32_t set = all_that_fit(&p, s);
    if (first >= 0) set = furthest(s, set, way[first].dx, way[first].dy);
    for (int i = 4; i < 8; i++)
        if (starts(&at, way[i].word)) set = furthest(s, set, way[i].dx, way[i].dy);
    if (*at) set = take_relation(&at, s, set);
    ck_assert_msg(!*at, "what is '%s' in: %s", at, text);
    return set;
}

START_TEST(expressions_fit_one_object)
{
    int seen = 0, relations = 0, between = 0, none = 0;
    for (int64_t i = 0; i < SCENES; i++) {
        gm_shapes_world world = i % 4 ? GM_SHAPES_B : GM_SHAPES_A;
        gm_shapes_scene *s = gm_shapes_scene_new(11, i, world, 0);
        for (int k = 0; k < s->n; k++) {
            gm_random r = gm_random_stream(11, (uint64_t)i, 50 + (uint64_t)k);
            gm_text t = { 0 };
            if (!gm_shapes_words_of(world)->refer_to(&t, s, k, &r)) {
                none++;
                continue;
            }
            uint32_t set = meant(t.s, s);
            ck_assert_msg(set == 1u << k, "scene %lld, object %d: '%s' means %x", (long long)i, k,
                          t.s, set);
            seen++;
            between += strstr(t.s, "between") != NULL;
            relations += strstr(t.s, " of the ") || strstr(t.s, "behind") || strstr(t.s, "inside");
            gm_text_drop(&t);
        }
        gm_shapes_scene_free(s);
    }
    ck_assert_int_ge(seen, 3 * SCENES);
    ck_assert_int_ge(relations, seen / 20);
    ck_assert_int_ge(between, 15);
    ck_assert_int_le(none, seen / 100);
}
END_TEST

/* ---- captions ---- */

/* "a red circle", "Two red circles": the objects meant, whose number must be right. */
static uint32_t take_phrase(const char **text, const gm_shapes_scene *s)
{
    const char *all = *text;
    char word[40];
    take_word(word, text);
    *word = (char)(*word | 32);
    int n = strcmp(word, "a") && strcmp(word, "an") ? find(word, NUMBERS, 9) : 1;
    said p = take_noun(text);
    uint32_t set = all_that_fit(&p, s);
    ck_assert_msg(count(set) == n && p.plural == (n > 1), "%d objects fit: %s", count(set), all);
    if (n == 1) ck_assert((strlen(word) == 2) == (strchr("aeiou", all[strlen(word) + 1]) != NULL));
    return set;
}

static uint32_t mask_objects(const gm_rle *r, const gm_shapes_scene *s)
{
    uint8_t *mask = malloc(SIDE * SIDE);
    uint32_t in = 0, out = 0;
    gm_rle_decode(mask, r);
    for (int i = 0; i < SIDE * SIDE; i++)
        *(mask[i] ? &in : &out) |= 1u << s->owner[i];
    free(mask);
    ck_assert_msg(!(in & out & ~1u) && !(in & 1), "a mask takes a part of an object, or ground");
    return in >> 1;
}

/* "<p> A </p> [SEG] is above <p> B </p>": what stands between two phrases, if it is a relation. */
static void check_between(const char *from, const char *to, const gm_shapes_scene *s, uint32_t a,
                          uint32_t b, int *told)
{
    char middle[80];
    snprintf(middle, sizeof middle, "%.*s", (int)(to - from), from);
    char *relation = strstr(middle, "[SEG] is ");
    if (!relation) return;
    relation += strlen("[SEG] is ");
    relation[strlen(relation) - 1] = 0;                         /* the space */
    (*told)++;
    if (!strcmp(relation, "between")) return;                   /* with the phrase that follows */
    ck_assert_msg(may_say(relation, s, only(a, "a"), only(b, "b")), "'%s' is not so", relation);
}

static void check_caption(const gm_sample *g, const gm_shapes_scene *s, int *told)
{
    const char *at = g->turn[1];
    uint32_t set[GM_SHAPES_MOST] = { 0 }, all = 0;
    const char *end = at;
    for (int64_t i = 0; i < g->masks; i++) {
        const char *phrase = strstr(at, "<p> ");
        ck_assert_ptr_nonnull(phrase);
        at = phrase + 4;
        set[i] = take_phrase(&at, s);
        ck_assert_msg(set[i] == mask_objects(&g->mask[i], s), "another mask: %s", phrase);
        ck_assert_msg(!(all & set[i]), "twice: %s", g->turn[1]);
        all |= set[i];
        if (i) check_between(end, phrase, s, set[i - 1], set[i], told);
        if (i > 1 && !strncmp(end, "</p> [SEG] and ", 15) && strstr(g->turn[1], " is between "))
            if (i == 2)
                ck_assert(may_be_between(s, only(set[0], ""), only(set[1], ""), only(set[2], "")));
        ck_assert_msg(starts(&at, "</p> [SEG]"), "%s", at);
        end = at - 10;
    }
    ck_assert_msg(all == (1u << s->n) - 1, "not all are told: %s", g->turn[1]);
    const char *ground = strstr(g->turn[1], "The background is ");
    if (ground)
        ck_assert(strstr(ground, s->ground == GM_GROUND_STRIPED ? "striped." : "checked.")
                  && s->ground != GM_GROUND_PLAIN);
}

START_TEST(phrases_belong_to_their_masks)
{
    int told = 0;
    for (int64_t i = 0; i < SCENES; i++) {
        gm_shapes_world world = gm_shapes_world_of(GM_SHAPES_MIX, 12, i);
        gm_shapes_scene *s = gm_shapes_scene_new(12, i, world, 0);
        gm_sample g;
        ck_assert_int_eq(gm_shapes_sample(&g, 12, i, GM_SHAPES_GCG, world, 0, 0, NULL), 0);
        check_caption(&g, s, &told);
        gm_sample_free(&g);
        gm_shapes_scene_free(s);
    }
    ck_assert_int_ge(told, SCENES / 5);
}
END_TEST

START_TEST(regions_are_what_the_box_holds)
{
    for (int64_t i = 0; i < SCENES / 2; i++) {
        gm_shapes_world world = gm_shapes_world_of(GM_SHAPES_MIX, 13, i);
        gm_shapes_scene *s = gm_shapes_scene_new(13, i, world, 0);
        gm_sample g;
        ck_assert_int_eq(gm_shapes_sample(&g, 13, i, GM_SHAPES_REGION, world, 0, 0, NULL), 0);
        for (int64_t b = 0; b < g.boxes; b++) {
            const char *at = g.turn[2 * b + 1];
            char word[40], relation[40];
            take_word(word, &at);
            said p = take_noun(&at), q;
            bool found = false;
            snprintf(relation, sizeof relation, "%.*s", (int)strcspn(at, " "), at);
            for (int k = 0; k < s->n; k++) {
                bool here = true;
                for (int c = 0; c < 4; c++)
                    here = here && (int64_t)(g.box[b][c] * SIDE) == s->object[k].box[c];
                if (!here || !fits(&p, &s->object[k])) continue;
                found = !*at;
                if (!*at) continue;
                const char *rest = at;
                const char *name = starts(&rest, "in front of ") ? "in front of" : relation;
                if (rest == at) take_word(word, &rest);
                take_word(word, &rest);
                q = take_noun(&rest);
                for (int m = 0; m < s->n; m++)
                    found = found || (fits(&q, &s->object[m]) && may_say(name, s, k, m));
            }
            ck_assert_msg(found, "scene %lld: %s", (long long)i, g.turn[2 * b + 1]);
        }
        gm_sample_free(&g);
        gm_shapes_scene_free(s);
    }
}
END_TEST

/* ---- answers ---- */

static int number_in(const char *answer, const char *before)
{
    char word[40];
    ck_assert_msg(starts(&answer, before), "%s", answer);
    take_word(word, &answer);
    int n = find(word, NUMBERS, 9);
    ck_assert_msg(n >= 0, "no number: %s", word);
    return n;
}

static bool check_counts(const char *q, const char *a, const gm_shapes_scene *s)
{
    if (starts(&q, "Count the shapes")) {
        ck_assert_int_eq(number_in(a, "I count "), s->n);
    } else if (starts(&q, "How many things are ")) {
        said p = { -1, -1, -1, -1, false };
        char word[40];
        take_word(word, &q);
        p.colour = find(word, gm_shapes_colour_name, GM_SHAPES_COLOURS);
        ck_assert_int_eq(number_in(a, "I count "), count(all_that_fit(&p, s)));
    } else if (starts(&q, "How many ")) {
        said p = take_noun(&q);
        ck_assert_int_eq(number_in(a, "I count "), count(all_that_fit(&p, s)));
    } else if (starts(&q, "Are there more ")) {
        said one = take_noun(&q);
        ck_assert(starts(&q, "than "));
        said two = take_noun(&q);
        int d = count(all_that_fit(&one, s)) - count(all_that_fit(&two, s));
        ck_assert_str_eq(a, d > 0 ? "Yes, there are more." : d < 0 ? "No, there are fewer."
                         : "No, there are as many.");
    } else if (starts(&q, "Do you see ")) {
        char word[40];
        take_word(word, &q);
        said p = take_noun(&q);
        int n = count(all_that_fit(&p, s));
        if (n) ck_assert_int_eq(number_in(a, "Yes, I see "), n);
        else ck_assert_str_eq(a, "No, I do not.");
    } else {
        return false;
    }
    return true;
}

static bool check_properties(const char *q, const char *a, const gm_shapes_scene *s)
{
    char want[60] = "";
    if (starts(&q, "Which colour does ")) {
        int k = take_the(&q, s);
        snprintf(want, sizeof want, "It is %s.", gm_shapes_colour_name[s->object[k].colour]);
    } else if (starts(&q, "What kind of shape is ")) {
        const char *form = gm_shapes_form_name[s->object[take_the(&q, s)].form];
        snprintf(want, sizeof want, "It is %s %s.", strchr("aeiou", *form) ? "an" : "a", form);
    } else if (starts(&q, "In which half is ")) {
        const gm_shapes_object *o = &s->object[take_the(&q, s)];
        bool across = strstr(q, "left or right") != NULL;
        snprintf(want, sizeof want, "In the %s half.", across ? o->cx < SIDE / 2 ? "left" : "right"
                 : o->cy < SIDE / 2 ? "upper" : "lower");
    } else if (starts(&q, "Which is larger, ")) {
        const char *one = q;
        int i = take_the(&q, s);
        ck_assert(starts(&q, "or "));
        const char *two = q;
        int j = take_the(&q, s);
        bool first = s->object[i].radius > s->object[j].radius;
        const char *name = first ? one : two;
        int n = (int)(first ? two - one - (int)strlen(" or ") : q - two);
        snprintf(want, sizeof want, "It is %.*s.", n, name);
    } else if (starts(&q, "What is the background like?")) {
        static const char *const ground[] = { "plain", "striped", "checked" };
        snprintf(want, sizeof want, "It is %s.", ground[s->ground]);
    } else {
        return false;
    }
    ck_assert_str_eq(a, want);
    return true;
}

static void check_relations(const char *q, const char *a, const gm_shapes_scene *s)
{
    char relation[40];
    int i, j;
    if (starts(&q, "Where is ")) {
        i = take_the(&q, s);
        ck_assert(starts(&q, ", seen from "));
        j = take_the(&q, s);
        snprintf(relation, sizeof relation, "%.*s", (int)strlen(a + 6) - 4, a + 6);
        ck_assert_msg(may_say(relation, s, i, j), "%s: %s", q, a);
        return;
    }
    ck_assert_msg(starts(&q, "Is "), "a new question: %s", q);
    i = take_the(&q, s);
    if (starts(&q, "plain, ")) {
        snprintf(relation, sizeof relation, "It is %s.", TEXTURES[s->object[i].texture]);
        ck_assert_str_eq(a, relation);
        return;
    }
    const char *the = strstr(q, " the ");
    snprintf(relation, sizeof relation, "%.*s", (int)(the - q), q);
    the++;
    j = take_the(&the, s);
    if (!strcmp(a, "Yes, it is.")) {
        ck_assert_msg(may_say(relation, s, i, j), "%s", q);
        return;
    }
    ck_assert_msg(!may_say(relation, s, i, j) || strstr(a, "inside"), "%s", q);
    snprintf(relation, sizeof relation, "%.*s", (int)strlen(a + 10) - 4, a + 10);
    ck_assert_msg(may_say(relation, s, i, j), "%s: %s", q, a);
}

START_TEST(answers_are_right)
{
    int counts = 0, properties = 0, relations = 0;
    for (int64_t i = 0; i < 2 * SCENES; i++) {
        gm_shapes_scene *s = gm_shapes_scene_new(14, i, GM_SHAPES_B, 0);
        gm_random r = gm_random_stream(14, (uint64_t)i, 77);
        gm_text q = { 0 }, a = { 0 };
        gm_shapes_words_b.ask(&q, &a, s, &r);
        if (check_counts(q.s, a.s, s)) counts++;
        else if (check_properties(q.s, a.s, s)) properties++;
        else {
            check_relations(q.s, a.s, s);
            relations++;
        }
        gm_text_drop(&q);
        gm_text_drop(&a);
        gm_shapes_scene_free(s);
    }
    ck_assert(counts > SCENES / 4 && properties > SCENES / 4 && relations > SCENES / 8);
}
END_TEST

/* ---- variety ---- */

START_TEST(nothing_is_rare_or_hidden)
{
    int colour[GM_SHAPES_COLOURS] = { 0 }, form[GM_SHAPES_FORMS] = { 0 };
    int size[GM_SHAPES_SIZES] = { 0 }, texture[GM_SHAPES_TEXTURES] = { 0 }, ground[3] = { 0 };
    int n = 0, hiding = 0, inside = 0, full[GM_SHAPES_MOST + 1] = { 0 };
    for (int64_t i = 0; i < SCENES; i++) {
        gm_shapes_scene *s = gm_shapes_scene_new(15, i, GM_SHAPES_B, GM_SHAPES_MOST);
        full[s->n]++;
        ground[s->ground]++;
        for (int k = 0; k < s->n; k++, n++) {
            const gm_shapes_object *o = &s->object[k];
            ck_assert_msg(o->visible >= 150 && (double)o->visible >= .69 * (double)o->area,
                          "scene %lld: of object %d %lld of %lld pixels are seen", (long long)i, k,
                          (long long)o->visible, (long long)o->area);
            colour[o->colour]++;
            form[o->form]++;
            size[o->size]++;
            texture[o->texture]++;
            hiding += o->hides != 0;
            inside += o->within >= 0;
        }
        gm_shapes_scene_free(s);
    }
    for (int i = 0; i < GM_SHAPES_COLOURS; i++) ck_assert_int_ge(colour[i], n / 20);
    for (int i = 0; i < GM_SHAPES_FORMS; i++) ck_assert_int_ge(form[i], n / 20);
    for (int i = 0; i < GM_SHAPES_SIZES; i++) ck_assert_int_ge(size[i], n / 10);
    for (int i = 0; i < GM_SHAPES_TEXTURES; i++) ck_assert_int_ge(texture[i], n / 10);
    for (int i = 0; i < 3; i++) ck_assert_int_ge(ground[i], SCENES / 12);
    for (int i = 1; i <= GM_SHAPES_MOST; i++) ck_assert_int_ge(full[i], SCENES / 20);
    ck_assert(full[0] == 0 && hiding > n / 10 && inside > n / 50);
}
END_TEST

Suite *test_shapes_texts(void)
{
    Suite *s = suite_create("shapes_texts");
    TCase *t = tcase_create("shapes_texts");
    tcase_set_timeout(t, 120);
    tcase_add_test(t, expressions_fit_one_object);
    tcase_add_test(t, phrases_belong_to_their_masks);
    tcase_add_test(t, regions_are_what_the_box_holds);
    tcase_add_test(t, answers_are_right);
    tcase_add_test(t, nothing_is_rare_or_hidden);
    suite_add_tcase(s, t);
    return s;
}
