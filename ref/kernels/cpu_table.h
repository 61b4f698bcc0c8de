/* The cpu table's kernels, by file.  Shapes and formulas: ref/kernels.h. */
#ifndef GM_CPU_TABLE_H
#define GM_CPU_TABLE_H
#include "../kernels.h"

/* cpu_linear.c */
int cpu_linear(float *y, const float *x, const void *w, gm_dtype wt, const float *b, int64_t R, int64_t N,
               int64_t K, void *scratch);
size_t cpu_linear_scratch(gm_dtype wt, int64_t R, int64_t N, int64_t K);

/* cpu_conv.c */
int cpu_conv2d(float *y, const float *x, const void *w, gm_dtype wt, const float *b, const gm_conv *s,
               void *scratch);
size_t cpu_conv2d_scratch(gm_dtype wt, const gm_conv *s);
int cpu_conv_transpose2x2(float *y, const float *x, const void *w, gm_dtype wt, const float *b, int64_t B,
                          int64_t CI, int64_t H, int64_t W, int64_t CO);

/* cpu_attention.c */
int cpu_softmax(float *y, const float *x, int64_t R, int64_t C);
int cpu_attention(float *y, const float *q, const float *k, const float *v, const gm_attn *s, void *scratch);
size_t cpu_attention_scratch(const gm_attn *s);

#endif
