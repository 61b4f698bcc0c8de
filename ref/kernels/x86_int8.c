/* Products of quantised matrices with 8-bit activations by vpdpbusd: 16 sums of four products
 * each.  A panel of 64 outputs and 256 inputs is unpacked to unsigned bytes and turned so that
 * a vector holds four inputs of 16 outputs (16 KB, in the first-level cache), and meets three
 * rows of x at a time: twelve whole numbers and twelve float sums in registers.  In blocks of 32
 * each sum costs eight vpdpbusd and two float products, which run on the same units: four fifths
 * of vpdpbusd's peak is the most there is.  In blocks of 256 the step of x comes last, which
 * leaves one product in eight, a second one for a minimum or a scale of 16. Compiled with
 * -mavx512vnni and what it stands on (Makefile). */
#include "cpu_product.h"
#include "x86_few.h"

enum { VECTORS = CPU_PANEL / 16, ROOM = CPU_RUN8 * 34 };

typedef struct {
    uint32_t q[CPU_RUN8][8][CPU_PANEL];                         /* unsigned */
    float d[2 * CPU_RUN8][CPU_PANEL], m[CPU_RUN8][CPU_PANEL];   /* d: q6_K's of 16, others' of 32 */
} panel8;

static inline void store_block(panel8 *p, const __m512i *q, int64_t i, int64_t n)
{
    for (int j = 0; j < 8; j++) _mm512_storeu_si512(&p->q[i][j][n], q[j]);
}

/* Up to CPU_RUN8 blocks of 32 of sixteen rows, to outputs n .. n + 16. */
static inline void pack_blocks(panel8 *p, const uint8_t *w, gm_dtype wt, int64_t row, int64_t n,
                               int64_t blocks)
{
    for (int64_t i = 0; i < blocks; i++) {
        __m512i q[8];
        __m512 d, m;
        x86_block(q, &d, &m, w + i * gm_block_bytes(wt), wt, row);
        store_block(p, q, i, n);
        _mm512_storeu_ps(p->d[2 * i] + n, d);
        if (wt == GM_Q4_1) _mm512_storeu_ps(p->m[i] + n, m);
    }
}

/* A block of 256. */
static inline void pack_wide(panel8 *p, const uint8_t *w, gm_dtype wt, int64_t row, int64_t n)
{
    x86_scales s;
    x86_scales_k(&s, w, wt, row);
    for (int i = 0; i < 2 * CPU_RUN8; i++) _mm512_storeu_ps(p->d[i] + n, s.d[i]);
    for (int i = 0; i < CPU_RUN8 && wt != GM_Q6_K; i++) _mm512_storeu_ps(p->m[i] + n, s.m[i]);
    for (int j = 0; j < 4; j++) {
        __m512i q[16];
        x86_parts_k(q, w, wt, j, row);
        store_block(p, q, x86_part_at(wt, j, 0), n);
        store_block(p, q + 8, x86_part_at(wt, j, 1), n);
    }
}

/* A run of blocks at w of `rows` rows, `row` bytes apart; outputs beyond are 0. What the next run
 * reads is asked for: rows are too far apart for the processor to guess. */
static inline void pack(panel8 *p, const uint8_t *w, gm_dtype wt, int64_t rows, int64_t row,
                        int64_t blocks)
{
    int64_t bytes = blocks * GM_BLOCK / gm_block_values(wt) * gm_block_bytes(wt);
    for (int64_t n = 0; n < CPU_PANEL; n += 16) {
        uint8_t room[16][ROOM];
        const uint8_t *from = w + n * row;
        int64_t here = rows - n < 16 ? rows - n : 16, apart = row;
        for (int64_t j = 0; j < here; j++)
            for (int64_t i = bytes; i < 2 * bytes; i += 64)
                _mm_prefetch((const char *)((uintptr_t)(from + j * row) + (uintptr_t)i),
                             _MM_HINT_T1);
        if (here < 16) {
            memset(room, 0, sizeof room);
            for (int64_t j = 0; j < here; j++) memcpy(room[j], from + j * row, (size_t)bytes);
            from = room[0], apart = ROOM;
        }
        if (gm_block_values(wt) == GM_K_BLOCK) pack_wide(p, from, wt, apart, n);
        else pack_blocks(p, from, wt, apart, n, blocks);
    }
}

/* Whole numbers of words i .. end of a block: sum[r][v] of rows and vectors of outputs. */
GM_ALWAYS void block_sums(__m512i sum[CPU_TILE8][VECTORS], const cpu_block8 *x,
                          const uint32_t (*q)[CPU_PANEL], int i, int end)
{
    for (int r = 0; r < CPU_TILE8; r++)
        for (int v = 0; v < VECTORS; v++) sum[r][v] = _mm512_set1_epi32(x->lift[i / 4][r]);
    for (; i < end; i++)
        for (int v = 0; v < VECTORS; v++) {
            __m512i w = _mm512_loadu_si512(q[i] + 16 * v);
            for (int r = 0; r < CPU_TILE8; r++)
                sum[r][v] = _mm512_dpbusd_epi32(sum[r][v], w, _mm512_set1_epi32(x->q[i][r]));
        }
}

/* all += a block's whole numbers times d, and in blocks of 32 times the step of x. */
GM_ALWAYS void add_sums(__m512 all[CPU_TILE8][VECTORS], __m512i sum[CPU_TILE8][VECTORS],
                        const float *d, const float *x)
{
    for (int v = 0; v < VECTORS; v++) {
        __m512 scale = _mm512_loadu_ps(d + 16 * v);
        for (int r = 0; r < CPU_TILE8; r++) {
            __m512 both = x ? _mm512_mul_ps(scale, _mm512_set1_ps(x[r])) : scale;
            all[r][v] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(sum[r][v]), both, all[r][v]);
        }
    }
}

GM_ALWAYS void add_minima(__m512 all[CPU_TILE8][VECTORS], const float *m, const float *s)
{
    for (int v = 0; v < VECTORS; v++)
        for (int r = 0; r < CPU_TILE8; r++)
            all[r][v] = _mm512_fmadd_ps(_mm512_loadu_ps(m + 16 * v), _mm512_set1_ps(s[r]),
                                        all[r][v]);
}

/* out += a tile's blocks times the panel; at first out counts as 0. */
GM_ALWAYS void tile(float *out, const cpu_block8 *x, const panel8 *p, gm_dtype wt, int64_t blocks,
                    int first)
{
    int wide = gm_block_values(wt) == GM_K_BLOCK;
    const float *step = x->d;
    __m512 all[CPU_TILE8][VECTORS];
    for (int r = 0; r < CPU_TILE8; r++)
        for (int v = 0; v < VECTORS; v++)
            all[r][v] = first || wide ? _mm512_setzero_ps()
                                      : _mm512_loadu_ps(out + r * CPU_PANEL + 16 * v);
    for (int64_t b = 0; b < blocks; b++, x++) {
        __m512i sum[CPU_TILE8][VECTORS];
        for (int h = 0; h < 2; h++) {
            if (wt != GM_Q6_K && h) break;
            block_sums(sum, x, p->q[b], 4 * h, wt == GM_Q6_K ? 4 * h + 4 : 8);
            add_sums(all, sum, p->d[2 * b + h], wide ? NULL : x->d);
        }
        if (wt == GM_Q4_1 || wt == GM_Q4_K || wt == GM_Q5_K) add_minima(all, p->m[b], x->s);
    }
    for (int r = 0; r < CPU_TILE8; r++)
        for (int v = 0; v < VECTORS; v++) {
            float *at = out + r * CPU_PANEL + 16 * v;
            __m512 before = first || !wide ? _mm512_setzero_ps() : _mm512_loadu_ps(at);
            if (wide) all[r][v] = _mm512_fmadd_ps(all[r][v], _mm512_set1_ps(step[r]), before);
            _mm512_storeu_ps(at, all[r][v]);
        }
}

GM_ALWAYS void product(float *out, const cpu_block8 *x, const uint8_t *w, gm_dtype wt, int64_t R,
                       int64_t columns, int64_t blocks)
{
    panel8 p __attribute__((aligned(64)));
    int64_t values = gm_block_values(wt), bytes = gm_block_bytes(wt);
    int64_t row = blocks * GM_BLOCK / values * bytes;
    for (int64_t k = 0; k < blocks; k += CPU_RUN8) {
        int64_t here = blocks - k < CPU_RUN8 ? blocks - k : CPU_RUN8;
        pack(&p, w + k * GM_BLOCK / values * bytes, wt, columns, row, here);
        for (int64_t r = 0; r < R; r += CPU_TILE8, x += here)
            tile(out + r * CPU_PANEL, x, &p, wt, here, k == 0);
    }
}

#define OF_TYPE(type) product(out, x, w, type, R, columns, blocks)
void cpu_product_vnni(float *out, const void *x, const uint8_t *w, gm_dtype wt, int64_t R,
                      int64_t columns, int64_t blocks)
{
    X86_BY_TYPE(wt, OF_TYPE)
}
