/* The processes that train together: one alone (comm.c), several of one machine (comm_fork.c), or
 * those of MPI in a build with MPI=1 (comm_mpi.c, comm_none.c). */
#ifndef GM_TRAIN_COMM_H
#define GM_TRAIN_COMM_H
#include <stdbool.h>
#include "../ref/error.h"

/* processes > 1: this one becomes so many, before it has threads; OpenMP's are dealt to them.
 * Otherwise joins those that mpirun started, if any; safe to call twice.  An error: both at
 * once. */
int gm_comm_start(int processes, gm_error *e);
void gm_comm_end(void);
int gm_comm_rank(void);
int gm_comm_size(void);
/* Whether they share memory: work may be dealt to them, and its results copied. */
bool gm_comm_near(void);
/* x (n) becomes the sum over all processes, the same bits everywhere, and is not touched until
 * gm_comm_finish.  Every process starts the same sums in the same order. */
int gm_comm_start_sum(float *x, int64_t n, gm_error *e);
/* The same for near processes: x becomes what it is in process `from`. */
int gm_comm_start_copy(float *x, int64_t n, int from, gm_error *e);
/* Lets sums under way proceed; without it they may wait for gm_comm_finish. */
void gm_comm_proceed(void);
int gm_comm_finish(gm_error *e);
/* The same at once, of at most GM_COMM_NUMBERS. */
enum { GM_COMM_NUMBERS = 8 };
int gm_comm_sum_double(double *x, int n, gm_error *e);
/* 1: it is so in some process, 0: in none, -1: an error.  All have come here then. */
int gm_comm_any(bool mine, gm_error *e);
/* This process cannot go on: ends all.  true: it is the one that should say why. */
bool gm_comm_fail(void);
/* After gm_comm_fail. */
void gm_comm_abort(void);

/* One way to be several; comm.c chooses.  NULL: nothing to do. */
typedef struct {
    int (*rank)(void);
    int (*size)(void);
    int (*start_sum)(float *x, int64_t n, gm_error *e);
    int (*start_copy)(float *x, int64_t n, int from, gm_error *e);      /* NULL: not near */
    void (*proceed)(void);
    int (*finish)(gm_error *e);
    int (*sum_double)(double *x, int n, gm_error *e);
    bool (*fail)(void);                 /* NULL: each that fails says why */
    void (*abort)(void);
    void (*end)(void);
} gm_comm_way;

int gm_comm_fork_start(const gm_comm_way **way, int processes, gm_error *e);
/* Leaves *way where there is no MPI. */
int gm_comm_mpi_start(const gm_comm_way **way, gm_error *e);

#endif
