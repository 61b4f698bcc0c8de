/* Processes that train together, by MPI.  See comm.h. */
#include "comm.h"

#include <mpi.h>
#include <stdlib.h>

enum { CHUNK = 1 << 26 };               /* values at once: MPI counts in int */

/* Sums under way. */
static MPI_Request *request;
static int requests, room;

static void end(void)
{
    free(request);
    request = NULL;
    requests = room = 0;
    MPI_Finalize();
}

static int rank(void)
{
    int r;
    MPI_Comm_rank(MPI_COMM_WORLD, &r);
    return r;
}

static int size(void)
{
    int n;
    MPI_Comm_size(MPI_COMM_WORLD, &n);
    return n;
}

static int start_one(float *x, int n, gm_error *e)
{
    if (requests == room) {
        MPI_Request *more = realloc(request, (size_t)(2 * room + 16) * sizeof *more);
        if (!more) return gm_fail(e, "out of memory for a sum over the processes");
        request = more;
        room = 2 * room + 16;
    }
    if (MPI_Iallreduce(MPI_IN_PLACE, x, n, MPI_FLOAT, MPI_SUM, MPI_COMM_WORLD,
                       &request[requests]) != MPI_SUCCESS)
        return gm_fail(e, "MPI: the sum over the processes failed");
    requests++;
    return 0;
}

static int start_sum(float *x, int64_t n, gm_error *e)
{
    for (int64_t at = 0; at < n; at += CHUNK)
        if (start_one(x + at, (int)(n - at < CHUNK ? n - at : CHUNK), e) != 0) return -1;
    return 0;
}

static void proceed(void)
{
    int done;
    if (requests) MPI_Testall(requests, request, &done, MPI_STATUSES_IGNORE);
}

static int finish(gm_error *e)
{
    int n = requests;
    requests = 0;
    if (n && MPI_Waitall(n, request, MPI_STATUSES_IGNORE) != MPI_SUCCESS)
        return gm_fail(e, "MPI: the sum over the processes failed");
    return 0;
}

static int sum_double(double *x, int n, gm_error *e)
{
    if (MPI_Allreduce(MPI_IN_PLACE, x, n, MPI_DOUBLE, MPI_SUM, MPI_COMM_WORLD) != MPI_SUCCESS)
        return gm_fail(e, "MPI: the sum over the processes failed");
    return 0;
}

static void abort_all(void)
{
    MPI_Abort(MPI_COMM_WORLD, 1);
}

static const gm_comm_way mpi = { .rank = rank,
                                 .size = size,
                                 .start_sum = start_sum,
                                 .proceed = proceed,
                                 .finish = finish,
                                 .sum_double = sum_double,
                                 .abort = abort_all,
                                 .end = end };

int gm_comm_mpi_start(const gm_comm_way **way, gm_error *e)
{
    if (MPI_Init(NULL, NULL) != MPI_SUCCESS) return gm_fail(e, "MPI does not start");
    *way = &mpi;
    return 0;
}
