/* A whole conversation given, answers included: only its masks are computed.  Source:
 * groundingLMM model/GLaMM.py, model_forward with inference (eval/referring_seg). */
#include <stdlib.h>
#include "model_open.h"

/* The masks of g as floats, malloc'ed: *n of them. */
static int take(gm_ctx *c, const gm_generated *g, float **logits, int64_t *n, gm_error *e)
{
    *n = g->mask.data ? g->mask.dim[0] : 0;
    *logits = malloc((size_t)(*n ? gm_numel(g->mask) : 1) * sizeof **logits);
    if (!*logits) return gm_fail(e, "out of memory for %lld masks", (long long)*n);
    if (*n) gm_to_host(c, *logits, g->mask);
    return 0;
}

int gm_forced_masks(gm_model *m, const gm_image *image, const char *const *turn, int64_t turns,
                    float **logits, int64_t *n, gm_error *e)
{
    gm_scene scene;
    gm_generated g = { 0 };
    gm_generate_options o = { 0 };
    int32_t *ids = NULL;
    int threads = gm_backend_threads(m->threads);
    gm_ctx *c = gm_ctx_new(&m->kernels, &m->engine.device.memory);
    char *text = gm_conversation(m->prompts, m->conversation, turn, turns, e);
    *logits = NULL;
    *n = 0;
    int bad = !text || gm_encode(m->tokenizer, text, &ids, &o.nprompt, e);
    if (!bad && !c) bad = gm_fail(e, "out of memory");
    if (!bad) bad = gm_scene_new(c, &scene, &m->net, image, e);
    o.prompt = o.answer = ids;
    if (!bad && gm_generate(c, &m->net, &scene, &o, &g) != 0)
        bad = gm_fail(e, "%s", gm_error_text(c));
    if (!bad) bad = take(c, &g, logits, n, e);
    free(g.ids);
    free(ids);
    free(text);
    gm_ctx_free(c);
    gm_backend_threads(threads);
    return bad ? -1 : 0;
}
