/* Oracle: bilinear reading of maps.  Positions and weights are double: in float they would move by
 * eps times the size of the map. */
#include <math.h>
#include "ref_table.h"

/* Where output index o of out reads an axis of in pixels: (1 - t) x[i0] + t x[i1].
 * PyTorch UpSample.h, area_pixel_compute_source_index. */
typedef struct { int64_t i0, i1; double t; } tap;

static tap resize_tap(int64_t o, int64_t in, int64_t out, int align)
{
    double at;
    if (align) at = out > 1 ? (double)o * (double)(in - 1) / (double)(out - 1) : 0;
    else at = fmax(((double)o + 0.5) * (double)in / (double)out - 0.5, 0);
    tap p = { .i0 = (int64_t)at };
    if (p.i0 > in - 1) p.i0 = in - 1;
    p.t = at - (double)p.i0;
    p.i1 = p.t > 0 && p.i0 + 1 < in ? p.i0 + 1 : p.i0;          /* no pixel of weight 0 is read */
    return p;
}

static double blend(const float *x, int64_t W, tap v, tap h)
{
    double upper = (1 - h.t) * x[v.i0 * W + h.i0] + h.t * x[v.i0 * W + h.i1];
    double lower = (1 - h.t) * x[v.i1 * W + h.i0] + h.t * x[v.i1 * W + h.i1];
    return (1 - v.t) * upper + v.t * lower;
}

/* The share of pixel i in what is read at p. */
static double share(tap p, int64_t i)
{
    return (p.i0 == i ? 1 - p.t : 0) + (p.i1 == i ? p.t : 0);
}

int ref_resize(float *y, const float *x, int64_t R, int64_t H, int64_t W, int64_t HO, int64_t WO,
               int align)
{
    #pragma omp parallel for
    for (int64_t p = 0; p < R * HO; p++) {                      /* p: map, output row */
        tap v = resize_tap(p % HO, H, HO, align);
        for (int64_t j = 0; j < WO; j++)
            y[p * WO + j] = (float)blend(x + p / HO * H * W, W, v, resize_tap(j, W, WO, align));
    }
    return 0;
}

/* The outputs that read pixel i of an axis lie in [*first, *last]; none: *first > *last. */
static void resize_readers(int64_t *first, int64_t *last, int64_t i, int64_t in, int64_t out,
                           int align)
{
    *first = out;
    *last = -1;
    for (int64_t o = 0; o < out; o++)
        if (share(resize_tap(o, in, out, align), i) > 0) {
            if (*last < 0) *first = o;
            *last = o;
        }
}

int ref_resize_backward(float *dx, const float *dy, int64_t R, int64_t H, int64_t W, int64_t HO,
                        int64_t WO, int align)
{
    if (!dx) return 0;
    #pragma omp parallel for
    for (int64_t p = 0; p < H * W; p++) {
        int64_t row = p / W, column = p % W, top, bottom, left, right;
        resize_readers(&top, &bottom, row, H, HO, align);
        resize_readers(&left, &right, column, W, WO, align);
        for (int64_t r = 0; r < R; r++) {
            double sum = 0;
            for (int64_t i = top; i <= bottom; i++)
                for (int64_t j = left; j <= right; j++)
                    sum += share(resize_tap(i, H, HO, align), row)
                         * share(resize_tap(j, W, WO, align), column)
                         * dy[(r * HO + i) * WO + j];
            dx[r * H * W + p] = (float)(dx[r * H * W + p] + sum);
        }
    }
    return 0;
}

/* An axis of n pixels read at `at`, which is inside -1 .. n: clamped to the first and last
 * pixel. */
static tap roi_tap(double at, int64_t n)
{
    tap p = { .i0 = at > 0 ? (int64_t)at : 0 };
    if (p.i0 >= n - 1) return (tap){ n - 1, n - 1, 0 };
    p.i1 = p.i0 + 1;
    p.t = at > 0 ? at - (double)p.i0 : 0;
    return p;
}

/* torchvision roi_align_common.h, pre_calc_for_bilinear_interpolate */
static double roi_sample(const float *x, int64_t H, int64_t W, double v, double h)
{
    if (isnan(v) || isnan(h)) return NAN;
    if (v < -1 || v > (double)H || h < -1 || h > (double)W) return 0;
    return blend(x, W, roi_tap(v, H), roi_tap(h, W));
}

int ref_roi_align(float *y, const float *x, const float *box, const int32_t *image, int64_t N,
                  int64_t B, int64_t C, int64_t H, int64_t W, int64_t P, int64_t S, float scale)
{
    (void)B;
    #pragma omp parallel for
    for (int64_t o = 0; o < N * C * P * P; o++) { /* o: box, channel, bin row, bin column */
        int64_t bx = o % P, by = o / P % P, c = o / (P * P) % C, n = o / (P * P * C);
        const float *corner = box + 4 * n, *map = x + (image[n] * C + c) * H * W;
        double left = (double)corner[0] * scale - 0.5, top = (double)corner[1] * scale - 0.5;
        double width = ((double)corner[2] * scale - 0.5 - left) / (double)P;
        double height = ((double)corner[3] * scale - 0.5 - top) / (double)P;
        double sum = 0;
        for (int64_t i = 0; i < S; i++)
            for (int64_t j = 0; j < S; j++)
                sum += roi_sample(map, H, W,
                                  top + ((double)by + ((double)i + 0.5) / (double)S) * height,
                                  left + ((double)bx + ((double)j + 0.5) / (double)S) * width);
        y[o] = (float)(sum / (double)(S * S));
    }
    return 0;
}

/* The share of pixel i of n in a sample at `at`; of no pixel for one outside, or of a box with a
 * NaN. */
static double roi_share(double at, int64_t n, int64_t i)
{
    return at >= -1 && at <= (double)n ? share(roi_tap(at, n), i) : 0;
}

/* What pixel (row, column) of a map gets from the P x P bins of one box. */
static double roi_dx_at(const float *dy, const float *corner, int64_t row, int64_t column,
                        int64_t H, int64_t W, int64_t P, int64_t S, float scale)
{
    double left = (double)corner[0] * scale - 0.5, top = (double)corner[1] * scale - 0.5;
    double width = ((double)corner[2] * scale - 0.5 - left) / (double)P;
    double height = ((double)corner[3] * scale - 0.5 - top) / (double)P;
    double sum = 0;
    for (int64_t i = 0; i < P * S; i++) {                       /* rows and columns of samples */
        double at = (double)(i / S) + ((double)(i % S) + 0.5) / (double)S;
        double down = roi_share(top + at * height, H, row);
        for (int64_t j = 0; down > 0 && j < P * S; j++) {
            at = (double)(j / S) + ((double)(j % S) + 0.5) / (double)S;
            double right = roi_share(left + at * width, W, column);
            if (right > 0) sum += down * right * dy[i / S * P + j / S];
        }
    }
    return sum / (double)(S * S);
}

/* torchvision roi_align_kernel.cpp, roi_align_backward_kernel_impl */
int ref_roi_align_backward(float *dx, const float *dy, const float *box, const int32_t *image,
                           int64_t N, int64_t B, int64_t C, int64_t H, int64_t W, int64_t P,
                           int64_t S, float scale)
{
    if (!dx) return 0;
    #pragma omp parallel for
    for (int64_t o = 0; o < B * C * H * W; o++) {               /* o: image, channel, row, column */
        int64_t column = o % W, row = o / W % H, c = o / (H * W) % C, b = o / (H * W * C);
        double sum = 0;
        for (int64_t n = 0; n < N; n++)
            if (image[n] == b)
                sum += roi_dx_at(dy + (n * C + c) * P * P, box + 4 * n, row, column, H, W, P, S,
                                 scale);
        dx[o] = (float)(dx[o] + sum);
    }
    return 0;
}
