/* Drawn scenes of world A against the PyTorch nano's own world (golden/shapes.json, made by
 * shapeworld.py and nano_data.py), and what holds for every sample. */
#include <check.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "../train/shapes_text.h"
#include "vectors.h"

enum { SIDE = GM_SHAPES_SIDE };
#define SEAL_A 3272406986575600452u
#define SEAL_B 1715666433318700397u
#define SEAL_OBJECTS 16252042480713641877u

static int index_of(const char *name, const char *const *list, int n)
{
    for (int i = 0; i < n; i++)
        if (!strcmp(list[i], name)) return i;
    ck_abort_msg("nothing is named %s", name);
    return -1;
}

/* The objects that shapeworld.py placed, drawn here. */
static gm_shapes_scene *golden_scene(const json_t *objects)
{
    gm_shapes_scene *s = gm_shapes_scene_new(1, 0, GM_SHAPES_A, 1);
    ck_assert_ptr_nonnull(s);
    memset(s->owner, 0, sizeof s->owner);
    s->n = 0;
    size_t i;
    json_t *one;
    json_array_foreach(objects, i, one) {
        gm_shapes_object *o = &s->object[s->n];
        *o = (gm_shapes_object){ .within = -1 };
        o->colour = index_of(text_in(one, "colour"), gm_shapes_colour_name, GM_SHAPES_COLOURS_A);
        o->form = (gm_shapes_form)index_of(text_in(one, "shape"), gm_shapes_form_name,
                                           GM_SHAPES_FORMS_A);
        o->size = strcmp(text_in(one, "size"), "large") ? GM_SMALL : GM_LARGE;
        o->radius = json_number_value(json_object_get(one, "radius"));
        o->cx = json_number_value(json_object_get(one, "cx"));
        o->cy = json_number_value(json_object_get(one, "cy"));
        gm_shapes_cover(s, o);
        gm_shapes_paint_object(s, s->n++);
    }
    gm_shapes_measure(s);
    return s;
}

/* At most 1 pixel in 1000 differs: those where a sample lies on the outline to the last bit. */
static int check_masks(const gm_shapes_scene *s, const json_t *objects)
{
    for (int k = 0; k < s->n; k++) {
        const json_t *o = json_array_get(objects, (size_t)k);
        const json_t *box = json_object_get(o, "bbox");
        gm_rle got, want;
        ck_assert_int_eq(gm_rle_parse(&want, text_in(o, "counts"), SIDE, SIDE, NULL), 0);
        ck_assert_int_eq(gm_shapes_mask(&got, s, 1u << k, NULL), 0);
        ck_assert_msg(gm_rle_iou(&got, &want, false) > 0.999, "%s: IoU %f", text_in(o, "shape"),
                      gm_rle_iou(&got, &want, false));
        ck_assert_int_eq(s->object[k].visible, gm_rle_area(&got));
        for (size_t i = 0; i < 4; i++)
            ck_assert_int_eq(s->object[k].box[i], json_integer_value(json_array_get(box, i)));
        gm_rle_free(&got);
        gm_rle_free(&want);
    }
    return s->n;
}

START_TEST(the_same_masks)
{
    json_t *golden = load_vectors("golden/shapes.json"), *one;
    size_t i;
    int masks = 0;
    json_array_foreach(json_object_get(golden, "scenes"), i, one) {
        gm_shapes_scene *s = golden_scene(json_object_get(one, "objects"));
        masks += check_masks(s, json_object_get(one, "objects"));
        gm_shapes_scene_free(s);
    }
    ck_assert_int_ge(masks, 16);
    json_decref(golden);
}
END_TEST

/* ---- words ---- */

/* A set of texts as a JSON object. */
static void note(json_t *set, const char *text)
{
    ck_assert_int_eq(json_object_set_new(set, text, json_true()), 0);
}

/* The set is the list, no more and no less. */
static void check_set(const json_t *set, const json_t *list, const char *what)
{
    size_t i;
    json_t *one;
    const char *key;
    json_array_foreach(list, i, one)
        ck_assert_msg(json_object_get(set, json_string_value(one)), "%s: never said: %s", what,
                      json_string_value(one));
    json_object_foreach((json_t *)set, key, one) {
        bool there = false;
        for (i = 0; i < json_array_size(list); i++)
            there = there || !strcmp(key, json_string_value(json_array_get(list, i)));
        ck_assert_msg(there, "%s: said here alone: %s", what, key);
    }
}

static void check_captions(const gm_shapes_scene *s, const json_t *want)
{
    json_t *captions = json_object();
    for (uint64_t k = 0; k < 40; k++) {
        gm_random r = gm_random_stream(3, k, 0);
        gm_shapes_caption c = { .spans = 0 };
        gm_shapes_words_a.describe(&c, s, &r);
        note(captions, c.text.s);
        gm_text_drop(&c.text);
    }
    check_set(captions, json_object_get(want, "caption"), "caption");
    json_decref(captions);
}

static void check_expressions(const gm_shapes_scene *s, const json_t *want)
{
    for (int i = 0; i < s->n; i++) {
        json_t *expressions = json_object();
        gm_text region = { 0 };
        for (uint64_t k = 0; k < 150; k++) {
            gm_random r = gm_random_stream(4, k, 0);
            gm_text t = { 0 };
            ck_assert(gm_shapes_words_a.refer_to(&t, s, i, &r));
            note(expressions, t.s);
            gm_text_drop(&t);
        }
        check_set(expressions, json_array_get(json_object_get(want, "refer"), (size_t)i), "refer");
        json_decref(expressions);
        gm_shapes_words_a.region_of(&region, s, i, NULL);
        ck_assert_str_eq(region.s, json_string_value(json_array_get(json_object_get(want, "region"),
                                                                    (size_t)i)));
        gm_text_drop(&region);
    }
}

/* Questions that shapeworld's world asked, too, have its answers. */
static int check_answers(const gm_shapes_scene *s, const json_t *want)
{
    int same = 0;
    for (uint64_t k = 0; k < 400; k++) {
        gm_random r = gm_random_stream(5, k, 0);
        gm_text q = { 0 }, a = { 0 };
        gm_shapes_words_a.ask(&q, &a, s, &r);
        const char *answer = json_string_value(json_object_get(want, q.s));
        if (answer) {
            ck_assert_str_eq(a.s, answer);
            same++;
        }
        gm_text_drop(&q);
        gm_text_drop(&a);
    }
    return same;
}

START_TEST(the_same_words)
{
    json_t *golden = load_vectors("golden/shapes.json"), *one;
    size_t i;
    json_array_foreach(json_object_get(golden, "scenes"), i, one) {
        gm_shapes_scene *s = golden_scene(json_object_get(one, "objects"));
        check_captions(s, one);
        check_expressions(s, one);
        ck_assert_int_ge(check_answers(s, json_object_get(one, "ask")), 300);
        gm_shapes_scene_free(s);
    }
    json_decref(golden);
}
END_TEST

static bool one_of(const char *s, size_t n, const char *const *list, int count)
{
    for (int i = 0; i < count; i++)
        if (strlen(list[i]) == n && !memcmp(list[i], s, n)) return true;
    return false;
}

/* Colours, shapes and sizes become C, S, Z; "an" becomes "a" (make_shapes.py, template). */
static char *template_of(const char *text)
{
    gm_text t = { 0 };
    size_t begin = strlen(gm_shapes_begin);
    if (!strncmp(text, gm_shapes_begin, begin)) text += begin;
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    for (size_t n; *text; text += n) {
        n = strspn(text, letters);
        if (!n) {
            n = strcspn(text, letters);
            gm_text_add(&t, text, n);
        } else if (one_of(text, n, gm_shapes_colour_name, GM_SHAPES_COLOURS_A)) {
            gm_text_adds(&t, "C");
        } else if (one_of(text, n, gm_shapes_form_name, GM_SHAPES_FORMS_A)) {
            gm_text_adds(&t, "S");
        } else if (one_of(text, n, gm_shapes_size_name, GM_SHAPES_SIZES)) {
            gm_text_adds(&t, "Z");
        } else {
            gm_text_add(&t, text, n == 2 && text[1] == 'n' && strchr("aA", *text) ? 1 : n);
        }
    }
    return gm_text_take(&t);
}

START_TEST(the_same_sentences)
{
    json_t *golden = load_vectors("golden/shapes.json");
    json_t *templates = json_object_get(golden, "templates");
    for (int task = 0; task < GM_SHAPES_PHRASE; task++) {
        json_t *set = json_object();
        for (int64_t i = 0; i < 700; i++) {
            gm_sample s;
            ck_assert_int_eq(gm_shapes_sample(&s, 1, i, (gm_shapes_task)task, GM_SHAPES_A, 0,
                                              0, NULL), 0);
            for (int64_t k = 0; k < s.turns; k++) {
                char *t = template_of(s.turn[k]);
                note(set, t);
                free(t);
            }
            gm_sample_free(&s);
        }
        const char *name = gm_shapes_task_name((gm_shapes_task)task);
        check_set(set, json_object_get(templates, name), name);
        json_decref(set);
    }
    json_decref(golden);
}
END_TEST

/* prompts.json of world A asks what its texts ask. */
START_TEST(the_same_prompts)
{
    char *text = gm_shapes_prompts(GM_SHAPES_A);
    json_t *got = json_loads(text, 0, NULL), *golden = load_vectors("golden/shapes.json");
    ck_assert(json_equal(got, json_object_get(golden, "prompts")));
    json_decref(got);
    json_decref(golden);
    free(text);
}
END_TEST

/* ---- statistics ---- */

typedef struct { double sum, squares; int n; } mean;

static void add(mean *m, double v)
{
    m->sum += v;
    m->squares += v * v;
    m->n++;
}

/* Five standard errors of the difference. */
static void check_mean(const mean *m, const json_t *numbers, const char *name)
{
    const json_t *want = json_object_get(numbers, name);
    double v = m->sum / m->n, own = (m->squares / m->n - v * v) / m->n;
    double there = json_number_value(json_array_get(want, 0));
    double error = json_number_value(json_array_get(want, 1));
    ck_assert_msg(error > 0 && own > 0, "%s does not vary", name);
    ck_assert_msg(fabs(v - there) < 5 * sqrt(own + error * error), "%s: %f, wanted %f", name, v,
                  there);
}

/* Mean, spread (the mean of the channels' deviations) and grain (steps between neighbours). */
static void measure(mean m[3], const uint8_t *rgb)
{
    double sum = 0, spread = 0, grain = 0;
    for (int c = 0; c < 3; c++) {
        double s = 0, q = 0;
        for (int i = 0; i < SIDE * SIDE; i++) {
            double v = rgb[3 * i + c];
            s += v;
            q += v * v;
            if (i % SIDE) grain += fabs(v - rgb[3 * i + c - 3]);
        }
        sum += s / (SIDE * SIDE);
        spread += sqrt(q / (SIDE * SIDE) - s / (SIDE * SIDE) * (s / (SIDE * SIDE)));
    }
    add(&m[0], sum / 3);
    add(&m[1], spread / 3);
    add(&m[2], grain / (3.0 * SIDE * (SIDE - 1)));
}

START_TEST(pictures_alike)
{
    json_t *golden = load_vectors("golden/shapes.json");
    json_t *numbers = json_object_get(golden, "numbers");
    mean objects = { 0 }, large = { 0 }, pixels[3] = { { 0 } };
    for (int64_t i = 0; i < 600; i++) {
        gm_shapes_scene *s = gm_shapes_scene_new(2, i, GM_SHAPES_A, 0);
        int n = 0;
        for (int k = 0; k < s->n; k++) n += s->object[k].size == GM_LARGE;
        add(&objects, s->n);
        add(&large, (double)n / s->n);
        measure(pixels, s->image.rgb);
        gm_shapes_scene_free(s);
    }
    check_mean(&objects, numbers, "objects");
    check_mean(&large, numbers, "large");
    check_mean(&pixels[0], numbers, "mean");
    check_mean(&pixels[1], numbers, "spread");
    check_mean(&pixels[2], numbers, "grain");
    json_decref(golden);
}
END_TEST

/* ---- every sample ---- */

static uint64_t mix(uint64_t h, const void *data, size_t n)
{
    for (const uint8_t *p = data; n; n--) h = (h ^ *p++) * 1099511628211u;      /* FNV-1a */
    return h;
}

static uint64_t sample_hash(uint64_t h, const gm_sample *s)
{
    h = mix(h, s->image.rgb, (size_t)(3 * s->image.width * s->image.height));
    for (int64_t i = 0; i < s->turns; i++) h = mix(h, s->turn[i], strlen(s->turn[i]) + 1);
    for (int64_t i = 0; i < s->masks; i++)
        for (int64_t k = 0; k < s->mask[i].n; k++) {
            uint32_t c = s->mask[i].count[k];
            uint8_t bytes[4] = { (uint8_t)c, (uint8_t)(c >> 8), (uint8_t)(c >> 16),
                                 (uint8_t)(c >> 24) };
            h = mix(h, bytes, sizeof bytes);
        }
    for (int64_t i = 0; i < s->boxes; i++)
        for (int k = 0; k < 4; k++) {
            uint8_t b[2] = { (uint8_t)(s->box[i][k] * SIDE), s->box[i][k] == 1 };
            h = mix(h, b, sizeof b);
        }
    for (int64_t i = 0; s->trait && i < s->masks; i++)
        for (int k = 0; k < GM_TRAITS; k++) {
            uint8_t b = (uint8_t)s->trait[i][k];
            h = mix(h, &b, 1);
        }
    return h;
}

/* Of tasks from .. to. */
static uint64_t some_samples(gm_shapes_world world, int from, int to)
{
    uint64_t h = 14695981039346656037u;
    for (int task = from; task <= to; task++)
        for (int64_t i = 0; i < 24; i++) {
            gm_sample s;
            int64_t index = i % 2 ? i : GM_SHAPES_VALIDATION + i;
            ck_assert_int_eq(gm_shapes_sample(&s, (uint64_t)i * 977, index, (gm_shapes_task)task,
                                              world, 0, 0, NULL), 0);
            h = sample_hash(h, &s);
            gm_sample_free(&s);
        }
    return h;
}

/* Not a truth, but a seal: whatever machine or compiler draws these samples, they are the same to
 * the bit.  Whoever changes the worlds on purpose writes the new numbers here. */
START_TEST(the_same_everywhere)
{
    ck_assert_uint_eq(some_samples(GM_SHAPES_A, 0, GM_SHAPES_PHRASE), SEAL_A);
    ck_assert_uint_eq(some_samples(GM_SHAPES_B, 0, GM_SHAPES_PHRASE), SEAL_B);
    ck_assert_uint_eq(some_samples(GM_SHAPES_B, GM_SHAPES_OBJECTS, GM_SHAPES_OBJECTS),
                      SEAL_OBJECTS);
    ck_assert(some_samples(GM_SHAPES_MIX, 0, 0) != some_samples(GM_SHAPES_A, 0, 0));
}
END_TEST

static int64_t count_of(const gm_sample *s, const char *word, bool answers)
{
    int64_t n = 0;
    for (int64_t i = answers; i < s->turns; i += 2)
        for (const char *p = s->turn[i]; (p = strstr(p, word)); p += strlen(word)) n++;
    return n;
}

static void check_turns(const gm_sample *s, gm_shapes_task task)
{
    ck_assert_int_ge(s->turns, 2);
    ck_assert_int_eq(s->turns % 2, 0);
    ck_assert_ptr_null(s->trait);
    ck_assert_int_eq(count_of(s, "<image>", false), 1);
    ck_assert_int_eq(count_of(s, "[SEG]", true), s->masks);
    ck_assert_int_eq(count_of(s, "[SEG]", false), 0);
    ck_assert_int_eq(count_of(s, "<bbox>", false), s->boxes);
    if (task == GM_SHAPES_GCG || task == GM_SHAPES_PHRASE)
        ck_assert_int_eq(count_of(s, "<p> ", true), s->masks);
}

static void check_sample(const gm_sample *s, gm_shapes_task task)
{
    bool objects = task == GM_SHAPES_OBJECTS;
    bool segm = objects || task == GM_SHAPES_GCG || task == GM_SHAPES_REFER
                || task == GM_SHAPES_PHRASE;
    ck_assert_int_eq(s->kind, segm ? GM_SET_SEGM : task == GM_SHAPES_REGION ? GM_SET_REGION
                              : GM_SET_CAPTION);
    ck_assert((s->masks > 0) == segm);
    ck_assert((s->boxes > 0) == (objects || task == GM_SHAPES_REGION));
    if (!objects) check_turns(s, task);
    for (int64_t i = 0; i < s->masks; i++) {
        ck_assert(s->mask[i].height == SIDE && s->mask[i].width == SIDE);
        ck_assert_int_ge(gm_rle_area(&s->mask[i]), 150);
        ck_assert_int_eq(s->mask[i].count[s->mask[i].n - 1] > 0, 1);
    }
    for (int64_t i = 0; i < s->boxes; i++)
        ck_assert(s->box[i][0] >= 0 && s->box[i][0] < s->box[i][2] && s->box[i][2] <= 1
                  && s->box[i][1] >= 0 && s->box[i][1] < s->box[i][3] && s->box[i][3] <= 1);
}

START_TEST(every_sample_fits_together)
{
    for (int world = 0; world < GM_SHAPES_WORLDS; world++)
        for (int task = 0; task < GM_SHAPES_TASKS; task++)
            for (int64_t i = 0; i < 120; i++) {
                gm_sample s;
                int most = (int)(i % (GM_SHAPES_MOST + 1));
                ck_assert_int_eq(gm_shapes_sample(&s, 5, i, (gm_shapes_task)task,
                                                  (gm_shapes_world)world, most, 0, NULL), 0);
                check_sample(&s, (gm_shapes_task)task);
                gm_sample_free(&s);
            }
}
END_TEST

/* Every object, with what the scene knows of it. */
START_TEST(objects_are_the_scene)
{
    for (int64_t i = 0; i < 200; i++) {
        gm_shapes_world world = gm_shapes_world_of(GM_SHAPES_MIX, 21, i);
        gm_shapes_scene *scene = gm_shapes_scene_new(21, i, world, 0);
        gm_sample s;
        ck_assert_int_eq(gm_shapes_sample(&s, 21, i, GM_SHAPES_OBJECTS, GM_SHAPES_MIX, 0, 0, NULL),
                         0);
        ck_assert(s.turns == 0 && s.trait && s.masks == scene->n && s.boxes == scene->n);
        for (int k = 0; k < scene->n; k++) {
            const gm_shapes_object *o = &scene->object[k];
            gm_rle want = { 0 };
            ck_assert_int_eq(s.trait[k][GM_TRAIT_COLOUR], o->colour);
            ck_assert_int_eq(s.trait[k][GM_TRAIT_FORM], (int)o->form);
            ck_assert_int_eq(s.trait[k][GM_TRAIT_SIZE], (int)o->size);
            ck_assert_int_eq(s.trait[k][GM_TRAIT_TEXTURE], (int)o->texture);
            for (int d = 0; d < 4; d++)
                ck_assert_double_eq(s.box[k][d] * SIDE, (double)o->box[d]);
            ck_assert_int_eq(gm_shapes_mask(&want, scene, 1u << k, NULL), 0);
            ck_assert(gm_rle_iou(&want, &s.mask[k], false) == 1);
            gm_rle_free(&want);
        }
        gm_sample_free(&s);
        gm_shapes_scene_free(scene);
    }
}
END_TEST

/* turns=N: at most N questions, and N where there is so much to ask; 3 when nothing is said. */
START_TEST(as_many_questions_as_wanted)
{
    static const gm_shapes_task task[] = { GM_SHAPES_REFER, GM_SHAPES_REGION, GM_SHAPES_VQA };
    for (int t = 0; t < 3; t++)
        for (int turns = 0; turns <= GM_SHAPES_TURNS; turns++) {
            int64_t most = 0;
            for (int64_t i = 0; i < 80; i++) {
                gm_sample s;
                ck_assert_int_eq(gm_shapes_sample(&s, 8, i, task[t], GM_SHAPES_B, GM_SHAPES_MOST,
                                                  turns, NULL), 0);
                if (s.turns / 2 > most) most = s.turns / 2;
                if (task[t] == GM_SHAPES_REGION) ck_assert_int_eq(s.turns / 2, s.boxes);
                gm_sample_free(&s);
            }
            ck_assert_int_eq(most, turns ? turns : 3);
        }
}
END_TEST

START_TEST(what_is_no_sample)
{
    static const struct { int64_t index; int task, world, most, turns; } bad[] = {
        { -1, 0, 0, 0, 0 }, { 0, GM_SHAPES_TASKS, 0, 0, 0 }, { 0, -1, 0, 0, 0 },
        { 0, 0, GM_SHAPES_WORLDS, 0, 0 }, { 0, 0, -1, 0, 0 }, { 0, 0, 0, GM_SHAPES_MOST + 1, 0 },
        { 0, 0, 0, -1, 0 }, { 0, 0, 0, 0, -1 }, { 0, 0, 0, 0, GM_SHAPES_TURNS + 1 }
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        gm_error e = { "" };
        gm_sample s;
        ck_assert_int_eq(gm_shapes_sample(&s, 1, bad[i].index, (gm_shapes_task)bad[i].task,
                                          (gm_shapes_world)bad[i].world, bad[i].most,
                                          bad[i].turns, &e), -1);
        ck_assert_msg(strstr(e.text, "wanted"), "%s", e.text);
        ck_assert(!s.turn && !s.image.rgb);
    }
}
END_TEST

Suite *test_shapes(void)
{
    Suite *s = suite_create("shapes");
    TCase *t = tcase_create("shapes");
    tcase_set_timeout(t, 120);
    tcase_add_test(t, the_same_masks);
    tcase_add_test(t, the_same_words);
    tcase_add_test(t, the_same_sentences);
    tcase_add_test(t, the_same_prompts);
    tcase_add_test(t, pictures_alike);
    tcase_add_test(t, the_same_everywhere);
    tcase_add_test(t, every_sample_fits_together);
    tcase_add_test(t, objects_are_the_scene);
    tcase_add_test(t, as_many_questions_as_wanted);
    tcase_add_test(t, what_is_no_sample);
    suite_add_tcase(s, t);
    return s;
}
