/* Processes that train together, by MPI.  See comm.h. */
#include "comm.h"

#include <mpi.h>
#include <stdlib.h>

enum { CHUNK = 1 << 26 };               /* values at once: MPI counts in int */

/* Sums under way. */
static MPI_Request *request;
static int requests, room;

int gm_comm_start(gm_error *e)
{
    int there;
    if (MPI_Initialized(&there) == MPI_SUCCESS && there) return 0;
    return MPI_Init(NULL, NULL) == MPI_SUCCESS ? 0 : gm_fail(e, "MPI does not start");
}

void gm_comm_end(void)
{
    free(request);
    request = NULL;
    requests = room = 0;
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

int gm_comm_start_sum(float *x, int64_t n, gm_error *e)
{
    for (int64_t at = 0; at < n; at += CHUNK)
        if (start_one(x + at, (int)(n - at < CHUNK ? n - at : CHUNK), e) != 0) return -1;
    return 0;
}

void gm_comm_proceed(void)
{
    int done;
    if (requests) MPI_Testall(requests, request, &done, MPI_STATUSES_IGNORE);
}

int gm_comm_finish(gm_error *e)
{
    int n = requests;
    requests = 0;
    if (n && MPI_Waitall(n, request, MPI_STATUSES_IGNORE) != MPI_SUCCESS)
        return gm_fail(e, "MPI: the sum over the processes failed");
    return 0;
}

int gm_comm_sum_double(double *x, int n, gm_error *e)
{
    if (MPI_Allreduce(MPI_IN_PLACE, x, n, MPI_DOUBLE, MPI_SUM, MPI_COMM_WORLD) != MPI_SUCCESS)
        return gm_fail(e, "MPI: the sum over the processes failed");
    return 0;
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
