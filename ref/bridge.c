/* See bridge.h. */
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "../io/os.h"
#include "bridge_call.h"

gm_bridge_way gm_way;

static void *room(gm_bridge_call *c, void *here, size_t bytes)
{
    const gm_memory *m = &gm_way.memory;
    void *q = gm_way.to_host ? gm_aligned_alloc(bytes + 1) : m->alloc(m->user, bytes ? bytes : 1);
    c->here[c->n] = here;
    c->there[c->n] = q;
    c->bytes[c->n++] = bytes;
    c->bad |= !q;
    return q;
}

static void *bring(gm_bridge_call *c, const void *p, void *here, size_t bytes)
{
    const gm_memory *m = &gm_way.memory;
    if (!p || c->bad) return NULL;
    void *q = room(c, here, bytes);
    if (q && bytes)
        c->bad = gm_way.to_host ? m->download(m->user, q, p, bytes)
                                : m->upload(m->user, q, p, bytes);
    return c->bad ? NULL : q;
}

void *gm_bridge_in(gm_bridge_call *c, const void *p, size_t bytes)
{
    return bring(c, p, NULL, bytes);
}

void *gm_bridge_out(gm_bridge_call *c, void *p, size_t bytes) { return bring(c, p, p, bytes); }

void *gm_bridge_scratch(gm_bridge_call *c, size_t bytes)
{
    return bytes && !c->bad ? room(c, NULL, bytes) : NULL;
}

int gm_bridge_end(gm_bridge_call *c, int status)
{
    const gm_memory *m = &gm_way.memory;
    for (int i = 0; i < c->n; i++) {
        void *there = c->there[i];
        if (!c->bad && !status && c->here[i] && c->bytes[i])
            c->bad = gm_way.to_host ? m->upload(m->user, c->here[i], there, c->bytes[i])
                                    : m->download(m->user, c->here[i], there, c->bytes[i]);
        if (gm_way.to_host) free(there);
        else if (there) m->free(m->user, there, c->bytes[i] ? c->bytes[i] : 1);
    }
    return status ? status : c->bad ? -1 : 0;
}

static void lead(const gm_kernels *kernels, const gm_memory *m, bool to_host)
{
    gm_way.to = *kernels;
    gm_way.memory = *m;
    gm_way.to_host = to_host;
}

void gm_bridge_to_host(const gm_kernels *kernels, const gm_memory *m) { lead(kernels, m, true); }
void gm_bridge_to_device(const gm_kernels *kernels, const gm_memory *m) { lead(kernels, m, false); }

const gm_kernels *gm_bridge(void)
{
    static gm_kernels both;
    gm_kernels_inherit(&both, &gm_bridge_forward, &gm_bridge_backward);
    return &both;
}

#define SLOT(f) { #f, offsetof(gm_kernels, f), false }
#define BACKWARD(f) { #f "_backward", offsetof(gm_kernels, f##_backward), true }
static const struct { const char *name; size_t at; bool backward; } slots[] = {
    SLOT(gather), SLOT(transpose), SLOT(concat), SLOT(slice), SLOT(place), SLOT(place16),
    SLOT(repeat), SLOT(window), SLOT(unwindow), SLOT(round_bf16), SLOT(add), SLOT(mul), SLOT(scale),
    SLOT(relu), SLOT(gelu), SLOT(quick_gelu), SLOT(silu), SLOT(sin), SLOT(cos), SLOT(rope),
    SLOT(linear), SLOT(conv2d), SLOT(conv_transpose2x2), SLOT(layernorm), SLOT(layernorm2d),
    SLOT(rmsnorm), SLOT(groupnorm), SLOT(resize), SLOT(roi_align), SLOT(softmax), SLOT(attention),
    SLOT(attention16), SLOT(argmax), SLOT(finite), SLOT(fill), SLOT(cross_entropy), SLOT(bce),
    SLOT(dice),
    BACKWARD(gather), BACKWARD(transpose), BACKWARD(concat), BACKWARD(slice), BACKWARD(repeat),
    BACKWARD(window), BACKWARD(unwindow), BACKWARD(round_bf16), BACKWARD(add), BACKWARD(mul),
    BACKWARD(scale), BACKWARD(relu), BACKWARD(gelu), BACKWARD(quick_gelu), BACKWARD(silu),
    BACKWARD(sin), BACKWARD(cos), BACKWARD(rope), BACKWARD(linear), BACKWARD(conv2d),
    BACKWARD(conv_transpose2x2), BACKWARD(layernorm), BACKWARD(layernorm2d), BACKWARD(rmsnorm),
    BACKWARD(groupnorm), BACKWARD(resize), BACKWARD(roi_align), BACKWARD(softmax),
    BACKWARD(attention), BACKWARD(cross_entropy), BACKWARD(bce), BACKWARD(dice),
};

int gm_bridge_count(void) { return (int)(sizeof slots / sizeof *slots); }
const char *gm_bridge_name(int i) { return slots[i].name; }
bool gm_bridge_is_backward(int i) { return slots[i].backward; }

bool gm_bridge_has(const gm_kernels *k, int i)
{
    int (*slot)(void) = NULL;
    memcpy(&slot, (const char *)k + slots[i].at, sizeof slot);
    return slot != NULL;
}
