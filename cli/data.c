/* glamm data: checks data sets and shows what a model would be trained on. */
#include "data.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "../io/os.h"
#include "../train/batch.h"
#include "commands.h"
#include "options.h"

static const command_text DATA = {
    "data", "check|preview DATA...", "check training data, and see what a model would be shown",
    "check reads every record of every set and counts what cannot be used; training passes over "
    "such records. Exit status 1 when there are any.\n"
    "\n"
    "preview draws samples as pictures: image, masks and boxes, and below them every token, those "
    "that the model is trained to write on green. It wants --model.\n"
    "\n"
    "DATA is a folder with annotations.json and images, or with data.txt; a file of data lines, "
    "such as a training configuration; or one data line in quotes:\n"
    "  FORMAT PATH [images=DIR] [rate=R] [split=S] [most=N]\n"
    "docs/DATA.md has the formats, and how to make a set of your own.\n"
    "\n"
    "Examples\n"
    "  glamm data check my-photos\n"
    "  glamm data check \"refer refcoco images=train2014 split=val\"\n"
    "  glamm data preview my-photos --model models/nano --out out/preview", 2, -1
};

typedef struct {
    const char *model, *out;
    int64_t count, examples, seed;
} data_options;

static const option ROWS[] = {
    { "model", 'm', OPTION_TEXT, offsetof(data_options, model), "DIR",
      "Whose words and tokens to use (default: the release's words). check then counts tokens, "
      "too.", 0, 0 },
    { "examples", 0, OPTION_INT, offsetof(data_options, examples), "N",
      "check: how many of each problem to name (default 3).", 0, 1e9 },
    { "count", 'n', OPTION_INT, offsetof(data_options, count), "N",
      "preview: how many pictures (default 8).", 1, 1e6 },
    { "out", 'o', OPTION_TEXT, offsetof(data_options, out), "DIR",
      "preview: the folder for them (default out/preview).", 0, 0 },
    { "seed", 0, OPTION_INT, offsetof(data_options, seed), "N",
      "Of the random choices: which questions, which regions (default 0).", 0, 0 },
};

static int failed(const gm_error *e)
{
    fprintf(stderr, "glamm data: %s\n", e->text);
    return 1;
}

/* ---- opening ---- */

static int open_words(data_work *w, const char *model, gm_error *e)
{
    char *path = model ? gm_path_join(model, "prompts.json") : NULL;
    if (model && !path) return gm_fail(e, "out of memory");
    w->prompts = gm_prompts_open(path && gm_is_file(path) ? path : NULL, e);
    free(path);
    if (w->prompts && model) w->tokenizer = gm_tokenizer_open(model, e);
    return w->prompts && (w->tokenizer || !model) ? 0 : -1;
}

/* All data lines of the arguments, one list. */
static int gather_lines(char **arguments, int narguments, char ***line, int64_t *n, gm_error *e)
{
    for (int i = 0; i < narguments; i++) {
        char **some;
        int64_t m;
        if (gm_data_lines(arguments[i], &some, &m, e) != 0) return -1;
        char **more = realloc(*line, (size_t)(*n + m) * sizeof *more);
        if (!more) {
            gm_free_list(some, m);
            return gm_fail(e, "out of memory");
        }
        memcpy(more + *n, some, (size_t)m * sizeof *more);
        *line = more;
        *n += m;
        free(some);
    }
    return 0;
}

static int open_work(data_work *w, const data_options *o, char **arguments, int n, gm_error *e)
{
    char **line = NULL;
    int64_t lines = 0;
    int bad = open_words(w, o->model, e) || gather_lines(arguments, n, &line, &lines, e);
    if (!bad) {
        gm_data_options d = { .prompts = w->prompts, .seed = (uint64_t)o->seed };
        w->data = gm_data_open((const char *const *)line, lines, &d, e);
    }
    gm_free_list(line, lines);
    return w->data ? 0 : -1;
}

static void close_work(data_work *w)
{
    gm_data_close(w->data);
    gm_tokenizer_free(w->tokenizer);
    gm_prompts_free(w->prompts);
}

/* ---- check ---- */

typedef struct {
    int64_t count[GM_PROBLEMS];
    char **example[GM_PROBLEMS];            /* the first `examples` messages of each */
    int64_t masks, boxes, turns;            /* of the good ones */
    int64_t longest, longest_at, long_ones; /* tokens; the record; how many are over LIMIT */
} report;

enum { LIMIT = 961 };                       /* tokens of text that the release trains on at most */

static const char *const KINDS[GM_SET_KINDS] = { "captions", "regions", "masks" };

/* Tokens and labels of a sample, as training makes them. */
static gm_problem count_tokens(report *r, const data_work *w, const gm_sample *s, int64_t i,
                               gm_error *e)
{
    int32_t *ids, *labels;
    int64_t n;
    int bad = gm_train_encode(w->prompts, w->tokenizer, (const char *const *)s->turn, s->turns,
                              &ids, &labels, &n, e);
    free(ids);
    free(labels);
    if (bad) return GM_PROBLEM_TEXT;
    r->long_ones += n > LIMIT;
    if (n > r->longest) {
        r->longest = n;
        r->longest_at = i;
    }
    return GM_PROBLEM_NONE;
}

static int note(report *r, gm_problem p, const gm_error *why, int64_t examples)
{
    if (r->count[p]++ >= examples) return 0;
    char **more = realloc(r->example[p], (size_t)r->count[p] * sizeof *more);
    if (!more) return -1;
    r->example[p] = more;
    return (more[r->count[p] - 1] = gm_copy_text(why->text)) ? 0 : -1;
}

static void progress(int64_t done, int64_t n)
{
    if (gm_is_terminal(2) && (done % 100 == 0 || done == n))
        fprintf(stderr, "\r%lld of %lld records%s", (long long)done, (long long)n,
                done == n ? "\r                                        \r" : "");
}

static int read_set(report *r, const data_work *w, int64_t first, int64_t n, int64_t examples,
                    gm_error *e)
{
    for (int64_t i = 0; i < n; i++) {
        gm_sample s;
        gm_error why = { "" };
        gm_problem p = gm_data_record(w->data, first + i, &s, &why);
        bool made = p == GM_PROBLEM_NONE;
        if (made && w->tokenizer && s.turns) p = count_tokens(r, w, &s, i, &why);
        if (p == GM_PROBLEM_NONE) {
            r->masks += s.masks;
            r->boxes += s.boxes;
            r->turns += s.turns / 2;
        }
        if (made) gm_sample_free(&s);
        if (note(r, p, &why, examples) != 0) return gm_fail(e, "out of memory");
        progress(i + 1, n);
    }
    return 0;
}

static void print_report(const report *r, const data_work *w, int64_t set, int64_t examples)
{
    const char *remark = gm_data_set_note(w->data, set);
    int64_t good = r->count[GM_PROBLEM_NONE];
    printf("%s\n", gm_data_set_line(w->data, set));
    printf("  %-22s %8lld   teaches %s; %lld answers, %lld masks, %lld boxes\n", "records",
           (long long)gm_data_set_size(w->data, set), KINDS[gm_data_set_kind(w->data, set)],
           (long long)r->turns, (long long)r->masks, (long long)r->boxes);
    printf("  %-22s %8lld\n", "good", (long long)good);
    for (int p = GM_PROBLEM_EMPTY; p < GM_PROBLEMS; p++) {
        if (!r->count[p]) continue;
        printf("  %-22s %8lld%s\n", gm_problem_name((gm_problem)p), (long long)r->count[p],
               p == GM_PROBLEM_EMPTY ? "   passed over, no mistake" : "");
        for (int64_t i = 0; i < r->count[p] && i < examples; i++)
            printf("    %s\n", r->example[p][i]);
    }
    if (remark) printf("  note: %s\n", remark);
    if (r->longest)
        printf("  longest text: %lld tokens (record %lld); %lld are over %d, the release's limit, "
               "and would be cut\n", (long long)r->longest, (long long)r->longest_at,
               (long long)r->long_ones, LIMIT);
}

/* Problems that are mistakes, and whether something is left. */
static bool is_usable(const report *r)
{
    int64_t bad = 0;
    for (int p = GM_PROBLEM_EMPTY + 1; p < GM_PROBLEMS; p++) bad += r->count[p];
    return bad == 0 && r->count[GM_PROBLEM_NONE] > 0;
}

static int check(const data_work *w, int64_t examples, gm_error *e)
{
    int64_t first = 0;
    bool usable = true;
    for (int64_t k = 0; k < gm_data_sets(w->data); k++) {
        report r = { .longest = 0 };
        int bad = read_set(&r, w, first, gm_data_set_size(w->data, k), examples, e);
        if (!bad) print_report(&r, w, k, examples);
        usable = usable && is_usable(&r);
        for (int p = 0; p < GM_PROBLEMS; p++) {
            for (int64_t i = 0; i < r.count[p] && i < examples; i++) free(r.example[p][i]);
            free(r.example[p]);
        }
        if (bad) return failed(e);
        first += gm_data_set_size(w->data, k);
    }
    if (gm_data_left_out(w->data))
        printf("phrases left out, overlapping another one: %lld\n",
               (long long)gm_data_left_out(w->data));
    return usable ? 0 : 1;
}

int cmd_data(int argc, char **argv)
{
    data_options o = { .count = 8, .examples = 3, .out = "out/preview" };
    const option_group group = { "Options", ROWS, sizeof ROWS / sizeof *ROWS, &o };
    data_work w = { 0 };
    gm_error e = { "" };
    int n;
    int r = options_parse(&DATA, &group, 1, argc, argv, &n);
    if (r != PARSED) return r;
    bool preview = !strcmp(argv[0], "preview");
    if (!preview && strcmp(argv[0], "check") != 0)
        return misuse(&DATA, "wanted check or preview, found '%s'", argv[0]);
    if (preview && !o.model) return misuse(&DATA, "preview wants --model DIR, for its tokens");
    int status = 1;
    if (open_work(&w, &o, argv + 1, n - 1, &e) != 0) failed(&e);
    else if (!preview) status = check(&w, o.examples, &e);
    else if (data_preview(&w, o.count, o.out, &e) != 0) failed(&e);
    else status = 0;
    close_work(&w);
    return status;
}
