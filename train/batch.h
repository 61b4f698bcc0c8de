/* Samples put together: what one micro-batch feeds the model.  Source: groundingLMM
 * dataset/dataset.py, custom_collate_fn and _process_conversation. */
#ifndef GM_TRAIN_BATCH_H
#define GM_TRAIN_BATCH_H
#include "../ref/model_open.h"
#include "sample.h"

/* On the host; trainer.c makes a gm_batch of it. */
typedef struct {
    int64_t B, L;               /* conversations (one a sample), ids each */
    int32_t *ids, *labels;      /* (B, L), right-padded with 0 and GM_IGNORED; an image is -200 */
    int64_t *offset;            /* (B + 1): image i has conversation i */
    float *clip;                /* (B, 3, S, S) */
    float *sam;                 /* (B, 3, Z, Z), or NULL: no masks in this batch */
    int64_t S, Z;
    int64_t (*resized)[2], (*original)[2];  /* (B) height, width */
    float *box;                 /* (boxes, 4) in 0..1, image after image */
    int64_t boxes, *boxes_of;   /* boxes_of (B + 1) */
    float **target;             /* (B) of (targets[i], height, width), 0 or 1 */
    int64_t *targets;           /* as many as image i has [SEG]s */
} gm_train_batch;

/* n samples of one kind.  Texts go through the model's conversation template (llava_v1: labels
 * know no other), tokenizer and gm_labels; longer than `most` ids (0: no limit) they are cut at the
 * end, as the release does, and with them the masks and boxes whose [SEG] and <bbox> are cut away.
 * Boxes are rounded double -> float.  An error names the sample's source. */
int gm_train_batch_make(gm_train_batch *b, const gm_model *m, const gm_sample *s, int64_t n,
                        int64_t most, gm_error *e);
void gm_train_batch_free(gm_train_batch *b);
/* What gm_forward takes; b must outlive it. */
gm_batch gm_train_batch_upload(gm_ctx *c, const gm_train_batch *b);

/* Ids and labels of one conversation of n turns, malloc'ed; *length of each. */
int gm_train_encode(const gm_prompts *p, const gm_tokenizer *t, const char *const *turn, int64_t n,
                    int32_t **ids, int32_t **labels, int64_t *length, gm_error *e);

#endif
