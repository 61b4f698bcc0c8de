/* A few rows of x side by side: sixteen outputs, one a lane, times up to eight rows, so that a
 * weight is read and unpacked once for all of them.  Sequences decoded together, short prompts. */
#ifndef GM_CPU_FEW_H
#define GM_CPU_FEW_H
#include "typed.h"

enum { CPU_LANES = 16, CPU_SIDE = 8 };

/* Rows of x as the products take them: 1, 2, 4 or 8. */
static inline int cpu_side(int64_t R) { return R > 4 ? 8 : R > 2 ? 4 : (int)R; }

/* out (C, CPU_LANES) = sixteen rows of w, `row` bytes apart, times C rows of x.  What follows the
 * rows is asked for ahead.  x:
 * - for few, floats (K, C);
 * - for few8, 8-bit activations: of each block of 32 (8 + 4) C words: whole numbers 4 i to 4 i + 3
 *   of each row (8, C); cpu_lifted8's lift (2, C), d (C) and s (C);
 * - for few16, pairs of bf16 inputs (K / 2 rounded up, C). */
typedef void (*cpu_few)(float *out, const void *x, const uint8_t *w, gm_dtype wt, int64_t row,
                        int C, int64_t K);
enum { CPU_FEW_WORDS = 12 };

/* For weights of that type; few16: bf16 ones.  NULL: this processor has none (x86_dots.c; none yet
 * in arm_dots.c, other_dots.c). */
cpu_few cpu_best_few(gm_dtype wt);
cpu_few cpu_best_few8(gm_dtype wt);
cpu_few cpu_best_few16(void);
/* x86_few.c, x86_few8.c, x86_bf16.c */
void cpu_few_avx512(float *out, const void *x, const uint8_t *w, gm_dtype wt, int64_t row, int C,
                    int64_t K);
void cpu_few_vnni(float *out, const void *x, const uint8_t *w, gm_dtype wt, int64_t row, int C,
                  int64_t K);
void cpu_few_bf16(float *out, const void *x, const uint8_t *w, gm_dtype wt, int64_t row, int C,
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
