/* COCO's "segmentation" of an annotation: runs and polygons. */
#ifndef GM_IO_SEGMENTATION_H
#define GM_IO_SEGMENTATION_H
#include <jansson.h>
#include "rle.h"

/* One part: {"size": [height, width], "counts": compressed text or a list of runs}, which keeps its
 * own size; or a polygon [x, y, x, y, ..].  height, width: the picture's, 0 where they are
 * unknown and only runs can be read.  pycocotools _mask.pyx frPyObjects */
int gm_segmentation_part(gm_rle *r, const json_t *o, int64_t height, int64_t width, gm_error *e);
/* All of it: one part, or the union of a list of parts (pycocotools annToRLE). */
int gm_segmentation_read(gm_rle *r, const json_t *o, int64_t height, int64_t width, gm_error *e);

#endif
