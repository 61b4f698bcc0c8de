/* See lesson.h. */
#include "lesson.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>
#include "../io/image.h"

enum { SEED = 31 };

void lesson_draw(lesson *t, int k, int64_t index, int objects)
{
    gm_sample_free(&t->s[k]);
    gm_shapes_scene_free(t->scene[k]);
    t->scene[k] = gm_shapes_scene_new(SEED, index, GM_SHAPES_B, objects);
    ck_assert_ptr_nonnull(t->scene[k]);
    ck_assert_int_eq(gm_shapes_sample(&t->s[k], SEED, index, GM_SHAPES_OBJECTS, GM_SHAPES_B,
                                      objects, 0, NULL), 0);
}

void lesson_open(lesson *t, gm_learn learn, int objects)
{
    const gm_model_options o = { .backend = "ref", .exact_f32 = 1 };
    gm_error e = { "" };
    *t = (lesson){ .o = { .freeze = "full", .seed = 4 }, .learn = learn };
    t->m = gm_model_open("golden/mini/model", &o, &e);
    ck_assert_msg(t->m != NULL, "%s", e.text);
    ck_assert_msg(gm_params_open(&t->ps, t->m, &t->o, &e) == 0, "%s", e.text);
    ck_assert_msg(gm_pretrain_open(&t->ps, &t->m->net, learn, &t->o, &e) == 0, "%s", e.text);
    t->c = gm_ctx_new(&t->m->kernels, NULL);
    ck_assert_ptr_nonnull(t->c);
    for (int k = 0; k < LESSON_SAMPLES; k++) lesson_draw(t, k, k, objects);
}

void lesson_close(lesson *t)
{
    gm_ctx_free(t->c);
    for (int k = 0; k < LESSON_SAMPLES; k++) {
        gm_sample_free(&t->s[k]);
        gm_shapes_scene_free(t->scene[k]);
    }
    gm_params_free(&t->ps);
    gm_model_free(t->m);
}

void lesson_losses(lesson *t, int64_t n, uint64_t key, gm_losses *l)
{
    int bad = gm_pretrain_loss(t->c, &t->m->net, &t->ps, t->learn, t->s, n, key, l);
    ck_assert_msg(bad == 0, "%s", gm_error_text(t->c));
}

double lesson_number(const lesson *t, gm_tensor x)
{
    float v = 0;
    if (x.data) gm_to_host(t->c, &v, x);
    return (double)v;
}

float *lesson_values(lesson *t, const char *name)
{
    gm_param *p = gm_params_find(&t->ps, name);
    ck_assert_msg(p != NULL, "no parameter %s", name);
    return p->w.data;
}

void lesson_set(lesson *t, const char *name, float value)
{
    float *w = lesson_values(t, name);
    int64_t n = gm_numel(gm_params_find(&t->ps, name)->w);
    for (int64_t i = 0; i < n; i++) w[i] = value;
}

gm_tensor lesson_clip_pixels(lesson *t, int64_t n)
{
    int64_t S = t->m->net.config.clip.image;
    gm_tensor x = gm_new(t->c, GM_F32, 4, GM_DIMS(n, 3, S, S));
    for (int64_t i = 0; i < n; i++)
        ck_assert_int_eq(gm_pixels_clip((float *)x.data + i * 3 * S * S, &t->s[i].image,
                                        &t->m->net.config, NULL), 0);
    return x;
}

gm_tensor lesson_sam_pixels(lesson *t, int64_t n, int64_t resized[2])
{
    int64_t Z = gm_sam_side(&t->m->net);
    gm_tensor x = gm_new(t->c, GM_F32, 4, GM_DIMS(n, 3, Z, Z));
    for (int64_t i = 0; i < n; i++)
        ck_assert_int_eq(gm_pixels_sam((float *)x.data + i * 3 * Z * Z, &t->s[i].image, Z, resized,
                                       NULL), 0);
    return x;
}
