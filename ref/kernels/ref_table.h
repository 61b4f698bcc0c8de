/* The oracle's kernels, by file.  Shapes and formulas: ref/kernels.h. */
#ifndef GM_REF_TABLE_H
#define GM_REF_TABLE_H
#include "../kernels.h"

/* ref_moves.c */
int ref_gather(float *y, const void *x, gm_dtype xt, const int32_t *rows, int64_t N, int64_t R,
               int64_t C);
int ref_transpose(float *y, const float *x, int64_t B, int64_t R, int64_t C);
int ref_concat(float *y, const float *a, const float *b, int64_t B, int64_t N, int64_t M);
int ref_slice(float *y, const float *x, int64_t B, int64_t N, int64_t at, int64_t M);
int ref_place(float *y, const float *x, int64_t B, int64_t N, int64_t at, int64_t M);
int ref_repeat(float *y, const float *x, int64_t B, int64_t N);
int ref_window(float *y, const float *x, int64_t B, int64_t H, int64_t W, int64_t C, int64_t S);
int ref_unwindow(float *y, const float *x, int64_t B, int64_t H, int64_t W, int64_t C, int64_t S);
int ref_round_bf16(float *y, const float *x, int64_t N);
int ref_fill(float *y, int64_t N, float value);
int ref_gather_backward(float *dx, const float *dy, const int32_t *rows, int64_t N, int64_t R,
                        int64_t C);
int ref_transpose_backward(float *dx, const float *dy, int64_t B, int64_t R, int64_t C);
int ref_concat_backward(float *da, float *db, const float *dy, int64_t B, int64_t N, int64_t M);
int ref_slice_backward(float *dx, const float *dy, int64_t B, int64_t N, int64_t at, int64_t M);
int ref_repeat_backward(float *dx, const float *dy, int64_t B, int64_t N);
int ref_window_backward(float *dx, const float *dy, int64_t B, int64_t H, int64_t W, int64_t C,
                        int64_t S);
int ref_unwindow_backward(float *dx, const float *dy, int64_t B, int64_t H, int64_t W, int64_t C,
                          int64_t S);
int ref_round_bf16_backward(float *dx, const float *dy, int64_t N);

/* ref_maps.c */
int ref_add(float *y, const float *a, const float *b, int64_t N, int64_t M);
int ref_mul(float *y, const float *a, const float *b, int64_t N, int64_t M);
int ref_scale(float *y, const float *x, int64_t N, float s);
int ref_relu(float *y, const float *x, int64_t N);
int ref_gelu(float *y, const float *x, int64_t N);
int ref_quick_gelu(float *y, const float *x, int64_t N);
int ref_silu(float *y, const float *x, int64_t N);
int ref_sin(float *y, const float *x, int64_t N);
int ref_cos(float *y, const float *x, int64_t N);
int ref_rope(float *y, const float *x, const float *angle, int64_t R, int64_t NH, int64_t HD);
int ref_add_backward(float *da, float *db, const float *dy, int64_t N, int64_t M);
int ref_mul_backward(float *da, float *db, const float *dy, const float *a, const float *b,
                     int64_t N, int64_t M);
int ref_scale_backward(float *dx, const float *dy, int64_t N, float s);
int ref_relu_backward(float *dx, const float *dy, const float *x, int64_t N);
int ref_gelu_backward(float *dx, const float *dy, const float *x, int64_t N);
int ref_quick_gelu_backward(float *dx, const float *dy, const float *x, int64_t N);
int ref_silu_backward(float *dx, const float *dy, const float *x, int64_t N);
int ref_sin_backward(float *dx, const float *dy, const float *x, int64_t N);
int ref_cos_backward(float *dx, const float *dy, const float *x, int64_t N);
int ref_rope_backward(float *dx, const float *dy, const float *angle, int64_t R, int64_t NH,
                      int64_t HD);

/* ref_sums.c */
int ref_linear(float *y, const float *x, const void *w, gm_dtype wt, const float *b, int64_t R,
               int64_t N, int64_t K, void *scratch);
int ref_conv2d(float *y, const float *x, const void *w, gm_dtype wt, const float *b,
               const gm_conv *s, void *scratch);
int ref_conv_transpose2x2(float *y, const float *x, const void *w, gm_dtype wt, const float *b,
                          int64_t B, int64_t CI, int64_t H, int64_t W, int64_t CO);
int ref_layernorm(float *y, const float *x, const float *w, const float *b, int64_t R, int64_t C,
                  float eps);
int ref_layernorm2d(float *y, const float *x, const float *w, const float *b, int64_t B, int64_t C,
                    int64_t HW, float eps);
int ref_rmsnorm(float *y, const float *x, const float *w, int64_t R, int64_t C, float eps);
int ref_groupnorm(float *y, const float *x, const float *w, const float *b, int64_t B, int64_t C,
                  int64_t HW, int64_t G, float eps);
int ref_linear_backward(float *dx, float *dw, float *db, const float *dy, const float *x,
                        const void *w, gm_dtype wt, int64_t R, int64_t N, int64_t K, void *scratch);
int ref_conv2d_backward(float *dx, float *dw, float *db, const float *dy, const float *x,
                        const void *w, gm_dtype wt, const gm_conv *s, void *scratch);
int ref_conv_transpose2x2_backward(float *dx, float *dw, float *db, const float *dy, const float *x,
                                   const void *w, gm_dtype wt, int64_t B, int64_t CI, int64_t H,
                                   int64_t W, int64_t CO);
int ref_layernorm_backward(float *dx, float *dw, float *db, const float *dy, const float *x,
                           const float *w, int64_t R, int64_t C, float eps);
int ref_layernorm2d_backward(float *dx, float *dw, float *db, const float *dy, const float *x,
                             const float *w, int64_t B, int64_t C, int64_t HW, float eps);
int ref_rmsnorm_backward(float *dx, float *dw, const float *dy, const float *x, const float *w,
                         int64_t R, int64_t C, float eps);
int ref_groupnorm_backward(float *dx, float *dw, float *db, const float *dy, const float *x,
                           const float *w, int64_t B, int64_t C, int64_t HW, int64_t G, float eps);

/* ref_bf16.c */
int ref_linear_bf16(float *y, const float *x, const void *w, gm_dtype wt, const float *b, int64_t R,
                    int64_t N, int64_t K, void *scratch);
size_t ref_linear_bf16_scratch(gm_dtype wt, int64_t R, int64_t N, int64_t K);

/* ref_quant.c */
int ref_linear_q8(float *y, const float *x, const void *w, gm_dtype wt, const float *b, int64_t R,
                  int64_t N, int64_t K, void *scratch);
int ref_rmsnorm_q8(float *y, const float *x, const float *w, int64_t R, int64_t C, float eps);
size_t ref_linear_q8_scratch(gm_dtype wt, int64_t R, int64_t N, int64_t K);

/* ref_space.c */
int ref_resize(float *y, const float *x, int64_t R, int64_t H, int64_t W, int64_t HO, int64_t WO,
               int align);
int ref_roi_align(float *y, const float *x, const float *box, const int32_t *image, int64_t N,
                  int64_t B, int64_t C, int64_t H, int64_t W, int64_t P, int64_t S, float scale);
int ref_resize_backward(float *dx, const float *dy, int64_t R, int64_t H, int64_t W, int64_t HO,
                        int64_t WO, int align);
int ref_roi_align_backward(float *dx, const float *dy, const float *box, const int32_t *image,
                           int64_t N, int64_t B, int64_t C, int64_t H, int64_t W, int64_t P,
                           int64_t S, float scale);

/* ref_cache.c */
int ref_place16(void *y, gm_dtype yt, const float *x, int64_t B, int64_t N, int64_t at, int64_t M);
int ref_attention16(float *y, const float *q, const void *k, const void *v, gm_dtype kt,
                    const gm_attn *s, void *scratch);
size_t ref_attention16_scratch(gm_dtype kt, const gm_attn *s);

/* ref_attention.c */
int ref_softmax(float *y, const float *x, int64_t R, int64_t C);
int ref_attention(float *y, const float *q, const float *k, const float *v, const gm_attn *s,
                  void *scratch);
size_t ref_attention_scratch(const gm_attn *s);
int ref_argmax(int32_t *y, const float *x, int64_t R, int64_t C);
int ref_finite(int32_t *y, const float *x, int64_t N);
int ref_softmax_backward(float *dx, const float *dy, const float *y, int64_t R, int64_t C);
int ref_attention_backward(float *dq, float *dk, float *dv, float *drel_h, float *drel_w,
                           const float *dy, const float *q, const float *k, const float *v,
                           const float *y, const gm_attn *s, void *scratch);
size_t ref_attention_backward_scratch(const gm_attn *s);

/* ref_loss.c */
int ref_cross_entropy(float *y, const float *x, const int32_t *label, int64_t R, int64_t C);
int ref_cross_entropy_backward(float *dx, const float *dy, const float *x, const int32_t *label,
                               int64_t R, int64_t C);
int ref_bce(float *y, const float *x, const float *t, int64_t N, int64_t P);
int ref_bce_backward(float *dx, const float *dy, const float *x, const float *t, int64_t N,
                     int64_t P);
int ref_dice(float *y, const float *x, const float *t, int64_t N, int64_t P);
int ref_dice_backward(float *dx, const float *dy, const float *x, const float *t, int64_t N,
                      int64_t P);

#endif
