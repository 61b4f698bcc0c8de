/* The oracle's table, and how one table lies over another. */
#include <stddef.h>
#include <string.h>
#include "ref_table.h"

const gm_kernels *gm_kernels_ref(void)
{
    static const gm_kernels table = {
        .name = "ref",
        .gather = ref_gather, .transpose = ref_transpose, .concat = ref_concat, .slice = ref_slice,
        .place = ref_place, .place16 = ref_place16, .repeat = ref_repeat, .window = ref_window,
        .unwindow = ref_unwindow,
        .round_bf16 = ref_round_bf16, .fill = ref_fill,
        .add = ref_add, .mul = ref_mul, .scale = ref_scale, .relu = ref_relu, .gelu = ref_gelu,
        .quick_gelu = ref_quick_gelu, .silu = ref_silu, .sin = ref_sin, .cos = ref_cos,
        .rope = ref_rope,
        .linear = ref_linear, .conv2d = ref_conv2d, .conv_transpose2x2 = ref_conv_transpose2x2,
        .layernorm = ref_layernorm, .layernorm2d = ref_layernorm2d, .rmsnorm = ref_rmsnorm,
        .groupnorm = ref_groupnorm, .resize = ref_resize, .roi_align = ref_roi_align,
        .softmax = ref_softmax, .attention = ref_attention,
        .attention_scratch = ref_attention_scratch,
        .attention16 = ref_attention16, .attention16_scratch = ref_attention16_scratch,
        .argmax = ref_argmax, .finite = ref_finite,
        .gather_backward = ref_gather_backward, .transpose_backward = ref_transpose_backward,
        .concat_backward = ref_concat_backward, .slice_backward = ref_slice_backward,
        .repeat_backward = ref_repeat_backward, .window_backward = ref_window_backward,
        .unwindow_backward = ref_unwindow_backward, .round_bf16_backward = ref_round_bf16_backward,
        .add_backward = ref_add_backward, .mul_backward = ref_mul_backward,
        .scale_backward = ref_scale_backward, .relu_backward = ref_relu_backward,
        .gelu_backward = ref_gelu_backward, .quick_gelu_backward = ref_quick_gelu_backward,
        .silu_backward = ref_silu_backward, .sin_backward = ref_sin_backward,
        .cos_backward = ref_cos_backward, .rope_backward = ref_rope_backward,
        .linear_backward = ref_linear_backward, .conv2d_backward = ref_conv2d_backward,
        .conv_transpose2x2_backward = ref_conv_transpose2x2_backward,
        .layernorm_backward = ref_layernorm_backward,
        .layernorm2d_backward = ref_layernorm2d_backward, .rmsnorm_backward = ref_rmsnorm_backward,
        .groupnorm_backward = ref_groupnorm_backward, .resize_backward = ref_resize_backward,
        .roi_align_backward = ref_roi_align_backward, .softmax_backward = ref_softmax_backward,
        .attention_backward = ref_attention_backward,
        .attention_backward_scratch = ref_attention_backward_scratch,
        .cross_entropy = ref_cross_entropy, .cross_entropy_backward = ref_cross_entropy_backward,
        .bce = ref_bce, .bce_backward = ref_bce_backward, .dice = ref_dice,
        .dice_backward = ref_dice_backward,
    };
    return &table;
}

/* All slots are function pointers of one size, from gather to the end of the table. */
void gm_kernels_inherit(gm_kernels *dst, const gm_kernels *over, const gm_kernels *under)
{
    typedef int (*slot)(void);
    gm_kernels both = *over;
    for (size_t at = offsetof(gm_kernels, gather); at < sizeof both; at += sizeof(slot)) {
        slot s;
        memcpy(&s, (const char *)over + at, sizeof s);
        if (!s) memcpy((char *)&both + at, (const char *)under + at, sizeof s);
    }
    /* A scratch size belongs to its kernel: none beside an overriding kernel means none needed. */
    if (over->linear) both.linear_scratch = over->linear_scratch;
    if (over->conv2d) both.conv2d_scratch = over->conv2d_scratch;
    if (over->attention) both.attention_scratch = over->attention_scratch;
    if (over->attention16) both.attention16_scratch = over->attention16_scratch;
    if (over->linear_backward) both.linear_backward_scratch = over->linear_backward_scratch;
    if (over->conv2d_backward) both.conv2d_backward_scratch = over->conv2d_backward_scratch;
    if (over->attention_backward)
        both.attention_backward_scratch = over->attention_backward_scratch;
    *dst = both;
}
