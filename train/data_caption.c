/* COCO's captions: images, and annotations {image_id, caption}, each a sample.  Source:
 * groundingLMM dataset/caption_datasets/COCO_Caption_ds.py. */
#include <stdlib.h>
#include "coco.h"

static int open_set(gm_set *s, gm_error *e)
{
    if (gm_coco_open(s, false, e) != 0) return -1;
    const gm_coco *c = s->own;
    s->n = gm_records_count(c->file, GM_COCO_ANNOTATIONS);
    free(s->note);                      /* each such annotation is a record, and told as one */
    s->note = NULL;
    return 0;
}

static gm_problem sample(gm_set *s, int64_t i, gm_draw *d, gm_sample *out, gm_error *e)
{
    const gm_coco *c = s->own;
    int64_t id;
    const gm_record_id *at = NULL;
    if (gm_records_int(c->file, GM_COCO_ANNOTATIONS, i, "image_id", &id))
        at = gm_record_find(c->image, c->images, id, NULL);
    if (!at) return gm_problem_say(e, GM_PROBLEM_RECORD, "its image_id names no image");
    json_t *annotation = gm_records_get(c->file, GM_COCO_ANNOTATIONS, i, e);
    json_t *image = annotation ? gm_records_get(c->file, GM_COCO_IMAGES, at->place, e) : NULL;
    const char *caption = gm_json_text(annotation, "caption");
    gm_problem p = image ? GM_PROBLEM_NONE : GM_PROBLEM_RECORD;
    if (!p && !caption) p = gm_problem_say(e, GM_PROBLEM_RECORD, "wanted a caption, a text");
    if (!p) p = gm_set_image(s, gm_json_text(image, "file_name"), out, e);
    if (!p) p = gm_talk_caption(s, d, caption, out, e);
    json_decref(annotation);
    json_decref(image);
    return p;
}

const gm_format gm_coco_caption = {
    .name = "coco-caption", .kind = GM_SET_CAPTION, .open = open_set, .sample = sample,
    .close = gm_coco_close,
};
