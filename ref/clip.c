/* CLIP ViT, the global image encoder.  Source: transformers 4.28 modeling_clip.py,
 * CLIPVisionTransformer; groundingLMM model/llava/model/multimodal_encoder/clip_encoder.py,
 * CLIPVisionTower. */
#include <stdlib.h>
#include <string.h>

#include "bind.h"
#include "model.h"
#include "tape.h"

#define TOWER "model.vision_tower.vision_tower.vision_model."

int gm_clip_bind(clip_tower *m, gm_weights *w, const gm_config *g, gm_error *e)
{
    int64_t C = g->clip.hidden, F = g->clip.inter, side = g->clip.image / g->clip.patch;
    *m = (clip_tower){ .L = g->clip.layers,
                       .NH = g->clip.heads,
                       .S = g->clip.image,
                       .P = g->clip.patch,
                       .eps = g->clip.eps,
                       .select = g->clip.layers + 1 + g->select_layer };
    if (m->select < 9 || m->select > m->L)
        return gm_fail(e,
                       "CLIP tower: layer %lld of %lld states is asked for; the region encoder "
                       "needs the one 9 below it",
                       (long long)g->select_layer, (long long)(m->L + 1));
    if (m->NH < 1 || C % m->NH != 0)
        return gm_fail(e, "CLIP tower: %lld heads do not divide width %lld", (long long)m->NH,
                       (long long)C);
    m->layer = calloc((size_t)m->L, sizeof *m->layer);
    if (!m->layer) return gm_fail(e, "out of memory for the CLIP tower");
    m->patch_w =
        gm_weight(w, 4, GM_DIMS(C, 3, m->P, m->P), TOWER "embeddings.patch_embedding.weight");
    m->class_embedding = gm_weight_f32(w, 1, GM_DIMS(C), TOWER "embeddings.class_embedding");
    m->position_w = gm_weight_f32(w, 2, GM_DIMS(side * side + 1, C),
                                  TOWER "embeddings.position_embedding.weight");
    gm_bind_parts(w, &(gm_part){ &m->pre_w, &m->pre_b, "pre_layrnorm", C, 0 }, 1, TOWER);
    for (int64_t l = 0; l < m->L; l++) {
        clip_layer *y = &m->layer[l];
        const gm_part part[] = {
            { &y->q_w, &y->q_b, "self_attn.q_proj", C, C },
            { &y->k_w, &y->k_b, "self_attn.k_proj", C, C },
            { &y->v_w, &y->v_b, "self_attn.v_proj", C, C },
            { &y->o_w, &y->o_b, "self_attn.out_proj", C, C },
            { &y->fc1_w, &y->fc1_b, "mlp.fc1", F, C },
            { &y->fc2_w, &y->fc2_b, "mlp.fc2", C, F },
            { &y->ln1_w, &y->ln1_b, "layer_norm1", C, 0 },
            { &y->ln2_w, &y->ln2_b, "layer_norm2", C, 0 },
        };
        gm_bind_parts(w, part, GM_COUNT(part), TOWER "encoder.layers.%lld.", (long long)l);
    }
    return 0;
}

void gm_clip_free(clip_tower *m)
{
    free(m->layer);
    m->layer = NULL;
}

/* image (B, 3, S, S) -> class row and patches with positions, (B, 1 + T, C).
 * CLIPVisionEmbeddings.forward */
static gm_tensor embeddings(gm_ctx *c, const clip_tower *m, gm_tensor image)
{
    int64_t B = image.dim[0], C = m->class_embedding.dim[0];
    gm_tensor x = gm_conv2d(c, image, m->patch_w, GM_NONE, m->P, 0);        /* (B, C, G, G) */
    x = gm_reshape(c, x, 3, GM_DIMS(B, C, -1));
    x = gm_transpose(c, x);                                                 /* (B, T, C) */
    gm_tensor first = gm_repeat(c, gm_reshape(c, m->class_embedding, 2, GM_DIMS(1, C)), B);
    x = gm_concat(c, first, x, 1);
    return gm_add(c, x, m->position_w);
}

typedef struct { const clip_tower *m; int64_t l; } block_args;

/* One block, pre-norm.  x (B, T, C) -> (B, T, C).  CLIPEncoderLayer.forward */
static gm_tensor block(gm_ctx *c, gm_tensor x, const void *args)
{
    const block_args *a = args;
    const clip_layer *w = &a->m->layer[a->l];
    float eps = a->m->eps;
    gm_tensor h = gm_layernorm(c, x, w->ln1_w, w->ln1_b, eps);
    gm_tensor q = gm_linear(c, h, w->q_w, w->q_b);
    gm_tensor k = gm_linear(c, h, w->k_w, w->k_b);
    gm_tensor v = gm_linear(c, h, w->v_w, w->v_b);
    h = gm_attention(c, q, k, v, (gm_attn_options){ .NH = a->m->NH });
    x = gm_add(c, x, gm_linear(c, h, w->o_w, w->o_b));
    h = gm_layernorm(c, x, w->ln2_w, w->ln2_b, eps);
    h = gm_quick_gelu(c, gm_linear(c, h, w->fc1_w, w->fc1_b)); /* (B, T, F); not erf GELU */
    return gm_add(c, x, gm_linear(c, h, w->fc2_w, w->fc2_b));
}

/* State number j (0: after pre_layrnorm, j: after layer j - 1) without its class row. */
static gm_tensor patches(gm_ctx *c, gm_tensor state)
{
    return gm_slice(c, state, 1, 1, state.dim[1] - 1);
}

gm_tensor gm_clip(gm_ctx *c, const clip_tower *m, gm_tensor image, gm_tensor levels[4])
{
    /* The last layer is not needed (QUIRKS C14); it runs when somebody watches every module. */
    int64_t last = gm_tapped(c) ? m->L : m->select;
    enum { X, CHOSEN, LEVEL0, N = LEVEL0 + 4 };
    gm_tensor keep[N] = { 0 };
    gm_mark mark = gm_scope(c);
    gm_tensor x = embeddings(c, m, image);
    gm_tap(c, x, TOWER "embeddings");
    x = gm_layernorm(c, x, m->pre_w, m->pre_b, m->eps);
    gm_tap(c, x, TOWER "pre_layrnorm");
    for (int64_t state = 0;; state++) {
        for (int i = 0; i < 4; i++) /* levels 9, 6, 3, 0 below the chosen one */
            if (levels && state == m->select - 3 * (3 - i)) keep[LEVEL0 + i] = patches(c, x);
        if (state == m->select) keep[CHOSEN] = patches(c, x);
        keep[X] = x;
        gm_scope_keep(c, mark, keep, N);
        if (state == last) break;
        x = gm_block_run(c, block, x, &(block_args){ m, state }, sizeof(block_args));
        gm_tap(c, x, TOWER "encoder.layers.%lld", (long long)state);
        gm_progress(c, state + 1, last);
    }
    gm_scope_keep(c, mark, keep + CHOSEN, N - CHOSEN);
    if (levels) memcpy(levels, keep + LEVEL0, 4 * sizeof *levels);
    return keep[CHOSEN];
}
