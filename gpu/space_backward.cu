/* Gradients of bilinear readings.  Each pixel of dx sums over those that read it, in their order:
 * the same bits every time.  See ref/kernels.h. */
#include "taps.h"

enum { THREADS = 256 };

/* The share of pixel i in what is read at p. */
static __device__ __forceinline__ double share(gpu_tap p, int64_t i)
{
    return (p.i0 == i ? 1 - p.t : 0) + (p.i1 == i ? p.t : 0);
}

/* The outputs that read pixel i of an axis lie in first .. last; a few more may. */
struct readers { int64_t first, last; };

static __device__ readers resize_readers(int64_t i, int64_t in, int64_t out, int align)
{
    readers r = { 0, out - 1 };
    double shift = align ? 0 : 0.5;
    double pace = align ? (double)(out - 1) / (double)(in - 1) : (double)out / (double)in;
    if (i > 0) {                                            /* pixel 0 has all before it too */
        int64_t first = (int64_t)(((double)(i - 1) + shift) * pace - shift) - 1;
        if (first > 0) r.first = first;
    }
    if (i < in - 1) {
        int64_t last = (int64_t)(((double)(i + 1) + shift) * pace - shift) + 1;
        if (last < out - 1) r.last = last;
    }
    return r;
}

template <class I>
__global__ void k_resize_backward(float *dx, const float *dy, I n, I H, I W, int64_t HO, int64_t WO,
                                  int align)
{
    for (I e = gpu_first<I>(); e < n; e += gpu_step<I>()) {
        I column = e % W, row = e / W % H, map = e / W / H;
        readers down = resize_readers(row, H, HO, align);
        readers right = resize_readers(column, W, WO, align);
        float sum = 0;
        for (int64_t j = right.first; j <= right.last; j++) {
            double across = share(gpu_resize_tap(j, W, WO, align), column);
            if (across <= 0) continue;
            for (int64_t i = down.first; i <= down.last; i++) {
                double part = across * share(gpu_resize_tap(i, H, HO, align), row);
                if (part > 0) sum += (float)part * dy[((int64_t)map * HO + i) * WO + j];
            }
        }
        dx[e] += sum;
    }
}

int cuda_resize_backward(float *dx, const float *dy, int64_t R, int64_t H, int64_t W, int64_t HO,
                         int64_t WO, int align)
{
    int64_t n = R * H * W;
    if (!dx || n == 0) return 0;
    if (gpu_small(n))
        LAUNCH((k_resize_backward<unsigned>), gpu_blocks(n, THREADS), THREADS, 0, gpu.stream, dx,
               dy, (unsigned)n, (unsigned)H, (unsigned)W, HO, WO, align);
    else
        LAUNCH((k_resize_backward<int64_t>), gpu_blocks(n, THREADS), THREADS, 0, gpu.stream, dx, dy,
               n, H, W, HO, WO, align);
    return gpu_status();
}

/* ---- RoIAlign: torchvision roi_align_kernel.cpp, roi_align_backward_kernel_impl ---- */

/* The share of pixel i of n in a sample at `at`; of no pixel for one outside, or of a box with a
 * NaN. */
static __device__ __forceinline__ double roi_share(double at, int64_t n, int64_t i)
{
    return at >= -1 && at <= (double)n ? share(gpu_roi_tap(at, n), i) : 0;
}

/* Samples lie inside the box, and none reads further than a pixel. */
static __device__ __forceinline__ bool beyond(gpu_roi_axis a, int64_t P, int64_t i)
{
    double end = a.start + a.step * (double)P, at = (double)i;
    return (at + 2 < a.start && at + 2 < end) || (at - 2 > a.start && at - 2 > end);
}

/* What pixel (row, column) of a map gets from the P x P bins of one box. */
static __device__ float roi_part(const float *dy, gpu_roi_axis v, gpu_roi_axis h, int64_t row,
                                 int64_t column, int64_t H, int64_t W, int64_t P, int64_t S)
{
    float sum = 0;
    if (beyond(v, P, row) || beyond(h, P, column)) return 0;
    for (int64_t i = 0; i < P * S; i++) {                   /* rows and columns of samples */
        double down = roi_share(gpu_roi_place(v, i / S, i % S, S), H, row);
        for (int64_t j = 0; down > 0 && j < P * S; j++) {
            double part = down * roi_share(gpu_roi_place(h, j / S, j % S, S), W, column);
            if (part > 0) sum += (float)part * dy[i / S * P + j / S];
        }
    }
    return sum / (float)(S * S);
}

/* One thread: an element of dx (B, C, H, W), over all boxes of its image. */
__global__ void k_roi_align_backward(float *dx, const float *dy, const float *box,
                                     const int32_t *image, int64_t n, int64_t N, int64_t C,
                                     int64_t H, int64_t W, int64_t P, int64_t S, float scale)
{
    for (int64_t e = gpu_first<int64_t>(); e < n; e += gpu_step<int64_t>()) {
        int64_t column = e % W, row = e / W % H, c = e / (H * W) % C, b = e / (H * W * C);
        float sum = 0;
        for (int64_t k = 0; k < N; k++) {
            if (image[k] != b) continue;
            const float *corner = box + 4 * k;
            gpu_roi_axis h = gpu_roi_side(corner[0], corner[2], scale, P);
            gpu_roi_axis v = gpu_roi_side(corner[1], corner[3], scale, P);
            sum += roi_part(dy + (k * C + c) * P * P, v, h, row, column, H, W, P, S);
        }
        dx[e] += sum;
    }
}

int cuda_roi_align_backward(float *dx, const float *dy, const float *box, const int32_t *image,
                            int64_t N, int64_t B, int64_t C, int64_t H, int64_t W, int64_t P,
                            int64_t S, float scale)
{
    int64_t n = B * C * H * W;
    if (!dx || n == 0) return 0;
    LAUNCH(k_roi_align_backward, gpu_blocks(n, THREADS), THREADS, 0, gpu.stream, dx, dy, box, image,
           n, N, C, H, W, P, S, scale);
    return gpu_status();
}
