/* Bilinear reading of maps.  See ref/kernels.h. */
#include "taps.h"

enum { THREADS = 256 };

static __device__ float blend(const float *x, int64_t W, gpu_tap v, gpu_tap h)
{
    float vt = (float)v.t, ht = (float)h.t;
    float upper = (1 - ht) * x[v.i0 * W + h.i0] + ht * x[v.i0 * W + h.i1];
    float lower = (1 - ht) * x[v.i1 * W + h.i0] + ht * x[v.i1 * W + h.i1];
    return (1 - vt) * upper + vt * lower;
}

template <class I>
__global__ void k_resize(float *y, const float *x, I n, int64_t H, int64_t W, I HO, I WO, int align)
{
    for (I o = gpu_first<I>(); o < n; o += gpu_step<I>()) {
        I column = o % WO, row = o / WO % HO, map = o / WO / HO;
        y[o] = blend(x + (int64_t)map * H * W, W, gpu_resize_tap(row, H, HO, align),
                     gpu_resize_tap(column, W, WO, align));
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

/* ---- RoIAlign ---- */

static __device__ float roi_sample(const float *x, int64_t H, int64_t W, double v, double h)
{
    if (v != v || h != h) return NAN;
    if (v < -1 || v > (double)H || h < -1 || h > (double)W) return 0;
    return blend(x, W, gpu_roi_tap(v, H), gpu_roi_tap(h, W));
}

__global__ void k_roi_align(float *y, const float *x, const float *box, const int32_t *image,
                            int64_t n, int64_t C, int64_t H, int64_t W, int64_t P, int64_t S,
                            float scale)
{
    for (int64_t o = gpu_first<int64_t>(); o < n; o += gpu_step<int64_t>()) {
        int64_t bx = o % P, by = o / P % P, c = o / (P * P) % C, k = o / (P * P * C);
        const float *corner = box + 4 * k, *map = x + (image[k] * C + c) * H * W;
        gpu_roi_axis h = gpu_roi_side(corner[0], corner[2], scale, P);
        gpu_roi_axis v = gpu_roi_side(corner[1], corner[3], scale, P);
        float sum = 0;
        for (int64_t i = 0; i < S; i++)
            for (int64_t j = 0; j < S; j++)
                sum += roi_sample(map, H, W, gpu_roi_place(v, by, i, S),
                                  gpu_roi_place(h, bx, j, S));
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
