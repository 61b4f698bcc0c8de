/* POSIX behind the plain functions of processes.h. */
#include "processes.h"

#include <errno.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "os.h"

/* How long a process sleeps before it looks whether the others are still there, and the patience
 * with those that must end after a failure, in seconds. */
#define LOOK 0.1
#define PATIENCE 2.0

/* Semaphores, no mutex: a process that dies leaves nothing locked. */
typedef struct {
    atomic_bool failed;
    sem_t bell[GM_PROCESSES_MOST];
} common;
enum { HEAD = (sizeof(common) + 4095) / 4096 * 4096 };

static common *shared;
static size_t bytes;
static int rank, size;
static gm_error lost;                   /* who is no more; it stays, if a caller goes on after it */
static pid_t first, child[GM_PROCESSES_MOST];   /* 0: it has been waited for */

static int fork_others(gm_error *e)
{
    fflush(NULL);                       /* or each would write what is still in buffers */
    for (int i = 1; i < size; i++) {
        pid_t pid = fork();
        if (pid < 0) {
            gm_fail(e, "process %d of %d does not start: %s", i + 1, size, strerror(errno));
            gm_processes_fail();
            gm_processes_end();
            return -1;
        }
        if (pid == 0) {
            rank = i;
            return 0;
        }
        child[i] = pid;
    }
    return 0;
}

int gm_processes_start(int n, size_t room, gm_error *e)
{
    bytes = HEAD + room;
    void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE,
                   -1, 0);
    if (p == MAP_FAILED)
        return gm_fail(e, "%d processes: cannot reserve %.1f GB of common addresses: %s", n,
                       (double)bytes / 1e9, strerror(errno));
    shared = p;
    size = n;
    first = getpid();
    for (int i = 0; i < n; i++)
        if (sem_init(&shared->bell[i], 1, 0) != 0)
            return gm_fail(e, "%d processes: no semaphores: %s", n, strerror(errno));
    return fork_others(e);
}

int gm_processes_rank(void) { return rank; }
void *gm_processes_memory(void) { return (char *)shared + HEAD; }

/* ---- waiting ---- */

/* Has this child ended?  An error then. */
static int look_at(int i, gm_error *e)
{
    int status;
    if (!child[i] || waitpid(child[i], &status, WNOHANG) != child[i]) return 0;
    long pid = (long)child[i];
    child[i] = 0;
    if (WIFSIGNALED(status))
        return gm_fail(e, "process %d of %d (%ld) was ended by signal %d, %s", i + 1, size, pid,
                       WTERMSIG(status), strsignal(WTERMSIG(status)));
    return gm_fail(e, "process %d of %d (%ld) ended with status %d", i + 1, size, pid,
                   WEXITSTATUS(status));
}

static int look_at_others(gm_error *e)
{
    if (atomic_load(&shared->failed)) return gm_fail(e, "another process failed");
    if (rank && getppid() != first)
        return gm_fail(e, "the first process (%ld) was ended", (long)first);
    for (int i = 1; !rank && i < size && !lost.text[0]; i++) look_at(i, &lost);
    return lost.text[0] ? gm_fail(e, "%s", lost.text) : 0;
}

static void sleep_at_most(double seconds)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    t.tv_nsec += (long)(1e9 * seconds);
    t.tv_sec += t.tv_nsec / 1000000000;
    t.tv_nsec %= 1000000000;
    sem_timedwait(&shared->bell[rank], &t);     /* an interrupt wakes, too: harmless */
}

int gm_processes_wait(bool (*there)(void *user), void *user, gm_error *e)
{
    for (;;) {
        while (sem_trywait(&shared->bell[rank]) == 0) {}        /* of what has been seen */
        if (there(user)) return 0;
        if (look_at_others(e) != 0) return -1;
        sleep_at_most(LOOK);
    }
}

void gm_processes_wake(void)
{
    for (int i = 0; i < size; i++)
        if (i != rank) sem_post(&shared->bell[i]);
}

/* ---- the end ---- */

bool gm_processes_fail(void)
{
    bool was = atomic_exchange(&shared->failed, true);
    gm_processes_wake();
    return !was;
}

void gm_processes_end(void)
{
    bool failed = atomic_load(&shared->failed);
    double until = gm_seconds() + PATIENCE;
    for (int i = 1; !rank && i < size; i++) {
        if (!child[i]) continue;
        while (failed && waitpid(child[i], NULL, WNOHANG) == 0) {
            if (gm_seconds() > until) kill(child[i], SIGKILL);
            gm_sleep(0.01);
        }
        while (!failed && waitpid(child[i], NULL, 0) < 0 && errno == EINTR) {}
        child[i] = 0;
    }
    munmap(shared, bytes);
    shared = NULL;
    size = rank = 0;
}
