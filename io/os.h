/* What C11 does not have: file maps, folders, clocks.  POSIX is used here, in processes.c and in
 * ref/plugin.c alone. */
#ifndef GM_IO_OS_H
#define GM_IO_OS_H
#include <stdbool.h>
#include <stdio.h>
#include "../ref/error.h"

/* The whole file mapped read-only; NULL with an error for an empty or unreadable one. */
const uint8_t *gm_map(const char *path, size_t *size, gm_error *e);
void gm_unmap(const uint8_t *p, size_t size);
/* Takes n bytes of a map out of this process's memory (whole pages of them); they are read again
 * from the file, or the page cache, when they are next used.  Only for what gm_map gave. */
void gm_map_forget(const uint8_t *p, size_t n);
/* The whole file as text, 0-terminated, malloc'ed. */
char *gm_read_text(const char *path, size_t *size, gm_error *e);

/* Atomic writing: gm_create opens path.tmp-PID, gm_commit flushes to disk and renames to path,
 * gm_discard removes.  gm_commit reports every write error (a full disk shows here).  A device or a
 * pipe (/dev/stdout) is written to as it stands, and never replaced. */
typedef struct { FILE *file; char *path, *temporary; } gm_writer;
int gm_create(gm_writer *w, const char *path, gm_error *e);
int gm_commit(gm_writer *w, gm_error *e);
void gm_discard(gm_writer *w);

bool gm_is_dir(const char *path);
bool gm_is_file(const char *path);
/* A file's bytes and the time of its last change (seconds since 1970); false where there is
 * none. */
bool gm_file_facts(const char *path, uint64_t *size, double *changed);
/* The file counts as changed now. */
void gm_touch(const char *path);
/* Makes the folder and its parents; fine when it exists. */
int gm_make_dir(const char *path, gm_error *e);
/* Names in a folder, sorted, without those that start with '.'; freed with gm_free_list. */
int gm_list_dir(const char *path, char ***names, int64_t *n, gm_error *e);
void gm_free_list(char **names, int64_t n);

/* A copy of a file, written as gm_create does. */
int gm_copy_file(const char *from, const char *to, gm_error *e);
/* Gives the file or folder `from` the name `to`, for good (flushed to disk); a file there is
 * replaced, and so is a folder, whose content goes. */
int gm_rename(const char *from, const char *to, gm_error *e);
/* Removes a folder with all that is in it; fine when there is none. */
int gm_remove_dir(const char *path, gm_error *e);

/* malloc'ed "a/b", and a copy; NULL when out of memory. */
char *gm_path_join(const char *a, const char *b);
char *gm_copy_text(const char *s);

/* Work shared by processes: 1: the file at path was made and is ours until gm_release removes it,
 * 0: another process has it, -1: an error.  One left by a process of this machine that has died is
 * taken over.  It holds the owner's machine and process number. */
int gm_claim(const char *path, gm_error *e);
void gm_release(const char *path);
void gm_sleep(double seconds);

double gm_seconds(void);                    /* monotonic */
double gm_wall_seconds(void);               /* since 1970, as files' times */
size_t gm_peak_rss(void);                   /* bytes, this process so far */
size_t gm_installed_memory(void);           /* bytes of RAM */
/* limits.c: bytes of RAM that this process may have, and what of them is available now.  Control
 * groups (containers) count. */
size_t gm_machine_memory(void);
size_t gm_available_memory(void);
/* Narrows m by the groups that the file `groups` (as /proc/self/cgroup) names, whose files lie
 * under root (as /sys/fs/cgroup). */
typedef struct { double most, left; } gm_memory_limit;
void gm_memory_limits(gm_memory_limit *m, const char *groups, const char *root);
bool gm_is_terminal(int fd);
/* For a program: text is written to stdout when the user interrupts it (Ctrl-C) or it is asked to
 * end, which then happens as ever.  The text must live on. */
void gm_last_words(const char *text);
/* From now on Ctrl-C, and a request to end, only set what gm_interrupted returns: the program saves
 * its work and ends itself.  A second one ends it at once. */
void gm_catch_interrupts(void);
bool gm_interrupted(void);
/* For a program's main, first of all: has OpenMP's threads wait asleep instead of spinning for
 * milliseconds, which on a machine with other work costs ten times the run (docs/SPEED.md), and be
 * as many as there are physical cores.  OpenMP reads its settings before main, so the program starts
 * itself anew, once; GOMP_SPINCOUNT or OMP_WAIT_POLICY, and OMP_NUM_THREADS, if set, stay. */
void gm_calm_threads(char **argv);
/* Physical cores that this process may run on; 0: not known. */
int gm_physical_cores(void);
void *gm_aligned_alloc(size_t bytes);       /* 64-byte aligned; release with free() */

#endif
