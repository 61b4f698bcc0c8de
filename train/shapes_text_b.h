/* World B's sentences, over three files. */
#ifndef GM_TRAIN_SHAPES_TEXT_B_H
#define GM_TRAIN_SHAPES_TEXT_B_H
#include "shapes_relate.h"
#include "shapes_text.h"

bool gm_shapes_refer_b(gm_text *t, const gm_shapes_scene *s, int k, gm_random *r);
void gm_shapes_ask_b(gm_text *q, gm_text *a, const gm_shapes_scene *s, gm_random *r);
/* "circles", "crosses" */
void gm_shapes_plural(gm_text *t, const char *noun);

#endif
