/* See quantise.h. */
#include "quantise.h"

#include <math.h>
#include <string.h>
#include "../ref/kernels/typed.h"

static void put_half(uint8_t *y, float d)
{
    uint16_t h = gm_to_f16(d);
    y[0] = (uint8_t)h;
    y[1] = (uint8_t)(h >> 8);
}

/* 1 / d of the unrounded d, as the reference has it; 0 for a block of zeros. */
static float inverse(float d) { return d != 0 ? 1 / d : 0; }

static void q8_0(uint8_t *y, const float *x)
{
    float most = 0;
    for (int i = 0; i < GM_BLOCK; i++) most = fmaxf(most, fabsf(x[i]));
    float d = most / 127, id = inverse(d);
    put_half(y, d);
    for (int i = 0; i < GM_BLOCK; i++) y[2 + i] = (uint8_t)(int8_t)roundf(x[i] * id);
}

static uint8_t nibble(float v) { return (uint8_t)(v >= 15 ? 15 : v < 0 ? 0 : (int)v); }

/* The value with the largest magnitude becomes -8, whatever its sign. */
static void q4_0(uint8_t *y, const float *x)
{
    float most = 0, at = 0;
    for (int i = 0; i < GM_BLOCK; i++)
        if (fabsf(x[i]) > most) most = fabsf(x[i]), at = x[i];
    float d = at / -8, id = inverse(d);
    put_half(y, d);
    for (int i = 0; i < GM_BLOCK / 2; i++)
        y[2 + i] = (uint8_t)(nibble(x[i] * id + 8.5f) |
                             nibble(x[i + GM_BLOCK / 2] * id + 8.5f) << 4);
}

static void q4_1(uint8_t *y, const float *x)
{
    float least = x[0], most = x[0];
    for (int i = 1; i < GM_BLOCK; i++) {
        least = fminf(least, x[i]);
        most = fmaxf(most, x[i]);
    }
    float d = (most - least) / 15, id = inverse(d);
    put_half(y, d);
    put_half(y + 2, least);
    for (int i = 0; i < GM_BLOCK / 2; i++)
        y[4 + i] = (uint8_t)(nibble((x[i] - least) * id + 0.5f) |
                             nibble((x[i + GM_BLOCK / 2] - least) * id + 0.5f) << 4);
}

static void (*quantiser(gm_dtype type))(uint8_t *, const float *)
{
    switch (type) {
    case GM_Q8_0: return q8_0;
    case GM_Q4_0: return q4_0;
    case GM_Q4_1: return q4_1;
    case GM_Q4_K: return gm_quantise_q4_k;
    case GM_Q5_K: return gm_quantise_q5_k;
    default: return gm_quantise_q6_k;
    }
}

void gm_quantise(void *y, gm_dtype type, const float *x, int64_t n)
{
    void (*block)(uint8_t *, const float *) = quantiser(type);
    int64_t each = gm_block_values(type);
    for (int64_t b = 0; b < n / each; b++) {
        float values[GM_K_BLOCK];
        memcpy(values, x + b * each, (size_t)each * sizeof *values);
        block((uint8_t *)y + b * gm_block_bytes(type), values);
    }
}
