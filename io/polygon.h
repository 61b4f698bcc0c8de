/* COCO's polygons as run-length masks (pycocotools). */
#ifndef GM_IO_POLYGON_H
#define GM_IO_POLYGON_H
#include "rle.h"

/* The union of n polygons on height x width pixels: polygon i has points[i] points xy[i], x y in
 * turn, in pixels; it closes itself.  pycocotools maskApi.c rleFrPoly, then rleMerge. */
int gm_rle_polygons(gm_rle *r, const double *const *xy, const int64_t *points, int64_t n,
                    int64_t height, int64_t width, gm_error *e);

#endif
