/* Child processes that report through a pipe. */
#ifndef GM_VERIFY_PROCESS_H
#define GM_VERIFY_PROCESS_H
#include <stddef.h>

typedef struct { int pid, from; } verify_process;

/* Runs job(user, to) in a child: what it gives to verify_send(to, ...) arrives here.  Its stdout
 * goes to stderr; it leaves no core file.  0, or -1 when no process can be had. */
int verify_start(verify_process *c, void (*job)(const void *user, int to), const void *user);
void verify_send(int to, const void *what, size_t bytes);
/* Fills p: 1 done, 0 the child ended before that, -1 it was silent for longer than limit seconds.
 * */
int verify_receive(const verify_process *c, void *p, size_t bytes, double limit);
/* Waits for the child, after ending it where it was silent; how it ended in words. */
void verify_finish(verify_process *c, int silent, double limit, char *how, size_t size);

#endif
