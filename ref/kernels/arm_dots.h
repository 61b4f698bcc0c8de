/* What the NEON kernels share (arm_*.c). */
#ifndef GM_ARM_DOTS_H
#define GM_ARM_DOTS_H
#include <arm_neon.h>
#include "cpu_dots.h"

enum { ARM_Q8 = 34, ARM_Q4 = 18, ARM_Q4_MIN = 20 };         /* bytes of a block of 32 */

/* arm_neon.c, arm_neon_k.c, arm_neon8.c, arm_dotprod.c */
extern const cpu_dots cpu_dots_neon;
extern const cpu_dots8 cpu_dots8_neon, cpu_dots8_dotprod;
float cpu_neon_q4_k(const uint8_t *w, const float *x, int64_t blocks);
float cpu_neon_q5_k(const uint8_t *w, const float *x, int64_t blocks);
float cpu_neon_q6_k(const uint8_t *w, const float *x, int64_t blocks);

/* The f16 at p, four times. */
static inline float32x4_t arm_half_at(const uint8_t *p)
{
    uint16_t h = (uint16_t)(p[0] | p[1] << 8);
    return vcvt_f32_f16(vreinterpret_f16_u16(vdup_n_u16(h)));
}

/* Four of eight whole numbers as floats. */
static inline float32x4_t arm_low(int16x8_t v)
{
    return vcvtq_f32_s32(vmovl_s16(vget_low_s16(v)));
}
static inline float32x4_t arm_high(int16x8_t v) { return vcvtq_f32_s32(vmovl_high_s16(v)); }

/* Four vectors of sums, so that none waits for itself. */
typedef struct { float32x4_t of[4]; } arm_sums;

static inline arm_sums arm_none(void)
{
    float32x4_t zero = vdupq_n_f32(0);
    return (arm_sums){ { zero, zero, zero, zero } };
}

static inline float arm_total(const arm_sums *s)
{
    return vaddvq_f32(vaddq_f32(vaddq_f32(s->of[0], s->of[1]), vaddq_f32(s->of[2], s->of[3])));
}

/* s += (d q + m) x, sixteen of each.  Weights are formed first: an infinite x gives what it gives
 * in the oracle, where sums of d q x and of m x apart could be Inf - Inf. */
static inline void arm_add(arm_sums *s, int8x16_t q, const float *x, float32x4_t d, float32x4_t m)
{
    int16x8_t low = vmovl_s8(vget_low_s8(q)), high = vmovl_high_s8(q);
    const float32x4_t v[4] = { arm_low(low), arm_high(low), arm_low(high), arm_high(high) };
    for (int i = 0; i < 4; i++)
        s->of[i] = vfmaq_f32(s->of[i], vfmaq_f32(m, d, v[i]), vld1q_f32(x + 4 * i));
}

#endif
