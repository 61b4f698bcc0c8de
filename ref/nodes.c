/* See nodes.h.  Open addressing; a removed node's followers move up, so there are no gravestones. */
#include "nodes.h"

#include <stdlib.h>

static uint64_t mix(const void *p)
{
    uint64_t h = (uint64_t)(uintptr_t)p * 0x9e3779b97f4a7c15u;
    return h ^ h >> 32;
}

static int64_t home(const gm_nodes *n, const void *p)
{
    return (int64_t)(mix(p) & (uint64_t)(n->slots - 1));
}

/* Where p is, or the empty slot where it would be. */
static int64_t place_of(const gm_nodes *n, const void *p)
{
    int64_t i = home(n, p);
    while (n->slot[i].p && n->slot[i].p != p) i = (i + 1) & (n->slots - 1);
    return i;
}

void gm_nodes_free(gm_nodes *n)
{
    free(n->slot);
    *n = (gm_nodes){ 0 };
}

gm_node *gm_nodes_find(const gm_nodes *n, const void *p)
{
    if (!p || !n->slots) return NULL;
    gm_node *x = &n->slot[place_of(n, p)];
    return x->p ? x : NULL;
}

static bool grow(gm_nodes *n)
{
    gm_nodes more = { .slots = n->slots ? 2 * n->slots : 256, .used = n->used };
    more.slot = calloc((size_t)more.slots, sizeof *more.slot);
    if (!more.slot) return false;
    for (int64_t i = 0; i < n->slots; i++)
        if (n->slot[i].p) more.slot[place_of(&more, n->slot[i].p)] = n->slot[i];
    free(n->slot);
    *n = more;
    return true;
}

gm_node *gm_nodes_add(gm_nodes *n, const void *p)
{
    if (2 * (n->used + 1) > n->slots && !grow(n)) return NULL;
    gm_node *x = &n->slot[place_of(n, p)];
    if (!x->p) {
        x->p = p;
        n->used++;
    }
    return x;
}

void gm_nodes_remove(gm_nodes *n, const void *p)
{
    gm_node *x = gm_nodes_find(n, p);
    if (!x) return;
    int64_t hole = x - n->slot, mask = n->slots - 1;
    for (int64_t i = (hole + 1) & mask; n->slot[i].p; i = (i + 1) & mask) {
        /* may move up unless its home lies behind the hole */
        if (((i - home(n, n->slot[i].p)) & mask) < ((i - hole) & mask)) continue;
        n->slot[hole] = n->slot[i];
        hole = i;
    }
    n->slot[hole] = (gm_node){ 0 };
    n->used--;
}

void gm_nodes_clear(gm_nodes *n)
{
    gm_nodes old = *n;
    if (!old.slots) return;
    *n = (gm_nodes){ 0 };
    for (int64_t i = 0; i < old.slots; i++) {
        if (!old.slot[i].p || !old.slot[i].wanted) continue;
        gm_node *x = gm_nodes_add(n, old.slot[i].p);
        if (x) *x = old.slot[i];
    }
    free(old.slot);
}
