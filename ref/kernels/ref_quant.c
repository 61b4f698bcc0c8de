/* Oracle: linear with 8-bit activations: x rounded in blocks of 32 where the weights are quantised,
 * as llama.cpp does it (ggml-cpu quants.c: quantize_row_q8_0, quantize_row_q8_1, ggml_vec_dot_*);
 * and the norm in front of it. */
#include <math.h>
#include "ref_table.h"
#include "typed.h"

/* The types that have a product of whole numbers. */
static int has_product(gm_dtype wt) { return wt == GM_Q8_0 || wt == GM_Q4_0 || wt == GM_Q4_1; }

/* One block of weights w times one of x: the whole numbers exactly, then the scales. */
static double block_dot(const uint8_t *w, gm_dtype wt, const gm_q8_block *x)
{
    int32_t sum = 0;
    const uint8_t *q = w + (wt == GM_Q4_1 ? 4 : 2);
    for (int k = 0; k < GM_BLOCK; k++) {
        int nibble = k < GM_BLOCK / 2 ? q[k] & 15 : q[k - GM_BLOCK / 2] >> 4;
        int v = wt == GM_Q8_0 ? (int8_t)q[k] : wt == GM_Q4_0 ? nibble - 8 : nibble;
        sum += v * x->q[k];
    }
    double y = (double)gm_half_at(w) * (double)x->d * sum;
    return wt == GM_Q4_1 ? y + (double)gm_half_at(w + 2) * (double)x->s : y;
}

size_t ref_linear_q8_scratch(gm_dtype wt, int64_t R, int64_t N, int64_t K)
{
    (void)N;
    return has_product(wt) ? (size_t)(R * (K / GM_BLOCK)) * sizeof(gm_q8_block) : 0;
}

/* y[r, n] = b[n] + sum over blocks of dw dx (sum of w's whole numbers times x's) + mw sx */
int ref_linear_q8(float *y, const float *x, const void *w, gm_dtype wt, const float *b, int64_t R,
                  int64_t N, int64_t K, void *scratch)
{
    int64_t blocks = K / GM_BLOCK, bytes = gm_block_bytes(wt);
    gm_q8_block *rounded = scratch;
    if (!has_product(wt)) return ref_linear(y, x, w, wt, b, R, N, K, NULL);
    if (K % GM_BLOCK) return 1;
    for (int64_t i = 0; i < R * blocks; i++) gm_round_q8(&rounded[i], x + i * GM_BLOCK);
    #pragma omp parallel for
    for (int64_t o = 0; o < R * N; o++) {
        const gm_q8_block *row = rounded + o / N * blocks;
        const uint8_t *wn = (const uint8_t *)w + o % N * blocks * bytes;
        double sum = b ? b[o % N] : 0;
        for (int64_t i = 0; i < blocks; i++) sum += block_dot(wn + i * bytes, wt, &row[i]);
        y[o] = (float)sum;
    }
    return 0;
}

/* y = (x s) w, s = 1 / sqrt(mean(x^2) + eps), every step rounded to float as llama.cpp rounds it
 * (ops.cpp, ggml_compute_forward_rms_norm_f32).  Norm weights that were bf16 times embeddings of 8
 * bits often lie just between two whole numbers, and then the last bit says which. */
int ref_rmsnorm_q8(float *y, const float *x, const float *w, int64_t R, int64_t C, float eps)
{
    #pragma omp parallel for
    for (int64_t r = 0; r < R; r++) {
        double sum = 0;
        for (int64_t i = 0; i < C; i++) sum += (double)(x[r * C + i] * x[r * C + i]);
        float scale = 1 / sqrtf((float)(sum / (double)C) + eps);
        for (int64_t i = 0; i < C; i++) {
            float scaled = x[r * C + i] * scale;
            y[r * C + i] = scaled * w[i];
        }
    }
    return 0;
}

const gm_kernels *gm_kernels_ref_q8(void)
{
    static const gm_kernels table = {
        .name = "ref-q8", .linear = ref_linear_q8, .linear_scratch = ref_linear_q8_scratch,
        .rmsnorm = ref_rmsnorm_q8
    };
    return &table;
}
