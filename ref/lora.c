/* Linear layers with a low-rank adapter beside them.  Source: peft 0.5.0 tuners/lora.py,
 * Linear.forward. */
#include <stdlib.h>

#include "hash.h"
#include "model.h"

/* 0 with probability rate, else 1 / (1 - rate): x's sizes.  The same for the same key, so that a
 * part that is computed again sees the same mask. */
static gm_tensor dropout_mask(gm_ctx *c, gm_tensor x, double rate, uint64_t key)
{
    int64_t n = gm_numel(x);
    float *mask = malloc((size_t)(n + 1) * sizeof *mask);
    if (mask) {
        float keep = (float)(1 / (1 - rate));
        #pragma omp parallel for
        for (int64_t i = 0; i < n; i++)
            mask[i] = gm_hash_unit(key, (uint64_t)i) < rate ? 0 : keep;
    }
    return gm_from_owned(c, GM_F32, mask, x.nd, x.dim);
}

gm_tensor gm_lora_linear(gm_ctx *c, gm_tensor x, gm_tensor w, const low_rank *r)
{
    gm_tensor y = gm_linear(c, x, w, GM_NONE);
    if (!r->a.data) return y;
    if (r->dropout > 0) x = gm_mul(c, x, dropout_mask(c, x, r->dropout, r->key));
    x = gm_linear(c, gm_linear(c, x, r->a, GM_NONE), r->b, GM_NONE);
    return gm_add(c, y, gm_scale(c, x, r->scale));
}
