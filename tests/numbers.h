/* Random numbers and comparisons for tests of one kernel table against another. */
#ifndef NUMBERS_H
#define NUMBERS_H
#include "../ref/kernels.h"

/* The types a weight may have, for loop tests. */
extern const gm_dtype TYPES[3];

/* n floats in -1 .. 1, the same each time. */
float *numbers(int64_t n, uint32_t seed);
/* Outputs of both tables start as NaN, so that what is not written shows. */
float *unset(int64_t n);
/* The same numbers as bf16 or f16. */
void *narrow(const float *x, gm_dtype type, int64_t n);
void *scratch_of(size_t bytes);
/* A gm_attn's keep: two of three of the keys, and the first of each B.  malloc'ed. */
uint8_t *some_keys(const gm_attn *s);
/* NaN in the keys, and their values, that s leaves out; and in the last that a tile of causal
 * queries reaches (only its last query may see that). */
void hide_keys(float *k, float *v, const gm_attn *s);
/* |got - want| <= 4 eps (terms + |want|).  Frees both. */
void equal(float *got, float *want, int64_t n, double terms);

#endif
