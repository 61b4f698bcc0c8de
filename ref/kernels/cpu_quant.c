/* Quantised rows: blocks of 32 as llama.cpp stores them (kernels.h), unpacked, or multiplied as
 * they lie: sixteen sums side by side, so that nothing is added across before the end of the row. */
#include "cpu_dots.h"
#include "cpu_vec.h"

enum { HALF = GM_BLOCK / 2, Q8 = 34, Q4 = 18, Q4_MIN = 20, AHEAD = 2048 };

/* ---- q8_0 ---- */

GM_CLONES static void unpack_q8_0(float *restrict dst, const uint8_t *restrict w, int64_t blocks)
{
    for (int64_t b = 0; b < blocks; b++, w += Q8, dst += GM_BLOCK) {
        float d = cpu_from_f16((uint16_t)(w[0] | w[1] << 8));
        for (int k = 0; k < GM_BLOCK; k++) dst[k] = d * (float)(int8_t)w[2 + k];
    }
}

GM_CLONES static float dot_q8_0(const uint8_t *restrict w, const float *restrict x, int64_t blocks)
{
    float sum[HALF] = { 0 }, all = 0;
    for (int64_t b = 0; b < blocks; b++, w += Q8, x += GM_BLOCK) {
        GM_PREFETCH(w + AHEAD);
        float d = cpu_from_f16((uint16_t)(w[0] | w[1] << 8));
        #pragma omp simd
        for (int l = 0; l < HALF; l++)
            sum[l] += d * ((float)(int8_t)w[2 + l] * x[l] +
                           (float)(int8_t)w[2 + l + HALF] * x[l + HALF]);
    }
    for (int l = 0; l < HALF; l++) all += sum[l];
    return all;
}

/* ---- q4_0, q4_1 ---- */

GM_CLONES static void unpack_q4_0(float *restrict dst, const uint8_t *restrict w, int64_t blocks)
{
    for (int64_t b = 0; b < blocks; b++, w += Q4, dst += GM_BLOCK) {
        float d = cpu_from_f16((uint16_t)(w[0] | w[1] << 8));
        for (int k = 0; k < HALF; k++) {
            dst[k] = d * (float)((w[2 + k] & 15) - 8);
            dst[k + HALF] = d * (float)((w[2 + k] >> 4) - 8);
        }
    }
}

GM_CLONES static float dot_q4_0(const uint8_t *restrict w, const float *restrict x, int64_t blocks)
{
    float sum[HALF] = { 0 }, all = 0;
    for (int64_t b = 0; b < blocks; b++, w += Q4, x += GM_BLOCK) {
        GM_PREFETCH(w + AHEAD);
        float d = cpu_from_f16((uint16_t)(w[0] | w[1] << 8));
        #pragma omp simd
        for (int l = 0; l < HALF; l++)
            sum[l] += d * ((float)((w[2 + l] & 15) - 8) * x[l] +
                           (float)((w[2 + l] >> 4) - 8) * x[l + HALF]);
    }
    for (int l = 0; l < HALF; l++) all += sum[l];
    return all;
}

GM_CLONES static void unpack_q4_1(float *restrict dst, const uint8_t *restrict w, int64_t blocks)
{
    for (int64_t b = 0; b < blocks; b++, w += Q4_MIN, dst += GM_BLOCK) {
        float d = cpu_from_f16((uint16_t)(w[0] | w[1] << 8)),
              m = cpu_from_f16((uint16_t)(w[2] | w[3] << 8));
        for (int k = 0; k < HALF; k++) {
            dst[k] = d * (float)(w[4 + k] & 15) + m;
            dst[k + HALF] = d * (float)(w[4 + k] >> 4) + m;
        }
    }
}

GM_CLONES static float dot_q4_1(const uint8_t *restrict w, const float *restrict x, int64_t blocks)
{
    float sum[HALF] = { 0 }, all = 0;
    for (int64_t b = 0; b < blocks; b++, w += Q4_MIN, x += GM_BLOCK) {
        GM_PREFETCH(w + AHEAD);
        float d = cpu_from_f16((uint16_t)(w[0] | w[1] << 8)),
              m = cpu_from_f16((uint16_t)(w[2] | w[3] << 8));
        #pragma omp simd
        for (int l = 0; l < HALF; l++)
            sum[l] += (d * (float)(w[4 + l] & 15) + m) * x[l] +
                      (d * (float)(w[4 + l] >> 4) + m) * x[l + HALF];
    }
    for (int l = 0; l < HALF; l++) all += sum[l];
    return all;
}

/* ---- by type ---- */

void cpu_unpack(float *dst, const uint8_t *src, gm_dtype type, int64_t blocks)
{
    if (type == GM_Q8_0) unpack_q8_0(dst, src, blocks);
    else if (type == GM_Q4_0) unpack_q4_0(dst, src, blocks);
    else if (type == GM_Q4_1) unpack_q4_1(dst, src, blocks);
    else cpu_unpack_k(dst, src, type, blocks);
}

static const cpu_dots PLAIN = {
    .name = "plain C", .q8_0 = dot_q8_0, .q4_0 = dot_q4_0, .q4_1 = dot_q4_1,
    .q4_k = cpu_dot_q4_k, .q5_k = cpu_dot_q5_k, .q6_k = cpu_dot_q6_k
};

float cpu_dot_quantised(const uint8_t *w, gm_dtype type, const float *x, int64_t blocks)
{
    const cpu_dots *best = cpu_best_dots(0);
    if (!best) best = &PLAIN;
    switch (type) {
    case GM_Q8_0: return best->q8_0(w, x, blocks);
    case GM_Q4_0: return best->q4_0(w, x, blocks);
    case GM_Q4_1: return best->q4_1(w, x, blocks);
    case GM_Q4_K: return best->q4_k(w, x, blocks);
    case GM_Q5_K: return best->q5_k(w, x, blocks);
    default: return best->q6_k(w, x, blocks);
    }
}
