/* Captions of images or of regions against COCO caption files: eval/region_captioning/evaluate.py,
 * pycocoevalcap. */
#ifndef GM_EVAL_CAPTION_SET_H
#define GM_EVAL_CAPTION_SET_H
#include "caption_scores.h"
#include "predictions.h"

/* One caption that is wanted: of an image, or of a region (an annotation). */
typedef struct {
    char *id, *file;            /* the image's file_name, or NULL */
    char *prompt;               /* what a model is asked, or NULL: its prompts' first template */
    gm_texts captions;          /* true */
    double box[4];              /* of a region: x1 y1 x2 y2 in pixels */
    int64_t image;              /* which image of the file */
    char *found;                /* "" without a prediction */
    bool predicted, exact;      /* exact: equal to a true one (gm_texts_same) */
    char *problem;              /* or NULL */
} gm_captioned;

typedef struct {
    gm_captioned *item;
    int64_t n, images, missing, extra, exact;
    gm_texts problems;
    const char *meteor;         /* folder of METEOR's files, or NULL; the caller sets it */
    gm_caption_scores all, *each;
} gm_caption_set;

/* path: images [{id, file_name}], annotations [{id, image_id, caption, bbox [x, y, w, h]}]; a
 * region's annotation or an image may have a prompt.  An
 * item is an image with all its captions in the order of images; for regions an annotation, in the
 * order of annotations.  gm_caption_set_free in any case. */
int gm_caption_set_read(gm_caption_set *s, const char *path, bool regions, gm_error *e);
void gm_caption_set_free(gm_caption_set *s);

/* Reads the prediction of every item, {"caption": ..}, and scores.  Missing and broken ones are
 * problems and count as empty captions. */
int gm_caption_set_score(gm_caption_set *s, gm_predictions *p, gm_error *e);
/* The names of an id in predictions: an annotation's, else an image's. */
extern const char *const GM_CAPTION_KEYS[];

#endif
