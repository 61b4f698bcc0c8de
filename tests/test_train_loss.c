/* The positions that the losses read, computed alone (gm_loss_positions): losses and gradients of
 * all positions. */
#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "../io/labels.h"
#include "../ref/tape.h"
#include "../train/loss.h"
#include "../train/params.h"
#include "../train/shapes.h"

enum { SAMPLES = 2 };

typedef struct {
    gm_model *m;
    gm_params ps;
    gm_ctx *c;
    gm_sample s[SAMPLES];
    gm_train_batch h;
} batch;

static void open_batch(batch *t, gm_shapes_task task)
{
    const gm_model_options o = { .backend = "ref", .exact_f32 = 1 };
    const gm_train_policy policy = { .freeze = "full" };
    gm_error e = { "" };
    *t = (batch){ .m = gm_model_open("golden/mini/model", &o, &e) };
    ck_assert_msg(t->m != NULL, "%s", e.text);
    ck_assert_msg(gm_params_open(&t->ps, t->m, &policy, &e) == 0, "%s", e.text);
    t->c = gm_ctx_new(&t->m->kernels, NULL);
    for (int k = 0; k < SAMPLES; k++)
        ck_assert_int_eq(gm_shapes_sample(&t->s[k], 3, k, task, GM_SHAPES_A, 0, 0, &e), 0);
    ck_assert_msg(gm_train_batch_make(&t->h, t->m, t->s, SAMPLES, 0, &e) == 0, "%s", e.text);
}

static void close_batch(batch *t)
{
    gm_train_batch_free(&t->h);
    for (int k = 0; k < SAMPLES; k++) gm_sample_free(&t->s[k]);
    gm_ctx_free(t->c);
    gm_params_free(&t->ps);
    gm_model_free(t->m);
}

static gm_batch upload(batch *t)
{
    const gm_train_batch *h = &t->h;
    gm_batch b = { .B = h->B, .L = h->L, .ids = h->ids, .padded = true, .images = h->B,
                   .offset = h->offset, .boxes_of = h->boxes_of,
                   .resized = (const int64_t (*)[2])h->resized,
                   .original = (const int64_t (*)[2])h->original };
    b.clip_pixels = gm_from(t->c, GM_F32, h->clip, 4, GM_DIMS(h->B, 3, h->S, h->S));
    if (h->sam) b.sam_pixels = gm_from(t->c, GM_F32, h->sam, 4, GM_DIMS(h->B, 3, h->Z, h->Z));
    if (h->boxes) b.box = gm_from(t->c, GM_F32, h->box, 2, GM_DIMS(h->boxes, 4));
    return b;
}

/* Ids that are learnt or are a [SEG]; the first one is predicted by nothing. */
static int64_t counting(const batch *t)
{
    int64_t n = 0;
    for (int64_t i = 0; i < t->h.B * t->h.L; i++)
        n += i % t->h.L > 0 && (t->h.labels[i] != GM_IGNORED || t->h.ids[i] == t->m->net.seg);
    return n;
}

typedef enum { EVERY, WANTED, SHARED } positions;

/* Losses (total, ce, bce, dice), and all gradients in the parameters. */
static void run(batch *t, positions which, float loss[4])
{
    gm_output out;
    gm_losses l;
    gm_params_clear(&t->ps);
    gm_tape_start(t->c);
    for (int64_t i = 0; i < t->ps.n; i++) gm_want_gradient(t->c, t->ps.p[i].live, t->ps.p[i].dlive);
    gm_batch b = upload(t);
    uint8_t *wanted = gm_loss_positions(&t->m->net, &b, t->h.labels);
    ck_assert_ptr_nonnull(wanted);
    if (which != EVERY) b.wanted = wanted;
    b.share = which == SHARED;
    gm_forward(t->c, &t->m->net, &b, &out);
    int64_t V = t->m->net.llama.head.dim[0], all = t->h.B * (t->h.L + 15);  /* 4 x 4 patches */
    ck_assert_int_eq(gm_numel(out.logits), (which == EVERY ? all : counting(t)) * V);
    gm_loss(t->c, &t->m->net, &b, &out, t->h.labels, (const float *const *)t->h.target,
            t->h.targets, &l);
    const gm_tensor part[4] = { l.total, l.ce, l.bce, l.dice };
    for (int i = 0; i < 4; i++) {
        loss[i] = 0;
        if (part[i].data) gm_to_host(t->c, &loss[i], part[i]);
    }
    gm_backward(t->c, l.total, 1);
    ck_assert_msg(gm_ok(t->c), "%s", gm_error_text(t->c));
    free(wanted);
}

static const gm_shapes_task TASK[] = { GM_SHAPES_REFER, GM_SHAPES_REGION, GM_SHAPES_VQA };

/* Without and with the conversations' common beginning computed once. */
START_TEST(the_positions_that_count_are_enough)
{
    batch t;
    float all[4], few[4];
    open_batch(&t, TASK[_i / 2]);
    run(&t, EVERY, all);
    float **want = calloc((size_t)t.ps.n, sizeof *want);
    for (int64_t i = 0; i < t.ps.n; i++) {
        size_t n = (size_t)gm_numel(t.ps.p[i].dw);
        want[i] = malloc(n * sizeof **want);
        memcpy(want[i], t.ps.p[i].dw.data, n * sizeof **want);
    }
    run(&t, _i % 2 ? SHARED : WANTED, few);
    for (int i = 0; i < 4; i++)
        ck_assert_msg(fabsf(all[i] - few[i]) <= 1e-6f * fabsf(all[i]), "loss %d: %.9g and %.9g", i,
                      (double)all[i], (double)few[i]);
    for (int64_t i = 0; i < t.ps.n; i++) {
        const float *got = t.ps.p[i].dw.data;
        double most = 0, off = 0;
        for (int64_t k = 0; k < gm_numel(t.ps.p[i].dw); k++) {
            most = fmax(most, fabs((double)want[i][k]));
            off = fmax(off, fabs((double)want[i][k] - got[k]));
        }
        bool noise = strstr(t.ps.p[i].name, "k_proj.bias") && most < 1e-7;   /* docs/TOLERANCE.md */
        ck_assert_msg(off <= 1e-6 * most || noise, "%s: %g of %g", t.ps.p[i].name, off, most);
        free(want[i]);
    }
    free(want);
    close_batch(&t);
}
END_TEST

/* Where nothing is learnt there are the masks' positions, or one nevertheless. */
START_TEST(positions_without_labels)
{
    batch t;
    open_batch(&t, TASK[_i]);
    gm_batch b = upload(&t);
    for (int64_t i = 0; i < t.h.B * t.h.L; i++) t.h.labels[i] = GM_IGNORED;
    uint8_t *wanted = gm_loss_positions(&t.m->net, &b, t.h.labels);
    int64_t n = 0;
    for (int64_t i = 0; i < t.h.B * (t.h.L + 15); i++) n += wanted[i];
    ck_assert_int_eq(n, TASK[_i] == GM_SHAPES_REFER ? t.s[0].masks + t.s[1].masks : 1);
    free(wanted);
    close_batch(&t);
}
END_TEST

Suite *test_train_loss(void);
Suite *test_train_loss(void)
{
    Suite *s = suite_create("train_loss");
    TCase *t = tcase_create("positions");
    tcase_set_timeout(t, 60);
    tcase_add_loop_test(t, the_positions_that_count_are_enough, 0, 6);
    tcase_add_loop_test(t, positions_without_labels, 0, 3);
    suite_add_tcase(s, t);
    return s;
}
