/* Bilinear reading of maps.  Positions are double, as in the oracle: in float they move by eps
 * times the side of the map.  See ref/kernels.h. */
#include "cuda.h"

enum { THREADS = 256 };

/* An axis is read at (1 - t) x[i0] + t x[i1]. */
struct tap { int64_t i0, i1; float t; };

/* PyTorch UpSample.h, area_pixel_compute_source_index. */
static __device__ tap resize_tap(int64_t o, int64_t in, int64_t out, int align)
{
    double at = 0;
    if (!align) at = ((double)o + 0.5) * (double)in / (double)out - 0.5;
    else if (out > 1) at = (double)o * (double)(in - 1) / (double)(out - 1);
    if (at < 0) at = 0;
    tap p;
    p.i0 = (int64_t)at;
    if (p.i0 > in - 1) p.i0 = in - 1;
    p.t = (float)(at - (double)p.i0);
    p.i1 = p.t > 0 && p.i0 + 1 < in ? p.i0 + 1 : p.i0;      /* no pixel of weight 0 is read */
    return p;
}

static __device__ float blend(const float *x, int64_t W, tap v, tap h)
{
    float upper = (1 - h.t) * x[v.i0 * W + h.i0] + h.t * x[v.i0 * W + h.i1];
    float lower = (1 - h.t) * x[v.i1 * W + h.i0] + h.t * x[v.i1 * W + h.i1];
    return (1 - v.t) * upper + v.t * lower;
}

template <class I>
__global__ void k_resize(float *y, const float *x, I n, int64_t H, int64_t W, I HO, I WO, int align)
{
    for (I o = gpu_first<I>(); o < n; o += gpu_step<I>()) {
        I column = o % WO, row = o / WO % HO, map = o / WO / HO;
        y[o] = blend(x + (int64_t)map * H * W, W, resize_tap(row, H, HO, align),
                     resize_tap(column, W, WO, align));
    }
}

int cuda_resize(float *y, const float *x, int64_t R, int64_t H, int64_t W, int64_t HO, int64_t WO,
                int align)
{
    int64_t n = R * HO * WO;
    if (gpu_small(n))
        LAUNCH((k_resize<unsigned>), gpu_blocks(n, THREADS), THREADS, 0, gpu.stream, y, x,
               (unsigned)n, H, W, (unsigned)HO, (unsigned)WO, align);
    else
        LAUNCH((k_resize<int64_t>), gpu_blocks(n, THREADS), THREADS, 0, gpu.stream, y, x, n, H, W,
               HO, WO, align);
    return gpu_status();
}

/* ---- RoIAlign: torchvision roi_align_common.h, pre_calc_for_bilinear_interpolate ---- */

/* An axis of n pixels at a place inside -1 .. n: clamped to the first and last pixel. */
static __device__ tap roi_tap(double at, int64_t n)
{
    tap p;
    p.i0 = at > 0 ? (int64_t)at : 0;
    p.t = at > 0 ? (float)(at - (double)p.i0) : 0;
    p.i1 = p.i0 + 1;
    if (p.i0 < n - 1) return p;
    p.i0 = p.i1 = n - 1;
    p.t = 0;
    return p;
}

static __device__ float roi_sample(const float *x, int64_t H, int64_t W, double v, double h)
{
    if (v != v || h != h) return NAN;
    if (v < -1 || v > (double)H || h < -1 || h > (double)W) return 0;
    return blend(x, W, roi_tap(v, H), roi_tap(h, W));
}

__global__ void k_roi_align(float *y, const float *x, const float *box, const int32_t *image,
                            int64_t n, int64_t C, int64_t H, int64_t W, int64_t P, int64_t S,
                            float scale)
{
    for (int64_t o = gpu_first<int64_t>(); o < n; o += gpu_step<int64_t>()) {
        int64_t bx = o % P, by = o / P % P, c = o / (P * P) % C, k = o / (P * P * C);
        const float *corner = box + 4 * k, *map = x + (image[k] * C + c) * H * W;
        double left = (double)corner[0] * scale - 0.5, top = (double)corner[1] * scale - 0.5;
        double width = ((double)corner[2] * scale - 0.5 - left) / (double)P;
        double height = ((double)corner[3] * scale - 0.5 - top) / (double)P;
        float sum = 0;
        for (int64_t i = 0; i < S; i++)
            for (int64_t j = 0; j < S; j++)
                sum += roi_sample(map, H, W,
                                  top + ((double)by + ((double)i + 0.5) / (double)S) * height,
                                  left + ((double)bx + ((double)j + 0.5) / (double)S) * width);
        y[o] = sum / (float)(S * S);
    }
}

int cuda_roi_align(float *y, const float *x, const float *box, const int32_t *image, int64_t N,
                   int64_t B, int64_t C, int64_t H, int64_t W, int64_t P, int64_t S, float scale)
{
    (void)B;
    int64_t n = N * C * P * P;
    LAUNCH(k_roi_align, gpu_blocks(n, THREADS), THREADS, 0, gpu.stream, y, x, box, image, n, C, H,
           W, P, S, scale);
    return gpu_status();
}
