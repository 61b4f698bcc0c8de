/* Gradients of a linear layer, in f32 whatever the forward pass computes in.  See ref/kernels.h. */
#include "blas.h"
#include "columns.h"

size_t cuda_linear_backward_scratch(gm_dtype wt, int64_t R, int64_t N, int64_t K)
{
    (void)R;
    return wt == GM_F32 ? 0 : (size_t)(gpu_panel(N, K) * K) * sizeof(float);
}

/* dx (R, K) += dy (R, N) w (N, K), as many rows of w at a time as a panel holds. */
static int input_gradient(float *dx, const float *dy, const void *w, gm_dtype wt, int64_t R,
                          int64_t N, int64_t K, void *scratch)
{
    if (wt == GM_F32) return gpu_product_nn(dx, dy, N, w, GM_F32, R, K, N, K, true, 1, 0, 0);
    int64_t panel = gpu_panel(N, K);
    int bad = 0;
    for (int64_t n = 0; !bad && n < N; n += panel) {
        int64_t rows = N - n < panel ? N - n : panel;
        const char *from = static_cast<const char *>(w) + gpu_weight_bytes(wt, n * K);
        bad = gpu_convert(scratch, GM_F32, from, wt, rows * K);
        if (!bad)
            bad = gpu_product_nn(dx, dy + n, N, scratch, GM_F32, R, K, rows, K, true, 1, 0, 0);
    }
    return bad;
}

int cuda_linear_backward(float *dx, float *dw, float *db, const float *dy, const float *x,
                         const void *w, gm_dtype wt, int64_t R, int64_t N, int64_t K, void *scratch)
{
    gpu_rows_of f = { dy, N };
    int bad = 0;
    if (!gpu_is_weight(wt)) return 1;
    if (dx) bad = input_gradient(dx, dy, w, wt, R, N, K, scratch);
    if (!bad && dw) bad = gpu_product_tn(dw, dy, x, K, N, K, R, true);
    return bad || !db ? bad : gpu_columns(db, R, N, f);
}
