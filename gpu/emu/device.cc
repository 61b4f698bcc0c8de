/* See emu.h: the host's side, memory, the stream, graphs. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <map>
#include <vector>
#include "state.h"

struct emu_stream { int unused; };
struct emu_graph { std::vector<std::function<void()>> work; };

namespace emu {

cudaError_t last_error;
site unasked;
static emu_graph *taking_down;          /* the capture in progress, or NULL */

static cudaError_t remember(cudaError_t e)
{
    if (e) last_error = e;
    return e;
}

void asked(const char *file, int line)
{
    if (!unasked.file) return;
    fprintf(stderr, "emulated GPU: nobody asked for the error of the launch of %s at %s:%d before "
            "%s:%d\n", unasked.kernel, unasked.file, unasked.line, file, line);
    abort();
}
#define ASKED() asked(__func__, 0)

bool capturing(cudaStream_t) { return taking_down != nullptr; }
void take_down(std::function<void()> f) { taking_down->work.push_back(f); }

void submit_host(cudaStream_t stream, std::function<void()> f)
{
    auto run = [=]() {
        allow_device_memory(true);
        f();
        allow_device_memory(false);
    };
    if (capturing(stream)) take_down(run);
    else run();
}

/* ---- memory that only kernels and copies may touch ---- */

static const size_t ARENA = (size_t)16 << 30, PAGE = 4096;
static char *arena;
static size_t used;
static std::multimap<size_t, char *> spare;
static std::map<char *, size_t> given;

static bool protects()
{
    static const char *e = getenv("EMU_PROTECT");
    if (!e || *e != '1') return false;
    if (!arena) {
        void *p = mmap(nullptr, ARENA, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1,
                       0);
        if (p == MAP_FAILED) abort();
        arena = static_cast<char *>(p);
    }
    return true;
}

void allow_device_memory(bool yes)
{
    if (protects() && used) mprotect(arena, used, yes ? PROT_READ | PROT_WRITE : PROT_NONE);
}

static char *arena_new(size_t bytes)
{
    bytes = (bytes + PAGE - 1) / PAGE * PAGE;
    auto old = spare.find(bytes);
    char *p = old == spare.end() ? arena + used : old->second;
    if (old != spare.end()) spare.erase(old);
    else if (bytes > ARENA - used) return nullptr;
    else used += bytes;
    given[p] = bytes;
    return p;
}

static size_t limit()                   /* EMU_MEMORY: bytes the device has */
{
    const char *e = getenv("EMU_MEMORY");
    return e ? (size_t)strtoull(e, nullptr, 10) : ARENA;
}

/* EMU_COPIES=1: what crossed the bus since the host first read something back, told at the end. */
static struct copies {
    std::map<size_t, int> n[2];         /* by bytes; to the device, to the host */
    void note(bool down, size_t bytes)
    {
        if (down || !n[1].empty()) n[down][bytes]++;
    }
    ~copies()
    {
        const char *e = getenv("EMU_COPIES");
        for (int down = 0; down < 2 && e && *e == '1' && !n[1].empty(); down++) {
            fprintf(stderr, "emulated GPU: copies to the %s:", down ? "host" : "device");
            for (auto &c : n[down]) fprintf(stderr, " %d of %zu bytes", c.second, c.first);
            fprintf(stderr, "\n");
        }
    }
} crossed;

static size_t held;
static std::map<void *, size_t> &sizes()
{
    static std::map<void *, size_t> all;
    return all;
}

} // namespace emu

using namespace emu;

cudaError_t cudaMalloc(void **p, size_t bytes)
{
    ASKED();
    *p = nullptr;
    if (bytes > limit() || held > limit() - bytes) return remember(cudaErrorMemoryAllocation);
    if (protects()) *p = arena_new(bytes ? bytes : 1);
    else if (posix_memalign(p, 256, bytes ? bytes : 1)) *p = nullptr;
    if (!*p) return remember(cudaErrorMemoryAllocation);
    sizes()[*p] = bytes;
    held += bytes;
    allow_device_memory(true);
    memset(*p, 0xff, bytes);                                /* NaN in every float */
    allow_device_memory(false);
    return cudaSuccess;
}

cudaError_t cudaFree(void *p)
{
    ASKED();
    if (!p) return cudaSuccess;
    held -= sizes()[p];
    sizes().erase(p);
    auto own = given.find(static_cast<char *>(p));
    if (own == given.end()) free(p);
    else {
        spare.insert({ own->second, own->first });
        given.erase(own);
    }
    return cudaSuccess;
}

cudaError_t cudaMemcpyAsync(void *to, const void *from, size_t bytes, cudaMemcpyKind kind,
                            cudaStream_t stream)
{
    ASKED();
    if (capturing(stream) && kind == cudaMemcpyDeviceToHost)
        return remember(cudaErrorStreamCaptureUnsupported);
    crossed.note(kind == cudaMemcpyDeviceToHost, bytes);
    submit_host(stream, [=]() { memcpy(to, from, bytes); });
    return cudaSuccess;
}

cudaError_t cudaStreamSynchronize(cudaStream_t stream)
{
    ASKED();
    return remember(capturing(stream) ? cudaErrorStreamCaptureUnsupported : cudaSuccess);
}

cudaError_t cudaGetLastError()
{
    cudaError_t e = last_error;
    unasked = site();
    last_error = cudaSuccess;
    return e;
}

const char *cudaGetErrorString(cudaError_t e)
{
    switch (e) {
    case cudaSuccess: return "no error";
    case cudaErrorInvalidValue: return "invalid argument";
    case cudaErrorMemoryAllocation: return "out of memory";
    case cudaErrorInvalidConfiguration: return "invalid configuration argument";
    case cudaErrorStreamCaptureUnsupported:
        return "operation not permitted when stream is capturing";
    }
    return "unknown error";
}

/* ---- the device: EMU_DEVICE=no-driver|none stands for machines without one ---- */

static bool is(const char *what)
{
    const char *e = getenv("EMU_DEVICE");
    return e && !strcmp(e, what);
}

cudaError_t cudaDriverGetVersion(int *version)
{
    *version = is("no-driver") ? 0 : 13000;
    return cudaSuccess;
}

cudaError_t cudaRuntimeGetVersion(int *version)
{
    *version = 13000;
    return cudaSuccess;
}

cudaError_t cudaGetDeviceCount(int *n)
{
    *n = is("none") ? 0 : 1;
    return cudaSuccess;
}

cudaError_t cudaSetDevice(int) { return cudaSuccess; }

cudaError_t cudaGetDeviceProperties(cudaDeviceProp *p, int)
{
    *p = cudaDeviceProp();
    snprintf(p->name, sizeof p->name, "emulated GPU (one CPU thread)");
    p->totalGlobalMem = limit();
    p->major = is("old") ? 7 : 9;
    p->multiProcessorCount = 1;
    return cudaSuccess;
}

cudaError_t cudaMemGetInfo(size_t *available, size_t *total)
{
    *total = limit();
    *available = *total - held;
    return cudaSuccess;
}

cudaError_t cudaStreamCreate(cudaStream_t *stream)
{
    *stream = new emu_stream();
    return cudaSuccess;
}

cudaError_t cudaStreamDestroy(cudaStream_t stream)
{
    delete stream;
    return cudaSuccess;
}

/* ---- graphs: what was launched meanwhile, as a list ---- */

cudaError_t cudaStreamBeginCapture(cudaStream_t, cudaStreamCaptureMode)
{
    ASKED();
    if (taking_down) return remember(cudaErrorInvalidValue);
    taking_down = new emu_graph();
    return cudaSuccess;
}

cudaError_t cudaStreamEndCapture(cudaStream_t, cudaGraph_t *graph)
{
    ASKED();
    *graph = taking_down;
    taking_down = nullptr;
    return remember(*graph ? cudaSuccess : cudaErrorInvalidValue);
}

cudaError_t cudaGraphInstantiate(cudaGraphExec_t *exec, cudaGraph_t graph, unsigned long long)
{
    *exec = new emu_graph(*graph);
    return cudaSuccess;
}

cudaError_t cudaGraphExecUpdate(cudaGraphExec_t exec, cudaGraph_t graph,
                                cudaGraphExecUpdateResultInfo *info)
{
    info->result = 0;
    exec->work = graph->work;
    return cudaSuccess;
}

cudaError_t cudaGraphLaunch(cudaGraphExec_t exec, cudaStream_t)
{
    ASKED();
    for (auto &f : exec->work) f();
    return cudaSuccess;
}

cudaError_t cudaGraphExecDestroy(cudaGraphExec_t exec)
{
    delete exec;
    return cudaSuccess;
}

cudaError_t cudaGraphDestroy(cudaGraph_t graph)
{
    delete graph;
    return cudaSuccess;
}
