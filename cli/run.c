/* glamm run: questions about images, answers as files. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../io/os.h"
#include "batch.h"
#include "commands.h"
#include "result.h"
#include "terminal.h"

static const command_text TEXT = {
    .name = "run",
    .arguments = "MODEL [IMAGE...]",
    .at_least = 1,
    .at_most = -1,
    .summary = "ask about images; write answers, masks and pictures",
    .about = "MODEL is a checkpoint folder as the authors publish it. IMAGE is a PNG, JPEG, BMP or "
             "PNM file, a folder of them, or a .jsonl list with a line for each image:\n"
             "  {\"image\": \"a.png\", \"task\": \"refer\", \"expression\": \"the red ball\", "
             "\"id\": \"a1\"}\n"
             "with the keys image, id, task, expression, phrase, boxes ([[x1, y1, x2, y2], ..]), "
             "prompt, forced.\n"
             "\n"
             "For each question NAME.json, NAME.overlay.png and NAME.mask0.png, NAME.mask1.png, .. "
             "are written; NAME is the image's base name, NAME-2 for its second question or "
             "another image of that name. The answer goes to stdout as one line of clean text. A "
             "bad image does not stop the others. Run again after an interruption: what is "
             "complete is not asked again.\n"
             "\n"
             "Without IMAGE, MODEL is a text model, the GGUF of a language model alone: the answer "
             "to --prompt goes to stdout, and nothing is written.\n"
             "\n"
             "Tasks\n"
             "  gcg      describe the image, a mask for each phrase\n"
             "  refer    mask what --expression names\n"
             "  region   describe what is in --box\n"
             "  caption  describe the image without masks\n"
             "  phrase   mask the <p> phrases </p> of a given caption\n"
             "  chat     answer --prompt\n"
             "\n"
             "Examples\n"
             "  glamm run models/nano photo.png\n"
             "  glamm run models/nano photo.png --expression \"the red ball\" --expression \"the "
             "ring\"\n"
             "  glamm run models/nano photo.png --box 40,60,120,150 --json\n"
             "  glamm run models/nano photos/ more.jsonl --out results --quiet\n",
};

/* Images side by side: at most, and without --batch. */
enum { MOST_TOGETHER = 64, USUAL_TOGETHER = 8 };

typedef struct { const char *out; int json, redo, turns; int64_t batch; } run_settings;
#define AT(field) offsetof(run_settings, field)
static const option RUN_OPTIONS[] = {
    { "out", 'o', OPTION_TEXT, AT(out), "DIR", "Folder for the results (default out).", 0, 0 },
    { "json", 0, OPTION_FLAG, AT(json), NULL,
      "Print each result's JSON, one line each, and nothing else on stdout.", 0, 0 },
    { "redo", 0, OPTION_FLAG, AT(redo), NULL, "Ask again what is already complete in --out.", 0,
      0 },
    { "turns", 0, OPTION_FLAG, AT(turns), NULL,
      "Several expressions are turns of one conversation, as in training, not questions of their "
      "own.",
      0, 0 },
    { "batch", 0, OPTION_INT, AT(batch), "N",
      "Images that are answered side by side (default: as many as memory holds, at most 8).", 1,
      MOST_TOGETHER },
};
#undef AT

typedef struct {
    const char *model_path;
    model_settings ms;
    ask_settings as;
    run_settings rs;
    terminal t;
    gm_model *model;            /* opened when the first question needs it */
    gm_session *session;        /* about the image of `shown`; NULL: none */
    const char *shown;
    gm_image image;
    bool hopeless;              /* the model cannot be opened: nothing else need be tried */
    json_t *used;               /* names of results so far */
    int64_t masks;              /* of the conversation so far */
    int64_t total, asked, done, skipped, failed;
} runner;

/* A question on its way: its request, its result's name, the result if it is stored already. */
typedef struct { const question *q; json_t *request, *stored; char *name; } ticket;

static void ticket_free(ticket *k)
{
    json_decref(k->request);
    json_decref(k->stored);
    free(k->name);
}

static void report(runner *r, const char *what)
{
    terminal_clear(&r->t);
    fprintf(stderr, "glamm run: %s\n", what);
}

/* An error about one image: says about which image unless it does itself. */
static void report_about(runner *r, const item *it, const char *what)
{
    terminal_clear(&r->t);
    if (strstr(what, it->image)) report(r, what);
    else fprintf(stderr, "glamm run: %s: %s\n", it->image, what);
}

static void print_result(runner *r, const item *it, const json_t *result, bool streamed)
{
    if (r->rs.json) {
        json_dumpf(result, stdout, JSON_COMPACT | JSON_REAL_PRECISION(15));
        putchar('\n');
    } else if (!streamed) {
        const char *caption = json_string_value(json_object_get(result, "caption"));
        printf("%s%s%s\n", r->total > 1 ? it->image : "", r->total > 1 ? ": " : "",
               caption ? caption : "");
    }
    fflush(stdout);
}

static int open_model(runner *r, gm_error *e)
{
    if (r->model) return 0;
    gm_model_options o = settings_model(&r->ms, terminal_log, &r->t);
    r->model = gm_model_open(r->model_path, &o, e);
    r->hopeless = !r->model;
    return r->model ? 0 : -1;
}

/* The session about an item's image: the one at hand when the last item had the same. */
static int look_at(runner *r, const item *it, gm_error *e)
{
    if (open_model(r, e)) return -1;
    if (r->session && strcmp(r->shown, it->image) == 0) return 0;
    gm_session_free(r->session);
    gm_image_free(&r->image);
    r->session = NULL;
    r->image = (gm_image){ 0 };
    if (gm_image_read(&r->image, it->image, e)) return -1;
    r->session = gm_session_new(r->model, &r->image, e);
    r->shown = it->image;
    return r->session ? 0 : -1;
}

static void print_times(const gm_answer *a, double total)
{
    for (int i = 0; i < a->ntimings; i++)
        fprintf(stderr, "%s %.3f s, ", a->timing[i].stage, a->timing[i].seconds);
    fprintf(stderr, "total %.3f s\n", total);
}

/* Writes and prints an answer of total seconds, and frees it. */
static int take_answer(runner *r, const item *it, const ticket *k, const gm_image *image,
                       gm_answer *a, double total, gm_error *e)
{
    json_t *result = result_json(k->request, k->name, a, total, e);
    int bad = result ? result_write(r->rs.out, k->name, result, image, a, k->q, e) : -1;
    if (!bad) print_result(r, it, result, r->t.stream && r->t.text);
    if (!bad && r->t.stream && r->t.notes) terminal_masks(&r->t, a, false);
    if (!bad && r->t.progress && r->total == 1)
        fprintf(stderr, "  %s/%s%s\n", r->rs.out, k->name, a->nmasks ? ".overlay.png" : ".json");
    if (r->ms.verbose) print_times(a, total);
    r->masks = a->nmasks;
    json_decref(result);
    gm_answer_free(a);
    return bad;
}

static int ask(runner *r, const item *it, const ticket *k, gm_error *e)
{
    char label[64] = "";
    if (r->total > 1)
        snprintf(label, sizeof label, "%lld of %lld", (long long)r->asked, (long long)r->total);
    terminal_begin(&r->t, label, r->total > 1 ? it->image : NULL, r->masks);
    gm_ask how = question_ask(k->q, &r->as);
    how.on_text = terminal_text;
    how.on_stage = terminal_stage;
    how.user = &r->t;
    double start = gm_seconds();
    gm_answer *a = gm_session_ask(r->session, &how, e);
    double total = gm_seconds() - start;
    terminal_end(&r->t);
    return a ? take_answer(r, it, k, &r->image, a, total, e) : -1;
}

static bool in_turns(const runner *r, const item *it)
{
    return r->rs.turns && it->q[0].task == GM_REFER;
}

/* Names the result of each question, and finds those that are complete.  Returns how many are. */
static int64_t look_up(runner *r, const item *it, ticket *k, gm_error *e)
{
    int64_t complete = 0;
    for (int64_t i = 0; i < it->nq; i++) {
        int64_t turn = in_turns(r, it) ? i : 0;
        k[i].q = &it->q[i];
        k[i].request = request_json(r->model_path, it->image, &r->ms, &r->as, &it->q[i], turn, e);
        if (!k[i].request) return -1;
        k[i].name = result_name(r->used, r->rs.out, it->id, it->image, e);
        if (!k[i].name) return -1;
        if (!r->rs.redo) k[i].stored = result_stored(r->rs.out, k[i].name, k[i].request);
        complete += k[i].stored != NULL;
    }
    return complete;
}

/* All questions about one item.  An error is reported and counted; it ends a conversation of turns,
 * not independent questions. */
static void run_questions(runner *r, const item *it, ticket *k, bool all_anew)
{
    bool broken = false;
    for (int64_t i = 0; i < it->nq; i++) {
        gm_error e = { "" };
        r->asked++;
        if (k[i].stored && !all_anew) {
            print_result(r, it, k[i].stored, false);
            r->skipped++;
            continue;
        }
        if (broken || look_at(r, it, &e)) {
            r->failed++;
            if (r->hopeless) report(r, e.text);
            else if (!broken) report_about(r, it, e.text);
            if (r->hopeless) return;
            continue;
        }
        if (i == 0 || !in_turns(r, it)) {
            gm_session_reset(r->session);
            r->masks = 0;
        }
        if (ask(r, it, &k[i], &e)) {
            r->failed++;
            report_about(r, it, e.text);
            broken = in_turns(r, it);
        } else {
            r->done++;
        }
    }
}

static void run_item(runner *r, const item *it)
{
    gm_error e = { "" };
    ticket *k = it->problem ? NULL : calloc((size_t)it->nq, sizeof *k);
    if (!it->problem && !k) gm_fail(&e, "%s: out of memory", it->image);
    int64_t complete = k ? look_up(r, it, k, &e) : -1;
    if (complete < 0) {
        report(r, it->problem ? it->problem : e.text);
        r->asked += it->problem ? 1 : it->nq;
        r->failed += it->problem ? 1 : it->nq;
    } else {
        run_questions(r, it, k, in_turns(r, it) && complete < it->nq);
    }
    for (int64_t i = 0; k && i < it->nq; i++) ticket_free(&k[i]);
    free(k);
}

/* ---- images side by side ---- */

/* One image with one question. */
typedef struct {
    const item *it;
    ticket k;
    gm_image image;
    gm_session *session;
    gm_answer *answer;
    gm_error e;
} seat;

/* What came of it; frees what the seat holds. */
static void seat_end(runner *r, seat *s, double seconds)
{
    gm_session_free(s->session);
    if (s->k.stored) {
        print_result(r, s->it, s->k.stored, false);
        r->skipped++;
    } else if (s->answer && !take_answer(r, s->it, &s->k, &s->image, s->answer, seconds, &s->e)) {
        r->done++;
    } else {
        r->failed++;
        report_about(r, s->it, s->e.text);
    }
    ticket_free(&s->k);
    gm_image_free(&s->image);
}

/* Answers those of n seats that want it, at once. */
static void ask_together(runner *r, seat *s, int64_t n)
{
    gm_session *going[MOST_TOGETHER];
    gm_ask how[MOST_TOGETHER];
    gm_answer *answer[MOST_TOGETHER];
    gm_error *e = calloc((size_t)n, sizeof *e);
    int64_t of[MOST_TOGETHER], m = 0;
    char label[64];
    snprintf(label, sizeof label, "%lld to %lld of %lld", (long long)r->asked + 1,
             (long long)(r->asked + n), (long long)r->total);
    terminal_begin(&r->t, label, NULL, 0);
    for (int64_t i = 0; i < n; i++) {
        if (s[i].k.stored || s[i].e.text[0]) continue;
        if (!e) gm_fail(&s[i].e, "%s: out of memory", s[i].it->image);
        else if (gm_image_read(&s[i].image, s[i].it->image, &s[i].e) == 0)
            s[i].session = gm_session_new(r->model, &s[i].image, &s[i].e);
        if (!s[i].session) continue;
        how[m] = question_ask(s[i].k.q, &r->as);
        if (m == 0) how[m].on_stage = terminal_stage, how[m].user = &r->t;
        of[m] = i;
        going[m++] = s[i].session;
    }
    double start = gm_seconds();
    if (m) gm_session_ask_each(going, how, m, answer, e);
    double seconds = gm_seconds() - start;
    terminal_end(&r->t);
    for (int64_t i = 0; i < m; i++) {
        s[of[i]].answer = answer[i];
        if (!answer[i]) s[of[i]].e = e[i];
    }
    for (int64_t i = 0; i < n; i++) seat_end(r, &s[i], seconds);
    r->asked += n;
    free(e);
}

/* n items with one question each; as many at once as memory holds. */
static void run_together(runner *r, const item *it, int64_t n)
{
    gm_error e = { "" };
    seat *s = calloc((size_t)n, sizeof *s);
    int64_t wanted = 0, most = r->rs.batch;
    for (int64_t i = 0; s && i < n; i++) {
        s[i].it = &it[i];
        wanted += look_up(r, &it[i], &s[i].k, &s[i].e) == 0;
    }
    if (!s) gm_fail(&e, "out of memory for %lld images", (long long)n);
    if (!s || (wanted && open_model(r, &e))) {
        report(r, e.text);
        r->failed += n;
        r->hopeless = true;
        for (int64_t i = 0; s && i < n; i++) ticket_free(&s[i].k);
        free(s);
        return;
    }
    if (!most) most = wanted ? gm_model_sessions(r->model, r->as.max_tokens) : n;
    for (int64_t i = 0; i < n; i += most) ask_together(r, s + i, n - i < most ? n - i : most);
    free(s);
}

/* How many items from it on, of n, may go side by side: those with a single question. */
static int64_t together(const runner *r, const item *it, int64_t n)
{
    int64_t most = r->rs.batch ? r->rs.batch : USUAL_TOGETHER, k = 0;
    while (k < n && k < most && !it[k].problem && it[k].nq == 1) k++;
    return k ? k : 1;
}

static void print_end(runner *r)
{
    terminal_clear(&r->t);
    if (r->failed && r->total > 1)
        fprintf(stderr, "glamm run: %lld of %lld failed\n", (long long)r->failed,
                (long long)r->total);
    if (r->skipped && r->t.notes)
        fprintf(stderr, "%lld of %lld complete already in %s (--redo asks again)\n",
                (long long)r->skipped, (long long)r->total, r->rs.out);
    if (r->done && r->t.progress && r->total > 1)
        fprintf(stderr, "%lld of %lld written to %s\n", (long long)r->done, (long long)r->total,
                r->rs.out);
}

/* The command line's own questions, for images that no list describes. */
static int given_questions(runner *r, char **path, int n, asked *given, double (**boxes)[4])
{
    gm_error e = { "" };
    question *q = NULL;
    int64_t nq = 0;
    bool only_lists = true;
    for (int i = 0; i < n; i++) only_lists = only_lists && is_list(path[i]);
    *given = (asked){ .task = r->as.task, .prompt = r->as.prompt, .forced = r->as.forced,
        .expression = r->as.expressions.item, .nexpressions = r->as.expressions.n,
        .phrase = r->as.phrases.item, .nphrases = r->as.phrases.n };
    int bad = answer_check(&r->as, &e) || boxes_read(&r->as.boxes, boxes, &given->nboxes, &e);
    given->box = (const double (*)[4])*boxes;
    if (!bad && !only_lists) bad = questions_make(&q, &nq, given, &e);
    free(q);
    if (!bad && r->rs.turns && !only_lists && !given->nexpressions)
        return misuse(&TEXT, "--turns: wanted several --expression, found none");
    return bad ? misuse(&TEXT, "%s", e.text) : 0;
}

static int run_all(runner *r, char **path, int n, const asked *given)
{
    gm_error e = { "" };
    batch b = { .note = terminal_log, .user = &r->t };
    int bad = gm_make_dir(r->rs.out, &e) || batch_read(&b, path, n, given, &e);
    if (!bad && !(r->used = json_object())) bad = gm_fail(&e, "out of memory");
    for (int64_t i = 0; i < b.n; i++) r->total += b.item[i].problem ? 1 : b.item[i].nq;
    if (bad) report(r, e.text);
    for (int64_t i = 0, k; !bad && i < b.n; i += k) {
        k = together(r, &b.item[i], b.n - i);
        if (k > 1) run_together(r, &b.item[i], k);
        else run_item(r, &b.item[i]);
        bad = r->hopeless;
    }
    if (!bad) print_end(r);
    gm_session_free(r->session);
    gm_model_free(r->model);
    gm_image_free(&r->image);
    json_decref(r->used);
    batch_free(&b);
    return bad || r->failed ? 1 : 0;
}

static int ask_text(const runner *r, const char *path)
{
    gm_error e = { "" };
    const ask_settings *as = &r->as;
    if (!as->prompt || as->expressions.n || as->phrases.n || as->boxes.n)
        return misuse(&TEXT, "wanted an IMAGE, or --prompt alone for a text model");
    if (answer_check(as, &e)) return misuse(&TEXT, "%s", e.text);
    return run_text(path, &r->ms, as, r->rs.json);
}

int cmd_run(int argc, char **argv)
{
    runner r = { .rs = { .out = "out" } };
    const option_group groups[] = {
        { "What to ask", ASK_OPTIONS, NASK_OPTIONS, &r.as },
        { "How to answer", ANSWER_OPTIONS, NANSWER_OPTIONS, &r.as },
        { "Results", RUN_OPTIONS, sizeof RUN_OPTIONS / sizeof *RUN_OPTIONS, &r.rs },
        { "Model", MODEL_OPTIONS, NMODEL_OPTIONS, &r.ms },
    };
    int n, status = options_parse(&TEXT, groups, 4, argc, argv, &n);
    asked given;
    double (*boxes)[4] = NULL;
    if (status == PARSED && n == 1) {
        status = ask_text(&r, argv[0]);
    } else if (status == PARSED) {
        r.model_path = argv[0];
        status = given_questions(&r, argv + 1, n - 1, &given, &boxes);
        if (!status) {
            terminal_open(&r.t, r.ms.quiet, !r.rs.json);
            status = run_all(&r, argv + 1, n - 1, &given);
        }
    }
    free(boxes);
    ask_settings_free(&r.as);
    return status;
}
