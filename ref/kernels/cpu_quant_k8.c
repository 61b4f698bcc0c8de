/* Rows in blocks of 256 times 8-bit activations in plain C: a block's whole numbers are unpacked,
 * and multiplied sixteen at a time. */
#include "cpu_dots.h"
#include "cpu_vec.h"

static inline float half_at(const uint8_t *p) { return cpu_from_f16((uint16_t)(p[0] | p[1] << 8)); }

GM_CLONES static void unpack_45(int8_t *restrict q, const uint8_t *restrict w, gm_dtype type)
{
    const uint8_t *low = w + (type == GM_Q5_K ? 48 : 16), *high = w + 16;
    int fifth = type == GM_Q5_K;
    for (int j = 0; j < 8; j += 2, low += 32, q += 64)
        for (int l = 0; l < 32; l++) {
            int first = fifth ? (high[l] >> j & 1) << 4 : 0;
            int second = fifth ? (high[l] >> (j + 1) & 1) << 4 : 0;
            q[l] = (int8_t)((low[l] & 15) | first);
            q[l + 32] = (int8_t)(low[l] >> 4 | second);
        }
}

GM_CLONES static void unpack_6(int8_t *restrict q, const uint8_t *restrict w)
{
    for (int run = 0; run < 8; run++, q += 32) {
        const uint8_t *low = w + run / 4 * 64 + run % 2 * 32, *high = w + 128 + run / 4 * 32;
        int four = run % 4 / 2 * 4, two = run % 4 * 2;
        for (int l = 0; l < 32; l++)
            q[l] = (int8_t)(((low[l] >> four & 15) | (high[l] >> two & 3) << 4) - 32);
    }
}

GM_CLONES static void sums_of_16(int32_t *restrict sum, const int8_t *restrict w,
                                 const int8_t *restrict x)
{
    for (int j = 0; j < GM_K_BLOCK / 16; j++, w += 16, x += 16) {
        int32_t s = 0;
        #pragma omp simd reduction(+:s)
        for (int k = 0; k < 16; k++) s += w[k] * x[k];
        sum[j] = s;
    }
}

/* One block: at most 16 x 63 x 32 x 127 in a sum times its scale, 2^25. */
static float block_dot(const uint8_t *w, gm_dtype type, const gm_k8_block *x)
{
    int8_t q[GM_K_BLOCK];
    int32_t part[GM_K_BLOCK / 16], sum = 0, least = 0;
    if (type == GM_Q6_K) unpack_6(q, w);
    else unpack_45(q, w, type);
    sums_of_16(part, q, x->q);
    for (int j = 0; j < GM_K_BLOCK / 16; j++) {
        sum += part[j] * (type == GM_Q6_K ? (int8_t)w[192 + j] : gm_k_scale(w + 4, j / 2));
        if (type != GM_Q6_K) least += gm_k_least(w + 4, j / 2) * x->sums[j];
    }
    if (type == GM_Q6_K) return half_at(w + 208) * x->d * (float)sum;
    return x->d * (half_at(w) * (float)sum - half_at(w + 2) * (float)least);
}

static float dot(const uint8_t *w, const gm_k8_block *x, int64_t blocks, gm_dtype type)
{
    float sum = 0;
    for (int64_t b = 0; b < blocks; b++, w += gm_block_bytes(type), x++)
        sum += block_dot(w, type, x);
    return sum;
}

static float dot_q4_k(const uint8_t *w, const gm_k8_block *x, int64_t blocks)
{
    return dot(w, x, blocks, GM_Q4_K);
}

static float dot_q5_k(const uint8_t *w, const gm_k8_block *x, int64_t blocks)
{
    return dot(w, x, blocks, GM_Q5_K);
}

static float dot_q6_k(const uint8_t *w, const gm_k8_block *x, int64_t blocks)
{
    return dot(w, x, blocks, GM_Q6_K);
}

const cpu_dots_k8 cpu_dots_k8_plain = { "plain C", dot_q4_k, dot_q5_k, dot_q6_k };
