/* See batch.h. */
#include "batch.h"

#include <stdlib.h>
#include <string.h>
#include "../io/labels.h"

int gm_train_encode(const gm_prompts *p, const gm_tokenizer *t, const char *const *turn, int64_t n,
                    int32_t **ids, int32_t **labels, int64_t *length, gm_error *e)
{
    *ids = *labels = NULL;
    char *text = gm_conversation(p, "llava_v1", turn, n, e);
    int bad = text ? gm_encode(t, text, ids, length, e) : -1;
    if (!bad && !(*labels = malloc((size_t)*length * sizeof **labels)))
        bad = gm_fail(e, "out of memory for %lld labels", (long long)*length);
    if (!bad) bad = gm_labels(t, text, *ids, *length, *labels, e);
    free(text);
    return bad ? -1 : 0;
}

/* The conversations, right-padded: ids with 0, labels with GM_IGNORED. */
static int make_ids(gm_train_batch *b, const gm_model *m, const gm_sample *s, int64_t most,
                    gm_error *e)
{
    int32_t **ids = calloc((size_t)b->B, sizeof *ids), **labels = calloc((size_t)b->B, sizeof *ids);
    int64_t *n = calloc((size_t)b->B, sizeof *n);
    int bad = ids && labels && n ? 0 : gm_fail(e, "out of memory for the batch");
    for (int64_t i = 0; !bad && i < b->B; i++) {
        gm_error why = { "" };
        bad = !s[i].turns
            ? gm_fail(&why, "wanted a conversation, found objects alone (for learn = clip, sam or "
                      "decoder)")
            : gm_train_encode(m->prompts, m->tokenizer, (const char *const *)s[i].turn, s[i].turns,
                              &ids[i], &labels[i], &n[i], &why);
        if (bad) gm_fail(e, "%s: %s", s[i].source, why.text);
        if (most && n[i] > most) n[i] = most;
        if (n[i] > b->L) b->L = n[i];
    }
    b->ids = calloc((size_t)(b->B * b->L) + 1, sizeof *b->ids);
    b->labels = malloc(((size_t)(b->B * b->L) + 1) * sizeof *b->labels);
    if (!bad && (!b->ids || !b->labels)) bad = gm_fail(e, "out of memory for the batch");
    for (int64_t i = 0; !bad && i < b->B; i++) {
        memcpy(b->ids + i * b->L, ids[i], (size_t)n[i] * sizeof *b->ids);
        memcpy(b->labels + i * b->L, labels[i], (size_t)n[i] * sizeof *b->labels);
        for (int64_t k = n[i]; k < b->L; k++) b->labels[i * b->L + k] = GM_IGNORED;
    }
    for (int64_t i = 0; ids && labels && i < b->B; i++) {
        free(ids[i]);
        free(labels[i]);
    }
    free(ids);
    free(labels);
    free(n);
    return bad;
}

static int make_pixels(gm_train_batch *b, const gm_model *m, const gm_sample *s, gm_error *e)
{
    int64_t S = b->S = m->net.config.clip.image, Z = b->Z = gm_sam_side(&m->net);
    bool masks = s[0].kind == GM_SET_SEGM;
    b->clip = malloc((size_t)(b->B * 3 * S * S) * sizeof *b->clip);
    if (masks) b->sam = malloc((size_t)(b->B * 3 * Z * Z) * sizeof *b->sam);
    if (!b->clip || (masks && !b->sam)) return gm_fail(e, "out of memory for the batch's pixels");
    for (int64_t i = 0; i < b->B; i++) {
        const gm_image *im = &s[i].image;
        gm_error why = { "" };
        b->original[i][0] = im->height;
        b->original[i][1] = im->width;
        if (gm_pixels_clip(b->clip + i * 3 * S * S, im, &m->net.config, &why) ||
            (masks && gm_pixels_sam(b->sam + i * 3 * Z * Z, im, Z, b->resized[i], &why)))
            return gm_fail(e, "%s: %s", s[i].source, why.text);
    }
    return 0;
}

static int64_t count_ids(const gm_train_batch *b, int64_t i, int32_t id)
{
    int64_t n = 0;
    for (int64_t k = 0; k < b->L; k++) n += b->ids[i * b->L + k] == id;
    return n;
}

static int64_t smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int make_boxes(gm_train_batch *b, const gm_model *m, const gm_sample *s, gm_error *e)
{
    int32_t id = gm_token_id(m->tokenizer, "<bbox>");
    for (int64_t i = 0; i < b->B; i++)
        b->boxes_of[i + 1] = b->boxes_of[i] + smaller(s[i].boxes, count_ids(b, i, id));
    b->boxes = b->boxes_of[b->B];
    b->box = malloc(((size_t)b->boxes + 1) * 4 * sizeof *b->box);
    if (!b->box) return gm_fail(e, "out of memory for the batch's boxes");
    for (int64_t i = 0; i < b->B; i++)
        gm_boxes_normalise(b->box + 4 * b->boxes_of[i], (const double(*)[4])s[i].box,
                           b->boxes_of[i + 1] - b->boxes_of[i], 1, 1, false);
    return 0;
}

static int make_targets(gm_train_batch *b, const gm_model *m, const gm_sample *s, gm_error *e)
{
    int32_t id = gm_token_id(m->tokenizer, "[SEG]");
    for (int64_t i = 0; i < b->B; i++) {
        int64_t n = s[i].image.height * s[i].image.width;
        b->targets[i] = smaller(s[i].masks, count_ids(b, i, id));
        b->target[i] = malloc((size_t)(b->targets[i] * n + 1) * sizeof **b->target);
        uint8_t *mask = malloc((size_t)n);
        for (int64_t k = 0; mask && b->target[i] && k < b->targets[i]; k++) {
            gm_rle_decode(mask, &s[i].mask[k]);
            for (int64_t p = 0; p < n; p++) b->target[i][k * n + p] = mask[p];
        }
        bool bad = !mask || !b->target[i];
        free(mask);
        if (bad) return gm_fail(e, "%s: out of memory for %lld masks", s[i].source,
                                (long long)b->targets[i]);
    }
    return 0;
}

int gm_train_batch_make(gm_train_batch *b, const gm_model *m, const gm_sample *s, int64_t n,
                        int64_t most, gm_error *e)
{
    *b = (gm_train_batch){ .B = n };
    if (n < 1) return gm_fail(e, "a batch: wanted at least one sample");
    for (int64_t i = 1; i < n; i++)
        if (s[i].kind != s[0].kind)
            return gm_fail(e, "a batch: wanted samples of one kind, found %s beside %s",
                           s[i].source, s[0].source);
    size_t B = (size_t)n;
    b->offset = calloc(B + 1, sizeof *b->offset);
    b->resized = calloc(B, sizeof *b->resized);
    b->original = calloc(B, sizeof *b->original);
    b->boxes_of = calloc(B + 1, sizeof *b->boxes_of);
    b->target = calloc(B, sizeof *b->target);
    b->targets = calloc(B, sizeof *b->targets);
    int bad = b->offset && b->resized && b->original && b->boxes_of && b->target && b->targets
                  ? 0 : gm_fail(e, "out of memory for the batch");
    for (int64_t i = 0; !bad && i <= n; i++) b->offset[i] = i;
    if (!bad) bad = make_ids(b, m, s, most, e);
    if (!bad) bad = make_pixels(b, m, s, e);
    if (!bad) bad = make_boxes(b, m, s, e);
    if (!bad) bad = make_targets(b, m, s, e);
    if (bad) gm_train_batch_free(b);
    return bad ? -1 : 0;
}

void gm_train_batch_free(gm_train_batch *b)
{
    for (int64_t i = 0; b->target && i < b->B; i++) free(b->target[i]);
    free(b->ids);
    free(b->labels);
    free(b->offset);
    free(b->clip);
    free(b->sam);
    free(b->resized);
    free(b->original);
    free(b->box);
    free(b->boxes_of);
    free(b->target);
    free(b->targets);
    *b = (gm_train_batch){ 0 };
}

gm_batch gm_train_batch_upload(gm_ctx *c, const gm_train_batch *h)
{
    gm_batch b = { .B = h->B, .L = h->L, .ids = h->ids, .padded = true, .images = h->B,
                   .offset = h->offset, .boxes_of = h->boxes_of,
                   .resized = (const int64_t (*)[2])h->resized,
                   .original = (const int64_t (*)[2])h->original };
    b.clip_pixels = gm_from(c, GM_F32, h->clip, 4, GM_DIMS(h->B, 3, h->S, h->S));
    if (h->sam) b.sam_pixels = gm_from(c, GM_F32, h->sam, 4, GM_DIMS(h->B, 3, h->Z, h->Z));
    if (h->boxes) b.box = gm_from(c, GM_F32, h->box, 2, GM_DIMS(h->boxes, 4));
    return b;
}
