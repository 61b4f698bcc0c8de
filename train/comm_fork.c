/* Several processes of one machine, which sum in memory that they have in common.  See comm.h.
 *
 * Each has a desk there.  What is to be summed is put down on it at once; in gm_comm_finish, when
 * all have put everything down, each adds up its share of every sum, over the desks in their order,
 * on the first one; when all have, each takes the sums back. */
#include "comm.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include "../io/os.h"
#include "../io/processes.h"
#include "../ref/backend.h"

enum { LINE = 16, BLOCK = 4096 };       /* values: a cache line; what is added at a time */

/* What a process says to the others, in cache lines of its own. */
typedef struct {
    _Alignas(64) _Atomic int64_t step;  /* how far it is */
    double number[GM_COMM_NUMBERS];
} seat;

typedef struct { float *x; int64_t n, at; int from; } entry;    /* from -1: a sum */

static int processes;
static int64_t step, room;              /* steps done here; values of a desk */
static entry *list;                     /* of this round; on every desk at the same places */
static int64_t entries, most, values;
static bool begun;                      /* a round */

static seat *seat_of(int rank) { return (seat *)gm_processes_memory() + rank; }
static float *desk_of(int rank) { return (float *)seat_of(GM_PROCESSES_MOST) + rank * room; }
static int rank_here(void) { return gm_processes_rank(); }
static int size_here(void) { return processes; }

/* ---- steps in common ---- */

static bool all_there(void *user)
{
    (void)user;
    for (int i = 0; i < processes; i++)
        if (atomic_load(&seat_of(i)->step) < step) return false;
    return true;
}

static void say_done(void)
{
    atomic_store(&seat_of(rank_here())->step, ++step);
    gm_processes_wake();
}

static int meet(gm_error *e)
{
    say_done();
    return gm_processes_wait(all_there, NULL, e);
}

/* Nobody reads any more what the round before left. */
static int begin(gm_error *e)
{
    if (begun) return 0;
    if (gm_processes_wait(all_there, NULL, e) != 0) return -1;
    entries = values = 0;
    begun = true;
    return 0;
}

static void end_round(void)
{
    say_done();
    begun = false;
}

/* ---- sums and copies ---- */

static int put_down(float *x, int64_t n, int from, gm_error *e)
{
    if (begin(e) != 0) return -1;
    if (entries == most) {
        entry *more = realloc(list, (size_t)(2 * most + 64) * sizeof *more);
        if (!more) return gm_fail(e, "out of memory for a sum over the processes");
        list = more;
        most = 2 * most + 64;
    }
    if (n > room - values)
        return gm_fail(e, "out of common memory: %lld values of each process, more than %lld",
                       (long long)(values + n), (long long)room);
    list[entries++] = (entry){ x, n, values, from };
    if (from < 0 || from == rank_here())
        memcpy(desk_of(rank_here()) + values, x, (size_t)n * sizeof *x);
    values += (n + LINE - 1) / LINE * LINE;
    return 0;
}

static int start_sum(float *x, int64_t n, gm_error *e) { return put_down(x, n, -1, e); }

/* This process's share of a sum, onto the first desk. */
static void add_share(const entry *y)
{
    int64_t to = y->n * (rank_here() + 1) / processes;
    for (int64_t i = y->n * rank_here() / processes; i < to; i += BLOCK) {
        int64_t n = to - i < BLOCK ? to - i : BLOCK;
        float *sum = desk_of(0) + y->at + i;
        for (int r = 1; r < processes; r++) {
            const float *x = desk_of(r) + y->at + i;
            for (int64_t k = 0; k < n; k++) sum[k] += x[k];
        }
    }
}

static int finish(gm_error *e)
{
    bool sums = false;
    if (!entries || !begun) return 0;
    if (meet(e) != 0) return -1;
    for (int64_t i = 0; i < entries; i++)
        if (list[i].from < 0) {
            add_share(&list[i]);
            sums = true;
        }
    if (sums && meet(e) != 0) return -1;
    for (int64_t i = 0; i < entries; i++) {
        const entry *y = &list[i];
        if (y->from == rank_here()) continue;
        memcpy(y->x, desk_of(y->from < 0 ? 0 : y->from) + y->at, (size_t)y->n * sizeof *y->x);
    }
    entries = 0;
    end_round();
    return 0;
}

static int sum_double(double *x, int n, gm_error *e)
{
    if (begin(e) != 0) return -1;
    memcpy(seat_of(rank_here())->number, x, (size_t)n * sizeof *x);
    if (meet(e) != 0) return -1;
    memset(x, 0, (size_t)n * sizeof *x);
    for (int r = 0; r < processes; r++)
        for (int i = 0; i < n; i++) x[i] += seat_of(r)->number[i];
    end_round();
    return 0;
}

/* ---- beginning and end ---- */

static void end(void)
{
    free(list);
    list = NULL;
    entries = most = step = 0;
    begun = false;
    gm_processes_end();
}

static const gm_comm_way forked = { .rank = rank_here,
                                    .size = size_here,
                                    .start_sum = start_sum,
                                    .start_copy = put_down,
                                    .finish = finish,
                                    .sum_double = sum_double,
                                    .fail = gm_processes_fail,
                                    .end = end };

/* Addresses for as much as the machine has memory: what is not written takes none. */
int gm_comm_fork_start(const gm_comm_way **way, int n, gm_error *e)
{
    size_t seats = GM_PROCESSES_MOST * sizeof(seat), all = gm_machine_memory();
    int threads = gm_backend_threads(0) / n;
    if (n > GM_PROCESSES_MOST)
        return gm_fail(e, "processes: wanted at most %d, found %d", GM_PROCESSES_MOST, n);
    processes = n;
    room = (int64_t)(all / (size_t)n / sizeof(float)) / LINE * LINE;
    gm_backend_threads(threads > 1 ? threads : 1);
    if (gm_processes_start(n, seats + all, e) != 0) return -1;
    *way = &forked;
    return 0;
}
