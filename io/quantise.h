/* From floats to the quantised types (kernels.h), as llama.cpp's reference does it. */
#ifndef GM_IO_QUANTISE_H
#define GM_IO_QUANTISE_H
#include "../ref/tensor.h"

/* n floats (whole blocks) as blocks of type.  y may be x: a block is smaller than its floats.
 * ggml-quants.c, quantize_row_q8_0_ref, quantize_row_q4_0_ref, quantize_row_q4_1_ref. */
void gm_quantise(void *y, gm_dtype type, const float *x, int64_t n);

/* One block of 256 (quantise_k.c): a search among nearby scales for the least weighted squared error,
 * in the reference's order of sums, so that the bytes are the same.  quantize_row_q4_K_ref, _q5_K_ref
 * (make_qkx2_quants), _q6_K_ref (make_qx_quants). */
void gm_quantise_q4_k(uint8_t *y, const float *x);
void gm_quantise_q5_k(uint8_t *y, const float *x);
void gm_quantise_q6_k(uint8_t *y, const float *x);

#endif
