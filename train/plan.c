/* The memory that a configuration needs.  See trainer.h. */
#include <stdlib.h>
#include <string.h>

#include "../io/checkpoint.h"
#include "../io/os.h"
#include "../ref/tape.h"
#include "trainer.h"

enum { TRIES = 8 };                     /* micro-batches of each kind: they differ in length */

static bool has_kind(const gm_data *d, gm_set_kind kind)
{
    for (int64_t i = 0; i < gm_data_sets(d); i++)
        if (gm_data_set_kind(d, i) == kind) return true;
    return false;
}

static double frozen_bytes(const gm_trainer *t)
{
    const gm_checkpoint *k = t->m->checkpoint;
    int64_t n = gm_checkpoint_tensors(k, NULL, 0);
    gm_stored *s = calloc((size_t)n + 1, sizeof *s);
    double sum = (double)gm_checkpoint_owned(k);
    if (!s) return sum;
    gm_checkpoint_tensors(k, s, n);
    for (int64_t i = 0; i < n; i++)
        if (s[i].used && !gm_params_find(&t->ps, s[i].name))
            sum += (double)gm_numel(s[i].tensor) * (double)gm_type_size(s[i].tensor.type);
    free(s);
    return sum;
}

/* A context whose peak begins at 0. */
static int fresh(gm_trainer *t, gm_error *e)
{
    gm_ctx *c = gm_ctx_new(&t->m->kernels, NULL);
    if (!c) return gm_fail(e, "out of memory");
    gm_ctx_free(t->c);
    t->c = c;
    gm_set_checkpointing(c, t->o->checkpointing);
    return 0;
}

static int peak_of(gm_trainer *t, gm_set_kind kind, int64_t number, double *most, gm_error *e)
{
    gm_train_report r = { .kind = kind };
    size_t peak;
    if (gm_trainer_micro_batch(t, kind, number, 1, false, &r, e) != 0) return -1;
    gm_memory_use(t->c, NULL, &peak);
    if ((double)peak > *most) *most = (double)peak;
    return 0;
}

/* Each kind alone; then all in turn in one context, as in a run: freed blocks of one size are kept
 * while others are asked for. */
static int measure(gm_trainer *t, gm_train_memory *p, gm_error *e)
{
    for (int k = 0; k < GM_SET_KINDS; k++)
        for (int64_t i = 0; has_kind(t->data, (gm_set_kind)k) && i < TRIES; i++)
            if (fresh(t, e) || peak_of(t, (gm_set_kind)k, i, &p->pass[k], e)) return -1;
    if (fresh(t, e) != 0) return -1;
    for (int64_t i = 0; i < 4 * TRIES; i++)
        if (peak_of(t, gm_data_kind(t->data, i), i, &p->run, e) != 0) return -1;
    return 0;
}

/* Files are mapped once.  In common: everybody's gradients, and the moments when they are saved. */
static double others(const gm_train_memory *p, double processes)
{
    double each = p->masters + p->gradients + p->moments + p->program + p->run;
    return processes > 1 ? (processes - 1) * each + processes * p->gradients + p->moments / 2 : 0;
}

int gm_train_memory_plan(gm_train_memory *p, const gm_train_config *o, const gm_train_log *log,
                         gm_error *e)
{
    gm_trainer t = { .planning = true };
    *p = (gm_train_memory){ 0 };
    int bad = gm_trainer_open(&t, o, log, e);
    p->program = (double)gm_peak_rss();
    if (!bad) bad = measure(&t, p, e);
    if (!bad) {
        double each = 4 * (double)gm_params_count(&t.ps);
        p->values = gm_params_count(&t.ps);
        p->frozen = frozen_bytes(&t);
        p->masters = p->gradients = each;
        p->moments = 2 * each;
        bool cuda = strcmp(o->backend, "cuda") == 0;
        p->device = cuda ? p->frozen + p->masters + p->gradients + p->run : 0;
        p->total = p->frozen + p->masters + p->gradients + p->moments + p->program;
        if (!cuda) p->total += p->run;
        p->others = others(p, (double)o->processes);
        p->total += p->others;
    }
    gm_trainer_close(&t);
    return bad;
}
