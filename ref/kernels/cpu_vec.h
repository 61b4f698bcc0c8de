/* Element functions of the cpu table, written so that a compiler turns a loop over them into vector
 * code: no branch, no library call, no table.  NaN and infinities pass through as in libm.
 *
 * GM_CLONES stands before every function that holds such a loop.  The Makefile defines it: with gcc
 * on x86-64 as the attribute that compiles the function for x86-64-v4, -v3 and the base and picks
 * one when the program starts, elsewhere as nothing.  It belongs on the function with the loop
 * itself: the body of an OpenMP region is split off before clones are made. */
#ifndef GM_CPU_VEC_H
#define GM_CPU_VEC_H
#include "typed.h"

/* Below this many element operations a parallel region costs more than it saves. */
enum { CPU_GRAIN = 32768 };

/* Elements that one call of a cloned loop handles: 16 KB, which stay in the first-level cache. */
enum { CPU_RUN = 4096 };

static inline int64_t cpu_min(int64_t a, int64_t b) { return a < b ? a : b; }

/* exp(x), relative error below 1.2 eps; -inf gives 0, above 88.73 inf, denormal results are rounded
 * once.  x = n ln 2 + r, |r| <= ln 2 / 2; exp(r) = 1 + r + r^2 q(r), q a minimax fit (error 3e-9).
 * 2^n is applied in two halves, so that n from -150 to 128 needs no special case. */
static inline float cpu_exp(float x)
{
    const float round = 12582912.0f; /* 1.5 2^23: adding it rounds to integer */
    float c = x < -104.0f ? -104.0f : x;
    c = c > 89.0f ? 89.0f : c;                              /* a NaN fails both and stays */
    float shifted = c * 1.44269504f + round;
    float n = shifted - round;
    float r = c - n * 0.693145752f;                         /* ln 2 in two parts, the first short */
    r = r - n * 1.42860677e-6f;
    float q = 0.00138145382f;
    q = q * r + 0.00836874545f;
    q = q * r + 0.0416683890f;
    q = q * r + 0.166665211f;
    q = q * r + 0.499999940f;
    float p = r * r * q + r + 1.0f;
    int32_t i = (int32_t)(gm_bits_of_float(shifted) - gm_bits_of_float(round));
    int32_t half = i >> 1;
    float s1 = gm_float_of_bits((uint32_t)(half + 127) << 23);
    float s2 = gm_float_of_bits((uint32_t)(i - half + 127) << 23);
    return p * s1 * s2;
}

/* P(a), a >= 0: the upper tail of the normal distribution, as exp(-g(a)), g a polynomial: error of
 * P below 8e-9 up to a = 8, falling to 0 as fast as P beyond. */
static inline float cpu_gelu_tail(float a)
{
    float g = 1.92143716e-6f;
    g = g * a - 2.67698524e-5f;
    g = g * a + 1.26532323e-4f;
    g = g * a + 1.01109559e-4f;
    g = g * a - 4.90434328e-3f;
    g = g * a + 3.63937132e-2f;
    g = g * a + 3.18296582e-1f;
    g = g * a + 7.97885716e-1f;
    g = g * a + 6.93147182e-1f;
    return cpu_exp(-g);
}

/* x / 2 (1 + erf(x / sqrt 2)) is x (1 - P(x)) or x P(-x). */
static inline float cpu_gelu1(float x)
{
    float tail = cpu_gelu_tail(x < 0 ? -x : x);
    return x * (x < 0 ? tail : 1.0f - tail);
}

/* x sigmoid(z), z = s x with s > 0.  exp(-|z|) cannot overflow; where it comes near the denormals
 * it is computed e^32 larger (32 - |z| is exact) and scaled after the product with x.  z is kept to
 * the last bit by a second float: rounded to one, its error would be multiplied by |z|. */
static inline float cpu_swish1(float x, double s)
{
    double exact = s * x;
    float z = (float)exact, a = z < 0 ? -z : z;
    float rest = a < 128.0f ? (float)(exact - z) : 0.0f;
    float shift = a > 64.0f ? 32.0f : 0.0f;
    float back = a > 64.0f ? 1.26641655e-14f : 1.0f;        /* exp(-32) */
    float e = cpu_exp(shift - a);
    e += e * (z < 0 ? rest : -rest);
    float top = z < 0 ? x * e * back : x;
    return top / (1.0f + e * back);
}

/* The derivative of cpu_gelu1: the normal distribution's integral up to x, plus x times its
 * density.  The density's exponent is kept to the last bit as in cpu_swish1. */
static inline float cpu_gelu_slope(float x)
{
    float below = cpu_gelu_tail(x < 0 ? -x : x);
    double exact = -0.5 * x * x;
    float z = (float)exact;
    float density = cpu_exp(z);
    density += density * (z > -128.0f ? (float)(exact - z) : 0.0f);
    return (x < 0 ? below : 1.0f - below) + x * (0.398942280f * density);
}

/* The derivative of x sigmoid(s x): sigmoid(z) (1 + z sigmoid(-z)), z = s x. */
static inline float cpu_swish_slope(float x, double s)
{
    double exact = s * x;
    float z = (float)exact, a = z < 0 ? -z : z;
    float rest = a < 128.0f ? (float)(exact - z) : 0.0f;
    float e = cpu_exp(-a);
    e += e * (z < 0 ? rest : -rest);
    float large = 1.0f / (1.0f + e), small = e * large;
    return (z < 0 ? small : large) * (1.0f + z * (z < 0 ? large : small));
}

/* 1 / (1 + exp(-x)) */
static inline float cpu_sigmoid(float x)
{
    float e = cpu_exp(x < 0 ? x : -x), large = 1.0f / (1.0f + e);
    return x < 0 ? e * large : large;
}

/* Its derivative, sigmoid(x) sigmoid(-x). */
static inline float cpu_sigmoid_slope(float x)
{
    float e = cpu_exp(x < 0 ? x : -x), large = 1.0f / (1.0f + e);
    return e * large * large;
}

/* log(1 + e), 0 <= e <= 1: twice the area hyperbolic tangent of e / (2 + e), which is at most 1/3;
 * its series up to the 15th power. */
static inline float cpu_log1p(float e)
{
    float s = e / (2.0f + e), z = s * s;
    float q = 1 / 15.0f;
    q = q * z + 1 / 13.0f;
    q = q * z + 1 / 11.0f;
    q = q * z + 1 / 9.0f;
    q = q * z + 1 / 7.0f;
    q = q * z + 1 / 5.0f;
    q = q * z + 1 / 3.0f;
    return 2.0f * (s + s * z * q);
}

/* Half to float without the branches of gm_from_f16 (typed.h), bit for bit the same but that a
 * signalling NaN stays one. */
static inline float cpu_from_f16(uint16_t h)
{
    uint32_t u = h & 0x7fff, sign = (uint32_t)(h & 0x8000) << 16;
    uint32_t normal = (u << 13) + 0x38000000 + (u >= 0x7c00 ? 0x38000000 : 0);
    uint32_t small = gm_bits_of_float((float)(int32_t)u * 0x1p-24f);
    return gm_float_of_bits(sign | (u < 0x0400 ? small : normal));
}

/* cpu_quant.c: blocks of a quantised type as float; their product with x (as many
 * floats). */
void cpu_unpack(float *dst, const uint8_t *src, gm_dtype type, int64_t blocks);
float cpu_dot_quantised(const uint8_t *w, gm_dtype type, const float *x, int64_t blocks);

/* cpu_vec.c: dst (n) = src (n) of a weight or quantised type (at and n whole blocks), as float. */
void cpu_widen(float *dst, const void *src, gm_dtype type, int64_t at, int64_t n);
/* y (n) += s x (n) */
void cpu_axpy(float *y, float s, const float *x, int64_t n);
/* Largest of x (n), NaN passed over; -inf for none. */
float cpu_max(const float *x, int64_t n);
/* x (n) = exp(x - max); returns the sum. */
float cpu_exp_sum(float *x, float max, int64_t n);
/* y (n) += x (n) */
void cpu_accumulate(float *y, const float *x, int64_t n);
/* Sum of x (n). */
double cpu_sum(const float *x, int64_t n);
/* y (M) += the column sums of a (R, M), or of a b when b is given.  Sums are double; how they are
 * cut depends on the sizes alone, so that the bits do not depend on the threads. */
void cpu_column_sums(float *y, const float *a, const float *b, int64_t R, int64_t M);

#endif
