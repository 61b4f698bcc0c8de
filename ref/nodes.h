/* Addresses of tensors and what is known of them: a hash table for tape.c. */
#ifndef GM_NODES_H
#define GM_NODES_H
#include "tensor.h"

typedef struct {
    const void *p;                      /* the tensor's data; NULL: an empty slot */
    bool leads;                         /* leads back to a wanted tensor */
    bool wanted;                        /* dw is the caller's */
    bool used;                          /* wanted, and some record reads it */
    bool buffer;                        /* the tensor is itself a gradient */
    gm_tensor d;                        /* its gradient, once there is one */
} gm_node;

typedef struct { gm_node *slot; int64_t slots, used; } gm_nodes;

void gm_nodes_free(gm_nodes *n);
/* NULL when p is not there. */
gm_node *gm_nodes_find(const gm_nodes *n, const void *p);
/* The node of p, new (all fields 0) when it was not there; NULL when out of memory.  Pointers to
 * other nodes are void afterwards. */
gm_node *gm_nodes_add(gm_nodes *n, const void *p);
void gm_nodes_remove(gm_nodes *n, const void *p);
/* Forgets all but the wanted ones. */
void gm_nodes_clear(gm_nodes *n);

#endif
