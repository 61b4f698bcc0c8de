/* See plugin.h.  POSIX: dlopen. */
#include "plugin.h"

#include <dlfcn.h>
#include <string.h>

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
