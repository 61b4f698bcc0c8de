/* Generation against the goldens: ids, masks, text; with the KV cache, without, and after other
 * questions about the image, of which the beginning is kept. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "golden_run.h"

/* Of the authors' masks and ours, where they are stored. */
#define IOU 0.999

/* The prompt's ids from its text: the conversation with its last answer left open. */
static void check_prompt(golden_report *r, const gm_model *m, golden_case *g)
{
    gm_error e = { "" };
    const golden_talk *t = &g->image[0].talk[0];
    int32_t *ids = NULL;
    int64_t n = 0;
    char *text = gm_conversation(m->prompts, "llava_v1", t->turn, t->turns - 1, &e);
    if (!text || gm_encode(m->tokenizer, text, &ids, &n, &e))
        golden_failed(r, g->name, "generate/prompt_ids", "%s", e.text);
    else golden_ids(r, g, "generate/prompt_ids", ids, n, g->prompt_ids, g->prompt_length);
    free(text);
    free(ids);
}

/* The smallest IoU over the masks of {logits > 0}, at the stored elements. */
static void check_iou(golden_report *r, golden_case *g, const golden_tensor *t, gm_tensor x)
{
    const float *want = t->stored.data, *got = x.data;
    int64_t N = t->dim[0], HW = N ? t->numel / N : 0;
    double worst = 1;
    for (int64_t k = 0; k < N; k++) {
        int64_t both = 0, either = 0;
        int64_t first = (k * HW + t->stride - 1) / t->stride;
        for (int64_t i = first; i * t->stride < (k + 1) * HW; i++) {
            both += want[i] > 0 && got[i * t->stride] > 0;
            either += want[i] > 0 || got[i * t->stride] > 0;
        }
        if (either) worst = fmin(worst, (double)both / (double)either);
    }
    golden_row_add(r, g->name, "generate/mask_iou", worst >= IOU, 1 - worst, 1 - IOU,
                   (1 - worst) / (1 - IOU), worst >= IOU ? "" : "a mask covers other pixels");
}

static void check_masks(golden_report *r, gm_ctx *c, golden_case *g, const gm_generated *out,
                        const golden_inputs *in)
{
    golden_tensor *t = golden_find(g, "generate/mask_logits");
    gm_tensor x = t && out->mask.data ? gm_host_copy(c, out->mask) : GM_NONE;
    float *owned = x.data;
    if (!t) return;
    if (!x.data) x = (gm_tensor){ .nd = 3, .dim = { 0, in->original[0][0], in->original[0][1] } };
    t->seen = false;                    /* once for each way of generating */
    golden_floats(r, g, t->name, x.data, x.nd, x.dim);
    if (t->numel && t->nd == 3 && x.nd == 3 && memcmp(t->dim, x.dim, 3 * sizeof *t->dim) == 0 &&
        t->stored.data)
        check_iou(r, g, t, x);
    free(owned);
}

static void check_text(golden_report *r, const gm_model *m, golden_case *g, const gm_generated *out)
{
    gm_error e = { "" };
    if (!g->answer) return;
    char *text = gm_decode(m->tokenizer, out->ids + g->prompt_length, out->n - g->prompt_length,
                           &e);
    if (!text) golden_failed(r, g->name, "generate/answer", "%s", e.text);
    else if (strcmp(text, g->answer) == 0)
        golden_row_add(r, g->name, "generate/answer", true, 0, 0, 0, "");
    else
        golden_failed(r, g->name, "generate/answer", "wanted \"%s\", found \"%s\"", g->answer,
                      text);
    free(text);
}

/* Two other questions: one that ends earlier, and one about other boxes.  What they share with the
 * case's must then be there. */
static void ask_others(golden_report *r, gm_ctx *c, const gm_model *m, golden_case *g,
                       const golden_inputs *in, gm_scene *scene)
{
    float *box = calloc((size_t)(4 * in->boxes + 1), sizeof *box);
    gm_generate_options o = { .prompt = g->prompt_ids, .nprompt = g->prompt_length - 2,
                              .max_new = 3, .no_masks = true };
    if (in->boxes) o.box = gm_from(c, GM_F32, in->box, 2, GM_DIMS(in->boxes, 4));
    for (int k = 0; k < 2; k++) {
        gm_generated out;
        if (k && box) {
            o.nprompt = g->prompt_length;
            for (int64_t i = 0; i < 4 * in->boxes; i++) box[i] = 0.75f * in->box[i];
            if (in->boxes) o.box = gm_from(c, GM_F32, box, 2, GM_DIMS(in->boxes, 4));
        }
        if (gm_generate(c, &m->net, scene, &o, &out))
            golden_failed(r, g->name, "generate/sequence", "%s", gm_error_text(c));
        free(out.ids);
    }
    free(box);
    int64_t shared = gm_past_shared(scene->past, &m->net, g->prompt_ids, g->prompt_length, in->box,
                                    in->boxes);
    int64_t first = g->prompt_length;           /* a <bbox>, whose box was another */
    for (int64_t i = 0; in->boxes && i < first; i++)
        if (g->prompt_ids[i] == m->net.bbox) first = i;
    if (shared != first)
        golden_failed(r, g->name, "generate/sequence", "%lld ids are read already, wanted %lld",
                      (long long)shared, (long long)first);
}

enum how { CACHED, NO_CACHE, AFTER_OTHERS };

static void generate_once(golden_report *r, const gm_model *m, golden_case *g,
                          const golden_inputs *in, enum how how)
{
    gm_past past = { 0 };
    gm_error e = { "" };
    gm_ctx *c = gm_ctx_new(&m->kernels, &m->engine.device.memory);
    gm_scene scene;
    gm_generated out = { 0 };
    gm_generate_options o = { .prompt = g->prompt_ids, .nprompt = g->prompt_length,
                              .max_new = g->max_new_tokens,
                              .no_cache = how == NO_CACHE };
    if (!c || gm_scene_new(c, &scene, &m->net, &in->image[0], &e)) {
        golden_failed(r, g->name, "generate/sequence", "%s", c ? e.text : "out of memory");
    } else {
        if (how == AFTER_OTHERS) {
            if (gm_past_open(&past, &m->kernels, &m->engine.device.memory)) scene.past = &past;
            ask_others(r, c, m, g, in, &scene);
        }
        if (in->boxes) o.box = gm_from(c, GM_F32, in->box, 2, GM_DIMS(in->boxes, 4));
        if (gm_generate(c, &m->net, &scene, &o, &out)) {
            golden_failed(r, g->name, "generate/sequence", "%s", gm_error_text(c));
        } else {
            golden_ids(r, g, "generate/sequence", out.ids, out.n, g->sequence, g->sequence_length);
            check_masks(r, c, g, &out, in);
            check_text(r, m, g, &out);
        }
    }
    free(out.ids);
    if (past.c) gm_past_close(&past);
    gm_ctx_free(c);
}

void golden_generate(golden_report *r, const gm_model *m, golden_case *g, const golden_inputs *in)
{
    if (!g->sequence) return;
    if (g->images != 1 || g->image[0].talks != 1) {
        golden_failed(r, g->name, "generate/sequence",
                      "generation about several conversations is not defined");
        return;
    }
    check_prompt(r, m, g);
    generate_once(r, m, g, in, CACHED);
    r->variant = " (after others)";
    generate_once(r, m, g, in, AFTER_OTHERS);
    r->variant = NULL;
    if (r->cached) return;
    r->variant = " (no kv cache)";
    generate_once(r, m, g, in, NO_CACHE);
    r->variant = NULL;
}
