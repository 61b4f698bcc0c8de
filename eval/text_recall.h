/* Mask recall with its text side: labels and phrases compared by BERT. */
#ifndef GM_EVAL_TEXT_RECALL_H
#define GM_EVAL_TEXT_RECALL_H
#include "bert.h"
#include "masks.h"

/* One image: its true labels, the phrases found, the IoU (T, F) of true and found masks.  iou NULL:
 * masks of two sizes, which match nothing. */
typedef struct {
    const double *iou;
    const char *const *label, *const *phrase;
    int64_t T, F, L, P;
} gm_recall_texts;

/* *recall over n images, 0 when nothing is wanted; found (n, may be NULL): the true positives of
 * each; *outside (may be NULL) counts images that a pair without label or phrase sets to 0 (mode
 * released). */
int gm_text_recall(double *recall, int64_t *found, int64_t *outside, const gm_recall_texts *image,
                   int64_t n, gm_bert *b, gm_recall_mode mode, gm_error *e);

#endif
