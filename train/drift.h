/* How far one model's answers are from another's of the same shape, on conversations that are
 * given: what rounded weights cost (glamm quantize). */
#ifndef GM_TRAIN_DRIFT_H
#define GM_TRAIN_DRIFT_H
#include "batch.h"

/* What a model says of one sample, answers given (teacher-forced): for every token of the answers
 * the logits that predict it, and the masks of their [SEG]s. */
typedef struct {
    int64_t tokens, V;
    float *logits;              /* (tokens, V) */
    int32_t *label;             /* (tokens) */
    int64_t masks, pixels;
    uint8_t *mask;              /* (masks, pixels): 1 inside */
} gm_said;

/* Whole conversation in one pass, as training sees it.  Freed with gm_said_free, also after an
 * error. */
int gm_said_make(gm_said *x, const gm_model *m, const gm_sample *s, gm_error *e);
void gm_said_free(gm_said *x);

/* Sums over tokens and masks. */
typedef struct {
    int64_t tokens, masks;
    int64_t same;               /* tokens whose likeliest continuation is the same */
    double kl, most_kl;         /* sum and largest of KL(wanted || got), nats */
    double surprise;            /* sum of -log p(answer's token), got's; exp(mean): perplexity */
    double iou;                 /* sum of the IoU of masks; 1 for two empty ones */
} gm_drift;

/* Adds one sample: got against want, of the same sample; logits may differ in nothing but value. */
void gm_drift_add(gm_drift *d, const gm_said *want, const gm_said *got);

#endif
