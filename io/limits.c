/* The memory that this process may have: the machine's, or less where a control group (a container,
 * a job of a cluster) says so.  Source: the kernel's Documentation/admin-guide/cgroup-v1/memory.rst
 * and cgroup-v2.rst. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "os.h"

enum { LINE = 4096 };

/* The number that a file begins with; -1: no such file, or "max". */
static double number_in(const char *path)
{
    double n = -1;
    FILE *f = fopen(path, "r");
    if (f && fscanf(f, "%lf", &n) != 1) n = -1;
    if (f) fclose(f);
    return n;
}

/* The value of "key value" in a file; 0: none. */
static double value_of(const char *path, const char *key)
{
    char name[100];
    double n, found = 0;
    FILE *f = fopen(path, "r");
    while (f && fscanf(f, "%99s %lf", name, &n) == 2)
        if (strcmp(name, key) == 0) found = n;
    if (f) fclose(f);
    return found;
}

/* What one group allows, and what of that is left: its page cache can be had back. */
static void narrow(const char *folder, bool second, gm_memory_limit *m)
{
    char path[LINE + 100];
    snprintf(path, sizeof path, "%s/%s", folder, second ? "memory.max" : "memory.limit_in_bytes");
    double most = number_in(path);
    if (most <= 0 || most >= m->most) return;
    snprintf(path, sizeof path, "%s/%s", folder,
             second ? "memory.current" : "memory.usage_in_bytes");
    double used = number_in(path);
    snprintf(path, sizeof path, "%s/memory.stat", folder);
    used -= value_of(path, second ? "file" : "total_cache");
    m->most = most;
    if (most - used < m->left) m->left = most - (used > 0 ? used : 0);
}

/* A line of /proc/PID/cgroup, "4:memory:/a/b" or "0::/a/b": the group and all above it.  Inside a
 * container the path may be the host's, and the files lie at the top. */
static void narrow_by(const char *root, char *line, gm_memory_limit *m)
{
    char folder[LINE + 20], *names = strchr(line, ':'), *at = names ? strchr(names + 1, ':') : NULL;
    if (!at) return;
    *at++ = 0;
    at[strcspn(at, "\n")] = 0;
    bool second = strcmp(names, ":") == 0;
    if (!second && strcmp(names, ":memory") != 0) return;
    for (;;) {
        snprintf(folder, sizeof folder, "%s%s%s", root, second ? "" : "/memory", at);
        narrow(folder, second, m);
        char *slash = strrchr(at, '/');
        if (!slash) return;
        *slash = 0;
    }
}

void gm_memory_limits(gm_memory_limit *m, const char *groups, const char *root)
{
    char line[LINE];
    FILE *f = fopen(groups, "r");
    while (f && fgets(line, sizeof line, f)) narrow_by(root, line, m);
    if (f) fclose(f);
}

/* Of the whole machine. */
static double available(void)
{
    double kib = 0;
    char line[128];
    FILE *f = fopen("/proc/meminfo", "r");
    while (f && kib <= 0 && fgets(line, sizeof line, f)) sscanf(line, "MemAvailable: %lf", &kib);
    if (f) fclose(f);
    return kib > 0 ? kib * 1024 : (double)gm_installed_memory();
}

static gm_memory_limit here(void)
{
    gm_memory_limit m = { (double)gm_installed_memory(), available() };
    gm_memory_limits(&m, "/proc/self/cgroup", "/sys/fs/cgroup");
    return m;
}

size_t gm_machine_memory(void) { return (size_t)here().most; }
size_t gm_available_memory(void) { return (size_t)here().left; }
