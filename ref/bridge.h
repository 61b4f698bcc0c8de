/* A kernel table whose tensors live in other memory than the kernels can read: every slot copies
 * its inputs over, calls the kernel there and copies the output back.  Two uses: a device's
 * missing slots run on the CPU, and tests with host memory run a device's kernels.
 *
 * Slots have no argument for a context, so where the bridge leads is one variable (gm_way): one
 * for the process, as there is one device. */
#ifndef GM_BRIDGE_H
#define GM_BRIDGE_H
#include "tensor.h"

/* From device memory m to kernels (a whole table) on the host; the other way round. */
void gm_bridge_to_host(const gm_kernels *kernels, const gm_memory *m);
void gm_bridge_to_device(const gm_kernels *kernels, const gm_memory *m);
/* The table itself: every slot but for the scratch sizes.  Only slots that the other side has may be
 * called. */
const gm_kernels *gm_bridge(void);

/* The slots that can be bridged, in the table's order; whether k fills one. */
int gm_bridge_count(void);
const char *gm_bridge_name(int i);
bool gm_bridge_is_backward(int i);
bool gm_bridge_has(const gm_kernels *k, int i);

#endif
