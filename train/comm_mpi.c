/* Processes that train together, by MPI.  See comm.h. */
#include "comm.h"

#include <mpi.h>

enum { CHUNK = 1 << 26 };               /* values at once: MPI counts in int */

int gm_comm_start(gm_error *e)
{
    int there;
    if (MPI_Initialized(&there) == MPI_SUCCESS && there) return 0;
    return MPI_Init(NULL, NULL) == MPI_SUCCESS ? 0 : gm_fail(e, "MPI does not start");
}

void gm_comm_end(void)
{
    MPI_Finalize();
}

int gm_comm_rank(void)
{
    int rank = 0, there = 0;
    MPI_Initialized(&there);
    if (there) MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    return rank;
}

int gm_comm_size(void)
{
    int size = 1, there = 0;
    MPI_Initialized(&there);
    if (there) MPI_Comm_size(MPI_COMM_WORLD, &size);
    return size;
}

static int sum(char *x, int64_t n, MPI_Datatype type, int64_t each, gm_error *e)
{
    for (int64_t at = 0; at < n; at += CHUNK) {
        int count = (int)(n - at < CHUNK ? n - at : CHUNK);
        if (MPI_Allreduce(MPI_IN_PLACE, x + at * each, count, type, MPI_SUM, MPI_COMM_WORLD) !=
            MPI_SUCCESS)
            return gm_fail(e, "MPI: the sum over the processes failed");
    }
    return 0;
}

int gm_comm_sum(float *x, int64_t n, gm_error *e)
{
    return sum((char *)x, n, MPI_FLOAT, sizeof *x, e);
}

int gm_comm_sum_double(double *x, int64_t n, gm_error *e)
{
    return sum((char *)x, n, MPI_DOUBLE, sizeof *x, e);
}

bool gm_comm_any(bool mine)
{
    int yes = mine;
    MPI_Allreduce(MPI_IN_PLACE, &yes, 1, MPI_INT, MPI_LOR, MPI_COMM_WORLD);
    return yes;
}

void gm_comm_abort(void)
{
    MPI_Abort(MPI_COMM_WORLD, 1);
}
