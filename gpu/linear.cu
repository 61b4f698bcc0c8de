/* Linear layers.  A few rows: few.cu.  Many: cuBLAS, in f32 or bf16, on weights of other types that
 * are converted panel by panel.  See ref/kernels.h. */
#include "blas.h"

enum { THREADS = 256 };

/* ---- types ---- */

template <int FROM, class TO> __global__ void k_convert(TO *y, const void *x, int64_t n)
{
    for (int64_t i = gpu_first<int64_t>(); i < n; i += gpu_step<int64_t>()) {
        float v = gpu_weight<FROM>(x, i);
        y[i] = sizeof(TO) == 2 ? (TO)gpu_to_bf16(v) : (TO)v;
    }
}

template <class TO> static int convert_to(TO *y, const void *x, gm_dtype from, int64_t n)
{
    unsigned blocks = gpu_blocks(n, THREADS);
    if (from == GM_F32) LAUNCH((k_convert<GM_F32, TO>), blocks, THREADS, 0, gpu.stream, y, x, n);
    else if (from == GM_BF16)
        LAUNCH((k_convert<GM_BF16, TO>), blocks, THREADS, 0, gpu.stream, y, x, n);
    else if (from == GM_F16)
        LAUNCH((k_convert<GM_F16, TO>), blocks, THREADS, 0, gpu.stream, y, x, n);
    else if (from == GM_Q8_0)
        LAUNCH((k_convert<GM_Q8_0, TO>), blocks, THREADS, 0, gpu.stream, y, x, n);
    else if (from == GM_Q4_0)
        LAUNCH((k_convert<GM_Q4_0, TO>), blocks, THREADS, 0, gpu.stream, y, x, n);
    else if (from == GM_Q4_1)
        LAUNCH((k_convert<GM_Q4_1, TO>), blocks, THREADS, 0, gpu.stream, y, x, n);
    else if (from == GM_Q4_K)
        LAUNCH((k_convert<GM_Q4_K, TO>), blocks, THREADS, 0, gpu.stream, y, x, n);
    else if (from == GM_Q5_K)
        LAUNCH((k_convert<GM_Q5_K, TO>), blocks, THREADS, 0, gpu.stream, y, x, n);
    else if (from == GM_Q6_K)
        LAUNCH((k_convert<GM_Q6_K, TO>), blocks, THREADS, 0, gpu.stream, y, x, n);
    else return 1;
    return gpu_status();
}

int gpu_convert(void *y, gm_dtype to, const void *x, gm_dtype from, int64_t n)
{
    return to == GM_BF16 ? convert_to(static_cast<uint16_t *>(y), x, from, n)
                         : convert_to(static_cast<float *>(y), x, from, n);
}

/* ---- many rows ---- */

/* Scratch: x in bf16 where products are, and a panel of w where it has another type. */
static size_t x_bytes(int64_t R, int64_t K)
{
    return gpu.precision == GM_BF16 ? ((size_t)(R * K) * 2 + 63) / 64 * 64 : 0;
}

size_t cuda_linear_scratch(gm_dtype wt, int64_t R, int64_t N, int64_t K)
{
    if (R <= GPU_FEW_ROWS) return 0;
    size_t panel = wt == gpu.precision ? 0 : (size_t)(gpu_panel(N, K) * K) * sizeof(float);
    return x_bytes(R, K) + panel;
}

/* y = x w^T, onto what is in y; w of another type than the product's is converted as many rows at
 * a time as a panel holds. */
static int product(float *y, const void *x, const void *w, gm_dtype wt, int64_t R, int64_t N,
                   int64_t K, bool onto, void *panel)
{
    gm_dtype t = gpu.precision;
    int64_t most = gpu_panel(N, K);
    int bad = 0;
    if (wt == t) return gpu_product_nt(y, x, K, w, t, R, N, K, N, onto);
    for (int64_t n = 0; !bad && n < N; n += most) {
        int64_t rows = N - n < most ? N - n : most;
        const char *from = static_cast<const char *>(w) + gpu_weight_bytes(wt, n * K);
        bad = gpu_convert(panel, t, from, wt, rows * K);
        if (!bad) bad = gpu_product_nt(y + n, x, K, panel, t, R, rows, K, N, onto);
    }
    return bad;
}

int cuda_linear(float *y, const float *x, const void *w, gm_dtype wt, const float *b, int64_t R,
                int64_t N, int64_t K, void *scratch)
{
    if (!gpu_is_weight(wt)) return 1;
    if (R * N == 0) return 0;
    if (R <= GPU_FEW_ROWS) return gpu_few_rows(y, x, w, wt, b, R, N, K);
    int bad = b ? cuda_repeat(y, b, R, N) : 0;
    void *panel = static_cast<char *>(scratch) + x_bytes(R, K);
    if (!bad && gpu.precision == GM_BF16) bad = gpu_convert(scratch, GM_BF16, x, GM_F32, R * K);
    const void *factor = gpu.precision == GM_BF16 ? scratch : x;
    return bad ? bad : product(y, factor, w, wt, R, N, K, b != NULL, panel);
}
