/* Pictures of the report: an item's masks on its image. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "../io/image.h"
#include "../io/os.h"
#include "eval.h"

enum { SIDE = 640, GREY = 224 };        /* larger images shrink to this; where there is none */

void eval_item_free(eval_item *m)
{
    for (int64_t k = 0; k < m->ntrue; k++) gm_rle_free(&m->true_mask[k]);
    for (int64_t k = 0; k < m->nfound; k++) gm_rle_free(&m->found_mask[k]);
    free(m->true_mask);
    free(m->found_mask);
    free(m->colour);
    free(m->image);
    free(m->question);
    free(m->truth);
    free(m->found);
    gm_texts_free(&m->true_phrases);
    gm_texts_free(&m->found_phrases);
    *m = (eval_item){ 0 };
}

/* The image, at most SIDE on a side; without a file grey, of the masks' size.  *k: how many of its
 * pixels one of the original's is. */
static int read_image(gm_image *im, double *k, const eval_item *m, gm_error *e)
{
    const gm_rle *any = m->ntrue ? m->true_mask : m->nfound ? m->found_mask : NULL;
    gm_image whole = { 0 };
    gm_error why = { "" };
    *im = (gm_image){ 0 };
    *k = 1;
    if (!m->image || gm_image_read(&whole, m->image, &why) != 0) {
        if (!any) return 0;
        whole = (gm_image){ any->width, any->height,
                            malloc((size_t)(any->width * any->height) * 3) };
        if (!whole.rgb) return gm_fail(e, "out of memory for a picture");
        memset(whole.rgb, GREY, (size_t)(any->width * any->height) * 3);
    }
    int64_t longest = whole.width > whole.height ? whole.width : whole.height;
    if (longest <= SIDE) {
        *im = whole;
        return 0;
    }
    *k = (double)SIDE / (double)longest;
    int64_t w = (int64_t)fmax(1, round((double)whole.width * *k));
    int64_t h = (int64_t)fmax(1, round((double)whole.height * *k));
    int bad = gm_image_resize(im, &whole, w, h, GM_BILINEAR, e);
    gm_image_free(&whole);
    return bad;
}

/* Mask r at the picture's size: the nearest pixel, as a logit of 1 or -1. */
static int put_mask(gm_mask *out, float *logits, const gm_rle *r, int64_t H, int64_t W, gm_error *e)
{
    uint8_t *mask = malloc((size_t)(r->height * r->width));
    if (!mask) return gm_fail(e, "out of memory for a picture");
    gm_rle_decode(mask, r);
    for (int64_t y = 0; y < H; y++)
        for (int64_t x = 0; x < W; x++) {
            int64_t from = (2 * y + 1) * r->height / (2 * H) * r->width
                         + (2 * x + 1) * r->width / (2 * W);
            logits[y * W + x] = mask[from] ? 1 : -1;
            out->area += mask[from] != 0;
        }
    out->logits = logits;
    free(mask);
    return 0;
}

/* The place of each mask among the drawn ones, whose colours go by place: found ones take that of
 * the true mask that they match, then those behind.  Returns how many places there are. */
static int64_t give_places(int64_t *place, const eval_item *m, bool truth)
{
    int64_t n = truth ? m->ntrue : m->nfound, places = truth ? m->ntrue : m->colour ? m->ntrue : 0;
    for (int64_t k = 0; k < n; k++) {
        bool matched = !truth && m->colour && m->colour[k] >= 0;
        place[k] = truth ? k : matched ? m->colour[k] : places++;
    }
    return places;
}

static int draw(const char *path, const gm_image *im, double k, const eval_item *m, bool truth,
                gm_error *e)
{
    const gm_rle *mask = truth ? m->true_mask : m->found_mask;
    int64_t n = truth ? m->ntrue : m->nfound, W = im->width, H = im->height;
    int64_t *place = malloc((size_t)(n + 1) * sizeof *place);
    int64_t places = place ? give_places(place, m, truth) : 0;
    float *logits = malloc((size_t)(places * W * H + 1) * sizeof *logits);
    gm_mask *masks = calloc((size_t)places + 1, sizeof *masks);
    int bad = place && logits && masks ? 0 : gm_fail(e, "%s: out of memory", path);
    for (int64_t i = 0; !bad && i < places * W * H; i++) logits[i] = -1;
    for (int64_t i = 0; !bad && i < places; i++) masks[i].logits = logits + i * W * H;
    for (int64_t i = 0; !bad && i < n; i++)
        bad = put_mask(&masks[place[i]], logits + place[i] * W * H, &mask[i], H, W, e);
    double box[1][4];
    for (int i = 0; i < 4; i++) box[0][i] = m->box[0][i] * k;
    const gm_answer a = { .mask = masks, .nmasks = places, .width = W, .height = H };
    if (!bad) bad = gm_masks_write(path, im, &a, (const double (*)[4])box, m->boxed, e);
    free(place);
    free(logits);
    free(masks);
    return bad;
}

int eval_picture_write(const char *path, const eval_item *m, bool truth, bool *drawn, gm_error *e)
{
    gm_image im;
    double k;
    *drawn = false;
    if (read_image(&im, &k, m, e) != 0) return -1;
    if (!im.rgb) return 0;
    int bad = draw(path, &im, k, m, truth, e);
    gm_image_free(&im);
    *drawn = !bad;
    return bad;
}
