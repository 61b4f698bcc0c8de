/* Grounded conversation generation: the authors' files (eval/gcg/infer.py writes predictions,
 * GranD_f's val_test annotations are the truth) and their scores (eval/gcg/evaluate.py).  Masks are
 * read when they are needed and dropped: memory does not grow with their number. */
#ifndef GM_EVAL_GCG_H
#define GM_EVAL_GCG_H
#include <jansson.h>
#include "../io/json_stream.h"
#include "bert.h"
#include "caption_scores.h"
#include "masks.h"
#include "predictions.h"

typedef struct {
    char *id;
    char *file;                 /* the truth's file_name, or NULL */
    char *prompt;               /* what a model is asked, or NULL: its prompts' first template */
    int64_t height, width;      /* as the mask file says, for polygons; 0: unknown */
    int64_t number;             /* of ids that are numbers: they sort as numbers */
    /* in the caption file; else it counts for average precision alone */
    bool captioned;
    gm_texts captions, labels;  /* true; labels of its first caption */
    gm_texts also;              /* other words for each label that are as right, or none */
    int64_t first, nmasks;      /* its true masks: gm_gcg.mask[first] .. */
    /* what scoring leaves here */
    bool predicted;
    char *caption;              /* found; "" without a prediction */
    gm_texts phrases;
    int64_t nfound;
    double *iou;                /* (nmasks, nfound) true by found; NULL: masks of two sizes */
    int64_t *match;             /* (nfound) the true mask of mIoU's pair, or -1 */
    char *problem;              /* what is wrong with this image, or NULL */
} gm_gcg_image;

typedef struct { int64_t image; gm_json_place place; } gm_gcg_mask;

typedef struct {
    gm_gcg_image *image;        /* in the caption file's order, then what only the mask file has */
    int64_t n, captioned;
    int64_t *order;             /* ascending ids, as COCOeval goes through them */
    gm_gcg_mask *mask;          /* true ones, by image, in the file's order */
    int64_t nmasks, mask_room;
    char *captions_path, *masks_path;
    int64_t missing, extra;     /* images without a prediction; predictions of other images */
    gm_texts problems;          /* what is wrong with single images, in words */
    const char *meteor;         /* folder of METEOR's files, or NULL; the caller sets it */
} gm_gcg;

/* truth: a folder with {split}_gcg_coco_{caption,mask}_gt.json, or a caption file beside which the
 * mask file lies ("caption" in its name being "mask").  gm_gcg_free in any case. */
int gm_gcg_read(gm_gcg *g, const char *truth, const char *split, gm_error *e);
void gm_gcg_free(gm_gcg *g);

typedef struct { gm_true_mask *truth; gm_rle *found; int64_t ntruth, nfound; } gm_gcg_masks;
/* The true masks of image i; an error names the file and the annotation. */
int gm_gcg_true_masks(gm_gcg_masks *m, const gm_gcg *g, int64_t i, gm_error *e);
/* The found ones, and caption and phrases; an error leaves nothing of them.  o: a prediction as the
 * authors' script writes it, which may lie in its first value, with any name (evaluate.py main), or
 * as `glamm run` does.  what: names it in messages. */
int gm_gcg_prediction(gm_gcg_masks *m, char **caption, gm_texts *phrases, const json_t *o,
                      const char *what, gm_error *e);
void gm_gcg_masks_free(gm_gcg_masks *m);

typedef struct {
    double ap[GM_AP_STATS], miou;
    double recall[2];           /* by gm_recall_mode; NAN before gm_gcg_recall */
    /* The share of the true masks whose pair in mIoU has an IoU of 0.5 or more; of those the share
     * whose phrase (number k is mask k's) is the label, or what `also` has for it, but for case.
     * NAN: of none. */
    double matched, phrases;
    double curve50[GM_AP_POINTS];
    gm_caption_scores caption;
    gm_caption_scores *each;    /* of the captioned images; malloc'ed */
    double *each_miou;
    int64_t *each_found[2];     /* true positives of recall; NULL before gm_gcg_recall */
    int64_t outside;            /* images that a pair without label or phrase sets to 0 */
} gm_gcg_scores;

/* A prediction that is missing or cannot be read is a problem and counts as an empty caption
 * without masks.  Masks found and true of two sizes are a problem: they never match, the image's
 * mIoU is 0.  True masks that cannot be read are an error.  gm_gcg_scores_free in any case. */
int gm_gcg_score(gm_gcg_scores *s, gm_gcg *g, gm_predictions *p, gm_error *e);
void gm_gcg_scores_free(gm_gcg_scores *s);

/* Mask recall in both modes, after gm_gcg_score. */
int gm_gcg_recall(gm_gcg_scores *s, const gm_gcg *g, gm_bert *b, gm_error *e);

#endif
