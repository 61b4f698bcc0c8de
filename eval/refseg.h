/* Referring expression segmentation: REFER's data, and the scores of
 * eval/referring_seg/infer_and_evaluate.py. */
#ifndef GM_EVAL_REFSEG_H
#define GM_EVAL_REFSEG_H
#include "../io/json_stream.h"
#include "masks.h"
#include "predictions.h"

typedef struct {
    char *id, *text;
    char *prompt;               /* the whole question, or NULL: the first template's */
    int64_t image;
    int64_t first, parts;       /* its annotations: gm_ref_set.part[first] ..; 0: an empty mask */
    bool asked;
    /* what scoring leaves here */
    int64_t both, either;       /* pixels; of the true mask alone when nothing was found */
    bool predicted;
} gm_expression;

typedef struct {
    char *id, *file;
    int64_t width, height;      /* 0: as the mask has it */
    int64_t *asked, nasked;     /* expressions in the order in which they are asked */
    int64_t first, n;           /* of its expressions: gm_ref_set.by_image[first] .. */
    char *problem;              /* or NULL */
} gm_ref_image;

typedef struct {
    char *path;                 /* the file with the masks */
    gm_ref_image *image;
    gm_expression *expression;
    int64_t nimages, n;
    int64_t *by_image;          /* expressions by image, in the file's order */
    gm_json_place *part;        /* objects with a "segmentation" */
    int64_t nparts;
    int64_t image_room, room, part_room;        /* while it is read */
    int64_t asked, missing, extra;
    gm_texts problems;
} gm_ref_set;

/* truth: a folder with instances.json and refs(unc).p (refcocog: refs(umd).p, where both are), of
 * whose refs those of `split` count as REFER.getRefIds picks them; or a JSON file, a list of
 * {"id", "image": FILE, "expression", "segmentation", "height", "width", "prompt"} (sizes for
 * polygons; the last may be absent).  gm_ref_set_free in any case. */
int gm_ref_set_read(gm_ref_set *s, const char *truth, const char *split, gm_error *e);
void gm_ref_set_free(gm_ref_set *s);
/* refseg_pickle.c: the expressions of a .p file about images whose ids are in `ids`; the ids of
 * their annotations, in the order of parts, are added to `wanted`. */
int gm_ref_set_pickle(gm_ref_set *s, const char *path, const char *split, const gm_ids *ids,
                      gm_texts *wanted, gm_error *e);
/* While reading: one more expression of an image; NULL when out of memory. */
gm_expression *gm_ref_add(gm_ref_set *s, int64_t image, const char *id, const char *text,
                          gm_error *e);

/* Which expressions are asked. */
typedef enum {
    GM_REF_ALL,                 /* every one */
    GM_REF_RELEASED             /* of an image with three or more, three drawn at random */
} gm_ref_protocol;
/* The draw depends on the seed and the image's id alone. */
int gm_ref_choose(gm_ref_set *s, gm_ref_protocol protocol, uint64_t seed, gm_error *e);

/* Random numbers that depend on a seed and an image's id: the state, and the next one. */
uint64_t gm_ref_seed(uint64_t seed, const char *id);
uint64_t gm_ref_random(uint64_t *state);

/* The true mask, pixel by pixel, malloc'ed: how many polygons or runs cover it (RefCOCO_Segm_ds.py:
 * their sum; of several annotations, as gRefCOCO has them, the bitwise or).  height, width: the
 * image's, or those of the mask when the truth does not say. */
uint8_t *gm_ref_truth(const gm_ref_set *s, const gm_expression *x, int64_t *height, int64_t *width,
                      gm_error *e);
/* The found mask of expression x in a prediction: {"image_id", "expressions": [{"id",
 * "segmentation"}]}, or the expression's own {"sent_id", "segmentation"}.  1: it is there, 0: it is
 * not, -1: it is broken. */
int gm_ref_found(gm_rle *r, const json_t *prediction, const gm_expression *x, const char *what,
                 gm_error *e);
extern const char *const GM_REF_KEYS[];
/* The prediction that holds an expression's mask: its own, else its image's. */
json_t *gm_ref_prediction(gm_predictions *p, const gm_ref_set *s, const gm_expression *x,
                          gm_error *e);

/* Every asked expression; one without a mask, with a broken one or one of another size is a problem
 * and counts as an empty mask. */
int gm_ref_score(gm_seg_sums *sums, gm_ref_set *s, gm_predictions *p, gm_error *e);

#endif
