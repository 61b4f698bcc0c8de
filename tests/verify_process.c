/* See verify_process.h.  POSIX: processes and pipes. */
#include "verify_process.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

int verify_start(verify_process *c, void (*job)(const void *user, int to), const void *user)
{
    int ends[2];
    fflush(NULL);
    if (pipe(ends)) return -1;
    c->pid = fork();
    if (c->pid == 0) {
        close(ends[0]);
        dup2(2, 1); /* what a kernel prints is no part of the report */
        setrlimit(RLIMIT_CORE, &(struct rlimit){ 0, 0 });
        job(user, ends[1]);
        _exit(0);
    }
    close(ends[1]);
    c->from = ends[0];
    if (c->pid < 0) close(ends[0]);
    return c->pid < 0 ? -1 : 0;
}

int verify_receive(const verify_process *c, void *p, size_t bytes, double limit)
{
    for (size_t have = 0; have < bytes;) {
        struct pollfd f = { .fd = c->from, .events = POLLIN };
        int ready = poll(&f, 1, (int)(limit * 1000));
        if (ready < 0 && errno == EINTR) continue;
        if (ready == 0) return -1;
        ssize_t n = ready < 0 ? -1 : read(c->from, (char *)p + have, bytes - have);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return 0;
        have += (size_t)n;
    }
    return 1;
}

void verify_finish(verify_process *c, int silent, double limit, char *how, size_t size)
{
    int status = 0;
    close(c->from);
    if (silent) kill(c->pid, SIGKILL);
    while (waitpid(c->pid, &status, 0) < 0 && errno == EINTR) continue;
    if (silent) snprintf(how, size, "did not return within %g s", limit);
    else if (WIFSIGNALED(status))
        snprintf(how, size, "crashed: %s%s", strsignal(WTERMSIG(status)),
                 WTERMSIG(status) == SIGSEGV || WTERMSIG(status) == SIGBUS
                 ? " (no memory lies around an input or behind an output)" : "");
    else snprintf(how, size, "ended the process with exit status %d", WEXITSTATUS(status));
}

void verify_send(int to, const void *what, size_t bytes)
{
    const char *p = what;
    while (bytes > 0) {
        ssize_t n = write(to, p, bytes);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) _exit(3);
        p += n;
        bytes -= (size_t)n;
    }
}
