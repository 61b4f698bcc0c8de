/* A device without kernels whose memory the host cannot read: tests/emu.sh loads it as the CUDA
 * backend, so that every operation goes over the bridge to the CPU (ref/bridge.h).  An address
 * of its is one of the host's plus an offset that makes it invalid. */
#include <stdlib.h>
#include <string.h>
#include "../ref/device.h"

static const uintptr_t AWAY = (uintptr_t)1 << 60;

static char *here(const void *p) { return (char *)((uintptr_t)p - AWAY); }

static void *memory_alloc(void *user, size_t bytes)
{
    char *p = malloc(bytes);
    (void)user;
    if (p) memset(p, 0xff, bytes);
    return p ? (void *)((uintptr_t)p + AWAY) : NULL;
}

static void memory_free(void *user, void *p, size_t bytes)
{
    (void)user;
    (void)bytes;
    free(here(p));
}

static int memory_upload(void *user, void *device, const void *host, size_t bytes)
{
    (void)user;
    memcpy(here(device), host, bytes);
    return 0;
}

static int memory_download(void *user, void *host, const void *device, size_t bytes)
{
    (void)user;
    memcpy(host, here(device), bytes);
    return 0;
}

static int device_open(gm_device *d, gm_dtype precision, char *error, size_t room)
{
    static const gm_kernels none = { .name = "hollow" };
    (void)precision;
    (void)error;
    (void)room;
    *d = (gm_device){ .kernels = &none, .description = "a device without kernels",
                      .memory = { .alloc = memory_alloc, .free = memory_free, .cache = true,
                                  .upload = memory_upload, .download = memory_download } };
    return 0;
}

static void device_close(gm_device *d) { *d = (gm_device){ .kernels = NULL }; }

extern const gm_device_library glamm_device;
const gm_device_library glamm_device = { sizeof(gm_kernels), sizeof(gm_device), device_open,
                                         device_close };
