/* See run.h. */
#include "run.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "../io/os.h"
#include "comm.h"
#include "curves.h"
#include "deal.h"
#include "export.h"
#include "init.h"
#include "state.h"
#include "validate.h"

/* A stage under way. */
typedef struct {
    gm_trainer t;
    gm_train_curves curves;
    const gm_train_options *o;
    const char *out;
    double started;             /* when the loop began, and the updates done by then */
    int64_t from;
    bool writes;                /* this process does */
} run;

static int write_file(const char *folder, const char *name, const char *text, gm_error *e)
{
    char *path = gm_path_join(folder, name);
    gm_writer w;
    int bad = path && text ? gm_create(&w, path, e) : gm_fail(e, "%s: out of memory", name);
    if (!bad) {
        fputs(text, w.file);
        bad = gm_commit(&w, e);
    }
    free(path);
    return bad;
}

/* ---- progress ---- */

static void say_start(const run *r)
{
    const gm_trainer *t = &r->t;
    const gm_train_config *o = t->o;
    char parts[60] = "";
    if (gm_comm_near()) snprintf(parts, sizeof parts, ", in %d processes", gm_comm_size());
    else if (gm_comm_size() > 1) snprintf(parts, sizeof parts, " a process");
    gm_train_say(&t->log, "%s%s%lld tensors train, %.2f M values; %lld updates of %lld x %lld "
                 "samples%s", o->stage, *o->stage ? ": " : "", (long long)t->ps.n,
                 (double)gm_params_count(&t->ps) / 1e6, (long long)o->updates,
                 (long long)o->accumulate, (long long)o->batch,
                 parts);
    for (int64_t i = 0; i < gm_data_sets(t->data); i++)
        gm_train_say(&t->log, "data: %s: %lld records (%s)", gm_data_set_line(t->data, i),
                     (long long)gm_data_set_size(t->data, i),
                     gm_set_kind_name(gm_data_set_kind(t->data, i)));
}

static const char *duration(double seconds, char buf[40])
{
    long long s = (long long)seconds;
    if (s >= 3600) snprintf(buf, 40, "%lld:%02lld:%02lld", s / 3600, s / 60 % 60, s % 60);
    else snprintf(buf, 40, "%lld:%02lld", s / 60, s % 60);
    return buf;
}

static void say_update(const run *r, const gm_train_report *p)
{
    const gm_trainer *t = &r->t;
    char left[40], masks[60] = "";
    double each = (gm_seconds() - r->started) / (double)(t->update - r->from);
    if (p->bce != 0 || p->dice != 0)
        snprintf(masks, sizeof masks, " bce %.4f dice %.4f", p->bce, p->dice);
    gm_train_say(&t->log, "update %lld/%lld %s: loss %.4f (ce %.4f%s) lr %.2e norm %.3f, %.2f "
                 "samples/s, %.0f tokens/s, %s left", (long long)t->update,
                 (long long)t->o->updates, gm_set_kind_name(p->kind), p->total, p->ce, masks,
                 p->rate, p->norm, (double)p->samples / p->seconds, (double)p->tokens / p->seconds,
                 duration(each * (double)(t->o->updates - t->update), left));
}

/* ---- what is written on the way ---- */

static bool due(int64_t update, int64_t every, int64_t last)
{
    return every > 0 && (update % every == 0 || update == last);
}

static int validate(run *r, double *loss, gm_error *e)
{
    gm_trainer *t = &r->t;
    gm_train_report v;
    char *folder = gm_path_join(r->out, "pictures");
    int bad = folder ? gm_validate(t, &v, e) : gm_fail(e, "out of memory");
    if (!bad && r->writes) bad = gm_validate_draw(t, folder, e);
    free(folder);
    if (bad) return -1;
    *loss = v.total;
    bool best = v.total < t->best;
    if (best) {
        t->best = v.total;
        t->best_update = t->update;
    }
    gm_train_say(&t->log, "validation after %lld: loss %.4f (ce %.4f bce %.4f dice %.4f) over %lld "
                 "records%s", (long long)t->update, v.total, v.ce, v.bce, v.dice,
                 (long long)v.samples, best ? ", the best so far" : "");
    return 0;
}

static int draw_curves(const run *r, gm_error *e)
{
    char *path = gm_path_join(r->out, "curves.png");
    int bad = path ? gm_curves_write(&r->curves, e) : gm_fail(e, "out of memory");
    if (!bad) bad = gm_curves_draw(&r->curves, path, e);
    free(path);
    return bad;
}

/* What the first process writes of what it has. */
static int write_all(const run *r, gm_error *e)
{
    const gm_trainer *t = &r->t;
    char best[60];
    if (!r->writes) return 0;
    if (draw_curves(r, e) != 0 || gm_state_save(t, r->out, e) != 0) return -1;
    snprintf(best, sizeof best, "update-%08lld\n", (long long)t->best_update);
    if (t->best_update == t->update && write_file(r->out, "best", best, e) != 0) return -1;
    gm_train_say(&t->log, "saved %s/update-%08lld", r->out, (long long)t->update);
    return 0;
}

static int save(run *r, gm_error *e)
{
    return gm_deal_moments(&r->t.ps, e) != 0 ? -1 : write_all(r, e);
}

/* A full disk must not end a long run: what is saved stays, and the next time may succeed.  A
 * process that is no more ends it. */
static int try_to_save(run *r, gm_error *e)
{
    gm_error why = { "" };
    if (gm_deal_moments(&r->t.ps, e) != 0) return -1;
    if (write_all(r, &why) != 0)
        gm_train_say(&r->t.log, "NOT SAVED: %s; going on, the checkpoint before stays", why.text);
    return 0;
}

/* ---- the loop ---- */

static int one_update(run *r, gm_error *e)
{
    gm_trainer *t = &r->t;
    const gm_train_config *o = t->o;
    gm_train_row row = { .val = NAN };
    if (gm_trainer_update(t, &row.r, e) != 0) return -1;
    row.update = t->update;
    if (r->writes) say_update(r, &row.r);
    bool checked = t->val && due(t->update, o->validate_every, o->updates);
    if (checked && validate(r, &row.val, e) != 0) return -1;
    if (gm_curves_add(&r->curves, &row, e) != 0) return -1;
    bool best = checked && t->best_update == t->update;
    if (t->update < o->updates && (best || due(t->update, o->save_every, o->updates)))
        return try_to_save(r, e);
    if (r->writes && due(t->update, o->plot_every, o->updates)) draw_curves(r, NULL);
    return 0;
}

/* How far the sums over the processes hide behind the backward pass. */
static void say_share(const run *r)
{
    if (!r->t.share) return;
    gm_share_report p = gm_share_last(r->t.share);
    gm_train_say(&r->t.log, "gradients of %d processes: %lld of %lld sums began before the last "
                 "gradient was complete; %.4f s waited for the rest (last update)",
                 gm_comm_size(), (long long)p.early, (long long)p.groups, p.seconds);
}

/* 0 at the end, 1 when interrupted, -1. */
static int loop(run *r, gm_error *e)
{
    gm_trainer *t = &r->t;
    r->started = gm_seconds();
    r->from = t->update;
    while (t->update < t->o->updates) {
        if (one_update(r, e) != 0) return -1;
        int stop = gm_comm_any(r->o->interrupted && r->o->interrupted(), e);
        if (stop < 0) return -1;
        if (stop && t->update < t->o->updates) {
            if (save(r, e) != 0) return -1;
            gm_train_say(&t->log, "interrupted after update %lld; --resume goes on",
                         (long long)t->update);
            return 1;
        }
    }
    if (t->update > r->from) say_share(r);
    return save(r, e);
}

/* needed: the next stage starts from the model. */
static int export_all(run *r, bool needed, gm_error *e)
{
    gm_trainer *t = &r->t;
    const gm_train_config *o = t->o;
    /* The next stage goes on from what this one reached, not from a rounding of it. */
    const gm_export_options x = { needed ? "f32" : o->export_type,
                                  strcmp(o->export_format, "safetensors") == 0, 0 };
    bool both = strcmp(o->exported, "both") == 0;
    bool model = needed || both || strcmp(o->exported, "model") == 0;
    char *whole = gm_path_join(r->out, "model"), *adapter = gm_path_join(r->out, "adapter");
    int bad = whole && adapter ? 0 : gm_fail(e, "out of memory");
    if (!bad && (both || strcmp(o->exported, "adapter") == 0)) {
        bad = gm_export_adapter(adapter, &t->ps, o->model, &x, e);
        if (!bad) gm_train_say(&t->log, "wrote %s (glamm run MODEL --lora %s)", adapter, adapter);
    }
    if (!bad && model) {
        bad = gm_export_model(whole, &t->ps, t->m, &x, e);
        if (!bad) gm_train_say(&t->log, "wrote %s (glamm run %s IMAGE)", whole, whole);
    }
    free(whole);
    free(adapter);
    return bad;
}

/* ---- stages ---- */

/* The random model of `init`, in out/start, unless it is there. */
static int make_start(const gm_train_config *c, const char *out, const gm_train_options *o,
                      const gm_train_log *log, char **model, gm_error *e)
{
    *model = gm_path_join(out, "start");
    if (!*model) return gm_fail(e, "out of memory");
    bool missing = gm_comm_rank() == 0 && !gm_is_dir(*model);
    if (missing && o->dry_run)
        return gm_fail(e, "init: %s would be made first; --dry-run ends here", *model);
    int bad = missing ? gm_init_model(*model, c->init, c->tokenizer, c->start, (uint64_t)c->seed, e)
                      : 0;
    if (bad || gm_comm_any(false, e) < 0) return -1;    /* the others wait for it */
    if (missing) gm_train_say(log, "made %s: random weights of the sizes in %s", *model, c->init);
    return 0;
}

static int open_run(run *r, const gm_train_config *o, const gm_train_log *log, gm_error *e)
{
    int64_t newest = gm_state_newest(r->out);
    if (newest >= 0 && !r->o->resume)
        return gm_fail(e, "%s: holds a run already (update %lld); --resume goes on with it", r->out,
                       (long long)newest);
    if (gm_trainer_open(&r->t, o, log, e) != 0) return -1;
    if (newest >= 0 && gm_state_load(&r->t, r->out, newest, e) != 0) return -1;
    if (newest > o->updates)
        return gm_fail(e, "%s: is at update %lld already, wanted are %lld", r->out,
                       (long long)newest, (long long)o->updates);
    if (newest >= 0) gm_train_say(log, "%s: going on after update %lld", r->out, (long long)newest);
    return gm_curves_open(&r->curves, r->out, r->t.update, e);
}

static int write_settings(const run *r, gm_error *e)
{
    char *text = gm_train_config_text(r->t.o);
    int bad = gm_make_dir(r->out, e);
    if (!bad) bad = write_file(r->out, "config.txt", text, e);
    free(text);
    return bad;
}

static int run_stage(const gm_train_config *c, const char *out, bool needed,
                     const gm_train_options *o, const gm_train_log *log, gm_error *e)
{
    run r = { .o = o, .out = out, .writes = gm_comm_rank() == 0 };
    int bad = open_run(&r, c, log, e);
    if (!bad) say_start(&r);
    if (!bad && !o->dry_run) {
        if (r.writes) bad = write_settings(&r, e);
        if (!bad) bad = loop(&r, e);
        if (!bad && r.writes) bad = export_all(&r, needed, e);
        if (bad >= 0 && gm_comm_any(false, e) < 0) bad = -1;        /* the model is there */
    }
    gm_curves_free(&r.curves);
    gm_trainer_close(&r.t);
    return bad;
}

int gm_train_run(const gm_train_plan *p, const gm_train_options *o, const gm_train_log *log,
                 gm_error *e)
{
    char *before = NULL;                /* model/ of the stage before */
    int bad = 0;
    if (p->stage[0].init) bad = make_start(&p->stage[0], o->out, o, log, &before, e);
    for (int64_t i = 0; !bad && i < p->n; i++) {
        gm_train_config c = p->stage[i];
        char *out = *c.stage ? gm_path_join(o->out, c.stage) : gm_copy_text(o->out);
        char *model = out ? gm_path_join(out, "model") : NULL;
        bool needed = i + 1 < p->n;
        if (before) c.model = before;
        if (!model) bad = gm_fail(e, "out of memory");
        else if (needed && o->resume && gm_is_dir(model))
            gm_train_say(log, "%s: done before", c.stage);
        else bad = run_stage(&c, out, needed, o, log, e);
        free(out);
        free(before);
        before = model;
        if (o->dry_run) break;          /* later stages start from what is not there yet */
    }
    free(before);
    return bad;
}
