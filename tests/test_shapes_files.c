/* A drawn data set on disk: read back by the readers of the real formats, equal to the samples, and
 * nothing left where writing fails. */
#include <check.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "../io/os.h"
#include "../io/pickle.h"
#include "../io/prompts.h"
#include "../train/data.h"
#include "../train/shapes.h"
#include "program.h"
#include "vectors.h"

#define DIR "build/tests/shapes"
enum { SCENES = 12, SEED = 5 };

static void write_set(gm_shapes_world world, bool validation)
{
    gm_error e = { "" };
    gm_shapes_set o = { .dir = DIR, .seed = SEED, .count = SCENES, .world = world,
                        .tasks = (1u << GM_SHAPES_TASKS) - 1, .validation = validation };
    ck_assert_int_eq(shell("rm -rf " DIR), 0);
    ck_assert_msg(gm_shapes_write(&o, &e) == 0, "%s", e.text);
    ck_assert_int_eq(shell("find " DIR " -name '*tmp*' | grep ."), 1);
}

static gm_sample sample(int64_t i, gm_shapes_task task, gm_shapes_world world)
{
    gm_sample s;
    ck_assert_int_eq(gm_shapes_sample(&s, SEED, GM_SHAPES_VALIDATION + i, task, world, 0, 0,
                                      NULL), 0);
    return s;
}

/* The mask in COCO's runs, or the union of several. */
static gm_rle mask_in(const json_t *parts)
{
    gm_rle all = { 0 };
    uint8_t *mask = calloc(256 * 256, 1), *one = malloc(256 * 256);
    for (size_t i = 0; i < json_array_size(parts); i++) {
        gm_rle r;
        ck_assert_int_eq(gm_rle_parse(&r, text_in(json_array_get(parts, i), "counts"), 256, 256,
                                      NULL), 0);
        gm_rle_decode(one, &r);
        for (int k = 0; k < 256 * 256; k++) {
            ck_assert_msg(!(mask[k] && one[k]), "parts of a phrase overlap");
            mask[k] |= one[k];
        }
        gm_rle_free(&r);
    }
    ck_assert_int_eq(gm_rle_encode(&all, mask, 256, 256, NULL), 0);
    free(mask);
    free(one);
    return all;
}

/* The caption with its groundings put in is the answer of the sample, with its masks. */
static void check_grandf(const json_t *record, const gm_sample *s)
{
    const char *at = s->turn[1], *caption = text_in(record, "caption");
    json_t *groundings = json_object_get(record, "groundings");
    ck_assert_int_eq((int64_t)json_object_size(groundings), s->masks);
    for (int64_t i = 0; i < s->masks; i++) {
        char phrase[100];
        at = strstr(at, "<p> ") + 4;
        snprintf(phrase, sizeof phrase, "%.*s", (int)(strstr(at, " </p>") - at), at);
        json_t *g = json_object_get(groundings, phrase);
        ck_assert_msg(g, "no grounding of %s", phrase);
        json_t *span = json_object_get(g, "token_positives");
        int start = (int)json_integer_value(json_array_get(span, 0));
        int end = (int)json_integer_value(json_array_get(span, 1));
        ck_assert_int_eq(end - start, (int)strlen(phrase));
        ck_assert(!strncmp(caption + start, phrase, strlen(phrase)));
        gm_rle got = mask_in(json_object_get(g, "rle_masks"));
        ck_assert(gm_rle_iou(&got, &s->mask[i], false) == 1);
        gm_rle_free(&got);
    }
}

START_TEST(captions_are_those_of_the_samples)
{
    for (int world = 0; world < GM_SHAPES_WORLDS; world++) {
        write_set((gm_shapes_world)world, true);
        json_t *list = load_vectors(DIR "/GranDf_HA_GCG_val.json");
        json_t *chat = load_vectors(DIR "/llava_instruct_val.json");
        ck_assert_uint_eq(json_array_size(list), SCENES);
        for (int64_t i = 0; i < SCENES; i++) {
            const json_t *record = json_array_get(list, (size_t)i);
            gm_sample s = sample(i, GM_SHAPES_GCG, (gm_shapes_world)world);
            char path[100];
            gm_image im;
            snprintf(path, sizeof path, DIR "/images/%s", text_in(record, "file_name"));
            ck_assert_int_eq(gm_image_read(&im, path, NULL), 0);
            ck_assert(!memcmp(im.rgb, s.image.rgb, 256 * 256 * 3));
            check_grandf(record, &s);
            gm_image_free(&im);
            gm_sample_free(&s);
            s = sample(i, GM_SHAPES_VQA, (gm_shapes_world)world);
            json_t *turns = json_object_get(json_array_get(chat, (size_t)i), "conversations");
            ck_assert_int_eq((int64_t)json_array_size(turns), s.turns);
            for (int64_t k = 1; k < s.turns; k++)
                ck_assert_str_eq(text_in(json_array_get(turns, (size_t)k), "value"), s.turn[k]);
            gm_sample_free(&s);
        }
        json_decref(list);
        json_decref(chat);
    }
}
END_TEST

/* refs(unc).p by io/pickle.c, against instances.json. */
START_TEST(expressions_are_a_pickle)
{
    write_set(GM_SHAPES_MIX, false);
    size_t n, used;
    gm_error e = { "" };
    const uint8_t *bytes = gm_map(DIR "/refcoco/refs(unc).p", &n, &e);
    ck_assert_msg(bytes, "%s", e.text);
    gm_pickle *p = gm_pickle_read(bytes, n, NULL, 0, "refs", &used, &e);
    ck_assert_msg(p, "%s", e.text);
    const gm_pickle_value *list = gm_pickle_root(p);
    json_t *instances = load_vectors(DIR "/refcoco/instances.json");
    json_t *annotations = json_object_get(instances, "annotations");
    ck_assert(used == n && list->kind == GM_P_LIST && list->u.list.n > SCENES);
    int64_t sentence = 0;
    for (int64_t i = 0; i < list->u.list.n; i++) {
        const gm_pickle_value *ref = list->u.list.item[i];
        int64_t ann = gm_pickle_get(ref, "ann_id")->u.i;
        json_t *a = json_array_get(annotations, (size_t)ann - 1);
        ck_assert_int_eq(json_integer_value(json_object_get(a, "id")), ann);
        ck_assert_int_eq(json_integer_value(json_object_get(a, "image_id")),
                         gm_pickle_get(ref, "image_id")->u.i);
        ck_assert_int_eq(json_integer_value(json_object_get(a, "category_id")),
                         gm_pickle_get(ref, "category_id")->u.i);
        ck_assert(gm_pickle_is(gm_pickle_get(ref, "split"), "train"));
        const gm_pickle_value *sentences = gm_pickle_get(ref, "sentences");
        ck_assert_int_ge(sentences->u.list.n, 1);
        for (int64_t k = 0; k < sentences->u.list.n; k++) {
            const gm_pickle_value *s = sentences->u.list.item[k], *t = gm_pickle_get(s, "sent");
            ck_assert_int_eq(gm_pickle_get(s, "sent_id")->u.i, ++sentence);
            ck_assert(t->u.text.n > 4 && !memcmp(t->u.text.s, "the ", 4));
            ck_assert(gm_pickle_is(gm_pickle_get(s, "tokens")->u.list.item[0], "the"));
        }
    }
    json_decref(instances);
    gm_pickle_free(p);
    gm_unmap(bytes, n);
}
END_TEST

/* The same bytes again; the other split has other pictures, and no files for evaluation. */
START_TEST(the_same_files_again)
{
    write_set(GM_SHAPES_B, true);
    ck_assert_int_eq(shell("rm -rf " DIR "-first && mv " DIR " " DIR "-first"), 0);
    write_set(GM_SHAPES_B, true);
    ck_assert_int_eq(shell("diff -r " DIR " " DIR "-first"), 0);
    ck_assert(gm_is_file(DIR "/val_gcg_coco_mask_gt.json"));
    ck_assert_int_eq(shell("$G eval gcg --truth " DIR " --pred golden/eval/predictions"), 0);
    write_set(GM_SHAPES_B, false);
    ck_assert(!gm_is_file(DIR "/val_gcg_coco_mask_gt.json"));
    ck_assert_int_eq(shell("cmp " DIR "/images/000000.png " DIR "-first/images/000000.png"), 1);
    ck_assert_int_eq(shell("rm -r " DIR "-first"), 0);
}
END_TEST

/* Training reads every record, by data.txt and with the set's own prompts. */
START_TEST(training_reads_them)
{
    write_set(GM_SHAPES_MIX, false);
    gm_error e = { "" };
    gm_prompts *prompts = gm_prompts_open(DIR "/prompts.json", &e);
    gm_data_options o = { .prompts = prompts, .seed = 1 };
    char **line;
    int64_t n, kinds[GM_SET_KINDS] = { 0 };
    ck_assert_msg(prompts && gm_data_lines(DIR, &line, &n, &e) == 0, "%s", e.text);
    gm_data *d = gm_data_open((const char *const *)line, n, &o, &e);
    ck_assert_msg(d, "%s", e.text);
    ck_assert_int_eq(gm_data_sets(d), 6);
    for (int64_t i = 0; i < gm_data_size(d); i++) {
        gm_sample s;
        ck_assert_msg(gm_data_record(d, i, &s, &e) == GM_PROBLEM_NONE, "record %lld: %s",
                      (long long)i, e.text);
        kinds[s.kind]++;
        gm_sample_free(&s);
    }
    for (int k = 0; k < GM_SET_KINDS; k++) ck_assert_int_ge(kinds[k], SCENES);
    ck_assert_int_eq(gm_data_left_out(d), 0);
    gm_data_close(d);
    gm_prompts_free(prompts);
    gm_free_list(line, n);
}
END_TEST

START_TEST(prompts_open)
{
    for (int world = 0; world < GM_SHAPES_WORLDS; world++) {
        gm_error e = { "" };
        char *text = gm_shapes_prompts((gm_shapes_world)world);
        gm_prompts *p = gm_prompts_parse(text, strlen(text), "prompts", &e);
        ck_assert_msg(p, "%s", e.text);
        gm_prompts_free(p);
        free(text);
    }
}
END_TEST

START_TEST(the_program)
{
    clean_output();
    ck_assert_int_eq(shell("$G shapes --out %s/s --count 3 --world mix --task gcg --task refer",
                           OUTPUT), 0);
    ck_assert_str_eq(said(), OUTPUT "/s: 3 scenes of world mix, seed 1, train\n");
    ck_assert_int_eq(shell("cd %s/s && ls", OUTPUT), 0);
    ck_assert_str_eq(said(), "GranDf_HA_GCG_train.json\ndata.txt\nimages\nprompts.json\nrefcoco\n");
    ck_assert_int_eq(shell("cat %s/s/data.txt", OUTPUT), 0);
    ck_assert_str_eq(said(), "grandf \"" OUTPUT "/s/GranDf_HA_GCG_train.json\" images=\"" OUTPUT
                     "/s/images\"\nrefer \"" OUTPUT "/s/refcoco\" images=\"" OUTPUT
                     "/s/images\" split=train\n");
    static const struct { const char *arguments, *says; } misused[] = {
        { "", "--out" }, { "--out x --world c", "--world" }, { "--out x --count 0", "--count" },
        { "--out x --task phrase", "found 'phrase'" }, { "--out x --objects 9", "--objects" },
        { "--out x --split test", "--split" }, { "more --out x", "more" }
    };
    for (size_t i = 0; i < sizeof misused / sizeof *misused; i++) {
        ck_assert_int_eq(shell("$G shapes %s", misused[i].arguments), 2);
        ck_assert_msg(strstr(complained(), misused[i].says), "%s", complained());
    }
    ck_assert_int_eq(shell("$G shapes --out golden/README.md/s --count 1"), 1);
    ck_assert_msg(strstr(complained(), "golden/README.md"), "%s", complained());
}
END_TEST

Suite *test_shapes_files(void)
{
    Suite *s = suite_create("shapes_files");
    TCase *t = tcase_create("shapes_files");
    tcase_set_timeout(t, 120);
    tcase_add_test(t, captions_are_those_of_the_samples);
    tcase_add_test(t, expressions_are_a_pickle);
    tcase_add_test(t, the_same_files_again);
    tcase_add_test(t, training_reads_them);
    tcase_add_test(t, prompts_open);
    tcase_add_test(t, the_program);
    suite_add_tcase(s, t);
    return s;
}
