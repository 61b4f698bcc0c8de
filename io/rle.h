/* COCO run-length masks (pycocotools): runs down the columns, 0s first, their compressed text. */
#ifndef GM_IO_RLE_H
#define GM_IO_RLE_H
#include <stdbool.h>
#include "../ref/error.h"

/* Runs of 0s and 1s in turn, column by column; count[0] (0s) may be 0. They add up to height x
 * width. */
typedef struct { int64_t height, width, n; uint32_t *count; } gm_rle;

/* mask: height x width bytes, row by row; not 0 is inside. */
int gm_rle_encode(gm_rle *r, const uint8_t *mask, int64_t height, int64_t width, gm_error *e);
/* Inside where logits > 0 (NaN is outside). */
int gm_rle_encode_logits(gm_rle *r, const float *logits, int64_t height, int64_t width,
                         gm_error *e);
/* mask: height x width bytes, set to 0 and 1. */
void gm_rle_decode(uint8_t *mask, const gm_rle *r);

/* The compressed text, malloc'ed. */
char *gm_rle_text(const gm_rle *r, gm_error *e);
/* Its inverse; an error unless the runs add up to height x width. */
int gm_rle_parse(gm_rle *r, const char *text, int64_t height, int64_t width, gm_error *e);

int64_t gm_rle_area(const gm_rle *r);
/* x, y, w, h of the smallest box around the mask; all 0 for an empty one. */
void gm_rle_box(const gm_rle *r, int64_t box[4]);
/* Pixels inside both and inside at least one; -1 unless the sizes are equal. */
int gm_rle_overlap(const gm_rle *a, const gm_rle *b, int64_t *both, int64_t *either);
/* What lies in a or in b; an error when their sizes differ. */
int gm_rle_union(gm_rle *r, const gm_rle *a, const gm_rle *b, gm_error *e);
/* both / either; for a crowd both / area of `found` (COCO: a crowd's outline holds many things, so
 * lying inside it is enough). 0 for two empty masks, -1 when the sizes differ. */
double gm_rle_iou(const gm_rle *found, const gm_rle *truth, bool crowd);
void gm_rle_free(gm_rle *r);

#endif
