/* glamm run with a text model: one prompt, its answer on stdout. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "../io/os.h"
#include "result.h"
#include "terminal.h"

static json_t *list(const int32_t *ids, int64_t n)
{
    json_t *a = json_array();
    for (int64_t i = 0; i < n; i++) json_array_append_new(a, json_integer(ids[i]));
    return a;
}

static int print_json(const char *model, const char *prompt, const gm_answer *a, double seconds)
{
    json_t *r = json_pack("{ss ss ss ss so so ss sf}", "glamm", GM_VERSION, "model", model,
                          "prompt", prompt, "answer", a->caption, "prompt_ids",
                          list(a->prompt_ids, a->nprompt_ids), "ids", list(a->ids, a->nids),
                          "finish", a->finished ? "end" : "length", "seconds", seconds);
    int bad = !r || json_dumpf(r, stdout, JSON_COMPACT | JSON_REAL_PRECISION(15)) != 0;
    if (bad) fprintf(stderr, "glamm run: out of memory, or the prompt is not UTF-8\n");
    else putchar('\n');
    json_decref(r);
    return bad ? 1 : 0;
}

static void print_times(const gm_answer *a, double total)
{
    for (int i = 0; i < a->ntimings; i++)
        fprintf(stderr, "%s %.3f s, ", a->timing[i].stage, a->timing[i].seconds);
    fprintf(stderr, "%lld tokens, total %.3f s\n", (long long)a->nids, total);
}

int run_text(const char *path, const model_settings *ms, const ask_settings *as, bool json)
{
    gm_error e = { "" };
    terminal t = { 0 };
    terminal_open(&t, ms->quiet, !json);
    gm_model_options o = settings_model(ms, terminal_log, &t);
    gm_model *m = gm_model_open(path, &o, &e);
    if (m && gm_model_sees(m)) gm_fail(&e, "%s: wanted an IMAGE with this model", path);
    gm_session *s = m && !e.text[0] ? gm_session_new(m, NULL, &e) : NULL;
    gm_ask how = question_ask(&(question){ .task = GM_CHAT, .text = as->prompt }, as);
    how.on_text = terminal_plain_text;
    how.on_stage = terminal_stage;
    how.user = &t;
    terminal_begin(&t, "", NULL, 0);
    double start = gm_seconds();
    gm_answer *a = s ? gm_session_ask(s, &how, &e) : NULL;
    double seconds = gm_seconds() - start;
    terminal_end(&t);
    int status = a ? 0 : 1;
    if (!a) fprintf(stderr, "glamm run: %s\n", e.text);
    else if (json) status = print_json(path, as->prompt, a, seconds);
    else if (!(t.stream && t.text)) puts(a->caption);
    if (a && ms->verbose) print_times(a, seconds);
    gm_answer_free(a);
    gm_session_free(s);
    gm_model_free(m);
    return status;
}
