/* Sixteen rows of weights turned so that a vector holds four bytes of each of them.  Sixteen bytes
 * are loaded to the lane where they belong; what is left to turn are 4 x 4 words in each lane. */
#ifndef GM_X86_FEW_H
#define GM_X86_FEW_H
#include <immintrin.h>
#include "cpu_dots.h"
#include "typed.h"

#define GM_ALWAYS static inline __attribute__((always_inline))

/* Sixteen bytes of rows 0, 4, 8, 12 behind p. */
GM_ALWAYS __m512i x86_four_rows(const uint8_t *p, int64_t row)
{
    __m512i v = _mm512_castsi128_si512(_mm_loadu_si128((const void *)p));
    v = _mm512_mask_broadcast_i32x4(v, 0x00f0, _mm_loadu_si128((const void *)(p + 4 * row)));
    v = _mm512_mask_broadcast_i32x4(v, 0x0f00, _mm_loadu_si128((const void *)(p + 8 * row)));
    return _mm512_mask_broadcast_i32x4(v, 0xf000, _mm_loadu_si128((const void *)(p + 12 * row)));
}

/* v[i] = word i of each row, of rows 0, 4, ..., 1, 5, ..., 2, ..., 3, ... in a[0] to a[3]. */
GM_ALWAYS void x86_turn_lanes(__m512i *v, const __m512i *a)
{
    __m512i low = _mm512_unpacklo_epi32(a[0], a[1]), next = _mm512_unpacklo_epi32(a[2], a[3]);
    v[0] = _mm512_unpacklo_epi64(low, next);
    v[1] = _mm512_unpackhi_epi64(low, next);
    low = _mm512_unpackhi_epi32(a[0], a[1]), next = _mm512_unpackhi_epi32(a[2], a[3]);
    v[2] = _mm512_unpacklo_epi64(low, next);
    v[3] = _mm512_unpackhi_epi64(low, next);
}

/* v[i] = word i of the sixteen bytes at p of each row. */
GM_ALWAYS void x86_sixteen_rows(__m512i *v, const uint8_t *p, int64_t row)
{
    __m512i a[4];
    for (int i = 0; i < 4; i++) a[i] = x86_four_rows(p + i * row, row);
    x86_turn_lanes(v, a);
}

/* The lower 16 bits of each word, as f16. */
GM_ALWAYS __m512 x86_halves(__m512i v) { return _mm512_cvtph_ps(_mm512_cvtepi32_epi16(v)); }

/* What comes behind the sixteen rows: sixteen rows' share of `bytes` at `at`, in order, to the
 * second-level cache. */
GM_ALWAYS void x86_ask(const uint8_t *w, int64_t row, int64_t at, int64_t bytes)
{
    uintptr_t from = (uintptr_t)w + (uintptr_t)(16 * (row + at));
    for (int64_t i = 0; i < 16 * bytes; i += 64)
        _mm_prefetch((const char *)(from + (uintptr_t)i), _MM_HINT_T1);
}

/* ---- blocks of 32: q (8) unsigned, four weights of a row a word; the weight is d q + m ---- */

GM_ALWAYS void x86_halves_apart(__m512i *q, const __m512i *v, int n)
{
    const __m512i low = _mm512_set1_epi8(15);
    for (int i = 0; i < n; i++) {
        q[i] = _mm512_and_si512(v[i], low);
        q[n + i] = _mm512_and_si512(_mm512_srli_epi16(v[i], 4), low);
    }
}

/* The block at p of each row; m of q4_1 alone. */
GM_ALWAYS void x86_block(__m512i *q, __m512 *d, __m512 *m, const uint8_t *p, gm_dtype wt,
                         int64_t row)
{
    __m512i v[4];
    x86_sixteen_rows(v, p, row);
    *d = x86_halves(v[0]);
    *m = wt == GM_Q4_1 ? x86_halves(_mm512_srli_epi32(v[0], 16)) : _mm512_setzero_ps();
    if (wt == GM_Q8_0) {
        x86_sixteen_rows(q, p + 2, row);
        x86_sixteen_rows(q + 4, p + 18, row);
        for (int i = 0; i < 8; i++) q[i] = _mm512_xor_si512(q[i], _mm512_set1_epi8(-128));
        return;
    }
    x86_sixteen_rows(v, p + (wt == GM_Q4_1 ? 4 : 2), row);
    x86_halves_apart(q, v, 4);
}

/* ---- blocks of 256 ---- */

/* d of each 16 and m of each 32 of the rows' blocks. */
typedef struct { __m512 d[16], m[8]; } x86_scales;

/* Byte j of each word as float. */
GM_ALWAYS __m512 x86_byte(__m512i v, int j)
{
    __m512i byte = _mm512_and_si512(_mm512_srli_epi32(v, (unsigned)(8 * j)),
                                    _mm512_set1_epi32(255));
    return _mm512_cvtepi32_ps(byte);
}

GM_ALWAYS void x86_scales_q6(x86_scales *s, const uint8_t *p, int64_t row)
{
    __m512i v[4];
    x86_sixteen_rows(v, p + 194, row);                  /* the last two bytes are d */
    __m512 d = x86_halves(_mm512_srli_epi32(v[3], 16));
    x86_sixteen_rows(v, p + 192, row);
    for (int i = 0; i < 16; i++) {
        __m512i top = _mm512_slli_epi32(v[i / 4], (unsigned)(24 - 8 * (i % 4)));
        s->d[i] = _mm512_mul_ps(d, _mm512_cvtepi32_ps(_mm512_srai_epi32(top, 24)));
    }
}

/* gm_k_scale and gm_k_least (typed.h) of sixteen rows. */
GM_ALWAYS void x86_scales_k(x86_scales *s, const uint8_t *p, gm_dtype wt, int64_t row)
{
    const __m512i six = _mm512_set1_epi8(63), four = _mm512_set1_epi8(15),
                  top = _mm512_set1_epi8(48);
    __m512i v[4], a[2], b[2];
    if (wt == GM_Q6_K) {
        x86_scales_q6(s, p, row);
        return;
    }
    x86_sixteen_rows(v, p, row);
    __m512 d = x86_halves(v[0]), e = x86_halves(_mm512_srli_epi32(v[0], 16));
    a[0] = _mm512_and_si512(v[1], six), b[0] = _mm512_and_si512(v[2], six);
    a[1] = _mm512_or_si512(_mm512_and_si512(v[3], four),
                           _mm512_and_si512(_mm512_srli_epi16(v[1], 2), top));
    b[1] = _mm512_or_si512(_mm512_and_si512(_mm512_srli_epi16(v[3], 4), four),
                           _mm512_and_si512(_mm512_srli_epi16(v[2], 2), top));
    e = _mm512_sub_ps(_mm512_setzero_ps(), e);
    for (int i = 0; i < 8; i++) {
        s->d[2 * i] = s->d[2 * i + 1] = _mm512_mul_ps(d, x86_byte(a[i / 4], i % 4));
        s->m[i] = _mm512_mul_ps(e, x86_byte(b[i / 4], i % 4));
    }
}

/* The j-th of four pairs of parts of 32 of the blocks at p, those that share bytes: q (16). */
GM_ALWAYS void x86_parts_k(__m512i *q, const uint8_t *p, gm_dtype wt, int j, int64_t row)
{
    __m512i v[8], h[8];
    const __m512i bit = _mm512_set1_epi8(16), two = _mm512_set1_epi8(48);
    int low = wt == GM_Q6_K ? 0 : wt == GM_Q5_K ? 48 : 16;          /* where four bits lie, */
    int high = wt == GM_Q6_K ? 128 + j / 2 * 32 : 16;               /* and the others */
    x86_sixteen_rows(v, p + low + 32 * j, row);
    x86_sixteen_rows(v + 4, p + low + 32 * j + 16, row);
    x86_halves_apart(q, v, 8);
    if (wt == GM_Q4_K) return;
    x86_sixteen_rows(h, p + high, row);
    x86_sixteen_rows(h + 4, p + high + 16, row);
    for (int i = 0; i < 8; i++) {
        if (wt == GM_Q5_K) {
            __m512i first = _mm512_slli_epi16(_mm512_srli_epi16(h[i], (unsigned)(2 * j)), 4);
            __m512i second = _mm512_slli_epi16(_mm512_srli_epi16(h[i], (unsigned)(2 * j + 1)), 4);
            q[i] = _mm512_or_si512(q[i], _mm512_and_si512(first, bit));
            q[8 + i] = _mm512_or_si512(q[8 + i], _mm512_and_si512(second, bit));
        } else {
            __m512i first = j % 2 ? _mm512_slli_epi16(h[i], 2) : _mm512_slli_epi16(h[i], 4);
            __m512i second = j % 2 ? _mm512_srli_epi16(h[i], 2) : h[i];
            q[i] = _mm512_or_si512(q[i], _mm512_and_si512(first, two));
            q[8 + i] = _mm512_or_si512(q[8 + i], _mm512_and_si512(second, two));
        }
    }
}

/* The number, of 8, of part i (0, 1) of pair j: neighbours; in q6_K two apart. */
GM_ALWAYS int x86_part_at(gm_dtype wt, int j, int i)
{
    return wt == GM_Q6_K ? j / 2 * 4 + j % 2 + 2 * i : 2 * j + i;
}

/* of(type), compiled for each type of blocks. */
#define X86_BY_TYPE(wt, of)         \
    switch (wt) {                   \
    case GM_Q8_0: of(GM_Q8_0); break; \
    case GM_Q4_0: of(GM_Q4_0); break; \
    case GM_Q4_1: of(GM_Q4_1); break; \
    case GM_Q4_K: of(GM_Q4_K); break; \
    case GM_Q5_K: of(GM_Q5_K); break; \
    default: of(GM_Q6_K);           \
    }
/* of(C), compiled for each of the sizes of cpu_side. */
#define X86_BY_SIDE(C, of)          \
    if ((C) == 8) of(8);            \
    else if ((C) == 4) of(4);       \
    else if ((C) == 2) of(2);       \
    else of(1)

#endif
