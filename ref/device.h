/* A device: kernels and memory that come from a shared object of their own (gpu/), which the
 * program loads only when it is asked for. */
#ifndef GM_DEVICE_H
#define GM_DEVICE_H
#include "tensor.h"

typedef struct {
    const gm_kernels *kernels;  /* on device pointers; NULL slots come from the CPU (bridge.h) */
    gm_memory memory;
    char description[240];      /* "NVIDIA H100, 80 GB, compute 9.0, CUDA 13.0" */
    const char *caution;        /* what a user should know of its state, or NULL */
} gm_device;

/* What the shared object exports under the name glamm_device (in C++ as extern "C"). */
typedef struct {
    /* sizeof each: an object of another build is refused */
    size_t kernels_bytes, device_bytes;
    /* Takes the device.  precision: what products are computed in, GM_F32 or GM_BF16.  0, or -1
     * with one line in error (room bytes). */
    int (*open)(gm_device *d, gm_dtype precision, char *error, size_t room);
    void (*close)(gm_device *d);
} gm_device_library;

#endif
