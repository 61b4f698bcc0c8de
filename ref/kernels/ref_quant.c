/* Oracle: linear with 8-bit activations: x rounded in blocks of 32 or 256, as the weights are
 * quantised, as llama.cpp does it (ggml-cpu quants.c: quantize_row_q8_0, _q8_1, _q8_K,
 * ggml_vec_dot_*); and the norm in front of it. */
#include <math.h>
#include "ref_table.h"
#include "typed.h"

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

/* The same for blocks of 256, whose scales and minima are whole numbers, too. */
static double block_dot_k(const uint8_t *w, gm_dtype wt, const gm_k8_block *x)
{
    int64_t sum = 0, least = 0;
    for (int j = 0; j < GM_K_BLOCK / 16; j++) {
        int64_t part = 0;
        for (int k = 16 * j; k < 16 * j + 16; k++) part += gm_k_whole(w, wt, k) * x->q[k];
        sum += part * (wt == GM_Q6_K ? (int8_t)w[192 + j] : gm_k_scale(w + 4, j / 2));
        if (wt != GM_Q6_K) least += gm_k_least(w + 4, j / 2) * x->sums[j];
    }
    double y = (double)gm_half_at(wt == GM_Q6_K ? w + 208 : w) * (double)sum;
    if (wt != GM_Q6_K) y -= (double)gm_half_at(w + 2) * (double)least;
    return y * (double)x->d;
}

/* Bytes of a rounded block of x; 0: the type has no product of whole numbers. */
static size_t rounded_bytes(gm_dtype wt)
{
    return !gm_block_bytes(wt) ? 0 : gm_block_values(wt) == GM_K_BLOCK ? sizeof(gm_k8_block)
                                                                       : sizeof(gm_q8_block);
}

size_t ref_linear_q8_scratch(gm_dtype wt, int64_t R, int64_t N, int64_t K)
{
    (void)N;
    return (size_t)(R * (K / gm_block_values(wt))) * rounded_bytes(wt);
}

/* y[r, n] = b[n] + sum over blocks of dw dx (sum of w's whole numbers times x's) + mw sx */
int ref_linear_q8(float *y, const float *x, const void *w, gm_dtype wt, const float *b, int64_t R,
                  int64_t N, int64_t K, void *scratch)
{
    int64_t values = gm_block_values(wt), blocks = K / values, bytes = gm_block_bytes(wt);
    gm_q8_block *rounded = scratch;
    gm_k8_block *rounded_k = scratch;
    int wide = values == GM_K_BLOCK;
    if (!bytes) return ref_linear(y, x, w, wt, b, R, N, K, NULL);
    if (K % values) return 1;
    for (int64_t i = 0; i < R * blocks; i++)
        if (wide) gm_round_k8(&rounded_k[i], x + i * values);
        else gm_round_q8(&rounded[i], x + i * values);
    #pragma omp parallel for
    for (int64_t o = 0; o < R * N; o++) {
        int64_t row = o / N * blocks;
        const uint8_t *wn = (const uint8_t *)w + o % N * blocks * bytes;
        double sum = b ? b[o % N] : 0;
        for (int64_t i = 0; i < blocks; i++)
            sum += wide ? block_dot_k(wn + i * bytes, wt, &rounded_k[row + i])
                        : block_dot(wn + i * bytes, wt, &rounded[row + i]);
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
