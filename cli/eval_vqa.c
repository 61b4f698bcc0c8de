/* glamm eval vqa: questions with known answers; answers: those without. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "../eval/qa_set.h"
#include "../io/os.h"
#include "eval_run.h"

typedef struct { eval_call *call; gm_qa_set set; gm_predictions *p; } work;

/* ---- the report ---- */

static int item(void *user, int64_t row, eval_item *out, gm_error *e)
{
    const work *w = user;
    const gm_asked *m = &w->set.item[row];
    if (w->call->o.images && m->file) out->image = eval_image_path(w->call, m->file, m->id);
    out->question = gm_copy_text(m->question);
    out->truth = gm_copy_text(m->answers.n ? m->answers.text[0] : "");
    out->found = gm_copy_text(m->found);
    return out->question && out->truth && out->found ? 0
        : gm_fail(e, "out of memory for the report");
}

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
    gm_predictions_left(w->p, &r->first_extra);
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
    r->item = item;
    r->user = w;
    return 0;
}

/* ---- the model's part ---- */

static question question_of(const gm_asked *m)
{
    return (question){ .task = GM_CHAT, .text = m->question };
}

static int ask(void *user, int64_t i, eval_question *q, gm_error *e)
{
    const work *w = user;
    const gm_asked *m = &w->set.item[i];
    q->id = m->id;
    if (!m->file) return gm_fail(e, "question %s: wanted an image", m->id);
    q->image = eval_image_path(w->call, m->file, m->id);
    q->q = question_of(m);
    return 0;
}

/* As LLaVA's model_vqa.py writes it; answer_id is random there, and the question's here. */
static json_t *answer(void *user, int64_t i, eval_worker *worker, gm_error *e)
{
    const work *w = user;
    const gm_asked *m = &w->set.item[i];
    question q = question_of(m);
    gm_answer *a = eval_ask(worker, &q, e);
    if (!a) return NULL;
    const char *slash = strrchr(w->call->o.model, '/');
    json_t *o = json_pack("{so ss ss so ss s{}}", "question_id", eval_id_json(m->id), "prompt",
                          m->question, "text", a->caption, "answer_id",
                          json_sprintf("glamm-%s", m->id), "model_id",
                          slash && slash[1] ? slash + 1 : w->call->o.model, "metadata");
    if (!o) gm_fail(e, "out of memory for the answer");
    gm_answer_free(a);
    return o;
}

int eval_vqa(eval_call *c)
{
    eval_result r = { 0 };
    work w = { .call = c };
    gm_error e = { "" };
    int status = 0, bad = gm_qa_set_read(&w.set, c->o.truth, true, &e);
    const eval_job job = { w.set.n, ask, answer, &w };
    if (!bad && c->o.model) status = eval_predict(c, &job);
    if (!bad && !status) {
        w.p = gm_predictions_open(c->o.pred, GM_QA_KEYS, &w.set.problems, &e);
        bad = !w.p || gm_qa_set_score(&w.set, w.p, &e) || fill(&w, &r, &e);
        if (!bad) status = eval_finish(c, &r);
    }
    if (bad) status = eval_failed(&e);
    gm_predictions_free(w.p);
    eval_result_free(&r);
    gm_qa_set_free(&w.set);
    return status == EVAL_DONE ? 0 : status;
}

/* The answers of the folder o.pred, in the questions' order, as JSON Lines without the
 * files' requests.  1 when some are missing. */
static int write_lines(const eval_call *c, const gm_qa_set *s, gm_error *e)
{
    static const char *const keys[] = { "question_id", "prompt", "text", "answer_id", "model_id",
                                        "metadata" };
    gm_writer w;
    int64_t missing = 0;
    if (gm_create(&w, c->o.answers, e) != 0) return -1;
    for (int64_t i = 0; i < s->n; i++) {
        size_t n = strlen(s->item[i].id) + 8;
        char *name = malloc(n), *path = NULL;
        if (name) snprintf(name, n, "%s.json", s->item[i].id);
        if (name) path = gm_path_join(c->o.pred, name);
        json_t *o = path ? json_load_file(path, 0, NULL) : NULL, *line = json_object();
        for (size_t k = 0; o && k < sizeof keys / sizeof *keys; k++)
            json_object_set(line, keys[k], json_object_get(o, keys[k]));
        if (o) json_dumpf(line, w.file, JSON_COMPACT | JSON_REAL_PRECISION(15));
        if (o) fputc('\n', w.file);
        missing += !o;
        json_decref(line);
        json_decref(o);
        free(name);
        free(path);
    }
    if (gm_commit(&w, e) != 0) return -1;
    printf("%s: %lld written, %lld missing\n", c->o.answers, (long long)(s->n - missing),
           (long long)missing);
    return missing ? 1 : 0;
}

int eval_answers(eval_call *c)
{
    work w = { .call = c };
    gm_error e = { "" };
    size_t n = strlen(c->o.answers) + 16;
    char *parts = malloc(n);
    int status = 1;
    if (!parts) return 1;
    snprintf(parts, n, "%s.parts", c->o.answers);
    c->o.pred = parts;
    if (gm_qa_set_read(&w.set, c->o.truth, false, &e) != 0) {
        eval_failed(&e);
    } else {
        const eval_job job = { w.set.n, ask, answer, &w };
        status = eval_predict(c, &job);
        if (!status) status = write_lines(c, &w.set, &e);
        if (status < 0) status = eval_failed(&e);
    }
    gm_qa_set_free(&w.set);
    free(parts);
    return status == EVAL_DONE ? 0 : status;
}
