/* See emu.h: the scheduler of a block's threads. */
#include "emu.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <map>
#include "fiber.h"
#include "state.h"

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/common_interface_defs.h>
#endif

extern "C" {
/* The linker's: where the section of __shared__ variables begins and ends. */
extern char __start_emu_shared[] __attribute__((weak, visibility("hidden")));
extern char __stop_emu_shared[] __attribute__((weak, visibility("hidden")));
}

namespace emu {

enum { STACK = 64 * 1024, MOST_THREADS = 1024 };
static const size_t STATIC_SHARED = 48 * 1024;

thread *self, *block;
dim3 block_index, block_size, grid_size;

static thread threads[MOST_THREADS];
static int nthreads, nlive;
static const std::function<void()> *body;
static site now;                        /* the launch that runs */
static void *scheduler, *dynamic;

/* ---- what the sanitizer must be told when stacks change ---- */
#if defined(__SANITIZE_ADDRESS__)
static const void *main_stack;
static size_t main_bytes;
static void *main_fake;

/* From one thread to another; NULL is the scheduler.  A thread that is done does not come back. */
static void leave(thread *from, thread *to)
{
    void **keep = !from ? &main_fake : from->at == DONE ? nullptr : &from->fake;
    if (to) __sanitizer_start_switch_fiber(keep, to->stack, STACK);
    else __sanitizer_start_switch_fiber(keep, main_stack, main_bytes);
}
static void arrive(thread *t, bool first)
{
    const void *stack;
    size_t bytes;
    __sanitizer_finish_switch_fiber(first ? nullptr : t ? t->fake : main_fake, &stack, &bytes);
    if (main_stack || !t) return;
    main_stack = stack;                                     /* the first switch of this launch */
    main_bytes = bytes;
}
static void expect_host() { main_stack = nullptr; }
#else
static void expect_host() {}
static void leave(thread *, thread *) {}
static void arrive(thread *, bool) {}
#endif

/* ---- threads ---- */

void fail(const char *what, int line)
{
    fprintf(stderr, "emulated GPU: %s: %s:%d, %s, block (%u, %u, %u), thread (%u, %u, %u)\n", what,
            now.file, line, now.kernel, block_index.x, block_index.y, block_index.z, self->index.x,
            self->index.y, self->index.z);
    abort();
}

/* The warp whose turn it is: the next of its lanes in the order, and where they end. */
static int order[MOST_THREADS];         /* of threads, warp by warp */
static int turn, turns_end;

static thread *next_lane()
{
    while (turn < turns_end) {
        thread *t = &threads[order[turn++]];
        if (t->at == READY) return t;
    }
    return nullptr;
}

/* To the next lane, or to the scheduler, until someone comes back to this thread. */
static void yield()
{
    thread *me = self, *to = next_lane();
    if (to) self = to;
    leave(me, to);
    fiber_switch(&me->sp, to ? to->sp : scheduler);
    arrive(me, false);
}

static void start()
{
    arrive(self, true);
    (*body)();
    self->at = DONE;
    nlive--;
    yield();
}

static void resume(thread *t)
{
    self = t;
    leave(nullptr, t);
    fiber_switch(&scheduler, t->sp);
    arrive(nullptr, false);
}

void barrier(int line)
{
    self->at = AT_BARRIER;
    self->line = line;
    yield();
}

void meet(unsigned mask, int line)
{
    if (!(mask >> lane() & 1)) fail("a lane calls a warp operation whose mask leaves it out", line);
    self->at = AT_WARP;
    self->line = line;
    self->mask = mask;
    yield();
}

void *dynamic_shared() { return dynamic; }

/* Lets lanes go on that all wait at the same operation; whether some did. */
static bool release_warp(int first)
{
    bool any = false;
    for (int i = first; i < first + 32 && i < nthreads; i++) {
        if (threads[i].at != AT_WARP) continue;
        unsigned mask = threads[i].mask;
        bool all = true;
        for (int l = 0; l < 32 && all; l++) {
            if (!(mask >> l & 1)) continue;
            thread *o = &threads[first + l];
            self = &threads[i];
            if (first + l >= nthreads) fail("a mask names lanes beyond the block", self->line);
            if (o->at == DONE)
                fail("a warp operation waits for a lane that has returned", self->line);
            if (o->at != AT_WARP) all = false;
            else if (o->mask != mask || o->line != self->line)
                fail("lanes of one warp meet in different operations", o->line);
        }
        for (int l = 0; all && l < 32; l++)
            if (mask >> l & 1) threads[first + l].at = READY;
        any |= all;
    }
    return any;
}

/* When nobody can go on: the barrier is complete, or the block is stuck. */
static void release_block()
{
    int waiting = 0;
    thread *first = nullptr;
    for (int i = 0; i < nthreads; i++) {
        self = &threads[i];
        if (self->at == READY) return;
        if (self->at == AT_WARP)
            fail("a warp operation waits for lanes that never come", self->line);
        if (self->at == AT_BARRIER && !waiting++) first = self;
    }
    if (!nlive) return;
    self = first;
    if (waiting < nthreads) fail("__syncthreads() that not all threads reach", first->line);
    for (int i = 0; i < nthreads; i++) {
        self = &threads[i];
        if (self->line != first->line)
            fail("threads meet in different __syncthreads()", self->line);
        self->at = READY;
    }
}

/* ---- the order of turns ---- */

/* Forward and reverse let one warp run as far as it can before the next one starts, which shows
 * what the others still read; random takes turns anyhow. */
static unsigned seed;
static enum { FORWARD, REVERSE, RANDOM } kind;

static void choose_order()
{
    const char *e = getenv("EMU_ORDER");
    kind = !e || !strcmp(e, "forward") ? FORWARD : !strcmp(e, "reverse") ? REVERSE : RANDOM;
    if (kind == RANDOM && strncmp(e, "random", 6)) {
        fprintf(stderr, "EMU_ORDER=%s: wanted forward, reverse or random[:SEED]\n", e);
        abort();
    }
    seed = kind == RANDOM && e[6] == ':' ? (unsigned)atoi(e + 7) : 1;
    for (int i = 0; i < nthreads; i++) order[i] = kind == REVERSE ? nthreads - 1 - i : i;
}

static int random_below(int n)
{
    seed = seed * 1664525u + 1013904223u;
    return (int)((seed >> 8) % (unsigned)n);
}

static void shuffle_lanes(int first)
{
    for (int i = 31; kind == RANDOM && i > 0; i--)
        std::swap(order[first + i], order[first + random_below(i + 1)]);
}

/* Every lane of a warp that can go on does so once; whether one did. */
static bool run_lanes(int first)
{
    shuffle_lanes(first);
    turn = first;
    turns_end = first + 32;
    thread *t = next_lane();
    if (t) resume(t);
    return t != nullptr;
}

/* Until every warp waits at a barrier or is done. */
static void run_warps()
{
    int warps = nthreads / 32;
    for (int w = 0; kind != RANDOM && w < warps; w++)
        while (run_lanes(32 * w) && release_warp(order[32 * w] & ~31)) continue;
    for (int idle = 0; kind == RANDOM && idle < 8 * warps;) {
        int first = 32 * random_below(warps);
        idle = run_lanes(first) && release_warp(first) ? 0 : idle + 1;
    }
}

/* ---- blocks ---- */

/* Not memset or memcpy: the sanitizer's red zones between the arrays are written too. */
typedef uint64_t __attribute__((may_alias, aligned(1))) any_eight;
__attribute__((no_sanitize("address", "undefined"),
               optimize("O3", "no-tree-loop-distribute-patterns")))
static void fill_with_nan(char *p, const char *end)
{
    for (; p + 8 <= end; p += 8) *reinterpret_cast<any_eight *>(p) = ~(uint64_t)0;
    while (p < end) *p++ = (char)0xff;
}

static void run_block(size_t shared)
{
    if (shared) memset(dynamic, 0xff, shared);
    fill_with_nan(__start_emu_shared, __stop_emu_shared);
    for (int i = 0; i < nthreads; i++) {
        threads[i].at = READY;
        threads[i].turn = 0;
        threads[i].sp = fiber_new(threads[i].stack, STACK, start);
    }
    for (nlive = nthreads; nlive;) {
        run_warps();
        release_block();
    }
}

static void prepare_threads()
{
    int i = 0;
    for (unsigned z = 0; z < block_size.z; z++)
        for (unsigned y = 0; y < block_size.y; y++)
            for (unsigned x = 0; x < block_size.x; x++, i++) {
                threads[i].index = dim3(x, y, z);
                if (threads[i].stack) continue;
                void *p = mmap(nullptr, STACK, PROT_READ | PROT_WRITE,
                               MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
                if (p == MAP_FAILED) {
                    fprintf(stderr, "emulated GPU: no memory for the threads of a block\n");
                    abort();
                }
                threads[i].stack = static_cast<char *>(p);
            }
    nthreads = i;
}

static void run_grid(site s, dim3 grid, dim3 size, size_t shared, const std::function<void()> &f)
{
    now = s;
    block = threads;
    body = &f;
    grid_size = grid;
    block_size = size;
    prepare_threads();
    choose_order();
    expect_host();
    if (shared && posix_memalign(&dynamic, 16, shared)) abort();
    allow_device_memory(true);
    for (unsigned z = 0; z < grid.z; z++)
        for (unsigned y = 0; y < grid.y; y++)
            for (unsigned x = 0; x < grid.x; x++) {
                block_index = dim3(x, y, z);
                run_block(shared);
            }
    allow_device_memory(false);
    if (shared) free(dynamic);
}

/* ---- launches ---- */

static std::map<const void *, size_t> &allowances()
{
    static std::map<const void *, size_t> all;
    return all;
}

void allow_shared(const void *kernel, size_t bytes) { allowances()[kernel] = bytes; }

static bool possible(dim3 g, dim3 b, size_t shared, const void *kernel)
{
    auto own = allowances().find(kernel);
    size_t most = own == allowances().end() ? STATIC_SHARED : own->second;
    return g.x >= 1 && g.y >= 1 && g.z >= 1 && g.x <= 0x7fffffff && g.y <= 65535 && g.z <= 65535 &&
           b.x >= 1 && b.y >= 1 && b.z >= 1 && b.z <= 64 &&
           (uint64_t)b.x * b.y * b.z <= MOST_THREADS && shared <= most;
}

void submit(site s, dim3 grid, dim3 size, size_t shared, cudaStream_t stream, const void *kernel,
            std::function<void()> f)
{
    asked(s.file, s.line);
    unasked = s;
    if (!possible(grid, size, shared, kernel)) last_error = cudaErrorInvalidConfiguration;
    else if (size.x * size.y * size.z % 32) {
        fprintf(stderr, "emulated GPU: %s:%d, %s: a block of %u threads; wanted a multiple of 32\n",
                s.file, s.line, s.kernel, size.x * size.y * size.z);
        abort();
    } else if (capturing(stream))
        take_down([=]() { run_grid(s, grid, size, shared, f); });
    else run_grid(s, grid, size, shared, f);
}

} // namespace emu
