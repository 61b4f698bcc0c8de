/* One process alone, or the way that several found.  See comm.h. */
#include "comm.h"

#include <stdlib.h>

static const gm_comm_way alone, *way = &alone;

/* So many processes were started by mpirun or srun; 1: none of them. */
static int launched(void)
{
    static const char *const names[] = { "OMPI_COMM_WORLD_SIZE", "PMI_SIZE" };
    int n = 1;
    for (int i = 0; i < 2; i++) {
        const char *value = getenv(names[i]);
        if (value && atoi(value) > n) n = atoi(value);
    }
    return n;
}

int gm_comm_start(int processes, gm_error *e)
{
    if (way != &alone) return 0;
    if (processes < 2) return gm_comm_mpi_start(&way, e);
    if (launched() > 1)
        return gm_fail(e, "processes: wanted 1 under mpirun, which started %d, found %d",
                       launched(), processes);
    return gm_comm_fork_start(&way, processes, e);
}

void gm_comm_end(void)
{
    if (way->end) way->end();
    way = &alone;
}

int gm_comm_rank(void) { return way->rank ? way->rank() : 0; }
int gm_comm_size(void) { return way->size ? way->size() : 1; }
bool gm_comm_near(void) { return way->start_copy != NULL; }

int gm_comm_start_sum(float *x, int64_t n, gm_error *e)
{
    return way->start_sum ? way->start_sum(x, n, e) : 0;
}

int gm_comm_start_copy(float *x, int64_t n, int from, gm_error *e)
{
    return way->start_copy ? way->start_copy(x, n, from, e) : 0;
}

void gm_comm_proceed(void)
{
    if (way->proceed) way->proceed();
}

int gm_comm_finish(gm_error *e)
{
    return way->finish ? way->finish(e) : 0;
}

int gm_comm_sum_double(double *x, int n, gm_error *e)
{
    return way->sum_double ? way->sum_double(x, n, e) : 0;
}

int gm_comm_any(bool mine, gm_error *e)
{
    double those = mine;
    return gm_comm_sum_double(&those, 1, e) != 0 ? -1 : those > 0;
}

bool gm_comm_fail(void)
{
    return way->fail ? way->fail() : true;
}

void gm_comm_abort(void)
{
    if (way->abort) way->abort();
}
