/* What a trace runs: a golden case, or a question about an image with the answer that the model
 * gives. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "../io/image.h"
#include "../io/os.h"
#include "trace.h"

static int allocate(trace_inputs *in, int64_t images, gm_error *e)
{
    size_t n = (size_t)images;
    in->images = images;
    in->offset = calloc(n + 1, sizeof *in->offset);
    in->boxes_of = calloc(n + 1, sizeof *in->boxes_of);
    in->resized = calloc(n, sizeof *in->resized);
    in->original = calloc(n, sizeof *in->original);
    bool ok = in->offset && in->boxes_of && in->resized && in->original;
    return ok ? 0 : gm_fail(e, "out of memory for %lld images", (long long)images);
}

void trace_inputs_free(trace_inputs *in)
{
    free(in->ids);
    free(in->offset);
    free(in->boxes_of);
    free(in->resized);
    free(in->original);
    free(in->answer);
    *in = (trace_inputs){ 0 };
}

static void finish(trace_inputs *in, int64_t B, int64_t L, bool padded)
{
    in->batch.B = B;
    in->batch.L = L;
    in->batch.ids = in->ids;
    in->batch.padded = padded;
    in->batch.images = in->images;
    in->batch.offset = in->offset;
    in->batch.boxes_of = in->boxes_of;
    in->batch.resized = (const int64_t (*)[2])in->resized;
    in->batch.original = (const int64_t (*)[2])in->original;
}

/* ---- a golden case ---- */

typedef struct { const char *folder; json_t *conversations; } golden;

static const json_t *image_at(const golden *g, int64_t i)
{
    return json_array_get(g->conversations, (size_t)i);
}

/* Conversation k of an image as ids, malloc'ed. */
static int talk_ids(const gm_model *m, const json_t *image, int64_t k, int32_t **ids, int64_t *n,
                    gm_error *e)
{
    const json_t *other =
        json_array_get(json_object_get(image, "further_conversations"), (size_t)(k ? k - 1 : 0));
    const json_t *turns = k ? other : json_object_get(image, "turns");
    size_t nturns = json_array_size(turns);
    const char **text = calloc(2 * nturns + 1, sizeof *text);
    if (!text) return gm_fail(e, "out of memory");
    for (size_t i = 0; i < nturns; i++) {
        text[2 * i] = json_string_value(json_object_get(json_array_get(turns, i), "user"));
        text[2 * i + 1] = json_string_value(json_object_get(json_array_get(turns, i), "assistant"));
    }
    char *whole = gm_conversation(m->prompts, m->conversation, text, 2 * (int64_t)nturns, e);
    int bad = whole ? gm_encode(m->tokenizer, whole, ids, n, e) : -1;
    free(whole);
    free(text);
    return bad;
}

/* Every conversation of every image, right-padded with 0. */
static int case_ids(trace_inputs *in, const gm_model *m, const golden *g, gm_error *e)
{
    for (int64_t i = 0; i < in->images; i++)
        in->offset[i + 1] = in->offset[i] + 1 +
            (int64_t)json_array_size(json_object_get(image_at(g, i), "further_conversations"));
    int64_t B = in->offset[in->images], L = 0, b = 0;
    int32_t **ids = calloc((size_t)B, sizeof *ids);
    int64_t *n = calloc((size_t)B, sizeof *n);
    int bad = ids && n ? 0 : gm_fail(e, "out of memory");
    for (int64_t i = 0; !bad && i < in->images; i++)
        for (int64_t k = 0; !bad && b < in->offset[i + 1]; k++, b++) {
            bad = talk_ids(m, image_at(g, i), k, &ids[b], &n[b], e);
            if (n[b] > L) L = n[b];
        }
    in->ids = calloc((size_t)(B * L) + 1, sizeof *in->ids);
    if (!bad && !in->ids) bad = gm_fail(e, "out of memory");
    for (b = 0; ids && b < B; b++) {
        if (!bad) memcpy(in->ids + b * L, ids[b], (size_t)n[b] * sizeof **ids);
        free(ids[b]);
    }
    free(ids);
    free(n);
    finish(in, B, L, true);
    return bad;
}

/* Boxes of all images, stored in 0..1. */
static int case_boxes(trace_inputs *in, gm_ctx *c, const gm_model *m, const golden *g, gm_error *e)
{
    for (int64_t i = 0; i < in->images; i++)
        in->boxes_of[i + 1] = in->boxes_of[i] +
                              (int64_t)json_array_size(json_object_get(image_at(g, i), "boxes"));
    int64_t n = in->boxes_of[in->images];
    if (n == 0) return 0;
    double (*box)[4] = calloc((size_t)n, sizeof *box);
    float *host = calloc((size_t)n, 4 * sizeof *host);
    int bad = box && host ? 0 : gm_fail(e, "out of memory for %lld boxes", (long long)n);
    for (int64_t i = 0; !bad && i < in->images; i++)
        for (int64_t k = in->boxes_of[i]; k < in->boxes_of[i + 1]; k++)
            for (size_t d = 0; d < 4; d++) {
                const json_t *list = json_object_get(image_at(g, i), "boxes");
                const json_t *one = json_array_get(list, (size_t)(k - in->boxes_of[i]));
                box[k][d] = json_number_value(json_array_get(one, d));
            }
    if (!bad) {
        gm_boxes_normalise(host, (const double (*)[4])box, n, 1, 1, m->net.config.bf16);
        in->batch.box = gm_from(c, GM_F32, host, 2, GM_DIMS(n, 4));
    }
    free(box);
    free(host);
    return bad;
}

/* Both encoders' pixels of every image, stacked. */
static int case_pixels(trace_inputs *in, gm_ctx *c, const gm_model *m, const golden *g, gm_error *e)
{
    int64_t n = in->images, P = m->net.config.clip.crop, S = gm_sam_side(&m->net);
    float *clip = calloc((size_t)(n * 3 * P * P), sizeof *clip),
          *sam = calloc((size_t)(n * 3 * S * S), sizeof *sam);
    int bad = clip && sam ? 0
                          : gm_fail(e, "out of memory for the pixels of %lld images", (long long)n);
    bool masks = false;
    for (int64_t i = 0; !bad && i < n; i++) {
        const char *name = json_string_value(json_object_get(image_at(g, i), "image"));
        char *path = name ? gm_path_join(g->folder, name) : NULL;
        gm_image im = { 0 };
        bad = path ? gm_image_read(&im, path, e)
                   : gm_fail(e, "image %lld of the case has no name", (long long)i);
        if (!bad) bad = gm_pixels_clip(clip + i * 3 * P * P, &im, &m->net.config, e);
        if (!bad) bad = gm_pixels_sam(sam + i * 3 * S * S, &im, S, in->resized[i], e);
        in->original[i][0] = im.height;
        in->original[i][1] = im.width;
        masks = masks || json_integer_value(json_object_get(image_at(g, i), "masks")) > 0;
        gm_image_free(&im);
        free(path);
    }
    if (!bad) in->batch.clip_pixels = gm_from(c, GM_F32, clip, 4, GM_DIMS(n, 3, P, P));
    if (!bad && masks) in->batch.sam_pixels = gm_from(c, GM_F32, sam, 4, GM_DIMS(n, 3, S, S));
    free(clip);
    free(sam);
    return bad;
}

int trace_case(trace_inputs *in, gm_ctx *c, const gm_model *m, const char *path, gm_error *e)
{
    json_error_t why;
    json_t *root = json_load_file(path, JSON_REJECT_DUPLICATES, &why);
    *in = (trace_inputs){ 0 };
    if (!root) return gm_fail(e, "%s: line %d: %s", path, why.line, why.text);
    char *folder = gm_copy_text(path), *slash = folder ? strrchr(folder, '/') : NULL;
    if (slash) *slash = 0;
    golden g = { slash ? folder : ".", json_object_get(root, "conversations") };
    int64_t images = (int64_t)json_array_size(g.conversations);
    int bad = folder ? 0 : gm_fail(e, "out of memory");
    if (!bad && (images < 1 || images > 64))
        bad = gm_fail(e, "%s: wanted a case with 1 to 64 conversations, found %lld", path,
                      (long long)images);
    bad = bad || allocate(in, images, e) || case_ids(in, m, &g, e) || case_boxes(in, c, m, &g, e) ||
          case_pixels(in, c, m, &g, e);
    free(folder);
    json_decref(root);
    return bad ? -1 : 0;
}

/* ---- a question ---- */

static int question_boxes(trace_inputs *in, gm_ctx *c, const gm_model *m, const gm_image *im,
                          const question *q, gm_error *e)
{
    if (q->nboxes == 0) return 0;
    float *host = calloc((size_t)q->nboxes, 4 * sizeof *host);
    if (!host) return gm_fail(e, "out of memory for %lld boxes", (long long)q->nboxes);
    gm_boxes_normalise(host, q->boxes, q->nboxes, im->width, im->height, m->net.config.bf16);
    in->batch.box = gm_from(c, GM_F32, host, 2, GM_DIMS(q->nboxes, 4));
    in->boxes_of[1] = q->nboxes;
    free(host);
    return 0;
}

/* Prompt and answer of a question, one conversation. */
static int answer_ids(trace_inputs *in, gm_model *m, const gm_image *im, const gm_ask *how,
                      gm_error *e)
{
    gm_session *s = gm_session_new(m, im, e);
    gm_answer *a = s ? gm_session_ask(s, how, e) : NULL;
    int64_t n = a ? a->nprompt_ids + a->nids : 0;
    if (a) in->ids = malloc((size_t)n * sizeof *in->ids);
    if (a) in->answer = gm_copy_text(a->text);
    int bad = !a ? -1 : in->ids && in->answer ? 0 : gm_fail(e, "out of memory");
    if (!bad) {
        memcpy(in->ids, a->prompt_ids, (size_t)a->nprompt_ids * sizeof *in->ids);
        memcpy(in->ids + a->nprompt_ids, a->ids, (size_t)a->nids * sizeof *in->ids);
        in->offset[1] = 1;
        finish(in, 1, n, false);
    }
    gm_answer_free(a);
    gm_session_free(s);
    return bad;
}

int trace_question(trace_inputs *in, gm_ctx *c, gm_model *m, const char *image, const question *q,
                   const ask_settings *as, gm_error *e)
{
    gm_image im = { 0 };
    gm_scene scene;
    gm_ask how = question_ask(q, as);
    how.no_masks = 1;
    *in = (trace_inputs){ 0 };
    int bad = gm_image_read(&im, image, e) || allocate(in, 1, e) ||
              answer_ids(in, m, &im, &how, e) || question_boxes(in, c, m, &im, q, e) ||
              gm_scene_new(c, &scene, &m->net, &im, e);
    if (!bad) {
        bool masks = false;
        for (int64_t i = 1; i < in->batch.L; i++) masks = masks || in->ids[i] == m->net.seg;
        in->batch.clip_pixels = scene.clip_pixels;
        if (masks && !as->no_masks) in->batch.sam_pixels = scene.sam_pixels;
        memcpy(in->resized[0], scene.resized, sizeof in->resized[0]);
        memcpy(in->original[0], scene.original, sizeof in->original[0]);
    }
    gm_image_free(&im);
    return bad ? -1 : 0;
}
