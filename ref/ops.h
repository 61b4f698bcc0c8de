/* Op fronts: check shapes, allocate the output, call the kernel, record.
 * Model code calls nothing else.  Shapes stand over every prototype; docs/OPS.md has the formulas.
 * w may be f32, bf16 or f16 in gather, linear and the convolutions, in the first two also quantised;
 * everything else is f32.
 * b may be GM_NONE (no bias). */
#ifndef GM_OPS_H
#define GM_OPS_H
#include "tensor.h"

/* ---- moves ---- */
/* x (R, C), rows i32 (N) -> (N, C) */
gm_tensor gm_gather(gm_ctx *c, gm_tensor x, gm_tensor rows);
/* x (..., R, C) -> (..., C, R) */
gm_tensor gm_transpose(gm_ctx *c, gm_tensor x);
/* a, b equal but for size `dim` -> their concatenation along it */
gm_tensor gm_concat(gm_ctx *c, gm_tensor a, gm_tensor b, int dim);
/* x -> x[..., at : at + n, ...] along dim */
gm_tensor gm_slice(gm_ctx *c, gm_tensor x, int dim, int64_t at, int64_t n);
/* writes x (B, T, C) into rows at .. at + T of y (B, N, C), in place (KV cache); y may be bf16 or
 * f16, to which x is rounded */
void gm_place(gm_ctx *c, gm_tensor y, gm_tensor x, int64_t at);
/* x (...) -> (n, ...) */
gm_tensor gm_repeat(gm_ctx *c, gm_tensor x, int64_t n);
/* x (B, H, W, C) -> (B nh nw, S, S, C), zero-padded; and back to (B, H, W, C) */
gm_tensor gm_window(gm_ctx *c, gm_tensor x, int64_t S);
gm_tensor gm_unwindow(gm_ctx *c, gm_tensor x, int64_t H, int64_t W);
/* rounded to bfloat16 where the release rounds (docs/QUIRKS.md Q4); x itself when !on */
gm_tensor gm_round_bf16(gm_ctx *c, gm_tensor x, bool on);

/* ---- maps ---- */
/* a (...), b: a's trailing sizes (broadcast over the leading ones) -> a's shape */
gm_tensor gm_add(gm_ctx *c, gm_tensor a, gm_tensor b);
gm_tensor gm_mul(gm_ctx *c, gm_tensor a, gm_tensor b);
gm_tensor gm_scale(gm_ctx *c, gm_tensor x, float s);
gm_tensor gm_relu(gm_ctx *c, gm_tensor x);
gm_tensor gm_gelu(gm_ctx *c, gm_tensor x);
gm_tensor gm_quick_gelu(gm_ctx *c, gm_tensor x);
gm_tensor gm_silu(gm_ctx *c, gm_tensor x);
gm_tensor gm_sin(gm_ctx *c, gm_tensor x);
gm_tensor gm_cos(gm_ctx *c, gm_tensor x);
/* x (..., NH HD), angle (R, HD / 2), R = the leading sizes folded */
gm_tensor gm_rope(gm_ctx *c, gm_tensor x, gm_tensor angle);

/* ---- sums ---- */
/* x (..., K), w (N, K), b (N) -> (..., N) */
gm_tensor gm_linear(gm_ctx *c, gm_tensor x, gm_tensor w, gm_tensor b);
/* x (B, CI, H, W), w (CO, CI, KH, KW), b (CO) -> (B, CO, HO, WO) */
gm_tensor gm_conv2d(gm_ctx *c, gm_tensor x, gm_tensor w, gm_tensor b, int64_t stride, int64_t pad);
/* x (B, CI, H, W), w (CI, CO, 2, 2), b (CO) -> (B, CO, 2H, 2W) */
gm_tensor gm_conv_transpose2x2(gm_ctx *c, gm_tensor x, gm_tensor w, gm_tensor b);
/* x (..., C), w, b (C) */
gm_tensor gm_layernorm(gm_ctx *c, gm_tensor x, gm_tensor w, gm_tensor b, float eps);
/* x (B, C, H, W), w, b (C): over the channels of each pixel */
gm_tensor gm_layernorm2d(gm_ctx *c, gm_tensor x, gm_tensor w, gm_tensor b, float eps);
gm_tensor gm_rmsnorm(gm_ctx *c, gm_tensor x, gm_tensor w, float eps);
/* x (B, C, H, W), w, b (C), G groups */
gm_tensor gm_groupnorm(gm_ctx *c, gm_tensor x, gm_tensor w, gm_tensor b, int64_t G, float eps);
/* x (..., H, W) -> (..., HO, WO) */
gm_tensor gm_resize(gm_ctx *c, gm_tensor x, int64_t HO, int64_t WO, bool align_corners);
/* x (B, C, H, W), box (N, 4), image i32 (N) -> (N, C, P, P); S x S samples a bin */
gm_tensor gm_roi_align(gm_ctx *c, gm_tensor x, gm_tensor box, gm_tensor image, int64_t P, int64_t S,
                       float scale);

/* ---- softmax and attention ---- */
gm_tensor gm_softmax(gm_ctx *c, gm_tensor x);

typedef struct {
    int64_t NH, NKV;            /* heads; NKV 0: as many key/value heads */
    bool causal;
    int64_t past, TK;           /* causal: positions before the first query; TK 0: all rows of k */
    gm_tensor keep;             /* u8 (B, TK), 0 leaves a key out; GM_NONE keeps all */
    gm_tensor rel_h, rel_w;     /* (2 GH - 1, HD), (2 GW - 1, HD); GM_NONE: none */
} gm_attn_options;
/* q (B, TQ, NH HD), k, v (B, KS, NKV HD) -> (B, TQ, NH HD); scores scaled by 1 / sqrt(HD).  k and v
 * may both be bf16 or f16; then there are no relative positions, and no gradient. */
gm_tensor gm_attention(gm_ctx *c, gm_tensor q, gm_tensor k, gm_tensor v, gm_attn_options o);

/* ---- losses: (1) ---- */
/* x (..., C), label i32 (R), below 0: does not count -> the mean over the rows that count */
gm_tensor gm_cross_entropy(gm_ctx *c, gm_tensor x, gm_tensor label);
/* x (N, ...) logits, t of its sizes, 0..1 -> the sum over N of each mask's loss */
gm_tensor gm_bce(gm_ctx *c, gm_tensor x, gm_tensor t);
gm_tensor gm_dice(gm_ctx *c, gm_tensor x, gm_tensor t);

/* ---- decisions ---- */
/* x (..., C) -> i32 (R), the lowest index on ties */
gm_tensor gm_argmax(gm_ctx *c, gm_tensor x);

#endif
