#include "golden_run.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "../io/image.h"
#include "../io/labels.h"
#include "../train/batch.h"
#include "../ref/tape.h"
#include "../train/loss.h"

/* Pixels and boxes of every image of the case. */
static int make_pixels(golden_inputs *in, const gm_model *m, const golden_case *g, gm_error *e)
{
    int64_t S = m->net.clip.S, Z = gm_sam_side(&m->net), n = g->images;
    in->S = S;
    in->Z = Z;
    in->clip = calloc((size_t)(n * 3 * S * S), sizeof *in->clip);
    in->sam = calloc((size_t)(n * 3 * Z * Z), sizeof *in->sam);
    in->image = calloc((size_t)n, sizeof *in->image);
    in->resized = calloc((size_t)n, sizeof *in->resized);
    in->original = calloc((size_t)n, sizeof *in->original);
    for (int64_t i = 0; i < n; i++) in->boxes += g->image[i].boxes;
    in->box = calloc((size_t)in->boxes + 1, 4 * sizeof *in->box);
    in->boxes_of = calloc((size_t)n + 1, sizeof *in->boxes_of);
    if (!in->clip || !in->sam || !in->resized || !in->original || !in->image || !in->box ||
        !in->boxes_of)
        return gm_fail(e, "out of memory");
    int64_t at = 0;
    for (int64_t i = 0; i < n; i++) {
        const golden_image *p = &g->image[i];
        gm_image *im = &in->image[i];
        if (gm_image_read(im, p->path, e)) return -1;
        if (im->width != p->width || im->height != p->height)
            return gm_fail(e, "%s: not of size_wh", p->path);
        in->original[i][0] = im->height;
        in->original[i][1] = im->width;
        if (gm_pixels_clip(in->clip + i * 3 * S * S, im, &m->net.config, e)) return -1;
        if (gm_pixels_sam(in->sam + i * 3 * Z * Z, im, Z, in->resized[i], e)) return -1;
        gm_boxes_normalise(in->box + 4 * at, (const double(*)[4])p->box, p->boxes, 1, 1,
                           m->net.config.bf16);
        in->boxes_of[i + 1] = at += p->boxes;
        in->masks |= p->masks > 0;
    }
    return 0;
}

/* All conversations, right-padded: ids with 0, labels with GM_IGNORED. */
static int make_ids(golden_inputs *in, const gm_model *m, const golden_case *g, gm_error *e)
{
    int64_t B = in->B = g->offset[g->images], b = 0;
    int32_t **ids = calloc((size_t)B, sizeof *ids), **labels = calloc((size_t)B, sizeof *labels);
    int64_t *n = calloc((size_t)B, sizeof *n);
    int bad = !ids || !labels || !n ? gm_fail(e, "out of memory") : 0;
    for (int64_t i = 0; !bad && i < g->images; i++)
        for (int64_t k = 0; !bad && k < g->image[i].talks; k++, b++) {
            const golden_talk *t = &g->image[i].talk[k];
            bad = gm_train_encode(m->prompts, m->tokenizer, t->turn, t->turns, &ids[b], &labels[b],
                                  &n[b], e);
            if (n[b] > in->L) in->L = n[b];
        }
    in->ids = calloc((size_t)(B * in->L) + 1, sizeof *in->ids);
    in->labels = calloc((size_t)(B * in->L) + 1, sizeof *in->labels);
    if (!bad && (!in->ids || !in->labels)) bad = gm_fail(e, "out of memory");
    for (b = 0; !bad && b < B; b++)
        for (int64_t i = 0; i < in->L; i++) {
            in->ids[b * in->L + i] = i < n[b] ? ids[b][i] : 0;
            in->labels[b * in->L + i] = i < n[b] ? labels[b][i] : GM_IGNORED;
        }
    for (b = 0; ids && labels && b < B; b++) {
        free(ids[b]);
        free(labels[b]);
    }
    free(ids);
    free(labels);
    free(n);
    return bad ? -1 : 0;
}

static void compare_inputs(golden_report *r, golden_case *g, const golden_inputs *in)
{
    char name[40];
    const float *box = in->box;
    golden_exact(r, g, "clip_pixels", in->clip, 4, GM_DIMS(g->images, 3, in->S, in->S));
    golden_exact(r, g, "sam_pixels", in->sam, 4, GM_DIMS(g->images, 3, in->Z, in->Z));
    golden_ints(r, g, "input_ids", in->ids, 2, GM_DIMS(in->B, in->L));
    golden_ints(r, g, "labels", in->labels, 2, GM_DIMS(in->B, in->L));
    for (int64_t i = 0; i < g->images; i++) {
        snprintf(name, sizeof name, "boxes/%lld", (long long)i);
        golden_exact(r, g, name, box, 2, GM_DIMS(g->image[i].boxes, 4));
        box += 4 * g->image[i].boxes;
    }
}

typedef struct { golden_report *r; golden_case *g; } tap_user;

static void on_tap(void *user, gm_ctx *c, const char *name, gm_tensor x)
{
    tap_user *u = user;
    char full[600];
    (void)c;
    snprintf(full, sizeof full, "tap/%s", name);
    if (x.type == GM_F32) golden_floats(u->r, u->g, full, x.data, x.nd, x.dim);
}

gm_batch golden_batch(gm_ctx *c, const golden_case *g, const golden_inputs *in)
{
    int64_t S = in->S, Z = in->Z, n = g->images;
    gm_batch b = { .B = in->B, .L = in->L, .ids = in->ids, .padded = true, .images = n,
                   .offset = g->offset,
                   .boxes_of = in->boxes_of,
                   .resized = (const int64_t (*)[2])in->resized,
                   .original = (const int64_t (*)[2])in->original };
    b.clip_pixels = gm_from(c, GM_F32, in->clip, 4, GM_DIMS(n, 3, S, S));
    if (in->masks) b.sam_pixels = gm_from(c, GM_F32, in->sam, 4, GM_DIMS(n, 3, Z, Z));
    if (in->boxes) b.box = gm_from(c, GM_F32, in->box, 2, GM_DIMS(in->boxes, 4));
    return b;
}

static void run_forward(golden_report *r, const gm_model *m, golden_case *g,
                        const golden_inputs *in)
{
    gm_ctx *c = gm_ctx_new(&m->kernels, &m->engine.device.memory);
    if (!c) {
        golden_failed(r, g->name, "", "out of memory");
        return;
    }
    gm_batch b = golden_batch(c, g, in);
    tap_user user = { r, g };
    gm_output out = { 0 };
    int64_t n = 0;
    gm_tape_start(c);
    gm_set_checkpointing(c, r->checkpoint);
    golden_parameter *p = golden_want_gradients(c, m, g, &n);
    gm_set_tap(c, on_tap, &user);
    uint8_t *wanted = r->packed ? gm_loss_positions(&m->net, &b, in->labels) : NULL;
    b.wanted = wanted;
    b.share = r->packed;
    gm_forward(c, &m->net, &b, &out);
    if (!gm_ok(c)) golden_failed(r, g->name, "", "forward pass: %s", gm_error_text(c));
    for (int64_t i = 0; gm_ok(c) && i < out.images; i++) {
        char name[40];
        gm_tensor x = out.mask[i];
        snprintf(name, sizeof name, "mask_logits/%lld", (long long)i);
        if (x.data) {
            x = gm_host_copy(c, x);
            golden_floats(r, g, name, x.data, x.nd, x.dim);
            free(x.data);
        }
        else golden_floats(r, g, name, NULL, 3, GM_DIMS(0, in->original[i][0], in->original[i][1]));
    }
    if (gm_ok(c)) {
        golden_losses(r, m, g, in, c, &b, &out);
        if (!gm_ok(c)) golden_failed(r, g->name, "", "backward pass: %s", gm_error_text(c));
        else golden_gradients(r, m, g, c, p, n);
    }
    free(p);
    free(wanted);
    gm_ctx_free(c);
}

/* What nobody compared has failed. */
static void leftovers(golden_report *r, golden_case *g)
{
    for (int64_t i = 0; i < g->tensors; i++) {
        const golden_tensor *t = &g->tensor[i];
        if (!t->seen && golden_wanted(r, t->name))
            golden_failed(r, g->name, t->name, "stored, but never produced");
    }
}

int golden_inputs_make(golden_inputs *in, const gm_model *m, const golden_case *g, gm_error *e)
{
    *in = (golden_inputs){ 0 };
    return make_pixels(in, m, g, e) || make_ids(in, m, g, e) ? -1 : 0;
}

void golden_inputs_free(golden_inputs *in, const golden_case *g)
{
    for (int64_t i = 0; in->image && i < g->images; i++) gm_image_free(&in->image[i]);
    free(in->image);
    free(in->clip);
    free(in->sam);
    free(in->resized);
    free(in->original);
    free(in->box);
    free(in->boxes_of);
    free(in->ids);
    free(in->labels);
}

void golden_run(golden_report *r, const gm_model *m, golden_case *g)
{
    gm_error e = { "" };
    golden_inputs in;
    if (golden_inputs_make(&in, m, g, &e) != 0)
        golden_failed(r, g->name, "", "inputs: %s", e.text);
    else {
        compare_inputs(r, g, &in);
        run_forward(r, m, g, &in);
        golden_generate(r, m, g, &in);
    }
    leftovers(r, g);
    golden_inputs_free(&in, g);
}
