/* Conversations about a scene, one task each.  Source: golden/oracle/nano_data.py, sample. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "../io/os.h"
#include "shapes_text.h"

enum { OWN_TURNS = 3 };                 /* questions a conversation, when nobody says how many */

typedef struct {
    const gm_shapes_scene *scene;
    const gm_shapes_words *words;
    gm_random r;
    gm_text turn[2 * GM_SHAPES_TURNS];
    int turns, most;
    uint32_t mask[GM_SHAPES_MOST];      /* objects of each */
    int masks;
    int box[GM_SHAPES_MOST], boxes;     /* the object of each */
} talk;

/* A new question and its answer, to be filled; the first one starts with the image. */
static gm_text *question(talk *t)
{
    gm_text *q = &t->turn[t->turns];
    t->turns += 2;
    if (t->turns == 2) gm_text_adds(q, gm_shapes_begin);
    return q;
}

static void masks_of(talk *t, const gm_shapes_caption *c)
{
    for (int i = 0; i < c->spans; i++) t->mask[t->masks++] = c->span[i].objects;
}

static void talk_gcg(talk *t)
{
    gm_shapes_caption c = { .spans = 0 };
    gm_text *q = question(t);
    t->words->describe(&c, t->scene, &t->r);
    gm_text_adds(q, gm_shapes_pick(&t->r, t->words->gcg));
    if (!c.text.failed) gm_shapes_tag(q + 1, &c, true);
    else q->failed = true;
    masks_of(t, &c);
    gm_text_drop(&c.text);
}

static void refer(talk *t, const char *expression, uint32_t objects)
{
    gm_text *q = question(t);
    gm_shapes_say(q, gm_shapes_pick(&t->r, t->words->refer), expression);
    gm_text_adds(q + 1, gm_shapes_pick(&t->r, t->words->refer_answers));
    t->mask[t->masks++] = objects;
}

static void talk_refer(talk *t)
{
    int order[GM_SHAPES_MOST];
    gm_shapes_permutation(order, t->scene->n, &t->r);
    for (int i = 0; i < t->scene->n && t->turns < 2 * t->most; i++) {
        gm_text expression = { 0 };
        if (t->words->refer_to(&expression, t->scene, order[i], &t->r))
            refer(t, expression.failed ? "" : expression.s, 1u << order[i]);
        if (expression.failed) t->turn[0].failed = true;
        gm_text_drop(&expression);
    }
    /* Nothing can be told from its like (four of a kind in a square). */
    if (!t->turns) refer(t, "all the shapes", (1u << t->scene->n) - 1);
}

static void talk_region(talk *t)
{
    int order[GM_SHAPES_MOST];
    gm_shapes_permutation(order, t->scene->n, &t->r);
    for (int i = 0; i < t->scene->n && i < t->most; i++) {
        char region[32];
        snprintf(region, sizeof region, "region%d <bbox>", i + 1);
        gm_text *q = question(t);
        gm_shapes_say(q, gm_shapes_pick(&t->r, t->words->region), region);
        t->words->region_of(q + 1, t->scene, order[i], &t->r);
        t->box[t->boxes++] = order[i];
    }
}

static void talk_caption(talk *t)
{
    gm_shapes_caption c = { .spans = 0 };
    gm_text *q = question(t);
    t->words->describe(&c, t->scene, &t->r);
    gm_text_adds(q, gm_shapes_pick(&t->r, t->words->caption));
    q[1] = c.text;
}

/* Whether an earlier question of the conversation has this text. */
static bool asked(const talk *t, const gm_text *q)
{
    for (int i = 0; i < t->turns; i += 2) {
        const char *s = t->turn[i].s;
        if (s && q->s && !strcmp(i ? s : s + strlen(gm_shapes_begin), q->s)) return true;
    }
    return false;
}

static void talk_vqa(talk *t)
{
    for (int n = 1 + gm_random_below(&t->r, t->most); n > 0; n--) {
        gm_text q = { 0 }, a = { 0 };
        t->words->ask(&q, &a, t->scene, &t->r);
        if (t->words->asks_again || !asked(t, &q)) {
            gm_text *turn = question(t);
            gm_text_add(turn, q.s, q.n);
            turn->failed = turn->failed || q.failed;
            turn[1] = a;
        } else {
            gm_text_drop(&a);
        }
        gm_text_drop(&q);
    }
}

/* Some of the phrases, at least one, are marked in the question; the answer marks and grounds
 * them. */
static void talk_phrase(talk *t)
{
    gm_shapes_caption c = { .spans = 0 };
    gm_text *q = question(t);
    t->words->describe(&c, t->scene, &t->r);
    int kept = 0;
    gm_shapes_span first = c.span[0];
    for (int i = 0; i < c.spans; i++)
        if (gm_random_chance(&t->r, .7)) c.span[kept++] = c.span[i];
    if (!kept) c.span[kept++] = first;
    c.spans = kept;
    gm_text_adds(q, t->words->phrase);
    if (!c.text.failed) {
        gm_shapes_tag(q, &c, false);
        gm_shapes_tag(q + 1, &c, true);
    } else {
        q->failed = true;
    }
    masks_of(t, &c);
    gm_text_drop(&c.text);
}

static void list_objects(talk *t)
{
    for (int i = 0; i < t->scene->n; i++) {
        t->mask[t->masks++] = 1u << i;
        t->box[t->boxes++] = i;
    }
}

static const struct { const char *name; gm_set_kind kind; void (*hold)(talk *t); } TASK[] = {
    [GM_SHAPES_GCG] = { "gcg", GM_SET_SEGM, talk_gcg },
    [GM_SHAPES_REFER] = { "refer", GM_SET_SEGM, talk_refer },
    [GM_SHAPES_REGION] = { "region", GM_SET_REGION, talk_region },
    [GM_SHAPES_CAPTION] = { "caption", GM_SET_CAPTION, talk_caption },
    [GM_SHAPES_VQA] = { "vqa", GM_SET_CAPTION, talk_vqa },
    [GM_SHAPES_PHRASE] = { "phrase", GM_SET_SEGM, talk_phrase },
    [GM_SHAPES_OBJECTS] = { "objects", GM_SET_SEGM, list_objects },
};

const char *gm_shapes_task_name(gm_shapes_task task) { return TASK[task].name; }

static void fill_traits(gm_sample *out, const gm_shapes_scene *s)
{
    for (int i = 0; i < s->n; i++) {
        const gm_shapes_object *o = &s->object[i];
        const int trait[GM_TRAITS] = { o->colour, (int)o->form, (int)o->size, (int)o->texture };
        memcpy(out->trait[i], trait, sizeof trait);
    }
}

/* Everything but the image, from the talk, whose texts move. */
static int fill(gm_sample *out, talk *t, gm_error *e)
{
    out->turn = calloc(2 * GM_SHAPES_TURNS, sizeof *out->turn);
    out->mask = calloc(GM_SHAPES_MOST, sizeof *out->mask);
    out->box = calloc(GM_SHAPES_MOST, sizeof *out->box);
    if (!t->turns) out->trait = calloc(GM_SHAPES_MOST, sizeof *out->trait);
    bool good = out->turn && out->mask && out->box && (t->turns || out->trait) && out->source;
    for (int i = 0; i < t->turns; i++) {
        char *text = gm_text_take(&t->turn[i]);
        if (good && text) out->turn[out->turns++] = text;
        else free(text);
    }
    if (!good || out->turns < t->turns) return gm_fail(e, "out of memory for a drawn scene");
    if (out->trait) fill_traits(out, t->scene);
    for (int i = 0; i < t->masks; i++, out->masks++)
        if (gm_shapes_mask(&out->mask[i], t->scene, t->mask[i], e) != 0) return -1;
    for (int i = 0; i < t->boxes; i++, out->boxes++)
        for (int k = 0; k < 4; k++)
            out->box[i][k] = (double)t->scene->object[t->box[i]].box[k] / GM_SHAPES_SIDE;
    return 0;
}

int gm_shapes_sample(gm_sample *out, uint64_t seed, int64_t index, gm_shapes_task task,
                     gm_shapes_world world, int max_objects, int turns, gm_error *e)
{
    *out = (gm_sample){ 0 };
    if ((unsigned)task >= GM_SHAPES_TASKS || (unsigned)world >= GM_SHAPES_WORLDS
        || max_objects < 0 || max_objects > GM_SHAPES_MOST || index < 0
        || turns < 0 || turns > GM_SHAPES_TURNS)
        return gm_fail(e, "drawn scenes: wanted an index of 0 or more, a task below %d, a world "
                       "below %d, 0 to %d objects, 0 to %d turns, found index %lld, task %d, "
                       "world %d, %d objects, %d turns", GM_SHAPES_TASKS, GM_SHAPES_WORLDS,
                       GM_SHAPES_MOST, GM_SHAPES_TURNS, (long long)index, (int)task, (int)world,
                       max_objects, turns);
    world = gm_shapes_world_of(world, seed, index);
    gm_shapes_scene *s = gm_shapes_scene_new(seed, index, world, max_objects);
    if (!s) return gm_fail(e, "out of memory for a drawn scene");
    talk t = { .scene = s, .words = gm_shapes_words_of(world),
               .most = turns ? turns : OWN_TURNS };
    t.r = gm_random_stream(seed, (uint64_t)index, 2 + (uint64_t)task);
    TASK[task].hold(&t);
    char source[96];
    snprintf(source, sizeof source, "shapes %s, seed %llu, scene %lld", TASK[task].name,
             (unsigned long long)seed, (long long)index);
    out->kind = TASK[task].kind;
    out->source = gm_copy_text(source);
    int bad = fill(out, &t, e);
    if (!bad) {
        out->image = s->image;
        s->image = (gm_image){ 0 };
    } else {
        gm_sample_free(out);
    }
    gm_shapes_scene_free(s);
    return bad;
}
