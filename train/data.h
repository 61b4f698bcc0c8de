/* Data sets and the mixture that training draws from.  docs/DATA.md describes every format.
 *
 *     const char *line[] = { "grandf annotations.json images=photos rate=2", "llava chat.json" };
 *     gm_data_options o = { .prompts = prompts, .seed = 1 };
 *     gm_data *d = gm_data_open(line, 2, &o, &e);
 *     gm_set_kind kind = gm_data_kind(d, update);
 *     for (int64_t i = 0; i < n; i++) gm_data_draw(d, kind, update * n + i, &sample[i], &e);
 *
 * Nothing but the seed and these numbers decides what is drawn, so a run that stops goes on from
 * its update's number.  Source: groundingLMM train.py, train_ft.py, dataset/. */
#ifndef GM_TRAIN_DATA_H
#define GM_TRAIN_DATA_H
#include <stdbool.h>
#include "../io/prompts.h"
#include "sample.h"

typedef struct gm_data gm_data;

typedef struct {
    const gm_prompts *prompts;  /* the model's words; must outlive the gm_data */
    uint64_t seed;
    double weight[GM_SET_KINDS];    /* updates of each kind; all 0: 0.15, 0.40, 0.45 (release) */
    /* Every record once an epoch, shuffled anew each (train_ft.py), instead of sets by their rates
     * and records at random (train.py).  The sets must be of one kind; rates are not used. */
    bool by_epochs;
    void (*log)(void *user, const char *line);  /* one line a skipped record; NULL: only counted */
    void *user;
} gm_data_options;

/* A line names one set: FORMAT PATH [images=DIR] [rate=R] [split=S] [most=N]; a word with spaces
 * stands in "quotes".  Opens every index; images are read when their sample is drawn. */
gm_data *gm_data_open(const char *const *line, int64_t n, const gm_data_options *o, gm_error *e);
void gm_data_close(gm_data *d);

/* The data lines that `what` stands for, in a list of gm_free_list: those of a file, one a line,
 * with or without "data =" or "val =" in front (other settings of a configuration, empty lines and
 * comments are passed over); of a folder with data.txt; of a folder with annotations.json, as format
 * grandf; or `what` itself, when it begins with a format's name. */
int gm_data_lines(const char *what, char ***line, int64_t *n, gm_error *e);

/* Records of all sets together: the samples of an epoch. */
int64_t gm_data_size(const gm_data *d);
/* What all samples of an update train, micro-batches included: drawn by the weights of those kinds
 * that have a set. */
gm_set_kind gm_data_kind(const gm_data *d, int64_t update);
/* Sample number `place` of the run (counted over all updates).  A record that cannot be used is
 * logged, counted and replaced by another; an error only when 100 in a row are bad. */
int gm_data_draw(gm_data *d, gm_set_kind kind, int64_t place, gm_sample *s, gm_error *e);

/* Why a record gives no sample.  EMPTY: nothing in it to learn from, which is no mistake (the
 * release passes over it, too). */
typedef enum {
    GM_PROBLEM_NONE, GM_PROBLEM_EMPTY, GM_PROBLEM_RECORD, GM_PROBLEM_IMAGE, GM_PROBLEM_MASK,
    GM_PROBLEM_SPAN, GM_PROBLEM_BOX, GM_PROBLEM_TEXT, GM_PROBLEM_MEMORY, GM_PROBLEMS
} gm_problem;
const char *gm_problem_name(gm_problem p);

/* Record i of 0 .. gm_data_size, set after set in file order; its random choices depend on seed and
 * i alone.  For validation, checks and previews.  Anything but GM_PROBLEM_NONE leaves *s empty and
 * says in e what is wrong. */
gm_problem gm_data_record(gm_data *d, int64_t i, gm_sample *s, gm_error *e);

/* Records skipped by gm_data_draw so far, and phrases that were left out of captions because they
 * overlap another one. */
int64_t gm_data_skipped(const gm_data *d);
int64_t gm_data_left_out(const gm_data *d);

/* The sets, for reports. */
int64_t gm_data_sets(const gm_data *d);
const char *gm_data_set_line(const gm_data *d, int64_t set);
int64_t gm_data_set_size(const gm_data *d, int64_t set);
gm_set_kind gm_data_set_kind(const gm_data *d, int64_t set);
/* What was seen while opening and is no error; NULL: nothing. */
const char *gm_data_set_note(const gm_data *d, int64_t set);

#endif
