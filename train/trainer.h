/* A model in training, and one update of it. */
#ifndef GM_TRAIN_TRAINER_H
#define GM_TRAIN_TRAINER_H
#include "batch.h"
#include "config.h"
#include "data.h"
#include "loss.h"
#include "pretrain.h"
#include "share.h"

/* Messages; line NULL: dropped. */
typedef struct { void (*line)(void *user, const char *text); void *user; } gm_train_log;

typedef struct {
    const gm_train_config *o;
    gm_train_log log;
    gm_model *m;
    gm_params ps;
    gm_learn learn;
    gm_data *data, *val;        /* val NULL: no validation */
    gm_ctx *c;
    gm_share *share;            /* NULL: one process alone */
    int64_t update;             /* updates done */
    double best;                /* least validation loss so far, and after which update */
    int64_t best_update;        /* -1: none yet */
    bool planning;              /* kernels compute nothing: plan.c */
} gm_trainer;

/* Opens model and data and chooses what trains.  o must outlive the trainer; *t starts as { 0 }, or
 * with planning set. */
int gm_trainer_open(gm_trainer *t, const gm_train_config *o, const gm_train_log *log, gm_error *e);
void gm_trainer_close(gm_trainer *t);

/* What one update, or one validation, saw: means over its micro-batches. */
typedef struct {
    gm_set_kind kind;
    double total, ce, bce, dice, norm, rate, seconds;
    int64_t samples, tokens;    /* of all processes; positions of the language model, padding too */
} gm_train_report;

/* Update number t->update: its micro-batches' gradients are averaged (docs/TRAINING.md, A8 of
 * docs/QUIRKS.md), clipped together, and AdamW moves what they reached.  An output, a loss or a
 * gradient that is not finite is an error that names the module or tensor; nothing has moved
 * then. */
int gm_trainer_update(gm_trainer *t, gm_train_report *r, gm_error *e);

/* Micro-batch `number` of the run: its gradients times seed are added.  What it draws and drops
 * depends on its number alone.  last: nothing more is added before the sum over the processes,
 * which begins as gradients become final. */
int gm_trainer_micro_batch(gm_trainer *t, gm_set_kind kind, int64_t number, double seed, bool last,
                           gm_train_report *r, gm_error *e);

/* The losses of one batch without gradients or dropout. */
int gm_trainer_measure(gm_trainer *t, const gm_sample *s, int64_t n, gm_train_report *r,
                       gm_error *e);

/* Bytes of one process that trains with these settings, found by running micro-batches with kernels
 * that compute nothing (plan.c). */
typedef struct {
    double frozen;              /* weights that do not train, mapped, and their float copies */
    double masters, gradients, moments;
    double pass[GM_SET_KINDS];  /* the most that forward and backward pass hold; 0: no such data */
    double run;                 /* all of these in turn, with freed blocks that are kept */
    double device;              /* of these on the GPU, run included; 0: backend is not cuda */
    double program;             /* what this process takes without all that */
    double others;              /* of further processes, and what all have in common */
    double total;
    int64_t values;             /* that train */
} gm_train_memory;
int gm_train_memory_plan(gm_train_memory *p, const gm_train_config *o, const gm_train_log *log,
                         gm_error *e);

void gm_train_say(const gm_train_log *log, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
