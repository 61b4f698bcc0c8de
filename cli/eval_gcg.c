/* glamm eval gcg: grounded captions. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "../eval/gcg.h"
#include "../io/os.h"
#include "eval_captions.h"
#include "eval_run.h"

enum { BARS = 20 };

typedef struct {
    eval_call *call;
    gm_gcg g;
    gm_gcg_scores s;
    gm_predictions *p;
    eval_result *result;
    double bars[BARS];          /* images by their mIoU */
} work;

/* Which mask recall counts. */
static int recall_mode(const eval_call *c)
{
    bool paper = c->o.recall_mode && strcmp(c->o.recall_mode, "paper") == 0;
    return paper ? GM_RECALL_PAPER : GM_RECALL_RELEASED;
}

/* What golden/eval/expected.json has beside the table's numbers. */
static int more_json(void *user, json_t *o)
{
    const work *w = user;
    json_t *stats = json_array(), *images = json_object();
    int bad = 0;
    for (int i = 0; i < GM_AP_STATS; i++)
        bad |= json_array_append_new(stats, json_real(w->s.ap[i]));
    bad |= json_object_set_new(o, "coco_stats", stats);
    for (int64_t i = 0; i < w->g.captioned; i++) {
        json_t *one = json_object();
        bad |= json_object_set_new(one, "miou", json_real(w->s.each_miou[i]));
        bad |= json_object_set_new(one, "labels", json_integer(w->g.image[i].labels.n));
        const int64_t *found = w->s.each_found[recall_mode(w->call)];
        if (found) bad |= json_object_set_new(one, "true_positives", json_integer(found[i]));
        bad |= json_object_set_new(images, w->g.image[i].id, one);
    }
    bad |= json_object_set_new(o, "per_image", images);
    return eval_put_captions(o, &w->s.caption, w->s.each, w->result->id, w->g.captioned) | bad;
}

static eval_number *add_recall(eval_result *r, const gm_gcg_scores *s, int mode)
{
    bool paper = mode == GM_RECALL_PAPER;
    eval_number *n = eval_add(r, paper ? "recall_paper" : "recall_released",
                              paper ? "Recall paper" : "Recall", s->recall[mode]);
    n->why = "needs --bert DIR";
    return n;
}

/* GLaMM's numbers of grounded conversation generation, in percent; mode: the recall that counts. */
static void add_headline(eval_result *r, const gm_gcg_scores *s, bool val, int mode)
{
    eval_number *n = eval_add_meteor(r, &s->caption);
    n->paper[0] = val ? "16.2" : "15.8";
    eval_add(r, NULL, "CIDEr", s->caption.cider)->paper[0] = val ? "47.2" : "43.5";
    eval_add(r, NULL, "AP50", s->ap[1])->paper[0] = val ? "30.8" : "29.2";
    eval_add(r, "miou", "mIoU", s->miou)->paper[0] = val ? "66.3" : "65.6";
    add_recall(r, s, mode)->paper[0] = val ? "41.8" : "40.8";
    r->headline = r->n;
    add_recall(r, s, !mode);
}

/* ---- the report ---- */

/* Which true mask each found one is drawn like: mIoU's pairs. */
static int64_t *colours(const gm_gcg_image *m, int64_t F)
{
    int64_t *colour = malloc((size_t)(F + 1) * sizeof *colour);
    for (int64_t f = 0; colour && f < F; f++) colour[f] = m->match[f];
    return colour;
}

static int copy_texts(gm_texts *to, const gm_texts *from, gm_error *e)
{
    for (int64_t i = 0; i < from->n; i++)
        if (gm_texts_add(to, from->text[i], e) != 0) return -1;
    return 0;
}

static int item(void *user, int64_t row, eval_item *out, gm_error *e)
{
    work *w = user;
    const gm_gcg_image *m = &w->g.image[row];
    gm_gcg_masks masks;
    gm_error ignored = { "" };
    char *caption = NULL;
    gm_texts phrases = { 0 };
    out->truth = gm_copy_text(m->captions.text[0]);
    out->found = gm_copy_text(m->caption);
    if (w->call->o.images) out->image = eval_image_path(w->call, m->file, m->id);
    int bad = copy_texts(&out->true_phrases, &m->labels, e) ||
              copy_texts(&out->found_phrases, &m->phrases, e) ||
              gm_gcg_true_masks(&masks, &w->g, row, e);
    if (bad) return -1;
    json_t *o = m->predicted ? gm_predictions_get(w->p, m->id, &ignored) : NULL;
    if (o) gm_gcg_prediction(&masks, &caption, &phrases, o, m->id, &ignored);
    json_decref(o);
    free(caption);
    gm_texts_free(&phrases);
    out->true_mask = calloc((size_t)masks.ntruth + 1, sizeof *out->true_mask);
    for (; out->true_mask && out->ntrue < masks.ntruth; out->ntrue++) {
        out->true_mask[out->ntrue] = masks.truth[out->ntrue].mask;
        masks.truth[out->ntrue].mask = (gm_rle){ 0 };
    }
    out->found_mask = masks.found;
    out->nfound = masks.nfound;
    masks.found = NULL;
    masks.nfound = 0;
    out->colour = colours(m, out->nfound);
    gm_gcg_masks_free(&masks);
    return out->true_mask && out->colour && out->truth && out->found ? 0
        : gm_fail(e, "out of memory for the report");
}

static int fill(work *w, eval_result *r, gm_error *e)
{
    const gm_gcg *g = &w->g;
    const gm_gcg_scores *s = &w->s;
    static const char *const column[] = { "miou", "Bleu_4", "METEOR", "ROUGE_L", "CIDEr",
                                          "true_masks", "found_masks" };
    r->task = "gcg";
    r->unit = "images";
    const char *split = w->call->o.split;
    r->paper[0] = "GLaMM paper";
    add_headline(r, s, !split || strcmp(split, "val") == 0, recall_mode(w->call));
    eval_add_bleu_rouge(r, &s->caption);
    eval_add(r, "matched", "matched", s->matched)->why = "no true mask";
    eval_add(r, "phrases", "phrases", s->phrases)->why = "no mask matched";
    for (int i = 0; i < GM_AP_STATS; i++)
        if (i != 1) eval_add(r, NULL, GM_AP_NAMES[i], s->ap[i] < 0 ? NAN : s->ap[i])->why =
            "no true mask of this size";
    r->items = g->captioned, r->missing = g->missing, r->extra = g->extra;
    gm_predictions_left(w->p, &r->first_extra);
    r->shared = true;                   /* val and test */
    r->problems = &g->problems;
    r->columns = 7;
    memcpy(r->column, column, sizeof column);
    if (s->caption.es) r->column[2] = METEOR_ES;
    if (eval_rows(r, g->captioned, e) != 0) return -1;
    for (int64_t i = 0; i < g->captioned; i++) {
        const gm_gcg_image *m = &g->image[i];
        const gm_caption_scores *c = &s->each[i];
        double row[] = { s->each_miou[i], c->bleu[GM_BLEU_MOST - 1], c->meteor, c->rouge, c->cider,
                         (double)m->nmasks, (double)m->nfound };
        memcpy(r->cell + i * r->columns, row, sizeof row);
        r->id[i] = m->id;
        r->found[i] = m->caption;
        r->truth[i] = m->captions.text[0];
    }
    r->curve[0] = (eval_curve){ "Precision over recall, IoU 0.5", "recall", "precision", s->curve50,
                                GM_AP_POINTS, false };
    for (int64_t i = 0; i < g->captioned; i++) {
        int bar = (int)(s->each_miou[i] * BARS);
        w->bars[bar < BARS ? bar : BARS - 1] += 1 / (double)g->captioned;
    }
    r->curve[1] = (eval_curve){ "Images by their mIoU", "mIoU", "share", w->bars, BARS, true };
    r->curves = 2;
    r->item = item;
    r->json = more_json;
    r->user = w;
    return 0;
}

/* ---- the model's part ---- */

static int ask(void *user, int64_t i, eval_question *q, gm_error *e)
{
    const work *w = user;
    const gm_gcg_image *m = &w->g.image[i];
    (void)e;
    q->id = m->id;
    q->image = eval_image_path(w->call, m->file, m->id);
    q->q = (question){ .task = GM_GCG, .text = m->prompt };
    return 0;
}

/* As eval/gcg/infer.py writes it. */
static json_t *answer(void *user, int64_t i, eval_worker *worker, gm_error *e)
{
    const work *w = user;
    const question q = { .task = GM_GCG, .text = w->g.image[i].prompt };
    gm_answer *a = eval_ask(worker, &q, e);
    if (!a) return NULL;
    json_t *phrases = json_array(), *masks = json_array(), *mask = NULL;
    int bad = 0;
    for (int64_t k = 0; k < a->nspans; k++)
        bad |= json_array_append_new(phrases, json_stringn(a->caption + a->span[k].start,
                                                           a->span[k].end - a->span[k].start));
    for (int64_t k = 0; !bad && k < a->nmasks; k++)
        bad = !(mask = eval_mask_json(a, k, e)) || json_array_append_new(masks, mask);
    json_t *o = bad ? NULL : json_pack("{ss ss sO sO}", "image_id", w->g.image[i].id, "caption",
                                       a->caption, "phrases", phrases, "pred_masks", masks);
    if (!o) gm_fail(e, "out of memory for the answer");
    json_decref(phrases);
    json_decref(masks);
    gm_answer_free(a);
    return o;
}

int eval_gcg(eval_call *c)
{
    static const char *const keys[] = { "image_id", NULL };
    eval_result r = { 0 };
    work w = { .call = c, .result = &r };
    gm_error e = { "" };
    gm_bert *bert = NULL;
    int status = 0, bad = gm_gcg_read(&w.g, c->o.truth, c->o.split ? c->o.split : "val", &e);
    const eval_job job = { w.g.captioned, ask, answer, &w };
    if (!bad && c->o.model) status = eval_predict(c, &job);
    if (!bad && !status) {
        w.p = gm_predictions_open(c->o.pred, keys, &w.g.problems, &e);
        w.g.meteor = c->o.meteor;
        bad = !w.p || (c->o.bert && !(bert = gm_bert_open(c->o.bert, &e))) ||
              gm_gcg_score(&w.s, &w.g, w.p, &e) ||
              (bert && gm_gcg_recall(&w.s, &w.g, bert, &e)) || fill(&w, &r, &e);
        if (!bad) status = eval_finish(c, &r);
    }
    if (bad) status = eval_failed(&e);
    gm_bert_free(bert);
    gm_predictions_free(w.p);
    eval_result_free(&r);
    gm_gcg_scores_free(&w.s);
    gm_gcg_free(&w.g);
    return status == EVAL_DONE ? 0 : status;
}
