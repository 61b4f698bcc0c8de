/* Metrics over masks: plain data in, plain numbers out.  Formulas and sources: docs/EVAL.md. */
#ifndef GM_EVAL_MASKS_H
#define GM_EVAL_MASKS_H
#include "../io/rle.h"

/* Average precision of masks: pycocotools cocoeval.py. */

enum { GM_AP_STATS = 12, GM_AP_AREAS = 4, GM_AP_POINTS = 101 };
/* COCOeval's stats, in order: AP, AP50, AP75, AP small, medium, large, AR 1, 10, 100, AR small,
 * medium, large; a number for which there is no true mask is -1. */
extern const char *const GM_AP_NAMES[GM_AP_STATS];

typedef struct {
    gm_rle mask;
    double area;                /* as the annotation says it, not the mask's own */
    bool crowd;
    bool id_is_0; /* COCOeval stores a match as the id, so a match with id 0 is none */
} gm_true_mask;

typedef struct {
    const gm_true_mask *truth;
    const gm_rle *found;
    const double *score;        /* of each found mask; NULL: all are 1 */
    int64_t ntruth, nfound;
} gm_mask_image;

/* Images in ascending order of their ids: equal scores make the curve depend on the order. Fails
 * only when out of memory. */
int gm_coco_ap(double stats[GM_AP_STATS], const gm_mask_image *image, int64_t n, gm_error *e);

/* The same image by image, so that no mask need stay in memory: what became of the found masks. */
typedef struct { void *verdict; int64_t n, wanted[GM_AP_AREAS]; } gm_ap_part;
/* May run for several images at once. -1 when out of memory; gm_ap_part_free in any case. */
int gm_ap_judge(gm_ap_part *p, const gm_mask_image *m);
void gm_ap_part_free(gm_ap_part *p);
/* Parts in ascending order of their images' ids.  curve50 (may be NULL): the precision at recall
 * 0, 0.01 .. 1 for masks that match at IoU 0.5. */
int gm_ap_total(double stats[GM_AP_STATS], double curve50[GM_AP_POINTS], const gm_ap_part *part,
                int64_t n, gm_error *e);

/* The IoU of every found mask with every true one, for mIoU and recall. */

/* iou (R, C): row r is a[r], column c is b[c]. Two empty masks: NaN. Masks of two sizes: an
 * error. */
int gm_iou_matrix(double *iou, const gm_rle *a, int64_t R, const gm_rle *b, int64_t C, gm_error *e);

/* Mean IoU of one image: the pair with the largest IoU (the first of equals), then the largest
 * among the masks left, while it is above 0; 0 without a pair. Unpaired masks cost nothing. A NaN
 * ends it before the first pair. iou (found, true) is used up. match (R), or NULL: the column that
 * each row was paired with, or -1. eval/gcg/evaluate.py compute_miou */
double gm_miou(double *iou, int64_t R, int64_t C, int64_t *match);

/* Mask recall. */

typedef enum {
    GM_RECALL_RELEASED,         /* what eval/gcg/evaluate.py computes */
    GM_RECALL_PAPER             /* what the paper's appendix A.1 says */
} gm_recall_mode;

/* What one image gives: iou (T, F) of true and found masks, used up; similarity (L, P) of the true
 * labels' and the found phrases' texts. */
typedef struct {
    double *iou;
    const double *similarity;
    int64_t T, F, L, P;
} gm_recall_image;

/* True positives of one image; recall is their sum over the sum of gm_recall_wanted.
 * Released: the pair with the largest IoU, as long as IoU and similarity are at least 0.5; the
 * first pair that fails ends the image. A pair without a label or phrase raises an exception there,
 * which takes the whole image's pairs away: 0, and *outside (may be NULL) is set.
 * Paper: the one-to-one assignment with the largest sum of IoUs; pairs where both exceed 0.5. -1
 * when out of memory. */
int64_t gm_recall_found(gm_recall_image *m, gm_recall_mode mode, bool *outside);
/* The image's share of the denominator: labels (released) or true masks (paper). */
int64_t gm_recall_wanted(const gm_recall_image *m, gm_recall_mode mode);

/* match[r] = the column of row r or -1: the one-to-one pairs whose sum of value (R, C) is largest.
 * Values must be finite. -1 when out of memory. */
int gm_assign(int64_t *match, const double *value, int64_t R, int64_t C);

/* gIoU and cIoU of referring segmentation: eval/referring_seg/infer_and_evaluate.py. */

typedef struct { double iou; int64_t both, either, n; } gm_seg_sums;

/* One expression. found and truth: `pixels` bytes. A pixel of truth above 1 (polygon parts that
 * overlap) belongs to no class: only `found` counts it. */
void gm_seg_add(gm_seg_sums *s, const uint8_t *found, const uint8_t *truth, int64_t pixels);
double gm_giou(const gm_seg_sums *s);
double gm_ciou(const gm_seg_sums *s);

#endif
