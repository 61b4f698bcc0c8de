/* The cpu table, and what it runs on. */
#include <cblas.h>
#include <omp.h>
#include <stdio.h>
#include "cpu.h"
#include "cpu_table.h"

const gm_kernels *gm_kernels_cpu(void)
{
    static const gm_kernels table = {
        .name = "cpu",
        .transpose = cpu_transpose, .concat = cpu_concat, .slice = cpu_slice, .place = cpu_place,
        .repeat = cpu_repeat, .window = cpu_window, .unwindow = cpu_unwindow,
        .add = cpu_add, .mul = cpu_mul, .scale = cpu_scale, .relu = cpu_relu, .gelu = cpu_gelu,
        .quick_gelu = cpu_quick_gelu, .silu = cpu_silu, .rope = cpu_rope,
        .linear = cpu_linear, .linear_scratch = cpu_linear_scratch,
        .conv2d = cpu_conv2d, .conv2d_scratch = cpu_conv2d_scratch,
        .conv_transpose2x2 = cpu_conv_transpose2x2,
        .layernorm = cpu_layernorm, .layernorm2d = cpu_layernorm2d, .rmsnorm = cpu_rmsnorm,
        .groupnorm = cpu_groupnorm, .resize = cpu_resize, .roi_align = cpu_roi_align,
        .softmax = cpu_softmax, .attention = cpu_attention,
        .attention_scratch = cpu_attention_scratch,
        .finite = cpu_finite,
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
