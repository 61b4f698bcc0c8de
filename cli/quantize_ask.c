/* See quantize.h. */
#include "quantize.h"

#include <stdlib.h>
#include <string.h>
#include "../io/os.h"
#include "batch.h"

/* The answer as a template takes it: no blank in front, no </s>, which the template writes. */
static char *bare(const char *text)
{
    char *t = gm_copy_text(text + (text[0] == ' '));
    size_t n = t ? strlen(t) : 0;
    if (n >= 4 && strcmp(t + n - 4, "</s>") == 0) t[n - 4] = 0;
    return t;
}

static int copy_image(gm_image *to, const gm_image *from)
{
    size_t n = (size_t)from->width * (size_t)from->height * 3;
    *to = *from;
    to->rgb = malloc(n);
    if (!to->rgb) return -1;
    memcpy(to->rgb, from->rgb, n);
    return 0;
}

static int fill(gm_sample *s, const gm_image *im, const char *source, char *message,
                const gm_answer *a, const question *q, gm_error *e)
{
    s->kind = a->nmasks ? GM_SET_SEGM : q->nboxes ? GM_SET_REGION : GM_SET_CAPTION;
    s->source = gm_copy_text(source);
    s->turn = calloc(2, sizeof *s->turn);
    s->mask = calloc((size_t)a->nmasks + 1, sizeof *s->mask);
    s->box = calloc((size_t)q->nboxes + 1, sizeof *s->box);
    if (!s->source || !s->turn || !s->mask || !s->box || copy_image(&s->image, im)) {
        free(message);
        return gm_fail(e, "out of memory");
    }
    s->turns = 2;
    s->turn[0] = message;
    s->turn[1] = bare(a->text);
    for (; s->boxes < q->nboxes; s->boxes++)
        for (int k = 0; k < 4; k++)
            s->box[s->boxes][k] =
                q->boxes[s->boxes][k] / (double)(k % 2 ? im->height : im->width);
    for (; s->masks < a->nmasks; s->masks++)
        if (gm_rle_encode_logits(&s->mask[s->masks], a->mask[s->masks].logits, a->height, a->width,
                                 e) != 0)
            return -1;
    return s->turn[1] ? 0 : gm_fail(e, "out of memory");
}

typedef struct { gm_sample **s; int64_t *n; gm_model *m; int64_t max_tokens; terminal *t; } asker;

static int ask_one(asker *w, gm_session *session, const gm_image *im, const char *source,
                   const question *q, gm_error *e)
{
    const ask_settings how = { .max_tokens = w->max_tokens };
    gm_ask ask = question_ask(q, &how);
    gm_session_reset(session);
    terminal_begin(w->t, "", source, 0);
    ask.on_stage = terminal_stage;
    ask.user = w->t;
    char *message = gm_prompt_user(w->m->prompts, &ask, 0, true, 0, e);
    gm_answer *a = message ? gm_session_ask(session, &ask, e) : NULL;
    terminal_clear(w->t);
    gm_sample *more = realloc(*w->s, ((size_t)*w->n + 1) * sizeof *more);
    int bad = a && more ? 0 : gm_fail(e, "out of memory");
    if (more) *w->s = more;
    if (bad) free(message);
    else {
        more[*w->n] = (gm_sample){ 0 };
        bad = fill(&more[(*w->n)++], im, source, message, a, q, e);
    }
    gm_answer_free(a);
    return bad;
}

static int ask_item(asker *w, const item *it, gm_error *e)
{
    gm_image im;
    if (it->problem) return gm_fail(e, "%s: %s", it->image ? it->image : it->id, it->problem);
    if (gm_image_read(&im, it->image, e) != 0) return -1;
    gm_session *session = gm_session_new(w->m, &im, e);
    int bad = session ? 0 : -1;
    for (int64_t i = 0; !bad && i < it->nq; i++)
        bad = ask_one(w, session, &im, it->image, &it->q[i], e);
    gm_session_free(session);
    gm_image_free(&im);
    return bad;
}

int quantize_ask(gm_sample **s, int64_t *n, gm_model *m, char *const *path, int paths,
                 int64_t max_tokens, terminal *t, gm_error *e)
{
    asker w = { s, n, m, max_tokens, t };
    const asked given = { 0 };
    batch b = { .note = terminal_log, .user = t };
    int bad = batch_read(&b, path, paths, &given, e);
    for (int64_t i = 0; !bad && i < b.n; i++) bad = ask_item(&w, &b.item[i], e);
    batch_free(&b);
    return bad ? -1 : 0;
}
