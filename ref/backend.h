/* Choosing a kernel table, and the device it runs on, by name. */
#ifndef GM_BACKEND_H
#define GM_BACKEND_H
#include "device.h"

/* Fills *k with every slot of backend "ref" or "cpu" (NULL: "cpu"); an unknown name is an error. */
int gm_backend(gm_kernels *k, const char *name, gm_error *e);

/* Where the tensors of a backend live: on the CPU everything is 0. */
typedef struct {
    const gm_device_library *library;
    gm_device device;
} gm_engine;

/* The same for devices too: "cuda", "cuda-bf16".  Slots that the device lacks come from the CPU,
 * with copies there and back.  No library, driver or device is an error in one line.  One device
 * at a time; close it when no context uses it any more. */
int gm_backend_open(gm_kernels *k, gm_engine *g, const char *name, gm_error *e);
void gm_backend_close(gm_engine *g);
/* Names of the forward or backward slots that come from the CPU, separated by ", ", into buf; how
 * many they are. */
int gm_backend_lacks(const gm_engine *g, bool backward, char *buf, size_t room);

/* What x of a product is read as: "f32" (NULL: the same); "bf16", with bf16 weights; or "q8", with
 * quantised weights, in 8 bits as llama.cpp does it.  Changes *k, a table of gm_backend or
 * gm_backend_open.  An error: another name, or a device. */
int gm_backend_activations(gm_kernels *k, const gm_engine *g, const char *name, gm_error *e);

/* How 3x3 convolutions go: "direct" (NULL: the same), or "winograd", less exact, on the CPU
 * (gm_kernels_cpu_winograd).  An error: another name, or a backend that is not cpu. */
int gm_backend_convolutions(gm_kernels *k, const gm_engine *g, const char *name, gm_error *e);

/* The type of a KV cache: kv, or where it is NULL what activations (as above) leave room for: "f16"
 * where they are rounded anyway, else "f32". */
const char *gm_backend_kv(const char *kv, const char *activations);

/* OpenMP threads for what the calling thread does from now on, 0: as many as before.  Returns how
 * many it had. */
int gm_backend_threads(int n);

#endif
