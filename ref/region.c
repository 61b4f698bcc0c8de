/* Region encoder: four CLIP states, fused, read through RoIAlign.  Source: groundingLMM
 * model/layers.py, MLVLROIQueryModule, MLVLFuseModule, MlvlRoIExtractor (after GPT4RoI). */
#include "bind.h"
#include "constants.h"
#include "model.h"
#include "tape.h"

#define REGION "model.region_encoder."
#define ROI_OUT 14          /* RoIAlign output side, also the stride of the smallest level */
#define ROI_SAMPLES 2
#define FUSE_STEPS 5
#define NORM_EPS 1e-5f      /* PyTorch's default of GroupNorm and LayerNorm */
#define MAX_FUSE ((int64_t)(sizeof ((region_encoder *)0)->fuse_w / sizeof (gm_tensor)))

static void bind_conv(gm_weights *w, gm_tensor *to_w, gm_tensor *to_b, const int64_t dim[4],
                      const char *name, int i)
{
    *to_w = gm_weight(w, 4, dim, "%s%s.%d.weight", REGION, name, i);
    *to_b = gm_weight_f32(w, 1, dim, "%s%s.%d.bias", REGION, name, i);
}

int gm_region_bind(region_encoder *m, gm_weights *w, const gm_config *g, gm_error *e)
{
    int64_t C = g->clip.hidden, hidden = g->llm.hidden;
    int64_t mid = gm_weight_size(w, 2, 0, REGION "roi_align.flatten_linear.weight");
    int64_t narrow = gm_weight_size(w, 2, 0, REGION "roi_align.pos_embedd.0.weight");
    *m = (region_encoder){ .groups = g->region.groups, .scale = g->region.scale, .bf16 = g->bf16 };
    m->nfuse = gm_weights_count(w, REGION "mlvl_fuse.fuse_convs.%d.conv.weight");
    if (m->nfuse < FUSE_STEPS) m->nfuse = FUSE_STEPS; /* a missing step is noticed */
    if (g->region.levels != 4)
        return gm_fail(e, "region encoder: %lld levels; only 4 are known",
                       (long long)g->region.levels);
    if (m->nfuse > MAX_FUSE)
        return gm_fail(e, "region encoder: %lld fuse steps; at most %lld are known",
                       (long long)m->nfuse, (long long)MAX_FUSE);
    if (m->groups < 1 || C % m->groups != 0)
        return gm_fail(e, "region encoder: %lld groups do not divide width %lld",
                       (long long)m->groups, (long long)C);
    for (int i = 0; i < 4; i++) {
        bind_conv(w, &m->input_w[i], &m->input_b[i], GM_DIMS(C, C + 2, 1, 1),
                  "mlvl_fuse.input_conv", i);
        bind_conv(w, &m->pconv_w[i], &m->pconv_b[i], GM_DIMS(C, C, 3, 3), "roi_align.pconvs", i);
    }
    for (int i = 0; i < m->nfuse; i++) {
        m->fuse_w[i] =
            gm_weight(w, 4, GM_DIMS(C, C, 3, 3), REGION "mlvl_fuse.fuse_convs.%d.conv.weight", i);
        m->gn_w[i] = gm_weight_f32(w, 1, GM_DIMS(C), REGION "mlvl_fuse.fuse_convs.%d.gn.weight", i);
        m->gn_b[i] = gm_weight_f32(w, 1, GM_DIMS(C), REGION "mlvl_fuse.fuse_convs.%d.gn.bias", i);
    }
    const gm_part part[] = {
        { &m->pos0_w, &m->pos0_b, "pos_embedd.0", narrow, 4 },
        { &m->pos2_w, &m->pos2_b, "pos_embedd.2", narrow, 0 },
        { &m->pos3_w, &m->pos3_b, "pos_embedd.3", mid, narrow },
        { &m->pos5_w, &m->pos5_b, "pos_embedd.5", mid, 0 },
        { &m->flatten_w, &m->flatten_b, "flatten_linear", mid, C * ROI_OUT * ROI_OUT },
        { &m->updims_w, &m->updims_b, "updims", hidden, mid },
    };
    gm_bind_parts(w, part, GM_COUNT(part), REGION "roi_align.");
    return 0;
}

/* Two channels (B, 2, S, S): x in -1 .. 1 along a row, then y along a column.
 * MLVLFuseModule.generate_coordinate */
static gm_tensor coordinates(gm_ctx *c, int64_t B, int64_t S)
{
    gm_tensor x = gm_repeat(c, gm_linspace(c, -1, 1, S), S);                /* (S, S) */
    return gm_repeat(c, gm_reshape(c, gm_concat(c, x, gm_transpose(c, x), 0), 3, GM_DIMS(2, S, S)),
                     B);
}

/* A level's map: state (B, T, C) -> (B, C, G, G), up-sampled to S, coordinates appended, 1x1
 * convolution. */
static gm_tensor input_map(gm_ctx *c, const region_encoder *m, int i, gm_tensor state)
{
    gm_mark mark = gm_scope(c);
    int64_t B = state.dim[0], T = state.dim[1], C = state.dim[2], G = 0;
    while (G * G < T) G++;
    int64_t S = G << (3 - i);
    gm_tensor x = gm_reshape(c, gm_transpose(c, state), 4, GM_DIMS(B, C, G, G));
    x = gm_concat(c, gm_resize(c, x, S, S, true), coordinates(c, B, S), 1);
    x = gm_round_bf16(c, x, m->bf16);                                       /* Q4 */
    x = gm_conv2d(c, x, m->input_w[i], m->input_b[i], 1, 0);
    gm_tap(c, x, REGION "mlvl_fuse.input_conv.%d", i);
    return gm_scope_end(c, mark, x);
}

/* Channels at .. at + n of a neighbour level, brought to side S. */
static gm_tensor neighbour(gm_ctx *c, gm_tensor x, int64_t at, int64_t n, int64_t S)
{
    return gm_resize(c, gm_slice(c, x, 1, at, n), S, S, true);
}

typedef struct { const region_encoder *m; int step, i; gm_tensor level[4]; } fuse_args;

/* One step for one level: the last two quarters of the channels come from the neighbours (Q9).
 * MLVLFuseModule._single_shuffle */
static gm_tensor fuse(gm_ctx *c, gm_tensor own, const void *args)
{
    gm_mark mark = gm_scope(c);
    const fuse_args *a = args;
    const region_encoder *m = a->m;
    int step = a->step, i = a->i;
    gm_tensor smaller = a->level[i < 3 ? i + 1 : 3], larger = a->level[i > 0 ? i - 1 : 0];
    int64_t C = own.dim[1], quarter = C / 4, rest = C - 2 * quarter, S = own.dim[2];
    gm_tensor x = gm_concat(c, gm_slice(c, own, 1, 0, rest),
                            neighbour(c, smaller, rest + quarter, quarter, S), 1);
    x = gm_concat(c, x, neighbour(c, larger, rest, quarter, S), 1);
    x = gm_scope_end(c, mark, x);
    x = gm_conv2d(c, x, m->fuse_w[step], GM_NONE, 1, 1);
    x = gm_scope_end(c, mark, x);
    x = gm_relu(c, gm_groupnorm(c, x, m->gn_w[step], m->gn_b[step], m->groups, NORM_EPS));
    gm_tap(c, x, REGION "mlvl_fuse.fuse_convs.%d", step);
    return gm_scope_end(c, mark, x);
}

/* box (N, 4) in 0..1 -> (N, mid).  MlvlRoIExtractor.pos_embedd */
static gm_tensor box_position(gm_ctx *c, const region_encoder *m, gm_tensor box)
{
    gm_tensor x = gm_relu(c, gm_linear(c, box, m->pos0_w, m->pos0_b));
    x = gm_layernorm(c, x, m->pos2_w, m->pos2_b, NORM_EPS);
    x = gm_relu(c, gm_linear(c, x, m->pos3_w, m->pos3_b));
    x = gm_layernorm(c, x, m->pos5_w, m->pos5_b, NORM_EPS);
    gm_tap(c, x, REGION "roi_align.pos_embedd");
    return x;
}

/* Every box read from every level, summed: (N, C, 14, 14).  MlvlRoIExtractor.forward */
static gm_tensor roi_features(gm_ctx *c, const region_encoder *m, const gm_tensor level[4],
                              gm_tensor box, gm_tensor image)
{
    gm_mark mark = gm_scope(c);
    gm_tensor sum = GM_NONE;
    gm_tensor roi = gm_round_bf16(c, gm_scale(c, box, (float)m->scale), m->bf16);       /* Q1, Q4 */
    for (int i = 0; i < 4; i++) {
        float stride = (float)((double)(8 >> i) / ROI_OUT);
        gm_tensor x = gm_roi_align(c, level[i], roi, image, ROI_OUT, ROI_SAMPLES, stride);
        gm_tap(c, x, REGION "roi_align.roi_layers.%d", i);
        x = gm_conv2d(c, x, m->pconv_w[i], m->pconv_b[i], 1, 1);
        gm_tap(c, x, REGION "roi_align.pconvs.%d", i);
        sum = i ? gm_add(c, sum, x) : x;
    }
    return gm_scope_end(c, mark, gm_relu(c, sum));
}

void gm_region_maps(gm_ctx *c, const region_encoder *m, const gm_tensor levels[4],
                    gm_tensor maps[4])
{
    gm_mark mark = gm_scope(c);
    gm_tensor next[4];
    for (int i = 0; i < 4; i++) maps[i] = input_map(c, m, i, levels[i]);
    for (int step = 0; step < m->nfuse; step++) {
        for (int i = 0; i < 4; i++) {
            fuse_args a = { m, step, i, { maps[0], maps[1], maps[2], maps[3] } };
            next[i] = gm_block_run(c, fuse, maps[i], &a, sizeof a);
        }
        for (int i = 0; i < 4; i++) maps[i] = next[i];
        gm_scope_keep(c, mark, maps, 4);
    }
}

gm_tensor gm_region(gm_ctx *c, const region_encoder *m, const gm_tensor maps[4], gm_tensor box,
                    gm_tensor image)
{
    gm_mark mark = gm_scope(c);
    gm_tensor x = roi_features(c, m, maps, box, image);
    x = gm_reshape(c, x, 2, GM_DIMS(box.dim[0], -1));
    x = gm_linear(c, x, m->flatten_w, m->flatten_b); /* no activation after it */
    gm_tap(c, x, REGION "roi_align.flatten_linear");
    x = gm_add(c, x, box_position(c, m, box));
    x = gm_linear(c, x, m->updims_w, m->updims_b);
    gm_tap(c, x, REGION "roi_align");
    return gm_scope_end(c, mark, x);
}
