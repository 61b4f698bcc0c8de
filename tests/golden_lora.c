/* A fine-tuning run against PyTorch and peft: losses and gradient norms of every update, the
 * adapters' first gradients, every trained tensor at the end, the merged weights.
 *
 * AdamW divides a gradient by its own size, so a value whose gradient is rounding noise may go
 * another way in another right program: 99.9 % of a tensor's values must lie within a thousandth of
 * the distance that the tensor moved, all within twice the sum of the learning rates. */
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "../io/file.h"
#include "../io/os.h"
#include "../io/weights.h"
#include "../ref/tape.h"
#include "../train/loss.h"
#include "../train/params.h"
#include "../train/schedule.h"
#include "golden_run.h"

#define LOSS_TOLERANCE 2e-5             /* absolute */
#define NORM_TOLERANCE 2e-4             /* relative */
#define NEAR 1e-3                       /* of the distance moved */
#define FAR_SHARE 1e-3                  /* of the values may be farther */
/* Softmax does not see what a key's bias adds to a row of scores: its gradient is noise. */
#define UNSEEN "k_proj.bias"
enum { CASES = 2 };

typedef struct {
    golden_report *r;
    golden_case values, one[CASES];
    golden_inputs in[CASES];
    golden_targets target[CASES];
    gm_model *m;
    gm_params ps;
    gm_adamw adam;
    gm_schedule rate;
    double clip;
} lora_run;

static double number(const json_t *o, const char *key)
{
    return json_number_value(json_object_get(o, key));
}

static void row(lora_run *t, const char *name, double error, double tolerance, const char *why)
{
    bool passed = error <= tolerance;
    golden_row_add(t->r, "lora", name, passed, error, tolerance, error / tolerance,
                   passed ? "" : why);
}

/* ---- the run ---- */

static void compare_loss(lora_run *t, gm_ctx *c, int64_t step, const json_t *log, const char *key,
                         gm_tensor x)
{
    char name[60], why[100];
    float got = 0;
    double want = number(log, key);
    if (x.data) gm_to_host(c, &got, x);
    snprintf(name, sizeof name, "step %lld %s", (long long)step, key);
    snprintf(why, sizeof why, "got %.9g, wanted %.9g", (double)got, want);
    row(t, name, fabs(got - want), LOSS_TOLERANCE, why);
}

static void first_gradients(lora_run *t)
{
    char name[300];
    for (int64_t i = 0; i < t->values.tensors; i++) {
        const char *stored = t->values.tensor[i].name;
        if (strncmp(stored, "grad/", 5) != 0) continue;
        for (int64_t k = 0; k < t->ps.n; k++) {
            const gm_param *p = &t->ps.p[k];
            size_t n = strlen(p->name) - strlen(".weight");
            snprintf(name, sizeof name, "grad/base_model.model.%.*s.default.weight", (int)n,
                     p->name);
            if (strcmp(name, stored) == 0)
                golden_floats(t->r, &t->values, stored, p->dw.data, p->dw.nd, p->dw.dim);
        }
    }
}

static void one_step(lora_run *t, gm_ctx *c, int64_t step, const json_t *log)
{
    int64_t k = step % CASES;
    gm_output out;
    gm_losses l;
    char name[60], why[100];
    gm_error e = { "" };
    gm_params_clear(&t->ps);
    gm_tape_start(c);
    for (int64_t i = 0; i < t->ps.n; i++) gm_want_gradient(c, t->ps.p[i].live, t->ps.p[i].dlive);
    gm_batch b = golden_batch(c, &t->one[k], &t->in[k]);
    uint8_t *wanted = gm_loss_positions(&t->m->net, &b, t->in[k].labels);
    b.wanted = wanted;
    b.share = true;
    gm_forward(c, &t->m->net, &b, &out);
    gm_loss(c, &t->m->net, &b, &out, t->in[k].labels, (const float *const *)t->target[k].target,
            t->target[k].count, &l);
    compare_loss(t, c, step, log, "loss", l.total);
    compare_loss(t, c, step, log, "ce_loss", l.ce);
    compare_loss(t, c, step, log, "mask_bce_loss", l.bce);
    compare_loss(t, c, step, log, "mask_dice_loss", l.dice);
    gm_backward(c, l.total, 1);
    free(wanted);
    if (!gm_ok(c) || gm_params_pull(&t->ps, &e) != 0) {
        golden_failed(t->r, "lora", "", "step %lld: %s%s", (long long)step, gm_error_text(c),
                      e.text);
        return;
    }
    double norm = gm_params_norm(&t->ps, 1), want = number(log, "grad_norm");
    snprintf(name, sizeof name, "step %lld grad_norm", (long long)step);
    snprintf(why, sizeof why, "got %.9g, wanted %.9g", norm, want);
    row(t, name, fabs(norm - want) / want, NORM_TOLERANCE, why);
    if (step == 0) first_gradients(t);
    gm_params_step(&t->ps, &t->adam, gm_schedule_rate(&t->rate, step),
                   gm_clip_scale(norm, t->clip));
    if (gm_params_push(&t->ps, &e) != 0) golden_failed(t->r, "lora", "", "%s", e.text);
}

/* ---- the end ---- */

/* "after/base_model.model.X" -> the parameter X. */
static const gm_param *param_of(const lora_run *t, const char *stored)
{
    char name[300];
    snprintf(name, sizeof name, "%s", stored + strlen("after/base_model.model."));
    char *at = strstr(name, ".default.");
    if (at) memmove(at, at + strlen(".default"), strlen(at + strlen(".default")) + 1);
    return gm_params_find(&t->ps, name);
}

static void compare_after(lora_run *t, golden_tensor *x, const json_t *about, double farthest)
{
    const gm_param *p = param_of(t, x->name);
    char why[200];
    x->seen = true;
    if (!p || gm_numel(p->w) != x->numel) {
        bool moved = number(about, "moved_max") > 0;    /* the release trains what nothing reads */
        if (moved) golden_failed(t->r, "lora", x->name, "is not among the parameters");
        return;
    }
    const float *got = p->w.data, *want = x->stored.data;
    int64_t n = gm_numel(x->stored), far = 0;
    double moved = number(about, "moved_max"), most = 0;
    for (int64_t i = 0; i < n; i++) {
        double d = fabs((double)got[i * x->stride] - want[i]);
        if (!(d <= NEAR * moved + 1.2e-7 * fabs((double)want[i]))) far++;
        if (!(d <= most)) most = d;
    }
    bool judged = !strstr(x->name, UNSEEN);
    bool passed = (double)far <= FAR_SHARE * (double)n && most <= farthest;
    snprintf(why, sizeof why, "%s%lld of %lld values differ by more than %.1e (moved %.1e), the "
             "most by %.1e", judged ? "" : "not judged: ", (long long)far, (long long)n, NEAR * moved,
             moved, most);
    golden_row_add(t->r, "lora", x->name, passed || !judged, most, farthest, most / farthest,
                   passed ? "" : why);
}

static void compare_merged(lora_run *t, golden_tensor *x)
{
    const gm_tensor none = GM_NONE;
    for (int64_t i = 0; i < t->ps.pairs; i++) {
        const gm_lora_pair *pair = &t->ps.pair[i];
        const float *A = t->ps.p[pair->at].w.data, *B = t->ps.p[pair->at + 1].w.data;
        gm_tensor W = strstr(x->name, pair->base) ? *pair->weight : none;
        float *y = malloc((size_t)gm_numel(W) * sizeof *y + 1);
        if (W.data && y && gm_to_float(y, W.data, W.type, gm_numel(W)) == 0) {
            for (int64_t o = 0; o < W.dim[0]; o++)
                gm_lora_row(y + o * W.dim[1], A, B, W.dim[1], t->ps.rank,
                            (float)(t->ps.alpha / (double)t->ps.rank), o);
            golden_floats(t->r, &t->values, x->name, y, W.nd, W.dim);
        }
        free(y);
    }
}

static void compare_end(lora_run *t, const json_t *tensors, const json_t *log)
{
    double farthest = 0;
    const json_t *step;
    size_t k;
    json_array_foreach(log, k, step) farthest += 2 * number(step, "lr");
    for (int64_t i = 0; i < t->values.tensors; i++) {
        golden_tensor *x = &t->values.tensor[i];
        if (!golden_wanted(t->r, x->name)) continue;
        if (strncmp(x->name, "after/", 6) == 0)
            compare_after(t, x, json_object_get(tensors, x->name), farthest);
        else if (strncmp(x->name, "merged/", 7) == 0) compare_merged(t, x);
        if (!x->seen) golden_failed(t->r, "lora", x->name, "stored, but never produced");
    }
}

/* ---- all of it ---- */

static int open_run(lora_run *t, const char *lora, const char *cases, const char *model,
                    const char *backend, gm_error *e)
{
    static const char *const name[CASES] = { "gcg", "region" };
    gm_model_options o = { .backend = backend, .exact_f32 = 1 };
    char *start = gm_path_join(lora, "adapter_start.bin");
    int64_t taken = 0;
    int bad = start ? golden_values_open(&t->values, lora, "lora", e) : gm_fail(e, "out of memory");
    const json_t *j = t->values.json, *betas = json_object_get(j, "betas");
    gm_train_policy policy = { .freeze = "released", .rank = (int64_t)number(j, "r"),
                               .alpha = number(j, "alpha"), .dropout = number(j, "dropout") };
    if (!bad && !(t->m = gm_model_open(model, &o, e))) bad = -1;
    if (!bad && gm_words_split(&policy.targets, "q_proj v_proj") != 0)
        bad = gm_fail(e, "out of memory");
    if (!bad) bad = gm_params_open(&t->ps, t->m, &policy, e);
    if (!bad) bad = gm_params_load(&t->ps, start, &taken, e);
    for (int i = 0; !bad && i < CASES; i++)
        bad = golden_case_open(&t->one[i], cases, name[i], e) ||
              golden_inputs_make(&t->in[i], t->m, &t->one[i], e) ||
              golden_targets_read(&t->target[i], &t->one[i], e);
    t->adam = (gm_adamw){ json_number_value(json_array_get(betas, 0)),
                          json_number_value(json_array_get(betas, 1)), number(j, "eps") };
    t->rate = (gm_schedule){ .kind = GM_WARMUP_DECAY, .lr = number(j, "lr"),
                             .warmup = (int64_t)number(j, "warmup"),
                             .total = (int64_t)number(j, "total") };
    t->clip = number(j, "clip");
    gm_words_free(&policy.targets);
    free(start);
    return bad;
}

static void close_run(lora_run *t)
{
    for (int i = 0; i < CASES; i++) {
        golden_inputs_free(&t->in[i], &t->one[i]);
        golden_targets_free(&t->target[i]);
        golden_case_close(&t->one[i]);
    }
    gm_params_free(&t->ps);
    gm_model_free(t->m);
    golden_case_close(&t->values);
}

static void run(lora_run *t)
{
    const json_t *log = json_object_get(t->values.json, "log_f64"), *step;
    size_t k;
    json_array_foreach(log, k, step) {
        gm_ctx *c = gm_ctx_new(&t->m->kernels, &t->m->engine.device.memory);
        if (c) one_step(t, c, (int64_t)k, step);
        else golden_failed(t->r, "lora", "", "out of memory");
        gm_ctx_free(c);
    }
    if (k == 0) golden_failed(t->r, "lora", "", "the log is empty");
    compare_end(t, json_object_get(t->values.json, "tensors"), log);
}

void golden_lora(golden_report *r, const char *folder, const char *model, const char *backend)
{
    lora_run t = { .r = r };
    gm_error e = { "" };
    int64_t from = r->rows;
    char *lora = gm_path_join(folder, "lora"), *cases = gm_path_join(folder, "cases");
    if (!lora || !cases) golden_failed(r, "lora", "", "out of memory");
    else if (gm_is_dir(lora)) {
        snprintf(r->place, sizeof r->place, "--backend %s --model %s %s", backend, model, folder);
        printf("\n%s, 12 updates\n", r->place);
        if (open_run(&t, lora, cases, model, backend, &e))
            golden_failed(r, "lora", "", "%s", e.text);
        else run(&t);
        close_run(&t);
        golden_print(r, from);
    }
    free(lora);
    free(cases);
}
