/* What every .cu file includes: CUDA, or its emulation on the CPU (g++ -DGPU_EMU; README.md).
 *
 * A kernel is launched by LAUNCH(kernel, grid, block, shared bytes, stream, arguments...) alone,
 * a template instance in parentheses: LAUNCH((k<4>), ...).  Behind every LAUNCH stands
 * gpu_status(). */
#ifndef GPU_H
#define GPU_H
#include <stddef.h>
#include <stdint.h>

#ifdef GPU_EMU
#include "emu/emu.h"
#include "emu/blas.h"
enum { GPU_PANEL = 1 << 16 };           /* as below; so small that the cases have several */
#else
#include <cublas_v2.h>
#include <cuda_fp16.h>
#include <cuda_runtime.h>
enum { GPU_PANEL = 1 << 24 };           /* elements of a copy of a matrix in parts */
#define LAUNCH(kernel, grid, block, shared, stream, ...) \
    kernel<<<(grid), (block), (shared), (stream)>>>(__VA_ARGS__)
/* The block's dynamic shared memory; once in a kernel. */
#define DYN_SHARED(type, name)                                  \
    extern __shared__ __align__(16) unsigned char dyn_shared_[]; \
    type *name = reinterpret_cast<type *>(dyn_shared_)
/* One IEEE half to float. */
static __device__ __forceinline__ float gpu_half(uint16_t h)
{
    return __half2float(__ushort_as_half(h));
}
#endif

#define FULL_WARP 0xffffffffu

/* After a launch: 0, or the error's number. */
static inline int gpu_status() { return (int)cudaGetLastError(); }

#endif
