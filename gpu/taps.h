/* Where bilinear readings of an axis fall: what resize and RoIAlign share with their gradients.
 * Positions are double, as in the oracle: in float they move by eps times the side of the map. */
#ifndef GPU_TAPS_H
#define GPU_TAPS_H
#include "cuda.h"

/* An axis is read at (1 - t) x[i0] + t x[i1]. */
struct gpu_tap { int64_t i0, i1; double t; };

/* PyTorch UpSample.h, area_pixel_compute_source_index. */
static __device__ __forceinline__ gpu_tap gpu_resize_tap(int64_t o, int64_t in, int64_t out,
                                                         int align)
{
    double at = 0;
    if (!align) at = ((double)o + 0.5) * (double)in / (double)out - 0.5;
    else if (out > 1) at = (double)o * (double)(in - 1) / (double)(out - 1);
    if (at < 0) at = 0;
    gpu_tap p;
    p.i0 = (int64_t)at;
    if (p.i0 > in - 1) p.i0 = in - 1;
    p.t = at - (double)p.i0;
    p.i1 = p.t > 0 && p.i0 + 1 < in ? p.i0 + 1 : p.i0;      /* no pixel of weight 0 is read */
    return p;
}

/* An axis of n pixels at a place inside -1 .. n: clamped to the first and last pixel.
 * torchvision roi_align_common.h, pre_calc_for_bilinear_interpolate */
static __device__ __forceinline__ gpu_tap gpu_roi_tap(double at, int64_t n)
{
    gpu_tap p;
    p.i0 = at > 0 ? (int64_t)at : 0;
    p.t = at > 0 ? at - (double)p.i0 : 0;
    p.i1 = p.i0 + 1;
    if (p.i0 < n - 1) return p;
    p.i0 = p.i1 = n - 1;
    p.t = 0;
    return p;
}

/* The samples of a box along one axis: sample i of P S lies at start + place(i) step. */
struct gpu_roi_axis { double start, step; };

static __device__ __forceinline__ gpu_roi_axis gpu_roi_side(float low, float high, float scale,
                                                            int64_t P)
{
    gpu_roi_axis a;
    a.start = (double)low * scale - 0.5;
    a.step = ((double)high * scale - 0.5 - a.start) / (double)P;
    return a;
}

static __device__ __forceinline__ double gpu_roi_place(gpu_roi_axis a, int64_t bin, int64_t i,
                                                       int64_t S)
{
    return a.start + ((double)bin + ((double)i + 0.5) / (double)S) * a.step;
}

#endif
