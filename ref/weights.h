/* What model code asks of a checkpoint: tensors by their PyTorch names, and sizes.
 * io/checkpoint.c fills it, whatever form the files have. */
#ifndef GM_WEIGHTS_H
#define GM_WEIGHTS_H
#include "tensor.h"

typedef struct gm_weights gm_weights;

/* Bytes of the weights that are used, as they lie in the files: by when they are needed; copies.
 * matrices: bytes of the language model's that `glamm convert` can round to blocks, and their
 * values: of rows of whole blocks of 256, and of 32 only. */
typedef struct {
    double clip, region, sam, others, owned, matrices, values_256, values_32;
} gm_weight_bytes;

/* Names are the authors' in-memory ones: model.layers.0..., lm_head.weight, model.mm_projector...,
 * model.region_encoder..., model.text_hidden_fcs.0..., model.grounding_encoder.<SAM's name>,
 * model.vision_tower.vision_tower.vision_model.<CLIP's name>; prefixes removed, LoRA merged. */

/* The tensor as stored, for sizes only; data NULL when there is none. */
gm_tensor gm_weights_look(const gm_weights *w, const char *name);
/* The tensor as the model is bound to it (a float copy where one was made); GM_NONE when nothing has
 * demanded it. */
gm_tensor gm_weights_bound(const gm_weights *w, const char *name);
/* How many i >= 0 in a row make the printf pattern (one %d) the name of a stored tensor. */
int64_t gm_weights_count(const gm_weights *w, const char *pattern);

/* The tensor, demanded: marked as used; a missing one or one of other sizes is noted (all notes
 * come out together in gm_weights_finish) and GM_NONE returned.  A size of -1 takes what the file
 * has. gm_weight keeps the stored type (f32, bf16, f16); gm_weight_f32 converts once to float. */
gm_tensor gm_weight(gm_weights *w, int nd, const int64_t *dim, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
gm_tensor gm_weight_f32(gm_weights *w, int nd, const int64_t *dim, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* From now on tensors are handed out in memory m: each is uploaded once, when it is first demanded,
 * and stays until the weights are freed.  Nothing changes where m has no upload. */
void gm_weights_upload(gm_weights *w, const gm_memory *m);

/* 0 when every demand was met and every stored tensor was demanded or is known to be unused; else
 * one error: five names a kind and a count (all of them through log when verbose). */
int gm_weights_finish(gm_weights *w, gm_error *e);

#endif
