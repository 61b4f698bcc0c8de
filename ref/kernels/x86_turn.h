/* What the AVX-512 matrix products share (x86_bf16.c, x86_int8.c). */
#ifndef GM_X86_TURN_H
#define GM_X86_TURN_H
#include <immintrin.h>
#include "cpu_product.h"

/* v[i][j] = v[j][i], 16 x 16 words of 32 bits. */
static inline void x86_turn(__m512i *v)
{
    __m512i t[16];
    for (int i = 0; i < 16; i += 2) {
        t[i] = _mm512_unpacklo_epi32(v[i], v[i + 1]);
        t[i + 1] = _mm512_unpackhi_epi32(v[i], v[i + 1]);
    }
    for (int i = 0; i < 16; i += 4) {
        v[i] = _mm512_unpacklo_epi64(t[i], t[i + 2]);
        v[i + 1] = _mm512_unpackhi_epi64(t[i], t[i + 2]);
        v[i + 2] = _mm512_unpacklo_epi64(t[i + 1], t[i + 3]);
        v[i + 3] = _mm512_unpackhi_epi64(t[i + 1], t[i + 3]);
    }
    for (int i = 0; i < 4; i++) {
        t[i] = _mm512_shuffle_i32x4(v[i], v[i + 4], 0x88);
        t[i + 4] = _mm512_shuffle_i32x4(v[i], v[i + 4], 0xdd);
        t[i + 8] = _mm512_shuffle_i32x4(v[i + 8], v[i + 12], 0x88);
        t[i + 12] = _mm512_shuffle_i32x4(v[i + 8], v[i + 12], 0xdd);
    }
    for (int i = 0; i < 4; i++) {
        v[i] = _mm512_shuffle_i32x4(t[i], t[i + 8], 0x88);
        v[i + 8] = _mm512_shuffle_i32x4(t[i], t[i + 8], 0xdd);
        v[i + 4] = _mm512_shuffle_i32x4(t[i + 4], t[i + 12], 0x88);
        v[i + 12] = _mm512_shuffle_i32x4(t[i + 4], t[i + 12], 0xdd);
    }
}

/* v[i]: inputs 2 i and 2 i + 1 of sixteen rows of 16-bit weights, n of them at p, at most 32. */
static inline void x86_rows16(__m512i *v, const uint8_t *p, int64_t row, int n)
{
    __mmask32 some = (__mmask32)(0xffffffffu >> (32 - n));
    for (int j = 0; j < 16; j++) v[j] = _mm512_maskz_loadu_epi16(some, p + j * row);
    x86_turn(v);
}

#endif
