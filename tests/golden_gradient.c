/* Losses of a golden case, and the gradient of every parameter that the case stores one for. */
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "../io/image.h"
#include "../ref/tape.h"
#include "../train/loss.h"
#include "golden_run.h"

#define LOSS_TOLERANCE 2e-6             /* relative to losses_f64 */
#define LOSS_FLOOR 4.8e-7               /* 4 eps: of a sure answer the logarithm of a sum near 1 */
/* Single ReLUs at zero flip between right programs where a map has this many cells; gradients below
 * such a map may pass as a whole instead (docs/TOLERANCE.md). */
#define MANY_CELLS 10000
#define WHOLE_ERROR 5e-3
#define WHOLE_COSINE 0.99999
#define FUSE "model.region_encoder.mlvl_fuse."
#define TOWER "model.vision_tower."

/* ---- true masks ---- */

void golden_targets_free(golden_targets *t)
{
    for (int64_t i = 0; t->target && i < t->images; i++) free(t->target[i]);
    free(t->target);
    free(t->count);
}

/* Beside IMAGE.png lie IMAGE.mask0.png and on: 0 outside. */
static int read_mask(float *out, const golden_image *p, int64_t k, gm_error *e)
{
    char path[1100];
    gm_image im = { 0 };
    int stem = (int)strlen(p->path) - 4;
    snprintf(path, sizeof path, "%.*s.mask%lld.png", stem, p->path, (long long)k);
    if (gm_image_read(&im, path, e)) return -1;
    int bad = im.width != p->width || im.height != p->height;
    for (int64_t i = 0; !bad && i < im.width * im.height; i++) out[i] = im.rgb[3 * i] > 0;
    gm_image_free(&im);
    return bad ? gm_fail(e, "%s: not of its image's size", path) : 0;
}

int golden_targets_read(golden_targets *t, const golden_case *g, gm_error *e)
{
    t->images = g->images;
    t->target = calloc((size_t)g->images, sizeof *t->target);
    t->count = calloc((size_t)g->images, sizeof *t->count);
    if (!t->target || !t->count) return gm_fail(e, "out of memory");
    for (int64_t i = 0; i < g->images; i++) {
        const golden_image *p = &g->image[i];
        int64_t pixels = p->width * p->height;
        t->count[i] = p->masks;
        t->target[i] = malloc((size_t)(p->masks * pixels + 1) * sizeof(float));
        if (!t->target[i]) return gm_fail(e, "out of memory");
        for (int64_t k = 0; k < p->masks; k++)
            if (read_mask(t->target[i] + k * pixels, p, k, e)) return -1;
    }
    return 0;
}

/* ---- losses ---- */

static void compare_loss(golden_report *r, const golden_case *g, gm_ctx *c, const char *name,
                         gm_tensor x)
{
    char row[60], why[100] = "";
    float got = 0;
    double want = json_number_value(
        json_object_get(json_object_get(g->json, "losses_f64"), name));
    if (x.data) gm_to_host(c, &got, x);
    double error = fabs(got - want), tolerance = LOSS_TOLERANCE * fabs(want) + LOSS_FLOOR;
    bool passed = error <= tolerance;
    if (!passed) snprintf(why, sizeof why, "got %.9g, wanted %.9g", (double)got, want);
    snprintf(row, sizeof row, "losses/%s", name);
    golden_row_add(r, g->name, row, passed, error, tolerance,
                   tolerance > 0 ? error / tolerance : 0, why);
}

/* ---- gradients ---- */

golden_parameter *golden_want_gradients(gm_ctx *c, const gm_model *m, const golden_case *g,
                                        int64_t *n)
{
    golden_parameter *p = calloc((size_t)g->tensors + 1, sizeof *p);
    *n = 0;
    for (int64_t i = 0; p && i < g->tensors; i++) {
        const golden_tensor *t = &g->tensor[i];
        if (strncmp(t->name, "grad/", 5) != 0 || t->nd > GM_MAX_DIMS) continue;
        gm_tensor w = gm_weights_bound(gm_checkpoint_weights(m->checkpoint), t->name + 5);
        golden_parameter *q = &p[*n];
        q->name = t->name;
        q->dw = gm_new(c, GM_F32, t->nd, t->dim);
        if (!q->dw.data) break;
        gm_zero(c, q->dw);
        if (w.data) gm_want_gradient(c, w, q->dw);
        ++*n;
    }
    return p;
}

/* Below a ReLU over a large map. */
static bool below_many_cells(const gm_model *m, const golden_case *g, const char *name)
{
    int64_t side = 8 * (m->net.config.clip.image / m->net.config.clip.patch);
    bool boxes = false;
    for (int64_t i = 0; i < g->images; i++) boxes |= g->image[i].boxes > 0;
    return boxes && side * side > MANY_CELLS &&
           (strncmp(name + 5, FUSE, strlen(FUSE)) == 0 ||
            strncmp(name + 5, TOWER, strlen(TOWER)) == 0);
}

/* Some element is outside its tolerance, but what is stored agrees as a whole: relative L2 error and
 * cosine. */
static bool close_as_a_whole(const golden_tensor *t, const float *got)
{
    const float *want = t->stored.data;
    double error = 0, norm = 0, dot = 0, own = 0, most = 0;
    for (int64_t i = 0; i * t->stride < t->numel; i++) {
        double a = got[i * t->stride], b = want[i];
        error += (a - b) * (a - b);
        norm += b * b;
        own += a * a;
        dot += a * b;
        most = fmax(most, fabs(a - b));
    }
    return most > golden_tolerance(t) && sqrt(error / norm) < WHOLE_ERROR &&
           dot / sqrt(norm * own) > WHOLE_COSINE;
}

/* A gradient that is 0 by mathematics (a key's bias shifts every score alike), or that the loss does
 * not reach: what PyTorch stored is 0 or its rounding noise, and ours may be no larger than the
 * tolerance makes it. */
static bool is_noise(const golden_tensor *t) { return golden_tolerance(t) > 0.05 * t->absmax; }

static void compare_noise(golden_report *r, const golden_case *g, golden_tensor *t,
                          const float *got)
{
    double most = 0, limit = t->absmax + golden_tolerance(t);
    for (int64_t i = 0; i < t->numel; i++)
        if (!(fabs((double)got[i]) <= most)) most = fabs((double)got[i]);
    t->seen = true;
    golden_row_add(r, g->name, t->name, most <= limit, most, limit, limit > 0 ? most / limit : 0,
                   most <= limit ? "" : "wanted 0 but for rounding noise");
}

static void compare_gradient(golden_report *r, const gm_model *m, golden_case *g,
                             golden_tensor *t, gm_tensor dw)
{
    if (t->absmax == 0 || is_noise(t)) compare_noise(r, g, t, dw.data);
    else if (below_many_cells(m, g, t->name) && close_as_a_whole(t, dw.data)) {
        t->seen = true;
        golden_row_add(r, g->name, t->name, true, INFINITY, golden_tolerance(t), INFINITY, "");
    } else {
        golden_floats(r, g, t->name, dw.data, dw.nd, dw.dim);
    }
}

void golden_gradients(golden_report *r, const gm_model *m, golden_case *g, gm_ctx *c,
                      const golden_parameter *p, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        if (!golden_wanted(r, p[i].name)) continue;
        gm_tensor dw = gm_host_copy(c, p[i].dw);
        if (dw.data) compare_gradient(r, m, g, golden_find(g, p[i].name), dw);
        free(dw.data);
    }
}

void golden_losses(golden_report *r, const gm_model *m, golden_case *g, const golden_inputs *in,
                   gm_ctx *c, const gm_batch *b, const gm_output *out)
{
    golden_targets t = { 0 };
    gm_error e = { "" };
    gm_losses l = { 0 };
    if (!g->losses) golden_failed(r, g->name, "losses", "the case stores no losses");
    else if (golden_targets_read(&t, g, &e)) golden_failed(r, g->name, "losses", "%s", e.text);
    else if (gm_loss(c, &m->net, b, out, in->labels, (const float *const *)t.target, t.count, &l))
        golden_failed(r, g->name, "losses", "%s", gm_error_text(c));
    else {
        compare_loss(r, g, c, "loss", l.total);
        compare_loss(r, g, c, "ce_loss", l.ce);
        compare_loss(r, g, c, "mask_bce_loss", l.bce);
        compare_loss(r, g, c, "mask_dice_loss", l.dice);
        if (gm_has_gradient(c, l.total)) gm_backward(c, l.total, 1);
    }
    golden_targets_free(&t);
}
