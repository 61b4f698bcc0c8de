/* The processes that train together: comm_none.c, or comm_mpi.c in a build with MPI=1. */
#ifndef GM_TRAIN_COMM_H
#define GM_TRAIN_COMM_H
#include <stdbool.h>
#include "../ref/error.h"

/* Joins the others; safe to call twice.  In a build without MPI there is one process. */
int gm_comm_start(gm_error *e);
void gm_comm_end(void);
int gm_comm_rank(void);
int gm_comm_size(void);
/* x (n) becomes the sum over all processes, the same bits everywhere, and is not touched until
 * gm_comm_finish.  Every process starts the same sums in the same order. */
int gm_comm_start_sum(float *x, int64_t n, gm_error *e);
/* Lets sums under way proceed; without it they may wait for gm_comm_finish. */
void gm_comm_proceed(void);
int gm_comm_finish(gm_error *e);
/* The same at once. */
int gm_comm_sum_double(double *x, int n, gm_error *e);
/* Whether it is so in any process. */
bool gm_comm_any(bool mine);
/* Ends every process: one cannot go on. */
void gm_comm_abort(void);

#endif
