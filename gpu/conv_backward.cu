/* Gradients of convolutions, in f32 whatever the forward pass computes in.  See ref/kernels.h. */
#include "blas.h"

enum { THREADS = 256, WARPS = THREADS / 32 };

/* db (CO) += sums of dy (B, CO, n); a block to a channel. */
__global__ void k_bias_gradient(float *db, const float *dy, int64_t B, int64_t CO, int64_t n)
{
    __shared__ float room[32];
    int64_t o = blockIdx.x;
    float part = 0;
    for (int64_t image = 0; image < B; image++)
        for (int64_t p = threadIdx.x; p < n; p += blockDim.x) part += dy[(image * CO + o) * n + p];
    part = gpu_block_sum(part, room);
    if (threadIdx.x == 0) db[o] += part;
}

static int bias_gradient(float *db, const float *dy, int64_t B, int64_t CO, int64_t n)
{
    if (!gpu_small(CO)) return 1;
    if (!db || B * CO * n == 0) return 0;
    LAUNCH(k_bias_gradient, dim3((unsigned)CO), dim3(gpu_row_threads(n)), 0, gpu.stream, db, dy, B,
           CO, n);
    return gpu_status();
}

/* ---- cross-correlation: with patches (K, P) as forward, dw += dy patches^T; w^T dy is laid out
 * like them, and each pixel of dx collects what is its own ---- */

/* dx (CI, H, W), input rows top .. top + rows, += the places of col (CI KH KW, P) that read it; its
 * column p belongs to output pixel first + p.  n = CI rows W. */
template <class I>
__global__ void k_collect(float *dx, const float *col, gm_conv s, I first, I P, I top, I rows, I n)
{
    I W = (I)s.W, WO = (I)s.WO, KH = (I)s.KH, KW = (I)s.KW, stride = (I)s.stride;
    for (I e = gpu_first<I>(); e < n; e += gpu_step<I>()) {
        I column = e % W, row = top + e / W % rows, c = e / W / rows;
        I v = row + (I)s.pad, h = column + (I)s.pad;
        float sum = 0;
        for (I i = v % stride; i < KH && i <= v; i += stride)
            for (I j = h % stride; j < KW && j <= h; j += stride) {
                I y = (v - i) / stride, x = (h - j) / stride, p = y * WO + x;
                if (y < (I)s.HO && x < WO && p >= first && p - first < P)
                    sum += col[((int64_t)(c * KH + i) * KW + j) * P + (p - first)];
            }
        dx[((int64_t)c * s.H + row) * W + column] += sum;
    }
}

static int collect(float *dx, const float *col, const gm_conv *s, int64_t first, int64_t P)
{
    int64_t top = first / s->WO * s->stride - s->pad;
    int64_t end = (first + P - 1) / s->WO * s->stride - s->pad + s->KH;
    if (top < 0) top = 0;
    if (end > s->H) end = s->H;
    if (end <= top || s->CI * s->W == 0) return 0;
    int64_t rows = end - top, n = s->CI * rows * s->W;
    unsigned blocks = gpu_blocks(n, THREADS);
    if (gpu_small(n + s->HO * s->WO + s->H + s->W + s->CI * s->KH * s->KW + 2 * s->pad))
        LAUNCH((k_collect<unsigned>), blocks, THREADS, 0, gpu.stream, dx, col, *s, (unsigned)first,
               (unsigned)P, (unsigned)top, (unsigned)rows, (unsigned)n);
    else
        LAUNCH((k_collect<int64_t>), blocks, THREADS, 0, gpu.stream, dx, col, *s, first, P, top,
               rows, n);
    return gpu_status();
}

/* Output pixels whose patches are laid out at once. */
static int64_t panel_pixels(const gm_conv *s)
{
    return gpu_panel(s->HO * s->WO, s->CI * s->KH * s->KW);
}

/* Bytes of the weight as f32, whole lines; patches follow. */
static size_t weight_bytes(gm_dtype wt, const gm_conv *s)
{
    size_t n = (size_t)(s->CO * s->CI * s->KH * s->KW);
    return wt == GM_F32 ? 0 : (n * sizeof(float) + 63) / 64 * 64;
}

size_t cuda_conv2d_backward_scratch(gm_dtype wt, const gm_conv *s)
{
    size_t panel = gpu_pointwise(s) ? 0 : (size_t)(panel_pixels(s) * s->CI * s->KH * s->KW);
    return weight_bytes(wt, s) + panel * sizeof(float);
}

/* dx (CI, H, W) and dw (CO, K) of one image: dy (CO, HO WO), x (CI, H, W), w (CO, K). */
static int image_gradients(float *dx, float *dw, const float *dy, const float *x, const float *w,
                           const gm_conv *s, float *col)
{
    int64_t K = s->CI * s->KH * s->KW, pixels = s->HO * s->WO, panel = panel_pixels(s);
    int bad = 0;
    if (gpu_pointwise(s)) {
        if (dx) bad = gpu_product_tn(dx, w, dy, pixels, K, pixels, s->CO, true);
        return bad || !dw ? bad : gpu_product_nt(dw, dy, pixels, x, GM_F32, s->CO, K, pixels, K,
                                                 true);
    }
    for (int64_t at = 0; !bad && at < pixels; at += panel) {
        int64_t P = pixels - at < panel ? pixels - at : panel;
        if (dw) bad = gpu_patches(col, x, s, at, P);
        if (!bad && dw)
            bad = gpu_product_nt(dw, dy + at, pixels, col, GM_F32, s->CO, K, P, K, true);
        if (!bad && dx) bad = gpu_product_tn(col, w, dy + at, pixels, K, P, s->CO, false);
        if (!bad && dx) bad = collect(dx, col, s, at, P);
    }
    return bad;
}

int cuda_conv2d_backward(float *dx, float *dw, float *db, const float *dy, const float *x,
                         const void *w, gm_dtype wt, const gm_conv *s, void *scratch)
{
    int64_t K = s->CI * s->KH * s->KW, pixels = s->HO * s->WO;
    size_t widened = weight_bytes(wt, s);
    float *col = reinterpret_cast<float *>(static_cast<char *>(scratch) + widened);
    int bad = 0;
    if (wt != GM_F32 && wt != GM_BF16 && wt != GM_F16) return 1;
    if (s->B * s->CO * pixels == 0) return 0;
    if (dx && widened) {
        bad = gpu_convert(scratch, GM_F32, w, wt, s->CO * K);
        w = scratch;
    }
    for (int64_t i = 0; !bad && (dx || dw) && i < s->B; i++)
        bad = image_gradients(dx ? dx + i * s->CI * s->H * s->W : NULL, dw, dy + i * s->CO * pixels,
                              x + i * s->CI * s->H * s->W, static_cast<const float *>(w), s, col);
    return bad ? bad : bias_gradient(db, dy, s->B, s->CO, pixels);
}

/* ---- stride 2, kernel 2 x 2 ---- */

/* One thread: dx of input pixel p, channel c, from its four outputs of each output channel. */
template <int TYPE>
__global__ void k_up_dx(float *dx, const float *dy, const void *w, int64_t n, int64_t CI,
                        int64_t HW, int64_t W, int64_t CO)
{
    for (int64_t e = gpu_first<int64_t>(); e < n; e += gpu_step<int64_t>()) {
        int64_t p = e % HW, c = e / HW % CI, image = e / HW / CI;
        const float *out = dy + image * CO * 4 * HW + p / W * 4 * W + p % W * 2;
        float sum = 0;
        for (int64_t o = 0; o < CO; o++, out += 4 * HW) {
            int64_t k = (c * CO + o) * 4;
            sum += out[0] * gpu_weight<TYPE>(w, k) + out[1] * gpu_weight<TYPE>(w, k + 1);
            sum += out[2 * W] * gpu_weight<TYPE>(w, k + 2) +
                   out[2 * W + 1] * gpu_weight<TYPE>(w, k + 3);
        }
        dx[e] += sum;
    }
}

/* One warp: the four weights of input channel c and output channel o, over all pixels. */
__global__ void k_up_dw(float *dw, const float *dy, const float *x, int64_t n, int64_t B,
                        int64_t CI, int64_t HW, int64_t W, int64_t CO)
{
    int lane = threadIdx.x & 31;
    for (int64_t e = gpu_first<int64_t>() / 32; e < n; e += gpu_step<int64_t>() / 32) {
        int64_t o = e % CO, c = e / CO;
        float sum[4] = { 0 };
        for (int64_t q = lane; q < B * HW; q += 32) {
            int64_t p = q % HW, image = q / HW;
            const float *out = dy + (image * CO + o) * 4 * HW + p / W * 4 * W + p % W * 2;
            float v = x[(image * CI + c) * HW + p];
            sum[0] += v * out[0], sum[1] += v * out[1];
            sum[2] += v * out[2 * W], sum[3] += v * out[2 * W + 1];
        }
        for (int i = 0; i < 4; i++) {
            float all = gpu_warp_sum(sum[i]);
            if (lane == i) dw[e * 4 + i] += all;
        }
    }
}

static int up_dx(float *dx, const float *dy, const void *w, gm_dtype wt, int64_t n, int64_t CI,
                 int64_t HW, int64_t W, int64_t CO)
{
    unsigned blocks = gpu_blocks(n, THREADS);
    if (n == 0) return 0;
    if (wt == GM_F32)
        LAUNCH((k_up_dx<GM_F32>), blocks, THREADS, 0, gpu.stream, dx, dy, w, n, CI, HW, W, CO);
    else if (wt == GM_BF16)
        LAUNCH((k_up_dx<GM_BF16>), blocks, THREADS, 0, gpu.stream, dx, dy, w, n, CI, HW, W, CO);
    else
        LAUNCH((k_up_dx<GM_F16>), blocks, THREADS, 0, gpu.stream, dx, dy, w, n, CI, HW, W, CO);
    return gpu_status();
}

int cuda_conv_transpose2x2_backward(float *dx, float *dw, float *db, const float *dy,
                                    const float *x, const void *w, gm_dtype wt, int64_t B,
                                    int64_t CI, int64_t H, int64_t W, int64_t CO)
{
    int64_t HW = H * W, n = CI * CO;
    int bad = 0;
    if (wt != GM_F32 && wt != GM_BF16 && wt != GM_F16) return 1;
    if (dx) bad = up_dx(dx, dy, w, wt, B * CI * HW, CI, HW, W, CO);
    if (!bad && dw && n) {
        LAUNCH(k_up_dw, gpu_blocks(n, WARPS), THREADS, 0, gpu.stream, dw, dy, x, n, B, CI, HW, W,
               CO);
        bad = gpu_status();
    }
    return bad ? bad : bias_gradient(db, dy, B, CO, 4 * HW);
}
