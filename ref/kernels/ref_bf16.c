/* Oracle: linear with bfloat16 activations. */
#include "ref_table.h"
#include "typed.h"

size_t ref_linear_bf16_scratch(gm_dtype wt, int64_t R, int64_t N, int64_t K)
{
    (void)N;
    return wt == GM_BF16 ? (size_t)(R * K) * sizeof(float) : 0;
}

/* y[r, n] = b[n] + sum_k bf16(x[r, k]) w[n, k] where w is bf16; else as ref_linear. */
int ref_linear_bf16(float *y, const float *x, const void *w, gm_dtype wt, const float *b, int64_t R,
                    int64_t N, int64_t K, void *scratch)
{
    float *rounded = scratch;
    if (wt != GM_BF16) return ref_linear(y, x, w, wt, b, R, N, K, NULL);
    for (int64_t i = 0; i < R * K; i++) rounded[i] = gm_from_bf16(gm_to_bf16(x[i]));
    return ref_linear(y, rounded, w, wt, b, R, N, K, NULL);
}

const gm_kernels *gm_kernels_ref_bf16(void)
{
    static const gm_kernels table = {
        .name = "ref-bf16", .linear = ref_linear_bf16, .linear_scratch = ref_linear_bf16_scratch
    };
    return &table;
}
