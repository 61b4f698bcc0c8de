/* glamm eval vqa: questions with known answers. */
#include <stdlib.h>
#include <string.h>
#include "../eval/qa_set.h"
#include "eval.h"

typedef struct { eval_call *call; gm_qa_set set; } work;

static int fill(work *w, eval_result *r, gm_error *e)
{
    const gm_qa_set *s = &w->set;
    r->task = "vqa";
    r->unit = "questions";
    eval_add(r, "exact", "exact", (double)s->exact / (double)s->n);
    eval_add(r, "relaxed", "relaxed", (double)s->relaxed / (double)s->n);
    r->headline = r->n;
    r->about = "exact: letter by letter; relaxed: without case, punctuation and white space";
    r->items = s->n, r->missing = s->missing, r->extra = s->extra;
    r->problems = &s->problems;
    r->columns = 2;
    r->rank = 1;
    r->column[0] = "exact";
    r->column[1] = "relaxed";
    if (eval_rows(r, s->n, e) != 0) return -1;
    for (int64_t i = 0; i < s->n; i++) {
        const gm_asked *m = &s->item[i];
        r->cell[2 * i] = m->exact;
        r->cell[2 * i + 1] = m->relaxed;
        r->id[i] = m->id;
        r->found[i] = m->found;
        r->truth[i] = m->answers.n ? m->answers.text[0] : "";
    }
    r->user = w;
    return 0;
}

int eval_vqa(eval_call *c)
{
    eval_result r = { 0 };
    work w = { .call = c };
    gm_error e = { "" };
    gm_predictions *p = NULL;
    int bad = gm_qa_set_read(&w.set, c->o.truth, true, &e);
    if (!bad && !(p = gm_predictions_open(c->o.pred, GM_QA_KEYS, &w.set.problems, &e))) bad = -1;
    if (!bad) bad = gm_qa_set_score(&w.set, p, &e);
    if (!bad) bad = fill(&w, &r, &e);
    int status = bad ? eval_failed(&e) : eval_finish(c, &r);
    gm_predictions_free(p);
    eval_result_free(&r);
    gm_qa_set_free(&w.set);
    return status;
}
