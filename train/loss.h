/* The loss of a micro-batch.  Source: groundingLMM model/GLaMM.py, _compute_loss_components;
 * transformers modeling_llama.py, LlamaForCausalLM.forward (shifted labels). */
#ifndef GM_TRAIN_LOSS_H
#define GM_TRAIN_LOSS_H
#include "batch.h"

/* Weights of the release. */
#define GM_CE_WEIGHT 1.0f
#define GM_BCE_WEIGHT 2.0f
#define GM_DICE_WEIGHT 0.5f

typedef struct {
    gm_tensor total, ce, bce, dice;     /* (1) each, weighted; GM_NONE where there is nothing */
} gm_losses;

/* The positions that gm_loss reads, for gm_batch.wanted: those that predict a supervised token or a
 * [SEG]; at least one.  (B, L + T_img - 1), malloc'ed; NULL when out of memory. */
uint8_t *gm_loss_positions(const glamm *m, const gm_batch *b, const int32_t *labels);

/* x + y; an absent one counts as 0. */
gm_tensor gm_plus(gm_ctx *c, gm_tensor x, gm_tensor y);

/* What the release adds up: the cross-entropy of the supervised tokens, the mean over all masks of
 * the micro-batch of BCE and of DICE.  labels (B, L) as gm_labels makes them; target[i] (targets[i],
 * height, width) are image i's true masks at the size of out->mask[i], of which those beyond the
 * predicted are left out; fewer are an error.  out: gm_forward's. */
int gm_loss(gm_ctx *c, const glamm *m, const gm_batch *b, const gm_output *out,
            const int32_t *labels, const float *const *target, const int64_t *targets,
            gm_losses *l);

#endif
