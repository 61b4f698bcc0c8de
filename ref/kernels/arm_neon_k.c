/* Rows in blocks of 256 (kernels.h, typed.h) times floats with NEON: sixteen weights at a
 * time. */
#include <stdbool.h>
#include "arm_dots.h"

enum { Q4 = 144, Q5 = 176, Q6 = 210, PART = 32 };

/* Rows of q4_K (five false) or q5_K, whose fifth bits lie before the half bytes: those of part j
 * are bits j. */
static inline float parts_dot(const uint8_t *w, bool five, const float *x, int64_t blocks)
{
    const uint8x16_t four = vdupq_n_u8(15), bit = vdupq_n_u8(16);
    arm_sums sum = arm_none();
    for (int64_t b = 0; b < blocks; b++, w += five ? Q5 : Q4) {
        const uint8_t *q = w + (five ? 48 : 16);
        float d = gm_half_at(w), e = gm_half_at(w + 2);
        for (int part = 0; part < 8; part++, x += PART) {
            float32x4_t s = vdupq_n_f32(d * (float)gm_k_scale(w + 4, part));
            float32x4_t m = vdupq_n_f32(-e * (float)gm_k_least(w + 4, part));
            for (int i = 0; i < PART; i += 16) {
                uint8x16_t v = vld1q_u8(q + part / 2 * PART + i);
                v = part % 2 ? vshrq_n_u8(v, 4) : vandq_u8(v, four);
                if (five) {
                    uint8x16_t h = vshlq_u8(vld1q_u8(w + 16 + i), vdupq_n_s8((int8_t)(4 - part)));
                    v = vorrq_u8(v, vandq_u8(h, bit));
                }
                arm_add(&sum, vreinterpretq_s8_u8(v), x + i, s, m);
            }
        }
    }
    return arm_total(&sum);
}

float cpu_neon_q4_k(const uint8_t *w, const float *x, int64_t blocks)
{
    return parts_dot(w, false, x, blocks);
}

float cpu_neon_q5_k(const uint8_t *w, const float *x, int64_t blocks)
{
    return parts_dot(w, true, x, blocks);
}

float cpu_neon_q6_k(const uint8_t *w, const float *x, int64_t blocks)
{
    const uint8x16_t four = vdupq_n_u8(15), two = vdupq_n_u8(48);
    const float32x4_t none = vdupq_n_f32(0);
    arm_sums sum = arm_none();
    for (int64_t b = 0; b < blocks; b++, w += Q6) {
        float d = gm_half_at(w + 208);
        for (int i = 0; i < GM_K_BLOCK; i += 16, x += 16) {
            int run = i % 128 / 32;
            uint8x16_t low = vld1q_u8(w + i / 128 * 64 + run % 2 * 32 + i % 32);
            uint8x16_t high = vld1q_u8(w + 128 + i / 128 * 32 + i % 32);
            low = run / 2 ? vshrq_n_u8(low, 4) : vandq_u8(low, four);
            high = vandq_u8(vshlq_u8(high, vdupq_n_s8((int8_t)(4 - 2 * run))), two);
            int8x16_t q = vsubq_s8(vreinterpretq_s8_u8(vorrq_u8(low, high)), vdupq_n_s8(32));
            arm_add(&sum, q, x, vdupq_n_f32(d * (float)(int8_t)w[192 + i / 16]), none);
        }
    }
    return arm_total(&sum);
}
