/* POSIX behind the plain functions of os.h. */
#include "os.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

const uint8_t *gm_map(const char *path, size_t *size, gm_error *e)
{
    *size = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        gm_fail(e, "%s: cannot open: %s", path, strerror(errno));
        return NULL;
    }
    struct stat st;
    void *p = MAP_FAILED;
    if (fstat(fd, &st) != 0) gm_fail(e, "%s: cannot read its size: %s", path, strerror(errno));
    else if (!S_ISREG(st.st_mode)) gm_fail(e, "%s: wanted a file, found something else", path);
    else if (st.st_size == 0) gm_fail(e, "%s: the file is empty", path);
    else {
        p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (p == MAP_FAILED)
            gm_fail(e, "%s: cannot map %lld bytes: %s", path, (long long)st.st_size,
                    strerror(errno));
    }
    close(fd);
    if (p == MAP_FAILED) return NULL;
    *size = (size_t)st.st_size;
    return p;
}

void gm_unmap(const uint8_t *p, size_t size)
{
    if (p) munmap((void *)p, size);
}

void gm_map_forget(const uint8_t *p, size_t n)
{
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    uintptr_t from = ((uintptr_t)p + page - 1) / page * page, to = ((uintptr_t)p + n) / page * page;
    if (to > from) madvise((void *)from, to - from, MADV_DONTNEED);
}

char *gm_read_text(const char *path, size_t *size, gm_error *e)
{
    size_t n;
    const uint8_t *p = gm_map(path, &n, e);
    if (!p) return NULL;
    char *s = malloc(n + 1);
    if (s) {
        memcpy(s, p, n);
        s[n] = 0;
        if (size) *size = n;
    } else {
        gm_fail(e, "%s: out of memory for %zu bytes", path, n);
    }
    gm_unmap(p, n);
    return s;
}

/* A device or a pipe: something that a file must not replace. */
static bool is_special(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && !S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode);
}

int gm_create(gm_writer *w, const char *path, gm_error *e)
{
    size_t n = strlen(path) + 40;
    bool direct = is_special(path);
    *w = (gm_writer){ 0 };
    w->path = gm_copy_text(path);
    w->temporary = direct ? NULL : malloc(n);
    if (!w->path || (!direct && !w->temporary)) {
        gm_discard(w);
        return gm_fail(e, "%s: out of memory", path);
    }
    if (!direct) snprintf(w->temporary, n, "%s.tmp-%ld", path, (long)getpid());
    w->file = fopen(direct ? path : w->temporary, "wb");
    if (!w->file) {
        gm_fail(e, "%s: cannot write: %s", path, strerror(errno));
        free(w->path);
        free(w->temporary);
        *w = (gm_writer){ 0 };
        return -1;
    }
    return 0;
}

int gm_commit(gm_writer *w, gm_error *e)
{
    int why = errno;                /* of a write before, where one has failed */
    int bad = ferror(w->file);
    if (!bad) {
        errno = 0;
        bad = fflush(w->file) != 0 || (w->temporary && fsync(fileno(w->file)) != 0);
        why = errno;
    }
    if (fclose(w->file) != 0 && !bad) {
        bad = 1;
        why = errno;
    }
    w->file = NULL;
    if (!bad && w->temporary && rename(w->temporary, w->path) != 0) {
        bad = 1;
        why = errno;
    }
    if (bad) gm_fail(e, "%s: cannot write: %s", w->path, why ? strerror(why) : "write error");
    else {
        free(w->temporary);
        w->temporary = NULL;
    }
    gm_discard(w);
    return bad ? -1 : 0;
}

void gm_discard(gm_writer *w)
{
    if (w->file) fclose(w->file);
    if (w->temporary) unlink(w->temporary);
    free(w->temporary);
    free(w->path);
    *w = (gm_writer){ 0 };
}

bool gm_is_dir(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

bool gm_is_file(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISREG(st.st_mode);
}

bool gm_file_facts(const char *path, uint64_t *size, double *changed)
{
    struct stat st;
    if (stat(path, &st) != 0 || !S_ISREG(st.st_mode)) return false;
    *size = (uint64_t)st.st_size;
    *changed = (double)st.st_mtim.tv_sec + 1e-9 * (double)st.st_mtim.tv_nsec;
    return true;
}

void gm_touch(const char *path) { utimensat(AT_FDCWD, path, NULL, 0); }

int gm_make_dir(const char *path, gm_error *e)
{
    char *p = gm_copy_text(path);
    if (!p) return gm_fail(e, "%s: out of memory", path);
    int bad = 0;
    for (char *s = *p ? p + 1 : p; !bad; s++) {
        char old = *s;
        if (old != '/' && old != 0) continue;
        *s = 0;
        if (mkdir(p, 0777) != 0 && errno != EEXIST) bad = errno;
        *s = old;
        if (old == 0) break;
    }
    free(p);
    if (!bad && !gm_is_dir(path)) bad = ENOTDIR;
    return bad ? gm_fail(e, "%s: cannot make the folder: %s", path, strerror(bad)) : 0;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

int gm_list_dir(const char *path, char ***names, int64_t *n, gm_error *e)
{
    *names = NULL;
    *n = 0;
    DIR *d = opendir(path);
    if (!d) return gm_fail(e, "%s: cannot open the folder: %s", path, strerror(errno));
    int64_t room = 0;
    bool bad = false;
    for (struct dirent *f; !bad && (f = readdir(d));) {
        if (f->d_name[0] == '.') continue;
        if (*n == room) {
            room = room ? 2 * room : 64;
            char **more = realloc(*names, (size_t)room * sizeof *more);
            if (more) *names = more;
            bad = !more;
        }
        if (!bad) bad = !((*names)[*n] = gm_copy_text(f->d_name));
        if (!bad) (*n)++;
    }
    closedir(d);
    if (bad) {
        gm_free_list(*names, *n);
        *names = NULL;
        *n = 0;
        return gm_fail(e, "%s: out of memory", path);
    }
    if (*n) qsort(*names, (size_t)*n, sizeof **names, by_name);
    return 0;
}

int gm_copy_file(const char *from, const char *to, gm_error *e)
{
    size_t n;
    gm_writer w;
    const uint8_t *p = gm_map(from, &n, e);
    if (!p) return -1;
    int bad = gm_create(&w, to, e);
    if (!bad) {
        fwrite(p, 1, n, w.file);
        bad = gm_commit(&w, e);
    }
    gm_unmap(p, n);
    return bad;
}

/* A name is on disk once its folder is. */
static void flush_folder_of(const char *path)
{
    char *folder = gm_copy_text(path), *slash = folder ? strrchr(folder, '/') : NULL;
    if (slash == folder && slash) slash++;
    if (slash) *slash = 0;
    int fd = folder ? open(slash ? folder : ".", O_RDONLY | O_CLOEXEC) : -1;
    if (fd >= 0) {
        fsync(fd);
        close(fd);
    }
    free(folder);
}

int gm_rename(const char *from, const char *to, gm_error *e)
{
    size_t n = strlen(to) + 40;
    char *old = malloc(n);
    if (!old) return gm_fail(e, "%s: out of memory", to);
    snprintf(old, n, "%s.old-%ld", to, (long)getpid());
    bool there = gm_is_dir(to);
    int bad = there && rename(to, old) != 0, why = errno;
    if (!bad && rename(from, to) != 0) {
        bad = 1;
        why = errno;
        if (there) rename(old, to);
    }
    flush_folder_of(to);
    if (!bad && there) bad = gm_remove_dir(old, e);
    else if (bad) gm_fail(e, "%s: cannot be renamed to %s: %s", from, to, strerror(why));
    free(old);
    return bad ? -1 : 0;
}

int gm_remove_dir(const char *path, gm_error *e)
{
    struct stat st;
    if (lstat(path, &st) != 0) return errno == ENOENT ? 0
        : gm_fail(e, "%s: cannot be removed: %s", path, strerror(errno));
    DIR *d = S_ISDIR(st.st_mode) ? opendir(path) : NULL;
    int bad = 0;
    for (struct dirent *f; d && !bad && (f = readdir(d));) {
        if (!strcmp(f->d_name, ".") || !strcmp(f->d_name, "..")) continue;
        char *inside = gm_path_join(path, f->d_name);
        bad = inside ? gm_remove_dir(inside, e) : gm_fail(e, "%s: out of memory", path);
        free(inside);
    }
    if (d) closedir(d);
    if (!bad && remove(path) != 0)
        bad = gm_fail(e, "%s: cannot be removed: %s", path, strerror(errno));
    return bad;
}

void gm_free_list(char **names, int64_t n)
{
    for (int64_t i = 0; i < n; i++) free(names[i]);
    free(names);
}

char *gm_path_join(const char *a, const char *b)
{
    size_t n = strlen(a), m = strlen(b);
    char *s = malloc(n + m + 2);
    if (!s) return NULL;
    memcpy(s, a, n);
    if (n && a[n - 1] != '/') s[n++] = '/';
    memcpy(s + n, b, m + 1);
    return s;
}

char *gm_copy_text(const char *s)
{
    size_t n = strlen(s) + 1;
    char *t = malloc(n);
    if (t) memcpy(t, s, n);
    return t;
}

/* "machine number" of this process. */
static void owner_text(char text[300])
{
    char machine[256] = "";
    gethostname(machine, sizeof machine - 1);
    snprintf(text, 300, "%s %ld\n", machine, (long)getpid());
}

/* What a claim holds, "" when it is gone or not written yet. */
static void read_owner(const char *path, char text[300])
{
    FILE *f = fopen(path, "r");
    size_t n = f ? fread(text, 1, 299, f) : 0;
    text[n] = 0;
    if (f) fclose(f);
}

/* Is it of a process of this machine that is no more? */
static bool is_dead(const char *owner)
{
    char machine[300], here[256] = "";
    long process;
    gethostname(here, sizeof here - 1);
    if (sscanf(owner, "%299s %ld", machine, &process) != 2 || strcmp(machine, here)) return false;
    return kill((pid_t)process, 0) != 0 && errno == ESRCH;
}

/* Takes a dead owner's claim away.  Only one process can rename it; should that have caught a fresh
 * claim of another that was quicker, it is put back. */
static void take_away(const char *path, const char *owner)
{
    size_t n = strlen(path) + 40;
    char found[300], *aside = malloc(n);
    if (!aside) return;
    snprintf(aside, n, "%s.dead-%ld", path, (long)getpid());
    if (rename(path, aside) == 0) {
        read_owner(aside, found);
        if (strcmp(found, owner) != 0 && link(aside, path) != 0) found[0] = 0;
        unlink(aside);
    }
    free(aside);
}

int gm_claim(const char *path, gm_error *e)
{
    char mine[300], other[300];
    owner_text(mine);
    for (int attempt = 0; attempt < 2; attempt++) {
        int fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0666);
        if (fd >= 0) {
            ssize_t n = write(fd, mine, strlen(mine));
            close(fd);
            if (n == (ssize_t)strlen(mine)) return 1;
            unlink(path);
            return gm_fail(e, "%s: cannot write: %s", path, strerror(errno));
        }
        if (errno != EEXIST) return gm_fail(e, "%s: cannot write: %s", path, strerror(errno));
        read_owner(path, other);
        if (!is_dead(other)) return 0;
        take_away(path, other);
    }
    return 0;
}

void gm_release(const char *path)
{
    unlink(path);
}

void gm_sleep(double seconds)
{
    struct timespec t = { (time_t)seconds, (long)(1e9 * (seconds - (double)(time_t)seconds)) };
    nanosleep(&t, NULL);
}

double gm_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

double gm_wall_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

size_t gm_peak_rss(void)
{
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return (size_t)u.ru_maxrss * 1024;
}

size_t gm_installed_memory(void)
{
    return (size_t)sysconf(_SC_PHYS_PAGES) * (size_t)sysconf(_SC_PAGE_SIZE);
}

bool gm_is_terminal(int fd)
{
    return isatty(fd) == 1;
}

static const char *last_words;

static void end_by(int number)
{
    ssize_t n = write(STDOUT_FILENO, last_words, strlen(last_words));
    (void)n;                                    /* nothing can be done about it here */
    signal(number, SIG_DFL);
    raise(number);
}

void gm_last_words(const char *text)
{
    static const int end[] = { SIGINT, SIGTERM };
    last_words = text;
    for (size_t i = 0; i < sizeof end / sizeof *end; i++)       /* one that is ignored stays so */
        if (signal(end[i], end_by) == SIG_IGN) signal(end[i], SIG_IGN);
}

static volatile sig_atomic_t interrupts;

static void note_interrupt(int number)
{
    if (interrupts++) {
        signal(number, SIG_DFL);
        raise(number);
    }
}

void gm_catch_interrupts(void)
{
    static const int end[] = { SIGINT, SIGTERM };
    interrupts = 0;
    for (size_t i = 0; i < sizeof end / sizeof *end; i++)       /* one that is ignored stays so */
        if (signal(end[i], note_interrupt) == SIG_IGN) signal(end[i], SIG_IGN);
}

bool gm_interrupted(void)
{
    return interrupts > 0;
}

/* Big blocks lie on huge pages where the kernel lets them (transparent_hugepage: madvise). */
void *gm_aligned_alloc(size_t bytes)
{
    enum { LINE = 64, HUGE_PAGE = 2 << 20 };
    size_t unit = bytes >= 2 * (size_t)HUGE_PAGE ? HUGE_PAGE : LINE;
    size_t whole = bytes ? (bytes + unit - 1) / unit * unit : unit;
    void *p = whole >= bytes ? aligned_alloc(unit, whole) : NULL;
    if (p && unit == HUGE_PAGE) madvise(p, whole, MADV_HUGEPAGE);
    return p;
}

/* ---- processors ---- */

/* The first line of a file that starts so, from there on, into buf of n bytes; false: none. */
static bool line_of(const char *path, const char *start, char *buf, size_t n)
{
    FILE *f = fopen(path, "r");
    bool found = false;
    while (f && !found && fgets(buf, (int)n, f)) found = strncmp(buf, start, strlen(start)) == 0;
    if (f) fclose(f);
    if (found) memmove(buf, buf + strlen(start), strlen(buf + strlen(start)) + 1);
    return found;
}

/* Is it among "0-3,8"? */
static bool is_listed(const char *list, long cpu)
{
    while (*list) {
        char *end;
        long from = strtol(list, &end, 10), to = from;
        if (end == list) return false;
        if (*end == '-') to = strtol(end + 1, &end, 10);
        if (cpu >= from && cpu <= to) return true;
        list = end + (*end == ',');
    }
    return false;
}

int gm_physical_cores(void)
{
    enum { MOST = 4096 };
    char allowed[2000], siblings[2000], path[100];
    int cores = 0;
    if (!line_of("/proc/self/status", "Cpus_allowed_list:", allowed, sizeof allowed)) return 0;
    for (long cpu = 0; cpu < MOST; cpu++) {
        if (!is_listed(allowed, cpu)) continue;
        snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu%ld/topology/thread_siblings_list",
                 cpu);
        bool first = true;
        if (line_of(path, "", siblings, sizeof siblings))
            for (long k = 0; k < cpu; k++)
                first = first && !(is_listed(siblings, k) && is_listed(allowed, k));
        cores += first;
    }
    return cores;
}

void gm_calm_threads(char **argv)
{
    char n[20];
    int cores = getenv("OMP_NUM_THREADS") ? 0 : gm_physical_cores();
    bool spin = getenv("GOMP_SPINCOUNT") || getenv("OMP_WAIT_POLICY"), anew = false;
    snprintf(n, sizeof n, "%d", cores);
    if (!spin) anew = setenv("GOMP_SPINCOUNT", "1000", 1) == 0;
    if (cores > 0 && setenv("OMP_NUM_THREADS", n, 1) == 0) anew = true;
    if (anew) execv("/proc/self/exe", argv);
}
