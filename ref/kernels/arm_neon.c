/* Rows times floats with NEON: of f32, bf16 and f16 eight rows at a time, so that eight sums are
 * under way (one waits some four cycles for itself); of blocks of 32 sixteen weights at a time.
 * Every aarch64 processor has these instructions. */
#include <arm_neon.h>
#include "arm_dots.h"

/* ---- rows of numbers ---- */

typedef struct { float32x4_t low, high; } eight;

/* Weights i .. i + 8 of a row. */
static inline eight eight_at(const void *w, gm_dtype wt, int64_t i)
{
    if (wt == GM_F32) {
        const float *p = (const float *)w + i;
        return (eight){ vld1q_f32(p), vld1q_f32(p + 4) };
    }
    uint16x8_t h = vld1q_u16((const uint16_t *)w + i);
    if (wt == GM_F16) {
        float16x8_t f = vreinterpretq_f16_u16(h);
        return (eight){ vcvt_f32_f16(vget_low_f16(f)), vcvt_high_f32_f16(f) };
    }
    return (eight){ vreinterpretq_f32_u32(vshll_n_u16(vget_low_u16(h), 16)),
                    vreinterpretq_f32_u32(vshll_high_n_u16(h, 16)) };
}

/* The totals of four vectors, by constant indices: a loop would keep the vectors in memory. */
static inline float32x4_t totals(const float32x4_t *sum)
{
    return vpaddq_f32(vpaddq_f32(sum[0], sum[1]), vpaddq_f32(sum[2], sum[3]));
}

/* A cpu_rows for each type. */
static inline void rows(float *y, const void *w, gm_dtype wt, const float *x, int64_t K)
{
    const int64_t row = K * (wt == GM_F32 ? 4 : 2);
    float32x4_t sum[CPU_ROWS];
    int64_t k = 0;
    for (int r = 0; r < CPU_ROWS; r++) sum[r] = vdupq_n_f32(0);
    for (; k + 8 <= K; k += 8) {
        eight v = eight_at(x, GM_F32, k);
        for (int r = 0; r < CPU_ROWS; r++) {
            eight q = eight_at((const uint8_t *)w + r * row, wt, k);
            sum[r] = vfmaq_f32(sum[r], q.low, v.low);
            sum[r] = vfmaq_f32(sum[r], q.high, v.high);
        }
    }
    vst1q_f32(y, totals(sum));
    vst1q_f32(y + 4, totals(sum + 4));
    for (; k < K; k++)
        for (int r = 0; r < CPU_ROWS; r++)
            y[r] += gm_typed((const uint8_t *)w + r * row, wt, k) * x[k];
}

static void rows_f32(float *y, const void *w, const float *x, int64_t K)
{
    rows(y, w, GM_F32, x, K);
}

static void rows_bf16(float *y, const void *w, const float *x, int64_t K)
{
    rows(y, w, GM_BF16, x, K);
}

static void rows_f16(float *y, const void *w, const float *x, int64_t K)
{
    rows(y, w, GM_F16, x, K);
}

/* ---- blocks of 32 ---- */

static float dot_q8_0(const uint8_t *w, const float *x, int64_t blocks)
{
    const float32x4_t none = vdupq_n_f32(0);
    arm_sums s = arm_none();
    for (int64_t b = 0; b < blocks; b++, w += ARM_Q8, x += GM_BLOCK) {
        float32x4_t d = arm_half_at(w);
        arm_add(&s, vld1q_s8((const int8_t *)w + 2), x, d, none);
        arm_add(&s, vld1q_s8((const int8_t *)w + 18), x + GM_BLOCK / 2, d, none);
    }
    return arm_total(&s);
}

/* Rows of q4_0 or, with m, of q4_1. */
static inline float dot_q4(const uint8_t *w, int bytes, const float *x, int64_t blocks)
{
    const int8x16_t less = vdupq_n_s8(bytes == ARM_Q4 ? 8 : 0);
    arm_sums s = arm_none();
    for (int64_t b = 0; b < blocks; b++, w += bytes, x += GM_BLOCK) {
        float32x4_t d = arm_half_at(w);
        float32x4_t m = bytes == ARM_Q4 ? vdupq_n_f32(0) : arm_half_at(w + 2);
        uint8x16_t q = vld1q_u8(w + bytes - GM_BLOCK / 2);
        int8x16_t low = vreinterpretq_s8_u8(vandq_u8(q, vdupq_n_u8(15)));
        int8x16_t high = vreinterpretq_s8_u8(vshrq_n_u8(q, 4));
        arm_add(&s, vsubq_s8(low, less), x, d, m);
        arm_add(&s, vsubq_s8(high, less), x + GM_BLOCK / 2, d, m);
    }
    return arm_total(&s);
}

static float dot_q4_0(const uint8_t *w, const float *x, int64_t blocks)
{
    return dot_q4(w, ARM_Q4, x, blocks);
}

static float dot_q4_1(const uint8_t *w, const float *x, int64_t blocks)
{
    return dot_q4(w, ARM_Q4_MIN, x, blocks);
}

const cpu_dots cpu_dots_neon = {
    .name = "neon", .q8_0 = dot_q8_0, .q4_0 = dot_q4_0, .q4_1 = dot_q4_1,
    .q4_k = cpu_neon_q4_k, .q5_k = cpu_neon_q5_k, .q6_k = cpu_neon_q6_k,
    .f32 = rows_f32, .bf16 = rows_bf16, .f16 = rows_f16
};
