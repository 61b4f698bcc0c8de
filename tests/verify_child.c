/* See verify.h.  POSIX: processes, pipes, pages.  Outside code runs in children alone: the parent
 * never loads it, nor enters OpenMP before it forks. */
#include "verify.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include "../ref/backend.h"
#include "../ref/plugin.h"

enum { LOST_CHILDREN = 3 };

/* ---- in the child ---- */

static void send_all(int to, const void *what, size_t bytes)
{
    const char *p = what;
    while (bytes > 0) {
        ssize_t n = write(to, p, bytes);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) _exit(3);
        p += n;
        bytes -= (size_t)n;
    }
}

/* 1 when word stands in a list separated by blanks. */
static int listed(const char *list, const char *word)
{
    size_t n = strlen(word);
    for (const char *at = list; at && (at = strstr(at, word)); at += n)
        if ((at == list || at[-1] == ' ') && (at[n] == 0 || at[n] == ' ')) return 1;
    return 0;
}

/* The whole table, and what there is to say of it. */
static int load(const verify_source *s, gm_kernels *k, verify_table *t)
{
    gm_error e = { "" };
    const gm_plugin *p = s->library ? gm_plugin_load(s->library, &e) : NULL;
    const gm_kernels *own = p ? p->kernels : s->library ? NULL
                          : strcmp(s->backend, "cpu") ? gm_kernels_ref() : gm_kernels_cpu();
    if (!own) {
        snprintf(t->error, sizeof t->error, "%.500s", e.text);
        return -1;
    }
    gm_kernels_inherit(k, own, gm_kernels_ref());
    snprintf(t->name, sizeof t->name, "%.60s", own->name ? own->name : "(no name)");
    t->precision = p ? p->precision : GM_F32;
    for (int i = 0; i < ops_count(); i++) {
        t->filled[i] = (unsigned char)ops_has(own, ops_name(i));
        t->unsteady[i] = (unsigned char)(p && listed(p->nondeterministic, ops_name(i)));
    }
    return 0;
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
    in->data = memcpy(p + whole - in->bytes, in->data, in->bytes);
    return p;
}

static void keep(void *user, const ops_report *r)
{
    verify_note *n = user;
    n->torch = r->c;
    n->oracle = r->other;
    snprintf(n->error, sizeof n->error, "%s", r->error);
}

static void run_case(const gm_kernels *k, const gm_kernels *oracle, const ops_cases *cases,
                     const ops_terms *terms, verify_note *n)
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
    else ops_run_case(k, oracle, &c, terms, keep, n);
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

static void child_inspect(const work *w, int to)
{
    verify_table t = { .error = "" };
    gm_kernels k;
    load(w->s, &k, &t);
    send_all(to, &t, sizeof t);
}

static void child_op(const work *w, int to)
{
    verify_table t = { .error = "" };
    gm_kernels k;
    if (load(w->s, &k, &t)) return;
    int self = !w->s->library && !strcmp(w->s->backend, "ref");
    for (size_t i = w->from; i < json_array_size(w->cases->list); i++) {
        if (!belongs(w->cases, i, w->op, w->only)) continue;
        verify_note n = { .index = (int64_t)i, .begun = 1 };
        send_all(to, &n, sizeof n);
        n.begun = 0;
        run_case(&k, self ? NULL : gm_kernels_ref(), w->cases, &w->terms, &n);
        send_all(to, &n, sizeof n);
    }
    send_all(to, &(verify_note){ .index = -1 }, sizeof(verify_note));
}

/* ---- in the parent ---- */

typedef struct { pid_t pid; int from; } child;

static int start(child *c, void (*job)(const work *, int), const work *w)
{
    int ends[2];
    fflush(NULL);
    if (pipe(ends)) return -1;
    c->pid = fork();
    if (c->pid == 0) {
        close(ends[0]);
        dup2(2, 1); /* what a kernel prints is no part of the report */
        setrlimit(RLIMIT_CORE, &(struct rlimit){ 0, 0 });
        job(w, ends[1]);
        _exit(0);
    }
    close(ends[1]);
    c->from = ends[0];
    if (c->pid < 0) close(ends[0]);
    return c->pid < 0 ? -1 : 0;
}

/* Fills p; 1 done, 0 the child ended before that, -1 silent for longer than limit seconds. */
static int receive(const child *c, void *p, size_t bytes, double limit)
{
    for (size_t have = 0; have < bytes;) {
        struct pollfd f = { .fd = c->from, .events = POLLIN };
        int ready = poll(&f, 1, (int)(limit * 1000));
        if (ready < 0 && errno == EINTR) continue;
        if (ready == 0) return -1;
        ssize_t n = ready < 0 ? -1 : read(c->from, (char *)p + have, bytes - have);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return 0;
        have += (size_t)n;
    }
    return 1;
}

/* Ends the child if it still runs, and says in error how it ended. */
static void finish(child *c, int silent, double limit, char *error, size_t size)
{
    int status = 0;
    close(c->from);
    if (silent) kill(c->pid, SIGKILL);
    while (waitpid(c->pid, &status, 0) < 0 && errno == EINTR) continue;
    if (silent) snprintf(error, size, "did not return within %g s", limit);
    else if (WIFSIGNALED(status))
        snprintf(error, size, "crashed: %s%s", strsignal(WTERMSIG(status)),
                 WTERMSIG(status) == SIGSEGV || WTERMSIG(status) == SIGBUS
                 ? " (no memory lies behind an input's last element)" : "");
    else snprintf(error, size, "ended the process with exit status %d", WEXITSTATUS(status));
}

int verify_inspect(const verify_source *s, verify_table *t)
{
    child c;
    char how[200];
    work w = { .s = s };
    *t = (verify_table){ .error = "" };
    if (start(&c, child_inspect, &w))
        snprintf(t->error, sizeof t->error, "cannot start a process: %s", strerror(errno));
    else {
        int got = receive(&c, t, sizeof *t, s->limit);
        finish(&c, got < 0, s->limit, how, sizeof how);
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
    child c;
    verify_note n;
    size_t next = w->from, all = json_array_size(w->cases->list);
    int got = 0, complete = 0;
    char how[200] = "cannot start a process";
    if (!start(&c, child_op, w)) {
        while (!complete && (got = receive(&c, &n, sizeof n, w->s->limit)) == 1) {
            if (n.index < 0) complete = 1;
            else next = (size_t)n.index + !n.begun;
            if (!complete && !n.begun) report(user, &n);
        }
        finish(&c, got < 0, w->s->limit, how, sizeof how);
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
