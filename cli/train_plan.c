/* See train_plan.h. */
#include "train_plan.h"

#include <stdio.h>
#include "../io/os.h"
#include "../train/trainer.h"
#include "../ref/plan.h"

static void row(const char *name, double bytes, const char *what)
{
    char size[40];
    printf("  %-20s %12s  %s\n", name, gm_size_text(bytes, size), what);
}

static void print_stage(const gm_train_config *c, const gm_train_memory *m)
{
    static const char *const name[GM_SET_KINDS] = { "pass, captions", "pass, regions",
                                                    "pass, masks" };
    char size[40], values[80];
    printf("%s%smemory plan of training: %.2f M values train, micro-batches of %lld%s\n", c->stage,
           *c->stage ? ": " : "", (double)m->values / 1e6, (long long)c->batch,
           c->checkpointing ? ", checkpointing" : "");
    snprintf(values, sizeof values, "float32, of what trains");
    row("weights, frozen", m->frozen, "mapped from the files, and float32 copies");
    row("masters", m->masters, values);
    row("gradients", m->gradients, values);
    row("moments", m->moments, "AdamW's two");
    row("program", m->program, "libraries and data sets");
    for (int k = 0; k < GM_SET_KINDS; k++)
        if (m->pass[k] > 0)
            row(name[k], m->pass[k], "the most that forward and backward pass hold");
    row("passes in turn", m->run, "with freed blocks that are kept");
    if (m->device > 0) row("on the GPU", m->device, "weights, masters, gradients and passes");
    if (m->others > 0) row("further processes", m->others, "the same again, and what is summed");
    row("in all, about", m->total,
        m->device > 0 ? "here; weights, masters and gradients lie on the GPU, too"
                      : "what stays, and the passes in turn");
    double free_bytes = (double)gm_available_memory();
    printf("  %-20s %12s  available now: %s\n", "this machine", gm_size_text(free_bytes, size),
           m->total <= free_bytes ? "it fits"
           : m->total - m->frozen <= free_bytes
               ? "frozen weights will be read again from disk as they are needed (slow)"
               : "it does not fit: a smaller batch, checkpointing = yes, less that trains");
}

int print_train_plan(const gm_train_plan *p, gm_error *e)
{
    const gm_train_log none = { NULL, NULL };
    int bad = 0;
    for (int64_t i = 0; !bad && i < p->n; i++) {
        gm_train_memory m;
        const gm_train_config *c = &p->stage[i];
        if (!c->model) {
            printf("%s%sno plan: its model is made by init or by the stage before\n", c->stage,
                   *c->stage ? ": " : "");
            continue;
        }
        bad = gm_train_memory_plan(&m, c, &none, e);
        if (!bad) print_stage(c, &m);
    }
    return bad;
}

int print_train_plan_of(const char *path)
{
    gm_train_plan p;
    gm_error e = { "" };
    int bad = gm_train_plan_read(&p, path, &e);
    if (!bad) bad = gm_train_plan_check(&p, path, &e);
    if (!bad) bad = print_train_plan(&p, &e);
    if (bad) fprintf(stderr, "glamm info: %s\n", e.text);
    gm_train_plan_free(&p);
    return bad ? 1 : 0;
}
