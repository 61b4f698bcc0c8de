/* Prompt encoder and mask decoder, the pixel decoder.  Source: segment-anything
 * modeling/prompt_encoder.py, mask_decoder.py, transformer.py (in groundingLMM:
 * model/SAM/modeling/). */
#include <stdio.h>

#include "bind.h"
#include "constants.h"
#include "model.h"

#define PROMPT "model.grounding_encoder.prompt_encoder."
#define DECODER "model.grounding_encoder.mask_decoder."
#define LAYER_EPS 1e-5f         /* two-way transformer */
#define UPSCALE_EPS 1e-6f       /* LayerNorm2d of the up-scaling */
#define TWO_PI 6.283185307179586f
#define TWO_PI_BF16 6.28125f    /* PyTorch's CPU kernel rounds the scalar too (Q4) */

static void bind_attn(two_way_attn *y, gm_weights *w, int64_t C, const char *name)
{
    /* C wide, or half as wide in the cross attentions */
    int64_t inner = gm_weight_size(w, 2, 0, DECODER "%s.q_proj.weight", name);
    const gm_part part[] = {
        { &y->q_w, &y->q_b, "q_proj", inner, C },
        { &y->k_w, &y->k_b, "k_proj", inner, C },
        { &y->v_w, &y->v_b, "v_proj", inner, C },
        { &y->o_w, &y->o_b, "out_proj", C, inner },
    };
    gm_bind_parts(w, part, GM_COUNT(part), DECODER "%s.", name);
}

static void bind_layer(two_way_layer *y, gm_weights *w, int64_t C, int64_t l)
{
    char prefix[60], name[100];
    snprintf(prefix, sizeof prefix, "transformer.layers.%lld.", (long long)l);
    const struct { two_way_attn *to; const char *name; } attn[] = {
        { &y->self, "self_attn" },
        { &y->to_image, "cross_attn_token_to_image" },
        { &y->to_token, "cross_attn_image_to_token" },
    };
    for (size_t i = 0; i < GM_COUNT(attn); i++) {
        snprintf(name, sizeof name, "%s%s", prefix, attn[i].name);
        bind_attn(attn[i].to, w, C, name);
    }
    int64_t F = gm_weight_size(w, 2, 0, DECODER "%smlp.lin1.weight", prefix);
    const gm_part part[] = {
        { &y->lin1_w, &y->lin1_b, "mlp.lin1", F, C },
        { &y->lin2_w, &y->lin2_b, "mlp.lin2", C, F },
        { &y->norm_w[0], &y->norm_b[0], "norm1", C, 0 },
        { &y->norm_w[1], &y->norm_b[1], "norm2", C, 0 },
        { &y->norm_w[2], &y->norm_b[2], "norm3", C, 0 },
        { &y->norm_w[3], &y->norm_b[3], "norm4", C, 0 },
    };
    gm_bind_parts(w, part, GM_COUNT(part), DECODER "%s", prefix);
}

static void bind_heads(mask_decoder *m, gm_weights *w, int64_t C)
{
    int64_t I = gm_weight_size(w, 2, 0, DECODER "iou_prediction_head.layers.0.weight");
    const gm_part hyper[] = {
        { &m->hyper_w[0], &m->hyper_b[0], "0", C, C },
        { &m->hyper_w[1], &m->hyper_b[1], "1", C, C },
        { &m->hyper_w[2], &m->hyper_b[2], "2", C / 8, C },
    };
    const gm_part iou[] = {
        { &m->iou_w[0], &m->iou_b[0], "0", I, C },
        { &m->iou_w[1], &m->iou_b[1], "1", I, I },
        { &m->iou_w[2], &m->iou_b[2], "2", 4, I },
    };
    gm_bind_parts(w, hyper, GM_COUNT(hyper), DECODER "output_hypernetworks_mlps.0.layers.");
    gm_bind_parts(w, iou, GM_COUNT(iou), DECODER "iou_prediction_head.layers.");
}

int gm_mask_decoder_bind(mask_decoder *m, gm_weights *w, const gm_config *g, int64_t grid,
                         gm_error *e)
{
    gm_tensor no_mask = gm_weights_look(w, PROMPT "no_mask_embed.weight");
    int64_t C = no_mask.data && no_mask.nd == 2 ? no_mask.dim[1] : 0;
    *m = (mask_decoder){ .NH = g->sam.decoder_heads, .G = grid, .bf16 = g->bf16, .L = 2 };
    if (C < 8 || C % 8 || m->NH < 1 || C / 2 % m->NH)
        return gm_fail(e,
                       "SAM mask decoder: wanted %sno_mask_embed.weight (1, C), C a multiple of 8 "
                       "that %lld heads divide; found C %lld",
                       PROMPT, (long long)m->NH, (long long)C);
    m->gaussian = gm_weight_f32(w, 2, GM_DIMS(2, C / 2),
                                PROMPT "pe_layer.positional_encoding_gaussian_matrix");
    m->no_mask = gm_weight_f32(w, 2, GM_DIMS(1, C), PROMPT "no_mask_embed.weight");
    m->iou_token = gm_weight_f32(w, 2, GM_DIMS(1, C), DECODER "iou_token.weight");
    m->mask_tokens = gm_weight_f32(w, 2, GM_DIMS(4, C), DECODER "mask_tokens.weight");
    for (int64_t l = 0; l < m->L; l++) bind_layer(&m->layer[l], w, C, l);
    bind_attn(&m->final, w, C, "transformer.final_attn_token_to_image");
    const gm_part part[] = {
        { &m->final_w, &m->final_b, "transformer.norm_final_attn", C, 0 },
        { &m->up1_w, &m->up1_b, "output_upscaling.1", C / 4, 0 },
    };
    gm_bind_parts(w, part, GM_COUNT(part), DECODER);
    const char *up0 = DECODER "output_upscaling.0.", *up3 = DECODER "output_upscaling.3.";
    m->up0_w = gm_weight(w, 4, GM_DIMS(C, C / 4, 2, 2), "%sweight", up0);
    m->up0_b = gm_weight_f32(w, 1, GM_DIMS(C / 4), "%sbias", up0);
    m->up3_w = gm_weight(w, 4, GM_DIMS(C / 4, C / 8, 2, 2), "%sweight", up3);
    m->up3_b = gm_weight_f32(w, 1, GM_DIMS(C / 8), "%sbias", up3);
    bind_heads(m, w, C);
    return 0;
}

/* x row k of the Fourier matrix, every product rounded: (R, 1) -> (R, C/2). */
static gm_tensor rounded_product(gm_ctx *c, gm_tensor gaussian, gm_tensor x, int64_t k)
{
    gm_tensor row = gm_reshape(c, gm_slice(c, gaussian, 0, k, 1), 2, GM_DIMS(-1, 1));
    return gm_round_bf16(c, gm_linear(c, x, row, GM_NONE), true);
}

/* x, y (G G, 1) times the Fourier matrix: (G G, C/2).  In bfloat16 the product accumulates in
 * float32 and rounds once; PyTorch's CPU kernel for at most 4096 multiplications rounds every
 * product (Q4). */
static gm_tensor fourier(gm_ctx *c, const mask_decoder *m, gm_tensor x, gm_tensor y)
{
    gm_tensor gaussian =
        gm_round_bf16(c, m->gaussian, m->bf16); /* (2, C/2); a checkpoint may hold it in float32 */
    if (m->bf16 && m->G * m->G * gm_numel(gaussian) <= 4096)
        return gm_round_bf16(
            c, gm_add(c, rounded_product(c, gaussian, x, 0), rounded_product(c, gaussian, y, 1)),
            true);
    gm_tensor a = gm_linear(c, gm_concat(c, x, y, 1), gm_transpose(c, gaussian), GM_NONE);
    return gm_round_bf16(c, a, m->bf16);
}

/* The random Fourier features of every pixel's centre.  PositionEmbeddingRandom.forward; row 0 of
 * the matrix belongs to x.  In a bfloat16 release every step rounds (Q4). */
gm_tensor gm_dense_pe(gm_ctx *c, const mask_decoder *m)
{
    gm_mark mark = gm_scope(c);
    int64_t G = m->G, half = m->gaussian.dim[1];
    gm_tensor x =
        gm_repeat(c, gm_pixel_centres(c, G, m->bf16), G); /* (G, G): the column's centre */
    gm_tensor y = gm_transpose(c, x);
    gm_tensor a = fourier(c, m, gm_reshape(c, x, 2, GM_DIMS(G * G, 1)),
                          gm_reshape(c, y, 2, GM_DIMS(G * G, 1)));
    a = gm_round_bf16(c, gm_scale(c, a, m->bf16 ? TWO_PI_BF16 : TWO_PI), m->bf16);
    gm_tensor pe = gm_concat(c, gm_round_bf16(c, gm_sin(c, a), m->bf16),
                             gm_round_bf16(c, gm_cos(c, a), m->bf16), 1);
    pe = gm_reshape(c, gm_transpose(c, pe), 3, GM_DIMS(2 * half, G, G));
    gm_tap(c, pe, PROMPT "pe_layer");
    return gm_scope_end(c, mark, pe);
}

/* modeling/transformer.py, Attention.forward: q (N, TQ, C), k, v (N, TK, C) -> (N, TQ, C) */
static gm_tensor attend(gm_ctx *c, const two_way_attn *w, gm_tensor q, gm_tensor k, gm_tensor v,
                        int64_t NH)
{
    q = gm_linear(c, q, w->q_w, w->q_b);
    k = gm_linear(c, k, w->k_w, w->k_b);
    v = gm_linear(c, v, w->v_w, w->v_b);
    return gm_linear(c, gm_attention(c, q, k, v, (gm_attn_options){ .NH = NH }), w->o_w, w->o_b);
}

static gm_tensor norm(gm_ctx *c, const two_way_layer *w, int i, gm_tensor x)
{
    return gm_layernorm(c, x, w->norm_w[i], w->norm_b[i], LAYER_EPS);
}

/* TwoWayAttentionBlock.forward: q (N, T, C) tokens, k (N, G G, C) image, t0 and pe their positions.
 * Values never carry a position; layer 0's self attention has neither residual nor position. */
static void two_way(gm_ctx *c, const mask_decoder *m, int64_t l, gm_tensor *q, gm_tensor *k,
                    gm_tensor t0, gm_tensor pe)
{
    const two_way_layer *w = &m->layer[l];
    gm_mark mark = gm_scope(c);
    gm_tensor x = *q, qp = l ? gm_add(c, x, t0) : x;
    gm_tensor a = attend(c, &w->self, qp, qp, x, m->NH);
    x = norm(c, w, 0, l ? gm_add(c, x, a) : a);
    gm_tensor kp = gm_add(c, *k, pe);
    x = norm(c, w, 1, gm_add(c, x, attend(c, &w->to_image, gm_add(c, x, t0), kp, *k, m->NH)));
    a = gm_linear(c, gm_relu(c, gm_linear(c, x, w->lin1_w, w->lin1_b)), w->lin2_w, w->lin2_b);
    *q = x = norm(c, w, 2, gm_add(c, x, a));
    *k = norm(c, w, 3, gm_add(c, *k, attend(c, &w->to_token, kp, gm_add(c, x, t0), x, m->NH)));
    gm_tap(c, *q, DECODER "transformer.layers.%lld:0", (long long)l);
    gm_tap(c, *k, DECODER "transformer.layers.%lld:1", (long long)l);
    gm_scope_keep(c, mark, (gm_tensor[]){ *q, *k }, 2);
}

/* x (N, C) -> (N, last).  MLP.forward */
static gm_tensor three_linears(gm_ctx *c, gm_tensor x, const gm_tensor w[3], const gm_tensor b[3])
{
    x = gm_relu(c, gm_linear(c, x, w[0], b[0]));
    x = gm_relu(c, gm_linear(c, x, w[1], b[1]));
    return gm_linear(c, x, w[2], b[2]);
}

/* Row t of every mask's tokens: (N, T, C) -> (N, C) */
static gm_tensor token(gm_ctx *c, gm_tensor q, int64_t t)
{
    return gm_reshape(c, gm_slice(c, q, 1, t, 1), 2, GM_DIMS(q.dim[0], q.dim[2]));
}

/* k (N, G G, C) -> (N, C/8, 4G, 4G).  MaskDecoder.output_upscaling */
static gm_tensor upscale(gm_ctx *c, const mask_decoder *m, gm_tensor k)
{
    gm_mark mark = gm_scope(c);
    gm_tensor x = gm_reshape(c, gm_transpose(c, k), 4, GM_DIMS(k.dim[0], k.dim[2], m->G, m->G));
    x = gm_conv_transpose2x2(c, x, m->up0_w, m->up0_b);
    x = gm_gelu(c, gm_layernorm2d(c, x, m->up1_w, m->up1_b, UPSCALE_EPS));
    x = gm_gelu(c, gm_conv_transpose2x2(c, x, m->up3_w, m->up3_b));
    gm_tap(c, x, DECODER "output_upscaling");
    return gm_scope_end(c, mark, x);
}

/* low[n] = sum over k of hyper[n, k] up[n, k]: (N, K), (N, K, H, W) -> (N, 1, H, W), a 1x1
 * convolution a mask. */
static gm_tensor combine(gm_ctx *c, gm_tensor hyper, gm_tensor up)
{
    int64_t N = up.dim[0], K = up.dim[1];
    gm_tensor low = GM_NONE;
    for (int64_t n = 0; n < N; n++) {
        gm_mark mark = gm_scope(c);
        gm_tensor w = gm_reshape(c, gm_slice(c, hyper, 0, n, 1), 4, GM_DIMS(1, K, 1, 1));
        gm_tensor one = gm_conv2d(c, gm_slice(c, up, 0, n, 1), w, GM_NONE, 1, 0); /* (1, 1, H, W) */
        low = gm_scope_end(c, mark, n ? gm_concat(c, low, one, 0) : one);
    }
    return low;
}

gm_tensor gm_mask_decode(gm_ctx *c, const mask_decoder *m, gm_tensor E, gm_tensor sparse,
                         gm_tensor *iou)
{
    gm_mark mark = gm_scope(c);
    int64_t N = sparse.dim[0], C = sparse.dim[1], T = m->G * m->G;
    gm_tensor tokens = gm_concat(c, m->iou_token, m->mask_tokens, 0);                   /* (5, C) */
    gm_tensor t0 =
        gm_concat(c, gm_repeat(c, tokens, N), gm_reshape(c, sparse, 3, GM_DIMS(N, 1, C)), 1);
    gm_tensor pe =
        gm_transpose(c, gm_reshape(c, gm_dense_pe(c, m), 2, GM_DIMS(C, T))); /* (G G, C) */
    gm_tensor image = gm_transpose(c, gm_reshape(c, E, 2, GM_DIMS(C, T)));
    image = gm_add(c, image, gm_reshape(c, m->no_mask, 1, GM_DIMS(C))); /* dense prompt: no mask */
    gm_tensor q = t0, k = gm_repeat(c, image, N);                       /* (N, 6, C), (N, G G, C) */
    for (int64_t l = 0; l < m->L; l++) two_way(c, m, l, &q, &k, t0, pe);
    gm_tensor a = attend(c, &m->final, gm_add(c, q, t0), gm_add(c, k, pe), k, m->NH);
    q = gm_layernorm(c, gm_add(c, q, a), m->final_w, m->final_b, LAYER_EPS);
    gm_tap(c, q, DECODER "transformer:0");
    gm_tap(c, k, DECODER "transformer:1");
    gm_scope_keep(c, mark, (gm_tensor[]){ q, k }, 2);

    gm_tensor up = upscale(c, m, k);
    gm_tensor hyper = three_linears(c, token(c, q, 1), m->hyper_w, m->hyper_b); /* mask token 0 */
    gm_tap(c, hyper, DECODER "output_hypernetworks_mlps.0");
    gm_tensor low = combine(c, hyper, up);
    gm_tensor quality = three_linears(c, token(c, q, 0), m->iou_w, m->iou_b);           /* (N, 4) */
    gm_tap(c, quality, DECODER "iou_prediction_head");
    *iou = gm_slice(c, quality, 1, 0, 1);
    gm_tap(c, low, "model.grounding_encoder.mask_decoder:0");
    gm_tap(c, *iou, "model.grounding_encoder.mask_decoder:1");
    gm_scope_keep(c, mark, (gm_tensor[]){ low, *iou }, 2);
    return gm_reshape(c, low, 3, GM_DIMS(N, low.dim[2], low.dim[3]));
}
