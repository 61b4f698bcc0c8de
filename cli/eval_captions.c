/* glamm eval region, caption. */
#include "eval_captions.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "../eval/caption_set.h"
#include "../io/os.h"
#include "eval_run.h"

eval_number *eval_add_meteor(eval_result *r, const gm_caption_scores *s)
{
    eval_number *n = eval_add(r, NULL, "METEOR", s->es ? NAN : s->meteor);
    n->why = "needs --meteor-data DIR; (es) is by exact and stem matches alone";
    if (s->es) eval_add(r, NULL, METEOR_ES, s->meteor);
    return n;
}

void eval_add_bleu_rouge(eval_result *r, const gm_caption_scores *s)
{
    static const char *const label[] = { "BLEU 1", "BLEU 2", "BLEU 3", "BLEU 4" };
    for (int k = 0; k < GM_BLEU_MOST; k++) eval_add(r, NULL, label[k], s->bleu[k]);
    eval_add(r, NULL, "ROUGE-L", s->rouge);
}

json_t *eval_caption_json(const gm_caption_scores *s, bool item)
{
    json_t *o = json_object();
    int bad = o ? 0 : -1;
    for (int k = item ? GM_BLEU_MOST - 1 : 0; k < GM_BLEU_MOST; k++) {
        char name[20];
        snprintf(name, sizeof name, "Bleu_%d", k + 1);
        bad |= json_object_set_new(o, name, json_real(s->bleu[k]));
    }
    bad |= json_object_set_new(o, "METEOR", s->es ? json_null() : json_real(s->meteor));
    if (s->es) bad |= json_object_set_new(o, METEOR_ES, json_real(s->meteor));
    bad |= json_object_set_new(o, "ROUGE_L", json_real(s->rouge));
    bad |= json_object_set_new(o, "CIDEr", json_real(s->cider));
    if (!bad) return o;
    json_decref(o);
    return NULL;
}

int eval_put_captions(json_t *o, const gm_caption_scores *all, const gm_caption_scores *each,
                      const char *const *id, int64_t n)
{
    json_t *list = json_object();
    int bad = json_object_set_new(o, "caption", eval_caption_json(all, false));
    for (int64_t i = 0; i < n; i++)
        bad |= json_object_set_new(list, id[i], eval_caption_json(&each[i], true));
    return json_object_set_new(o, "caption_per_image", list) | bad;
}

/* ---- the task ---- */

enum { BARS = 20 };

typedef struct {
    eval_call *call;
    gm_caption_set set;
    gm_predictions *p;
    eval_result *result;
    bool regions;
    double bars[BARS];          /* captions by their ROUGE-L */
} work;

static int more_json(void *user, json_t *o)
{
    const work *w = user;
    return eval_put_captions(o, &w->set.all, w->set.each, w->result->id, w->set.n);
}

/* ---- the report ---- */

static int item(void *user, int64_t row, eval_item *out, gm_error *e)
{
    const work *w = user;
    const gm_captioned *m = &w->set.item[row];
    if (w->call->o.images) out->image = eval_image_path(w->call, m->file, m->id);
    out->truth = gm_copy_text(m->captions.text[0]);
    out->found = gm_copy_text(m->found);
    out->boxed = w->regions;
    memcpy(out->box[0], m->box, sizeof m->box);
    return out->truth && out->found ? 0 : gm_fail(e, "out of memory for the report");
}

static int fill(work *w, eval_result *r, gm_error *e)
{
    const gm_caption_set *s = &w->set;
    r->task = w->regions ? "region" : "caption";
    r->unit = w->regions ? "regions" : "images";
    if (w->regions) {
        r->paper[0] = "GLaMM RefCOCOg";
        r->paper[1] = "GLaMM VG";
    }
    eval_number *meteor = eval_add_meteor(r, &s->all);
    eval_number *cider = eval_add(r, NULL, "CIDEr", s->all.cider);
    if (w->regions) {
        meteor->paper[0] = "16.2";
        meteor->paper[1] = "19.7";
        cider->paper[0] = "106.0";
        cider->paper[1] = "180.5";
    }
    r->headline = r->n;
    eval_add_bleu_rouge(r, &s->all);
    eval_add(r, "exact", "exact", (double)s->exact / (double)s->n);
    r->items = s->n, r->missing = s->missing, r->extra = s->extra;
    gm_predictions_left(w->p, &r->first_extra);
    r->problems = &s->problems;
    static const char *const column[] = { "Bleu_4", "METEOR", "ROUGE_L", "CIDEr", "exact" };
    r->columns = 5;
    r->rank = 3;
    memcpy(r->column, column, sizeof column);
    if (s->all.es) r->column[1] = METEOR_ES;
    if (eval_rows(r, s->n, e) != 0) return -1;
    for (int64_t i = 0; i < s->n; i++) {
        double *c = r->cell + i * r->columns;
        c[0] = s->each[i].bleu[GM_BLEU_MOST - 1];
        c[1] = s->each[i].meteor;
        c[2] = s->each[i].rouge;
        c[3] = s->each[i].cider;
        c[4] = s->item[i].exact;
        r->id[i] = s->item[i].id;
        r->found[i] = s->item[i].found;
        r->truth[i] = s->item[i].captions.text[0];
    }
    for (int64_t i = 0; i < s->n; i++) {
        int bar = (int)(s->each[i].rouge * BARS);
        w->bars[bar < BARS ? bar : BARS - 1] += 1 / (double)s->n;
    }
    r->curve[0] = (eval_curve){ "Captions by their ROUGE-L", "ROUGE-L", "share", w->bars, BARS,
                                true };
    r->curves = 1;
    r->item = item;
    r->json = more_json;
    r->user = w;
    return 0;
}

/* ---- the model's part ---- */

static question question_of(const work *w, int64_t i)
{
    const char *prompt = w->set.item[i].prompt;
    if (!w->regions) return (question){ .task = GM_CAPTION, .text = prompt };
    return (question){ .task = GM_REGION, .text = prompt, .nboxes = 1,
                       .boxes = (const double (*)[4])w->set.item[i].box };
}

static int ask(void *user, int64_t i, eval_question *q, gm_error *e)
{
    const work *w = user;
    (void)e;
    q->id = w->set.item[i].id;
    q->image = eval_image_path(w->call, w->set.item[i].file, q->id);
    q->q = question_of(w, i);
    return 0;
}

/* A box is cut to the image: annotations may reach over its edge by a fraction of a pixel. */
static json_t *answer(void *user, int64_t i, eval_worker *worker, gm_error *e)
{
    const work *w = user;
    const gm_captioned *m = &w->set.item[i];
    double box[1][4] = { { fmax(m->box[0], 0), fmax(m->box[1], 0),
                           fmin(m->box[2], (double)worker->image.width),
                           fmin(m->box[3], (double)worker->image.height) } };
    question q = question_of(w, i);
    if (w->regions) q.boxes = (const double (*)[4])box;
    gm_answer *a = eval_ask(worker, &q, e);
    if (!a) return NULL;
    json_t *o = json_pack("{so ss}", w->regions ? "annotation_id" : "image_id",
                          eval_id_json(m->id), "caption", a->caption);
    if (!o) gm_fail(e, "out of memory for the answer");
    gm_answer_free(a);
    return o;
}

int eval_captions(eval_call *c, bool regions)
{
    eval_result r = { 0 };
    work w = { .call = c, .result = &r, .regions = regions };
    gm_error e = { "" };
    int status = 0, bad = gm_caption_set_read(&w.set, c->o.truth, regions, &e);
    const eval_job job = { w.set.n, ask, answer, &w };
    if (!bad && c->o.model) status = eval_predict(c, &job);
    if (!bad && !status) {
        w.set.meteor = c->o.meteor;
        w.p = gm_predictions_open(c->o.pred, GM_CAPTION_KEYS, &w.set.problems, &e);
        bad = !w.p || gm_caption_set_score(&w.set, w.p, &e) || fill(&w, &r, &e);
        if (!bad) status = eval_finish(c, &r);
    }
    if (bad) status = eval_failed(&e);
    gm_predictions_free(w.p);
    eval_result_free(&r);
    gm_caption_set_free(&w.set);
    return status == EVAL_DONE ? 0 : status;
}
