/* Random numbers by counting: number n of the sequence that key names, whatever was drawn before.
 * The same bits on every machine (splitmix64's output function). */
#ifndef GM_HASH_H
#define GM_HASH_H
#include <stdint.h>

static inline uint64_t gm_hash(uint64_t key, uint64_t n)
{
    uint64_t z = key + (n + 1) * 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

/* In 0 <= x < 1. */
static inline double gm_hash_unit(uint64_t key, uint64_t n)
{
    return (double)(gm_hash(key, n) >> 11) * 0x1p-53;
}

#endif
