/* Grounded conversation generation: the authors' files (eval/gcg/infer.py writes predictions,
 * GranD_f's val_test annotations are the truth) and their scores (eval/gcg/evaluate.py). */
#ifndef GM_EVAL_GCG_H
#define GM_EVAL_GCG_H
#include <jansson.h>
#include "captions.h"
#include "masks.h"

typedef struct { char **text; int64_t n; } gm_texts;

typedef struct {
    char *id;
    int64_t number;             /* of ids that are numbers: they sort as numbers */
    /* in the caption file; else it counts for average precision alone */
    bool captioned;
    gm_texts captions, labels;  /* true; labels of its first caption */
    gm_true_mask *mask;
    int64_t nmasks;
    bool predicted;
    char *caption;              /* found; "" without a prediction */
    gm_texts phrases;
    gm_rle *found;
    int64_t nfound;
} gm_gcg_image;

typedef struct {
    gm_gcg_image *image;        /* in the caption file's order, then what only the mask file has */
    int64_t n, captioned;
    int64_t *order;             /* ascending ids, as COCOeval goes through them */
    int64_t missing, extra;     /* images without a prediction; prediction files of other images */
    gm_texts problems;          /* what is wrong with single images, in words */
} gm_gcg;

/* Truth: DIR/{split}_gcg_coco_{caption,mask}_gt.json; predictions: one JSON per image in
 * `predictions`. A truth that cannot be read is an error; a prediction that is missing or cannot be
 * read is a problem and counts as an empty caption without masks. gm_gcg_free in any case. */
int gm_gcg_read(gm_gcg *g, const char *truth, const char *split, const char *predictions,
                gm_error *e);
void gm_gcg_free(gm_gcg *g);
/* Appends a sentence to g->problems. */
int gm_gcg_problem(gm_gcg *g, gm_error *e, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

typedef struct { double miou, bleu[GM_BLEU_MOST], rouge, cider; } gm_gcg_image_scores;
typedef struct {
    double ap[GM_AP_STATS], bleu[GM_BLEU_MOST], rouge, cider, miou;
    gm_gcg_image_scores *each;  /* of the captioned images; malloc'ed */
} gm_gcg_scores;

/* Masks found and true of two sizes are a problem: they never match, the image's mIoU is 0. */
int gm_gcg_score(gm_gcg_scores *s, gm_gcg *g, gm_error *e);

#endif
