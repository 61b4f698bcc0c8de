/* Pillow's resize of 8-bit images, bit for bit: Resample.c of Pillow 9.4, precompute_coeffs,
 * normalize_coeffs_8bpc, ImagingResampleHorizontal_8bpc, ImagingResampleVertical_8bpc. */
#include "image.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

/* Of the fixed-point weights: 32 - 8 (sample) - 2 (sign, overshoot). */
enum { BITS = 22 };

/* Output i is the sum of weight[i * room + k] * input[first[i] + k], k < count[i]. */
typedef struct { int64_t n, room, *first, *count; int32_t *weight; } taps;

static double bilinear(double x)
{
    x = fabs(x);
    return x < 1 ? 1 - x : 0;
}

static double bicubic(double x)
{
    const double a = -0.5;
    x = fabs(x);
    if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
    if (x < 2) return (((x - 5) * x + 8) * x - 4) * a;
    return 0;
}

static void taps_free(taps *t)
{
    free(t->first);
    free(t->count);
    free(t->weight);
}

/* The taps of outputs [start, start + n) of a resize of `in` samples to `out`. False: out of
 * memory; taps_free in any case. */
static bool make_taps(taps *t, int64_t in, int64_t out, int64_t start, int64_t n, gm_filter f)
{
    double scale = (double)in / (double)out, wide = scale < 1 ? 1 : scale;
    double support = (f == GM_BILINEAR ? 1 : 2) * wide, step = 1 / wide;
    *t = (taps){ .n = n, .room = (int64_t)ceil(support) * 2 + 1 };
    double *w = malloc((size_t)t->room * sizeof *w);
    t->first = malloc((size_t)n * sizeof *t->first);
    t->count = malloc((size_t)n * sizeof *t->count);
    t->weight = malloc((size_t)n * (size_t)t->room * sizeof *t->weight);
    bool ok = w && t->first && t->count && t->weight;
    for (int64_t i = 0; ok && i < n; i++) {
        double centre = ((double)(start + i) + 0.5) * scale, sum = 0;
        int64_t lo = (int64_t)(centre - support + 0.5), hi = (int64_t)(centre + support + 0.5);
        if (lo < 0) lo = 0;
        if (hi > in) hi = in;
        t->first[i] = lo;
        t->count[i] = hi - lo;
        for (int64_t k = 0; k < hi - lo; k++) {
            double x = ((double)(k + lo) - centre + 0.5) * step;
            w[k] = f == GM_BILINEAR ? bilinear(x) : bicubic(x);
            sum += w[k];
        }
        for (int64_t k = 0; k < hi - lo; k++) {
            double v = (sum != 0 ? w[k] / sum : w[k]) * (1 << BITS);
            t->weight[i * t->room + k] = (int32_t)(v < 0 ? v - 0.5 : v + 0.5);
        }
    }
    free(w);
    return ok;
}

static uint8_t clamp(int32_t sum)
{
    int32_t v = sum >> BITS;
    return (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : v);
}

/* out (rows, t->n, 3) from rows [first, first + rows) of in. */
static void horizontal(uint8_t *out, const gm_image *in, int64_t first, int64_t rows, const taps *t)
{
    for (int64_t y = 0; y < rows; y++) {
        const uint8_t *row = in->rgb + (first + y) * in->width * 3;
        for (int64_t x = 0; x < t->n; x++) {
            const uint8_t *p = row + t->first[x] * 3;
            const int32_t *w = t->weight + x * t->room;
            int32_t r = 1 << (BITS - 1), g = r, b = r;
            for (int64_t k = 0; k < t->count[x]; k++) {
                r += p[3 * k] * w[k];
                g += p[3 * k + 1] * w[k];
                b += p[3 * k + 2] * w[k];
            }
            *out++ = clamp(r);
            *out++ = clamp(g);
            *out++ = clamp(b);
        }
    }
}

/* out (t->n, C) from in (rows, C), whose first row is row `first` of what t counts in. */
static void vertical(uint8_t *out, const uint8_t *in, int64_t first, int64_t C, const taps *t)
{
    for (int64_t y = 0; y < t->n; y++) {
        const uint8_t *p = in + (t->first[y] - first) * C;
        const int32_t *w = t->weight + y * t->room;
        for (int64_t c = 0; c < C; c++) {
            int32_t sum = 1 << (BITS - 1);
            for (int64_t k = 0; k < t->count[y]; k++) sum += p[k * C + c] * w[k];
            out[y * C + c] = clamp(sum);
        }
    }
}

int gm_image_resize_part(gm_image *out, const gm_image *in, int64_t ow, int64_t oh, gm_filter f,
                         int64_t x0, int64_t y0, int64_t w, int64_t h, gm_error *e)
{
    *out = (gm_image){ 0 };
    if (ow < 1 || oh < 1 || w < 1 || h < 1 || x0 < 0 || y0 < 0 || w > ow - x0 || h > oh - y0)
        return gm_fail(e, "resizing an image: wanted a part inside %lld x %lld, found %lld x %lld "
                       "at %lld, %lld", (long long)ow, (long long)oh, (long long)w, (long long)h,
                       (long long)x0, (long long)y0);
    taps tx = { 0 }, ty = { 0 };
    uint8_t *middle = NULL, *rgb = NULL;
    if (make_taps(&tx, in->width, ow, x0, w, f) && make_taps(&ty, in->height, oh, y0, h, f)) {
        int64_t first = ty.first[0], rows = ty.first[h - 1] + ty.count[h - 1] - first;
        middle = malloc((size_t)rows * (size_t)w * 3);
        rgb = malloc((size_t)h * (size_t)w * 3);
        if (middle && rgb) {
            horizontal(middle, in, first, rows, &tx);
            vertical(rgb, middle, first, w * 3, &ty);
            *out = (gm_image){ w, h, rgb };
        }
    }
    taps_free(&ty);
    taps_free(&tx);
    free(middle);
    if (out->rgb) return 0;
    free(rgb);
    return gm_fail(e, "resizing an image to %lld x %lld: out of memory", (long long)ow,
                   (long long)oh);
}

int gm_image_resize(gm_image *out, const gm_image *in, int64_t ow, int64_t oh, gm_filter f,
                    gm_error *e)
{
    return gm_image_resize_part(out, in, ow, oh, f, 0, 0, ow, oh, e);
}
