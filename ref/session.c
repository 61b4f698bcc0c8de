/* gm_session: one image and the conversation about it.  See glamm.h. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../io/embeddings.h"
#include "../io/image.h"
#include "../io/names.h"
#include "../io/os.h"
#include "backend.h"
#include "model_open.h"

#define MAX_NEW 512                     /* every script of the release (docs/MODEL.md, 16) */
#define BBOX "<bbox>"

struct gm_session {
    gm_model *model;
    gm_ctx *c;
    gm_scene scene;
    gm_past past;                       /* what was read so far, whatever the conversation */
    int64_t width, height;
    char **turn;                        /* user, assistant, user, ... */
    int64_t nturns;
    float *box, *latest; /* (n, 4) in 0..1: one for every <bbox> so far; those last given */
    int64_t nboxes, nlatest;
    gm_embeddings kept;                 /* key "": nothing is kept */
    bool is_kept;                       /* the image's embedding is on disk */
};

/* A text model's: nothing is seen. */
static gm_session *new_without_image(gm_model *m, gm_error *e)
{
    gm_session *s = m->net.config.text_only ? calloc(1, sizeof *s) : NULL;
    if (s) s->c = gm_ctx_new(&m->kernels, &m->engine.device.memory);
    if (s && s->c && gm_past_open(&s->past, &m->kernels, &m->engine.device.memory)) {
        s->model = m;
        s->scene.past = &s->past;
        return s;
    }
    gm_fail(e, m->net.config.text_only ? "out of memory" : "wanted an image, found none");
    if (s) gm_ctx_free(s->c);
    free(s);
    return NULL;
}

gm_session *gm_session_new(gm_model *m, const gm_image *image, gm_error *e)
{
    if (!image) return new_without_image(m, e);
    if (image->width == 1 && image->height == 1) {
        gm_fail(e, "wanted an image that shows something, found 1 x 1 pixels");
        return NULL;
    }
    gm_session *s = calloc(1, sizeof *s);
    if (s) s->c = gm_ctx_new(&m->kernels, &m->engine.device.memory);
    if (!s || !s->c || !gm_past_open(&s->past, &m->kernels, &m->engine.device.memory)) {
        gm_fail(e, "out of memory");
        if (s) gm_ctx_free(s->c);
        free(s);
        return NULL;
    }
    s->model = m;
    s->width = image->width, s->height = image->height;
    if (m->cache) {
        s->kept = (gm_embeddings){ .dir = m->cache, .most = m->cache_bytes };
        gm_embeddings_key(&s->kept, image, gm_checkpoint_weights(m->checkpoint), m->kernels.name);
    }
    if (gm_scene_new(s->c, &s->scene, &m->net, image, e) != 0) {
        gm_session_free(s);
        return NULL;
    }
    s->scene.past = &s->past;
    return s;
}

void gm_session_reset(gm_session *s)
{
    for (int64_t i = 0; i < s->nturns; i++) free(s->turn[i]);
    free(s->turn);
    free(s->box);
    free(s->latest);
    s->turn = NULL;
    s->box = s->latest = NULL;
    s->nturns = s->nboxes = s->nlatest = 0;
}

void gm_session_free(gm_session *s)
{
    if (!s) return;
    gm_session_reset(s);
    gm_past_close(&s->past);
    gm_ctx_free(s->c);
    free(s);
}

void gm_answer_free(gm_answer *a)
{
    if (!a) return;
    if (a->mask) free((void *)a->mask[0].logits);           /* one block for all masks */
    free(a->mask);
    free(a->text);
    free(a->caption);
    free(a->span);
    free(a->prompt_ids);
    free(a->ids);
    free(a);
}

/* ---- the question ---- */

static int check_box(const gm_session *s, const double b[4], int64_t number, gm_error *e)
{
    bool finite = isfinite(b[0]) && isfinite(b[1]) && isfinite(b[2]) && isfinite(b[3]);
    bool inside = b[0] >= 0 && b[1] >= 0 && b[2] <= (double)s->width && b[3] <= (double)s->height;
    if (finite && inside && b[0] < b[2] && b[1] < b[3]) return 0;
    return gm_fail(
        e, "box %lld (%g, %g, %g, %g): wanted x1 < x2 and y1 < y2 inside the image of %lld x %lld",
        (long long)number, b[0], b[1], b[2], b[3], (long long)s->width, (long long)s->height);
}

/* The boxes of a question become the session's latest; a question without any is about those of the
 * last one. */
static int take_boxes(gm_session *s, const gm_ask *q, gm_error *e)
{
    if (q->nboxes <= 0) return 0;
    for (int64_t i = 0; i < q->nboxes; i++)
        if (check_box(s, q->boxes[i], i + 1, e) != 0) return -1;
    float *latest = malloc((size_t)q->nboxes * 4 * sizeof *latest);
    if (!latest) return gm_fail(e, "out of memory for %lld boxes", (long long)q->nboxes);
    gm_boxes_normalise(latest, q->boxes, q->nboxes, s->width, s->height, s->model->net.config.bf16);
    free(s->latest);
    s->latest = latest;
    s->nlatest = q->nboxes;
    return 0;
}

static int64_t count(const char *text, const char *what)
{
    int64_t n = 0;
    for (const char *t = text; (t = strstr(t, what)); t += strlen(what)) n++;
    return n;
}

/* Every <bbox> of the conversation has its box, in order: those of this message are appended.  One
 * box serves all of them (C2), surplus boxes are left out. */
static int append_boxes(gm_session *s, const char *message, gm_error *e)
{
    int64_t n = count(message, BBOX);
    if (!n || s->model->net.config.text_only) return 0;
    if (s->nlatest < n && s->nlatest != 1)
        return gm_fail(e, "the prompt has %lld <bbox>, but the boxes given are %lld", (long long)n,
                       (long long)s->nlatest);
    float *more = realloc(s->box, (size_t)(s->nboxes + n) * 4 * sizeof *more);
    if (!more) return gm_fail(e, "out of memory for %lld boxes", (long long)n);
    s->box = more;
    for (int64_t i = 0; i < n; i++)
        memcpy(s->box + 4 * (s->nboxes + i), s->latest + 4 * (s->nlatest == 1 ? 0 : i),
               4 * sizeof *s->box);
    s->nboxes += n;
    return 0;
}

static int push_turn(gm_session *s, char *text, gm_error *e)
{
    char **more = text ? realloc(s->turn, (size_t)(s->nturns + 1) * sizeof *more) : NULL;
    if (!more) {
        free(text);
        return gm_fail(e, "out of memory");
    }
    s->turn = more;
    s->turn[s->nturns++] = text;
    return 0;
}

static void pop_turn(gm_session *s) { free(s->turn[--s->nturns]); }

/* The conversation so far as ids. */
static int history_ids(gm_session *s, int32_t **ids, int64_t *n, gm_error *e)
{
    char *text = gm_conversation(s->model->prompts, s->model->conversation,
                                 (const char *const *)s->turn, s->nturns, e);
    int bad = text ? gm_encode(s->model->tokenizer, text, ids, n, e) : -1;
    free(text);
    return bad;
}

/* The ids that are fed: the open conversation; for a forced answer the whole one, of which the
 * prompt is the part that the open one shares. */
static int question_ids(gm_session *s, const gm_ask *q, int32_t **ids, int64_t *n, int64_t *nprompt,
                        gm_error *e)
{
    if (history_ids(s, ids, n, e) != 0) return -1;
    *nprompt = *n;
    if (q->task != GM_PHRASE || !q->forced) return 0;
    int32_t *open = *ids;
    *ids = NULL;
    int bad = push_turn(s, gm_forced_answer(q->text ? q->text : "", e), e);
    if (!bad) {
        bad = history_ids(s, ids, n, e);
        pop_turn(s);
    }
    for (int64_t i = 0; !bad && i < *nprompt; i++)
        if (i >= *n || open[i] != (*ids)[i]) *nprompt = i;
    free(open);
    return bad;
}

/* ---- streaming ---- */

typedef struct {
    const gm_session *s;
    const gm_ask *q;
    int64_t nprompt;
    size_t sent;
} stream;

/* Sends what is new, but for </s> and, before it, a character whose bytes are not all there
 * yet (decoded as U+FFFD). */
static int on_ids(void *user, const int32_t *ids, int64_t n)
{
    stream *t = user;
    bool end = ids[n - 1] == t->s->model->net.eos;
    if (!t->q->on_text) return 0;
    char *text = gm_decode(t->s->model->tokenizer, ids + t->nprompt, n - end - t->nprompt, NULL);
    size_t length = text ? strlen(text) : 0;
    while (!end && length >= 3 && memcmp(text + length - 3, "\xef\xbf\xbd", 3) == 0) length -= 3;
    if (length > t->sent) {
        t->q->on_text(t->q->user, text + t->sent, length - t->sent);
        t->sent = length;
    }
    free(text);
    return 0;
}

/* The weights of an encoder that is done leave memory, its blocks one by one; another image reads
 * them again. */
static void let_go(const gm_model *m, const char *stage, double done)
{
    const struct { const char *stage, *weights, *block; int64_t blocks; } part[] = {
        { "clip", GM_TOWER, "vision_model.encoder.layers.", m->net.clip.select },
        { "region", GM_REGION_ENCODER, NULL, 0 },
        { "sam", GM_GROUNDING "image_encoder.", "blocks.", m->net.sam.L },
    };
    for (size_t i = 0; i < sizeof part / sizeof *part; i++) {
        char prefix[200];
        if (strcmp(stage, part[i].stage) != 0) continue;
        int64_t n = (int64_t)(done * (double)part[i].blocks + 0.5);
        if (done == 1) gm_checkpoint_forget_all(m->checkpoint, part[i].weights);
        else if (part[i].block && n > 0) {
            snprintf(prefix, sizeof prefix, "%s%s%lld.", part[i].weights, part[i].block,
                     (long long)n - 1);
            gm_checkpoint_forget_all(m->checkpoint, prefix);
        }
    }
}

static void on_stage(void *user, const char *name, double done)
{
    const stream *t = user;
    let_go(t->s->model, name, done);
    if (t->q->on_stage) t->q->on_stage(t->q->user, name, done);
}

/* ---- SAM's embedding on disk ---- */

/* Before a question that may need it. */
static void take_kept(gm_session *s)
{
    const mask_decoder *d = &s->model->net.decoder;
    int64_t C = d->no_mask.dim[1], n = C * d->G * d->G;
    if (!s->kept.key[0] || s->scene.embedding.data) return;
    float *E = malloc((size_t)n * sizeof *E);
    if (E && gm_embeddings_read(&s->kept, E, n)) {
        s->scene.embedding = gm_from(s->c, GM_F32, E, 4, GM_DIMS(1, C, d->G, d->G));
        s->is_kept = true;
    }
    free(E);
}

/* After one; that it cannot be written is worth a line, not an answer. */
static void keep(gm_session *s)
{
    gm_error e = { "" };
    if (!s->kept.key[0] || s->is_kept || !s->scene.embedding.data) return;
    gm_tensor E = gm_host_copy(s->c, s->scene.embedding);
    if (!E.data) {
        gm_clear(s->c);                 /* no memory for a copy: the answer stands */
        return;
    }
    s->is_kept = true;                  /* or not to be had: not tried again */
    if (gm_embeddings_write(&s->kept, E, &e) != 0 && s->model->log)
        s->model->log(s->model->user, e.text);
    free(E.data);
}

/* ---- the answer ---- */

static void measure(gm_mask *m, int64_t H, int64_t W)
{
    int64_t x0 = W, y0 = H, x1 = -1, y1 = -1;
    double sum = 0;
    for (int64_t y = 0; y < H; y++)
        for (int64_t x = 0; x < W; x++) {
            float v = m->logits[y * W + x];
            if (!(v > 0)) continue;
            m->area++;
            sum += v;
            if (x < x0) x0 = x;
            if (x > x1) x1 = x;
            if (y < y0) y0 = y;
            if (y > y1) y1 = y;
        }
    if (!m->area) return;
    m->box[0] = x0, m->box[1] = y0, m->box[2] = x1 - x0 + 1, m->box[3] = y1 - y0 + 1;
    m->score = sum / (double)m->area;
}

static int take_masks(gm_session *s, gm_answer *a, const gm_generated *g, gm_error *e)
{
    int64_t N = g->mask.data ? g->mask.dim[0] : 0, H = s->height, W = s->width, prompt_masks = 0;
    for (int64_t k = 1; k < a->nprompt_ids; k++)
        prompt_masks += a->prompt_ids[k] == s->model->net.seg;
    a->height = H, a->width = W;
    if (!N) return 0;
    float *logits = malloc((size_t)(N * H * W) * sizeof *logits),
          *iou = calloc((size_t)N, sizeof *iou);
    a->mask = calloc((size_t)N, sizeof *a->mask);
    if (!logits || !a->mask || !iou) {
        free(logits);
        free(iou);
        free(a->mask);
        a->mask = NULL;
        return gm_fail(e, "out of memory for %lld masks", (long long)N);
    }
    gm_to_host(s->c, logits, g->mask);
    gm_to_host(s->c, iou, g->iou);
    a->nmasks = N;
    for (int64_t i = 0; i < N; i++) {
        a->mask[i] = (gm_mask){ .logits = logits + i * H * W,
                                .predicted_iou = iou[i],
                                .in_prompt = i < prompt_masks };
        measure(&a->mask[i], H, W);
    }
    free(iou);
    return 0;
}

/* Spans count the answer's own [SEG]; masks count those of the prompt first. */
static void shift_spans(gm_answer *a)
{
    int64_t before = 0;
    while (before < a->nmasks && a->mask[before].in_prompt) before++;
    for (int64_t i = 0; i < a->nspans; i++) {
        if (a->span[i].mask >= 0) a->span[i].mask += before;
        if (a->span[i].mask >= a->nmasks) a->span[i].mask = -1;
    }
}

static int32_t *copy_ids(const int32_t *ids, int64_t n)
{
    int32_t *p = malloc((size_t)(n + 1) * sizeof *p);
    if (p) memcpy(p, ids, (size_t)n * sizeof *p);
    return p;
}

/* A text model's answer without the token that ends it, malloc'ed. */
static char *without_end(const gm_session *s, const char *text)
{
    const char *end = gm_token_piece(s->model->tokenizer, s->model->net.eos);
    char *t = gm_copy_text(text);
    size_t n = strlen(text), m = end ? strlen(end) : 0;
    if (t && m && n >= m && strcmp(t + n - m, end) == 0) t[n - m] = 0;
    return t;
}

static int fill_answer(gm_session *s, gm_answer *a, const gm_generated *g, int64_t nprompt,
                       gm_error *e)
{
    a->nprompt_ids = nprompt, a->nids = g->n - nprompt;
    a->prompt_ids = copy_ids(g->ids, nprompt);
    a->ids = copy_ids(g->ids + nprompt, a->nids);
    if (!a->prompt_ids || !a->ids) return gm_fail(e, "out of memory");
    a->finished = g->finished;
    a->text = gm_decode(s->model->tokenizer, a->ids, a->nids, e);
    for (int64_t i = 0; i < g->ntimes; i++)
        a->timing[a->ntimings++] = (gm_timing){ g->time[i].stage, g->time[i].seconds };
    if (a->text && s->model->net.config.text_only)
        return (a->caption = without_end(s, a->text)) ? 0 : gm_fail(e, "out of memory");
    if (!a->text || gm_answer_clean(a->text, &a->caption, &a->span, &a->nspans, e) != 0) return -1;
    if (take_masks(s, a, g, e) != 0) return -1;
    shift_spans(a);
    return 0;
}

/* What the history keeps of an answer, as the demo does (app.py): no newlines, double spaces made
 * single, no closing </s>, which the template writes itself (Q17); and no <bbox>, which has no box.
 */
static char *history_text(const char *text)
{
    char *t = gm_copy_text(text + (text[0] == ' '));
    if (!t) return NULL;
    size_t m = 0, n = 0;
    for (const char *s = t; *s; s++)
        if (*s != '\n') t[m++] = *s;
    t[m] = 0;
    for (size_t i = 0; i < m; i++) {
        t[n++] = t[i];
        if (t[i] == ' ' && t[i + 1] == ' ') i++;
    }
    t[n] = 0;
    if (n >= 4 && strcmp(t + n - 4, "</s>") == 0) t[n - 4] = 0;
    for (char *b; (b = strstr(t, BBOX));)
        memmove(b, b + strlen(BBOX), strlen(b + strlen(BBOX)) + 1);
    return t;
}

/* ---- the question on its way ---- */

typedef struct {
    gm_session *s;
    const gm_ask *q;
    gm_error *e;
    int64_t boxes_before;
    bool pushed, ok;                    /* the question stands as the last turn; nothing failed */
    int32_t *ids;
    int64_t n, nprompt;
    gm_mark mark;
    stream t;
    gm_generate_options o;
    gm_generated g;
} asking;

/* Takes message.  k stays where it is until the answer is there. */
static void ask_begin(asking *k, gm_session *s, const gm_ask *q, char *message, gm_error *e)
{
    *k = (asking){ .s = s, .q = q, .e = e, .boxes_before = s->nboxes };
    if (push_turn(s, message, e) != 0) return;
    k->pushed = true;
    if (!q->no_masks) take_kept(s);
    k->mark = gm_scope(s->c);
    k->ok = append_boxes(s, message, e) == 0 &&
            question_ids(s, q, &k->ids, &k->n, &k->nprompt, e) == 0;
    k->t = (stream){ s, q, k->n, 0 };
    k->o = (gm_generate_options){
        .prompt = k->ids,
        .nprompt = k->n,
        .answer = q->task == GM_PHRASE && q->forced ? k->ids : NULL,
        .max_new = q->max_new_tokens > 0 ? q->max_new_tokens : MAX_NEW,
        .no_cache = q->no_kv_cache,
        .no_masks = q->no_masks || s->model->net.config.text_only,
        .temperature = q->temperature,
        .top_p = q->top_p,
        .seed = q->seed,
        .on_ids = on_ids,
        .on_stage = on_stage,
        .user = &k->t,
    };
    if (k->ok && s->nboxes) k->o.box = gm_from(s->c, GM_F32, s->box, 2, GM_DIMS(s->nboxes, 4));
}

/* The answer joins the conversation; without one the question did not happen. */
static gm_answer *ask_end(asking *k)
{
    gm_session *s = k->s;
    gm_answer *a = NULL;
    if (!k->pushed) return NULL;
    if (k->ok && !gm_ok(s->c)) {
        gm_fail(k->e, "%s", gm_error_text(s->c));
        k->ok = false;
    }
    if (k->ok) {
        a = calloc(1, sizeof *a);
        k->ok = a && fill_answer(s, a, &k->g, k->nprompt, k->e) == 0;
        if (!a) gm_fail(k->e, "out of memory");
    }
    gm_tensor kept[] = { s->scene.img,     s->scene.maps[0], s->scene.maps[1],
                         s->scene.maps[2], s->scene.maps[3], s->scene.embedding };
    gm_scope_keep(s->c, k->mark, kept, sizeof kept / sizeof *kept);
    gm_clear(s->c);
    free(k->g.ids);
    free(k->ids);
    keep(s);
    char *said = !k->ok ? NULL : s->model->net.config.text_only ? without_end(s, a->text)
                                                                : history_text(a->text);
    if (k->ok && push_turn(s, said, k->e) == 0) return a;
    pop_turn(s);
    s->nboxes = k->boxes_before;
    gm_answer_free(a);
    gm_fail(k->e, "out of memory");
    return NULL;
}

/* Takes message. */
static gm_answer *ask(gm_session *s, const gm_ask *q, char *message, gm_error *e)
{
    asking k;
    ask_begin(&k, s, q, message, e);
    int threads = gm_backend_threads(s->model->threads);
    if (k.ok) gm_generate(s->c, &s->model->net, &s->scene, &k.o, &k.g);
    gm_answer *a = ask_end(&k);
    gm_backend_threads(threads);
    return a;
}

/* What a text model is asked, malloc'ed. */
static char *text_message(const gm_ask *q, gm_error *e)
{
    char *text = q->task == GM_CHAT && q->text && *q->text ? gm_copy_text(q->text) : NULL;
    if (!text)
        gm_fail(e, q->task != GM_CHAT ? "a text model sees no image: it answers a prompt alone"
                   : q->text && *q->text ? "out of memory" : "the prompt is empty");
    return text;
}

/* The user's message of a question, malloc'ed. */
static char *message_of(gm_session *s, const gm_ask *q, gm_error *e)
{
    if (take_boxes(s, q, e) != 0) return NULL;
    if (s->model->net.config.text_only) return text_message(q, e);
    gm_ask asked = *q;
    asked.nboxes = s->nlatest;
    return gm_prompt_user(s->model->prompts, &asked, q->variant, s->nturns == 0, s->nboxes, e);
}

gm_answer *gm_session_say(gm_session *s, const gm_ask *q, const char *message, gm_error *e)
{
    if (take_boxes(s, q, e) != 0) return NULL;
    return ask(s, q, gm_copy_text(message), e);
}

gm_answer *gm_session_ask(gm_session *s, const gm_ask *q, gm_error *e)
{
    char *message = message_of(s, q, e);
    return message ? ask(s, q, message, e) : NULL;
}

int64_t gm_session_ask_each(gm_session *const *s, const gm_ask *q, int64_t n, gm_answer **a,
                            gm_error *e)
{
    gm_model *m = n > 0 ? s[0]->model : NULL;
    asking *k = calloc((size_t)n + 1, sizeof *k);
    gm_generation *g = calloc((size_t)n + 1, sizeof *g);
    gm_ctx *shared = m ? gm_ctx_new(&m->kernels, &m->engine.device.memory) : NULL;
    int64_t going = 0, failed = 0;
    int threads = gm_backend_threads(m ? m->threads : 0);
    for (int64_t i = 0; i < n; i++) {
        a[i] = NULL;
        if (!k || !g || !shared) {
            gm_fail(&e[i], "out of memory");
            continue;
        }
        char *message = message_of(s[i], &q[i], &e[i]);
        if (message) ask_begin(&k[i], s[i], &q[i], message, &e[i]);
        if (k[i].ok)
            g[going++] = (gm_generation){ s[i]->c, &s[i]->scene, &k[i].o, &k[i].g };
    }
    if (going) gm_generate_each(shared, &m->net, g, going);
    for (int64_t i = 0; i < n; i++) {
        if (k) a[i] = ask_end(&k[i]);
        failed += !a[i];
    }
    gm_backend_threads(threads);
    gm_ctx_free(shared);
    free(g);
    free(k);
    return failed;
}
