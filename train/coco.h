/* COCO's form of annotation files: images, annotations that name their image by id, categories. */
#ifndef GM_TRAIN_COCO_H
#define GM_TRAIN_COCO_H
#include "../io/records.h"
#include "set.h"

enum { GM_COCO_IMAGES, GM_COCO_ANNOTATIONS, GM_COCO_CATEGORIES };

typedef struct {
    gm_records *file;
    gm_record_id *image, *of_image;     /* images by id; annotations by their image's id */
    int64_t images, annotations;
} gm_coco;

/* s->own becomes a gm_coco of s->path, s->n its images; s->note tells of annotations that belong to
 * no image. */
int gm_coco_open(gm_set *s, bool categories, gm_error *e);
void gm_coco_close(gm_set *s);

/* An image's record, parsed, and its annotations; gm_coco_item_free whatever comes back. */
typedef struct {
    json_t *image, **annotation;
    int64_t annotations;
    const char *file, *caption;         /* NULL when it has none */
    double width, height;               /* as the record says, 0 when it does not */
} gm_coco_item;
gm_problem gm_coco_read(const gm_coco *c, int64_t i, gm_coco_item *m, gm_error *e);
void gm_coco_item_free(gm_coco_item *m);

/* EMPTY for what the release filters out: a side under 32 pixels; of captioned sets, captions under
 * three words (Flickr_Region_ds.py, GranDf_gcg_ds.py: _load_annotations, _filter_images). */
gm_problem gm_coco_usable(const gm_coco_item *m, bool captioned, gm_error *e);

/* The corners of an annotation's box [x, y, w, h], in pixels.  False: the release passes over it,
 * being marked `ignore`, without area, under a pixel wide or high, or outside the image; *p tells
 * when it cannot be read. */
bool gm_coco_box(const gm_coco_item *m, int64_t k, double box[4], gm_problem *p, gm_error *e);

#endif
