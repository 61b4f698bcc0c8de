/* Reverse mode: gradients of a scalar by the tensors that ask for them.
 *
 * gm_tape_start, then gm_want_gradient for every trainable weight, then the forward pass through
 * the op fronts as always: each front appends a record when one of its inputs leads back to a
 * wanted tensor, and no record otherwise, so that frozen parts cost nothing.  gm_backward walks the
 * records in reverse and adds to the wanted gradients.  While the tape runs, scopes keep what
 * records hold; gm_backward gives it back.
 *
 * Tensors are known by their address: a view (gm_reshape) is the tensor it looks at. */
#ifndef GM_TAPE_H
#define GM_TAPE_H
#include "tensor.h"

void gm_tape_start(gm_ctx *c);
/* Gradients by w are added to dw: f32, w's sizes, the caller's (weights of any type; dw outlives the
 * tape). */
void gm_want_gradient(gm_ctx *c, gm_tensor w, gm_tensor dw);
/* x leads back to a wanted tensor. */
bool gm_has_gradient(const gm_ctx *c, gm_tensor x);
/* loss (1): its gradient is `seed`.  Every wanted dw has its share added; activations' gradients
 * and what only records held are freed on the way.  The tape is empty afterwards, and still runs. */
void gm_backward(gm_ctx *c, gm_tensor loss, float seed);
void gm_tape_stop(gm_ctx *c);
/* f is called during gm_backward: with each wanted dw once, as soon as nothing will be added to it
 * any more (first those that the loss does not reach), and with GM_NONE after every operation.
 * Until gm_tape_stop. */
typedef void (*gm_final_fn)(void *user, gm_tensor dw);
void gm_on_final(gm_ctx *c, gm_final_fn f, void *user);

/* Activation checkpointing.  A block is a part of the forward pass with one tensor in and one out;
 * args (copied) may name further tensors and weights.  With checkpointing on, only x and y stay,
 * and gm_backward runs f again; off, or without a tape, this is f(c, x, args). */
typedef gm_tensor (*gm_block_fn)(gm_ctx *c, gm_tensor x, const void *args);
gm_tensor gm_block_run(gm_ctx *c, gm_block_fn f, gm_tensor x, const void *args, size_t args_bytes);
void gm_set_checkpointing(gm_ctx *c, bool on);

#endif
