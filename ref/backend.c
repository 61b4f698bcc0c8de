/* See backend.h.  The one file of the model that may ask what it was built for. */
#include "backend.h"

#include <omp.h>
#include <stdio.h>
#include <string.h>

#include "bridge.h"
#include "plugin.h"

int gm_backend(gm_kernels *k, const char *name, gm_error *e)
{
    if (!name || strcmp(name, "cpu") == 0)
        gm_kernels_inherit(k, gm_kernels_cpu(), gm_kernels_ref());
    else if (strcmp(name, "ref") == 0) *k = *gm_kernels_ref();
    else return gm_fail(e, "backend %s: wanted cpu or ref", name);
    return 0;
}

int gm_backend_open(gm_kernels *k, gm_engine *g, const char *name, gm_error *e)
{
    bool bf16 = name && strcmp(name, "cuda-bf16") == 0;
    char why[400] = "";
    *g = (gm_engine){ 0 };
    if (!bf16 && (!name || strcmp(name, "cuda") != 0)) return gm_backend(k, name, e);
    g->library = gm_plugin_device(e);
    if (!g->library) return -1;
    if (g->library->open(&g->device, bf16 ? GM_BF16 : GM_F32, why, sizeof why)) {
        *g = (gm_engine){ 0 };
        return gm_fail(e, "backend %s: %s", name, why);
    }
    gm_kernels host;
    gm_backend(&host, "cpu", NULL);
    gm_bridge_to_host(&host, &g->device.memory);
    gm_kernels_inherit(k, g->device.kernels, gm_bridge());
    return 0;
}

int gm_backend_activations(gm_kernels *k, const gm_engine *g, const char *name, gm_error *e)
{
    if (!name || strcmp(name, "f32") == 0) return 0;
    bool q8 = strcmp(name, "q8") == 0;
    if (!q8 && strcmp(name, "bf16") != 0)
        return gm_fail(e, "activations %s: wanted f32, bf16 or q8", name);
    if (g->library) return gm_fail(e, "activations %s: wanted backend cpu or ref", name);
    bool oracle = strcmp(k->name, gm_kernels_ref()->name) == 0;
    const gm_kernels *over = q8 ? oracle ? gm_kernels_ref_q8() : gm_kernels_cpu_q8()
                                : oracle ? gm_kernels_ref_bf16() : gm_kernels_cpu_bf16();
    gm_kernels_inherit(k, over, k);
    return 0;
}

int gm_backend_convolutions(gm_kernels *k, const gm_engine *g, const char *name, gm_error *e)
{
    if (!name || strcmp(name, "direct") == 0) return 0;
    if (strcmp(name, "winograd") != 0)
        return gm_fail(e, "convolutions %s: wanted direct or winograd", name);
    if (g->library || strcmp(k->name, gm_kernels_ref()->name) == 0)
        return gm_fail(e, "convolutions %s: wanted backend cpu", name);
    gm_kernels_inherit(k, gm_kernels_cpu_winograd(), k);
    return 0;
}

const char *gm_backend_kv(const char *kv, const char *activations)
{
    if (kv) return kv;
    return !activations || strcmp(activations, "f32") == 0 ? "f32" : "f16";
}

void gm_backend_close(gm_engine *g)
{
    if (g->library) g->library->close(&g->device);
    *g = (gm_engine){ 0 };
}

int gm_backend_lacks(const gm_engine *g, bool backward, char *buf, size_t room)
{
    size_t at = 0;
    int n = 0;
    if (room) buf[0] = 0;
    for (int i = 0; g->device.kernels && i < gm_bridge_count(); i++) {
        if (gm_bridge_is_backward(i) != backward || gm_bridge_has(g->device.kernels, i)) continue;
        if (at < room)
            at += (size_t)snprintf(buf + at, room - at, "%s%s", n ? ", " : "", gm_bridge_name(i));
        n++;
    }
    return n;
}

int gm_backend_threads(int n)
{
    int before = omp_get_max_threads();
    if (n > 0) omp_set_num_threads(n);
    return before;
}
