/* 8-bit activations on processors without the dot product of bytes: products of 16 bits, two of
 * which always fit (2 x 128 x 127). */
#include "arm_dots8.h"

static inline int32x4_t arm_dot32(int8x16_t a0, int8x16_t b0, int8x16_t a1, int8x16_t b1)
{
    int16x8_t low = vmull_s8(vget_low_s8(a0), vget_low_s8(b0));
    int16x8_t high = vmull_high_s8(a0, b0);
    low = vmlal_s8(low, vget_low_s8(a1), vget_low_s8(b1));
    high = vmlal_high_s8(high, a1, b1);
    return vpadalq_s16(vpaddlq_s16(low), high);
}

const cpu_dots8 cpu_dots8_neon = { "neon", dot_q8_0, dot_q4_0, dot_q4_1, NULL };
