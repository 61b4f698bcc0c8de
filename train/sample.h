/* One training sample, whatever data set it came from: an image, what was said about it, and what
 * the answers point at.  Source: the tuple that groundingLMM's dataset classes return
 * (dataset/dataset.py, custom_collate_fn). */
#ifndef GM_TRAIN_SAMPLE_H
#define GM_TRAIN_SAMPLE_H
#include "../io/image.h"
#include "../io/rle.h"

/* What a sample trains; a step uses one of them for all its samples. */
typedef enum { GM_SET_CAPTION, GM_SET_REGION, GM_SET_SEGM, GM_SET_KINDS } gm_set_kind;

/* What an object of a drawn scene is, for samples without words (train/pretrain.h). */
enum { GM_TRAIT_COLOUR, GM_TRAIT_FORM, GM_TRAIT_SIZE, GM_TRAIT_TEXTURE, GM_TRAITS };

typedef struct {
    gm_set_kind kind;
    char *source;               /* "file, record 12": for messages */
    gm_image image;
    char **turn;                /* turn 2i is the user's, 2i + 1 the assistant's; no system text */
    int64_t turns;
    gm_rle *mask;               /* (masks) at the image's size, in the order of the answers' [SEG] */
    int64_t masks;
    double (*box)[4];           /* (boxes) x1 y1 x2 y2 in 0..1, in the order of <bbox> */
    int64_t boxes;
    int (*trait)[GM_TRAITS];    /* (masks), or NULL; then no turns, and mask k has box k */
} gm_sample;

void gm_sample_free(gm_sample *s);

#endif
