/* Inside the bridge: bridge.c (the crossing itself), bridge_forward.c, bridge_backward.c (a
 * function to a slot). */
#ifndef GM_BRIDGE_CALL_H
#define GM_BRIDGE_CALL_H
#include "bridge.h"

/* Where the bridge leads. */
typedef struct {
    gm_kernels to;
    gm_memory memory;
    bool to_host;
} gm_bridge_way;
extern gm_bridge_way gm_way;

/* One call: what was brought over.  Starts as { 0 }. */
enum { GM_BRIDGE_MOVED = 14 };
typedef struct {
    void *here[GM_BRIDGE_MOVED];        /* where an output goes back to; NULL for an input */
    void *there[GM_BRIDGE_MOVED];
    size_t bytes[GM_BRIDGE_MOVED];
    int n;
    bool bad;
} gm_bridge_call;

/* Room of so many bytes on the other side, filled from p; NULL stays NULL. */
void *gm_bridge_in(gm_bridge_call *c, const void *p, size_t bytes);
/* The same for an output: kernels may leave parts of it, or add to it. */
void *gm_bridge_out(gm_bridge_call *c, void *p, size_t bytes);
void *gm_bridge_scratch(gm_bridge_call *c, size_t bytes);
/* Brings the outputs back and frees what was brought; the kernel's status or the bridge's. */
int gm_bridge_end(gm_bridge_call *c, int status);

/* Bytes of n floats, elements of a window's or a convolution's parts. */
static inline size_t gm_floats(int64_t n) { return (size_t)n * sizeof(float); }
static inline int64_t gm_windowed(int64_t B, int64_t H, int64_t W, int64_t C, int64_t S)
{
    return B * ((H + S - 1) / S) * ((W + S - 1) / S) * S * S * C;
}

/* The two halves of the table. */
extern const gm_kernels gm_bridge_forward, gm_bridge_backward;

#endif
