/* gm_model_open: a folder becomes a model.  See glamm.h, model_open.h. */
#include "model_open.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../io/image.h"
#include "../io/os.h"
#include "../io/text_model.h"
#include "kernels/cpu.h"
#include "plan.h"

#define DEFAULT_CACHE ((int64_t)4000000000)     /* a thousand embeddings of the release's 4 MB */

static int open_text(gm_model *m, const char *path, gm_error *e)
{
    const gm_folder *d = gm_checkpoint_folder(m->checkpoint);
    size_t n;
    m->tokenizer = gm_tokenizer_in(d, e);
    if (!m->tokenizer) return -1;
    if (d->alone) {
        m->prompts = gm_text_model_prompts(&d->pack, e);
        strcpy(m->conversation, GM_TEXT_CONVERSATION);
        return m->prompts ? 0 : -1;
    }
    char *name = gm_path_join(path, "prompts.json"),
         *json = gm_folder_text(d, "prompts.json", &n, e);
    if (!name) gm_fail(e, "out of memory");
    else if (json) m->prompts = gm_prompts_parse(json, n, name, e);
    else if (!e->text[0]) m->prompts = gm_prompts_open(NULL, e);
    free(json);
    free(name);
    return m->prompts ? 0 : -1;
}

/* The ids that have a meaning for the model come from the tokenizer. */
static int special_ids(gm_model *m, const char *path, gm_error *e)
{
    const struct { int32_t *to; const char *piece; } list[] = {
        { &m->net.bbox, "<bbox>" },
        { &m->net.seg, "[SEG]" },
    };
    m->net.eos = gm_token_eos(m->tokenizer);
    m->net.bbox = m->net.seg = -1;
    for (size_t i = 0; !m->net.config.text_only && i < sizeof list / sizeof *list; i++) {
        *list[i].to = gm_token_id(m->tokenizer, list[i].piece);
        if (*list[i].to < 0)
            return gm_fail(e, "%s: the tokenizer has no %s; wanted it among the added tokens", path,
                           list[i].piece);
    }
    int64_t have = gm_tokenizer_size(m->tokenizer), V = m->net.config.llm.vocab;
    return have <= V
               ? 0
               : gm_fail(e, "%s: the tokenizer has %lld pieces, config.json's vocab_size is %lld",
                         path, (long long)have, (long long)V);
}

static gm_plan plan_of(const gm_model *m, int64_t answer)
{
    gm_weight_bytes w = gm_checkpoint_bytes(m->checkpoint);
    return gm_plan_memory(&m->net, &m->kernels, &w, answer);
}

/* Before any weight is read: whether this machine can hold them. */
static void warn_of_memory(const gm_model *m)
{
    char size[3][40], text[400];
    double have = (double)gm_machine_memory(), then;
    gm_plan p = plan_of(m, GM_PLAN_ANSWER);
    if (!m->log || m->engine.device.memory.alloc || !have || p.total <= have) return;
    const char *type = gm_plan_type(&p, have, &then);
    int n = snprintf(text, sizeof text,
                     "this model takes about %s, the machine has %s: weights will be read from "
                     "disk again and again", gm_size_text(p.total, size[0]),
                     gm_size_text(have, size[1]));
    if (type)
        snprintf(text + n, sizeof text - (size_t)n,
                 "; converted with --type %s it would take %s (docs/REAL_CHECKPOINT.md)", type,
                 gm_size_text(then, size[2]));
    m->log(m->user, text);
}

int64_t gm_model_sessions(const gm_model *m, int64_t max_new_tokens)
{
    gm_plan p = plan_of(m, max_new_tokens > 0 ? max_new_tokens : GM_PLAN_ANSWER);
    double left = (double)gm_available_memory() - p.with_boxes;
    double n = 1 + left / p.session;
    return n < 1 ? 1 : n > GM_MAX_TOGETHER ? GM_MAX_TOGETHER : (int64_t)n;
}

static int open_all(gm_model *m, const char *path, const gm_model_options *o, gm_error *e)
{
    const char *name = o->conversation ? o->conversation : "llava_v1";
    if (strcmp(name, "llava_v1") != 0 && strcmp(name, "llava_llama_2") != 0)
        return gm_fail(e, "conversation %s: wanted llava_v1 or llava_llama_2", name);
    snprintf(m->conversation, sizeof m->conversation, "%s", name);
    m->threads = o->threads;
    m->cache = o->cache;
    m->cache_bytes = o->cache_bytes ? o->cache_bytes : DEFAULT_CACHE;
    m->log = o->log;
    m->user = o->user;
    if (gm_backend_open(&m->kernels, &m->engine, o->backend, e) != 0) return -1;
    if (gm_backend_activations(&m->kernels, &m->engine, o->activations, e) != 0) return -1;
    const char *warning = gm_blas_warning();
    if (warning && o->log) o->log(o->user, warning);
    m->checkpoint = gm_checkpoint_open(path, o, e);
    if (!m->checkpoint) return -1;
    gm_config g = *gm_checkpoint_config(m->checkpoint);
    if (o->exact_f32) g.bf16 = false;
    gm_weights *w = gm_checkpoint_weights(m->checkpoint);
    gm_weights_upload(w, &m->engine.device.memory);
    /* Every missing tensor belongs in one message, so a failed bind does not end the reading. */
    gm_error bind = { "" }, names = { "" };
    int bad = gm_glamm_bind(&m->net, w, &g, &bind);
    if (gm_weights_finish(w, &names) != 0) return gm_fail(e, "%s", names.text);
    if (bad) return gm_fail(e, "%s: %s", path, bind.text);
    const char *kv = gm_backend_kv(o->kv, o->activations);
    if (gm_llama_kv(&m->net.llama, kv, e) != 0) return -1;
    warn_of_memory(m);
    return open_text(m, path, e) || special_ids(m, path, e) ? -1 : 0;
}

gm_model *gm_model_open(const char *path, const gm_model_options *o, gm_error *e)
{
    static const gm_model_options none;
    gm_model *m = calloc(1, sizeof *m);
    if (!m) {
        gm_fail(e, "out of memory");
        return NULL;
    }
    if (open_all(m, path, o ? o : &none, e) == 0) return m;
    gm_model_free(m);
    return NULL;
}

void gm_model_free(gm_model *m)
{
    if (!m) return;
    gm_glamm_free(&m->net);
    gm_prompts_free(m->prompts);
    gm_tokenizer_free(m->tokenizer);
    gm_checkpoint_free(m->checkpoint);
    gm_backend_close(&m->engine);
    free(m);
}

int gm_model_sees(const gm_model *m) { return !m->net.config.text_only; }

int gm_tokenize(const gm_model *m, const char *text, int32_t **ids, int64_t *n, gm_error *e)
{
    return gm_encode(m->tokenizer, text, ids, n, e);
}

char *gm_detokenize(const gm_model *m, const int32_t *ids, int64_t n, gm_error *e)
{
    return gm_decode(m->tokenizer, ids, n, e);
}

int gm_scene_new(gm_ctx *c, gm_scene *s, const glamm *m, const gm_image *image, gm_error *e)
{
    if (m->config.text_only) return gm_fail(e, "wanted no image: a text model sees none");
    int64_t P = m->config.clip.crop, S = gm_sam_side(m), side = P > S ? P : S;
    *s = (gm_scene){ .original = { image->height, image->width } };
    if (!image->rgb || image->width < 1 || image->height < 1)
        return gm_fail(e, "wanted an image of at least 1 x 1 pixels, found %s%lld x %lld",
                       image->rgb ? "" : "none: ", (long long)image->width,
                       (long long)image->height);
    float *host = malloc((size_t)(3 * side * side) * sizeof *host);
    if (!host) return gm_fail(e, "out of memory for the encoders' pixels");
    int bad = gm_pixels_clip(host, image, &m->config, e);
    if (!bad) s->clip_pixels = gm_from(c, GM_F32, host, 4, GM_DIMS(1, 3, P, P));
    if (!bad) bad = gm_pixels_sam(host, image, S, s->resized, e);
    if (!bad) s->sam_pixels = gm_from(c, GM_F32, host, 4, GM_DIMS(1, 3, S, S));
    free(host);
    if (!bad && !gm_ok(c)) bad = gm_fail(e, "%s", gm_error_text(c));
    return bad ? -1 : 0;
}
