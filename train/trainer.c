/* See trainer.h. */
#include "trainer.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "../io/os.h"
#include "../ref/backend.h"
#include "../ref/kernels/none.h"
#include "../ref/tape.h"
#include "comm.h"
#include "deal.h"
#include "draw.h"

void gm_train_say(const gm_train_log *log, const char *format, ...)
{
    char text[2000];
    va_list a;
    if (!log->line) return;
    va_start(a, format);
    vsnprintf(text, sizeof text, format, a);
    va_end(a);
    log->line(log->user, text);
}

/* ---- opening ---- */

static int open_data(gm_data **d, const gm_words *lines, const gm_trainer *t, gm_error *e)
{
    gm_data_options o = { .prompts = t->m->prompts,
                          .seed = (uint64_t)t->o->seed,
                          .weight = { t->o->weight[0], t->o->weight[1], t->o->weight[2] },
                          .by_epochs = t->o->by_epochs,
                          .log = t->log.line,
                          .user = t->log.user };
    *d = gm_data_open((const char *const *)lines->item, lines->n, &o, e);
    return *d ? 0 : -1;
}

static int open_all(gm_trainer *t, gm_error *e)
{
    const gm_train_config *o = t->o;
    gm_model_options mo = { .backend = t->planning ? NULL : o->backend,     /* NULL: cpu */
                            .clip = o->clip, .sam = o->sam,
                            .exact_f32 = 1, .threads = (int)o->threads, .log = t->log.line,
                            .user = t->log.user };
    gm_train_policy policy = gm_train_policy_of(o);
    int64_t taken;
    policy.planning = t->planning;
    if (o->threads) gm_backend_threads((int)o->threads);
    if (!(t->m = gm_model_open(o->model, &mo, e))) return -1;
    t->learn = gm_learn_of(o->learn);
    if (gm_params_open(&t->ps, t->m, &policy, e) != 0) return -1;
    if (gm_pretrain_open(&t->ps, &t->m->net, t->learn, &policy, e) != 0) return -1;
    if (o->adapter && !t->planning) {
        if (gm_params_load(&t->ps, o->adapter, &taken, e) != 0) return -1;
        gm_train_say(&t->log, "%s: %lld tensors taken", o->adapter, (long long)taken);
    }
    if (open_data(&t->data, &o->data, t, e) != 0) return -1;
    if (o->val.n && open_data(&t->val, &o->val, t, e) != 0) return -1;
    if (gm_backend_convolutions(&t->m->kernels, &t->m->engine, o->convolutions, e) != 0) return -1;
    gm_kernels real = t->m->kernels;
    if (t->planning) gm_kernels_none(&t->m->kernels, &real);
    t->c = gm_ctx_new(&t->m->kernels, &t->m->engine.device.memory);
    if (!t->c) return gm_fail(e, "out of memory");
    gm_set_checkpointing(t->c, o->checkpointing);
    if (gm_comm_size() > 1 && !(t->share = gm_share_open(&t->ps, e))) return -1;
    return gm_deal_open(&t->ps, e);
}

int gm_trainer_open(gm_trainer *t, const gm_train_config *o, const gm_train_log *log, gm_error *e)
{
    bool planning = t->planning;
    *t = (gm_trainer){ .o = o, .log = *log, .best_update = -1, .best = INFINITY,
                       .planning = planning };
    return open_all(t, e);
}

void gm_trainer_close(gm_trainer *t)
{
    gm_ctx_free(t->c);
    gm_share_close(t->share);
    gm_data_close(t->data);
    gm_data_close(t->val);
    gm_params_free(&t->ps);
    gm_model_free(t->m);
    *t = (gm_trainer){ 0 };
}

/* ---- one batch ---- */

static gm_tensor times(gm_ctx *c, gm_tensor x, double factor)
{
    return x.data && factor != 1 ? gm_scale(c, x, (float)factor) : x;
}

/* The losses by the weights of the configuration in place of the release's. */
static void weigh(gm_ctx *c, const gm_train_config *o, gm_losses *l)
{
    if (o->ce_weight == (double)GM_CE_WEIGHT && o->bce_weight == (double)GM_BCE_WEIGHT &&
        o->dice_weight == (double)GM_DICE_WEIGHT)
        return;
    l->ce = times(c, l->ce, o->ce_weight / (double)GM_CE_WEIGHT);
    l->bce = times(c, l->bce, o->bce_weight / (double)GM_BCE_WEIGHT);
    l->dice = times(c, l->dice, o->dice_weight / (double)GM_DICE_WEIGHT);
    l->total = gm_plus(c, gm_plus(c, l->ce, l->bce), l->dice);
}

static void add_number(gm_ctx *c, double *sum, gm_tensor x)
{
    float v = 0;
    if (x.data) gm_to_host(c, &v, x);
    *sum += (double)v;
}

/* What a micro-batch is made of: either conversations, or samples with traits. */
typedef struct {
    const gm_train_batch *h;
    const gm_sample *s;
    int64_t n;
    uint64_t key;               /* of random choices */
    bool last;                  /* of the update: sums over the processes begin */
} micro_batch;

/* *wanted: to be freed after the backward pass. */
static void talk_losses(gm_trainer *t, const gm_train_batch *h, gm_losses *l, gm_train_report *r,
                        uint8_t **wanted)
{
    gm_output out;
    gm_batch b = gm_train_batch_upload(t->c, h);
    b.wanted = *wanted = gm_loss_positions(&t->m->net, &b, h->labels);
    b.share = !t->ps.pairs || t->ps.dropout == 0;
    if (!b.wanted) gm_set_error(t->c, "out of memory for the batch");
    gm_forward(t->c, &t->m->net, &b, &out);
    gm_loss(t->c, &t->m->net, &b, &out, h->labels, (const float *const *)h->target, h->targets, l);
    r->tokens += h->B * (h->L + gm_image_token_count(&t->m->net) - 1);
}

/* Forward pass and losses of a batch; seed > 0: gradients, too. */
static int run_batch(gm_trainer *t, const micro_batch *b, double seed, gm_train_report *r,
                     gm_error *e)
{
    gm_ctx *c = t->c;
    gm_mark mark = gm_scope(c);
    gm_losses l;
    uint8_t *wanted = NULL;
    if (seed > 0) gm_tape_start(c);
    for (int64_t i = 0; seed > 0 && i < t->ps.n; i++)
        gm_want_gradient(c, t->ps.p[i].live, t->ps.p[i].dlive);
    if (b->h) talk_losses(t, b->h, &l, r, &wanted);
    else gm_pretrain_loss(c, &t->m->net, &t->ps, t->learn, b->s, b->n, b->key, &l);
    weigh(c, t->o, &l);
    add_number(c, &r->total, l.total);
    add_number(c, &r->ce, l.ce);
    add_number(c, &r->bce, l.bce);
    add_number(c, &r->dice, l.dice);
    r->samples += b->n;
    if (gm_ok(c) && !t->planning && !isfinite(r->total)) gm_set_error(c, "the loss is not finite");
    if (seed > 0) {
        if (b->last && t->share) {
            gm_share_begin(t->share);   /* a device's gradients come here when all are final */
            if (!t->ps.memory.upload) gm_on_final(c, gm_share_final, t->share);
        }
        gm_backward(c, l.total, (float)seed);
        gm_tape_stop(c);
    }
    int bad = gm_ok(c) ? 0 : gm_fail(e, "%s", gm_error_text(c));
    free(wanted);
    gm_scope_end(c, mark, GM_NONE);
    gm_clear(c);
    return bad;
}

int gm_trainer_measure(gm_trainer *t, const gm_sample *s, int64_t n, gm_train_report *r,
                       gm_error *e)
{
    gm_train_batch h;
    *r = (gm_train_report){ .kind = s[0].kind };
    gm_params_dropout(&t->ps, -1);
    if (gm_train_batch_make(&h, t->m, s, n, t->o->max_ids, e) != 0) return -1;
    int bad = run_batch(t, &(micro_batch){ .h = &h, .n = n }, 0, r, e);
    gm_train_batch_free(&h);
    return bad;
}

/* ---- one update ---- */

int gm_trainer_micro_batch(gm_trainer *t, gm_set_kind kind, int64_t number, double seed, bool last,
                           gm_train_report *r, gm_error *e)
{
    int64_t n = t->o->batch, have = 0;
    gm_train_batch h;
    gm_sample *s = calloc((size_t)n, sizeof *s);
    int bad = s ? 0 : gm_fail(e, "out of memory for %lld samples", (long long)n);
    while (!bad && have < n) {
        bad = gm_data_draw(t->data, kind, number * n + have, &s[have], e);
        if (!bad) have++;
    }
    gm_params_dropout(&t->ps, number);
    if (!bad && t->learn != GM_LEARN_TALK) {
        uint64_t key = gm_mix((uint64_t)t->o->seed, (uint64_t)number);
        const micro_batch b = { .s = s, .n = n, .key = key, .last = last };
        bad = run_batch(t, &b, seed, r, e);
    } else if (!bad && (bad = gm_train_batch_make(&h, t->m, s, n, t->o->max_ids, e)) == 0) {
        bad = run_batch(t, &(micro_batch){ .h = &h, .n = n, .last = last }, seed, r, e);
        gm_train_batch_free(&h);
    }
    for (int64_t i = 0; i < have; i++) gm_sample_free(&s[i]);
    free(s);
    return bad;
}

/* The release's token embeddings have a padding row, which never gets a gradient (QUIRKS C6). */
static void spare_padding(gm_params *ps)
{
    gm_param *p = gm_params_find(ps, "model.embed_tokens.weight");
    if (p) memset(p->dw.data, 0, (size_t)p->dw.dim[1] * sizeof(float));
}

static int name_infinite(const gm_params *ps, gm_error *e)
{
    for (int64_t i = 0; i < ps->n; i++) {
        const float *dw = ps->p[i].dw.data;
        for (int64_t k = 0; k < gm_numel(ps->p[i].dw); k++)
            if (!isfinite(dw[k]))
                return gm_fail(e, "the gradient of %s is not finite (NaN or infinity)",
                               ps->p[i].name);
    }
    return gm_fail(e, "the gradients' norm is not finite");
}

/* Sums gradients and report over the processes. */
static int share(gm_trainer *t, gm_train_report *r, gm_error *e)
{
    double sum[6] = { r->total, r->ce, r->bce, r->dice, (double)r->samples, (double)r->tokens };
    if (t->share && gm_share_finish(t->share, e) != 0) return -1;
    if (gm_comm_sum_double(sum, 6, e) != 0) return -1;
    r->total = sum[0], r->ce = sum[1], r->bce = sum[2], r->dice = sum[3];
    r->samples = (int64_t)sum[4], r->tokens = (int64_t)sum[5];
    return 0;
}

/* An update's micro-batches: near processes have accumulate together, others each. */
static int gradients(gm_trainer *t, gm_train_report *r, gm_error *e)
{
    int64_t mine = t->o->accumulate / (gm_comm_near() ? gm_comm_size() : 1);
    int64_t parts = mine * gm_comm_size();
    r->kind = gm_data_kind(t->data, t->update);
    if (gm_params_clear(&t->ps) != 0) return gm_fail(e, "the device failed");
    for (int64_t a = 0; a < mine; a++) {
        int64_t number = t->update * parts + a * gm_comm_size() + gm_comm_rank();
        bool last = a + 1 == mine;
        if (gm_trainer_micro_batch(t, r->kind, number, 1 / (double)parts, last, r, e) != 0)
            return -1;
    }
    if (gm_params_pull(&t->ps, e) != 0 || share(t, r, e) != 0) return -1;
    r->total /= (double)parts, r->ce /= (double)parts;
    r->bce /= (double)parts, r->dice /= (double)parts;
    return 0;
}

int gm_trainer_update(gm_trainer *t, gm_train_report *r, gm_error *e)
{
    const gm_train_config *o = t->o;
    const gm_adamw adam = { o->beta1, o->beta2, o->eps };
    const gm_schedule rate = gm_train_schedule_of(o);
    double start = gm_seconds();
    gm_error why = { "" };
    *r = (gm_train_report){ 0 };
    int bad = gradients(t, r, &why);
    if (!bad) {
        spare_padding(&t->ps);
        r->norm = gm_params_norm(&t->ps, 1);
        r->rate = gm_schedule_rate(&rate, t->update);
        if (!isfinite(r->norm)) bad = name_infinite(&t->ps, &why);
    }
    if (bad) return gm_fail(e, "update %lld: %s", (long long)t->update + 1, why.text);
    gm_params_step(&t->ps, &adam, r->rate, gm_clip_scale(r->norm, o->clip_norm));
    if (gm_deal_weights(&t->ps, e) != 0 || gm_params_push(&t->ps, e) != 0) return -1;
    t->update++;
    r->seconds = gm_seconds() - start;
    return 0;
}
