/* A few rows of x side by side: sixteen outputs, one a lane, times up to eight rows, so that a
 * weight is read and unpacked once for all of them.  Sequences decoded together, short prompts. */
#ifndef GM_CPU_FEW_H
#define GM_CPU_FEW_H
#include "typed.h"

enum { CPU_LANES = 16, CPU_SIDE = 8 };

/* Rows of x as the products take them: 1, 2, 4 or 8. */
static inline int cpu_side(int64_t R) { return R > 4 ? 8 : R > 2 ? 4 : (int)R; }

/* out (C, CPU_LANES) = sixteen rows of w, `row` bytes apart, times C rows of x.  x: floats (K, C).
 * What follows the rows is asked for ahead. */
typedef void (*cpu_few)(float *out, const float *x, const uint8_t *w, gm_dtype wt, int64_t row,
                        int C, int64_t K);

/* The same with 8-bit activations: of each block of 32 (8 + 4) C words: whole numbers 4 i to 4 i +
 * 3 of each row (8, C); what makes up for weights that are taken as unsigned, of the block's two
 * halves (2, C): -128, -8 or -32 times the sum (q4_0, q8_0: all in the first); the steps d (C);
 * s (C), what a block's minimum is multiplied by: of q4_1 gm_q8_block's, of q4_K and q5_K the sum
 * of the whole numbers, as float. */
enum { CPU_FEW_WORDS = 12 };
typedef void (*cpu_few8)(float *out, const int32_t *x, const uint8_t *w, gm_dtype wt, int64_t row,
                         int C, int64_t K);

/* For weights of that type; NULL: this processor has none (x86_dots.c; none yet in arm_dots.c,
 * other_dots.c).
 * few16: bf16 weights times bf16 activations, pairs of inputs (K / 2 rounded up, C) of them; wt is
 * not read. */
cpu_few cpu_best_few(gm_dtype wt);
cpu_few8 cpu_best_few8(gm_dtype wt);
cpu_few8 cpu_best_few16(void);
/* x86_few.c, x86_few8.c, x86_bf16.c */
void cpu_few_avx512(float *out, const float *x, const uint8_t *w, gm_dtype wt, int64_t row, int C,
                    int64_t K);
void cpu_few_vnni(float *out, const int32_t *x, const uint8_t *w, gm_dtype wt, int64_t row, int C,
                  int64_t K);
void cpu_few_bf16(float *out, const int32_t *x, const uint8_t *w, gm_dtype wt, int64_t row, int C,
                  int64_t K);

/* cpu_few.c: linear of a few rows by these; x of R rows takes cpu_few_words(R, words) 32-bit words
 * of scratch, `words` being what a row of it takes.  N >= CPU_LANES. */
int64_t cpu_few_words(int64_t R, int64_t words);
int64_t cpu_few8_row(int64_t K);
void cpu_linear_few(float *y, const float *x, const void *w, gm_dtype wt, const float *b, int64_t R,
                    int64_t N, int64_t K, void *scratch);
void cpu_linear_few8(float *y, const float *x, const void *w, gm_dtype wt, const float *b,
                     int64_t R, int64_t N, int64_t K, void *scratch);
void cpu_linear_few16(float *y, const float *x, const void *w, const float *b, int64_t R, int64_t N,
                      int64_t K, void *scratch);

#endif
