/* The cpu table, and what it runs on. */
#include <cblas.h>
#include <omp.h>
#include <stdio.h>
#include "cpu.h"
#include "cpu_dots.h"
#include "cpu_product.h"
#include "cpu_table.h"

const gm_kernels *gm_kernels_cpu(void)
{
    static const gm_kernels table = {
        .name = "cpu",
        .transpose = cpu_transpose, .concat = cpu_concat, .slice = cpu_slice, .place = cpu_place,
        .place16 = cpu_place16, .repeat = cpu_repeat, .window = cpu_window, .unwindow = cpu_unwindow,
        .add = cpu_add, .mul = cpu_mul, .scale = cpu_scale, .relu = cpu_relu, .gelu = cpu_gelu,
        .quick_gelu = cpu_quick_gelu, .silu = cpu_silu, .rope = cpu_rope,
        .linear = cpu_linear, .linear_scratch = cpu_linear_scratch,
        .conv2d = cpu_conv2d, .conv2d_scratch = cpu_conv2d_scratch,
        .conv_transpose2x2 = cpu_conv_transpose2x2,
        .layernorm = cpu_layernorm, .layernorm2d = cpu_layernorm2d, .rmsnorm = cpu_rmsnorm,
        .groupnorm = cpu_groupnorm, .resize = cpu_resize, .roi_align = cpu_roi_align,
        .softmax = cpu_softmax, .attention = cpu_attention,
        .attention_scratch = cpu_attention_scratch,
        .attention16 = cpu_attention16, .attention16_scratch = cpu_attention16_scratch,
        .finite = cpu_finite,
        .fill = cpu_fill, .gather_backward = cpu_gather_backward,
        .transpose_backward = cpu_transpose_backward, .concat_backward = cpu_concat_backward,
        .slice_backward = cpu_slice_backward, .repeat_backward = cpu_repeat_backward,
        .window_backward = cpu_window_backward, .unwindow_backward = cpu_unwindow_backward,
        .round_bf16_backward = cpu_round_bf16_backward,
        .add_backward = cpu_add_backward, .mul_backward = cpu_mul_backward,
        .scale_backward = cpu_scale_backward, .relu_backward = cpu_relu_backward,
        .gelu_backward = cpu_gelu_backward, .quick_gelu_backward = cpu_quick_gelu_backward,
        .silu_backward = cpu_silu_backward, .rope_backward = cpu_rope_backward,
        .linear_backward = cpu_linear_backward,
        .linear_backward_scratch = cpu_linear_backward_scratch,
        .conv2d_backward = cpu_conv2d_backward,
        .conv2d_backward_scratch = cpu_conv2d_backward_scratch,
        .conv_transpose2x2_backward = cpu_conv_transpose2x2_backward,
        .layernorm_backward = cpu_layernorm_backward,
        .layernorm2d_backward = cpu_layernorm2d_backward,
        .rmsnorm_backward = cpu_rmsnorm_backward, .groupnorm_backward = cpu_groupnorm_backward,
        .resize_backward = cpu_resize_backward, .roi_align_backward = cpu_roi_align_backward,
        .softmax_backward = cpu_softmax_backward,
        .attention_backward = cpu_attention_backward,
        .attention_backward_scratch = cpu_attention_backward_scratch,
        .cross_entropy = cpu_cross_entropy,
        .cross_entropy_backward = cpu_cross_entropy_backward,
        .bce = cpu_bce, .bce_backward = cpu_bce_backward,
        .dice = cpu_dice, .dice_backward = cpu_dice_backward,
    };
    return &table;
}

const char *gm_blas_warning(void)
{
    switch (openblas_get_parallel()) {
    case OPENBLAS_OPENMP: return NULL;
    case OPENBLAS_THREAD:
        return "OpenBLAS's pthread build is loaded: expect half the speed; install "
               "libopenblas0-openmp and "
               "choose it (update-alternatives), or set OMP_WAIT_POLICY=passive";
    default:
        return "OpenBLAS's single-threaded build is loaded: install libopenblas0-openmp for speed";
    }
}

const char *gm_cpu_describe(char *buf, size_t size)
{
    snprintf(buf, size, "%s, core %s, %d threads", openblas_get_config(), openblas_get_corename(),
             omp_get_max_threads());
    return buf;
}

const char *gm_cpu_products(char *buf, size_t size)
{
    const cpu_dots *dots = cpu_best_dots(0);
    const cpu_dots8 *dots8 = cpu_best_dots8(0);
    const cpu_products *products = cpu_best_products();
    const cpu_products8 *products8 = cpu_best_products8();
    snprintf(buf, size, "%s for floats, %s for 8 bits (%s for many rows), %s for bf16; AMX %s",
             dots ? dots->name : "plain C", dots8 ? dots8->name : "plain C",
             products8 ? products8->name : "the same", products ? products->name : "sgemm",
             cpu_amx_state());
    return buf;
}
