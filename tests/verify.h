/* Outside kernels in child processes: what they do to their process stays there. */
#ifndef GM_VERIFY_H
#define GM_VERIFY_H
#include "../ref/backend.h"
#include "ops_run.h"

/* What is checked: a shared object over ref, or one of our own tables. */
typedef struct {
    const char *library;            /* path, or NULL */
    const char *backend; /* "ref", "cpu", "cuda", "cuda-bf16" where library is NULL */
    double limit;                   /* seconds a child may stay silent */
    int bench;                      /* also time the cases that pass */
} verify_source;

enum { VERIFY_OPS = 96 };           /* at least ops_count() */

typedef struct {
    char name[64];
    unsigned char filled[VERIFY_OPS], unsteady[VERIFY_OPS];     /* by number of the op */
    gm_dtype precision;
    char device[240];               /* what the kernels run on, where it is not the CPU */
    char error[512];                /* "" or why nothing can be checked */
} verify_table;

/* One case's outcome, as it comes through the pipe. */
typedef struct {
    int64_t index;                  /* of the case in cases->list */
    int begun;                      /* 1: the case starts now; 0: the rest is filled */
    gm_comparison torch, oracle;    /* oracle.n is 0 where the oracle itself is checked */
    char torch_out[16], oracle_out[16];     /* the outputs that these are about */
    char error[200];
    double seconds, bytes, flops;   /* with bench: best run; inputs and output; of products */
} verify_note;

typedef void (*verify_fn)(void *user, const verify_note *n);

/* In a child: loads the source and lays it over a whole table.  Kernels of a device are called through
 * the bridge, with host memory.  0, or -1 with t->error. */
int verify_load(const verify_source *s, const gm_kernels *under, gm_kernels *k, verify_table *t);
/* The same for a model whose tensors lie where g's do: no bridge. */
int verify_load_whole(const verify_source *s, const gm_kernels *under, const gm_engine *g,
                      gm_kernels *k, verify_table *t);

/* Loads the source in a child and says what it has.  0, or -1 with t->error. */
int verify_inspect(const verify_source *s, verify_table *t);

/* Runs op's cases (only: the one of that name) in a child; another takes over behind a case that
 * ended or blocked it.  Every case of the op is reported once, in order; after three lost children
 * the rest is reported as not run. */
void verify_op(const verify_source *s, const verify_table *t, const ops_cases *cases,
               const char *op, const char *only, verify_fn report, void *user);

/* Bytes per second of a copy, flops per second of a product of float matrices, as this machine, or
 * its device, has them now. */
typedef struct { double bytes, flops; } verify_peak;

/* Measures in a child, on a device's backend or (NULL) the CPU; 0, or -1. */
int verify_measure(const char *backend, verify_peak *p);
/* In a child: times a case that passed. */
void verify_time(const gm_kernels *k, ops_case *c, verify_note *n);
/* The same for the kernels that the bridge leads to, on tensors that lie on the device: without the
 * copies there and back.  The case's tensors are no longer on the host then. */
void verify_time_on_device(ops_case *c, verify_note *n);
/* The time that memory and arithmetic allow at best, as a share of the time taken; beyond 1 where
 * the data lay in a cache.  Slots other than products count their memory alone. */
double verify_roofline(const verify_peak *p, const verify_note *n);

/* What a golden case of a whole model gave. */
typedef struct {
    char name[64];
    int begun;                      /* as in verify_note */
    int64_t passed, failed;         /* compared tensors, ids and masks */
    double ratio;                   /* the worst error / tolerance, or that of `first` */
    char first[200];                /* what the model computed first outside its tolerance, or "" */
    char why[300];
} verify_whole_note;

typedef void (*verify_whole_fn)(void *user, const verify_whole_note *n);

/* Runs the model and the cases (only: that one) of a folder laid out as golden/README.md says, with
 * the source's kernels (t: what verify_inspect found) over cpu's, or over the device's.  Every case
 * is reported once.  -1 with an error when there is no such folder. */
int verify_whole(const verify_source *s, const verify_table *t, const char *folder,
                 const char *only, verify_whole_fn report, void *user, gm_error *e);

#endif
