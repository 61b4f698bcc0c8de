/* Blocks of 256: see quantise.h.  The bytes are those of the reference only with its sums: floats,
 * in the order of the elements, no fused multiplication (io/ is compiled without). */
#include <math.h>
#include <string.h>
#include "../ref/kernels/typed.h"
#include "quantise.h"

enum { PART = 32, PARTS = 8, PART6 = 16, PARTS6 = 16, MOST_SCALE = 63 };

/* Nearest whole number, ties to even, for |v| below 2^22: adding 1.5 * 2^23 leaves it in the low
 * bits.  What is beyond gives what the reference gives. */
static int nearest(float v)
{
    return (int)(gm_bits_of_float(v + 12582912.0f) & 0x7fffff) - 0x400000;
}

static int within(int v, int low, int high) { return v < low ? low : v > high ? high : v; }

static void put_half(uint8_t *y, float v)
{
    uint16_t h = gm_to_f16(v);
    y[0] = (uint8_t)h;
    y[1] = (uint8_t)(h >> 8);
}

/* ---- q4_K, q5_K: x is about scale q - less, q from 0 to most ---- */

/* A part's values with the weights of their squared errors, and sums over them. */
typedef struct {
    const float *x;
    float weight[PART], sum_w, sum_wx, least, top;
    int most;
} part;
typedef struct { float scale, least; } line;        /* scale q + least */

static void weigh(part *p)
{
    float squares = 0;
    for (int i = 0; i < PART; i++) squares += p->x[i] * p->x[i];
    float typical = sqrtf(squares / PART);
    p->least = p->top = p->x[0];
    p->sum_w = p->sum_wx = 0;
    for (int i = 0; i < PART; i++) {
        float x = p->x[i], w = typical + fabsf(x);
        p->weight[i] = w;
        p->sum_w += w;
        p->sum_wx += w * x;
        if (x < p->least) p->least = x;
        if (x > p->top) p->top = x;
    }
    if (p->least > 0) p->least = 0;                 /* 0 stays a value that can be met */
}

static void round_by(uint8_t *q, const part *p, float inverse)
{
    for (int i = 0; i < PART; i++)
        q[i] = (uint8_t)within(nearest(inverse * (p->x[i] - p->least)), 0, p->most);
}

static float error_of(const part *p, const uint8_t *q, line l)
{
    float sum = 0;
    for (int i = 0; i < PART; i++) {
        float off = l.scale * q[i] + l.least - p->x[i];
        sum += p->weight[i] * (off * off);
    }
    return sum;
}

/* The line of least weighted squares through (q, x), not above 0 at 0; false when q does not
 * vary. */
static bool fit(line *l, const part *p, const uint8_t *q)
{
    float sum_q = 0, sum_qq = 0, sum_qx = 0;
    for (int i = 0; i < PART; i++) {
        float w = p->weight[i];
        sum_q += w * q[i];
        sum_qq += w * q[i] * q[i];
        sum_qx += w * q[i] * p->x[i];
    }
    float determinant = p->sum_w * sum_qq - sum_q * sum_q;
    if (!(determinant > 0)) return false;
    l->scale = (p->sum_w * sum_qx - p->sum_wx * sum_q) / determinant;
    l->least = (sum_qq * p->sum_wx - sum_q * sum_qx) / determinant;
    if (l->least > 0) *l = (line){ sum_qx / sum_qq, 0 };
    return true;
}

/* The best of the plain line from the least to the largest value, and those fitted to roundings by
 * steps of a tenth around it: q4_K tries 21 from one below, q5_K 16 from a half below.  Each better
 * line's least value is where the next roundings start. */
static line best_line(uint8_t *q, part *p)
{
    float from = p->most == 15 ? -1.0f : -0.5f;
    int steps = p->most == 15 ? 20 : 15;
    weigh(p);
    line best = { 0, p->least }, l;
    memset(q, 0, PART);
    if (p->top == p->least) return best;
    float inverse = (float)p->most / (p->top - p->least);
    best.scale = 1 / inverse;
    round_by(q, p, inverse);
    float error = error_of(p, q, best);
    for (int s = 0; s <= steps; s++) {
        uint8_t tried[PART];
        round_by(tried, p, (from + 0.1f * (float)s + (float)p->most) / (p->top - p->least));
        if (!fit(&l, p, tried)) continue;
        float e = error_of(p, tried, l);
        if (e < error) {
            memcpy(q, tried, PART);
            error = e;
            best = l;
            p->least = l.least;
        }
    }
    return best;
}

/* Both lists of six bits into 12 bytes: gm_k_scale and gm_k_least of typed.h, the way back. */
static void pack_scales(uint8_t *y, const uint8_t *scale, const uint8_t *less)
{
    for (int j = 0; j < PARTS / 2; j++) {
        y[j] = (uint8_t)(scale[j] | scale[j + 4] >> 4 << 6);
        y[j + 4] = (uint8_t)(less[j] | less[j + 4] >> 4 << 6);
        y[j + 8] = (uint8_t)((scale[j + 4] & 15) | (less[j + 4] & 15) << 4);
    }
}

/* v of `all` in steps of all / 63. */
static uint8_t share(float v, float all)
{
    uint8_t s = (uint8_t)nearest((all > 0 ? MOST_SCALE / all : 0) * v);
    return s < MOST_SCALE ? s : MOST_SCALE;
}

/* The first 16 bytes of a block, and its 256 values; parts whose scale became 0 keep the values of
 * their own line, as in the reference. */
static void lines(uint8_t *y, uint8_t *q, const float *x, int most)
{
    line l[PARTS];
    float scale = 0, less = 0;
    uint8_t scales[PARTS], lesses[PARTS];
    for (int j = 0; j < PARTS; j++) {
        part p = { .x = x + PART * j, .most = most };
        l[j] = best_line(q + PART * j, &p);
        scale = l[j].scale > scale ? l[j].scale : scale;
        less = -l[j].least > less ? -l[j].least : less;
    }
    for (int j = 0; j < PARTS; j++) {
        scales[j] = share(l[j].scale, scale);
        lesses[j] = share(-l[j].least, less);
    }
    put_half(y, scale / MOST_SCALE);
    put_half(y + 2, less / MOST_SCALE);
    pack_scales(y + 4, scales, lesses);
    for (int j = 0; j < PARTS; j++) {
        float d = gm_half_at(y) * scales[j], e = gm_half_at(y + 2) * lesses[j];
        for (int i = PART * j; d != 0 && i < PART * (j + 1); i++)
            q[i] = (uint8_t)within(nearest((x[i] + e) / d), 0, most);
    }
}

/* The half bytes of two parts side by side. */
static void pack_halves(uint8_t *y, const uint8_t *q)
{
    for (int i = 0; i < GM_K_BLOCK / 2; i++) {
        const uint8_t *pair = q + i / PART * 2 * PART + i % PART;
        y[i] = (uint8_t)((pair[0] & 15) | (pair[PART] & 15) << 4);
    }
}

void gm_quantise_q4_k(uint8_t *y, const float *x)
{
    uint8_t q[GM_K_BLOCK];
    lines(y, q, x, 15);
    pack_halves(y + 16, q);
}

void gm_quantise_q5_k(uint8_t *y, const float *x)
{
    uint8_t q[GM_K_BLOCK];
    lines(y, q, x, 31);
    memset(y + 16, 0, PART);
    for (int i = 0; i < GM_K_BLOCK; i++)
        y[16 + i % PART] |= (uint8_t)(q[i] >> 4 << i / PART);
    pack_halves(y + 48, q);
}

/* ---- q6_K: x is about scale (q - 32) ---- */

enum { HALF6 = 32 };                    /* q - 32 is from -32 to 31 */
static const float NOTHING = 1e-15f;    /* all parts below this: a block of zeros */

/* Sums of products, weighted by the squares of x, of x with its roundings, and of those alone. */
static void sums(float *with_x, float *alone, const float *x, float inverse)
{
    *with_x = *alone = 0;
    for (int i = 0; i < PART6; i++) {
        float v = (float)within(nearest(inverse * x[i]), -HALF6, HALF6 - 1), w = x[i] * x[i];
        *with_x += w * x[i] * v;
        *alone += w * v * v;
    }
}

/* The scale of least weighted squares, of the roundings that make the largest value 32 and by steps
 * of a tenth around; *inverse is what rounds so. */
static float best_scale(float *inverse, const float *x)
{
    float most = 0, at = 0, with_x, alone;
    for (int i = 0; i < PART6; i++)
        if (fabsf(x[i]) > most) most = fabsf(x[i]), at = x[i];
    *inverse = 0;
    if (most < NOTHING) return 0;
    *inverse = -HALF6 / at;
    sums(&with_x, &alone, x, *inverse);
    float scale = alone != 0 ? with_x / alone : 0, best = scale * with_x;
    for (int s = -9; s <= 9; s++) {
        float tried = -(HALF6 + 0.1f * (float)s) / at;
        if (s == 0) continue;
        sums(&with_x, &alone, x, tried);
        if (alone > 0 && with_x * with_x > best * alone) {
            scale = with_x / alone;
            best = scale * with_x;
            *inverse = tried;
        }
    }
    return scale;
}

static void pack_q6(uint8_t *y, const uint8_t *q)
{
    for (int i = 0; i < GM_K_BLOCK / 2; i++) {
        const uint8_t *pair = q + i / 64 * 128 + i % 64;
        y[i] = (uint8_t)((pair[0] & 15) | (pair[64] & 15) << 4);
    }
    for (int i = 0; i < GM_K_BLOCK / 4; i++) {
        const uint8_t *four = q + i / 32 * 128 + i % 32;
        y[128 + i] = (uint8_t)(four[0] >> 4 | four[32] >> 4 << 2 | four[64] >> 4 << 4 |
                               four[96] >> 4 << 6);
    }
}

void gm_quantise_q6_k(uint8_t *y, const float *x)
{
    float scale[PARTS6], inverse[PARTS6], most = 0, at = 0;
    uint8_t q[GM_K_BLOCK];
    for (int j = 0; j < PARTS6; j++) {
        scale[j] = best_scale(&inverse[j], x + PART6 * j);
        if (fabsf(scale[j]) > most) most = fabsf(scale[j]), at = scale[j];
    }
    memset(y, 0, (size_t)gm_block_bytes(GM_Q6_K));
    if (most < NOTHING) return;
    float id = -128 / at;
    put_half(y + 208, 1 / id);
    for (int j = 0; j < PARTS6; j++) {
        int s = nearest(id * scale[j]);
        s = s < 127 ? s : 127;
        y[192 + j] = (uint8_t)s;
        float d = gm_half_at(y + 208) * (float)(int8_t)s;
        for (int i = PART6 * j; i < PART6 * (j + 1); i++) {
            int v = nearest(d != 0 ? x[i] / d : inverse[j] * x[i]);
            bool nothing = d == 0 && inverse[j] == 0;
            q[i] = nothing ? 0 : (uint8_t)(within(v, -HALF6, HALF6 - 1) + HALF6);
        }
    }
    pack_q6(y, q);
}
