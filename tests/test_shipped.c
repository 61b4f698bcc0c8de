/* The shipped model, models/nano: it opens, and names and masks what stands in its scenes.  What
 * is true comes from the generator that drew them (scenes/scenes.json), not from the model. */
#include <check.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "../eval/masks.h"
#include "../ref/glamm.h"
#include "../train/shapes_text.h"
#include "vectors.h"

#define FOLDER "models/nano"

enum { PIXELS = GM_SHAPES_SIDE * GM_SHAPES_SIDE };

/* {"name", "world", "seed", "scene"}: NAME.png is that scene of the val split; "variant": the
 * template of gcg that it is asked with, 0 where it is absent. */
static gm_shapes_scene *drawn(const json_t *one)
{
    const char *world = text_in(one, "world");
    int64_t number = json_integer_value(json_object_get(one, "scene"));
    uint64_t seed = (uint64_t)json_integer_value(json_object_get(one, "seed"));
    gm_shapes_scene *s = gm_shapes_scene_new(seed, GM_SHAPES_VALIDATION + number,
                                             *world == 'a' ? GM_SHAPES_A : GM_SHAPES_B, 0);
    ck_assert_ptr_nonnull(s);
    return s;
}

/* The stored picture has the scene's pixels. */
static void check_picture(const gm_shapes_scene *s, const char *path)
{
    gm_error e = { "" };
    gm_image image;
    ck_assert_msg(gm_image_read(&image, path, &e) == 0, "%s", e.text);
    ck_assert(image.width == GM_SHAPES_SIDE && image.height == GM_SHAPES_SIDE);
    ck_assert_msg(memcmp(image.rgb, s->image.rgb, 3 * PIXELS) == 0,
                  "%s is not the scene that scenes.json says", path);
    gm_image_free(&image);
}

static double iou(const float *logits, const gm_shapes_scene *s, int k)
{
    int64_t both = 0, either = 0;
    for (int64_t i = 0; i < PIXELS; i++) {
        bool found = logits[i] > 0, truth = s->owner[i] == k + 1;
        both += found && truth;
        either += found || truth;
    }
    return (double)both / (double)either;
}

/* Colour and shape are named, and every other word is true of the object. */
static bool names(const char *phrase, size_t n, const gm_shapes_object *o)
{
    static const char *const texture[] = { "plain", "striped", "dotted" };
    const char *colour = gm_shapes_colour_name[o->colour], *form = gm_shapes_form_name[o->form];
    const char *said[] = { colour, form, gm_shapes_size_name[o->size], texture[o->texture],
                           "a", "an", "A", "An" };
    bool coloured = false, formed = false;
    for (size_t at = 0, w; at < n; at += w) {
        if (phrase[at] == ' ') {
            w = 1;
            continue;
        }
        bool known = false;
        for (w = 0; at + w < n && phrase[at + w] != ' ';) w++;
        for (size_t i = 0; i < sizeof said / sizeof *said; i++)
            known |= strlen(said[i]) == w && memcmp(said[i], phrase + at, w) == 0;
        if (!known) return false;
        coloured |= strlen(colour) == w && memcmp(colour, phrase + at, w) == 0;
        formed |= strlen(form) == w && memcmp(form, phrase + at, w) == 0;
    }
    return coloured && formed;
}

/* Every object has one phrase that names it, whose mask covers it. */
static void check_answer(const gm_answer *a, const gm_shapes_scene *s, const char *path)
{
    bool found[GM_SHAPES_MOST] = { false };
    ck_assert_msg(a->nmasks == s->n && a->nspans == s->n, "%s: %d objects, found %d masks: %s",
                  path, s->n, (int)a->nmasks, a->caption);
    ck_assert(a->width == GM_SHAPES_SIDE && a->height == GM_SHAPES_SIDE);
    for (int64_t i = 0; i < a->nspans; i++) {
        const gm_span *p = &a->span[i];
        int k = 0;
        ck_assert_int_ge(p->mask, 0);
        while (k < s->n && (found[k] || iou(a->mask[p->mask].logits, s, k) < 0.5)) k++;
        ck_assert_msg(k < s->n, "%s: mask %d is no object's: %s", path, (int)i, a->caption);
        found[k] = true;
        ck_assert_msg(names(a->caption + p->start, p->end - p->start, &s->object[k]),
                      "%s: '%.*s' does not name the %s %s", path, (int)(p->end - p->start),
                      a->caption + p->start, gm_shapes_colour_name[s->object[k].colour],
                      gm_shapes_form_name[s->object[k].form]);
    }
}

START_TEST(its_scenes)
{
    gm_error e = { "" };
    json_t *list = load_vectors(FOLDER "/scenes/scenes.json"), *one;
    gm_model *m = gm_model_open(FOLDER, NULL, &e);
    ck_assert_msg(m != NULL, "%s", e.text);
    ck_assert_uint_ge(json_array_size(list), 3);
    size_t i;
    json_array_foreach(list, i, one) {
        char path[200];
        snprintf(path, sizeof path, FOLDER "/scenes/%s.png", text_in(one, "name"));
        gm_shapes_scene *s = drawn(one);
        check_picture(s, path);
        gm_session *session = gm_session_new(m, &s->image, &e);
        ck_assert_msg(session != NULL, "%s", e.text);
        gm_ask ask = { .task = GM_GCG,
                       .variant = json_integer_value(json_object_get(one, "variant")) };
        gm_answer *a = gm_session_ask(session, &ask, &e);
        ck_assert_msg(a != NULL, "%s: %s", path, e.text);
        check_answer(a, s, path);
        gm_answer_free(a);
        gm_session_free(session);
        gm_shapes_scene_free(s);
    }
    gm_model_free(m);
    json_decref(list);
}
END_TEST

Suite *test_shipped(void)
{
    Suite *s = suite_create("shipped");
    TCase *c = tcase_create("shipped");
    tcase_set_timeout(c, 120);
    tcase_add_test(c, its_scenes);
    suite_add_tcase(s, c);
    return s;
}
