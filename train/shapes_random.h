/* Random numbers by counting: draw n of a stream is a hash (splitmix64's output function) of the
 * stream's key and n.  A stream belongs to (seed, index, purpose), so that a scene is the same
 * whatever was drawn before. */
#ifndef GM_TRAIN_SHAPES_RANDOM_H
#define GM_TRAIN_SHAPES_RANDOM_H
#include <stdbool.h>
#include <stdint.h>

typedef struct { uint64_t key, n; } gm_random;

static inline uint64_t gm_random_hash(uint64_t z)
{
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    return z ^ z >> 31;
}

static inline gm_random gm_random_stream(uint64_t seed, uint64_t index, uint64_t purpose)
{
    uint64_t key = gm_random_hash(seed + 0x9E3779B97F4A7C15u);
    key = gm_random_hash(key + index + 0x9E3779B97F4A7C15u);
    return (gm_random){ gm_random_hash(key + purpose + 0x9E3779B97F4A7C15u), 0 };
}

static inline uint64_t gm_random_next(gm_random *r)
{
    return gm_random_hash(r->key + ++r->n * 0x9E3779B97F4A7C15u);
}

/* 0 .. n - 1, for n below 2^32. */
static inline int gm_random_below(gm_random *r, int n)
{
    return (int)((gm_random_next(r) >> 32) * (uint64_t)n >> 32);
}

/* In [a, b).  Exactly rounded operations alone, so the same bits everywhere. */
static inline double gm_random_uniform(gm_random *r, double a, double b)
{
    return a + (b - a) * ((double)(gm_random_next(r) >> 11) * 0x1p-53);
}

static inline bool gm_random_chance(gm_random *r, double p)
{
    return gm_random_uniform(r, 0, 1) < p;
}

/* Mean 0, variance 1, almost normal: the sum of 12 uniform numbers. */
static inline double gm_random_normal(gm_random *r)
{
    double sum = -6;
    for (int i = 0; i < 12; i++) sum += gm_random_uniform(r, 0, 1);
    return sum;
}

#endif
