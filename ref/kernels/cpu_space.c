/* Bilinear reading of maps: positions in double as in the oracle, blending in float. */
#include <math.h>
#include "cpu_table.h"
#include "cpu_vec.h"

/* s x[i0] + t x[i1]; s is 1 - t rounded once, not from the rounded t: a small s keeps its
 * digits. */
typedef struct { int64_t i0, i1; float s, t; } tap;

/* PyTorch UpSample.h, area_pixel_compute_source_index */
static tap resize_tap(int64_t o, int64_t in, int64_t out, int align)
{
    double at;
    if (align) at = out > 1 ? (double)o * (double)(in - 1) / (double)(out - 1) : 0;
    else at = fmax(((double)o + 0.5) * (double)in / (double)out - 0.5, 0);
    int64_t i0 = cpu_min((int64_t)at, in - 1);
    double t = at - (double)i0;
    return (tap){ i0, t > 0 && i0 + 1 < in ? i0 + 1 : i0, (float)(1 - t),
                  (float)t }; /* no pixel of weight 0 is read */
}

/* Outputs of an axis are looked at so many at a time. */
enum { AXIS = 256 };

/* An input row read at taps h (n). */
static void resize_across(float *y, const float *x, const tap *h, int64_t n)
{
    for (int64_t j = 0; j < n; j++) y[j] = h[j].s * x[h[j].i0] + h[j].t * x[h[j].i1];
}

GM_CLONES static void resize_down(float *restrict y, const float *upper, const float *lower, tap v,
                                  int64_t n)
{
    for (int64_t j = 0; j < n; j++) y[j] = v.s * upper[j] + v.t * lower[j];
}

/* n columns of a whole map: y (HO, WO) at the first of them, x (H, W).  Each input row is read
 * across once, then serves all output rows beside it. */
static void resize_columns(float *y, const float *x, const tap *h, int64_t n, int64_t H, int64_t W,
                           int64_t HO, int64_t WO, int align)
{
    float room[2][AXIS], *upper = room[0], *lower = room[1];
    int64_t upper_row = -1, lower_row = -1;
    for (int64_t i = 0; i < HO; i++) {
        tap v = resize_tap(i, H, HO, align);
        if (v.i0 == lower_row) {
            float *swap = upper;
            upper = lower, lower = swap;
            lower_row = upper_row, upper_row = v.i0;
        }
        if (v.i0 != upper_row) resize_across(upper, x + v.i0 * W, h, n);
        if (v.i1 != v.i0 && v.i1 != lower_row) {
            resize_across(lower, x + v.i1 * W, h, n);
            lower_row = v.i1;
        }
        upper_row = v.i0;
        resize_down(y + i * WO, upper, v.i1 == v.i0 ? upper : lower, v, n);
    }
}

int cpu_resize(float *y, const float *x, int64_t R, int64_t H, int64_t W, int64_t HO, int64_t WO,
               int align)
{
    int64_t runs = (WO + AXIS - 1) / AXIS; /* column taps serve every row of a map */
    if (H == HO && W == WO) {
        memcpy(y, x, (size_t)(R * H * W) * sizeof(float)); /* every position falls on a pixel */
        return 0;
    }
    #pragma omp parallel for if (R * HO * WO > CPU_GRAIN)
    for (int64_t t = 0; t < R * runs; t++) {                    /* t: map, run of columns */
        int64_t first = t % runs * AXIS, n = cpu_min(AXIS, WO - first);
        tap h[AXIS];
        for (int64_t j = 0; j < n; j++) h[j] = resize_tap(first + j, W, WO, align);
        resize_columns(y + t / runs * HO * WO + first, x + t / runs * H * W, h, n, H, W, HO, WO,
                       align);
    }
    return 0;
}

/* ---- resize, backward ----
 * A row of dx gathers the rows of dy that read it, weighted, into one row; then each pixel the
 * columns of that.  Sums are double. */

/* sum (n) += s y (n) */
GM_CLONES static void add_weighted(double *restrict sum, double s, const float *y, int64_t n)
{
    for (int64_t i = 0; i < n; i++) sum[i] += s * (double)y[i];
}

/* dx (W) += sum (n), each shared out between the two pixels of its tap; taps in the order of their
 * pixels or against it, so that a pixel's shares are met one after another. */
static void spread(float *dx, const double *sum, const tap *h, int64_t n, int64_t W)
{
    double near = 0, far = 0; /* for pixels i0 and i0 + 1 */
    for (int64_t j = 0; j < n; j++) {
        near += h[j].s * sum[j];
        if (h[j].i1 > h[j].i0) far += h[j].t * sum[j];
        else near += h[j].t * sum[j];
        if (j + 1 < n && h[j + 1].i0 == h[j].i0) continue;
        dx[h[j].i0] = (float)(dx[h[j].i0] + near);
        if (h[j].i0 + 1 < W) dx[h[j].i0 + 1] = (float)(dx[h[j].i0 + 1] + far);
        near = far = 0;
    }
}

static float share(tap p, int64_t i) { return (p.i0 == i ? p.s : 0) + (p.i1 == i ? p.t : 0); }

/* The first output of an axis that reads pixel i or one behind it; out when none does. */
static int64_t first_reader(int64_t i, int64_t in, int64_t out, int align)
{
    int64_t low = 0, high = out;
    while (low < high) {
        int64_t middle = (low + high) / 2;
        if (resize_tap(middle, in, out, align).i1 < i) low = middle + 1;
        else high = middle;
    }
    return low;
}

/* Rows top .. bottom of one map dx (H, W) from n columns of dy (HO, WO), read through taps h. */
static void resize_rows_backward(float *dx, const float *dy, const tap *h, int64_t n, int64_t top,
                                 int64_t bottom, int64_t H, int64_t W, int64_t HO, int64_t WO,
                                 int align)
{
    for (int64_t i = top; i < bottom; i++) {
        double sum[AXIS] = { 0 };
        int64_t first = first_reader(i, H, HO, align), o = first;
        for (; o < HO; o++) {
            tap v = resize_tap(o, H, HO, align);
            if (v.i0 > i) break;
            add_weighted(sum, share(v, i), dy + o * WO, n);
        }
        if (o > first) spread(dx + i * W, sum, h, n, W);
    }
}

int cpu_resize_backward(float *dx, const float *dy, int64_t R, int64_t H, int64_t W, int64_t HO,
                        int64_t WO, int align)
{
    enum { ROWS = 16 }; /* of a task: they share the column taps */
    int64_t blocks = dx ? (H + ROWS - 1) / ROWS : 0;
    #pragma omp parallel for if (R * (H * WO + HO * WO) > CPU_GRAIN)
    for (int64_t t = 0; t < R * blocks; t++)                    /* t: map, block of rows */
        for (int64_t first = 0; first < WO; first += AXIS) {
            int64_t top = t % blocks * ROWS, map = t / blocks, n = cpu_min(AXIS, WO - first);
            tap h[AXIS];
            for (int64_t j = 0; j < n; j++) h[j] = resize_tap(first + j, W, WO, align);
            resize_rows_backward(dx + map * H * W, dy + map * HO * WO + first, h, n, top,
                                 cpu_min(H, top + ROWS), H, W, HO, WO, align);
        }
    return 0;
}

/* One sample: four pixels of a map and their weights. */
typedef struct { int64_t at[4]; float w[4]; } sample;

/* An axis of n pixels read at `at`, inside -1 .. n: clamped to the first and last pixel. */
static tap roi_tap(double at, int64_t n)
{
    if (!(at > 0)) at = 0;
    int64_t i0 = (int64_t)at;
    if (i0 >= n - 1) return (tap){ n - 1, n - 1, 1, 0 };
    return (tap){ i0, i0 + 1, (float)((double)(i0 + 1) - at), (float)(at - (double)i0) };
}

/* torchvision roi_align_common.h, pre_calc_for_bilinear_interpolate */
static sample roi_sample(double v, double h, int64_t H, int64_t W)
{
    sample s = { { 0 }, { 0 } };
    if (isnan(v) || isnan(h)) return (sample){ { 0 }, { NAN, NAN, NAN, NAN } };
    if (v < -1 || v > (double)H || h < -1 || h > (double)W) return s;
    tap a = roi_tap(v, H), b = roi_tap(h, W);
    const int64_t at[4] = { a.i0 * W + b.i0, a.i0 * W + b.i1, a.i1 * W + b.i0, a.i1 * W + b.i1 };
    const float w[4] = { a.s * b.s, a.s * b.t, a.t * b.s, a.t * b.t };
    memcpy(s.at, at, sizeof at);
    memcpy(s.w, w, sizeof w);
    return s;
}

/* A sample outside the map has no weight, and the pixel it names is not read. */
static float read_sample(const float *map, const sample *s)
{
    float sum = 0;
    for (int i = 0; i < 4; i++)
        if (s->w[i] != 0) sum += s->w[i] * map[s->at[i]];
    return sum;
}

/* Bin (by, bx) of one box for channels first .. first + n: y (n, P, P) and x (n, H, W) at the
 * first. */
static void roi_bin(float *y, const float *x, const float *box, int64_t by, int64_t bx, int64_t n,
                    int64_t H, int64_t W, int64_t P, int64_t S, float scale)
{
    double left = (double)box[0] * scale - 0.5, top = (double)box[1] * scale - 0.5;
    double width = ((double)box[2] * scale - 0.5 - left) / (double)P;
    double height = ((double)box[3] * scale - 0.5 - top) / (double)P;
    for (int64_t c = 0; c < n; c++) y[(c * P + by) * P + bx] = 0;
    for (int64_t k = 0; k < S * S; k++) {
        sample s = roi_sample(top + ((double)by + ((double)(k / S) + 0.5) / (double)S) * height,
                              left + ((double)bx + ((double)(k % S) + 0.5) / (double)S) * width, H,
                              W);
        for (int64_t c = 0; c < n; c++) y[(c * P + by) * P + bx] += read_sample(x + c * H * W, &s);
    }
    for (int64_t c = 0; c < n; c++) y[(c * P + by) * P + bx] /= (float)(S * S);
}

int cpu_roi_align(float *y, const float *x, const float *box, const int32_t *image, int64_t N,
                  int64_t B, int64_t C, int64_t H, int64_t W, int64_t P, int64_t S, float scale)
{
    enum { CHANNELS = 16 }; /* share one sample's position and weights */
    int64_t groups = (C + CHANNELS - 1) / CHANNELS;
    (void)B;
    #pragma omp parallel for if (N * C * P * P * S * S > CPU_GRAIN / 4)
    for (int64_t t = 0; t < N * groups; t++) {                  /* t: box, channels */
        int64_t n = t / groups, c = t % groups * CHANNELS;
        for (int64_t bin = 0; bin < P * P; bin++)
            roi_bin(y + (n * C + c) * P * P, x + (image[n] * C + c) * H * W, box + 4 * n, bin / P,
                    bin % P, cpu_min(CHANNELS, C - c), H, W, P, S, scale);
    }
    return 0;
}

/* ---- roi_align, backward ---- */

/* Samples of an axis that lie on the map: what they read, and their bins. */
typedef struct { int64_t n, bin[AXIS]; tap tap[AXIS]; } samples;

/* Samples first .. first + AXIS of P bins of S each, over pixels 0 .. n - 1; the bins from `start`
 * on, each `size` long.  One outside the map, or at NaN, is not among them. */
static samples samples_of(int64_t first, double start, double size, int64_t P, int64_t S, int64_t n)
{
    samples s = { .n = 0 };
    for (int64_t i = first; i < cpu_min(P * S, first + AXIS); i++) {
        double at = start +
                    ((double)(i / S) + ((double)(i % S) + 0.5) / (double)S) * size;
        if (!(at >= -1 && at <= (double)n)) continue;
        s.tap[s.n] = roi_tap(at, n);
        s.bin[s.n++] = i / S;
    }
    return s;
}

/* dx (n, H, W) += what the samples v by h of one box's bins dy (n, P, P) read. */
static void samples_backward(float *dx, const float *dy, const samples *v, const samples *h,
                             int64_t n, int64_t H, int64_t W, int64_t P, int64_t S)
{
    int64_t low = H, high = -1; /* rows of the map that are read */
    for (int64_t m = 0; m < v->n; m++) {
        low = cpu_min(low, v->tap[m].i0);
        if (v->tap[m].i1 > high) high = v->tap[m].i1;
    }
    for (int64_t i = low; i <= high; i++)
        for (int64_t c = 0; c < n; c++) {
            double sum[AXIS] = { 0 };
            int found = 0;
            for (int64_t m = 0; m < v->n; m++) {
                double s = share(v->tap[m], i) / (double)(S * S);
                const float *row = dy + (c * P + v->bin[m]) * P;
                if (!(s > 0)) continue;
                for (int64_t k = 0; k < h->n; k++) sum[k] += s * (double)row[h->bin[k]];
                found = 1;
            }
            if (found) spread(dx + (c * H + i) * W, sum, h->tap, h->n, W);
        }
}

/* A task is some channels of one image: its pixels have one writer. */
int cpu_roi_align_backward(float *dx, const float *dy, const float *box, const int32_t *image,
                           int64_t N, int64_t B, int64_t C, int64_t H, int64_t W, int64_t P,
                           int64_t S, float scale)
{
    enum { CHANNELS = 8 };
    int64_t groups = dx ? (C + CHANNELS - 1) / CHANNELS : 0;
    #pragma omp parallel for if (N * C * P * P * S * S > CPU_GRAIN / 4)
    for (int64_t t = 0; t < B * groups; t++)                    /* t: image, channels */
        for (int64_t n = 0; n < N; n++) {
            int64_t c = t % groups * CHANNELS, count = cpu_min(CHANNELS, C - c);
            double left = (double)box[4 * n] * scale - 0.5;
            double top = (double)box[4 * n + 1] * scale - 0.5;
            double width = ((double)box[4 * n + 2] * scale - 0.5 - left) / (double)P;
            double height = ((double)box[4 * n + 3] * scale - 0.5 - top) / (double)P;
            for (int64_t i = 0; image[n] == t / groups && i < P * S; i += AXIS)
                for (int64_t j = 0; j < P * S; j += AXIS) {
                    samples v = samples_of(i, top, height, P, S, H);
                    samples h = samples_of(j, left, width, P, S, W);
                    samples_backward(dx + (t / groups * C + c) * H * W, dy + (n * C + c) * P * P,
                                     &v, &h, count, H, W, P, S);
                }
        }
    return 0;
}
