/* Linear with 8-bit activations (ref_quant.c has the definition): rows of x rounded once, whole
 * numbers multiplied, a block's scales applied to its sum. */
#include "cpu_table.h"
#include "cpu_vec.h"
#include "ref_table.h"

enum { HALF = GM_BLOCK / 2 };

GM_CLONES static float dot_q8_0(const uint8_t *restrict w, const gm_q8_block *restrict x,
                                int64_t blocks)
{
    float all = 0;
    for (int64_t b = 0; b < blocks; b++, w += 34) {
        int32_t sum = 0;
        #pragma omp simd reduction(+:sum)
        for (int k = 0; k < GM_BLOCK; k++) sum += (int8_t)w[2 + k] * x[b].q[k];
        all += cpu_from_f16((uint16_t)(w[0] | w[1] << 8)) * x[b].d * (float)sum;
    }
    return all;
}

GM_CLONES static float dot_q4_0(const uint8_t *restrict w, const gm_q8_block *restrict x,
                                int64_t blocks)
{
    float all = 0;
    for (int64_t b = 0; b < blocks; b++, w += 18) {
        int32_t sum = 0;
        #pragma omp simd reduction(+:sum)
        for (int k = 0; k < HALF; k++)
            sum += ((w[2 + k] & 15) - 8) * x[b].q[k] + ((w[2 + k] >> 4) - 8) * x[b].q[k + HALF];
        all += cpu_from_f16((uint16_t)(w[0] | w[1] << 8)) * x[b].d * (float)sum;
    }
    return all;
}

GM_CLONES static float dot_q4_1(const uint8_t *restrict w, const gm_q8_block *restrict x,
                                int64_t blocks)
{
    float all = 0;
    for (int64_t b = 0; b < blocks; b++, w += 20) {
        int32_t sum = 0;
        #pragma omp simd reduction(+:sum)
        for (int k = 0; k < HALF; k++)
            sum += (w[4 + k] & 15) * x[b].q[k] + (w[4 + k] >> 4) * x[b].q[k + HALF];
        all += cpu_from_f16((uint16_t)(w[0] | w[1] << 8)) * x[b].d * (float)sum +
               cpu_from_f16((uint16_t)(w[2] | w[3] << 8)) * x[b].s;
    }
    return all;
}

size_t cpu_linear_q8_scratch(gm_dtype wt, int64_t R, int64_t N, int64_t K)
{
    size_t rounded = ref_linear_q8_scratch(wt, R, N, K);
    return rounded ? rounded : cpu_linear_scratch(wt, R, N, K);
}

int cpu_linear_q8(float *y, const float *x, const void *w, gm_dtype wt, const float *b, int64_t R,
                  int64_t N, int64_t K, void *scratch)
{
    int64_t blocks = K / GM_BLOCK, bytes = blocks * gm_block_bytes(wt);
    gm_q8_block *rounded = scratch;
    if (!ref_linear_q8_scratch(wt, R, N, K)) return cpu_linear(y, x, w, wt, b, R, N, K, scratch);
    if (K % GM_BLOCK) return 1;
    #pragma omp parallel for if (R * K > CPU_GRAIN)
    for (int64_t i = 0; i < R * blocks; i++) gm_round_q8(&rounded[i], x + i * GM_BLOCK);
    #pragma omp parallel for if (R * N * K > 2 * CPU_GRAIN)
    for (int64_t n = 0; n < N; n++) {
        const uint8_t *row = (const uint8_t *)w + n * bytes;
        for (int64_t r = 0; r < R; r++) {
            const gm_q8_block *xr = rounded + r * blocks;
            float sum = wt == GM_Q8_0   ? dot_q8_0(row, xr, blocks)
                        : wt == GM_Q4_0 ? dot_q4_0(row, xr, blocks)
                                        : dot_q4_1(row, xr, blocks);
            y[r * N + n] = sum + (b ? b[n] : 0);
        }
    }
    return 0;
}

const gm_kernels *gm_kernels_cpu_q8(void)
{
    static const gm_kernels table = {
        .name = "cpu-q8", .linear = cpu_linear_q8, .linear_scratch = cpu_linear_q8_scratch,
        .rmsnorm = ref_rmsnorm_q8
    };
    return &table;
}
