/* The cpu table's kernels, by file.  Shapes and formulas: ref/kernels.h. */
#ifndef GM_CPU_TABLE_H
#define GM_CPU_TABLE_H
#include "../kernels.h"

/* cpu_moves.c */
int cpu_transpose(float *y, const float *x, int64_t B, int64_t R, int64_t C);
int cpu_concat(float *y, const float *a, const float *b, int64_t B, int64_t N, int64_t M);
int cpu_slice(float *y, const float *x, int64_t B, int64_t N, int64_t at, int64_t M);
int cpu_place(float *y, const float *x, int64_t B, int64_t N, int64_t at, int64_t M);
int cpu_repeat(float *y, const float *x, int64_t B, int64_t N);
int cpu_window(float *y, const float *x, int64_t B, int64_t H, int64_t W, int64_t C, int64_t S);
int cpu_unwindow(float *y, const float *x, int64_t B, int64_t H, int64_t W, int64_t C, int64_t S);
int cpu_transpose_backward(float *dx, const float *dy, int64_t B, int64_t R, int64_t C);
int cpu_gather_backward(float *dx, const float *dy, const int32_t *rows, int64_t N, int64_t R,
                        int64_t C);
int cpu_concat_backward(float *da, float *db, const float *dy, int64_t B, int64_t N, int64_t M);
int cpu_slice_backward(float *dx, const float *dy, int64_t B, int64_t N, int64_t at, int64_t M);
int cpu_repeat_backward(float *dx, const float *dy, int64_t B, int64_t N);
int cpu_fill(float *y, int64_t N, float value);
int cpu_round_bf16_backward(float *dx, const float *dy, int64_t N);
int cpu_window_backward(float *dx, const float *dy, int64_t B, int64_t H, int64_t W, int64_t C,
                        int64_t S);
int cpu_unwindow_backward(float *dx, const float *dy, int64_t B, int64_t H, int64_t W, int64_t C,
                          int64_t S);

/* cpu_maps.c */
int cpu_add(float *y, const float *a, const float *b, int64_t N, int64_t M);
int cpu_mul(float *y, const float *a, const float *b, int64_t N, int64_t M);
int cpu_scale(float *y, const float *x, int64_t N, float s);
int cpu_relu(float *y, const float *x, int64_t N);
int cpu_gelu(float *y, const float *x, int64_t N);
int cpu_quick_gelu(float *y, const float *x, int64_t N);
int cpu_silu(float *y, const float *x, int64_t N);
int cpu_rope(float *y, const float *x, const float *angle, int64_t R, int64_t NH, int64_t HD);
int cpu_finite(int32_t *y, const float *x, int64_t N);
int cpu_add_backward(float *da, float *db, const float *dy, int64_t N, int64_t M);
int cpu_mul_backward(float *da, float *db, const float *dy, const float *a, const float *b,
                     int64_t N, int64_t M);
int cpu_scale_backward(float *dx, const float *dy, int64_t N, float s);
int cpu_relu_backward(float *dx, const float *dy, const float *x, int64_t N);
int cpu_gelu_backward(float *dx, const float *dy, const float *x, int64_t N);
int cpu_quick_gelu_backward(float *dx, const float *dy, const float *x, int64_t N);
int cpu_silu_backward(float *dx, const float *dy, const float *x, int64_t N);
int cpu_rope_backward(float *dx, const float *dy, const float *angle, int64_t R, int64_t NH,
                      int64_t HD);

/* cpu_norm.c */
int cpu_layernorm(float *y, const float *x, const float *w, const float *b, int64_t R, int64_t C,
                  float eps);
int cpu_layernorm2d(float *y, const float *x, const float *w, const float *b, int64_t B, int64_t C,
                    int64_t HW, float eps);
int cpu_rmsnorm(float *y, const float *x, const float *w, int64_t R, int64_t C, float eps);
int cpu_groupnorm(float *y, const float *x, const float *w, const float *b, int64_t B, int64_t C,
                  int64_t HW, int64_t G, float eps);
int cpu_layernorm_backward(float *dx, float *dw, float *db, const float *dy, const float *x,
                           const float *w, int64_t R, int64_t C, float eps);
int cpu_rmsnorm_backward(float *dx, float *dw, const float *dy, const float *x, const float *w,
                         int64_t R, int64_t C, float eps);
int cpu_groupnorm_backward(float *dx, float *dw, float *db, const float *dy, const float *x,
                           const float *w, int64_t B, int64_t C, int64_t HW, int64_t G, float eps);
int cpu_layernorm2d_backward(float *dx, float *dw, float *db, const float *dy, const float *x,
                             const float *w, int64_t B, int64_t C, int64_t HW, float eps);

/* cpu_space.c */
int cpu_resize(float *y, const float *x, int64_t R, int64_t H, int64_t W, int64_t HO, int64_t WO,
               int align);
int cpu_roi_align(float *y, const float *x, const float *box, const int32_t *image, int64_t N,
                  int64_t B, int64_t C, int64_t H, int64_t W, int64_t P, int64_t S, float scale);
int cpu_resize_backward(float *dx, const float *dy, int64_t R, int64_t H, int64_t W, int64_t HO,
                        int64_t WO, int align);
int cpu_roi_align_backward(float *dx, const float *dy, const float *box, const int32_t *image,
                           int64_t N, int64_t B, int64_t C, int64_t H, int64_t W, int64_t P,
                           int64_t S, float scale);

/* cpu_linear.c */
int cpu_linear(float *y, const float *x, const void *w, gm_dtype wt, const float *b, int64_t R,
               int64_t N, int64_t K, void *scratch);
size_t cpu_linear_scratch(gm_dtype wt, int64_t R, int64_t N, int64_t K);
size_t cpu_linear_backward_scratch(gm_dtype wt, int64_t R, int64_t N, int64_t K);
int cpu_linear_backward(float *dx, float *dw, float *db, const float *dy, const float *x,
                        const void *w, gm_dtype wt, int64_t R, int64_t N, int64_t K,
                        void *scratch);

/* cpu_linear_bf16.c */
int cpu_linear_bf16(float *y, const float *x, const void *w, gm_dtype wt, const float *b, int64_t R,
                    int64_t N, int64_t K, void *scratch);
size_t cpu_linear_bf16_scratch(gm_dtype wt, int64_t R, int64_t N, int64_t K);

/* cpu_linear_q8.c */
int cpu_linear_q8(float *y, const float *x, const void *w, gm_dtype wt, const float *b, int64_t R,
                  int64_t N, int64_t K, void *scratch);
size_t cpu_linear_q8_scratch(gm_dtype wt, int64_t R, int64_t N, int64_t K);

/* cpu_rows.c: linear of at most CPU_FEW rows; wt as linear's. */
enum { CPU_FEW = 16 };
void cpu_linear_rows(float *y, const float *x, const void *w, gm_dtype wt, const float *b,
                     int64_t R, int64_t N, int64_t K);

/* cpu_conv.c */
int cpu_conv2d(float *y, const float *x, const void *w, gm_dtype wt, const float *b,
               const gm_conv *s, void *scratch);
size_t cpu_conv2d_scratch(gm_dtype wt, const gm_conv *s);
int cpu_conv_transpose2x2(float *y, const float *x, const void *w, gm_dtype wt, const float *b,
                          int64_t B, int64_t CI, int64_t H, int64_t W, int64_t CO);
size_t cpu_conv2d_backward_scratch(gm_dtype wt, const gm_conv *s);
int cpu_conv2d_backward(float *dx, float *dw, float *db, const float *dy, const float *x,
                        const void *w, gm_dtype wt, const gm_conv *s, void *scratch);
int cpu_conv_transpose2x2_backward(float *dx, float *dw, float *db, const float *dy, const float *x,
                                   const void *w, gm_dtype wt, int64_t B, int64_t CI, int64_t H,
                                   int64_t W, int64_t CO);

/* cpu_attention.c */
int cpu_softmax(float *y, const float *x, int64_t R, int64_t C);
int cpu_attention(float *y, const float *q, const float *k, const float *v, const gm_attn *s,
                  void *scratch);
size_t cpu_attention_scratch(const gm_attn *s);
/* All queries of one head by one thread, which owns the room: k, v (TK, HD) of that head alone, so
 * s->NKV is 1; q and y its first elements of rows NH HD long; keep (TK) or NULL. */
size_t cpu_attention_head_floats(const gm_attn *s);
void cpu_attention_head(float *y, const float *q, const float *k, const float *v,
                        const uint8_t *keep, const gm_attn *s, float *room);
int cpu_softmax_backward(float *dx, const float *dy, const float *y, int64_t R, int64_t C);
size_t cpu_attention_backward_scratch(const gm_attn *s);
int cpu_attention_backward(float *dq, float *dk, float *dv, float *drel_h, float *drel_w,
                           const float *dy, const float *q, const float *k, const float *v,
                           const float *y, const gm_attn *s, void *scratch);

/* cpu_cache.c */
int cpu_place16(void *y, gm_dtype yt, const float *x, int64_t B, int64_t N, int64_t at, int64_t M);
int cpu_attention16(float *y, const float *q, const void *k, const void *v, gm_dtype kt,
                    const gm_attn *s, void *scratch);
size_t cpu_attention16_scratch(gm_dtype kt, const gm_attn *s);

/* cpu_loss.c */
int cpu_cross_entropy(float *y, const float *x, const int32_t *label, int64_t R, int64_t C);
int cpu_cross_entropy_backward(float *dx, const float *dy, const float *x, const int32_t *label,
                               int64_t R, int64_t C);
int cpu_bce(float *y, const float *x, const float *t, int64_t N, int64_t P);
int cpu_bce_backward(float *dx, const float *dy, const float *x, const float *t, int64_t N,
                     int64_t P);
int cpu_dice(float *y, const float *x, const float *t, int64_t N, int64_t P);
int cpu_dice_backward(float *dx, const float *dy, const float *x, const float *t, int64_t N,
                      int64_t P);

#endif
