/* Kernels from a shared object: the variable glamm_plugin of kernels.h. */
#ifndef GM_PLUGIN_H
#define GM_PLUGIN_H
#include "error.h"
#include "kernels.h"

/* Loads the file and finds its glamm_plugin, which stays valid until the process ends: a shared
 * object that has run is never unloaded.  The file's own start-up code runs.  NULL with an error
 * when the file cannot be loaded, has no glamm_plugin, was built against another kernels.h, or
 * names a type that no kernel computes in. */
const gm_plugin *gm_plugin_load(const char *path, gm_error *e);

#endif
