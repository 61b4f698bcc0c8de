/* Small tables that model code needs and no checkpoint holds. */
#ifndef GM_CONSTANTS_H
#define GM_CONSTANTS_H
#include "tensor.h"

/* n values from lo to hi, float32, as torch.linspace. */
gm_tensor gm_linspace(gm_ctx *c, float lo, float hi, int64_t n);
/* 2 (j + 0.5) / n - 1 for j < n; bf16: every step rounded as the release does (Q4). */
gm_tensor gm_pixel_centres(gm_ctx *c, int64_t n, bool bf16);
/* Angles (T, HD / 2) of positions at .. at + T, float32 (QUIRKS A4; transformers 4.28
 * modeling_llama.py, LlamaRotaryEmbedding): f_i = 1 / base^(2i / HD) rounded after power and
 * division, times p rounded. */
gm_tensor gm_rope_table(gm_ctx *c, int64_t at, int64_t T, int64_t HD, float base);
float gm_rope_angle(int64_t position, int64_t i, int64_t HD, float base);

#endif
