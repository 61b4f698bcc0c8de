/* The modules of GLaMM: their weights, and one function each for the forward pass.
 * Field names follow the checkpoint's. */
#ifndef GM_MODEL_H
#define GM_MODEL_H
#include "config.h"
#include "ops.h"
#include "weights.h"

/* ---- CLIP vision tower (clip.c) ---- */
typedef struct {
    gm_tensor ln1_w, ln1_b, q_w, q_b, k_w, k_b, v_w, v_b, o_w, o_b, ln2_w, ln2_b, fc1_w, fc1_b,
        fc2_w, fc2_b;
} clip_layer;
typedef struct {
    int64_t L, NH, S, P;                /* layers, heads, image side, patch side */
    int64_t select;                     /* the state that leaves the tower, 0..L */
    float eps;
    gm_tensor patch_w, class_embedding, position_w, pre_w, pre_b;
    clip_layer *layer;
} clip_tower;
int  gm_clip_bind(clip_tower *m, gm_weights *w, const gm_config *g, gm_error *e);
void gm_clip_free(clip_tower *m);
/* image (B, 3, S, S) -> the chosen state without its class row, (B, T, C); levels: the 4 region
 * levels likewise, shallowest first (NULL when no boxes are asked about). */
gm_tensor gm_clip(gm_ctx *c, const clip_tower *m, gm_tensor image, gm_tensor levels[4]);

/* ---- V-L projector (glamm.c) ---- */
typedef struct { gm_tensor w0, b0, w2, b2; } gm_two_linears;

/* ---- region encoder (region.c) ---- */
typedef struct {
    int64_t groups, scale, nfuse;
    bool bf16;
    gm_tensor input_w[4], input_b[4];
    gm_tensor fuse_w[8], gn_w[8], gn_b[8];
    gm_tensor pconv_w[4], pconv_b[4];
    gm_tensor pos0_w, pos0_b, pos2_w, pos2_b, pos3_w, pos3_b, pos5_w, pos5_b;
    gm_tensor flatten_w, flatten_b, updims_w, updims_b;
} region_encoder;
int gm_region_bind(region_encoder *m, gm_weights *w, const gm_config *g, gm_error *e);
/* levels (B, T, C) x 4 -> the fused maps (B, C, S, S) x 4, largest first: what depends on the image
 * alone. */
void gm_region_maps(gm_ctx *c, const region_encoder *m, const gm_tensor levels[4],
                    gm_tensor maps[4]);
/* maps, box (N, 4) in 0..1, image i32 (N) -> (N, hidden) */
gm_tensor gm_region(gm_ctx *c, const region_encoder *m, const gm_tensor maps[4], gm_tensor box,
                    gm_tensor image);

/* ---- LLaMA (llama.c) ---- */
/* An adapter that is being trained: a (r, in), b (out, r), or a.data NULL for none.  dropout: of
 * its input, by masks that key names; 0 outside training. */
typedef struct {
    gm_tensor a, b;
    float scale;                        /* alpha / r */
    double dropout;
    uint64_t key;
} low_rank;
/* x (..., in), w (out, in) -> (..., out): x w^T + scale drop(x) a^T b^T  (lora.c) */
gm_tensor gm_lora_linear(gm_ctx *c, gm_tensor x, gm_tensor w, const low_rank *r);

typedef struct {
    gm_tensor input_norm, q_w, k_w, v_w, o_w, post_norm, gate_w, up_w, down_w;
    low_rank q, k, v, o, gate, up, down;
} llama_layer;
typedef struct {
    int64_t L, NH, NKV, HD;
    float eps, theta;                   /* theta: base of the rotary angles */
    bool interleaved;                   /* rows of q_w and k_w: rotary pairs side by side */
    gm_dtype kv;                        /* of keys and values in a cache: GM_F32, BF16 or F16 */
    gm_tensor embed, norm, head;
    llama_layer *layer;
} llama;
typedef struct {
    int64_t len;                        /* rows filled */
    gm_tensor *k, *v;                   /* (L) of (B, N, NKV HD) */
} llama_cache;
int  gm_llama_bind(llama *m, gm_weights *w, const gm_config *g, gm_error *e);
void gm_llama_free(llama *m);
/* Caches made from now on hold "f32", "bf16" or "f16". */
int  gm_llama_kv(llama *m, const char *name, gm_error *e);
int  gm_llama_cache_new(gm_ctx *c, llama_cache *kv, const llama *m, int64_t B, int64_t N);
void gm_llama_cache_free(llama_cache *kv);      /* the tensors go with the context's scope */
/* In training not every position is computed.  Left out are padding, a beginning that conversations
 * share but for the first of them, and behind the last attention whatever no loss reads.  Sums over
 * rows take packed rows; attention sees the conversations spread out.  All i32. */
typedef struct {
    int64_t B;                          /* 0: every position, no packing */
    gm_tensor source;                   /* (R): which position of (B T) packed row r is */
    gm_tensor spread; /* (B T): the packed row of each position; 0 where it is left out */
    gm_tensor last, last_rows; /* (N): wanted positions of (B T), and their packed rows */
} llama_rows;
/* x (B, T, C) embeddings -> H (B, T, C) after model.norm.  cache NULL: x is the whole sequence;
 * else x continues it and is appended.  keep u8 (B, past + T) or GM_NONE. */
gm_tensor gm_llama(gm_ctx *c, const llama *m, gm_tensor x, llama_cache *kv, gm_tensor keep);
/* x (B, 1, C): the next row of B sequences, each of its own length with a cache of its own; the
 * weights are read once for all. */
gm_tensor gm_llama_step(gm_ctx *c, const llama *m, gm_tensor x, llama_cache *const *kv);
/* Row b of x (B, 1, C) or (B, C) as (1, 1, C); a view. */
gm_tensor gm_llama_row(gm_tensor x, int64_t b);
/* The same for packed rows: x (R, C) -> the wanted ones, (N, C).  keep (B, T) or GM_NONE. */
gm_tensor gm_llama_packed(gm_ctx *c, const llama *m, gm_tensor x, llama_rows rows, gm_tensor keep);

/* ---- SAM image encoder (sam_encoder.c) ---- */
typedef struct {
    gm_tensor ln1_w, ln1_b, qkv_w, qkv_b, rel_h, rel_w, proj_w, proj_b, ln2_w, ln2_b, lin1_w,
        lin1_b, lin2_w, lin2_b;
    int64_t S;                          /* window side; 0: global */
} sam_block;
typedef struct {
    int64_t L, NH, G, P;                /* blocks, heads, grid side, patch side */
    gm_tensor patch_w, patch_b, pos_embed;
    gm_tensor neck0_w, neck1_w, neck1_b, neck2_w, neck3_w, neck3_b;
    sam_block *block;
} sam_encoder;
int gm_sam_encoder_bind(sam_encoder *m, gm_weights *w, const gm_config *g, gm_error *e);
void gm_sam_encoder_free(sam_encoder *m);
/* image (B, 3, S, S) -> E (B, C, G, G) */
gm_tensor gm_sam_encode(gm_ctx *c, const sam_encoder *m, gm_tensor image);

/* ---- prompt encoder and mask decoder (mask_decoder.c) ---- */
typedef struct { gm_tensor q_w, q_b, k_w, k_b, v_w, v_b, o_w, o_b; } two_way_attn;
typedef struct {
    two_way_attn self, to_image, to_token;
    gm_tensor norm_w[4], norm_b[4], lin1_w, lin1_b, lin2_w, lin2_b;
} two_way_layer;
typedef struct {
    int64_t NH, G, L;                   /* heads, grid side, two-way layers */
    bool bf16;
    gm_tensor gaussian, no_mask, iou_token, mask_tokens;
    two_way_layer layer[2];
    two_way_attn final;
    gm_tensor final_w, final_b;
    gm_tensor up0_w, up0_b, up1_w, up1_b, up3_w, up3_b;
    gm_tensor hyper_w[3], hyper_b[3], iou_w[3], iou_b[3];
} mask_decoder;
int gm_mask_decoder_bind(mask_decoder *m, gm_weights *w, const gm_config *g, int64_t grid,
                         gm_error *e);
/* E (1, C, G, G), sparse (N, C) -> low-resolution logits (N, 4 G, 4 G); iou (N, 1) */
gm_tensor gm_mask_decode(gm_ctx *c, const mask_decoder *m, gm_tensor E, gm_tensor sparse,
                         gm_tensor *iou);
/* PE (C, G, G) */
gm_tensor gm_dense_pe(gm_ctx *c, const mask_decoder *m);

/* ---- GLaMM (glamm.c) ---- */
typedef struct {
    gm_config config;
    int32_t eos, bbox, seg;             /* token ids, from the tokenizer */
    clip_tower clip;
    gm_two_linears projector;
    region_encoder region;
    llama llama;
    gm_two_linears text_fcs;
    sam_encoder sam;
    mask_decoder decoder;
} glamm;
int  gm_glamm_bind(glamm *m, gm_weights *w, const gm_config *g, gm_error *e);
void gm_glamm_free(glamm *m);
/* Image tokens T_img (of a text model 1: a sequence has as many positions as ids), and the side of
 * the grounding encoder's input. */
int64_t gm_image_token_count(const glamm *m);
int64_t gm_sam_side(const glamm *m);

#define GM_MAX_IMAGES 64                /* in one batch */

/* A right-padded batch of conversations over several images. */
typedef struct {
    int64_t B, L;                       /* conversations, ids each */
    const int32_t *ids;                 /* (B, L), one -200 each: the image; padding is 0 */
    bool padded; /* ids 0 are left out as attention keys (training; not generation, C8) */
    /* (B, L + T_img - 1), or NULL for all: positions whose states are read afterwards, those of
     * gm_seg_rows among them.  share: equal beginnings of conversations are computed once (not with
     * dropout, which would differ). */
    const uint8_t *wanted;
    bool share;
    int64_t images;
    const int64_t *offset; /* images + 1: image i has conversations offset[i] .. offset[i + 1] */
    gm_tensor clip_pixels;              /* (images, 3, S, S) */
    gm_tensor sam_pixels;               /* (images, 3, S, S) or GM_NONE: no masks */
    const int64_t (*resized)[2]; /* height, width of the image inside its padded SAM pixels */
    const int64_t (*original)[2];       /* height, width of its masks */
    gm_tensor box;           /* (N, 4) x1 y1 x2 y2 in 0..1, image after image, or GM_NONE */
    const int64_t *boxes_of; /* images + 1: image i has boxes boxes_of[i] .. boxes_of[i + 1] */
} gm_batch;

typedef struct {
    gm_tensor hidden; /* (B, L + T_img - 1, C), after model.norm; with `wanted` (N, C): those */
    gm_tensor logits;                   /* (B, L + T_img - 1, V), or (N, V) */
    int64_t images;                     /* 0 when the batch had no SAM pixels */
    gm_tensor mask[GM_MAX_IMAGES];      /* image i: (N, H, W) logits at the original size */
} gm_output;

/* The training-mode forward pass over whole conversations, answers included: every tap of the
 * goldens. Source: groundingLMM model/GLaMM.py, GLaMMForCausalLM.model_forward. */
int gm_forward(gm_ctx *c, const glamm *m, const gm_batch *b, gm_output *out);

/* Its pieces, which generation calls one by one. */
/* (images, 3, S, S) -> (images, T_img, hidden); levels (4 of (images, T_img, C_clip)) or NULL */
gm_tensor gm_image_tokens(gm_ctx *c, const glamm *m, gm_tensor clip_pixels, gm_tensor levels[4]);
/* ids, image tokens, region vectors (N, hidden) or GM_NONE -> embeddings (B, L + T_img - 1, hidden)
 */
gm_tensor gm_input_embeddings(gm_ctx *c, const glamm *m, const gm_batch *b, gm_tensor img,
                              gm_tensor regions);
/* hidden (..., C) -> (..., 256): text_hidden_fcs.0, the L-P projection */
gm_tensor gm_project_text(gm_ctx *c, const glamm *m, gm_tensor hidden);
/* E (1, C, G, G), prompts (N, C) -> logits (N, H, W) at the original size, iou (N, 1); N may be 0
 */
gm_tensor gm_masks(gm_ctx *c, const glamm *m, gm_tensor E, gm_tensor prompts,
                   const int64_t resized[2], const int64_t original[2], gm_tensor *iou);

/* ---- from ids to rows, on the host (sequence.c) ---- */
/* Which row of [embeddings (B L); image tokens (images T_img); regions (N)] stands at every
 * position of the expanded sequences: i32 (B (L + T_img - 1)).  Errors: not one image, fewer boxes
 * than <bbox> (QUIRKS C2). */
gm_tensor gm_sequence_rows(gm_ctx *c, const glamm *m, const gm_batch *b, int64_t nregions);
/* The ids with the image's replaced by 0, i32 (B L): rows of the embedding table. */
gm_tensor gm_sequence_ids(gm_ctx *c, const glamm *m, const gm_batch *b);
/* u8 (B, L + T_img - 1): 0 at padding; GM_NONE when the batch is not padded. */
gm_tensor gm_sequence_keep(gm_ctx *c, const glamm *m, const gm_batch *b);
/* The positions that predict [SEG] in conversations from .. to, as rows of (B (L + T_img - 1)), or
 * of the wanted ones: i32 (N). Q3, Q5 */
gm_tensor gm_seg_rows(gm_ctx *c, const glamm *m, const gm_batch *b, int64_t from, int64_t to);
/* What gm_llama_packed computes of a batch with `wanted`. */
llama_rows gm_sequence_packing(gm_ctx *c, const glamm *m, const gm_batch *b);
/* Which image every box belongs to: i32 (N). */
gm_tensor gm_box_images(gm_ctx *c, const gm_batch *b);

#endif
