/* glamm eval refseg: referring expression segmentation. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "../eval/refseg.h"
#include "../io/os.h"
#include "../ref/model_open.h"
#include "eval_run.h"

enum { BARS = 20 };

typedef struct {
    eval_call *call;
    gm_ref_set set;
    gm_predictions *p;
    bool released;
    char how[64];               /* the protocol, for the predictions' requests */
    int64_t *item, nitems;      /* the images that are asked about */
    int64_t *row;               /* the expression of each row */
    double bars[BARS];
} work;

/* The published cIoU of the set that a folder is named after, NULL for others: GLaMM's table of
 * referring segmentation, fine-tuned. */
static const char *published(const char *truth, const char *split)
{
    static const char *const all[][3] = {
        { "refcoco", "val", "79.5" },    { "refcoco", "testA", "83.2" },
        { "refcoco", "testB", "76.9" },  { "refcoco+", "val", "72.6" },
        { "refcoco+", "testA", "78.7" }, { "refcoco+", "testB", "64.6" },
        { "refcocog", "val", "74.2" },   { "refcocog", "test", "74.9" },
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

/* ---- the report ---- */

static int item(void *user, int64_t row, eval_item *out, gm_error *e)
{
    work *w = user;
    const gm_expression *x = &w->set.expression[w->row[row]];
    const gm_ref_image *m = &w->set.image[x->image];
    int64_t H, W;
    gm_error ignored = { "" };
    if (w->call->o.images) out->image = eval_image_path(w->call, m->file, m->id);
    out->question = gm_copy_text(x->text);
    out->true_mask = calloc(1, sizeof *out->true_mask);
    out->found_mask = calloc(1, sizeof *out->found_mask);
    uint8_t *truth = gm_ref_truth(&w->set, x, &H, &W, e);
    int bad = truth ? 0 : -1;
    if (!bad && (!out->question || !out->true_mask || !out->found_mask))
        bad = gm_fail(e, "out of memory for the report");
    if (!bad) bad = gm_rle_encode(out->true_mask, truth, H, W, e);
    out->ntrue = !bad;
    json_t *o = bad ? NULL : gm_ref_prediction(w->p, &w->set, x, &ignored);
    if (o) out->nfound = gm_ref_found(out->found_mask, o, x, x->id, &ignored) == 1;
    json_decref(o);
    free(truth);
    return bad;
}

static int fill(work *w, eval_result *r, const gm_seg_sums *sums, gm_error *e)
{
    const eval_options *o = &w->call->o;
    const char *split = o->split ? o->split : "val";
    r->task = "refseg";
    r->unit = "expressions";
    r->about = w->released ? "protocol: released - at most three expressions of an image, drawn at "
                             "random; answers given (teacher-forced)"
                           : "protocol: all - every expression alone, answered freely";
    if (fill_rows(w, r, e) != 0) return -1;
    eval_number *n = eval_add(r, "ciou", "cIoU", gm_ciou(sums));
    n->paper[0] = published(o->truth, split);
    if (n->paper[0]) r->paper[0] = "GLaMM (released protocol)";
    eval_add(r, "giou", "gIoU", gm_giou(sums));
    r->headline = r->n;
    add_precisions(r, w);
    r->items = w->set.asked, r->missing = w->set.missing, r->extra = w->set.extra;
    gm_predictions_left(w->p, &r->first_extra);
    r->shared = true;                   /* val, testA, .. */
    r->problems = &w->set.problems;
    r->curve[0] = (eval_curve){ "Expressions by their IoU", "IoU", "share", w->bars, BARS, true };
    r->curves = 1;
    r->item = item;
    r->user = w;
    return 0;
}

/* ---- the model's part ---- */

static question question_of(const gm_expression *x)
{
    if (x->prompt) return (question){ .task = GM_CHAT, .text = x->prompt };
    return (question){ .task = GM_REFER, .text = x->text };
}

static int ask(void *user, int64_t i, eval_question *q, gm_error *e)
{
    const work *w = user;
    const gm_ref_image *m = &w->set.image[w->item[i]];
    (void)e;
    q->id = m->id;
    q->image = eval_image_path(w->call, m->file, m->id);
    q->q = question_of(&w->set.expression[m->asked[0]]);
    q->how = w->how;
    return 0;
}

/* {"id", "expression", "answer", "segmentation"}; without a [SEG] an empty mask. */
static json_t *expression_json(const gm_expression *x, const char *text, json_t *mask)
{
    return json_pack("{so ss ss so}", "id", eval_id_json(x->id), "expression", x->text, "answer",
                     text, "segmentation", mask);
}

/* A mask without a pixel: one run of 0s. */
static json_t *empty_mask(int64_t height, int64_t width)
{
    return json_pack("{s[I,I] s[I]}", "size", (json_int_t)height, (json_int_t)width, "counts",
                     (json_int_t)(height * width));
}

/* Every expression alone, answered freely; its first mask counts. */
static int answer_freely(const work *w, const gm_ref_image *m, json_t *list, eval_worker *worker,
                         gm_error *e)
{
    for (int64_t k = 0; k < m->nasked; k++) {
        const gm_expression *x = &w->set.expression[m->asked[k]];
        const question q = question_of(x);
        gm_answer *a = eval_ask(worker, &q, e);
        if (!a) return -1;
        json_t *mask = a->nmasks ? eval_mask_json(a, 0, e)
                                 : empty_mask(worker->image.height, worker->image.width);
        int bad = !mask || json_array_append_new(list, expression_json(x, a->text, mask));
        gm_answer_free(a);
        if (bad) return gm_fail(e, "out of memory for the answers");
    }
    return 0;
}

/* A template of the prompts' list, drawn as the training classes draw it. */
static int64_t draw(const gm_prompts *p, const char *list, uint64_t *state)
{
    int64_t first = gm_prompts_training(p, list), n = gm_prompts_count(p, list) - first;
    return n > 0 ? first + (int64_t)(gm_ref_random(state) % (uint64_t)n) : first;
}

/* The turns of m's conversation, every answer given: RefCOCO_Segm_ds.py create_conversations.
 * turn[2k] malloc'ed, turn[2k + 1] the prompts'. */
static int make_turns(const work *w, const gm_ref_image *m, const gm_prompts *p, char **turn,
                      gm_error *e)
{
    uint64_t state = gm_ref_seed((uint64_t)w->call->o.seed + 1, m->id);
    for (int64_t k = 0; k < m->nasked; k++) {
        const gm_ask q = { .task = GM_REFER, .text = w->set.expression[m->asked[k]].text };
        turn[2 * k] = gm_prompt_user(p, &q, draw(p, "refer", &state), k == 0, 0, e);
        if (!turn[2 * k]) return -1;
        turn[2 * k + 1] = (char *)gm_prompts_template(p, "refer_answers",
                                                      draw(p, "refer_answers", &state), e);
        if (!turn[2 * k + 1]) return -1;
    }
    return 0;
}

/* The released protocol: masks of the answers that are given. */
static int answer_forced(const work *w, const gm_ref_image *m, json_t *list, eval_worker *worker,
                         gm_error *e)
{
    int64_t N = m->nasked, masks = 0, H = worker->image.height, W = worker->image.width;
    char **turn = calloc((size_t)(2 * N) + 1, sizeof *turn);
    float *logits = NULL;
    int bad = turn ? make_turns(w, m, worker->model->prompts, turn, e)
                   : gm_fail(e, "out of memory for the questions");
    if (!bad)
        bad = gm_forced_masks(worker->model, &worker->image, (const char *const *)turn, 2 * N,
                              &logits, &masks, e);
    for (int64_t k = 0; !bad && k < N; k++) {
        char *counts = k < masks ? gm_rle_from_logits(logits + k * H * W, H, W, e) : NULL;
        json_t *mask = !counts ? empty_mask(H, W)
                               : json_pack("{s[I,I] ss}", "size", (json_int_t)H, (json_int_t)W,
                                           "counts", counts);
        const gm_expression *x = &w->set.expression[m->asked[k]];
        if (json_array_append_new(list, expression_json(x, turn[2 * k + 1], mask)) != 0)
            bad = gm_fail(e, "out of memory for the answers");
        free(counts);
    }
    for (int64_t k = 0; turn && k < N; k++) free(turn[2 * k]);
    free(turn);
    free(logits);
    return bad;
}

static json_t *answer(void *user, int64_t i, eval_worker *worker, gm_error *e)
{
    const work *w = user;
    const gm_ref_image *m = &w->set.image[w->item[i]];
    json_t *list = json_array();
    int bad = w->released ? answer_forced(w, m, list, worker, e)
                          : answer_freely(w, m, list, worker, e);
    json_t *o = bad ? NULL : json_pack("{so ss sO}", "image_id", eval_id_json(m->id), "protocol",
                                       w->released ? "released" : "all", "expressions", list);
    json_decref(list);
    if (!o) gm_fail(e, "out of memory for the answers");
    return o;
}

/* The images that are asked about, and what their predictions' requests say beside. */
static int prepare(work *w, gm_error *e)
{
    gm_ref_set *s = &w->set;
    w->item = malloc((size_t)(s->nimages + 1) * sizeof *w->item);
    if (!w->item) return gm_fail(e, "out of memory for %lld images", (long long)s->nimages);
    for (int64_t i = 0; i < s->nimages; i++)
        if (s->image[i].nasked) w->item[w->nitems++] = i;
    if (w->released) snprintf(w->how, sizeof w->how, "released, seed %lld",
                              (long long)w->call->o.seed);
    else snprintf(w->how, sizeof w->how, "all of %s", w->call->o.split ? w->call->o.split : "val");
    return 0;
}

int eval_refseg(eval_call *c)
{
    eval_result r = { 0 };
    work w = { .call = c, .released = c->o.protocol && strcmp(c->o.protocol, "released") == 0 };
    gm_error e = { "" };
    gm_seg_sums sums;
    gm_ref_protocol protocol = w.released ? GM_REF_RELEASED : GM_REF_ALL;
    int status = 0, bad = gm_ref_set_read(&w.set, c->o.truth, c->o.split ? c->o.split : "val", &e);
    if (!bad) bad = gm_ref_choose(&w.set, protocol, (uint64_t)c->o.seed, &e);
    if (!bad) bad = prepare(&w, &e);
    const eval_job job = { w.nitems, ask, answer, &w };
    if (!bad && c->o.model) status = eval_predict(c, &job);
    if (!bad && !status) {
        w.p = gm_predictions_open(c->o.pred, GM_REF_KEYS, &w.set.problems, &e);
        bad = !w.p || gm_ref_score(&sums, &w.set, w.p, &e) || fill(&w, &r, &sums, &e);
        if (!bad) status = eval_finish(c, &r);
    }
    if (bad) status = eval_failed(&e);
    gm_predictions_free(w.p);
    eval_result_free(&r);
    free(w.row);
    free(w.item);
    gm_ref_set_free(&w.set);
    return status == EVAL_DONE ? 0 : status;
}
