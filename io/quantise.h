/* From floats to the quantised types (kernels.h), as llama.cpp's reference does it. */
#ifndef GM_IO_QUANTISE_H
#define GM_IO_QUANTISE_H
#include "../ref/tensor.h"

/* n floats (whole blocks) as blocks of type.  y may be x: a block is smaller than its floats.
 * ggml-quants.c, quantize_row_q8_0_ref, quantize_row_q4_0_ref, quantize_row_q4_1_ref. */
void gm_quantise(void *y, gm_dtype type, const float *x, int64_t n);

#endif
