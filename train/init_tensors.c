/* See init_tensors.h.  Sources: transformers modeling_llama.py, modeling_clip.py; groundingLMM
 * model/layers.py, model/SAM/modeling. */
#include "init_tensors.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include "../io/names.h"
#include "../io/os.h"

#define VISION GM_TOWER "vision_model."
#define DECODER GM_GROUNDING "mask_decoder."
#define PROMPT GM_GROUNDING "prompt_encoder."

static void add(init_list *l, const char *name, const char *suffix, int nd, const int64_t *dim,
                init_kind kind, double gain)
{
    char full[240];
    if (l->n == l->room) {
        int64_t room = l->room ? 2 * l->room : 256;
        init_tensor *more = realloc(l->t, (size_t)room * sizeof *more);
        l->failed |= !more;
        if (!more) return;
        l->t = more;
        l->room = room;
    }
    snprintf(full, sizeof full, "%s%s", name, suffix);
    init_tensor t = { gm_copy_text(full), { .nd = nd, .type = GM_F32 }, kind, gain };
    for (int i = 0; i < nd; i++) t.x.dim[i] = dim[i];
    l->failed |= !t.name;
    if (t.name) l->t[l->n++] = t;
}

static void linear(init_list *l, const char *name, int64_t out, int64_t in, double gain, bool bias)
{
    add(l, name, ".weight", 2, GM_DIMS(out, in), INIT_MATRIX, gain);
    if (bias) add(l, name, ".bias", 1, GM_DIMS(out), INIT_BIAS, 0);
}

static void conv(init_list *l, const char *name, int64_t out, int64_t in, int64_t side, bool bias)
{
    add(l, name, ".weight", 4, GM_DIMS(out, in, side, side), INIT_CONV, 1);
    if (bias) add(l, name, ".bias", 1, GM_DIMS(out), INIT_BIAS, 0);
}

/* in (in, out, 2, 2) order. */
static void conv_up(init_list *l, const char *name, int64_t in, int64_t out)
{
    add(l, name, ".weight", 4, GM_DIMS(in, out, 2, 2), INIT_CONV, 1);
    add(l, name, ".bias", 1, GM_DIMS(out), INIT_BIAS, 0);
}

static void norm(init_list *l, const char *name, int64_t n, bool bias)
{
    add(l, name, ".weight", 1, GM_DIMS(n), INIT_NORM, 0);
    if (bias) add(l, name, ".bias", 1, GM_DIMS(n), INIT_BIAS, 0);
}

static void token(init_list *l, const char *name, int64_t n, int64_t C, double gain)
{
    add(l, name, "", 2, GM_DIMS(n, C), INIT_TOKEN, gain);
}

/* prefix with a number behind it, then name. */
static const char *in(char *buf, const char *prefix, int64_t i, const char *name)
{
    snprintf(buf, 200, "%.120s%lld.%.50s", prefix, (long long)i, name);
    return buf;
}

static void language(init_list *l, const init_sizes *s)
{
    const char *p = "model.layers.";
    char b[200];
    int64_t C = s->hidden, KV = C / s->heads * s->kv_heads;
    double out = 1 / sqrt(2 * (double)s->layers);
    token(l, "model.embed_tokens.weight", s->vocab, C, 0.5);
    linear(l, "lm_head", s->vocab, C, 0.5, false);
    norm(l, "model.norm", C, false);
    for (int64_t i = 0; i < s->layers; i++) {
        norm(l, in(b, p, i, "input_layernorm"), C, false);
        norm(l, in(b, p, i, "post_attention_layernorm"), C, false);
        linear(l, in(b, p, i, "self_attn.q_proj"), C, C, 1, false);
        linear(l, in(b, p, i, "self_attn.k_proj"), KV, C, 1, false);
        linear(l, in(b, p, i, "self_attn.v_proj"), KV, C, 1, false);
        linear(l, in(b, p, i, "self_attn.o_proj"), C, C, out, false);
        linear(l, in(b, p, i, "mlp.gate_proj"), s->inter, C, 1, false);
        linear(l, in(b, p, i, "mlp.up_proj"), s->inter, C, 1, false);
        linear(l, in(b, p, i, "mlp.down_proj"), C, s->inter, out, false);
    }
}

/* The tower's states grow with the depth: nano's 1 / 6.5 brings them to 1. */
static void projections(init_list *l, const init_sizes *s)
{
    linear(l, "model.mm_projector.0", s->hidden, s->clip_hidden, 1 / 6.5, true);
    linear(l, "model.mm_projector.2", s->hidden, s->hidden, 1, true);
    linear(l, "model.text_hidden_fcs.0.0", s->hidden, s->hidden, 1, true);
    linear(l, "model.text_hidden_fcs.0.2", s->sam_out, s->hidden, 1, true);
}

static void region(init_list *l, const init_sizes *s)
{
    const char *fuse = "model.region_encoder.mlvl_fuse.", *roi = "model.region_encoder.roi_align.";
    char b[200], p[200];
    int64_t C = s->clip_hidden, cells = 14 * 14;
    for (int64_t i = 0; i < 4; i++) {
        snprintf(p, sizeof p, "%sinput_conv.%lld", fuse, (long long)i);
        conv(l, p, C, C + 2, 1, true);
        snprintf(p, sizeof p, "%spconvs.%lld", roi, (long long)i);
        conv(l, p, C, C, 3, true);
    }
    snprintf(p, sizeof p, "%sfuse_convs.", fuse);
    for (int64_t i = 0; i < 5; i++) {
        conv(l, in(b, p, i, "conv"), C, C, 3, false);
        norm(l, in(b, p, i, "gn"), C, true);
    }
    snprintf(b, sizeof b, "%sflatten_linear", roi);
    linear(l, b, s->region_mid, C * cells, 1, true);
    snprintf(b, sizeof b, "%supdims", roi);
    linear(l, b, s->hidden, s->region_mid, 1, true);
    snprintf(b, sizeof b, "%spos_embedd.0", roi);
    linear(l, b, s->region_pos, 4, 1, true);
    snprintf(b, sizeof b, "%spos_embedd.2", roi);
    norm(l, b, s->region_pos, true);
    snprintf(b, sizeof b, "%spos_embedd.3", roi);
    linear(l, b, s->region_mid, s->region_pos, 1, true);
    snprintf(b, sizeof b, "%spos_embedd.5", roi);
    norm(l, b, s->region_mid, true);
}

static void tower(init_list *l, const init_sizes *s)
{
    const char *p = VISION "encoder.layers.";
    char b[200];
    int64_t C = s->clip_hidden, side = s->clip_image / s->clip_patch;
    double small = 1 / sqrt((double)C), out = 1 / sqrt(2 * (double)s->clip_layers);
    add(l, VISION "embeddings.class_embedding", "", 1, GM_DIMS(C), INIT_TOKEN, small);
    conv(l, VISION "embeddings.patch_embedding", C, 3, s->clip_patch, false);
    token(l, VISION "embeddings.position_embedding.weight", side * side + 1, C, small);
    norm(l, VISION "pre_layrnorm", C, true);
    norm(l, VISION "post_layernorm", C, true);
    for (int64_t i = 0; i < s->clip_layers; i++) {
        norm(l, in(b, p, i, "layer_norm1"), C, true);
        norm(l, in(b, p, i, "layer_norm2"), C, true);
        linear(l, in(b, p, i, "self_attn.q_proj"), C, C, 1, true);
        linear(l, in(b, p, i, "self_attn.k_proj"), C, C, 1, true);
        linear(l, in(b, p, i, "self_attn.v_proj"), C, C, 1, true);
        linear(l, in(b, p, i, "self_attn.out_proj"), C, C, out, true);
        linear(l, in(b, p, i, "mlp.fc1"), s->clip_inter, C, 1, true);
        linear(l, in(b, p, i, "mlp.fc2"), C, s->clip_inter, out, true);
    }
}

static void sam_encoder_tensors(init_list *l, const init_sizes *s)
{
    const char *e = GM_GROUNDING "image_encoder.", *p = GM_GROUNDING "image_encoder.blocks.";
    char b[200];
    int64_t D = s->sam_dim, G = s->sam_image / s->sam_patch, HD = D / s->sam_heads;
    double out = 1 / sqrt(2 * (double)s->sam_depth);
    snprintf(b, sizeof b, "%spatch_embed.proj", e);
    conv(l, b, D, 3, s->sam_patch, true);
    snprintf(b, sizeof b, "%spos_embed", e);
    add(l, b, "", 4, GM_DIMS(1, G, G, D), INIT_TABLE, 0.02);
    for (int64_t i = 0; i < s->sam_depth; i++) {
        int64_t rows = 2 * (s->sam_global[i] ? G : s->sam_window) - 1;
        norm(l, in(b, p, i, "norm1"), D, true);
        norm(l, in(b, p, i, "norm2"), D, true);
        linear(l, in(b, p, i, "attn.qkv"), 3 * D, D, 1, true);
        linear(l, in(b, p, i, "attn.proj"), D, D, out, true);
        add(l, in(b, p, i, "attn.rel_pos_h"), "", 2, GM_DIMS(rows, HD), INIT_TABLE, 0);
        add(l, in(b, p, i, "attn.rel_pos_w"), "", 2, GM_DIMS(rows, HD), INIT_TABLE, 0);
        linear(l, in(b, p, i, "mlp.lin1"), 4 * D, D, 1, true);
        linear(l, in(b, p, i, "mlp.lin2"), D, 4 * D, out, true);
    }
    conv(l, GM_GROUNDING "image_encoder.neck.0", s->sam_out, D, 1, false);
    norm(l, GM_GROUNDING "image_encoder.neck.1", s->sam_out, true);
    conv(l, GM_GROUNDING "image_encoder.neck.2", s->sam_out, s->sam_out, 3, false);
    norm(l, GM_GROUNDING "image_encoder.neck.3", s->sam_out, true);
}

/* Clicks, boxes and mask prompts are part of SAM's files, though GLaMM asks for none. */
static void prompt_encoder(init_list *l, const init_sizes *s)
{
    char b[200];
    int64_t O = s->sam_out;
    token(l, PROMPT "no_mask_embed.weight", 1, O, 1);
    token(l, PROMPT "not_a_point_embed.weight", 1, O, 1);
    for (int64_t i = 0; i < 4; i++) {
        snprintf(b, sizeof b, PROMPT "point_embeddings.%lld.weight", (long long)i);
        token(l, b, 1, O, 1);
    }
    conv(l, PROMPT "mask_downscaling.0", 4, 1, 2, true);
    norm(l, PROMPT "mask_downscaling.1", 4, true);
    conv(l, PROMPT "mask_downscaling.3", 16, 4, 2, true);
    norm(l, PROMPT "mask_downscaling.4", 16, true);
    conv(l, PROMPT "mask_downscaling.6", O, 16, 1, true);
    token(l, PROMPT "pe_layer.positional_encoding_gaussian_matrix", 2, O / 2, 1);
}

static void attention(init_list *l, const char *prefix, int64_t O, int64_t inner)
{
    static const char *const name[] = { "q_proj", "k_proj", "v_proj" };
    char b[240];
    for (int i = 0; i < 3; i++) {
        snprintf(b, sizeof b, "%s.%s", prefix, name[i]);
        linear(l, b, inner, O, 1, true);
    }
    snprintf(b, sizeof b, "%s.out_proj", prefix);
    linear(l, b, O, inner, 1, true);
}

/* An MLP of three layers. */
static void three(init_list *l, const char *prefix, int64_t from, int64_t mid, int64_t to)
{
    char b[200];
    const int64_t size[4] = { from, mid, mid, to };
    for (int64_t i = 0; i < 3; i++) {
        snprintf(b, sizeof b, "%s.layers.%lld", prefix, (long long)i);
        linear(l, b, size[i + 1], size[i], 1, true);
    }
}

static void decoder(init_list *l, const init_sizes *s)
{
    const char *p = DECODER "transformer.layers.";
    char b[200];
    int64_t O = s->sam_out;
    token(l, DECODER "iou_token.weight", 1, O, 1);
    token(l, DECODER "mask_tokens.weight", 4, O, 1);
    for (int64_t i = 0; i < 2; i++) {
        attention(l, in(b, p, i, "self_attn"), O, O);
        attention(l, in(b, p, i, "cross_attn_token_to_image"), O, O / 2);
        attention(l, in(b, p, i, "cross_attn_image_to_token"), O, O / 2);
        linear(l, in(b, p, i, "mlp.lin1"), s->sam_mlp, O, 1, true);
        linear(l, in(b, p, i, "mlp.lin2"), O, s->sam_mlp, 1, true);
        norm(l, in(b, p, i, "norm1"), O, true);
        norm(l, in(b, p, i, "norm2"), O, true);
        norm(l, in(b, p, i, "norm3"), O, true);
        norm(l, in(b, p, i, "norm4"), O, true);
    }
    attention(l, DECODER "transformer.final_attn_token_to_image", O, O / 2);
    norm(l, DECODER "transformer.norm_final_attn", O, true);
    conv_up(l, DECODER "output_upscaling.0", O, O / 4);
    norm(l, DECODER "output_upscaling.1", O / 4, true);
    conv_up(l, DECODER "output_upscaling.3", O / 4, O / 8);
    for (int64_t i = 0; i < 4; i++) {
        snprintf(b, sizeof b, DECODER "output_hypernetworks_mlps.%lld", (long long)i);
        three(l, b, O, O, O / 8);
    }
    three(l, DECODER "iou_prediction_head", O, s->sam_iou_hidden, 4);
}

void init_tensors(init_list *l, const init_sizes *s)
{
    *l = (init_list){ 0 };
    language(l, s);
    projections(l, s);
    region(l, s);
    tower(l, s);
    sam_encoder_tensors(l, s);
    prompt_encoder(l, s);
    decoder(l, s);
}

void init_list_free(init_list *l)
{
    for (int64_t i = 0; i < l->n; i++) free(l->t[i].name);
    free(l->t);
    *l = (init_list){ 0 };
}
