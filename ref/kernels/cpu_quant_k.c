/* Quantised rows in blocks of 256 (kernels.h; where the bits lie: typed.h): a block is unpacked
 * into the first-level cache and multiplied there, sixteen sums side by side to the end of the
 * row. */
#include "cpu_dots.h"
#include "cpu_vec.h"

enum { LANES = 16, Q4 = 144, Q5 = 176, Q6 = 210, AHEAD = 2048 };

static inline float half_at(const uint8_t *p) { return cpu_from_f16((uint16_t)(p[0] | p[1] << 8)); }

GM_CLONES static void unpack_q4_k(float *restrict dst, const uint8_t *restrict w)
{
    float d = half_at(w), e = half_at(w + 2);
    for (int part = 0; part < 8; part += 2, dst += 64) {
        const uint8_t *q = w + 16 + 16 * part;
        float d0 = d * (float)gm_k_scale(w + 4, part), e0 = e * (float)gm_k_least(w + 4, part);
        float d1 = d * (float)gm_k_scale(w + 4, part + 1),
              e1 = e * (float)gm_k_least(w + 4, part + 1);
        for (int l = 0; l < 32; l++) {
            dst[l] = d0 * (float)(q[l] & 15) - e0;
            dst[l + 32] = d1 * (float)(q[l] >> 4) - e1;
        }
    }
}

GM_CLONES static void unpack_q5_k(float *restrict dst, const uint8_t *restrict w)
{
    float d = half_at(w), e = half_at(w + 2);
    for (int part = 0; part < 8; part += 2, dst += 64) {
        const uint8_t *q = w + 48 + 16 * part, *h = w + 16;
        float d0 = d * (float)gm_k_scale(w + 4, part), e0 = e * (float)gm_k_least(w + 4, part);
        float d1 = d * (float)gm_k_scale(w + 4, part + 1),
              e1 = e * (float)gm_k_least(w + 4, part + 1);
        for (int l = 0; l < 32; l++) {
            dst[l] = d0 * (float)((q[l] & 15) | (h[l] >> part & 1) << 4) - e0;
            dst[l + 32] = d1 * (float)(q[l] >> 4 | (h[l] >> (part + 1) & 1) << 4) - e1;
        }
    }
}

GM_CLONES static void unpack_q6_k(float *restrict dst, const uint8_t *restrict w)
{
    float d = half_at(w + 208);
    for (int l = 0; l < 256; l += 16) {         /* one scale each */
        int run = l % 128 / 32;
        const uint8_t *low = w + l / 128 * 64 + run % 2 * 32 + l % 32,
                      *high = w + 128 + l / 128 * 32 + l % 32;
        float s = d * (float)(int8_t)w[192 + l / 16];
        for (int i = 0; i < 16; i++) {
            int v = (low[i] >> run / 2 * 4 & 15) | (high[i] >> 2 * run & 3) << 4;
            dst[l + i] = s * (float)(v - 32);
        }
    }
}

void cpu_unpack_k(float *dst, const uint8_t *w, gm_dtype type, int64_t blocks)
{
    void (*unpack)(float *, const uint8_t *) =
        type == GM_Q4_K ? unpack_q4_k : type == GM_Q5_K ? unpack_q5_k : unpack_q6_k;
    for (int64_t b = 0; b < blocks; b++) unpack(dst + b * GM_K_BLOCK, w + b * gm_block_bytes(type));
}

GM_CLONES static void add_products(float *restrict sum, const float *restrict w,
                                   const float *restrict x)
{
    for (int i = 0; i < GM_K_BLOCK; i += LANES)
        for (int l = 0; l < LANES; l++) sum[l] += w[i + l] * x[i + l];
}

static float dot(void (*unpack)(float *, const uint8_t *), int64_t size, const uint8_t *w,
                 const float *x, int64_t blocks)
{
    float sum[LANES] = { 0 }, row[GM_K_BLOCK], all = 0;
    for (int64_t b = 0; b < blocks; b++, w += size, x += GM_K_BLOCK) {
        for (int64_t i = 0; i < size; i += 64) GM_PREFETCH(w + AHEAD + i);
        unpack(row, w);
        add_products(sum, row, x);
    }
    for (int l = 0; l < LANES; l++) all += sum[l];
    return all;
}

float cpu_dot_q4_k(const uint8_t *w, const float *x, int64_t blocks)
{
    return dot(unpack_q4_k, Q4, w, x, blocks);
}

float cpu_dot_q5_k(const uint8_t *w, const float *x, int64_t blocks)
{
    return dot(unpack_q5_k, Q5, w, x, blocks);
}

float cpu_dot_q6_k(const uint8_t *w, const float *x, int64_t blocks)
{
    return dot(unpack_q6_k, Q6, w, x, blocks);
}
