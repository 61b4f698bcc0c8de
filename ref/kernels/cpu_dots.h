/* Products of quantised rows with as many floats, by what the processor can do. */
#ifndef GM_CPU_DOTS_H
#define GM_CPU_DOTS_H
#include <stdint.h>
#include "../kernels.h"

typedef float (*cpu_dot)(const uint8_t *w, const float *x, int64_t blocks);
typedef struct { const char *name; cpu_dot q8_0, q4_0, q4_1, q4_k, q5_k, q6_k; } cpu_dots;

/* The best of this processor's, NULL when plain C is (x86_dots.c; x86_none.c elsewhere). */
const cpu_dots *cpu_dots_x86(void);
/* x86_avx512.c, x86_avx2.c */
extern const cpu_dots cpu_dots_avx512, cpu_dots_avx2;
float cpu_avx512_q4_k(const uint8_t *w, const float *x, int64_t blocks);    /* x86_avx512_k.c */
float cpu_avx512_q5_k(const uint8_t *w, const float *x, int64_t blocks);
float cpu_avx512_q6_k(const uint8_t *w, const float *x, int64_t blocks);
float cpu_avx2_q4_k(const uint8_t *w, const float *x, int64_t blocks);      /* x86_avx2_k.c */
float cpu_avx2_q5_k(const uint8_t *w, const float *x, int64_t blocks);
float cpu_avx2_q6_k(const uint8_t *w, const float *x, int64_t blocks);

/* cpu_quant_k.c: the types with blocks of 256 in plain C. */
void cpu_unpack_k(float *dst, const uint8_t *w, gm_dtype type, int64_t blocks);
float cpu_dot_q4_k(const uint8_t *w, const float *x, int64_t blocks);
float cpu_dot_q5_k(const uint8_t *w, const float *x, int64_t blocks);
float cpu_dot_q6_k(const uint8_t *w, const float *x, int64_t blocks);

#endif
