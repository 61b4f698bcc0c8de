/* Drawn scenes as a data set on disk, in the formats of the real ones, so that training and
 * evaluation read them as they read those.  Source of the formats: groundingLMM dataset/ (the
 * readers), eval/gcg/evaluate.py, eval/region_captioning/evaluate.py; docs/SHAPES.md. */
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "shapes_files.h"
#include "shapes_text.h"

enum { SIDE = GM_SHAPES_SIDE, EXPRESSIONS = 3, CAPTIONS = 3, CATEGORIES = 600 };

/* Everything of one run.  Ids of annotations, refs and sentences count from 1. */
typedef struct {
    const gm_shapes_set *o;
    const char *split;
    gm_json_file grandf, truth_masks, truth_captions, instances, refcoco, vg, captions, llava;
    gm_refer_file refs;
    char categories[CATEGORIES];        /* COCO's, as a JSON member: one a shape */
    int64_t ref, sentence;
    /* the scene under way */
    int64_t number;
    char name[40], stem[32];            /* 000012.png, 000012 */
    const gm_shapes_scene *scene;
    const gm_shapes_words *words;
} writing;

static bool wants(const writing *w, gm_shapes_task task) { return w->o->tasks >> task & 1; }

static int64_t scene_index(const writing *w)
{
    return w->number + (w->o->validation ? GM_SHAPES_VALIDATION : 0);
}

/* The words of a task's conversation start at purpose 2 (shapes_sample.c), those of files at 16. */
static gm_random text_stream(const writing *w, int purpose)
{
    return gm_random_stream(w->o->seed, (uint64_t)scene_index(w), (uint64_t)purpose);
}

/* The caption that gm_shapes_sample gives for this task. */
static int describe(gm_shapes_caption *c, const writing *w, gm_shapes_task task, gm_error *e)
{
    gm_random r = text_stream(w, 2 + (int)task);
    *c = (gm_shapes_caption){ .spans = 0 };
    w->words->describe(c, w->scene, &r);
    return c->text.failed ? gm_fail(e, "out of memory for a caption") : 0;
}

/* COCO's compressed runs of these objects' pixels. */
static json_t *mask_json(const writing *w, uint32_t objects, gm_rle *r, gm_error *e)
{
    if (gm_shapes_mask(r, w->scene, objects, e) != 0) return NULL;
    char *text = gm_rle_text(r, e);
    json_t *j = text ? json_pack("{s[ii]ss}", "size", SIDE, SIDE, "counts", text) : NULL;
    free(text);
    return j;
}

/* The members of a COCO annotation about these objects; aslist: the runs as the only part. */
static json_t *annotation(const writing *w, int64_t id, json_t *image_id, int category,
                          uint32_t objects, bool aslist, gm_error *e)
{
    gm_rle r = { 0 };
    int64_t box[4];
    json_t *mask = mask_json(w, objects, &r, e), *j = NULL;
    if (mask) {
        gm_rle_box(&r, box);
        j = json_pack("{s:I,s:o,s:i,s:o,s:I,s:i,s:[I,I,I,I]}", "id", (json_int_t)id,
                      "image_id", image_id, "category_id", category, "segmentation",
                      aslist ? json_pack("[o]", mask) : mask, "area",
                      (json_int_t)gm_rle_area(&r), "iscrowd", 0, "bbox", (json_int_t)box[0],
                      (json_int_t)box[1], (json_int_t)box[2], (json_int_t)box[3]);
    } else {
        json_decref(image_id);
    }
    gm_rle_free(&r);
    return j;
}

static json_t *image_json(const writing *w, int64_t id)
{
    return json_pack("{sIsssisi}", "id", (json_int_t)id, "file_name", w->name, "height", SIDE,
                     "width", SIDE);
}

/* o with key: text; NULL when either is missing. */
static json_t *with_text(json_t *o, const char *key, const char *text)
{
    if (o && json_object_set_new(o, key, json_string(text)) == 0) return o;
    json_decref(o);
    return NULL;
}

/* ---- grounded captions ---- */

static json_t *grounding(const writing *w, const gm_shapes_span *p, gm_error *e)
{
    json_t *parts = json_array();
    for (int k = 0; k < w->scene->n; k++) {
        if (!(p->objects >> k & 1)) continue;
        gm_rle r = { 0 };
        json_t *mask = mask_json(w, 1u << k, &r, e);
        gm_rle_free(&r);
        if (json_array_append_new(parts, mask) != 0) {
            json_decref(parts);
            return NULL;
        }
    }
    return json_pack("{s[ii]so}", "token_positives", (int)p->start, (int)p->end, "rle_masks",
                     parts);
}

static json_t *span_text(const gm_shapes_caption *c, int i)
{
    return json_stringn(c->text.s + c->span[i].start, c->span[i].end - c->span[i].start);
}

/* GranD_f and OpenPSG: a record of file_name, caption, groundings. */
static int put_grandf(writing *w, const gm_shapes_caption *c, gm_error *e)
{
    json_t *groundings = json_object();
    int bad = 0;
    for (int i = 0; i < c->spans && !bad; i++) {
        json_t *key = span_text(c, i);
        bad = !key || json_object_set_new(groundings, json_string_value(key),
                                          grounding(w, &c->span[i], e)) != 0;
        json_decref(key);
    }
    json_t *record = json_pack("{sssssO}", "file_name", w->name, "caption", c->text.s,
                               "groundings", groundings);
    json_decref(groundings);
    if (!bad) return gm_json_file_put(&w->grandf, record, e);
    json_decref(record);
    return gm_fail(e, "%s: out of memory", w->grandf.w.path);
}

/* The two files that eval/gcg/evaluate.py compares with: image ids are texts; the masks of an image
 * stand in the order of its labels. */
static int put_truth(writing *w, const gm_shapes_caption *c, gm_error *e)
{
    json_t *labels = json_array();
    int bad = 0;
    for (int i = 0; i < c->spans; i++) bad |= json_array_append_new(labels, span_text(c, i));
    json_t *caption = json_pack("{sIsssssO}", "id", (json_int_t)w->number + 1, "image_id", w->stem,
                                "caption", c->text.s, "labels", labels);
    json_decref(labels);
    json_t *image = json_pack("{sssisi}", "id", w->stem, "height", SIDE, "width", SIDE);
    if (bad) gm_fail(e, "%s: out of memory", w->truth_captions.w.path);
    bad |= gm_json_file_put(&w->truth_captions, caption, e)
        || gm_json_file_image(&w->truth_captions, json_incref(image), e)
        || gm_json_file_image(&w->truth_masks, json_incref(image), e);
    json_decref(image);
    for (int i = 0; i < c->spans && !bad; i++)
        bad = gm_json_file_put(&w->truth_masks,
                               annotation(w, w->truth_masks.n + 1, json_string(w->stem), 1,
                                          c->span[i].objects, false, e), e);
    return bad ? -1 : 0;
}

static int put_gcg(writing *w, gm_error *e)
{
    gm_shapes_caption c;
    int bad = describe(&c, w, GM_SHAPES_GCG, e) || put_grandf(w, &c, e)
        || (w->o->validation && put_truth(w, &c, e));
    gm_text_drop(&c.text);
    return bad ? -1 : 0;
}

/* ---- expressions and regions ---- */

/* Up to EXPRESSIONS different ones of object k, malloc'ed; how many. */
static int expressions(char *list[EXPRESSIONS], const writing *w, int k, gm_random *r)
{
    int n = 0;
    for (int t = 0; t < 2 * EXPRESSIONS && n < EXPRESSIONS; t++) {
        gm_text text = { 0 };
        if (!w->words->refer_to(&text, w->scene, k, r)) break;
        char *s = gm_text_take(&text);
        bool again = !s;
        for (int i = 0; i < n && !again; i++) again = strcmp(list[i], s) == 0;
        if (again) free(s);
        else list[n++] = s;
    }
    return n;
}

static int put_refer(writing *w, gm_error *e)
{
    gm_random r = text_stream(w, 16);
    int bad = gm_json_file_image(&w->instances, image_json(w, w->number + 1), e);
    for (int k = 0; k < w->scene->n && !bad; k++) {
        char *list[EXPRESSIONS];
        int category = (int)w->scene->object[k].form + 1;
        int n = expressions(list, w, k, &r);
        bad = gm_json_file_put(&w->instances,
                               annotation(w, w->instances.n + 1, json_integer(w->number + 1),
                                          category, 1u << k, true, e), e);
        gm_refer_ref ref = {
            .ref_id = w->ref + 1, .ann_id = w->instances.n, .image_id = w->number + 1,
            .category_id = category, .first_sentence = w->sentence + 1, .file_name = w->name,
            .split = w->split, .sentence = (const char *const *)list, .n = n
        };
        if (n && !bad) {
            gm_refer_file_put(&w->refs, &ref);
            w->ref++;
            w->sentence += n;
        }
        for (int i = 0; i < n; i++) free(list[i]);
    }
    return bad;
}

/* RefCOCO's flavour: an image entry for every expression, which is its caption; the annotation has
 * the same id, as evaluation wants it. */
static int put_refcoco(writing *w, int k, gm_random *r, gm_error *e)
{
    gm_text t = { 0 };
    int64_t id = w->refcoco.n + 1;
    int category = (int)w->scene->object[k].form + 1, bad = 0;
    if (w->words->refer_to(&t, w->scene, k, r) && !t.failed) {
        bad = gm_json_file_image(&w->refcoco, with_text(image_json(w, id), "caption", t.s), e);
        if (!bad) {
            json_t *a = annotation(w, id, json_integer(id), category, 1u << k, false, e);
            bad = gm_json_file_put(&w->refcoco, with_text(a, "caption", t.s), e);
        }
    }
    if (t.failed) bad = gm_fail(e, "%s: out of memory", w->refcoco.w.path);
    gm_text_drop(&t);
    return bad;
}

/* Visual Genome's: annotations have captions. */
static int put_vg(writing *w, int k, gm_random *r, gm_error *e)
{
    gm_text t = { 0 };
    int category = (int)w->scene->object[k].form + 1, bad;
    w->words->region_of(&t, w->scene, k, r);
    if (t.failed) {
        bad = gm_fail(e, "%s: out of memory", w->vg.w.path);
    } else {
        json_t *a = annotation(w, w->vg.n + 1, json_integer(w->number + 1), category, 1u << k,
                               false, e);
        bad = gm_json_file_put(&w->vg, with_text(a, "caption", t.s), e);
    }
    gm_text_drop(&t);
    return bad;
}

static int put_region(writing *w, gm_error *e)
{
    gm_random r = text_stream(w, 17);
    int bad = gm_json_file_image(&w->vg, image_json(w, w->number + 1), e);
    for (int k = 0; k < w->scene->n && !bad; k++)
        bad = put_vg(w, k, &r, e) || put_refcoco(w, k, &r, e);
    return bad ? -1 : 0;
}

/* ---- captions and conversations ---- */

static int put_captions(writing *w, gm_error *e)
{
    gm_random r = text_stream(w, 2 + GM_SHAPES_CAPTION);
    gm_shapes_caption c[CAPTIONS] = { { .spans = 0 } };
    int bad = gm_json_file_image(&w->captions, image_json(w, w->number + 1), e);
    for (int i = 0; i < CAPTIONS && !bad; i++) {
        bool again = false;
        w->words->describe(&c[i], w->scene, &r);
        if (c[i].text.failed) bad = gm_fail(e, "%s: out of memory", w->captions.w.path);
        for (int k = 0; k < i && !bad; k++) again = again || !strcmp(c[k].text.s, c[i].text.s);
        if (bad || again) continue;
        json_t *a = json_pack("{sIsIss}", "id", (json_int_t)w->captions.n + 1, "image_id",
                              (json_int_t)w->number + 1, "caption", c[i].text.s);
        bad = gm_json_file_put(&w->captions, a, e);
    }
    for (int i = 0; i < CAPTIONS; i++) gm_text_drop(&c[i].text);
    return bad;
}

/* The conversation that gm_shapes_sample gives, as LLaVA-Instruct writes it: its first question has
 * "<image>\n" in front in place of our begin. */
static int put_llava(writing *w, gm_error *e)
{
    gm_sample s;
    if (gm_shapes_sample(&s, w->o->seed, scene_index(w), GM_SHAPES_VQA, w->scene->world,
                         w->o->max_objects, 0, e) != 0)
        return -1;
    json_t *turns = json_array();
    int bad = 0;
    for (int64_t i = 0; i < s.turns; i++) {
        const char *text = i ? s.turn[i] : s.turn[i] + strlen(gm_shapes_begin);
        bad |= json_array_append_new(turns, json_pack("{ssso}", "from", i % 2 ? "gpt" : "human",
                                                      "value", json_sprintf("%s%s", i ? ""
                                                      : "<image>\n", text)));
    }
    json_t *record = json_pack("{sssssO}", "id", w->stem, "image", w->name, "conversations", turns);
    json_decref(turns);
    gm_sample_free(&s);
    if (!bad) return gm_json_file_put(&w->llava, record, e);
    json_decref(record);
    return gm_fail(e, "%s: out of memory", w->llava.w.path);
}

/* ---- the run ---- */

static int put_image(writing *w, gm_error *e)
{
    char *path = NULL, *folder = gm_path_join(w->o->dir, "images");
    if (folder) path = gm_path_join(folder, w->name);
    int bad = path ? gm_png_write(path, w->scene->image.rgb, SIDE, SIDE, 3, e)
                   : gm_fail(e, "out of memory for the name of an image");
    free(folder);
    free(path);
    return bad;
}

static int put_scene(writing *w, gm_error *e)
{
    gm_shapes_world world = gm_shapes_world_of(w->o->world, w->o->seed, scene_index(w));
    gm_shapes_scene *s = gm_shapes_scene_new(w->o->seed, scene_index(w), world, w->o->max_objects);
    if (!s) return gm_fail(e, "out of memory for a drawn scene");
    snprintf(w->stem, sizeof w->stem, "%06lld", (long long)w->number);
    snprintf(w->name, sizeof w->name, "%s.png", w->stem);
    w->scene = s;
    w->words = gm_shapes_words_of(world);
    int bad = put_image(w, e) || (wants(w, GM_SHAPES_GCG) && put_gcg(w, e))
        || (wants(w, GM_SHAPES_REFER) && put_refer(w, e))
        || (wants(w, GM_SHAPES_REGION) && put_region(w, e))
        || (wants(w, GM_SHAPES_CAPTION) && put_captions(w, e))
        || (wants(w, GM_SHAPES_VQA) && put_llava(w, e));
    gm_shapes_scene_free(s);
    return bad ? -1 : 0;
}

/* dir/name with "{}" replaced by the split; NULL when out of memory. */
static char *path_of(const writing *w, const char *name)
{
    gm_text t = { 0 };
    gm_text_adds(&t, w->o->dir);
    gm_text_adds(&t, "/");
    gm_shapes_say(&t, name, w->split);
    return gm_text_take(&t);
}

/* Where each JSON file goes, and whether this run has it.  head: what COCO's object starts with. */
typedef struct {
    gm_shapes_task task;
    size_t at;                          /* of its gm_json_file */
    const char *name, *format, *head;   /* format: of a data line (docs/DATA.md), or NULL */
    bool truth;                         /* for evaluation alone */
} file_row;

static const char OBJECT[] = "\"info\": {}, \"categories\": [{\"id\": 1, \"name\": \"object\"}]";
static const char INFO[] = "\"info\": {}", FORMS[] = "";  /* FORMS: replaced by w->categories */

static const file_row FILES[] = {
    { GM_SHAPES_GCG, offsetof(writing, grandf), "GranDf_HA_GCG_{}.json", "grandf", NULL, false },
    { GM_SHAPES_GCG, offsetof(writing, truth_masks), "{}_gcg_coco_mask_gt.json", NULL, OBJECT,
      true },
    { GM_SHAPES_GCG, offsetof(writing, truth_captions), "{}_gcg_coco_caption_gt.json", NULL, INFO,
      true },
    { GM_SHAPES_REFER, offsetof(writing, instances), "refcoco/instances.json", NULL, FORMS,
      false },
    { GM_SHAPES_REGION, offsetof(writing, refcoco), "finetune_refcoco_{}.json", "refcoco_region",
      FORMS, false },
    { GM_SHAPES_REGION, offsetof(writing, vg), "visual_genome_{}.json", "vg_region", FORMS,
      false },
    { GM_SHAPES_CAPTION, offsetof(writing, captions), "captions_{}.json", "coco_caption", INFO,
      false },
    { GM_SHAPES_VQA, offsetof(writing, llava), "llava_instruct_{}.json", "llava", NULL, false },
};
enum { NFILES = sizeof FILES / sizeof *FILES };

static gm_json_file *file_at(writing *w, int i)
{
    return (gm_json_file *)((char *)w + FILES[i].at);
}

static bool has_file(const writing *w, int i)
{
    return wants(w, FILES[i].task) && (!FILES[i].truth || w->o->validation);
}

static void name_categories(writing *w)
{
    int n = snprintf(w->categories, sizeof w->categories, "\"info\": {}, \"categories\": [");
    for (int f = 0; f < GM_SHAPES_FORMS; f++)
        n += snprintf(w->categories + n, sizeof w->categories - (size_t)n,
                      "%s{\"id\": %d, \"name\": \"%s\"}", f ? ", " : "", f + 1,
                      gm_shapes_form_name[f]);
    snprintf(w->categories + n, sizeof w->categories - (size_t)n, "]");
}

static int make_folder(const writing *w, const char *name, gm_error *e)
{
    char *path = path_of(w, name);
    int bad = path ? gm_make_dir(path, e) : gm_fail(e, "%s: out of memory", w->o->dir);
    free(path);
    return bad;
}

static int open_files(writing *w, gm_error *e)
{
    int bad = make_folder(w, "images", e);
    if (!bad && wants(w, GM_SHAPES_REFER)) bad = make_folder(w, "refcoco", e);
    for (int i = 0; i < NFILES && !bad; i++) {
        if (!has_file(w, i)) continue;
        char *path = path_of(w, FILES[i].name);
        const char *head = FILES[i].head == FORMS ? w->categories : FILES[i].head;
        bad = path ? gm_json_file_open(file_at(w, i), path, head, e)
                   : gm_fail(e, "%s: out of memory", w->o->dir);
        free(path);
    }
    if (bad || !wants(w, GM_SHAPES_REFER)) return bad;
    char *path = path_of(w, "refcoco/refs(unc).p");
    bad = path ? gm_refer_file_open(&w->refs, path, e) : gm_fail(e, "%s: out of memory", w->o->dir);
    free(path);
    return bad;
}

/* A small text file. */
static int put_text(const writing *w, const char *name, const char *text, gm_error *e)
{
    gm_writer out;
    char *path = path_of(w, name);
    int bad = path && text ? gm_create(&out, path, e) : gm_fail(e, "%s: out of memory", w->o->dir);
    free(path);
    if (bad) return bad;
    fputs(text, out.file);
    return gm_commit(&out, e);
}

/* data.txt: the set as training's data lines (train/data.h). */
static int put_data_lines(const writing *w, gm_error *e)
{
    gm_text t = { 0 };
    for (int i = 0; i < NFILES; i++) {
        if (!has_file(w, i) || !FILES[i].format) continue;
        char *path = path_of(w, FILES[i].name);
        gm_shapes_say(&t, "{} \"{}\" images=\"{}/images\"\n", FILES[i].format, path ? path : "",
                      w->o->dir);
        t.failed = t.failed || !path;
        free(path);
    }
    if (wants(w, GM_SHAPES_REFER))
        gm_shapes_say(&t, "refer \"{}/refcoco\" images=\"{}/images\" split={}\n", w->o->dir,
                      w->o->dir, w->split);
    char *text = gm_text_take(&t);
    int bad = put_text(w, "data.txt", text, e);
    free(text);
    return bad;
}

static int commit_files(writing *w, gm_error *e)
{
    int bad = 0;
    for (int i = 0; i < NFILES && !bad; i++)
        if (has_file(w, i)) bad = gm_json_file_commit(file_at(w, i), e);
    if (!bad && wants(w, GM_SHAPES_REFER)) bad = gm_refer_file_commit(&w->refs, e);
    if (bad) return bad;
    char *prompts = gm_shapes_prompts(w->o->world);
    bad = put_text(w, "prompts.json", prompts, e);
    free(prompts);
    return bad ? bad : put_data_lines(w, e);
}

int gm_shapes_write(const gm_shapes_set *o, gm_error *e)
{
    if (o->count < 1 || o->count >= GM_SHAPES_VALIDATION || !o->tasks
        || (unsigned)o->world >= GM_SHAPES_WORLDS || o->max_objects < 0
        || o->max_objects > GM_SHAPES_MOST)
        return gm_fail(e, "drawn scenes: wanted a scene or more, a task or more, a world, 0 to %d "
                       "objects, found %lld scenes, tasks %u, world %d, %d objects",
                       GM_SHAPES_MOST, (long long)o->count, o->tasks, (int)o->world,
                       o->max_objects);
    writing w = { .o = o, .split = o->validation ? "val" : "train" };
    name_categories(&w);
    int bad = open_files(&w, e);
    for (; w.number < o->count && !bad; w.number++) {
        bad = put_scene(&w, e);
        if (!bad && o->progress) o->progress(o->user, w.number + 1, o->count);
    }
    if (!bad) bad = commit_files(&w, e);
    for (int i = 0; i < NFILES; i++) gm_json_file_drop(file_at(&w, i));
    gm_refer_file_drop(&w.refs);
    return bad;
}
