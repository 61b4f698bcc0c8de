/* See verify.h: a golden model with outside kernels in place, in a child process. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "../io/os.h"
#include "golden_run.h"
#include "verify.h"
#include "verify_process.h"

typedef struct {
    const verify_source *s;
    const char *folder;
    bool on_device;
    char *const *names;                 /* cases, from the first that is to run */
    int64_t n;
} work;

static void say(verify_whole_note *n, const char *what)
{
    n->failed = 1;
    snprintf(n->why, sizeof n->why, "%.290s", what);
}

/* Rows stand in the order in which the model computes. */
static void summarise(const golden_report *r, verify_whole_note *n)
{
    n->passed = r->passed;
    n->failed = r->failed;
    if (r->broken) say(n, "out of memory");
    for (int64_t i = 0; i < r->rows; i++) {
        const golden_row *w = &r->row[i];
        if (w->passed) {
            if (w->ratio > n->ratio) n->ratio = w->ratio;
            continue;
        }
        snprintf(n->first, sizeof n->first, "%.190s", *w->tensor ? w->tensor : "(the case)");
        snprintf(n->why, sizeof n->why, "%.290s", w->why);
        n->ratio = w->ratio;
        return;
    }
}

static void run_case(const gm_model *m, const char *folder, verify_whole_note *n)
{
    golden_report r = { .cached = true };
    golden_case g;
    gm_error e = { "" };
    if (golden_case_open(&g, folder, n->name, &e)) say(n, e.text);
    else {
        golden_run(&r, m, &g);
        golden_case_close(&g);
        summarise(&r, n);
    }
    golden_free(&r);
}

static void child(const void *user, int to)
{
    const work *w = user;
    gm_error e = { "" };
    verify_table t = { .error = "" };
    gm_kernels under, k;
    char *model = gm_path_join(w->folder, "model"), *cases = gm_path_join(w->folder, "cases");
    const char *backend = w->on_device ? w->s->library ? "cuda" : w->s->backend : "cpu";
    gm_model *m = model ? gm_model_open(model, &(gm_model_options){ .backend = backend }, &e) : NULL;
    if (m) under = m->kernels;
    int bad = !m || verify_load_whole(w->s, &under, &m->engine, &k, &t);
    if (!bad) m->kernels = k;
    for (int64_t i = 0; i < w->n; i++) {
        verify_whole_note n = { .begun = 1 };
        snprintf(n.name, sizeof n.name, "%.60s", w->names[i]);
        verify_send(to, &n, sizeof n);
        n.begun = 0;
        if (bad) say(&n, m ? t.error : e.text);
        else run_case(m, cases, &n);
        verify_send(to, &n, sizeof n);
    }
    gm_model_free(m);
    free(model);
    free(cases);
}

/* Names of the cases in place, less ".json"; how many.  only: that one. */
static int64_t case_names(char **names, int64_t n, const char *only)
{
    int64_t cases = 0;
    for (int64_t i = 0; i < n; i++) {
        size_t length = strlen(names[i]);
        if (length < 6 || strcmp(names[i] + length - 5, ".json")) continue;
        names[i][length - 5] = 0;
        if (only && strcmp(only, names[i])) continue;
        char *swap = names[cases];
        names[cases++] = names[i];
        names[i] = swap;
    }
    return cases;
}

int verify_whole(const verify_source *s, const verify_table *t, const char *folder,
                 const char *only, verify_whole_fn report, void *user,
                 gm_error *e)
{
    char *cases = gm_path_join(folder, "cases"), **names = NULL;
    int64_t all = 0;
    if (!cases || gm_list_dir(cases, &names, &all, e)) {
        free(cases);
        return -1;
    }
    work w = { s, folder, t->device[0] != 0, names, case_names(names, all, only) };
    while (w.n > 0) {
        verify_process c;
        verify_whole_note n = { .begun = 0 };
        int got = 0;
        char how[200] = "cannot start a process";
        if (!verify_start(&c, child, &w)) {
            while (w.n > 0 && (got = verify_receive(&c, &n, sizeof n, s->limit)) == 1)
                if (!n.begun) {
                    report(user, &n);
                    w.names++;
                    w.n--;
                }
            verify_finish(&c, got < 0, s->limit, how, sizeof how);
        }
        if (w.n == 0) break;
        n = (verify_whole_note){ .failed = 1 };
        snprintf(n.name, sizeof n.name, "%.60s", *w.names++);
        w.n--;
        say(&n, how);
        report(user, &n);
    }
    gm_free_list(names, all);
    free(cases);
    return 0;
}
