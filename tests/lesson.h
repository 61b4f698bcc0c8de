/* golden/mini's model and drawn objects, ready for a pretraining loss. */
#ifndef GM_LESSON_H
#define GM_LESSON_H
#include "../train/pretrain.h"
#include "../train/shapes_scene.h"

enum { LESSON_SIDE = GM_SHAPES_SIDE, LESSON_SAMPLES = 3 };

typedef struct {
    gm_model *m;
    gm_params ps;
    gm_train_policy o;
    gm_learn learn;
    gm_ctx *c;
    gm_sample s[LESSON_SAMPLES];                /* scenes seed 31, index 0 and on, of world B */
    gm_shapes_scene *scene[LESSON_SAMPLES];
} lesson;

/* Everything trains; the test fails when something cannot be opened.  objects: 0, or the most of
 * each scene. */
void lesson_open(lesson *t, gm_learn learn, int objects);
void lesson_close(lesson *t);
/* Sample k made anew, from another scene. */
void lesson_draw(lesson *t, int k, int64_t index, int objects);

/* The losses of the first n samples; the test fails on an error. */
void lesson_losses(lesson *t, int64_t n, uint64_t key, gm_losses *l);
/* Its one number; 0 of GM_NONE. */
double lesson_number(const lesson *t, gm_tensor x);
/* Parameter NAME's values. */
float *lesson_values(lesson *t, const char *name);
/* Sets all of them. */
void lesson_set(lesson *t, const char *name, float value);

/* Pixels of the first n pictures: (n, 3, S, S) of CLIP; (n, 3, Z, Z) of SAM. */
gm_tensor lesson_clip_pixels(lesson *t, int64_t n);
gm_tensor lesson_sam_pixels(lesson *t, int64_t n, int64_t resized[2]);

#endif
