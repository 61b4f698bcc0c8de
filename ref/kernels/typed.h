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

/* Bytes of a block of a quantised type, 0 for other types; and its elements, then 1. */
enum { GM_BLOCK = 32, GM_K_BLOCK = 256 };
static inline int64_t gm_block_bytes(gm_dtype t)
{
    switch (t) {
    case GM_Q8_0: return 34;
    case GM_Q4_0: return 18;
    case GM_Q4_1: return 20;
    case GM_Q4_K: return 144;
    case GM_Q5_K: return 176;
    case GM_Q6_K: return 210;
    default: return 0;
    }
}
static inline int64_t gm_block_values(gm_dtype t)
{
    int64_t bytes = gm_block_bytes(t);
    return bytes > 34 ? GM_K_BLOCK : bytes ? GM_BLOCK : 1;
}

/* 1 for the types that the weight of linear and gather may have when its rows have K elements. */
static inline int gm_is_matrix_type(gm_dtype t, int64_t K)
{
    return gm_is_weight_type(t) || (gm_block_bytes(t) && K % gm_block_values(t) == 0);
}

static inline float gm_half_at(const uint8_t *p)
{
    return gm_from_f16((uint16_t)(p[0] | p[1] << 8));
}

/* s and t of part j (of 8) of q4_K and q5_K, from the block's 12 bytes at p: those of parts 0 to 3
 * are the low six bits of a byte, the others' upper two lie above them. */
static inline int gm_k_scale(const uint8_t *p, int64_t j)
{
    return j < 4 ? p[j] & 63 : (p[j + 4] & 15) | p[j - 4] >> 6 << 4;
}
static inline int gm_k_least(const uint8_t *p, int64_t j)
{
    return j < 4 ? p[j + 4] & 63 : p[j + 4] >> 4 | p[j] >> 6 << 4;
}

/* The whole number of element k of a block of 256.  Two parts of 32 share 32 bytes of half bytes;
 * the fifth bits of part j are bits j of 32 bytes; in q6_K, runs of 32 elements 64 apart share
 * bytes, and four such runs those of the upper two bits. */
static inline int gm_k_whole(const uint8_t *b, gm_dtype t, int64_t k)
{
    if (t == GM_Q6_K) {
        int64_t half = k / 128, run = k % 128 / 32, l = k % 32;
        int low = b[64 * half + run % 2 * 32 + l] >> run / 2 * 4 & 15;
        int high = b[128 + 32 * half + l] >> 2 * run & 3;
        return (low | high << 4) - 32;
    }
    int64_t part = k / 32, l = k % 32;
    const uint8_t *q = b + (t == GM_Q5_K ? 48 : 16);
    int v = q[part / 2 * 32 + l] >> part % 2 * 4 & 15;
    if (t == GM_Q5_K) v |= (b[16 + l] >> part & 1) << 4;
    return v;
}

/* Element k of a block of 256.  Every product is exact in float, so that only the difference is
 * rounded.  ggml-quants.c, dequantize_row_q4_K, _q5_K, _q6_K. */
static inline float gm_k_quantised(const uint8_t *b, gm_dtype t, int64_t k)
{
    float v = (float)gm_k_whole(b, t, k);
    if (t == GM_Q6_K) return gm_half_at(b + 208) * (float)(int8_t)b[192 + k / 16] * v;
    int64_t part = k / 32;
    return gm_half_at(b) * (float)gm_k_scale(b + 4, part) * v -
           gm_half_at(b + 2) * (float)gm_k_least(b + 4, part);
}

/* Element i of an array of a quantised type. */
static inline float gm_quantised(const void *p, gm_dtype t, int64_t i)
{
    const uint8_t *b = (const uint8_t *)p + i / gm_block_values(t) * gm_block_bytes(t);
    if (gm_block_values(t) == GM_K_BLOCK) return gm_k_quantised(b, t, i % GM_K_BLOCK);
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

/* 256 activations in 8 bits, for weights in blocks of 256: x is about d q; sums: of 16 of q. */
typedef struct { float d; int8_t q[GM_K_BLOCK]; int16_t sums[GM_K_BLOCK / 16]; } gm_k8_block;

/* llama.cpp's quantize_row_q8_K: the element of the largest magnitude, the first of them, becomes
 * -127; halves go to the even neighbour.  A NaN or Inf in x makes the block NaN. */
static inline void gm_round_k8(gm_k8_block *y, const float *x)
{
    float most = 0, bad = 0, first = 0;
    #pragma omp simd reduction(max:most) reduction(+:bad)
    for (int i = 0; i < GM_K_BLOCK; i++) {
        float a = fabsf(x[i]);
        most = a > most ? a : most;
        bad += x[i] * 0.0f;
    }
    for (int i = 0; i < GM_K_BLOCK && first == 0; i++)
        if (fabsf(x[i]) == most) first = x[i];
    float id = -127 / first;
    if (!(fabsf(id) < INFINITY) || bad != 0) id = 0;
    #pragma omp simd
    for (int i = 0; i < GM_K_BLOCK; i++)
        y->q[i] = bad == 0 ? (int8_t)rintf(x[i] * id) : 0;
    for (int j = 0; j < GM_K_BLOCK / 16; j++) {
        int sum = 0;
        for (int i = 0; i < 16; i++) sum += y->q[16 * j + i];
        y->sums[j] = (int16_t)sum;
    }
    y->d = (id != 0 ? 1 / id : 0) + bad;
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
