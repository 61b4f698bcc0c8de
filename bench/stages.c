/* The encoders and the mask decoder at the preset's sizes, as the program runs them, beside
 * sgemm. */
#include <stdio.h>
#include <string.h>
#include "preset.h"
#include "../io/names.h"
#include "../ref/backend.h"

#define IMAGE_ENCODER GM_GROUNDING "image_encoder."

/* Something to time, over a context of the cpu table. */
typedef struct { gm_ctx *c; const void *model; gm_tensor x[5]; } subject;
typedef void (*subject_fn)(subject *s);

static int subject_open(subject *s, bench_result *r)
{
    static gm_kernels kernels;
    gm_error e = { "" };
    if (gm_backend(&kernels, "cpu", &e) || !(s->c = gm_ctx_new(&kernels, NULL))) {
        snprintf(r->note, sizeof r->note, "%s", e.text[0] ? e.text : "out of memory");
        return -1;
    }
    return 0;
}

static double subject_seconds(subject *s, subject_fn run)
{
    gm_mark m = gm_scope(s->c);
    double start = bench_now();
    run(s);
    double t = bench_now() - start;
    gm_scope_end(s->c, m, GM_NONE);
    return t;
}

/* A module as the weighted sum of parts (weights may be negative: what one block costs is the
 * difference of two runs). */
typedef struct {
    bench_result *r;
    subject *part;
    const double *weight;
    int nparts;
    subject_fn run;
} module;

static double module_seconds(void *what)
{
    module *m = what;
    double seconds = 0;
    for (int p = 0; p < m->nparts; p++) {
        seconds += m->weight[p] * subject_seconds(&m->part[p], m->run);
        if (gm_ok(m->part[p].c)) continue;
        snprintf(m->r->note, sizeof m->r->note, "%.380s", gm_error_text(m->part[p].c));
        return -1;
    }
    return seconds;
}

static int measure(bench_result *r, subject *parts, const double *weight, int nparts,
                   subject_fn run, int n)
{
    module m = { r, parts, weight, nparts, run };
    return bench_beside(r, module_seconds, &m, n);
}

static int whole(bench_result *r, subject *s, subject_fn run, int n)
{
    static const double ONE = 1;
    return measure(r, s, &ONE, 1, run, n);
}

static gm_tensor pixels(int64_t side)
{
    return bench_random(GM_F32, 4, GM_DIMS(1, 3, side, side), 2);
}

static int64_t image_tokens(void)
{
    int64_t side = bench_chosen.s.clip_image / bench_chosen.s.clip_patch;
    return side * side;
}

/* ---- CLIP ---- */

static void run_clip(subject *s) { gm_clip(s->c, s->model, s->x[0], NULL); }

int bench_clip(bench_result *r, bool quick)
{
    static clip_tower m;
    bench_model model;
    gm_error e = { "" };
    subject s = { .model = &m };
    const init_sizes *z = &bench_chosen.s;
    if (bench_model_new(&model, z, GM_TOWER, GM_BF16, r) || subject_open(&s, r)) return -1;
    int bad = gm_clip_bind(&m, model.w, &model.g, &e);
    if (bench_model_bound(&model, bad, &e, r)) return -1;
    s.x[0] = pixels(z->clip_image);
    r->gflop = bench_clip_gflop(z);
    r->target = 0.70;
    snprintf(r->note, sizeof r->note, "%lld layers; ", (long long)m.select);
    return whole(r, &s, run_clip, quick ? 5 : 9);
}

/* ---- SAM ---- */

static void run_sam(subject *s) { gm_sam_encode(s->c, s->model, s->x[0]); }

static int sam_new(sam_encoder *m, const init_sizes *z, bench_result *r)
{
    bench_model model;
    gm_error e = { "" };
    if (bench_model_new(&model, z, IMAGE_ENCODER, GM_BF16, r)) return -1;
    int bad = gm_sam_encoder_bind(m, model.w, &model.g, &e);
    return bench_model_bound(&model, bad, &e, r);
}

/* One block with windows and one without, each as the cost of one more block. */
static int sam_from_blocks(bench_result *r, subject *s, int64_t windows, int64_t globals)
{
    static sam_encoder m[3];
    init_sizes z = bench_chosen.s;
    const double weight[3] = { (double)(1 - windows - globals), (double)windows, (double)globals };
    z.sam_depth = 2, z.sam_global[0] = false, z.sam_global[1] = true;
    if (sam_new(&m[0], &z, r)) return -1;
    m[1] = m[2] = m[0];
    m[0].L = 0, m[1].L = m[2].L = 1, m[2].block = m[0].block + 1;
    for (int p = 0; p < 3; p++) {
        s[p].model = &m[p], s[p].x[0] = s[0].x[0];
        if (subject_open(&s[p], r)) return -1;
    }
    snprintf(r->note, sizeof r->note, "estimated from one block of each kind; ");
    return measure(r, s, weight, 3, run_sam, 5);
}

int bench_sam(bench_result *r, bool quick)
{
    static sam_encoder m;
    const init_sizes *z = &bench_chosen.s;
    subject s[3] = { { .model = &m, .x = { pixels(z->sam_image) } } };
    int64_t globals = 0;
    for (int64_t l = 0; l < z->sam_depth; l++) globals += z->sam_global[l];
    r->gflop = bench_sam_gflop(z);
    r->target = 0.75;
    if (quick) return sam_from_blocks(r, s, z->sam_depth - globals, globals);
    if (sam_new(&m, z, r) || subject_open(s, r)) return -1;
    snprintf(r->note, sizeof r->note, "%lld blocks; ", (long long)m.L);
    return whole(r, s, run_sam, 3);
}

/* ---- projector ---- */

/* As gm_image_tokens. */
static void run_projector(subject *s)
{
    const gm_two_linears *p = s->model;
    gm_linear(s->c, gm_gelu(s->c, gm_linear(s->c, s->x[0], p->w0, p->b0)), p->w2, p->b2);
}

int bench_projector(bench_result *r, bool quick)
{
    static gm_two_linears p;
    bench_model model;
    subject s = { .model = &p };
    int64_t T = image_tokens(), C = bench_chosen.s.clip_hidden, H = bench_chosen.s.hidden;
    const char *name = "model.mm_projector.";
    if (bench_model_new(&model, &bench_chosen.s, name, GM_BF16, r)) return -1;
    if (subject_open(&s, r)) return -1;
    p.w0 = gm_weight(model.w, 2, GM_DIMS(H, C), "%s0.weight", name);
    p.b0 = gm_weight_f32(model.w, 1, &H, "%s0.bias", name);
    p.w2 = gm_weight(model.w, 2, GM_DIMS(H, H), "%s2.weight", name);
    p.b2 = gm_weight_f32(model.w, 1, &H, "%s2.bias", name);
    if (bench_model_bound(&model, 0, NULL, r)) return -1;
    s.x[0] = bench_random(GM_F32, 3, GM_DIMS(1, T, C), 1);
    r->gflop = 2e-9 * (double)(T * H * (C + H));
    return whole(r, &s, run_projector, quick ? 5 : 9);
}

/* ---- region encoder ---- */

static void run_region(subject *s)
{
    gm_tensor image = gm_from(s->c, GM_I32, &(int32_t){ 0 }, 1, GM_DIMS(1));
    gm_tensor maps[4];
    gm_region_maps(s->c, s->model, s->x, maps);
    gm_region(s->c, s->model, maps, s->x[4], image);
}

/* quick: five fuse steps, each as the cost of one more. */
int bench_region(bench_result *r, bool quick)
{
    static region_encoder m[2];
    static float box[4] = { 0.1f, 0.2f, 0.6f, 0.9f };
    static const double WEIGHT[2] = { 1 - 5, 5 };
    bench_model model;
    gm_error e = { "" };
    subject s[2] = { { .model = &m[0] }, { .model = &m[1] } };
    int64_t T = image_tokens(), C = bench_chosen.s.clip_hidden;
    if (bench_model_new(&model, &bench_chosen.s, GM_REGION_ENCODER, GM_BF16, r)) return -1;
    int bad = gm_region_bind(&m[0], model.w, &model.g, &e);
    if (bench_model_bound(&model, bad, &e, r)) return -1;
    m[1] = m[0];
    if (quick) m[0].nfuse = 0, m[1].nfuse = 1;
    for (int i = 0; i < 4; i++) s[0].x[i] = bench_random(GM_F32, 3, GM_DIMS(1, T, C), 1);
    s[0].x[4] = (gm_tensor){ box, { 1, 4 }, 2, GM_F32 };
    memcpy(s[1].x, s[0].x, sizeof s->x);
    if (subject_open(&s[0], r) || subject_open(&s[1], r)) return -1;
    r->gflop = bench_region_gflop(&bench_chosen.s, 1);
    if (!quick) return whole(r, s, run_region, 3);
    snprintf(r->note, sizeof r->note, "estimated from one fuse step; ");
    return measure(r, s, WEIGHT, 2, run_region, 2);
}

/* ---- masks ---- */

enum { MASKS = 4 };

static void run_masks(subject *s)
{
    const glamm *m = s->model;
    int64_t side = gm_sam_side(m);
    gm_tensor iou;
    gm_masks(s->c, m, s->x[0], s->x[1], GM_DIMS(side, side), GM_DIMS(side, side), &iou);
}

int bench_masks(bench_result *r, bool quick)
{
    static glamm m;
    const init_sizes *z = &bench_chosen.s;
    bench_model model;
    gm_error e = { "" };
    subject s = { .model = &m };
    const char *parts = GM_GROUNDING "mask_decoder. " GM_GROUNDING "prompt_encoder.";
    int64_t G = z->sam_image / z->sam_patch;
    if (bench_model_new(&model, z, parts, GM_BF16, r) || subject_open(&s, r)) return -1;
    m.sam.G = G, m.sam.P = z->sam_patch;
    int bad = gm_mask_decoder_bind(&m.decoder, model.w, &model.g, G, &e);
    if (bench_model_bound(&model, bad, &e, r)) return -1;
    s.x[0] = bench_random(GM_F32, 4, GM_DIMS(1, z->sam_out, G, G), 1);
    s.x[1] = bench_random(GM_F32, 2, GM_DIMS(MASKS, z->sam_out), 1);
    r->gflop = bench_masks_gflop(z, MASKS);
    return whole(r, &s, run_masks, quick ? 3 : 5);
}
