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
/* |got - want| <= 4 eps (terms + |want|).  Frees both. */
void equal(float *got, float *want, int64_t n, double terms);

#endif
