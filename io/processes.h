/* Processes of one machine that work together: forked from this one, with memory in common. */
#ifndef GM_IO_PROCESSES_H
#define GM_IO_PROCESSES_H
#include <stdbool.h>
#include "../ref/error.h"

enum { GM_PROCESSES_MOST = 64 };

/* One process becomes n: each returns, and this one is number 0.  To be called before there are
 * threads.  They have room bytes of zeroes in common, which take memory as they are written. */
int gm_processes_start(int n, size_t room, gm_error *e);
int gm_processes_rank(void);
void *gm_processes_memory(void);

/* Sleeps until there(user), which reads common memory, says yes; it is asked again whenever another
 * calls gm_processes_wake.  An error: one of them has failed, or is there no more. */
int gm_processes_wait(bool (*there)(void *user), void *user, gm_error *e);
void gm_processes_wake(void);

/* This one cannot go on: the others fail where they next wait.  true: it is the first to say so and
 * should say why. */
bool gm_processes_fail(void);
/* Number 0 waits for the others to end; after gm_processes_fail for two seconds, then they are
 * ended.  The others do nothing. */
void gm_processes_end(void);

#endif
