/* Element types: reading one weight as float, and the rounding from float to 16 bits.
 * NaN stays NaN (quietened), infinities stay, rounding is to nearest even, denormals are kept. */
#ifndef GM_TYPED_H
#define GM_TYPED_H
#include <math.h>
#include <string.h>
#include "../kernels.h"

static inline float gm_float_of_bits(uint32_t u)
{
    float f;
    memcpy(&f, &u, sizeof f);
    return f;
}

static inline uint32_t gm_bits_of_float(float f)
{
    uint32_t u;
    memcpy(&u, &f, sizeof u);
    return u;
}

static inline float gm_from_bf16(uint16_t h)
{
    return gm_float_of_bits((uint32_t)h << 16);
}

static inline uint16_t gm_to_bf16(float f)
{
    uint32_t u = gm_bits_of_float(f);
    if ((u & 0x7fffffff) > 0x7f800000)
        return (uint16_t)(u >> 16 | 0x40); /* rounding could make it Inf */
    return (uint16_t)((u + 0x7fff + (u >> 16 & 1)) >> 16);
}

/* IEEE half: 1 sign, 5 exponent (bias 15), 10 fraction bits. */
static inline float gm_from_f16(uint16_t h)
{
    uint32_t sign = (uint32_t)(h & 0x8000) << 16, exponent = h >> 10 & 31, fraction = h & 1023;
    if (exponent == 31)
        return gm_float_of_bits(sign | 0x7f800000 | fraction << 13 | (fraction ? 0x400000 : 0));
    if (exponent == 0) {
        float f = (float)fraction * 0x1p-24f;
        return sign ? -f : f;
    }
    return gm_float_of_bits(sign | (exponent + 112) << 23 | fraction << 13);
}

static inline uint16_t gm_to_f16(float f)
{
    uint32_t u = gm_bits_of_float(f), sign = u >> 16 & 0x8000;
    u &= 0x7fffffff;
    if (u > 0x7f800000) return (uint16_t)(sign | 0x7e00 | (u >> 13 & 1023));
    if (u >= 0x477ff000) return (uint16_t)(sign | 0x7c00);          /* 65520 and above */
    if (u < 0x38800000) {                   /* below 2^-14: adding 1/2 leaves multiples of 2^-24 */
        float shifted = gm_float_of_bits(u) + 0.5f;
        return (uint16_t)(sign | (gm_bits_of_float(shifted) - 0x3f000000));
    }
    return (uint16_t)(sign | ((u - 0x38000000 + 0xfff + (u >> 13 & 1)) >> 13));
}

/* 1 for the types any weight may have. */
static inline int gm_is_weight_type(gm_dtype t)
{
    return t == GM_F32 || t == GM_BF16 || t == GM_F16;
}

/* Elements of a block of a quantised type, and its bytes; 0 for other types. */
enum { GM_BLOCK = 32 };
static inline int64_t gm_block_bytes(gm_dtype t)
{
    return t == GM_Q8_0 ? 34 : t == GM_Q4_0 ? 18 : t == GM_Q4_1 ? 20 : 0;
}

/* 1 for the types that the weight of linear and gather may have when its rows have K elements. */
static inline int gm_is_matrix_type(gm_dtype t, int64_t K)
{
    return gm_is_weight_type(t) || (gm_block_bytes(t) && K % GM_BLOCK == 0);
}

static inline float gm_half_at(const uint8_t *p)
{
    return gm_from_f16((uint16_t)(p[0] | p[1] << 8));
}

/* Element i of an array of a quantised type. */
static inline float gm_quantised(const void *p, gm_dtype t, int64_t i)
{
    const uint8_t *b = (const uint8_t *)p + i / GM_BLOCK * gm_block_bytes(t);
    int64_t k = i % GM_BLOCK;
    float d = gm_half_at(b);
    if (t == GM_Q8_0) return d * (float)(int8_t)b[2 + k];
    const uint8_t *q = b + (t == GM_Q4_0 ? 2 : 4);
    int nibble = k < 16 ? q[k] & 15 : q[k - 16] >> 4;
    return t == GM_Q4_0 ? d * (float)(nibble - 8) : d * (float)nibble + gm_half_at(b + 2);
}

/* 32 activations in 8 bits: x is about d q; s is d times the sum of q, which a type with a minimum
 * is multiplied by.  d and s have been through f16. */
typedef struct { float d, s; int8_t q[GM_BLOCK]; } gm_q8_block;

/* llama.cpp's quantize_row_q8_1 on x86: halves go to the even neighbour.  (Its portable one rounds
 * them away from 0.)  A NaN or Inf in x makes the block NaN. */
static inline void gm_round_q8(gm_q8_block *y, const float *x)
{
    float most = 0, bad = 0;
    int32_t sum = 0;
    #pragma omp simd reduction(max:most) reduction(+:bad)
    for (int i = 0; i < GM_BLOCK; i++) {
        float a = fabsf(x[i]);
        most = a > most ? a : most;
        bad += x[i] * 0.0f;
    }
    float d = most / 127, id = 127 / most;
    if (!(id < INFINITY) || bad != 0) id = 0;
    #pragma omp simd reduction(+:sum)
    for (int i = 0; i < GM_BLOCK; i++) {
        y->q[i] = bad == 0 ? (int8_t)rintf(x[i] * id) : 0;
        sum += y->q[i];
    }
    y->d = gm_from_f16(gm_to_f16(d)) + bad;
    y->s = gm_from_f16(gm_to_f16(d * (float)sum)) + bad;
}

/* Element i of an array of type t, one of the weight or quantised types. */
static inline float gm_typed(const void *p, gm_dtype t, int64_t i)
{
    if (t == GM_F32) return ((const float *)p)[i];
    if (gm_block_bytes(t)) return gm_quantised(p, t, i);
    uint16_t h = ((const uint16_t *)p)[i];
    return t == GM_BF16 ? gm_from_bf16(h) : gm_from_f16(h);
}

#endif
