/* See verify.h.  POSIX: processes, pipes, pages.  Outside code runs in children alone: the parent
 * never loads it, nor enters OpenMP before it forks. */
#include "verify.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "../ref/bridge.h"
#include "../ref/plugin.h"
#include "verify_process.h"

enum { LOST_CHILDREN = 3 };

/* ---- in the child ---- */

/* 1 when word stands in a list separated by blanks. */
static int listed(const char *list, const char *word)
{
    size_t n = strlen(word);
    for (const char *at = list; at && (at = strstr(at, word)); at += n)
        if ((at == list || at[-1] == ' ') && (at[n] == 0 || at[n] == ' ')) return 1;
    return 0;
}

/* The source's own table and what it says of itself; NULL with t->error. */
static const gm_kernels *own_table(const verify_source *s, gm_engine *g, const gm_plugin **p,
                                   verify_table *t)
{
    static gm_kernels built_in;
    gm_error e = { "" };
    const gm_kernels *own = NULL;
    *p = s->library ? gm_plugin_load(s->library, &e) : NULL;
    bool device = s->library ? *p && (*p)->device : strncmp(s->backend, "cuda", 4) == 0;
    if (device && !g->library &&
        gm_backend_open(&built_in, g, s->library ? "cuda" : s->backend, &e)) {
        snprintf(t->error, sizeof t->error, "%.500s", e.text);
        return NULL;
    }
    if (*p) own = (*p)->kernels;
    else if (device) own = g->device.kernels;
    else if (!s->library) own = strcmp(s->backend, "cpu") ? gm_kernels_ref() : gm_kernels_cpu();
    snprintf(t->error, sizeof t->error, "%.500s", e.text);
    if (device) snprintf(t->device, sizeof t->device, "%s", g->device.description);
    return own;
}

static int load(const verify_source *s, const gm_kernels *under, gm_engine *g, bool whole,
                gm_kernels *k, verify_table *t)
{
    const gm_plugin *p;
    const gm_kernels *own = own_table(s, g, &p, t);
    if (!own) return -1;
    snprintf(t->name, sizeof t->name, "%.60s", own->name ? own->name : "(no name)");
    t->precision = p ? p->precision : s->backend && strstr(s->backend, "bf16") ? GM_BF16 : GM_F32;
    for (int i = 0; i < ops_count(); i++) {
        t->filled[i] = (unsigned char)ops_has(own, ops_name(i));
        t->unsteady[i] = (unsigned char)(p && listed(p->nondeterministic, ops_name(i)));
    }
    gm_kernels_inherit(k, own, under);
    if (whole || !t->device[0]) return 0;
    gm_bridge_to_device(own, &g->device.memory);
    *k = *gm_bridge();
    return 0;
}

int verify_load(const verify_source *s, const gm_kernels *under, gm_kernels *k, verify_table *t)
{
    static gm_engine engine;            /* the process's one device, until it ends */
    return load(s, under, &engine, false, k, t);
}

int verify_load_whole(const verify_source *s, const gm_kernels *under, const gm_engine *g,
                      gm_kernels *k, verify_table *t)
{
    gm_engine engine = *g;
    return load(s, under, &engine, true, k, t);
}

/* Moves an input to the end of a page that is followed by one which cannot be read: reading past
 * the end is a crash.  Returns what to unmap, NULL when out of memory. */
static char *fence(ops_input *in, size_t *bytes)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE), whole = (in->bytes + page - 1) / page * page;
    char *p = mmap(NULL, whole + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED) return NULL;
    *bytes = whole + page;
    if (mprotect(p + whole, page, PROT_NONE)) {
        munmap(p, *bytes);
        return NULL;
    }
    memset(p, 0xff, whole - in->bytes);             /* NaN in front of it */
    in->data = memcpy(p + whole - in->bytes, in->data, in->bytes);
    return p;
}

static void keep(void *user, const ops_report *r)
{
    verify_note *n = user;
    n->torch = r->c;
    n->oracle = r->other;
    snprintf(n->torch_out, sizeof n->torch_out, "%s", r->out ? r->out : "");
    snprintf(n->oracle_out, sizeof n->oracle_out, "%s", r->other_out ? r->other_out : "");
    snprintf(n->error, sizeof n->error, "%s", r->error);
}

static void run_case(const gm_kernels *k, const gm_kernels *oracle, const ops_cases *cases,
                     const ops_terms *terms, int bench, verify_note *n)
{
    ops_case c;
    char *page[OPS_INPUTS] = { 0 };
    size_t bytes[OPS_INPUTS] = { 0 };
    int bad = ops_case_load(&c, cases, n->index);
    for (int i = 0; !bad && i < c.ninputs; i++) {
        page[i] = fence(&c.input[i], &bytes[i]);
        if (!page[i]) bad = snprintf(c.error, sizeof c.error, "out of memory");
    }
    if (bad) snprintf(n->error, sizeof n->error, "%s", c.error);
    else if (ops_run_case(k, oracle, &c, terms, keep, n) && bench) verify_time(k, &c, n);
    for (int i = 0; i < c.ninputs; i++)
        if (page[i]) munmap(page[i], bytes[i]);
    ops_case_free(&c);
}

/* 1 when case i is one of op's, and the only one if that is named. */
static int belongs(const ops_cases *cases, size_t i, const char *op, const char *only)
{
    json_t *j = json_array_get(cases->list, i);
    const char *its = json_string_value(json_object_get(j, "op")),
               *name = json_string_value(json_object_get(j, "case"));
    return its && name && !strcmp(its, op) && (!only || !strcmp(name, only));
}

typedef struct {
    const verify_source *s;
    const ops_cases *cases;
    const char *op, *only;
    size_t from;
    ops_terms terms;
} work;

static void child_inspect(const void *user, int to)
{
    const work *w = user;
    verify_table t = { .error = "" };
    gm_kernels k;
    verify_load(w->s, gm_kernels_ref(), &k, &t);
    verify_send(to, &t, sizeof t);
}

static void child_op(const void *user, int to)
{
    const work *w = user;
    verify_table t = { .error = "" };
    gm_kernels k;
    if (verify_load(w->s, gm_kernels_ref(), &k, &t)) return;
    int self = !w->s->library && !strcmp(w->s->backend, "ref");
    for (size_t i = w->from; i < json_array_size(w->cases->list); i++) {
        if (!belongs(w->cases, i, w->op, w->only)) continue;
        verify_note n = { .index = (int64_t)i, .begun = 1 };
        verify_send(to, &n, sizeof n);
        n.begun = 0;
        run_case(&k, self ? NULL : gm_kernels_ref(), w->cases, &w->terms, w->s->bench, &n);
        verify_send(to, &n, sizeof n);
    }
    verify_send(to, &(verify_note){ .index = -1 }, sizeof(verify_note));
}

/* ---- in the parent ---- */

int verify_inspect(const verify_source *s, verify_table *t)
{
    verify_process c;
    char how[200];
    work w = { .s = s };
    *t = (verify_table){ .error = "" };
    if (verify_start(&c, child_inspect, &w))
        snprintf(t->error, sizeof t->error, "cannot start a process");
    else {
        int got = verify_receive(&c, t, sizeof *t, s->limit);
        verify_finish(&c, got < 0, s->limit, how, sizeof how);
        if (got != 1)
            snprintf(t->error, sizeof t->error, "%.200s: loading it: %.200s",
                     s->library ? s->library : "", how);
    }
    return t->error[0] ? -1 : 0;
}

static void lost(verify_fn report, void *user, size_t index, const char *how)
{
    verify_note n = { .index = (int64_t)index };
    snprintf(n.error, sizeof n.error, "%s", how);
    report(user, &n);
}

/* One child, from case w->from on; returns the first case that it did not settle. */
static size_t run_child(const work *w, verify_fn report, void *user, int *deaths)
{
    verify_process c;
    verify_note n;
    size_t next = w->from, all = json_array_size(w->cases->list);
    int got = 0, complete = 0;
    char how[200] = "cannot start a process";
    if (!verify_start(&c, child_op, w)) {
        while (!complete && (got = verify_receive(&c, &n, sizeof n, w->s->limit)) == 1) {
            if (n.index < 0) complete = 1;
            else next = (size_t)n.index + !n.begun;
            if (!complete && !n.begun) report(user, &n);
        }
        verify_finish(&c, got < 0, w->s->limit, how, sizeof how);
    }
    if (complete) return all;
    ++*deaths;
    while (next < all && !belongs(w->cases, next, w->op, w->only)) next++;
    if (next < all) lost(report, user, next, how);
    return next + 1;
}

void verify_op(const verify_source *s, const verify_table *t, const ops_cases *cases,
               const char *op, const char *only, verify_fn report, void *user)
{
    work w = { .s = s, .cases = cases, .op = op, .only = only, .terms.precision = t->precision };
    int deaths = 0;
    for (int i = 0; i < ops_count(); i++)
        if (!strcmp(ops_name(i), op)) w.terms.unsteady = t->unsteady[i];
    while (w.from < json_array_size(cases->list) && deaths < LOST_CHILDREN)
        w.from = run_child(&w, report, user, &deaths);
    for (; w.from < json_array_size(cases->list); w.from++)
        if (belongs(cases, w.from, op, only))
            lost(report, user, w.from, "not run: this op has crashed or hung too often");
}
