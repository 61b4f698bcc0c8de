/* A table that computes nothing: a pass through the model with it asks for the memory of a real
 * one, in no time and without touching it (train/plan.c). */
#include "none.h"

static int none_gather(float *y, const void *x, gm_dtype xt, const int32_t *rows, int64_t N,
                       int64_t R, int64_t C)
{
    return 0;
}

static int none_transpose(float *y, const float *x, int64_t B, int64_t R, int64_t C)
{
    return 0;
}

static int none_concat(float *y, const float *a, const float *b, int64_t B, int64_t N, int64_t M)
{
    return 0;
}

static int none_slice(float *y, const float *x, int64_t B, int64_t N, int64_t at, int64_t M)
{
    return 0;
}

static int none_place(float *y, const float *x, int64_t B, int64_t N, int64_t at, int64_t M)
{
    return 0;
}

static int none_place16(void *y, gm_dtype yt, const float *x, int64_t B, int64_t N, int64_t at,
                        int64_t M)
{
    return 0;
}

static int none_repeat(float *y, const float *x, int64_t B, int64_t N)
{
    return 0;
}

static int none_window(float *y, const float *x, int64_t B, int64_t H, int64_t W, int64_t C,
                       int64_t S)
{
    return 0;
}

static int none_unwindow(float *y, const float *x, int64_t B, int64_t H, int64_t W, int64_t C,
                         int64_t S)
{
    return 0;
}

static int none_round_bf16(float *y, const float *x, int64_t N)
{
    return 0;
}

static int none_fill(float *y, int64_t N, float value)
{
    return 0;
}

static int none_add(float *y, const float *a, const float *b, int64_t N, int64_t M)
{
    return 0;
}

static int none_mul(float *y, const float *a, const float *b, int64_t N, int64_t M)
{
    return 0;
}

static int none_scale(float *y, const float *x, int64_t N, float s)
{
    return 0;
}

static int none_relu(float *y, const float *x, int64_t N)
{
    return 0;
}

static int none_gelu(float *y, const float *x, int64_t N)
{
    return 0;
}

static int none_quick_gelu(float *y, const float *x, int64_t N)
{
    return 0;
}

static int none_silu(float *y, const float *x, int64_t N)
{
    return 0;
}

static int none_sin(float *y, const float *x, int64_t N)
{
    return 0;
}

static int none_cos(float *y, const float *x, int64_t N)
{
    return 0;
}

static int none_rope(float *y, const float *x, const float *angle, int64_t R, int64_t NH,
                     int64_t HD)
{
    return 0;
}

static int none_linear(float *y, const float *x, const void *w, gm_dtype wt, const float *b,
                       int64_t R, int64_t N, int64_t K, void *scratch)
{
    return 0;
}

static int none_conv2d(float *y, const float *x, const void *w, gm_dtype wt, const float *b,
                       const gm_conv *s, void *scratch)
{
    return 0;
}

static int none_conv_transpose2x2(float *y, const float *x, const void *w, gm_dtype wt,
                                  const float *b, int64_t B, int64_t CI, int64_t H, int64_t W,
                                  int64_t CO)
{
    return 0;
}

static int none_layernorm(float *y, const float *x, const float *w, const float *b, int64_t R,
                          int64_t C, float eps)
{
    return 0;
}

static int none_layernorm2d(float *y, const float *x, const float *w, const float *b, int64_t B,
                            int64_t C, int64_t HW, float eps)
{
    return 0;
}

static int none_rmsnorm(float *y, const float *x, const float *w, int64_t R, int64_t C, float eps)
{
    return 0;
}

static int none_groupnorm(float *y, const float *x, const float *w, const float *b, int64_t B,
                          int64_t C, int64_t HW, int64_t G, float eps)
{
    return 0;
}

static int none_resize(float *y, const float *x, int64_t R, int64_t H, int64_t W, int64_t HO,
                       int64_t WO, int align)
{
    return 0;
}

static int none_roi_align(float *y, const float *x, const float *box, const int32_t *image,
                          int64_t N, int64_t B, int64_t C, int64_t H, int64_t W, int64_t P,
                          int64_t S, float scale)
{
    return 0;
}

static int none_softmax(float *y, const float *x, int64_t R, int64_t C)
{
    return 0;
}

static int none_attention(float *y, const float *q, const float *k, const float *v,
                          const gm_attn *s, void *scratch)
{
    return 0;
}

static int none_attention16(float *y, const float *q, const void *k, const void *v, gm_dtype kt,
                            const gm_attn *s, void *scratch)
{
    return 0;
}

static int none_argmax(int32_t *y, const float *x, int64_t R, int64_t C)
{
    return 0;
}

static int none_finite(int32_t *y, const float *x, int64_t N)
{
    y[0] = 1;
    return 0;
}

static int none_gather_backward(float *dx, const float *dy, const int32_t *rows, int64_t N,
                                int64_t R, int64_t C)
{
    return 0;
}

static int none_transpose_backward(float *dx, const float *dy, int64_t B, int64_t R, int64_t C)
{
    return 0;
}

static int none_concat_backward(float *da, float *db, const float *dy, int64_t B, int64_t N,
                                int64_t M)
{
    return 0;
}

static int none_slice_backward(float *dx, const float *dy, int64_t B, int64_t N, int64_t at,
                               int64_t M)
{
    return 0;
}

static int none_repeat_backward(float *dx, const float *dy, int64_t B, int64_t N)
{
    return 0;
}

static int none_window_backward(float *dx, const float *dy, int64_t B, int64_t H, int64_t W,
                                int64_t C, int64_t S)
{
    return 0;
}

static int none_unwindow_backward(float *dx, const float *dy, int64_t B, int64_t H, int64_t W,
                                  int64_t C, int64_t S)
{
    return 0;
}

static int none_round_bf16_backward(float *dx, const float *dy, int64_t N)
{
    return 0;
}

static int none_add_backward(float *da, float *db, const float *dy, int64_t N, int64_t M)
{
    return 0;
}

static int none_mul_backward(float *da, float *db, const float *dy, const float *a, const float *b,
                             int64_t N, int64_t M)
{
    return 0;
}

static int none_scale_backward(float *dx, const float *dy, int64_t N, float s)
{
    return 0;
}

static int none_relu_backward(float *dx, const float *dy, const float *x, int64_t N)
{
    return 0;
}

static int none_gelu_backward(float *dx, const float *dy, const float *x, int64_t N)
{
    return 0;
}

static int none_quick_gelu_backward(float *dx, const float *dy, const float *x, int64_t N)
{
    return 0;
}

static int none_silu_backward(float *dx, const float *dy, const float *x, int64_t N)
{
    return 0;
}

static int none_sin_backward(float *dx, const float *dy, const float *x, int64_t N)
{
    return 0;
}

static int none_cos_backward(float *dx, const float *dy, const float *x, int64_t N)
{
    return 0;
}

static int none_rope_backward(float *dx, const float *dy, const float *angle, int64_t R, int64_t NH,
                              int64_t HD)
{
    return 0;
}

static int none_linear_backward(float *dx, float *dw, float *db, const float *dy, const float *x,
                                const void *w, gm_dtype wt, int64_t R, int64_t N, int64_t K,
                                void *scratch)
{
    return 0;
}

static int none_conv2d_backward(float *dx, float *dw, float *db, const float *dy, const float *x,
                                const void *w, gm_dtype wt, const gm_conv *s, void *scratch)
{
    return 0;
}

static int none_conv_transpose2x2_backward(float *dx, float *dw, float *db, const float *dy,
                                           const float *x, const void *w, gm_dtype wt, int64_t B,
                                           int64_t CI, int64_t H, int64_t W, int64_t CO)
{
    return 0;
}

static int none_layernorm_backward(float *dx, float *dw, float *db, const float *dy, const float *x,
                                   const float *w, int64_t R, int64_t C, float eps)
{
    return 0;
}

static int none_layernorm2d_backward(float *dx, float *dw, float *db, const float *dy,
                                     const float *x, const float *w, int64_t B, int64_t C,
                                     int64_t HW, float eps)
{
    return 0;
}

static int none_rmsnorm_backward(float *dx, float *dw, const float *dy, const float *x,
                                 const float *w, int64_t R, int64_t C, float eps)
{
    return 0;
}

static int none_groupnorm_backward(float *dx, float *dw, float *db, const float *dy, const float *x,
                                   const float *w, int64_t B, int64_t C, int64_t HW, int64_t G,
                                   float eps)
{
    return 0;
}

static int none_resize_backward(float *dx, const float *dy, int64_t R, int64_t H, int64_t W,
                                int64_t HO, int64_t WO, int align)
{
    return 0;
}

static int none_roi_align_backward(float *dx, const float *dy, const float *box,
                                   const int32_t *image, int64_t N, int64_t B, int64_t C, int64_t H,
                                   int64_t W, int64_t P, int64_t S, float scale)
{
    return 0;
}

static int none_softmax_backward(float *dx, const float *dy, const float *y, int64_t R, int64_t C)
{
    return 0;
}

static int none_attention_backward(float *dq, float *dk, float *dv, float *drel_h, float *drel_w,
                                   const float *dy, const float *q, const float *k, const float *v,
                                   const float *y, const gm_attn *s, void *scratch)
{
    return 0;
}

static int none_cross_entropy(float *y, const float *x, const int32_t *label, int64_t R, int64_t C)
{
    return 0;
}

static int none_cross_entropy_backward(float *dx, const float *dy, const float *x,
                                       const int32_t *label, int64_t R, int64_t C)
{
    return 0;
}

static int none_bce(float *y, const float *x, const float *t, int64_t N, int64_t P)
{
    return 0;
}

static int none_bce_backward(float *dx, const float *dy, const float *x, const float *t, int64_t N,
                             int64_t P)
{
    return 0;
}

static int none_dice(float *y, const float *x, const float *t, int64_t N, int64_t P)
{
    return 0;
}

static int none_dice_backward(float *dx, const float *dy, const float *x, const float *t, int64_t N,
                              int64_t P)
{
    return 0;
}

void gm_kernels_none(gm_kernels *k, const gm_kernels *real)
{
    static const gm_kernels table = {
        .name = "none",
        .gather = none_gather, .transpose = none_transpose, .concat = none_concat,
        .slice = none_slice, .place = none_place, .place16 = none_place16,
        .repeat = none_repeat, .window = none_window,
        .unwindow = none_unwindow, .round_bf16 = none_round_bf16, .fill = none_fill,
        .add = none_add, .mul = none_mul, .scale = none_scale, .relu = none_relu,
        .gelu = none_gelu, .quick_gelu = none_quick_gelu, .silu = none_silu, .sin = none_sin,
        .cos = none_cos, .rope = none_rope, .linear = none_linear, .conv2d = none_conv2d,
        .conv_transpose2x2 = none_conv_transpose2x2, .layernorm = none_layernorm,
        .layernorm2d = none_layernorm2d, .rmsnorm = none_rmsnorm, .groupnorm = none_groupnorm,
        .resize = none_resize, .roi_align = none_roi_align, .softmax = none_softmax,
        .attention = none_attention, .attention16 = none_attention16,
        .argmax = none_argmax, .finite = none_finite,
        .gather_backward = none_gather_backward, .transpose_backward = none_transpose_backward,
        .concat_backward = none_concat_backward, .slice_backward = none_slice_backward,
        .repeat_backward = none_repeat_backward, .window_backward = none_window_backward,
        .unwindow_backward = none_unwindow_backward,
        .round_bf16_backward = none_round_bf16_backward, .add_backward = none_add_backward,
        .mul_backward = none_mul_backward, .scale_backward = none_scale_backward,
        .relu_backward = none_relu_backward, .gelu_backward = none_gelu_backward,
        .quick_gelu_backward = none_quick_gelu_backward, .silu_backward = none_silu_backward,
        .sin_backward = none_sin_backward, .cos_backward = none_cos_backward,
        .rope_backward = none_rope_backward, .linear_backward = none_linear_backward,
        .conv2d_backward = none_conv2d_backward,
        .conv_transpose2x2_backward = none_conv_transpose2x2_backward,
        .layernorm_backward = none_layernorm_backward,
        .layernorm2d_backward = none_layernorm2d_backward,
        .rmsnorm_backward = none_rmsnorm_backward, .groupnorm_backward = none_groupnorm_backward,
        .resize_backward = none_resize_backward, .roi_align_backward = none_roi_align_backward,
        .softmax_backward = none_softmax_backward, .attention_backward = none_attention_backward,
        .cross_entropy = none_cross_entropy, .cross_entropy_backward = none_cross_entropy_backward,
        .bce = none_bce, .bce_backward = none_bce_backward, .dice = none_dice,
        .dice_backward = none_dice_backward,
    };
    *k = table;
    k->linear_scratch = real->linear_scratch;
    k->conv2d_scratch = real->conv2d_scratch;
    k->attention_scratch = real->attention_scratch;
    k->attention16_scratch = real->attention16_scratch;
    k->linear_backward_scratch = real->linear_backward_scratch;
    k->conv2d_backward_scratch = real->conv2d_backward_scratch;
    k->attention_backward_scratch = real->attention_backward_scratch;
}
