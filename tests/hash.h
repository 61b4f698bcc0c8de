/* Inputs without files: value i of a stream is a hash of (seed, i), the same bits here and in
 * golden/ops_input.py.  hash32 is the upper half of splitmix64's output function at seed 2^32 + i
 * plus the golden ratio.  From h = hash32(seed, i):
 *
 *   uniform   (k 2^-s - 1) scale + add in double, then rounded to the type; k the upper s + 1 bits
 *             of h, s = 23 (f32), 7 (bf16), 10 (f16): exact for a scale that is a power of 2
 *   int       h mod (2 scale + 1) - scale
 *   index     h mod scale
 *   iota      i mod scale
 *   flag      h mod 4 != 0
 *   bits      f32: h as bit pattern; 16-bit types: (i scale) mod 2^16 as bit pattern
 *   blocks    quantised types (kernels.h): byte i is h mod 256; but d, m and e, from byte i on, have
 *             the bits 0x2400 + h mod 0x1800, and the sign h >> 31: 1/64 to 1 in size
 *   whole     the same, but d is 1, m and e are -7: every element is an integer; in
 *             blocks of 256 scales and minima are 0 to 3, so that each fits 8 bits */
#ifndef GM_HASH_H
#define GM_HASH_H
#include <stdint.h>

static inline uint32_t hash32(uint32_t seed, uint32_t i)
{
    uint64_t z = ((uint64_t)seed << 32) + i + 0x9E3779B97F4A7C15u;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    return (uint32_t)((z ^ z >> 31) >> 32);
}

/* Uniform in [-1, 1): 24 random bits, exact in float. */
static inline float hash_uniform(uint32_t seed, uint32_t i)
{
    return (float)((hash32(seed, i) >> 8) * 0x1p-23 - 1);
}

#endif
