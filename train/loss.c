/* See loss.h. */
#include "loss.h"

#include <stdlib.h>
#include <string.h>

#include "../io/labels.h"

/* The label of every position: that of the one behind it.  (B T), malloc'ed.  The image's positions
 * have none. */
static int32_t *shifted(const glamm *m, const gm_batch *b, const int32_t *labels)
{
    int64_t extra = gm_image_token_count(m) - 1, T = b->L + extra;
    int32_t *y = malloc((size_t)(b->B * T) * sizeof *y);
    for (int64_t i = 0; y && i < b->B; i++) {
        const int32_t *ids = b->ids + i * b->L, *l = labels + i * b->L;
        int32_t *row = y + i * T;
        int64_t at = 0;                 /* position behind which the next label lies */
        for (int64_t k = 0; k < b->L; k++) {
            int64_t wide = ids[k] < 0 ? extra + 1 : 1;
            for (int64_t j = 0; j < wide; j++, at++)
                if (at) row[at - 1] = wide == 1 ? l[k] : GM_IGNORED;
        }
        row[T - 1] = GM_IGNORED;
    }
    return y;
}

/* The label of every row of the logits.  i32 (B T), or (N). */
static gm_tensor row_labels(gm_ctx *c, const glamm *m, const gm_batch *b, const int32_t *labels)
{
    int64_t n = b->B * (b->L + gm_image_token_count(m) - 1), V = m->llama.head.dim[0], rows = 0;
    int32_t *y = shifted(m, b, labels);
    for (int64_t i = 0; y && i < n; i++) {
        if (b->wanted && !b->wanted[i]) continue;
        if (y[i] >= V)
            gm_set_error(c, "label %d: wanted one below %lld", (int)y[i], (long long)V);
        y[rows++] = y[i];
    }
    return gm_from_owned(c, GM_I32, y, 1, GM_DIMS(rows));
}

uint8_t *gm_loss_positions(const glamm *m, const gm_batch *b, const int32_t *labels)
{
    int64_t extra = gm_image_token_count(m) - 1, T = b->L + extra;
    int32_t *y = shifted(m, b, labels);
    uint8_t *wanted = y ? calloc((size_t)(b->B * T), 1) : NULL;
    for (int64_t p = 0; wanted && p < b->B * T; p++) {
        int64_t i = p / T, k = p % T + 1 - extra;       /* past the image: the id behind p */
        wanted[p] = y[p] != GM_IGNORED || (k >= 1 && k < b->L && b->ids[i * b->L + k] == m->seg);
    }
    if (wanted && !memchr(wanted, 1, (size_t)(b->B * T))) wanted[0] = 1;
    free(y);
    return wanted;
}

gm_tensor gm_plus(gm_ctx *c, gm_tensor x, gm_tensor y)
{
    if (!x.data) return y;
    return y.data ? gm_add(c, x, y) : x;
}

/* BCE and DICE of image i's masks, with the release's factors n / (n + 1e-8); *count grows by n. */
static void mask_losses(gm_ctx *c, gm_tensor x, const float *target, int64_t targets,
                        gm_losses *l, int64_t *count)
{
    int64_t n = x.data ? x.dim[0] : 0;
    if (n == 0 || !gm_ok(c)) return;
    if (targets < n) {
        gm_set_error(c, "%lld masks were predicted, but only %lld true ones are given",
                     (long long)n, (long long)targets);
        return;
    }
    gm_tensor t = gm_from(c, GM_F32, target, 3, x.dim);
    float factor = (float)((double)n / ((double)n + 1e-8));
    l->bce = gm_plus(c, l->bce, gm_scale(c, gm_bce(c, x, t), factor));
    l->dice = gm_plus(c, l->dice, gm_scale(c, gm_dice(c, x, t), factor));
    *count += n;
}

int gm_loss(gm_ctx *c, const glamm *m, const gm_batch *b, const gm_output *out,
            const int32_t *labels, const float *const *target, const int64_t *targets, gm_losses *l)
{
    int64_t count = 0;
    *l = (gm_losses){ 0 };
    gm_tensor ce = gm_cross_entropy(c, out->logits, row_labels(c, m, b, labels));
    l->ce = gm_scale(c, ce, GM_CE_WEIGHT);
    for (int64_t i = 0; i < out->images; i++)
        mask_losses(c, out->mask[i], target[i], targets[i], l, &count);
    if (count) {
        l->bce = gm_scale(c, l->bce, (float)(GM_BCE_WEIGHT / ((double)count + 1e-8)));
        l->dice = gm_scale(c, l->dice, (float)(GM_DICE_WEIGHT / ((double)count + 1e-8)));
    }
    l->total = gm_plus(c, l->ce, gm_plus(c, l->bce, l->dice));
    return gm_ok(c) ? 0 : -1;
}
