/* The kernel table: every operation of GLaMM on plain pointers.
 *
 * A backend is one gm_kernels.  A NULL slot inherits the slot of the table below it (cpu inherits
 * ref; a plugin inherits cpu).  This header needs nothing else of the project: an outside file that
 * includes it and fills a table can be checked with the project's own cases.
 *
 * Rules for a kernel.  Outputs, inputs, weights, sizes outer to inner, scalars.  Sizes are int64_t.
 * Tensors are contiguous, row-major, float unless a gm_dtype stands beside the pointer.  y never
 * overlaps an input.  No allocation, no globals, no printing; scratch memory is asked for through
 * the *_scratch slots (bytes, NULL means none) and handed in, 64-byte aligned, contents undefined.
 * Returns 0, or non-zero when the kernel cannot do this call (reported with the op's name).
 *
 * Letters: B batch, T tokens, C width, NH heads, NKV key/value heads, HD head width, V vocabulary,
 * H W height width, N regions, masks or outputs, K summed length, R rows (leading sizes folded),
 * M a repeated length.  docs/OPS.md has formula, source and tolerance class of each slot. */
#ifndef GM_KERNELS_H
#define GM_KERNELS_H
#include <stddef.h>
#include <stdint.h>

/* GM_Q...: weights of `linear` and `gather` in blocks of 32 along a row, as llama.cpp stores them
 * (ggml-common.h); a row is a whole number of blocks.  d, m are f16, q a quarter or half byte:
 *   Q8_0  d, 32 signed bytes:          d q
 *   Q4_0  d, 16 bytes:                 d (q - 8);  byte i holds elements i (low) and i + 16
 *   Q4_1  d, m, 16 bytes:              d q + m;    likewise
 * Blocks of 256, of parts with a scale s each (typed.h says where their bits lie):
 *   Q4_K  d, e, 12 bytes, 128 bytes:            d s q - e t;  8 parts; s, t of 6 bits, q of 4
 *   Q5_K  d, e, 12 bytes, 32 bytes, 128 bytes:  d s q - e t;  likewise, q of 5
 *   Q6_K  128 bytes, 64 bytes, 16 bytes, d:     d s (q - 32); 16 parts; s a signed byte, q of 6 */
typedef enum {
    GM_F32, GM_BF16, GM_F16, GM_I32, GM_I64, GM_U8, GM_Q8_0, GM_Q4_0, GM_Q4_1, GM_Q4_K, GM_Q5_K,
    GM_Q6_K, GM_NTYPES
} gm_dtype;

/* Convolution: x (B, CI, H, W), w (CO, CI, KH, KW), y (B, CO, HO, WO),
 * HO = (H + 2 pad - KH) / stride + 1. */
typedef struct { int64_t B, CI, H, W, CO, KH, KW, stride, pad, HO, WO; } gm_conv;

/* Attention: q (B, TQ, NH HD); k, v (B, KS, NKV HD) of which the first TK rows count; y as q.
 * Head h reads key/value head h / (NH / NKV).  score = scale q.k, then softmax over keys, times v.
 * causal: query i sees keys j <= i + past.  keep (B, TK) or NULL: keys with 0 are left out.
 * rel_h (2 GH - 1, HD), rel_w (2 GW - 1, HD) or NULL: SAM's decomposed relative positions, for
 * TQ = TK = GH GW; adds q.rel_h[yi - yj + GH - 1] + q.rel_w[xi - xj + GW - 1], q unscaled.
 * A query that sees no key gives NaN, as torch.softmax over -inf does. */
typedef struct {
    int64_t B, TQ, TK, KS, NH, NKV, HD;
    float scale;
    int causal;
    int64_t past;
    const uint8_t *keep;
    const float *rel_h, *rel_w;
    int64_t GH, GW;
} gm_attn;

typedef struct gm_kernels {
    const char *name;

    /* ---- moves: bitwise ---- */
    /* y (N, C) = rows of x (R, C) of type xt, as float; 0 <= rows[n] < R is the caller's duty. */
    int (*gather)(float *y, const void *x, gm_dtype xt, const int32_t *rows, int64_t N, int64_t R,
                  int64_t C);
    /* y (B, C, R) = x (B, R, C) with the last two sizes exchanged. */
    int (*transpose)(float *y, const float *x, int64_t B, int64_t R, int64_t C);
    /* y (B, N + M): every row is a's row (N long) followed by b's (M long). */
    int (*concat)(float *y, const float *a, const float *b, int64_t B, int64_t N, int64_t M);
    /* y (B, M) = x (B, N)[:, at : at + M]. */
    int (*slice)(float *y, const float *x, int64_t B, int64_t N, int64_t at, int64_t M);
    /* y (B, N)[:, at : at + M] = x (B, M); the rest of y stays. */
    int (*place)(float *y, const float *x, int64_t B, int64_t N, int64_t at, int64_t M);
    /* The same into y of type yt, GM_BF16 or GM_F16: x rounded to it (nearest even). */
    int (*place16)(void *y, gm_dtype yt, const float *x, int64_t B, int64_t N, int64_t at,
                   int64_t M);
    /* y (B, N) = x (N) in every row. */
    int (*repeat)(float *y, const float *x, int64_t B, int64_t N);
    /* y (B nh nw, S, S, C) = x (B, H, W, C) zero-padded bottom and right to nh S by nw S, cut into
     * windows, nh = ceil(H / S); and the way back, padding dropped. */
    int (*window)(float *y, const float *x, int64_t B, int64_t H, int64_t W, int64_t C, int64_t S);
    int (*unwindow)(float *y, const float *x, int64_t B, int64_t H, int64_t W, int64_t C,
                    int64_t S);
    /* y (N) = x rounded to bfloat16 (nearest even), as float. */
    int (*round_bf16)(float *y, const float *x, int64_t N);
    /* y (N) = value: gradients start at 0. */
    int (*fill)(float *y, int64_t N, float value);

    /* ---- maps: one element in, one out; b (M) repeats along a (N), M divides N ---- */
    int (*add)(float *y, const float *a, const float *b, int64_t N, int64_t M);
    int (*mul)(float *y, const float *a, const float *b, int64_t N, int64_t M);
    int (*scale)(float *y, const float *x, int64_t N, float s);
    int (*relu)(float *y, const float *x, int64_t N);
    int (*gelu)(float *y, const float *x, int64_t N);          /* x/2 (1 + erf(x / sqrt 2)) */
    int (*quick_gelu)(float *y, const float *x, int64_t N);    /* x sigmoid(1.702 x) */
    int (*silu)(float *y, const float *x, int64_t N);          /* x sigmoid(x) */
    int (*sin)(float *y, const float *x, int64_t N);
    int (*cos)(float *y, const float *x, int64_t N);
    /* y (R, NH, HD) = x turned by angle (R, HD/2): halves convention, one table for all heads. */
    int (*rope)(float *y, const float *x, const float *angle, int64_t R, int64_t NH, int64_t HD);

    /* ---- sums ---- */
    /* y (R, N) = x (R, K) w (N, K)^T + b (N) or NULL; w of type wt. */
    int (*linear)(float *y, const float *x, const void *w, gm_dtype wt, const float *b,
                  int64_t R, int64_t N, int64_t K, void *scratch);
    size_t (*linear_scratch)(gm_dtype wt, int64_t R, int64_t N, int64_t K);
    /* Cross-correlation, zero padding; b (CO) or NULL; w of type wt. */
    int (*conv2d)(float *y, const float *x, const void *w, gm_dtype wt, const float *b,
                  const gm_conv *s, void *scratch);
    size_t (*conv2d_scratch)(gm_dtype wt, const gm_conv *s);
    /* y (B, CO, 2H, 2W): out[o, 2y+i, 2x+j] = b[o] + sum_c x[c, y, x] w[c, o, i, j]; w (CI, CO, 2,
     * 2). */
    int (*conv_transpose2x2)(float *y, const float *x, const void *w, gm_dtype wt, const float *b,
                             int64_t B, int64_t CI, int64_t H, int64_t W, int64_t CO);
    /* Over C, biased variance. */
    int (*layernorm)(float *y, const float *x, const float *w, const float *b, int64_t R, int64_t C,
                     float eps);
    /* SAM's LayerNorm2d: x (B, C, HW), over the channels of each pixel. */
    int (*layernorm2d)(float *y, const float *x, const float *w, const float *b, int64_t B,
                       int64_t C, int64_t HW, float eps);
    /* y = w x / sqrt(mean(x^2) + eps). */
    int (*rmsnorm)(float *y, const float *x, const float *w, int64_t R, int64_t C, float eps);
    /* x (B, C, HW), G groups of C / G channels, statistics over group and space. */
    int (*groupnorm)(float *y, const float *x, const float *w, const float *b, int64_t B, int64_t C,
                     int64_t HW, int64_t G, float eps);
    /* Bilinear, x (R, H, W) -> y (R, HO, WO); align: PyTorch's align_corners. No antialiasing. */
    int (*resize)(float *y, const float *x, int64_t R, int64_t H, int64_t W, int64_t HO, int64_t WO,
                  int align);
    /* y (N, C, P, P): box n (x1, y1, x2, y2), in units of 1 / scale pixels, read from image[n] of
     * x (B, C, H, W); aligned, S x S samples averaged per bin (torchvision, mmcv RoIAlign). */
    int (*roi_align)(float *y, const float *x, const float *box, const int32_t *image, int64_t N,
                     int64_t B, int64_t C, int64_t H, int64_t W, int64_t P, int64_t S, float scale);

    /* ---- softmax and attention ---- */
    int (*softmax)(float *y, const float *x, int64_t R, int64_t C);
    int (*attention)(float *y, const float *q, const float *k, const float *v, const gm_attn *s,
                     void *scratch);
    size_t (*attention_scratch)(const gm_attn *s);
    /* The same over keys and values of type kt, GM_BF16 or GM_F16, read as they lie (a KV cache);
     * s->rel_h and rel_w are NULL. */
    int (*attention16)(float *y, const float *q, const void *k, const void *v, gm_dtype kt,
                       const gm_attn *s, void *scratch);
    size_t (*attention16_scratch)(gm_dtype kt, const gm_attn *s);

    /* ---- decisions ---- */
    int (*argmax)(int32_t *y, const float *x, int64_t R,
                  int64_t C);                             /* lowest index on ties; a NaN wins */
    int (*finite)(int32_t *y, const float *x, int64_t N); /* y[0] = 1 when all are finite */

    /* ---- backward ----
     * d of a name is the loss's gradient by it.  Gradients are *added* to what dx, dw, db, ... hold
     * (llm.c does so too): a value read twice, or a second micro-batch, needs no further op.  Any
     * of them may be NULL: not wanted.  dw is float whatever the weight's type; it never overlaps
     * an input.  Sizes and inputs are those of the forward slot; statistics are computed again. */
    int (*gather_backward)(float *dx, const float *dy, const int32_t *rows, int64_t N, int64_t R,
                           int64_t C);
    int (*transpose_backward)(float *dx, const float *dy, int64_t B, int64_t R, int64_t C);
    int (*concat_backward)(float *da, float *db, const float *dy, int64_t B, int64_t N, int64_t M);
    int (*slice_backward)(float *dx, const float *dy, int64_t B, int64_t N, int64_t at, int64_t M);
    int (*repeat_backward)(float *dx, const float *dy, int64_t B, int64_t N);
    int (*window_backward)(float *dx, const float *dy, int64_t B, int64_t H, int64_t W, int64_t C,
                           int64_t S);
    int (*unwindow_backward)(float *dx, const float *dy, int64_t B, int64_t H, int64_t W, int64_t C,
                             int64_t S);
    /* dy rounded to bfloat16 on its way, as PyTorch's casts do. */
    int (*round_bf16_backward)(float *dx, const float *dy, int64_t N);
    int (*add_backward)(float *da, float *db, const float *dy, int64_t N, int64_t M);
    int (*mul_backward)(float *da, float *db, const float *dy, const float *a, const float *b,
                        int64_t N, int64_t M);
    int (*scale_backward)(float *dx, const float *dy, int64_t N, float s);
    int (*relu_backward)(float *dx, const float *dy, const float *x, int64_t N); /* 0 at x = 0 */
    int (*gelu_backward)(float *dx, const float *dy, const float *x, int64_t N);
    int (*quick_gelu_backward)(float *dx, const float *dy, const float *x, int64_t N);
    int (*silu_backward)(float *dx, const float *dy, const float *x, int64_t N);
    int (*sin_backward)(float *dx, const float *dy, const float *x, int64_t N);
    int (*cos_backward)(float *dx, const float *dy, const float *x, int64_t N);
    int (*rope_backward)(float *dx, const float *dy, const float *angle, int64_t R, int64_t NH,
                         int64_t HD);
    int (*linear_backward)(float *dx, float *dw, float *db, const float *dy, const float *x,
                           const void *w, gm_dtype wt, int64_t R, int64_t N, int64_t K,
                           void *scratch);
    size_t (*linear_backward_scratch)(gm_dtype wt, int64_t R, int64_t N, int64_t K);
    int (*conv2d_backward)(float *dx, float *dw, float *db, const float *dy, const float *x,
                           const void *w, gm_dtype wt, const gm_conv *s, void *scratch);
    size_t (*conv2d_backward_scratch)(gm_dtype wt, const gm_conv *s);
    int (*conv_transpose2x2_backward)(float *dx, float *dw, float *db, const float *dy,
                                      const float *x, const void *w, gm_dtype wt, int64_t B,
                                      int64_t CI, int64_t H, int64_t W, int64_t CO);
    int (*layernorm_backward)(float *dx, float *dw, float *db, const float *dy, const float *x,
                              const float *w, int64_t R, int64_t C, float eps);
    int (*layernorm2d_backward)(float *dx, float *dw, float *db, const float *dy, const float *x,
                                const float *w, int64_t B, int64_t C, int64_t HW, float eps);
    int (*rmsnorm_backward)(float *dx, float *dw, const float *dy, const float *x, const float *w,
                            int64_t R, int64_t C, float eps);
    int (*groupnorm_backward)(float *dx, float *dw, float *db, const float *dy, const float *x,
                              const float *w, int64_t B, int64_t C, int64_t HW, int64_t G,
                              float eps);
    int (*resize_backward)(float *dx, const float *dy, int64_t R, int64_t H, int64_t W, int64_t HO,
                           int64_t WO, int align);
    /* Boxes have no gradient, as in torchvision. */
    int (*roi_align_backward)(float *dx, const float *dy, const float *box, const int32_t *image,
                              int64_t N, int64_t B, int64_t C, int64_t H, int64_t W, int64_t P,
                              int64_t S, float scale);
    /* From the forward pass's output y. */
    int (*softmax_backward)(float *dx, const float *dy, const float *y, int64_t R, int64_t C);
    /* y: the forward pass's output.  drel_h, drel_w as s->rel_h, s->rel_w. */
    int (*attention_backward)(float *dq, float *dk, float *dv, float *drel_h, float *drel_w,
                              const float *dy, const float *q, const float *k, const float *v,
                              const float *y, const gm_attn *s, void *scratch);
    size_t (*attention_backward_scratch)(const gm_attn *s);

    /* ---- losses: y is one number ---- */
    /* Mean over the rows with label >= 0 of log sum exp(x[r]) - x[r, label[r]]; a label of C or
     * more is the caller's error.  No such row: NaN, as in F.cross_entropy. */
    int (*cross_entropy)(float *y, const float *x, const int32_t *label, int64_t R, int64_t C);
    int (*cross_entropy_backward)(float *dx, const float *dy, const float *x, const int32_t *label,
                                  int64_t R, int64_t C);
    /* x (N, P) logits, t (N, P) targets: the sum over the N masks of the mean over P of
     * max(x, 0) - x t + log(1 + exp(-|x|)).  groundingLMM model/GLaMM.py,
     * compute_sigmoid_cross_entropy. */
    int (*bce)(float *y, const float *x, const float *t, int64_t N, int64_t P);
    int (*bce_backward)(float *dx, const float *dy, const float *x, const float *t, int64_t N,
                        int64_t P);
    /* The sum over the N masks of 1 - (2 sum(p t / 1000) + 1e-6) / (sum(p / 1000) + sum(t / 1000) +
     * 1e-6), p = sigmoid(x).  groundingLMM model/GLaMM.py, calculate_dice_loss. */
    int (*dice)(float *y, const float *x, const float *t, int64_t N, int64_t P);
    int (*dice_backward)(float *dx, const float *dy, const float *x, const float *t, int64_t N,
                         int64_t P);
} gm_kernels;

const gm_kernels *gm_kernels_ref(void);      /* the oracle: double accumulators, textbook loops */
const gm_kernels *gm_kernels_cpu(void);      /* OpenBLAS and OpenMP where it pays; the rest NULL */

/* To lie over them: linear with 8-bit activations (docs/OPS.md).  x is rounded in blocks as w is
 * quantised; other weights are as before. */
const gm_kernels *gm_kernels_ref_q8(void);
const gm_kernels *gm_kernels_cpu_q8(void);
/* Likewise: x is rounded to bfloat16 where w is bf16. */
const gm_kernels *gm_kernels_ref_bf16(void);
const gm_kernels *gm_kernels_cpu_bf16(void);
/* Likewise: 3x3 convolutions of 32 to 128 channels, forward and backward, by Winograd's way: less
 * work, with errors of up to twice the tolerance of sums (docs/TOLERANCE.md). */
const gm_kernels *gm_kernels_cpu_winograd(void);

/* dst: a table with every slot of `over` that is set, and `under`'s elsewhere. */
void gm_kernels_inherit(gm_kernels *dst, const gm_kernels *over, const gm_kernels *under);

/* What a file of outside kernels hands in: one variable of this type, named glamm_plugin and
 * visible from outside (docs/VERIFY.md; in C++ declare it extern "C").  What is not mentioned is 0.
 */
typedef struct {
    /* sizeof(gm_kernels): a table of another kernels.h is refused */
    size_t size;
    const gm_kernels *kernels;      /* NULL slots inherit */
    /* GM_F32, or what it computes in: GM_BF16, GM_F16; widens its tolerances */
    gm_dtype precision;
    /* slots that may give other bits on every run, separated by blanks, or NULL */
    const char *nondeterministic;
    /* 1: the kernels read and write the memory of the cuda backend, not the host's */
    int device;
} gm_plugin;

#endif
