/* See draw.h. */
#include "draw.h"

static uint64_t finalise(uint64_t z)
{
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

uint64_t gm_mix(uint64_t a, uint64_t b)
{
    const uint64_t golden = 0x9e3779b97f4a7c15u;        /* 2^64 / golden ratio, odd */
    return finalise(finalise(a + golden) + (b + 1) * golden);
}

int64_t gm_draw_below(gm_draw *d, int64_t below)
{
    uint64_t top = gm_mix(d->key, d->n++) >> 32;
    return (int64_t)((top * (uint64_t)below) >> 32);
}

double gm_draw_real(gm_draw *d)
{
    return (double)(gm_mix(d->key, d->n++) >> 11) / 9007199254740992.0;        /* 2^53 */
}

void gm_draw_some(gm_draw *d, int64_t *out, int64_t n, int64_t k)
{
    for (int64_t i = 0; i < n; i++) out[i] = i;
    for (int64_t i = 0; i < k; i++) {
        int64_t j = i + gm_draw_below(d, n - i), t = out[i];
        out[i] = out[j];
        out[j] = t;
    }
}

int64_t gm_shuffled(uint64_t key, int64_t i, int64_t n)
{
    int half = 1;
    while (half < 31 && (int64_t)1 << 2 * half < n) half++;
    uint64_t mask = ((uint64_t)1 << half) - 1, x = (uint64_t)i;
    do {
        uint64_t left = x >> half, right = x & mask;
        for (uint64_t round = 0; round < 4; round++) {
            uint64_t next = left ^ (gm_mix(key, round << 32 | right) & mask);
            left = right;
            right = next;
        }
        x = left << half | right;
    } while (x >= (uint64_t)n);
    return (int64_t)x;
}
