/* Pretraining of the encoders: labels and covers of the cells, found again from the scene's own
 * record of who owns which pixel, and the losses in double from the head's values. */
#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "lesson.h"

enum { SIDE = LESSON_SIDE, HEADS = 8, PARTS = 16, NOBODY = -1 };
static const int classes[HEADS] = { 11, 12, 3, 3, 8, 8, 8, 9 };
static const double weight[HEADS] = { 1, 1, 0.5, 0.5, 0.5, 0.5, 1, 0.5 };
#define COVER_WEIGHT 2.0

/* ---- what lies in a cell ---- */

/* Pixels of every object (object 0 at [1]) in a square of w pixels. */
static void count_owners(int64_t count[GM_SHAPES_MOST + 1], const gm_shapes_scene *s, int64_t x0,
                         int64_t y0, int64_t w)
{
    memset(count, 0, (GM_SHAPES_MOST + 1) * sizeof *count);
    for (int64_t y = y0; y < y0 + w; y++)
        for (int64_t x = x0; x < x0 + w; x++) count[s->owner[y * SIDE + x]]++;
}

static int eighth(double centre, double cell)
{
    int way = (int)floor((centre - cell) / 16) + 4;
    return way < 0 ? 0 : way > 7 ? 7 : way;
}

static int place(const gm_shapes_scene *s, int k)
{
    const int64_t *a = s->object[k].box;
    int n = 0;
    for (int i = 0; i < s->n; i++) {
        const int64_t *b = s->object[i].box;
        int64_t dx = b[0] + b[2] - a[0] - a[2], dy = b[1] + b[3] - a[1] - a[3];
        if (dx < 0 || (dx == 0 && dy < 0)) n++;
    }
    return n;
}

/* label[h] of cell x, y of G x G; all NOBODY when no object has more than 0.15 of it. */
static void labels_of(int label[HEADS], const gm_shapes_scene *s, int64_t G, int64_t x, int64_t y)
{
    int64_t count[GM_SHAPES_MOST + 1], w = SIDE / G;
    int k = NOBODY;
    count_owners(count, s, x * w, y * w, w);
    for (int i = 0; i < s->n; i++)
        if (100 * count[i + 1] > 15 * w * w && (k < 0 || count[i + 1] > count[k + 1])) k = i;
    for (int h = 0; h < HEADS; h++) label[h] = NOBODY;
    if (k < 0) return;
    const gm_shapes_object *o = &s->object[k];
    const int all[HEADS] = {
        o->colour, (int)o->form, (int)o->size, (int)o->texture,
        eighth((double)(o->box[0] + o->box[2]) / 2, ((double)x + 0.5) * (double)w),
        eighth((double)(o->box[1] + o->box[3]) / 2, ((double)y + 0.5) * (double)w), place(s, k),
        s->n };
    memcpy(label, all, sizeof all);
}

/* The share of part p of the cell that belongs to objects. */
static double cover_of(const gm_shapes_scene *s, int64_t G, int64_t x, int64_t y, int p)
{
    int64_t count[GM_SHAPES_MOST + 1], w = SIDE / G / 4;
    count_owners(count, s, (4 * x + p % 4) * w, (4 * y + p / 4) * w, w);
    return 1 - (double)count[0] / (double)(w * w);
}

/* ---- the losses ---- */

/* Sums over the cells of all samples. */
typedef struct { double ce, bce, covered; int64_t cells, labelled; int kinds[HEADS]; } sums;

static double cross_entropy(const double *x, int n, int label)
{
    double sum = 0;
    for (int i = 0; i < n; i++) sum += exp(x[i]);
    return log(sum) - x[label];
}

/* One cell, feature f (C values, each `stride` from the next). */
static void add_cell(sums *a, lesson *t, const gm_shapes_scene *s, int64_t G, int64_t cell,
                     const float *f, int64_t C, int64_t stride)
{
    const float *W = lesson_values(t, "pretrain.head.weight");
    const float *b = lesson_values(t, "pretrain.head.bias");
    double x[80];
    int label[HEADS], at = 0, rows = PARTS;
    for (int h = 0; h < HEADS; h++) rows += classes[h];
    for (int r = 0; r < rows; r++) {
        x[r] = b[r];
        for (int64_t i = 0; i < C; i++) x[r] += (double)W[r * C + i] * f[i * stride];
    }
    labels_of(label, s, G, cell % G, cell / G);
    for (int h = 0; h < HEADS; at += classes[h++]) {
        if (label[h] == NOBODY) continue;
        a->ce += weight[h] * cross_entropy(x + at, classes[h], label[h]);
        a->kinds[h] |= 1 << label[h];
    }
    for (int p = 0; p < PARTS; p++) {
        double v = x[at + p], y = cover_of(s, G, cell % G, cell / G, p);
        a->bce += log1p(exp(-fabs(v))) + fmax(v, 0) - v * y;
        a->covered += y;
    }
    a->labelled += label[0] != NOBODY;
    a->cells++;
}

static sums sums_of(lesson *t, int64_t n)
{
    sums a = { 0 };
    bool clip = t->learn == GM_LEARN_CLIP;
    int64_t resized[2];
    gm_tensor x = clip ? gm_clip(t->c, &t->m->net.clip, lesson_clip_pixels(t, n), NULL)
                       : gm_sam_encode(t->c, &t->m->net.sam, lesson_sam_pixels(t, n, resized));
    ck_assert_msg(gm_ok(t->c), "%s", gm_error_text(t->c));
    int64_t G = clip ? 4 : x.dim[2], C = clip ? x.dim[2] : x.dim[1], T = G * G;
    for (int64_t i = 0; i < n; i++)
        for (int64_t k = 0; k < T; k++) {
            const float *f = (const float *)x.data + (clip ? (i * T + k) * C : i * C * T + k);
            add_cell(&a, t, t->scene[i], G, k, f, C, clip ? 1 : T);
        }
    return a;
}

static void near(double got, double want, const char *what)
{
    ck_assert_msg(fabs(got - want) <= 1e-5 * fabs(want), "%s: wanted %.9g, found %.9g", what, want,
                  got);
}

static void compare(lesson *t, int64_t n, const sums *a)
{
    gm_losses l;
    lesson_losses(t, n, 0, &l);
    double ce = a->ce / (double)a->labelled;
    double bce = COVER_WEIGHT * a->bce / (double)(PARTS * a->cells);
    near(lesson_number(t, l.ce), ce, "ce");
    near(lesson_number(t, l.bce), bce, "bce");
    near(lesson_number(t, l.total), ce + bce, "total");
    ck_assert_ptr_null(l.dice.data);
}

static const gm_learn LEARN[] = { GM_LEARN_CLIP, GM_LEARN_SAM };

/* With a head of random values, ten times as large as at the start, so that a label of another
 * cell shows. */
START_TEST(losses_of_the_cells)
{
    lesson t;
    lesson_open(&t, LEARN[_i], 0);
    gm_param *head = gm_params_find(&t.ps, "pretrain.head.weight");
    for (int64_t i = 0; i < gm_numel(head->w); i++) ((float *)head->w.data)[i] *= 10;
    float *bias = lesson_values(&t, "pretrain.head.bias");
    for (int64_t i = 0; i < head->w.dim[0]; i++) bias[i] = sinf((float)i);
    for (int64_t n = 1; n <= LESSON_SAMPLES; n++) {
        sums a = sums_of(&t, n);
        ck_assert_int_gt(a.labelled, 0);
        ck_assert_int_lt(a.labelled, a.cells);
        compare(&t, n, &a);
        for (int h = 0; n == LESSON_SAMPLES && t.learn == GM_LEARN_SAM && h < HEADS; h++)
            ck_assert_msg(a.kinds[h] & (a.kinds[h] - 1), "label %d does not vary", h);
    }
    lesson_close(&t);
}
END_TEST

/* A head of zeros knows nothing: ln(classes), ln 2.  One colour that is said louder everywhere, and
 * a cover that is denied everywhere, change the losses by what the cells' shares say. */
START_TEST(what_a_plain_head_costs)
{
    lesson t;
    gm_losses l;
    double plain = 0;
    lesson_open(&t, LEARN[_i], 0);
    lesson_set(&t, "pretrain.head.weight", 0);
    lesson_set(&t, "pretrain.head.bias", 0);
    for (int h = 0; h < HEADS; h++) plain += weight[h] * log(classes[h]);
    lesson_losses(&t, LESSON_SAMPLES, 0, &l);
    near(lesson_number(&t, l.ce), plain, "ce");
    near(lesson_number(&t, l.bce), COVER_WEIGHT * log(2), "bce");

    int colour = t.scene[0]->object[0].colour, rows = 0;
    for (int h = 0; h < HEADS; h++) rows += classes[h];
    float *bias = lesson_values(&t, "pretrain.head.bias");
    bias[colour] = 2;
    for (int p = 0; p < PARTS; p++) bias[rows + p] = -30;
    sums a = sums_of(&t, LESSON_SAMPLES);
    lesson_losses(&t, LESSON_SAMPLES, 0, &l);
    double share = (log(10 + exp(2)) + plain - log(11) - lesson_number(&t, l.ce)) / 2;
    ck_assert_double_gt(share, 0.01);           /* of the cells that have this colour */
    ck_assert_double_lt(fabs(share * (double)a.labelled - round(share * (double)a.labelled)), 1e-3);
    near(lesson_number(&t, l.bce), COVER_WEIGHT * 30 * a.covered / (double)(PARTS * a.cells),
         "bce");
    compare(&t, LESSON_SAMPLES, &a);
    lesson_close(&t);
}
END_TEST

/* An object too small for every cell: its cover alone is learnt. */
START_TEST(no_cell_is_an_objects)
{
    lesson t;
    gm_losses l;
    sums a = { .labelled = 1 };
    lesson_open(&t, GM_LEARN_CLIP, 1);
    for (int64_t i = 0; a.labelled && i < 400; i++) {
        lesson_draw(&t, 0, i, 1);
        gm_mark mark = gm_scope(t.c);
        a = sums_of(&t, 1);
        gm_scope_end(t.c, mark, GM_NONE);
    }
    ck_assert_int_eq(a.labelled, 0);
    lesson_losses(&t, 1, 0, &l);
    ck_assert_ptr_null(l.ce.data);
    near(lesson_number(&t, l.total), COVER_WEIGHT * a.bce / (double)(PARTS * a.cells), "total");
    lesson_close(&t);
}
END_TEST

Suite *test_pretrain_cells(void);
Suite *test_pretrain_cells(void)
{
    Suite *s = suite_create("pretrain_cells");
    TCase *t = tcase_create("cells");
    tcase_set_timeout(t, 60);
    tcase_add_loop_test(t, losses_of_the_cells, 0, 2);
    tcase_add_loop_test(t, what_a_plain_head_costs, 0, 2);
    tcase_add_test(t, no_cell_is_an_objects);
    suite_add_tcase(s, t);
    return s;
}
