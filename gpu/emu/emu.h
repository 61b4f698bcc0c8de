/* The part of CUDA that gpu/ uses, on one CPU thread.
 *
 * Every CUDA thread is a fiber; fibers change at barriers and warp operations only; blocks run
 * one after another.  What stops the run with a line naming file, line, block and thread: a
 * barrier that part of a block never reaches, a shuffle outside its mask, a launch whose error
 * nobody asked for. A launch that the hardware would refuse is refused.  Shared and device
 * memory start as NaN.
 *
 * EMU_ORDER=forward|reverse|random[:SEED]  the order in which a block's threads take turns
 * EMU_COPIES=1    what crosses the bus after the weights, told at the end
 * EMU_PROTECT=1   device memory cannot be read outside kernels and copies (not the sanitizer's
 *                 guards around each block of it) */
#ifndef GPU_EMU_H
#define GPU_EMU_H
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <functional>
#include <tuple>
#include <utility>

#define __global__
#define __device__
#define __host__
#define __forceinline__ inline
#define __launch_bounds__(...)
#define __restrict__
#define __grid_constant__
/* A section of its own, so that it can be filled with NaN before each block. */
#define __shared__ static __attribute__((section("emu_shared")))
#define DYN_SHARED(type, name) type *name = static_cast<type *>(emu::dynamic_shared())
#define LAUNCH(kernel, grid, block, shared, stream, ...)                                        \
    emu::launch(emu::site{ __FILE__, __LINE__, #kernel }, (grid), (block), (shared), (stream), \
                kernel, __VA_ARGS__)

struct dim3 {
    unsigned x, y, z;
    dim3(unsigned a = 1, unsigned b = 1, unsigned c = 1) : x(a), y(b), z(c) {}
};
struct alignas(8) float2 { float x, y; };
struct alignas(16) float4 { float x, y, z, w; };
struct alignas(8) uint2 { unsigned x, y; };
struct alignas(16) uint4 { unsigned x, y, z, w; };

/* ---- the host's side ---- */
enum cudaError_t {
    cudaSuccess = 0,
    cudaErrorInvalidValue = 1,
    cudaErrorMemoryAllocation = 2,
    cudaErrorInvalidConfiguration = 9,
    cudaErrorStreamCaptureUnsupported = 900,
};
enum cudaMemcpyKind {
    cudaMemcpyHostToDevice = 1,
    cudaMemcpyDeviceToHost = 2,
    cudaMemcpyDeviceToDevice = 3,
};
enum cudaFuncAttribute { cudaFuncAttributeMaxDynamicSharedMemorySize = 8 };
enum cudaStreamCaptureMode { cudaStreamCaptureModeRelaxed = 2 };
typedef struct emu_stream *cudaStream_t;
typedef struct emu_graph *cudaGraph_t;
typedef struct emu_graph *cudaGraphExec_t;
struct cudaGraphExecUpdateResultInfo { int result; };
struct cudaDeviceProp {
    char name[256];
    size_t totalGlobalMem;
    int major, minor, multiProcessorCount;
};

cudaError_t cudaDriverGetVersion(int *version);
cudaError_t cudaRuntimeGetVersion(int *version);
cudaError_t cudaGetDeviceCount(int *n);
cudaError_t cudaSetDevice(int device);
cudaError_t cudaGetDeviceProperties(cudaDeviceProp *p, int device);
cudaError_t cudaMemGetInfo(size_t *available, size_t *total);
cudaError_t cudaMalloc(void **p, size_t bytes);
cudaError_t cudaFree(void *p);
cudaError_t cudaMemcpyAsync(void *to, const void *from, size_t bytes, cudaMemcpyKind kind,
                            cudaStream_t stream);
cudaError_t cudaStreamCreate(cudaStream_t *stream);
cudaError_t cudaStreamDestroy(cudaStream_t stream);
cudaError_t cudaStreamSynchronize(cudaStream_t stream);
cudaError_t cudaGetLastError();
const char *cudaGetErrorString(cudaError_t e);
cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode mode);
cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t *graph);
cudaError_t cudaGraphInstantiate(cudaGraphExec_t *exec, cudaGraph_t graph,
                                 unsigned long long flags);
cudaError_t cudaGraphExecUpdate(cudaGraphExec_t exec, cudaGraph_t graph,
                                cudaGraphExecUpdateResultInfo *info);
cudaError_t cudaGraphLaunch(cudaGraphExec_t exec, cudaStream_t stream);
cudaError_t cudaGraphExecDestroy(cudaGraphExec_t exec);
cudaError_t cudaGraphDestroy(cudaGraph_t graph);

namespace emu {

struct site { const char *file; int line; const char *kernel; };

/* Where a thread stands in its block. */
enum state { READY, AT_BARRIER, AT_WARP, DONE };
struct thread {
    void *sp;                           /* saved stack pointer, or what fiber.cc puts here */
    char *stack;
    state at;
    int line;
    unsigned mask;
    dim3 index;
    uint64_t slot[2];                   /* what it gives in a warp operation; two, so that a fast
                                           lane does not overwrite what a slow one still reads */
    unsigned turn;
    void *fake;                         /* the sanitizer's */
};
extern thread *self;                    /* the thread that runs */
extern thread *block;                   /* all of its block */
extern dim3 block_index, block_size, grid_size;

[[noreturn]] void fail(const char *what, int line);
void barrier(int line);
void meet(unsigned mask, int line);     /* the lanes of mask */
void *dynamic_shared();
size_t largest_shared(const void *kernel);
void allow_shared(const void *kernel, size_t bytes);
/* Runs, or takes down while the stream captures. */
void submit(site s, dim3 grid, dim3 threads, size_t shared, cudaStream_t stream,
            const void *kernel, std::function<void()> body);
/* The same for what is no kernel (a copy, a product). */
void submit_host(cudaStream_t stream, std::function<void()> body);
void allow_device_memory(bool yes);     /* EMU_PROTECT */

template <class... P, class... A, size_t... I>
void call(void (*kernel)(P...), const std::tuple<A...> &a, std::index_sequence<I...>)
{
    kernel(std::get<I>(a)...);
}

/* Arguments are evaluated and converted now, as the driver copies them now. */
template <class... P, class... A>
void launch(site s, dim3 grid, dim3 threads, size_t shared, cudaStream_t stream,
            void (*kernel)(P...), A... a)
{
    static_assert(sizeof...(P) == sizeof...(A), "the kernel takes another number of arguments");
    static_assert(sizeof(std::tuple<P...>) <= 4096, "a kernel's arguments have 4 KB at most");
    std::tuple<P...> given(static_cast<P>(a)...);
    submit(s, grid, threads, shared, stream, reinterpret_cast<const void *>(kernel),
           [=]() { call(kernel, given, std::index_sequence_for<P...>()); });
}

inline int lane() { return (int)(self - block) & 31; }

/* Every lane of mask deposits v and reads that of lane `from`. */
template <class T> T exchange(unsigned mask, T v, int from, int line)
{
    static_assert(sizeof(T) <= 8, "a warp operation carries 8 bytes at most");
    if (!(mask >> lane() & 1)) fail("a lane calls a warp operation whose mask leaves it out", line);
    unsigned turn = self->turn++ & 1;
    memcpy(&self->slot[turn], &v, sizeof v);
    meet(mask, line);
    if (!(mask >> from & 1)) fail("a shuffle reads from a lane outside its mask", line);
    T r;
    memcpy(&r, &block[((self - block) & ~31) + from].slot[turn], sizeof r);
    return r;
}

template <class T> T shuffle(unsigned m, T v, int from, int width, int line)
{
    return exchange(m, v, (lane() & ~(width - 1)) + (from & (width - 1)), line);
}
template <class T> T shuffle_up(unsigned m, T v, int d, int width, int line)
{
    int from = lane() - d;
    return exchange(m, v, from < (lane() & ~(width - 1)) ? lane() : from, line);
}
template <class T> T shuffle_down(unsigned m, T v, int d, int width, int line)
{
    int from = lane() + d;
    return exchange(m, v, from >= (lane() & ~(width - 1)) + width ? lane() : from, line);
}
template <class T> T shuffle_xor(unsigned m, T v, int x, int width, int line)
{
    int from = lane() ^ x;
    return exchange(m, v, from >= (lane() & ~(width - 1)) + width ? lane() : from, line);
}

inline unsigned ballot(unsigned mask, bool yes, int line)
{
    unsigned all = 0, turn = self->turn & 1;
    exchange(mask, (int)yes, lane(), line);
    for (int l = 0; l < 32; l++) {
        int theirs = 0;
        if (!(mask >> l & 1)) continue;
        memcpy(&theirs, &block[((self - block) & ~31) + l].slot[turn], sizeof theirs);
        all |= (unsigned)(theirs != 0) << l;
    }
    return all;
}

} // namespace emu

template <class F> cudaError_t cudaFuncSetAttribute(F *kernel, cudaFuncAttribute, int bytes)
{
    if (bytes > 227 * 1024) return cudaErrorInvalidValue;
    emu::allow_shared(reinterpret_cast<const void *>(kernel), (size_t)bytes);
    return cudaSuccess;
}

/* ---- the device's side ---- */
#define threadIdx (emu::self->index)
#define blockIdx (emu::block_index)
#define blockDim (emu::block_size)
#define gridDim (emu::grid_size)
#define __syncthreads() emu::barrier(__LINE__)
#define __syncwarp(...) emu::meet(emu::mask_or_all(__VA_ARGS__), __LINE__)
/* Calls with a width and without. */
#define EMU_WIDTH(a, width, ...) (a), (width)
#define __shfl_sync(m, v, ...) emu::shuffle(m, v, EMU_WIDTH(__VA_ARGS__, 32, 0), __LINE__)
#define __shfl_up_sync(m, v, ...) emu::shuffle_up(m, v, EMU_WIDTH(__VA_ARGS__, 32, 0), __LINE__)
#define __shfl_down_sync(m, v, ...) emu::shuffle_down(m, v, EMU_WIDTH(__VA_ARGS__, 32, 0), __LINE__)
#define __shfl_xor_sync(m, v, ...) emu::shuffle_xor(m, v, EMU_WIDTH(__VA_ARGS__, 32, 0), __LINE__)
#define __ballot_sync(m, p) emu::ballot(m, p, __LINE__)
#define __any_sync(m, p) (emu::ballot(m, p, __LINE__) != 0)
#define __all_sync(m, p) (emu::ballot(m, !(p), __LINE__) == 0)

namespace emu {
inline unsigned mask_or_all(unsigned m = 0xffffffffu) { return m; }
}

/* Fibers never run at the same time. */
template <class T> T atomicAdd(T *p, T v)
{
    T old = *p;
    *p = old + v;
    return old;
}
template <class T> T atomicMax(T *p, T v)
{
    T old = *p;
    if (v > old) *p = v;
    return old;
}
template <class T> T atomicCAS(T *p, T want, T v)
{
    T old = *p;
    if (old == want) *p = v;
    return old;
}
template <class T> T __ldg(const T *p) { return *p; }
static inline float rsqrtf(float x) { return 1.0f / sqrtf(x); }
static inline float __uint_as_float(unsigned u)
{
    float f;
    memcpy(&f, &u, sizeof f);
    return f;
}
static inline unsigned __float_as_uint(float f)
{
    unsigned u;
    memcpy(&u, &f, sizeof u);
    return u;
}
/* One IEEE half to float. */
static inline float gpu_half(uint16_t h)
{
    unsigned sign = (unsigned)(h & 0x8000) << 16, exponent = h >> 10 & 31, fraction = h & 1023;
    if (exponent == 31) return __uint_as_float(sign | 0x7f800000 | fraction << 13);
    if (exponent) return __uint_as_float(sign | (exponent + 112) << 23 | fraction << 13);
    float f = (float)fraction * 5.9604644775390625e-8f;         /* 2^-24 */
    return sign ? -f : f;
}

#endif
