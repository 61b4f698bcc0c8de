/* Products of quantised matrices with 8-bit activations by vpdpbusd: 16 sums of four products
 * each.  A panel of 64 outputs and eight blocks is unpacked to unsigned bytes and turned so that
 * a vector holds four inputs of 16 outputs (16 KB, in the first-level cache), and meets three
 * rows of x at a time: twelve whole numbers and twelve float sums in registers.  A block of 32
 * costs each sum eight vpdpbusd and two float products, which run on the same units: four fifths
 * of vpdpbusd's peak is the most there is. Compiled with -mavx512vnni and what it stands on
 * (Makefile). */
#include "x86_turn.h"

enum { VECTORS = CPU_PANEL / 16 };

typedef struct {
    uint32_t q[CPU_RUN8 + 1][8][CPU_PANEL]; /* unsigned; blocks are unpacked by twos */
    float d[CPU_RUN8][CPU_PANEL], m[CPU_RUN8][CPU_PANEL];
} panel8;

/* Two blocks as 64 unsigned bytes, in order; the second is 0 when it does not exist. */
static inline __m512i two_blocks(const uint8_t *w, gm_dtype wt, int both)
{
    int64_t bytes = gm_block_bytes(wt);
    const uint8_t *next = both ? w + bytes : w;
    if (wt == GM_Q8_0) {
        __m512i q = _mm512_castsi256_si512(_mm256_loadu_si256((const void *)(w + 2)));
        q = _mm512_inserti64x4(q, _mm256_loadu_si256((const void *)(next + 2)), 1);
        return _mm512_xor_si512(q, _mm512_set1_epi8(-128));
    }
    const __m512i shift = _mm512_setr_epi32(0, 0, 0, 0, 4, 4, 4, 4, 0, 0, 0, 0, 4, 4, 4, 4);
    int64_t at = bytes - GM_BLOCK / 2;
    __m512i q = _mm512_broadcast_i32x4(_mm_loadu_si128((const void *)(w + at)));
    q = _mm512_mask_broadcast_i32x4(q, 0xff00, _mm_loadu_si128((const void *)(next + at)));
    return _mm512_and_si512(_mm512_srlv_epi32(q, shift), _mm512_set1_epi8(15));
}

static inline uint16_t half_of(const uint8_t *w) { return (uint16_t)(w[0] | w[1] << 8); }

/* Sixteen rows' number at `at` of a block; rows that do not exist have 0. */
static inline void scales(float *y, const uint8_t *w, int64_t row, int64_t rows)
{
    uint16_t half[16] = { 0 };
    for (int64_t j = 0; j < rows; j++) half[j] = half_of(w + j * row);
    _mm512_storeu_ps(y, _mm512_cvtph_ps(_mm256_loadu_si256((const void *)half)));
}

/* Blocks k .. k + blocks of `rows` rows of w, `row` bytes apart; the rest of the panel is 0. */
static void pack(panel8 *p, const uint8_t *w, gm_dtype wt, int64_t rows, int64_t row, int64_t k,
                 int64_t blocks)
{
    int64_t bytes = gm_block_bytes(wt);
    for (int64_t n = 0; n < CPU_PANEL; n += 16) {
        int64_t here = rows - n < 16 ? rows - n : 16;
        for (int64_t i = 0; i < blocks; i++) {
            const uint8_t *at = w + n * row + (k + i) * bytes;
            scales(p->d[i] + n, at, row, here);
            if (wt == GM_Q4_1) scales(p->m[i] + n, at + 2, row, here);
            if (i % 2) continue;
            __m512i v[16];
            for (int64_t j = 0; j < 16; j++)
                v[j] = j < here ? two_blocks(at + j * row, wt, i + 1 < blocks)
                                : _mm512_setzero_si512();
            x86_turn(v);
            for (int j = 0; j < 16; j++) _mm512_storeu_si512(&p->q[i + j / 8][j % 8][n], v[j]);
        }
    }
}

/* Whole numbers of one block: sum[r][v] of rows and vectors of outputs. */
static inline void block_sums(__m512i sum[CPU_TILE8][VECTORS], const cpu_block8 *x,
                              const uint32_t (*q)[CPU_PANEL])
{
    for (int r = 0; r < CPU_TILE8; r++)
        for (int v = 0; v < VECTORS; v++) sum[r][v] = _mm512_set1_epi32(x->lift[r]);
    for (int i = 0; i < 8; i++)
        for (int v = 0; v < VECTORS; v++) {
            __m512i w = _mm512_loadu_si512(q[i] + 16 * v);
            for (int r = 0; r < CPU_TILE8; r++)
                sum[r][v] = _mm512_dpbusd_epi32(sum[r][v], w, _mm512_set1_epi32(x->q[i][r]));
        }
}

/* out += a tile's blocks times the panel; at first out counts as 0. */
static inline void tile(float *out, const cpu_block8 *x, const panel8 *p, int64_t blocks, int first,
                        int minima)
{
    __m512 all[CPU_TILE8][VECTORS];
    for (int r = 0; r < CPU_TILE8; r++)
        for (int v = 0; v < VECTORS; v++)
            all[r][v] = first ? _mm512_setzero_ps() : _mm512_loadu_ps(out + r * CPU_PANEL + 16 * v);
    for (int64_t b = 0; b < blocks; b++, x++) {
        __m512i sum[CPU_TILE8][VECTORS];
        block_sums(sum, x, p->q[b]);
        for (int v = 0; v < VECTORS; v++) {
            __m512 d = _mm512_loadu_ps(p->d[b] + 16 * v);
            for (int r = 0; r < CPU_TILE8; r++) {
                __m512 scale = _mm512_mul_ps(d, _mm512_set1_ps(x->d[r]));
                all[r][v] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(sum[r][v]), scale, all[r][v]);
                if (!minima) continue;
                __m512 m = _mm512_loadu_ps(p->m[b] + 16 * v);
                all[r][v] = _mm512_fmadd_ps(m, _mm512_set1_ps(x->s[r]), all[r][v]);
            }
        }
    }
    for (int r = 0; r < CPU_TILE8; r++)
        for (int v = 0; v < VECTORS; v++)
            _mm512_storeu_ps(out + r * CPU_PANEL + 16 * v, all[r][v]);
}

void cpu_product_vnni(float *out, const void *tiled, const uint8_t *w, gm_dtype wt, int64_t R,
                      int64_t columns, int64_t blocks)
{
    const cpu_block8 *x = tiled;
    panel8 p __attribute__((aligned(64)));
    int64_t row = blocks * gm_block_bytes(wt);
    for (int64_t k = 0; k < blocks; k += CPU_RUN8) {
        int64_t here = blocks - k < CPU_RUN8 ? blocks - k : CPU_RUN8;
        pack(&p, w, wt, columns, row, k, here);
        for (int64_t r = 0; r < R; r += CPU_TILE8, x += here)
            if (wt == GM_Q4_1) tile(out + r * CPU_PANEL, x, &p, here, k == 0, 1);
            else tile(out + r * CPU_PANEL, x, &p, here, k == 0, 0);
    }
}
