/* See qa_set.h. */
#include "qa_set.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include "../io/json.h"
#include "../io/json_stream.h"
#include "../io/os.h"

const char *const GM_QA_KEYS[] = { "question_id", "id", NULL };

static int out_of_memory(gm_error *e)
{
    return gm_fail(e, "out of memory for the questions");
}

/* ---- reading ---- */

typedef struct { gm_qa_set *set; int64_t room; bool answers_wanted; } reading;

static gm_asked *add(reading *r, const char *id, const char *file, const char *question,
                     gm_error *e)
{
    gm_qa_set *s = r->set;
    if (s->n == r->room) {
        r->room = r->room ? 2 * r->room : 64;
        gm_asked *more = realloc(s->item, (size_t)r->room * sizeof *more);
        if (!more) {
            out_of_memory(e);
            return NULL;
        }
        s->item = more;
    }
    gm_asked *m = &s->item[s->n++];
    *m = (gm_asked){ .id = gm_copy_text(id), .file = file ? gm_copy_text(file) : NULL,
                     .question = gm_copy_text(question) };
    if (m->id && m->question && (m->file || !file)) return m;
    out_of_memory(e);
    return NULL;
}

/* The text without "<image>", stripped; malloc'ed. */
static char *without_image(const char *text)
{
    char *t = gm_copy_text(text), *at;
    while (t && (at = strstr(t, "<image>"))) memmove(at, at + 7, strlen(at + 7) + 1);
    size_t from = t ? strspn(t, " \t\r\n") : 0, to = t ? strlen(t) : 0;
    while (to > from && strchr(" \t\r\n", t[to - 1])) to--;
    if (t) {
        memmove(t, t + from, to - from);
        t[to - from] = 0;
    }
    return t;
}

static int add_turn(reading *r, const json_t *user, const json_t *reply, const char *id,
                    const char *file, const char *what, gm_error *e)
{
    const char *from = gm_json_text(user, "from"), *to = gm_json_text(reply, "from");
    const char *q = gm_json_text(user, "value"), *a = gm_json_text(reply, "value");
    if (!from || !to || strcmp(from, "human") || strcmp(to, "gpt") || !q || !a)
        return gm_fail(e, "%s: wanted turns from human and gpt in turn, each with a value", what);
    char *question = without_image(q);
    gm_asked *m = question ? add(r, id, file, question, e) : NULL;
    free(question);
    if (!m) return question ? -1 : out_of_memory(e);
    return gm_texts_add(&m->answers, a, e);
}

static int add_conversation(reading *r, const json_t *o, const char *id, const char *what,
                            gm_error *e)
{
    const json_t *turns = json_object_get(o, "conversations");
    const char *file = gm_json_text(o, "image");
    size_t n = json_array_size(turns) / 2;
    if (n == 0 || json_array_size(turns) % 2)
        return gm_fail(e, "%s: wanted conversations, an answer for every question", what);
    for (size_t k = 0; k < n; k++) {
        char name[600];
        if (n == 1) snprintf(name, sizeof name, "%s", id);
        else snprintf(name, sizeof name, "%.500s-%zu", id, k + 1);
        if (add_turn(r, json_array_get(turns, 2 * k), json_array_get(turns, 2 * k + 1), name, file,
                     what, e) != 0)
            return -1;
    }
    return 0;
}

/* One line of questions: {"question_id", "image", "text", "answer"}. */
static int add_question(reading *r, const json_t *o, const char *id, const char *what, gm_error *e)
{
    const char *text = gm_json_text(o, "text"), *answer = gm_json_text(o, "answer");
    const json_t *answers = json_object_get(o, "answers");
    if (!text) text = gm_json_text(o, "question");
    if (!text) return gm_fail(e, "%s: wanted a question, \"text\"", what);
    char *question = without_image(text);
    gm_asked *m = question ? add(r, id, gm_json_text(o, "image"), question, e) : NULL;
    free(question);
    if (!m) return question ? -1 : out_of_memory(e);
    if (answer) return gm_texts_add(&m->answers, answer, e);
    if (answers) return gm_texts_read(&m->answers, answers, what, e);
    return r->answers_wanted ? gm_fail(e, "%s: wanted an answer, a text", what) : 0;
}

static bool is_lines(const char *path)
{
    size_t n = strlen(path);
    return n > 6 && strcmp(path + n - 6, ".jsonl") == 0;
}

static int check_ids(const gm_qa_set *s, const char *path, gm_error *e)
{
    const char *twice;
    gm_ids ids = { malloc((size_t)(s->n + 1) * sizeof *ids.id), s->n };
    if (!ids.id) return out_of_memory(e);
    for (int64_t i = 0; i < s->n; i++) ids.id[i] = (gm_id){ s->item[i].id, i };
    gm_ids_sort(&ids, &twice);
    int bad = twice ? gm_fail(e, "%s: question %s is there twice", path, twice) : 0;
    free(ids.id);
    return bad;
}

int gm_qa_set_read(gm_qa_set *s, const char *path, bool answers_wanted, gm_error *e)
{
    reading r = { .set = s, .answers_wanted = answers_wanted };
    const char *key;
    *s = (gm_qa_set){ 0 };
    gm_json_stream *f =
        gm_json_stream_open(path, is_lines(path) ? GM_JSON_LINES : GM_JSON_WHOLE, e);
    int bad = f ? 0 : -1, more = 0;
    json_t *o;
    for (int64_t i = 0; !bad && (more = gm_json_next(f, &key, &o, e)) == 1; i++) {
        char what[600], number[32];
        const json_t *id = json_object_get(o, "question_id");
        const char *name = gm_id_text(id ? id : json_object_get(o, "id"), number);
        snprintf(what, sizeof what, "%s: question %lld", path, (long long)i);
        if (!name) bad = gm_fail(e, "%s: wanted a question_id or id", what);
        else if (json_object_get(o, "conversations")) bad = add_conversation(&r, o, name, what, e);
        else bad = add_question(&r, o, name, what, e);
        json_decref(o);
    }
    gm_json_stream_free(f);
    if (!bad && more == 0 && s->n == 0) bad = gm_fail(e, "%s: no question in it", path);
    return bad || more < 0 || check_ids(s, path, e) ? -1 : 0;
}

void gm_qa_set_free(gm_qa_set *s)
{
    for (int64_t i = 0; i < s->n; i++) {
        gm_asked *m = &s->item[i];
        free(m->id);
        free(m->file);
        free(m->question);
        free(m->found);
        free(m->problem);
        gm_texts_free(&m->answers);
    }
    free(s->item);
    gm_texts_free(&s->problems);
    *s = (gm_qa_set){ 0 };
}

/* ---- comparing ---- */

bool gm_answer_exact(const char *found, const char *truth)
{
    size_t n, m;
    found += strspn(found, " \t\r\n");
    truth += strspn(truth, " \t\r\n");
    for (n = strlen(found); n && isspace((unsigned char)found[n - 1]);) n--;
    for (m = strlen(truth); m && isspace((unsigned char)truth[m - 1]);) m--;
    return n == m && memcmp(found, truth, n) == 0;
}

/* The next character that counts, in lower case; 0 at the end. */
static int next_letter(const char **s)
{
    while (**s && (isspace((unsigned char)**s) || ispunct((unsigned char)**s))) (*s)++;
    return **s ? tolower((unsigned char)*(*s)++) : 0;
}

bool gm_answer_relaxed(const char *found, const char *truth)
{
    for (;;) {
        int a = next_letter(&found), b = next_letter(&truth);
        if (a != b) return false;
        if (!a) return true;
    }
}

static int take_prediction(gm_qa_set *s, gm_asked *m, gm_predictions *p, gm_error *e)
{
    char where[600];
    gm_error why = { "" };
    json_t *o = gm_predictions_get(p, m->id, &why);
    const char *text = gm_json_text(o, "text");
    if (!text) text = gm_json_text(o, "caption");           /* as `glamm run` writes it */
    gm_predictions_where(p, m->id, where);
    if (!o && !why.text[0]) gm_fail(&why, "%s: no answer", where);
    if (o && !text) gm_fail(&why, "%s: wanted an answer, \"text\"", where);
    m->predicted = text != NULL;
    m->found = gm_copy_text(text ? text : "");
    m->problem = text ? NULL : gm_copy_text(why.text);
    json_decref(o);
    if (!m->found || (!m->predicted && !m->problem)) return out_of_memory(e);
    s->missing += !m->predicted;
    return m->predicted ? 0 : gm_texts_add(&s->problems, m->problem, e);
}

int gm_qa_set_score(gm_qa_set *s, gm_predictions *p, gm_error *e)
{
    const char *first;
    for (int64_t i = 0; i < s->n; i++) {
        gm_asked *m = &s->item[i];
        if (take_prediction(s, m, p, e) != 0) return -1;
        for (int64_t k = 0; m->predicted && k < m->answers.n; k++) {
            m->exact = m->exact || gm_answer_exact(m->found, m->answers.text[k]);
            m->relaxed = m->relaxed || gm_answer_relaxed(m->found, m->answers.text[k]);
        }
        s->exact += m->exact;
        s->relaxed += m->relaxed;
    }
    s->extra = gm_predictions_left(p, &first);
    return 0;
}
