/* Products of rows of weights with x, by what the processor can do.  Compiled once for each kind of
 * processor (x86_*.c, arm_*.c); x86_dots.c, arm_dots.c or other_dots.c chooses. */
#ifndef GM_CPU_DOTS_H
#define GM_CPU_DOTS_H
#include "typed.h"

/* A quantised row times x (blocks * GM_BLOCK floats). */
typedef float (*cpu_dot)(const uint8_t *w, const float *x, int64_t blocks);

/* y[i] = row i of w (CPU_ROWS, K) times x (K): as many rows as there are streams that the memory
 * reads side by side; x comes from the cache once for all of them. */
enum { CPU_ROWS = 8 };
typedef void (*cpu_rows)(float *y, const void *w, const float *x, int64_t K);

typedef struct {
    const char *name;
    cpu_dot q8_0, q4_0, q4_1, q4_k, q5_k, q6_k;
    cpu_rows f32, bf16, f16;
} cpu_dots;

/* Those of this processor, the best as 0; NULL when it has no more, and plain C is best.  f32, bf16
 * and f16 may be NULL. */
const cpu_dots *cpu_best_dots(int i);
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

/* Eight blocks of activations in 8 bits (typed.h).  d: their scales; s: what a quantised block's
 * second number is multiplied by: of q4_0, whose halves are 0 to 15 and mean 8 less, -8 d sum(q)
 * for its d; of q4_1 gm_q8_block's s, for its m; of q8_0 nothing.  q: of q8_0 in order; of the
 * others, in whose bytes elements i and i + 16 lie, the first 16 of four blocks, their last 16,
 * and the same of the other four. */
enum { CPU_GROUP = 8 };
typedef struct { float d[CPU_GROUP], s[CPU_GROUP]; int8_t q[CPU_GROUP * GM_BLOCK]; } cpu_group8;

/* A quantised row times a row of groups, the last of which is filled up with zeros. */
typedef float (*cpu_dot8)(const uint8_t *w, const cpu_group8 *x, int64_t blocks);
/* round: gm_round_q8 of many blocks, or NULL. */
typedef struct {
    const char *name;
    cpu_dot8 q8_0, q4_0, q4_1;
    void (*round)(gm_q8_block *y, const float *x, int64_t blocks);
} cpu_dots8;

const cpu_dots8 *cpu_best_dots8(int i);                     /* likewise */
/* x86_vnni.c, x86_avx2.c */
extern const cpu_dots8 cpu_dots8_vnni, cpu_dots8_avx2;

/* The same for blocks of 256. */
typedef float (*cpu_dot_k8)(const uint8_t *w, const gm_k8_block *x, int64_t blocks);
typedef struct { const char *name; cpu_dot_k8 q4_k, q5_k, q6_k; } cpu_dots_k8;
const cpu_dots_k8 *cpu_best_dots_k8(void);
/* x86_avx2_k8.c, cpu_quant_k8.c */
extern const cpu_dots_k8 cpu_dots_k8_avx2, cpu_dots_k8_plain;

/* What a kernel that takes weights as unsigned bytes has more than their whole numbers. */
static inline int32_t cpu_lift(gm_dtype wt)
{
    return wt == GM_Q8_0 ? 128 : wt == GM_Q4_0 ? 8 : wt == GM_Q6_K ? 32 : 0;
}

/* 32 activations in 8 bits for such kernels.  lift: what makes up for it, -cpu_lift times the sum
 * of q (of q6_K each half's, else the first has all); d: the step; s: what the block's minimum is
 * multiplied by, of q4_1 gm_q8_block's s, of blocks of 256 the sum of q. */
typedef struct { int8_t q[GM_BLOCK]; int32_t lift[2]; float d, s; } cpu_lifted8;
enum { CPU_RUN8 = 8 };                  /* of them in a block of 256 */

/* cpu_linear_q8.c: rounded as fast as the processor can. */
void cpu_round_q8(gm_q8_block *y, const float *x, int64_t blocks);
/* cpu_linear_q8.c: y (blocks) = x, at most CPU_RUN8, all of them where blocks have 256 values. */
void cpu_round_lifted8(cpu_lifted8 *y, const float *x, gm_dtype wt, int64_t blocks);

/* cpu_linear_q8.c: y (cpu_groups(blocks)) = x (blocks * GM_BLOCK floats), for weights of type
 * wt. */
void cpu_pack8(cpu_group8 *y, const float *x, gm_dtype wt, int64_t blocks);
static inline int64_t cpu_groups(int64_t blocks) { return (blocks + CPU_GROUP - 1) / CPU_GROUP; }

#endif
