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

/* n outputs of one row from the two input rows it lies between. */
static void resize_run(float *y, const float *upper, const float *lower, tap v, const tap *h,
                       int64_t n)
{
    for (int64_t j = 0; j < n; j++) {
        float u = h[j].s * upper[h[j].i0] + h[j].t * upper[h[j].i1];
        float l = h[j].s * lower[h[j].i0] + h[j].t * lower[h[j].i1];
        y[j] = v.s * u + v.t * l;
    }
}

int cpu_resize(float *y, const float *x, int64_t R, int64_t H, int64_t W, int64_t HO, int64_t WO,
               int align)
{
    enum { RUN = 256 }; /* column taps serve every row of a map */
    int64_t runs = (WO + RUN - 1) / RUN;
    if (H == HO && W == WO) {
        memcpy(y, x, (size_t)(R * H * W) * sizeof(float)); /* every position falls on a pixel */
        return 0;
    }
    #pragma omp parallel for if (R * HO * WO > CPU_GRAIN)
    for (int64_t t = 0; t < R * runs; t++) {                    /* t: map, run of columns */
        const float *map = x + t / runs * H * W;
        int64_t first = t % runs * RUN, n = cpu_min(RUN, WO - first);
        tap h[RUN];
        for (int64_t j = 0; j < n; j++) h[j] = resize_tap(first + j, W, WO, align);
        for (int64_t i = 0; i < HO; i++) {
            tap v = resize_tap(i, H, HO, align);
            resize_run(y + (t / runs * HO + i) * WO + first, map + v.i0 * W, map + v.i1 * W, v, h,
                       n);
        }
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
