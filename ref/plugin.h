/* Shared objects: kernels (the variable glamm_plugin of kernels.h) and devices (device.h). */
#ifndef GM_PLUGIN_H
#define GM_PLUGIN_H
#include "device.h"

/* Loads the file and finds its glamm_plugin, which stays valid until the process ends: a shared
 * object that has run is never unloaded.  The file's own start-up code runs.  NULL with an error
 * when the file cannot be loaded, has no glamm_plugin, was built against another kernels.h, or
 * names a type that no kernel computes in. */
const gm_plugin *gm_plugin_load(const char *path, gm_error *e);

/* The CUDA backend: the file that the environment's GLAMM_CUDA names, else libglamm_cuda.so beside
 * the program, in ../lib beside that, or where the system keeps libraries.  NULL with an error that
 * says how to get it. */
const gm_device_library *gm_plugin_device(gm_error *e);

#endif
