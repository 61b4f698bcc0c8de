/* glamm eval refseg: referring expression segmentation. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "../eval/refseg.h"
#include "../io/os.h"
#include "eval.h"

enum { BARS = 20 };

typedef struct {
    eval_call *call;
    gm_ref_set set;
    int64_t *row;               /* the expression of each row */
    double bars[BARS];
} work;

/* The published cIoU of the set that a folder is named after, NULL for others: GLaMM's table of
 * referring segmentation, fine-tuned. */
static const char *published(const char *truth, const char *split)
{
    static const char *const all[][3] = {
        { "refcoco", "val", "79.5" }, { "refcoco", "testA", "83.2" }, { "refcoco", "testB", "76.9" },
        { "refcoco+", "val", "72.6" }, { "refcoco+", "testA", "78.7" },
        { "refcoco+", "testB", "64.6" }, { "refcocog", "val", "74.2" },
        { "refcocog", "test", "74.9" },
    };
    size_t n = strlen(truth), m;
    while (n && truth[n - 1] == '/') n--;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        m = strlen(all[i][0]);
        bool named = n >= m && strncmp(truth + n - m, all[i][0], m) == 0 &&
                     (n == m || truth[n - m - 1] == '/');
        if (named && strcmp(split, all[i][1]) == 0) return all[i][2];
    }
    return NULL;
}

static double iou_of(const gm_expression *x)
{
    return x->either ? (double)x->both / (double)x->either : 1;
}

/* Precision at IoU thresholds, as papers on referring print it: the share of expressions above. */
static void add_precisions(eval_result *r, const work *w)
{
    static const char *const label[] = { "P@0.5", "P@0.6", "P@0.7", "P@0.8", "P@0.9" };
    static const char *const key[] = { "precision_50", "precision_60", "precision_70",
                                       "precision_80", "precision_90" };
    for (int k = 0; k < 5; k++) {
        int64_t above = 0;
        for (int64_t i = 0; i < r->rows; i++)
            above += iou_of(&w->set.expression[w->row[i]]) > 0.5 + 0.1 * k;
        eval_add(r, key[k], label[k], r->rows ? (double)above / (double)r->rows : 0);
    }
}

static int fill_rows(work *w, eval_result *r, gm_error *e)
{
    const gm_ref_set *s = &w->set;
    static const char *const column[] = { "iou", "intersection", "union" };
    r->columns = 3;
    memcpy(r->column, column, sizeof column);
    w->row = malloc((size_t)(s->asked + 1) * sizeof *w->row);
    if (!w->row) return gm_fail(e, "out of memory for the expressions");
    if (eval_rows(r, s->asked, e) != 0) return -1;
    for (int64_t i = 0, at = 0; i < s->nimages; i++)
        for (int64_t k = 0; k < s->image[i].nasked; k++, at++) {
            const gm_expression *x = &s->expression[w->row[at] = s->image[i].asked[k]];
            double row[] = { iou_of(x), (double)x->both, (double)x->either };
            memcpy(r->cell + at * r->columns, row, sizeof row);
            r->id[at] = x->id;
            r->found[at] = r->truth[at] = x->text;
            int bar = (int)(row[0] * BARS);
            w->bars[bar < BARS ? bar : BARS - 1] += 1 / (double)s->asked;
        }
    return 0;
}

static int fill(work *w, eval_result *r, const gm_seg_sums *sums, bool released, gm_error *e)
{
    const eval_options *o = &w->call->o;
    const char *split = o->split ? o->split : "val";
    r->task = "refseg";
    r->unit = "expressions";
    r->about = released ? "protocol: released - of each image at most three expressions, drawn at "
                          "random, with the answers given (teacher-forced)"
                        : "protocol: all - every expression alone, answered freely";
    if (fill_rows(w, r, e) != 0) return -1;
    eval_number *n = eval_add(r, "ciou", "cIoU", gm_ciou(sums));
    n->paper[0] = published(o->truth, split);
    if (n->paper[0]) r->paper[0] = "GLaMM (released protocol)";
    eval_add(r, "giou", "gIoU", gm_giou(sums));
    r->headline = r->n;
    add_precisions(r, w);
    r->items = w->set.asked, r->missing = w->set.missing, r->extra = w->set.extra;
    r->problems = &w->set.problems;
    r->curve[0] = (eval_curve){ "Expressions by their IoU", "IoU", "share", w->bars, BARS, true };
    r->curves = 1;
    r->user = w;
    return 0;
}

int eval_refseg(eval_call *c)
{
    eval_result r = { 0 };
    work w = { .call = c };
    gm_error e = { "" };
    gm_seg_sums sums;
    gm_predictions *p = NULL;
    bool released = c->o.protocol && strcmp(c->o.protocol, "released") == 0;
    gm_ref_protocol protocol = released ? GM_REF_RELEASED : GM_REF_ALL;
    int bad = gm_ref_set_read(&w.set, c->o.truth, c->o.split ? c->o.split : "val", &e);
    if (!bad) bad = gm_ref_choose(&w.set, protocol, (uint64_t)c->o.seed, &e);
    if (!bad && !(p = gm_predictions_open(c->o.pred, GM_REF_KEYS, &w.set.problems, &e))) bad = -1;
    if (!bad) bad = gm_ref_score(&sums, &w.set, p, &e);
    if (!bad) bad = fill(&w, &r, &sums, released, &e);
    int status = bad ? eval_failed(&e) : eval_finish(c, &r);
    gm_predictions_free(p);
    eval_result_free(&r);
    free(w.row);
    gm_ref_set_free(&w.set);
    return status;
}
