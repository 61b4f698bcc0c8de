/* See verify.h.  POSIX: processes, pipes, pages.  Outside code runs in children alone: the parent
 * never loads it, nor enters OpenMP before it forks. */
#include "verify.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "../io/os.h"
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

typedef struct {
    const verify_source *s;
    const ops_cases *cases;
    const char *op, *only;
    size_t from;
    ops_terms terms;
} work;

/* Pages between two that cannot be touched: room for `bytes` at the end (or, full, the start). */
typedef struct { char *at; size_t page, whole; } walled;

/* 0, or -1 when out of memory. */
static int walls_new(walled *w, size_t bytes)
{
    w->page = (size_t)sysconf(_SC_PAGESIZE);
    w->whole = (bytes + w->page - 1) / w->page * w->page;
    w->at = mmap(NULL, w->whole + 2 * w->page, PROT_READ | PROT_WRITE,
                 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (w->at == MAP_FAILED) w->at = NULL;
    return w->at && !mprotect(w->at, w->page, PROT_NONE) &&
           !mprotect(w->at + w->page + w->whole, w->page, PROT_NONE) ? 0 : -1;
}

static void walls_free(walled *w)
{
    if (w->at) munmap(w->at, w->whole + 2 * w->page);
}

static char *end_of(const walled *w, size_t bytes) { return w->at + w->page + w->whole - bytes; }

/* Moves an input to the end of its pages, NaN in front of it: reading behind it is a crash. */
static int fence(ops_input *in, walled *w)
{
    if (walls_new(w, in->bytes)) return -1;
    memset(w->at + w->page, 0xff, w->whole - in->bytes);
    in->data = memcpy(end_of(w, in->bytes), in->data, in->bytes);
    return 0;
}

/* One more call, for what a wall alone can show: inputs from the start of their pages on, outputs
 * at the end of theirs.  Reading before an input, or touching what lies behind an output and
 * leaving its bits, is a crash. */
static void run_at_the_walls(const gm_kernels *k, ops_case *c, const walled *input, verify_note *n)
{
    walled output[OPS_OUTPUTS] = { { NULL, 0, 0 } };
    void *scratch = gm_aligned_alloc(ops_scratch(k, c) + 64);
    int bad = !scratch;
    for (int i = 0; i < c->ninputs; i++) {
        size_t bytes = c->input[i].bytes;
        char *start = input[i].at + input[i].page;
        c->input[i].data = memmove(start, c->input[i].data, bytes);
        memset(start + bytes, 0xff, input[i].whole - bytes);
    }
    for (int o = 0; o < c->noutputs; o++) {
        size_t bytes = (size_t)c->output[o].n * 4;
        const ops_input *held = ops_in(c, c->output[o].name);
        if (walls_new(&output[o], bytes)) bad = 1;
        else c->output[o].data = end_of(&output[o], bytes);
        if (!bad && held) memcpy(c->output[o].data, held->data, held->bytes);
    }
    if (bad) snprintf(n->error, sizeof n->error, "out of memory");
    else if (ops_call(k, c, scratch))
        snprintf(n->error, sizeof n->error, "returned another status the third time");
    for (int o = 0; o < c->noutputs; o++) walls_free(&output[o]);
    free(scratch);
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

static void run_case(const gm_kernels *k, const gm_kernels *oracle, const work *w, int on_device,
                     verify_note *n)
{
    ops_case c;
    walled input[OPS_INPUTS] = { { NULL, 0, 0 } };
    int bad = ops_case_load(&c, w->cases, n->index);
    for (int i = 0; !bad && i < c.ninputs; i++)
        if (fence(&c.input[i], &input[i])) bad = snprintf(c.error, sizeof c.error, "out of memory");
    if (bad) snprintf(n->error, sizeof n->error, "%s", c.error);
    else if (ops_run_case(k, oracle, &c, &w->terms, keep, n)) {
        if (w->s->bench && !on_device) verify_time(k, &c, n);
        if (w->s->bench && on_device) verify_time_on_device(&c, n);
        if (!on_device) run_at_the_walls(k, &c, input, n);
    }
    for (int i = 0; i < c.ninputs; i++) walls_free(&input[i]);
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
        run_case(&k, self ? NULL : gm_kernels_ref(), w, t.device[0] != 0, &n);
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
