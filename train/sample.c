/* One training sample: its memory. */
#include "sample.h"

#include <stdlib.h>

void gm_sample_free(gm_sample *s)
{
    for (int64_t i = 0; i < s->turns; i++) free(s->turn[i]);
    for (int64_t i = 0; i < s->masks; i++) gm_rle_free(&s->mask[i]);
    free(s->turn);
    free(s->mask);
    free(s->box);
    free(s->trait);
    free(s->source);
    gm_image_free(&s->image);
    *s = (gm_sample){ 0 };
}
