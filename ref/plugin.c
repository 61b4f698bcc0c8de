/* See plugin.h.  POSIX: dlopen, readlink. */
#include "plugin.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../io/os.h"

#define DEVICE_FILE "libglamm_cuda.so"

const gm_plugin *gm_plugin_load(const char *path, gm_error *e)
{
    char here[4096] = "./"; /* dlopen searches elsewhere for a name without '/' */
    if (strlen(path) > sizeof here - 3) {
        gm_fail(e, "%.100s...: the name is too long", path);
        return NULL;
    }
    void *file = dlopen(strchr(path, '/') ? path : strcat(here, path), RTLD_NOW | RTLD_LOCAL);
    if (!file) {
        gm_fail(e, "%s", dlerror());
        return NULL;
    }
    const gm_plugin *p = dlsym(file, "glamm_plugin");
    if (!p) gm_fail(e, "%s: exports no glamm_plugin (ref/kernels.h)", path);
    else if (p->size != sizeof(gm_kernels))
        gm_fail(e, "%s: its table has %zu bytes, wanted %zu: glamm_plugin.size must be "
                "sizeof(gm_kernels), with this kernels.h", path, p->size, sizeof(gm_kernels));
    else if (!p->kernels) gm_fail(e, "%s: glamm_plugin.kernels is NULL", path);
    else if (p->precision != GM_F32 && p->precision != GM_BF16 && p->precision != GM_F16)
        gm_fail(e, "%s: glamm_plugin.precision is %d, wanted GM_F32, GM_BF16 or GM_F16", path,
                (int)p->precision);
    else return p;
    return NULL;
}

/* Where the backend's file is; a bare name when it is in neither folder, for the loader to
 * search. */
static void find_device(char *path, size_t room)
{
    static const char *const folder[] = { "", "../lib/" };
    const char *named = getenv("GLAMM_CUDA");
    char self[3000];
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    if (named && *named) {
        snprintf(path, room, "%s%s", strchr(named, '/') ? "" : "./", named);
        return;
    }
    self[n > 0 ? n : 0] = 0;
    char *last = strrchr(self, '/');
    for (size_t i = 0; last && i < sizeof folder / sizeof *folder; i++) {
        last[1] = 0;
        snprintf(path, room, "%s%s" DEVICE_FILE, self, folder[i]);
        if (gm_is_file(path)) return;
    }
    snprintf(path, room, DEVICE_FILE);
}

const gm_device_library *gm_plugin_device(gm_error *e)
{
    char path[4096];
    find_device(path, sizeof path);
    void *file = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!file) {
        gm_fail(e, "backend cuda: %s (make CUDA=1 builds " DEVICE_FILE
                "; the environment's GLAMM_CUDA names another place)", dlerror());
        return NULL;
    }
    const gm_device_library *d = dlsym(file, "glamm_device");
    if (!d) gm_fail(e, "%s: exports no glamm_device (ref/device.h)", path);
    else if (d->kernels_bytes != sizeof(gm_kernels) || d->device_bytes != sizeof(gm_device))
        gm_fail(e, "%s: belongs to another build of this program; make CUDA=1 builds it anew",
                path);
    else return d;
    return NULL;
}
