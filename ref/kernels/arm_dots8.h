/* Quantised rows times 8-bit activations with NEON.  Who includes this has defined arm_dot32:
 * arm_dotprod.c by the instruction for it, arm_neon8.c by older ones.  Each block's whole number
 * stays apart in four lanes, becomes a float and meets its scales there; nothing is added across
 * before the end of the row. */
#ifndef GM_ARM_DOTS8_H
#define GM_ARM_DOTS8_H
#include "arm_dots.h"

/* Four whole numbers whose sum is that of a0 b0 + a1 b1; b of -127 .. 127. */
static inline int32x4_t arm_dot32(int8x16_t a0, int8x16_t b0, int8x16_t a1, int8x16_t b1);

static float dot_q8_0(const uint8_t *w, const cpu_group8 *x, int64_t blocks)
{
    float32x4_t sum = vdupq_n_f32(0);
    for (int64_t b = 0; b < blocks; b++, w += ARM_Q8) {
        const cpu_group8 *g = &x[b / CPU_GROUP];
        const int8_t *q = (const int8_t *)w + 2, *v = g->q + b % CPU_GROUP * GM_BLOCK;
        int32x4_t dot = arm_dot32(vld1q_s8(q), vld1q_s8(v), vld1q_s8(q + 16), vld1q_s8(v + 16));
        float32x4_t scale = vmulq_n_f32(arm_half_at(w), g->d[b % CPU_GROUP]);
        sum = vfmaq_f32(sum, vcvtq_f32_s32(dot), scale);
    }
    return vaddvq_f32(sum);
}

/* second: where the number that s is multiplied by lies in a block of `bytes`. */
static inline float dot_q4(const uint8_t *w, int bytes, int second, const cpu_group8 *x,
                           int64_t blocks)
{
    float32x4_t sum = vdupq_n_f32(0), extra = sum;
    for (int64_t b = 0; b < blocks; b++, w += bytes) {
        const cpu_group8 *g = &x[b / CPU_GROUP];
        int64_t i = b % CPU_GROUP;
        const int8_t *v = g->q + i / 4 * 128 + i % 4 * 16;
        uint8x16_t q = vld1q_u8(w + bytes - GM_BLOCK / 2);
        int8x16_t low = vreinterpretq_s8_u8(vandq_u8(q, vdupq_n_u8(15)));
        int8x16_t high = vreinterpretq_s8_u8(vshrq_n_u8(q, 4));
        int32x4_t dot = arm_dot32(low, vld1q_s8(v), high, vld1q_s8(v + 64));
        sum = vfmaq_f32(sum, vcvtq_f32_s32(dot), vmulq_n_f32(arm_half_at(w), g->d[i]));
        extra = vfmaq_n_f32(extra, arm_half_at(w + second), g->s[i]);
    }
    return vaddvq_f32(sum) + vgetq_lane_f32(extra, 0);
}

static float dot_q4_0(const uint8_t *w, const cpu_group8 *x, int64_t blocks)
{
    return dot_q4(w, ARM_Q4, 0, x, blocks);
}

static float dot_q4_1(const uint8_t *w, const cpu_group8 *x, int64_t blocks)
{
    return dot_q4(w, ARM_Q4_MIN, 2, x, blocks);
}

#endif
