/* See drift.h. */
#include "drift.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "../io/labels.h"

/* The positions of the answers' tokens: row[k] predicts label[k]; the image's id stands for as many
 * positions as it has tokens. */
static int find_answers(gm_said *x, int64_t *row, const gm_train_batch *h, int64_t image)
{
    int64_t at = 0;
    for (int64_t i = 0; i < h->L; i++) {
        if (at && h->labels[i] != GM_IGNORED) {
            row[x->tokens] = at - 1;
            x->label[x->tokens++] = h->labels[i];
        }
        at += h->ids[i] < 0 ? image : 1;
    }
    return x->tokens > 0 ? 0 : -1;
}

static int take_logits(gm_said *x, gm_ctx *c, gm_tensor logits, const gm_train_batch *h,
                       int64_t image, gm_error *e)
{
    int64_t *row = malloc((size_t)h->L * sizeof *row);
    x->label = malloc((size_t)h->L * sizeof *x->label);
    gm_tensor all = gm_host_copy(c, logits);
    x->V = logits.dim[2];
    int bad = row && x->label && all.data ? 0 : gm_fail(e, "out of memory for an answer's logits");
    if (!bad && find_answers(x, row, h, image)) bad = gm_fail(e, "a sample without an answer");
    if (!bad && !(x->logits = malloc((size_t)(x->tokens * x->V) * sizeof *x->logits)))
        bad = gm_fail(e, "out of memory for the logits of %lld tokens", (long long)x->tokens);
    for (int64_t k = 0; !bad && k < x->tokens; k++)
        memcpy(x->logits + k * x->V, (const float *)all.data + row[k] * x->V,
               (size_t)x->V * sizeof *x->logits);
    free(all.data);
    free(row);
    return bad;
}

static int take_masks(gm_said *x, gm_ctx *c, gm_tensor masks, gm_error *e)
{
    if (!masks.data || !masks.dim[0]) return 0;
    gm_tensor all = gm_host_copy(c, masks);
    int64_t n = gm_numel(masks);
    x->mask = malloc((size_t)n);
    if (x->mask && all.data) {
        x->masks = masks.dim[0];
        x->pixels = n / x->masks;
        for (int64_t i = 0; i < n; i++) x->mask[i] = ((const float *)all.data)[i] > 0;
    }
    free(all.data);
    return x->masks ? 0 : gm_fail(e, "out of memory for masks");
}

static int run(gm_said *x, gm_ctx *c, const gm_model *m, const gm_train_batch *h, gm_error *e)
{
    gm_output out = { 0 };
    gm_batch b = gm_train_batch_upload(c, h);
    gm_forward(c, &m->net, &b, &out);
    if (!gm_ok(c)) return gm_fail(e, "%s", gm_error_text(c));
    int bad = take_logits(x, c, out.logits, h, gm_image_token_count(&m->net), e);
    if (!bad && out.images) bad = take_masks(x, c, out.mask[0], e);
    return bad;
}

int gm_said_make(gm_said *x, const gm_model *m, const gm_sample *s, gm_error *e)
{
    gm_train_batch h;
    *x = (gm_said){ 0 };
    if (gm_train_batch_make(&h, m, s, 1, 0, e) != 0) return -1;
    int threads = gm_backend_threads(m->threads);
    gm_ctx *c = gm_ctx_new(&m->kernels, &m->engine.device.memory);
    int bad = c ? run(x, c, m, &h, e) : gm_fail(e, "out of memory");
    gm_ctx_free(c);
    gm_backend_threads(threads);
    gm_train_batch_free(&h);
    return bad;
}

void gm_said_free(gm_said *x)
{
    free(x->logits);
    free(x->label);
    free(x->mask);
    *x = (gm_said){ 0 };
}

/* ---- differences ---- */

/* log of the sum of exp over x (V); *at the largest's index. */
static double log_sum(const float *x, int64_t V, int64_t *at)
{
    double sum = 0;
    *at = 0;
    for (int64_t i = 1; i < V; i++)
        if (x[i] > x[*at]) *at = i;
    for (int64_t i = 0; i < V; i++) sum += exp((double)x[i] - x[*at]);
    return x[*at] + log(sum);
}

static void add_token(gm_drift *d, const float *want, const float *got, int64_t V, int32_t label)
{
    int64_t p_at, q_at;
    double p_all = log_sum(want, V, &p_at), q_all = log_sum(got, V, &q_at), kl = 0;
    for (int64_t i = 0; i < V; i++) {
        double p = want[i] - p_all, q = got[i] - q_all;
        kl += exp(p) * (p - q);
    }
    d->tokens++;
    d->same += p_at == q_at;
    d->kl += kl;
    d->most_kl = fmax(d->most_kl, kl);
    d->surprise += q_all - got[label];
}

static double iou(const uint8_t *a, const uint8_t *b, int64_t n)
{
    int64_t both = 0, either = 0;
    for (int64_t i = 0; i < n; i++) {
        both += a[i] & b[i];
        either += a[i] | b[i];
    }
    return either ? (double)both / (double)either : 1;
}

void gm_drift_add(gm_drift *d, const gm_said *want, const gm_said *got)
{
    for (int64_t k = 0; k < want->tokens; k++)
        add_token(d, want->logits + k * want->V, got->logits + k * want->V, want->V,
                  want->label[k]);
    for (int64_t k = 0; k < want->masks; k++)
        d->iou += iou(want->mask + k * want->pixels, got->mask + k * want->pixels, want->pixels);
    d->masks += want->masks;
}
