/* Quantised rows times 8-bit activations with AVX-512 VNNI: vpdpbusd multiplies 64 pairs, the
 * weights as unsigned bytes.  Each block's whole number stays apart in its lanes, becomes a
 * float and meets its scales there; nothing is added across before the end of the row. Compiled
 * with -mavx512vnni and what it stands on (Makefile). */
#include <immintrin.h>
#include "cpu_dots.h"

enum { Q8 = 34, Q4 = 18, Q4_MIN = 20, AHEAD = 256 };

/* Weights that come a little later: from the second-level cache, where the processor has fetched
 * them to by itself.  Asking much further ahead halves the speed (docs/SPEED.md). */
static inline void ask(const uint8_t *w, int bytes)
{
    for (int i = 0; i < bytes; i += 64)
        _mm_prefetch((const char *)((uintptr_t)w + AHEAD + (uintptr_t)i), _MM_HINT_T0);
}

static inline __m128i load16(const void *p) { return _mm_loadu_si128(p); }
static inline __m512i load64(const void *p) { return _mm512_loadu_si512(p); }

/* Lane 8 i + j: i of the scales 2 p and 2 p + 1; lane 4 i + j: i of four from 4 p on. */
static inline __m512i pair(int p)
{
    return _mm512_add_epi32(_mm512_set1_epi32(2 * p),
                            _mm512_setr_epi32(0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1));
}
static inline __m512i quad(int p)
{
    return _mm512_add_epi32(_mm512_set1_epi32(4 * p),
                            _mm512_setr_epi32(0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3));
}

/* Sums of one row; extra: of the second terms. */
typedef struct { __m512 a, b, extra; } sums;

static inline sums none(void)
{
    __m512 zero = _mm512_setzero_ps();
    return (sums){ zero, zero, zero };
}

static inline float total(const sums *s)
{
    return _mm512_reduce_add_ps(_mm512_add_ps(_mm512_add_ps(s->a, s->b), s->extra));
}

static inline void add(__m512 *sum, __m512i whole, __m512 scales, __m512i which)
{
    *sum = _mm512_fmadd_ps(_mm512_cvtepi32_ps(whole), _mm512_permutexvar_ps(which, scales), *sum);
}

/* ---- q8_0 ---- */

static inline short half_of(const uint8_t *w) { return (short)(w[0] | w[1] << 8); }

/* (w + 128) x - 128 x: vpdpbusd takes unsigned weights. */
static inline __m512i pair_q8(const uint8_t *w, const int8_t *x)
{
    const __m512i flip = _mm512_set1_epi8(-128), zero = _mm512_setzero_si512();
    __m512i q = _mm512_castsi256_si512(_mm256_loadu_si256((const void *)(w + 2)));
    q = _mm512_inserti64x4(q, _mm256_loadu_si256((const void *)(w + Q8 + 2)), 1);
    __m512i v = load64(x);
    return _mm512_sub_epi32(_mm512_dpbusd_epi32(zero, _mm512_xor_si512(q, flip), v),
                            _mm512_dpbusd_epi32(zero, flip, v));
}

static inline void group_q8(sums *s, const uint8_t *w, const cpu_group8 *x)
{
    __m128i d = _mm_setr_epi16(half_of(w), half_of(w + Q8), half_of(w + 2 * Q8),
                               half_of(w + 3 * Q8), half_of(w + 4 * Q8), half_of(w + 5 * Q8),
                               half_of(w + 6 * Q8), half_of(w + 7 * Q8));
    __m256 both = _mm256_mul_ps(_mm256_cvtph_ps(d), _mm256_loadu_ps(x->d));
    __m512 scales = _mm512_castps256_ps512(both);
    add(&s->a, pair_q8(w, x->q), scales, pair(0));
    add(&s->b, pair_q8(w + 2 * Q8, x->q + 64), scales, pair(1));
    add(&s->a, pair_q8(w + 4 * Q8, x->q + 128), scales, pair(2));
    add(&s->b, pair_q8(w + 6 * Q8, x->q + 192), scales, pair(3));
}

/* ---- q4_0, q4_1 ---- */

/* Four blocks of `bytes`, whose halves begin at w: the low halves' products and the high ones'. */
static inline __m512i quad_q4(const uint8_t *w, int bytes, const int8_t *x)
{
    const __m512i low = _mm512_set1_epi8(15);
    __m512i q = _mm512_broadcast_i32x4(load16(w));
    q = _mm512_mask_broadcast_i32x4(q, 0x00f0, load16(w + bytes));
    q = _mm512_mask_broadcast_i32x4(q, 0x0f00, load16(w + 2 * bytes));
    q = _mm512_mask_broadcast_i32x4(q, 0xf000, load16(w + 3 * bytes));
    __m512i sum = _mm512_dpbusd_epi32(_mm512_setzero_si512(), _mm512_and_si512(q, low), load64(x));
    return _mm512_dpbusd_epi32(sum, _mm512_and_si512(_mm512_srli_epi16(q, 4), low),
                               load64(x + 64));
}

/* numbers: the eight d, then the eight that s is multiplied by, as f16. */
static inline void group_q4(sums *s, const uint8_t *w, int bytes, __m256i numbers,
                            const cpu_group8 *x)
{
    __m512 both = _mm512_mul_ps(_mm512_cvtph_ps(numbers), _mm512_loadu_ps(x->d));
    s->extra = _mm512_mask_add_ps(s->extra, 0xff00, s->extra, both);
    w += bytes - GM_BLOCK / 2;
    add(&s->a, quad_q4(w, bytes, x->q), both, quad(0));
    add(&s->b, quad_q4(w + 4 * bytes, bytes, x->q + 128), both, quad(1));
}

/* 16-bit words a and b of 128 bytes: d of the eight blocks lies at every ninth. */
static inline void group_q4_0(sums *s, const uint8_t *w, const cpu_group8 *x)
{
    const __m256i at = _mm256_setr_epi16(0, 9, 18, 27, 36, 45, 54, 63, 0, 9, 18, 27, 36, 45, 54,
                                         63);
    __m512i words = _mm512_permutex2var_epi16(load64(w), _mm512_castsi256_si512(at),
                                              load64(w + 64));
    group_q4(s, w, Q4, _mm512_castsi512_si256(words), x);
}

/* Of 160 bytes the first 64 and those from 80 on: d and m of four blocks each, ten words apart. */
static inline void group_q4_1(sums *s, const uint8_t *w, const cpu_group8 *x)
{
    const __m256i at = _mm256_setr_epi16(0, 10, 20, 30, 32, 42, 52, 62, 1, 11, 21, 31, 33, 43, 53,
                                         63);
    __m512i words = _mm512_permutex2var_epi16(load64(w), _mm512_castsi256_si512(at),
                                              load64(w + 80));
    group_q4(s, w, Q4_MIN, _mm512_castsi512_si256(words), x);
}

/* ---- x ---- */

/* gm_round_q8 of a block, the same bits. */
static inline void round_block(gm_q8_block *y, const float *x)
{
    enum { NOT_FINITE = 0x99 };                 /* NaN of both kinds, infinities */
    __m512 a = _mm512_loadu_ps(x), b = _mm512_loadu_ps(x + 16);
    __mmask16 bad = (__mmask16)(_mm512_fpclass_ps_mask(a, NOT_FINITE) |
                                _mm512_fpclass_ps_mask(b, NOT_FINITE));
    float most = _mm512_reduce_max_ps(_mm512_max_ps(_mm512_abs_ps(a), _mm512_abs_ps(b)));
    float d = most / 127, id = 127 / most, nothing = bad ? NAN : 0;
    if (bad || !(id < INFINITY)) id = 0;
    __m512 by = _mm512_set1_ps(id), zero = _mm512_setzero_ps();
    a = bad ? zero : _mm512_mul_ps(a, by), b = bad ? zero : _mm512_mul_ps(b, by);
    __m512i p = _mm512_cvtps_epi32(a), q = _mm512_cvtps_epi32(b);
    _mm_storeu_si128((void *)y->q, _mm512_cvtepi32_epi8(p));
    _mm_storeu_si128((void *)(y->q + 16), _mm512_cvtepi32_epi8(q));
    int32_t sum = _mm512_reduce_add_epi32(_mm512_add_epi32(p, q));
    y->d = _cvtsh_ss(_cvtss_sh(d, _MM_FROUND_TO_NEAREST_INT)) + nothing;
    y->s = _cvtsh_ss(_cvtss_sh(d * (float)sum, _MM_FROUND_TO_NEAREST_INT)) + nothing;
}

static void round_blocks(gm_q8_block *y, const float *x, int64_t blocks)
{
    for (int64_t b = 0; b < blocks; b++) round_block(&y[b], x + b * GM_BLOCK);
}

/* ---- rows ---- */

/* A row's last blocks, with zeros behind them. */
static inline const uint8_t *rest(uint8_t *room, const uint8_t *w, int64_t blocks, int bytes)
{
    memset(room, 0, (size_t)(CPU_GROUP * bytes));
    memcpy(room, w, (size_t)(blocks * bytes));
    return room;
}

static float dot_q8_0(const uint8_t *w, const cpu_group8 *x, int64_t blocks)
{
    uint8_t room[CPU_GROUP * Q8];
    sums s = none();
    for (; blocks >= CPU_GROUP; blocks -= CPU_GROUP, w += CPU_GROUP * Q8, x++) {
        ask(w, CPU_GROUP * Q8);
        group_q8(&s, w, x);
    }
    if (blocks) group_q8(&s, rest(room, w, blocks, Q8), x);
    return total(&s);
}

static float dot_q4_0(const uint8_t *w, const cpu_group8 *x, int64_t blocks)
{
    uint8_t room[CPU_GROUP * Q4];
    sums s = none();
    for (; blocks >= CPU_GROUP; blocks -= CPU_GROUP, w += CPU_GROUP * Q4, x++) {
        ask(w, CPU_GROUP * Q4);
        group_q4_0(&s, w, x);
    }
    if (blocks) group_q4_0(&s, rest(room, w, blocks, Q4), x);
    return total(&s);
}

static float dot_q4_1(const uint8_t *w, const cpu_group8 *x, int64_t blocks)
{
    uint8_t room[CPU_GROUP * Q4_MIN];
    sums s = none();
    for (; blocks >= CPU_GROUP; blocks -= CPU_GROUP, w += CPU_GROUP * Q4_MIN, x++) {
        ask(w, CPU_GROUP * Q4_MIN);
        group_q4_1(&s, w, x);
    }
    if (blocks) group_q4_1(&s, rest(room, w, blocks, Q4_MIN), x);
    return total(&s);
}

const cpu_dots8 cpu_dots8_vnni = { "avx512-vnni", dot_q8_0, dot_q4_0, dot_q4_1, round_blocks };
