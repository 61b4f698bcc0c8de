/* Rows as processes of their own.  POSIX and wait4: this file alone of bench/. */
#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include "bench.h"
#include "../io/os.h"

/* Waits; -1 unless it ended well.  own: its processor time. */
static int finish(pid_t pid, bench_result *r, double *own)
{
    int status;
    struct rusage use;
    if (wait4(pid, &status, 0, &use) != pid) return -1;
    *own = (double)(use.ru_utime.tv_sec + use.ru_stime.tv_sec) +
           1e-6 * (double)(use.ru_utime.tv_usec + use.ru_stime.tv_usec);
    r->peak_mb = (double)use.ru_maxrss / 1024;
    return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -1;
}

int bench_in_child(const bench_row *row, bool quick, bench_result *r)
{
    int ends[2];
    double own = 0, start = gm_seconds(), busy = bench_busy_seconds();
    memset(r, 0, sizeof *r);
    r->which = row->which;
    if (pipe(ends)) return -1;
    pid_t pid = fork();
    if (pid == 0) {
        int bad = row->run(r, quick);
        bool told = write(ends[1], r, sizeof *r) == (ssize_t)sizeof *r;
        _exit(bad || !told);
    }
    close(ends[1]);
    bench_result heard = { 0 };
    bool told = pid > 0 && read(ends[0], &heard, sizeof heard) == (ssize_t)sizeof heard;
    close(ends[0]);
    if (told) *r = heard;
    double program_mb = r->peak_mb; /* a row that ran a program measured that one */
    int bad = pid > 0 ? finish(pid, r, &own) : -1;
    if (program_mb > 0) r->peak_mb = program_mb;
    double wall = gm_seconds() - start;
    r->others = (bench_busy_seconds() - busy - own) / wall;
    if (bad && !r->note[0]) strcpy(r->note, "the row's process died");
    return bad;
}

int bench_program(char *const argv[], bench_result *r)
{
    double own, start = gm_seconds();
    pid_t pid = fork();
    if (pid == 0) {
        int null = open("/dev/null", O_WRONLY);
        if (null >= 0) dup2(null, 1), dup2(null, 2);
        execv(argv[0], argv);
        _exit(127);
    }
    int bad = pid > 0 ? finish(pid, r, &own) : -1;
    r->seconds = gm_seconds() - start;
    return bad;
}
