/* Random choices that are a function of numbers alone: nothing is carried from one to the next, so
 * a run can start anywhere. */
#ifndef GM_TRAIN_DRAW_H
#define GM_TRAIN_DRAW_H
#include <stdint.h>

/* 64 well-mixed bits of two numbers (splitmix64's finaliser over the first, then the second). */
uint64_t gm_mix(uint64_t a, uint64_t b);

/* The choices of one sample: draw k is gm_mix(key, k). */
typedef struct { uint64_t key, n; } gm_draw;

/* 0 .. below - 1; below >= 1.  The top 32 bits times below, shifted down by 32. */
int64_t gm_draw_below(gm_draw *d, int64_t below);
/* 0 <= x < 1 */
double gm_draw_real(gm_draw *d);
/* k different numbers of 0 .. n - 1 in random order (k = n: a shuffle): out has room for n.  Swaps
 * place i with one of i .. n - 1, for i = 0 .. k - 1. */
void gm_draw_some(gm_draw *d, int64_t *out, int64_t n, int64_t k);

/* Place i of 0 .. n - 1 in the shuffle that key names (a Feistel network of 4 rounds, walked until
 * it falls below n), without a table. */
int64_t gm_shuffled(uint64_t key, int64_t i, int64_t n);

#endif
