/* Pretraining of the mask decoder: which objects are asked for and how, their masks and losses,
 * computed here from the layers' values; gradients; what is refused. */
#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "../ref/tape.h"
#include "lesson.h"

enum { SIDE = LESSON_SIDE, P = SIDE * SIDE, FEATURES = 32, INNER = 128 };
#define SIZE_AT (3 + 11 + 12)
#define TEXTURE_AT (SIZE_AT + 3)

typedef struct { double bce, dice; } mask_loss;

/* SAM's embedding of the first picture. */
static gm_tensor embedding(lesson *t, int64_t resized[2])
{
    gm_tensor E = gm_sam_encode(t->c, &t->m->net.sam, lesson_sam_pixels(t, 1, resized));
    ck_assert_msg(gm_ok(t->c), "%s", gm_error_text(t->c));
    return E;
}

/* Of logits x (P) against object k's pixels; groundingLMM GLaMM.py, dice_loss and
 * sigmoid_ce_loss. */
static mask_loss loss_of(const float *x, const gm_shapes_scene *s, int k)
{
    double bce = 0, both = 0, sum = 0;
    for (int i = 0; i < P; i++) {
        double v = x[i], y = s->owner[i] == k + 1, p = 1 / (1 + exp(-v));
        bce += log1p(exp(-fabs(v))) + fmax(v, 0) - v * y;
        both += p / 1000 * y;
        sum += p / 1000 + y / 1000;
    }
    return (mask_loss){ bce / P, 1 - (2 * both + 1e-6) / (sum + 1e-6) };
}

/* The losses of the mask that this prompt (C) gives, at the picture's size. */
static mask_loss ask(lesson *t, gm_tensor E, const int64_t resized[2], const float *prompt,
                     int64_t C, int k)
{
    const int64_t original[2] = { SIDE, SIDE };
    gm_tensor iou, x = gm_from(t->c, GM_F32, prompt, 2, GM_DIMS(1, C));
    x = gm_masks(t->c, &t->m->net, E, x, resized, original, &iou);
    ck_assert_msg(gm_ok(t->c), "%s", gm_error_text(t->c));
    ck_assert(x.dim[0] == 1 && x.dim[1] == SIDE && x.dim[2] == SIDE);
    return loss_of(x.data, t->scene[0], k);
}

static bool is_near(double got, double want) { return fabs(got - want) <= 2e-5 * fabs(want); }

/* ---- which ---- */

/* With a prompt that is always the same, of five objects three are asked for, each of them by some
 * key. */
START_TEST(three_objects_of_many)
{
    lesson t;
    gm_losses l;
    mask_loss one[5];
    int64_t resized[2], index = 0;
    unsigned asked = 0;
    lesson_open(&t, GM_LEARN_DECODER, 5);
    while (t.s[0].masks != 5) lesson_draw(&t, 0, index++, 5);
    lesson_set(&t, "pretrain.prompt.2.weight", 0);
    float *prompt = lesson_values(&t, "pretrain.prompt.2.bias");
    int64_t C = gm_params_find(&t.ps, "pretrain.prompt.2.bias")->w.dim[0];
    for (int64_t i = 0; i < C; i++) prompt[i] = cosf((float)i);
    gm_tensor E = embedding(&t, resized);
    for (int k = 0; k < 5; k++) one[k] = ask(&t, E, resized, prompt, C, k);
    for (uint64_t key = 0; key < 30; key++) {
        int fits = 0;
        lesson_losses(&t, 1, key, &l);
        ck_assert_ptr_null(l.ce.data);
        double bce = lesson_number(&t, l.bce), dice = lesson_number(&t, l.dice);
        ck_assert(is_near(lesson_number(&t, l.total), bce + dice));
        for (unsigned set = 0; set < 32; set++) {
            mask_loss sum = { 0, 0 };
            int n = 0;
            for (int k = 0; k < 5; k++)
                if (set >> k & 1) n++, sum.bce += one[k].bce, sum.dice += one[k].dice;
            if (n != 3 || !is_near(bce, 2 * sum.bce / 3) || !is_near(dice, 0.5 * sum.dice / 3))
                continue;
            fits++;
            asked |= set;
        }
        ck_assert_msg(fits == 1, "key %d: %d sets of three objects fit", (int)key, fits);
    }
    ck_assert_uint_eq(asked, 31);
    lesson_close(&t);
}
END_TEST

/* ---- how ---- */

/* The nine ways to ask for object k: where it is; what it is, and perhaps its size or texture;
 * both. */
enum { WAYS = 9 };
static void features(float f[FEATURES], const gm_shapes_object *o, int way)
{
    int what = way ? (way - 1) % 4 : 0;
    memset(f, 0, FEATURES * sizeof *f);
    if (way == 0 || way > 4) {
        f[0] = (float)(o->box[0] + o->box[2]) / SIDE - 1;
        f[1] = (float)(o->box[1] + o->box[3]) / SIDE - 1;
        f[2] = 1;
    }
    if (way == 0) return;
    f[3 + o->colour] = f[14 + (int)o->form] = 1;
    if (what & 1) f[SIZE_AT + (int)o->size] = 1;
    if (what & 2) f[TEXTURE_AT + (int)o->texture] = 1;
}

static void prompt_of(lesson *t, float *out, int64_t C, const float f[FEATURES])
{
    const float *W = lesson_values(t, "pretrain.prompt.0.weight");
    const float *b = lesson_values(t, "pretrain.prompt.0.bias");
    double h[INNER];
    for (int j = 0; j < INNER; j++) {
        h[j] = b[j];
        for (int i = 0; i < FEATURES; i++) h[j] += (double)W[j * FEATURES + i] * f[i];
        h[j] = fmax(h[j], 0);
    }
    W = lesson_values(t, "pretrain.prompt.2.weight");
    b = lesson_values(t, "pretrain.prompt.2.bias");
    for (int64_t i = 0; i < C; i++) {
        double y = b[i];
        for (int j = 0; j < INNER; j++) y += W[i * INNER + j] * h[j];
        out[i] = (float)y;
    }
}

/* Of two objects each is asked for in one of nine ways, and its prompt goes with its mask. */
START_TEST(each_by_place_or_traits)
{
    enum { C = 16 };
    lesson t;
    gm_losses l;
    mask_loss one[2][WAYS];
    int64_t resized[2], index = 0;
    int seen[WAYS] = { 0 };
    lesson_open(&t, GM_LEARN_DECODER, 2);
    while (t.s[0].masks != 2) lesson_draw(&t, 0, index++, 2);
    gm_param *last = gm_params_find(&t.ps, "pretrain.prompt.2.weight");
    ck_assert_int_eq(last->w.dim[0], C);
    for (int64_t i = 0; i < gm_numel(last->w); i++) ((float *)last->w.data)[i] *= 20;
    gm_tensor E = embedding(&t, resized);
    for (int k = 0; k < 2; k++)
        for (int way = 0; way < WAYS; way++) {
            float f[FEATURES], prompt[C];
            features(f, &t.scene[0]->object[k], way);
            prompt_of(&t, prompt, C, f);
            one[k][way] = ask(&t, E, resized, prompt, C, k);
        }
    for (uint64_t key = 100; key < 150; key++) {
        int fits = 0;
        lesson_losses(&t, 1, key, &l);
        double bce = lesson_number(&t, l.bce), dice = lesson_number(&t, l.dice);
        for (int i = 0; i < WAYS; i++)
            for (int j = 0; j < WAYS; j++) {
                const mask_loss *a = &one[0][i], *b = &one[1][j];
                if (!is_near(bce, a->bce + b->bce) || !is_near(dice, 0.25 * (a->dice + b->dice)))
                    continue;
                fits++;
                seen[i]++, seen[j]++;
            }
        ck_assert_msg(fits == 1, "key %d: %d pairs of prompts fit", (int)key, fits);
    }
    for (int i = 0; i < WAYS; i++) ck_assert_msg(seen[i] > 0, "way %d is never taken", i);
    lesson_close(&t);
}
END_TEST

/* The mean over all masks of all samples. */
START_TEST(samples_count_by_their_masks)
{
    lesson t;
    gm_losses l;
    double sum = 0;
    int64_t masks = 0, resized[2];
    lesson_open(&t, GM_LEARN_DECODER, 3);
    lesson_set(&t, "pretrain.prompt.2.weight", 0);
    const float *prompt = lesson_values(&t, "pretrain.prompt.2.bias");
    int64_t C = gm_params_find(&t.ps, "pretrain.prompt.2.bias")->w.dim[0];
    lesson_losses(&t, LESSON_SAMPLES, 5, &l);
    double got = lesson_number(&t, l.bce);
    for (int i = 0; i < LESSON_SAMPLES; i++) {
        if (i) lesson_draw(&t, 0, i, 3);
        gm_tensor E = embedding(&t, resized);
        for (int k = 0; k < t.scene[0]->n; k++, masks++)
            sum += ask(&t, E, resized, prompt, C, k).bce;
    }
    ck_assert_int_gt(masks, LESSON_SAMPLES);
    ck_assert_msg(is_near(got, 2 * sum / (double)masks), "wanted %.9g, found %.9g",
                  2 * sum / (double)masks, got);
    lesson_close(&t);
}
END_TEST

/* ---- gradients ---- */

static double total(lesson *t)
{
    gm_losses l;
    gm_mark mark = gm_scope(t->c);
    lesson_losses(t, 2, 9, &l);
    double v = lesson_number(t, l.total);
    gm_scope_end(t->c, mark, GM_NONE);
    return v;
}

/* Along its own gradient a parameter changes the loss by the gradient's length. */
static void check_slope(lesson *t, const char *name)
{
    gm_param *p = gm_params_find(&t->ps, name);
    ck_assert_msg(p != NULL, "no parameter %s", name);
    float *w = p->w.data, *dw = p->dw.data;
    int64_t n = gm_numel(p->w);
    double length = sqrt(gm_sum_squares(dw, n)), size = sqrt(gm_sum_squares(w, n)), loss[2];
    double step = fmin(2e-3 / length, 0.02 * size + 1e-3);
    float *start = malloc((size_t)n * sizeof *start);
    memcpy(start, w, (size_t)n * sizeof *start);
    for (int k = 0; k < 2; k++) {
        for (int64_t i = 0; i < n; i++)
            w[i] = (float)(start[i] + (k ? step : -step) * dw[i] / length);
        loss[k] = total(t);
    }
    memcpy(w, start, (size_t)n * sizeof *start);
    double slope = (loss[1] - loss[0]) / (2 * step);
    ck_assert_msg(length > 1e-6 && fabs(slope - length) <= 0.02 * length + 4e-7 / step,
                  "%s: slope %.6g, gradient %.6g (step %.2g)", name, slope, length, step);
    free(start);
}

#define SAM "model.grounding_encoder."
#define CLIP "model.vision_tower.vision_tower.vision_model."
static const struct { gm_learn learn; const char *name[4]; } SLOPES[] = {
    { GM_LEARN_DECODER, { "pretrain.prompt.0.weight", "pretrain.prompt.2.weight",
                          SAM "mask_decoder.output_upscaling.0.weight",
                          SAM "image_encoder.neck.0.weight" } },
    { GM_LEARN_SAM, { "pretrain.head.weight", "pretrain.head.bias",
                      SAM "image_encoder.neck.2.weight",
                      SAM "image_encoder.blocks.1.mlp.lin1.weight" } },
    { GM_LEARN_CLIP, { "pretrain.head.weight", "pretrain.head.bias",
                       CLIP "embeddings.patch_embedding.weight",
                       CLIP "encoder.layers.3.mlp.fc1.weight" } },
};

START_TEST(gradients_arrive)
{
    lesson t;
    gm_losses l;
    lesson_open(&t, SLOPES[_i].learn, 3);
    gm_tape_start(t.c);
    for (int64_t i = 0; i < t.ps.n; i++) gm_want_gradient(t.c, t.ps.p[i].live, t.ps.p[i].dlive);
    lesson_losses(&t, 2, 9, &l);
    gm_backward(t.c, l.total, 1);
    ck_assert_msg(gm_ok(t.c), "%s", gm_error_text(t.c));
    for (int k = 0; k < 4; k++) check_slope(&t, SLOPES[_i].name[k]);
    lesson_close(&t);
}
END_TEST

/* ---- what is refused ---- */

START_TEST(samples_with_words_are_refused)
{
    lesson t;
    gm_losses l;
    lesson_open(&t, GM_LEARN_DECODER, 0);
    gm_sample_free(&t.s[1]);
    ck_assert_int_eq(gm_shapes_sample(&t.s[1], 5, 77, GM_SHAPES_REFER, GM_SHAPES_B, 0, 0, NULL),
                     0);
    ck_assert_int_ne(gm_pretrain_loss(t.c, &t.m->net, &t.ps, t.learn, t.s, 2, 0, &l), 0);
    const char *says = gm_error_text(t.c);
    ck_assert_msg(strstr(says, "shapes refer, seed 5, scene 77: wanted objects with traits"), "%s",
                  says);
    ck_assert_msg(strstr(says, "shapes:task=objects"), "%s", says);
    lesson_close(&t);
}
END_TEST

START_TEST(words_name_what_is_learnt)
{
    ck_assert_int_eq(gm_learn_of("talk"), GM_LEARN_TALK);
    ck_assert_int_eq(gm_learn_of("clip"), GM_LEARN_CLIP);
    ck_assert_int_eq(gm_learn_of("sam"), GM_LEARN_SAM);
    ck_assert_int_eq(gm_learn_of("decoder"), GM_LEARN_DECODER);
    lesson t;
    lesson_open(&t, GM_LEARN_TALK, 0);          /* no layers of its own */
    for (int64_t i = 0; i < t.ps.n; i++) ck_assert(!t.ps.p[i].own);
    lesson_close(&t);
}
END_TEST

Suite *test_pretrain_decoder(void);
Suite *test_pretrain_decoder(void)
{
    Suite *s = suite_create("pretrain_decoder");
    TCase *t = tcase_create("decoder");
    tcase_set_timeout(t, 60);
    tcase_add_test(t, three_objects_of_many);
    tcase_add_test(t, each_by_place_or_traits);
    tcase_add_test(t, samples_count_by_their_masks);
    tcase_add_loop_test(t, gradients_arrive, 0, 3);
    tcase_add_test(t, samples_with_words_are_refused);
    tcase_add_test(t, words_name_what_is_learnt);
    suite_add_tcase(s, t);
    return s;
}
