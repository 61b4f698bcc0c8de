/* See eval_run.h. */
#include "eval_run.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "../io/os.h"
#include "result.h"

/* DIR/PREFIX + ID + SUFFIX, malloc'ed. */
static char *path_of(const char *folder, const char *prefix, const char *id, const char *suffix)
{
    size_t n = strlen(prefix) + strlen(id) + strlen(suffix) + 1;
    char *name = malloc(n), *path = NULL;
    if (name) {
        snprintf(name, n, "%s%s%s", prefix, id, suffix);
        path = gm_path_join(folder, name);
    }
    free(name);
    return path;
}

/* ---- asking ---- */

static int look_at(eval_worker *w, const char *path, gm_error *e)
{
    if (!w->model) {
        gm_model_options o = settings_model(&w->call->ms, terminal_log, &w->call->t);
        w->model = gm_model_open(w->call->o.model, &o, e);
        w->hopeless = !w->model;
        if (!w->model) return -1;
    }
    if (w->session && strcmp(w->shown, path) == 0) return 0;
    gm_session_free(w->session);
    gm_image_free(&w->image);
    free(w->shown);
    w->session = NULL;
    w->image = (gm_image){ 0 };
    w->shown = gm_copy_text(path);
    if (!w->shown) return gm_fail(e, "%s: out of memory", path);
    if (gm_image_read(&w->image, path, e) != 0) return -1;
    w->session = gm_session_new(w->model, &w->image, e);
    return w->session ? 0 : -1;
}

gm_answer *eval_ask(eval_worker *w, const question *q, gm_error *e)
{
    gm_ask how = question_ask(q, &w->call->as);
    how.on_stage = terminal_stage;
    how.user = &w->call->t;
    gm_session_reset(w->session);
    return gm_session_ask(w->session, &how, e);
}

char *eval_image_path(const eval_call *c, const char *file, const char *id)
{
    static const char *const ends[] = { ".jpg", ".png", ".jpeg", ".JPG", ".bmp", ".ppm" };
    if (file) return gm_path_join(c->o.images, file);
    for (size_t k = 0; k < sizeof ends / sizeof *ends; k++) {
        char *path = path_of(c->o.images, "", id, ends[k]);
        if (!path || gm_is_file(path)) return path;
        free(path);
    }
    return path_of(c->o.images, "", id, ends[0]);           /* which is then named as missing */
}

json_t *eval_mask_json(const gm_answer *a, int64_t k, gm_error *e)
{
    char *counts = gm_rle_from_logits(a->mask[k].logits, a->height, a->width, e);
    if (!counts) return NULL;
    json_t *o = json_pack("{s[I,I] ss}", "size", (json_int_t)a->height, (json_int_t)a->width,
                          "counts", counts);
    free(counts);
    if (!o) gm_fail(e, "out of memory for a mask");
    return o;
}

json_t *eval_id_json(const char *id)
{
    char *end, again[32];
    long long v = strtoll(id, &end, 10);
    snprintf(again, sizeof again, "%lld", v);
    return strcmp(again, id) == 0 ? json_integer(v) : json_string(id);
}

/* ---- files ---- */

/* One item on its way: its question, what is recorded of it, and its files. */
typedef struct { eval_question q; json_t *request; char *path, *lock; } ticket;

static void ticket_free(ticket *k)
{
    free(k->q.image);
    json_decref(k->request);
    free(k->path);
    free(k->lock);
}

static int ticket_make(ticket *k, eval_call *c, const eval_job *j, int64_t i, gm_error *e)
{
    *k = (ticket){ 0 };
    if (j->question(j->user, i, &k->q, e) != 0) return -1;
    if (strchr(k->q.id, '/') || k->q.id[0] == '.')
        return gm_fail(e, "%s: this id cannot name a file", k->q.id);
    k->path = path_of(c->o.pred, "", k->q.id, ".json");
    k->lock = path_of(c->o.pred, ".", k->q.id, ".lock");
    if (!k->path || !k->lock || !k->q.image) return gm_fail(e, "%s: out of memory", k->q.id);
    k->request = request_json(c->o.model, k->q.image, &c->ms, &c->as, &k->q.q, 0, e);
    if (!k->request) return -1;
    if (k->q.how && json_object_set_new(k->request, "how", json_string(k->q.how)) != 0)
        return gm_fail(e, "%s: out of memory", k->q.id);
    return 0;
}

/* Is the file there, and this version's answer to this very request?  A file that this program did
 * not write is an error: it is never replaced. */
static int is_there(const ticket *k, bool *there, gm_error *e)
{
    *there = false;
    if (!gm_is_file(k->path)) return 0;
    json_t *o = json_load_file(k->path, 0, NULL), *request = json_object_get(o, "request");
    const char *version = json_string_value(json_object_get(o, "glamm"));
    bool ours = request != NULL;
    /* compared as written: a number that was read back may differ in its last digits */
    char *want = json_dumps(k->request, JSON_SORT_KEYS | JSON_REAL_PRECISION(15));
    char *found = request ? json_dumps(request, JSON_SORT_KEYS | JSON_REAL_PRECISION(15)) : NULL;
    *there = version && want && found && !strcmp(version, GM_VERSION) && !strcmp(want, found);
    free(want);
    free(found);
    json_decref(o);
    return ours ? 0 : gm_fail(e, "%s: is there, and not written by glamm eval; choose another "
                              "folder for --pred", k->path);
}

static int write_prediction(const ticket *k, json_t *o, gm_error *e)
{
    gm_writer w;
    int bad = json_object_set_new(o, "glamm", json_string(GM_VERSION)) ||
              json_object_set(o, "request", k->request);
    if (bad) return gm_fail(e, "%s: out of memory", k->path);
    if (gm_create(&w, k->path, e) != 0) return -1;
    json_dumpf(o, w.file, JSON_COMPACT | JSON_REAL_PRECISION(15));
    fputc('\n', w.file);
    return gm_commit(&w, e);
}

static int answer(eval_worker *w, const eval_job *j, int64_t i, const ticket *k, gm_error *e)
{
    char label[64];
    snprintf(label, sizeof label, "%lld of %lld", (long long)w->number, (long long)w->total);
    terminal_begin(&w->call->t, label, k->q.image, 0);
    int bad = look_at(w, k->q.image, e);
    json_t *o = bad ? NULL : j->answer(j->user, i, w, e);
    terminal_end(&w->call->t);
    bad = o ? write_prediction(k, o, e) : -1;
    json_decref(o);
    return bad;
}

/* ---- all of them ---- */

/* The place of this process among those that were started together: MPI's, torchrun's, Slurm's
 * variables; no MPI is linked. */
static void find_rank(int64_t *rank, int64_t *size)
{
    static const char *const names[][2] = { { "OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE" },
        { "PMI_RANK", "PMI_SIZE" }, { "RANK", "WORLD_SIZE" }, { "SLURM_PROCID", "SLURM_NTASKS" } };
    *rank = 0;
    *size = 1;
    for (size_t k = 0; k < sizeof names / sizeof *names; k++) {
        const char *r = getenv(names[k][0]), *s = getenv(names[k][1]);
        if (!r || !s) continue;
        *size = strtoll(s, NULL, 10);
        *rank = strtoll(r, NULL, 10);
        if (*size < 1 || *rank < 0 || *rank >= *size) *rank = 0, *size = 1;
        return;
    }
}

typedef enum { TO_DO, DONE, FAILED } state;
typedef struct { int64_t made, kept, failed, busy; char lock[400]; } tally;

/* Item i, unless another process has it. */
static void one_item(tally *t, eval_worker *w, const eval_job *j, int64_t i, state *s)
{
    ticket k;
    gm_error e = { "" };
    bool redo = w->call->o.redo, there = false;
    int bad = ticket_make(&k, w->call, j, i, &e) || is_there(&k, &there, &e);
    int mine = bad || (there && !redo) ? -2 : gm_claim(k.lock, &e);
    if (mine == -1) bad = 1;
    if (mine == 0 && !t->busy++) snprintf(t->lock, sizeof t->lock, "%s", k.lock);
    if (mine == 1) {
        bad = is_there(&k, &there, &e);                     /* made meanwhile? */
        if (!bad && (redo || !there)) {
            bad = answer(w, j, i, &k, &e);
            t->made += !bad;
            there = false;
        }
        gm_release(k.lock);
    }
    if (!bad && mine) *s = DONE;
    t->kept += !bad && mine && there;
    if (bad) {
        terminal_clear(&w->call->t);
        fprintf(stderr, "glamm eval: %s\n", e.text);
        *s = FAILED;
        t->failed++;
    }
    ticket_free(&k);
}

/* Goes through all items until none is left to do; those of other processes are waited for. */
static void all_items(tally *t, eval_worker *w, const eval_job *j, state *s, int64_t first)
{
    bool told = false;
    for (;;) {
        t->busy = 0;
        for (int64_t n = 0; n < j->n && !w->hopeless; n++) {
            int64_t i = (first + n) % j->n;
            w->number = n + 1;
            if (s[i] == TO_DO) one_item(t, w, j, i, &s[i]);
        }
        if (!t->busy || w->hopeless) return;
        if (!told && w->call->t.notes)
            fprintf(stderr, "waiting for %lld of other processes (%s)\n", (long long)t->busy,
                    t->lock);
        told = true;
        gm_sleep(0.5);
    }
}

int eval_predict(eval_call *c, const eval_job *j)
{
    int64_t rank, size;
    tally t = { 0 };
    gm_error e = { "" };
    eval_worker w = { .call = c, .total = j->n };
    state *s = calloc((size_t)j->n + 1, sizeof *s);
    find_rank(&rank, &size);
    if (!gm_is_dir(c->o.images))
        gm_fail(&e, "%s: wanted a folder of images, found none", c->o.images);
    if (!s) gm_fail(&e, "out of memory for %lld items", (long long)j->n);
    if (e.text[0] || gm_make_dir(c->o.pred, &e) != 0) {
        free(s);
        return eval_failed(&e);
    }
    terminal_open(&c->t, c->ms.quiet, false);
    all_items(&t, &w, j, s, rank * j->n / size);
    terminal_clear(&c->t);
    if (c->t.notes && (t.made || t.kept))
        fprintf(stderr, "%lld answered, %lld complete already in %s\n", (long long)t.made,
                (long long)t.kept, c->o.pred);
    if (t.failed) fprintf(stderr, "glamm eval: %lld of %lld failed\n", (long long)t.failed,
                          (long long)j->n);
    c->failed = t.failed > 0;
    gm_session_free(w.session);
    gm_model_free(w.model);
    gm_image_free(&w.image);
    free(w.shown);
    free(s);
    if (w.hopeless) return 1;
    return rank ? EVAL_DONE : 0;
}
