/* Convolutions: patches laid out as a matrix, then a product.  See ref/kernels.h. */
#include "blas.h"

enum { THREADS = 256 };

/* ---- cross-correlation ---- */

/* Column p of col (CI KH KW, P) is the patch of output pixel first + p, 0 outside the map. */
template <class T, class I>
__global__ void k_patches(T *col, const float *x, gm_conv s, int64_t first, I P, I n)
{
    I KW = (I)s.KW, KH = (I)s.KH, WO = (I)s.WO;
    for (I e = gpu_first<I>(); e < n; e += gpu_step<I>()) {
        I k = e / P, at = (I)(first + e % P);
        int64_t row = (int64_t)(at / WO) * s.stride - s.pad + k / KW % KH;
        int64_t column = (int64_t)(at % WO) * s.stride - s.pad + k % KW, c = k / (KW * KH);
        bool inside = row >= 0 && row < s.H && column >= 0 && column < s.W;
        float v = inside ? x[(c * s.H + row) * s.W + column] : 0;
        col[e] = sizeof(T) == 2 ? (T)gpu_to_bf16(v) : (T)v;
    }
}

template <class T>
static int patches(T *col, const float *x, const gm_conv *s, int64_t first, int64_t P)
{
    int64_t n = s->CI * s->KH * s->KW * P;
    if (gpu_small(n + s->HO * s->WO))
        LAUNCH((k_patches<T, unsigned>), gpu_blocks(n, THREADS), THREADS, 0, gpu.stream, col, x, *s,
               first, (unsigned)P, (unsigned)n);
    else
        LAUNCH((k_patches<T, int64_t>), gpu_blocks(n, THREADS), THREADS, 0, gpu.stream, col, x, *s,
               first, P, n);
    return gpu_status();
}

int gpu_patches(float *col, const float *x, const gm_conv *s, int64_t first, int64_t P)
{
    return patches(col, x, s, first, P);
}

/* y (B, CO, HW) = b (CO) at every pixel. */
__global__ void k_bias(float *y, const float *b, int64_t n, int64_t CO, int64_t HW)
{
    for (int64_t i = gpu_first<int64_t>(); i < n; i += gpu_step<int64_t>()) y[i] = b[i / HW % CO];
}

/* Where things lie in scratch: the weight in the product's type, unless it has it, then patches. */
typedef struct {
    gm_dtype type;
    size_t element, weight;             /* bytes */
    int64_t K, pixels, panel;           /* panel 0: no patches are laid out */
} plan;

static plan plan_of(gm_dtype wt, const gm_conv *s)
{
    plan p;
    p.type = gpu.precision == GM_BF16 ? GM_BF16 : GM_F32;
    p.element = p.type == GM_BF16 ? 2 : 4;
    p.K = s->CI * s->KH * s->KW;
    p.pixels = s->HO * s->WO;
    p.weight = wt == p.type ? 0 : ((size_t)(s->CO * p.K) * p.element + 63) / 64 * 64;
    p.panel = gpu_panel(p.pixels, p.K);
    if (gpu_pointwise(s) && p.type == GM_F32) p.panel = 0;
    return p;
}

size_t cuda_conv2d_scratch(gm_dtype wt, const gm_conv *s)
{
    plan p = plan_of(wt, s);
    return p.weight + (size_t)(p.panel * p.K) * p.element;
}

/* One image, panel after panel. */
static int conv_image(float *y, const float *x, const void *w, const gm_conv *s, const plan *p,
                      bool onto, void *col)
{
    int bad = 0;
    for (int64_t at = 0; !bad && at < p->pixels; at += p->panel) {
        int64_t P = p->pixels - at < p->panel ? p->pixels - at : p->panel;
        bad = p->type == GM_BF16 ? patches(static_cast<uint16_t *>(col), x, s, at, P)
                                 : patches(static_cast<float *>(col), x, s, at, P);
        if (!bad)
            bad = gpu_product_nn(y + at, w, p->K, col, p->type, s->CO, P, p->K, p->pixels, onto, 1,
                                 0, 0);
    }
    return bad;
}

int cuda_conv2d(float *y, const float *x, const void *w, gm_dtype wt, const float *b,
                const gm_conv *s, void *scratch)
{
    plan p = plan_of(wt, s);
    int64_t n = s->B * s->CO * p.pixels;
    int bad = 0;
    if (wt != GM_F32 && wt != GM_BF16 && wt != GM_F16) return 1;
    if (n == 0) return 0;
    if (p.weight) {
        bad = gpu_convert(scratch, p.type, w, wt, s->CO * p.K);
        w = scratch;
    }
    if (!bad && b) {
        LAUNCH(k_bias, gpu_blocks(n, THREADS), THREADS, 0, gpu.stream, y, b, n, s->CO, p.pixels);
        bad = gpu_status();
    }
    if (!bad && !p.panel)
        return gpu_product_nn(y, w, p.K, x, GM_F32, s->CO, p.pixels, p.K, p.pixels, b != NULL,
                              s->B, p.K * p.pixels, s->CO * p.pixels);
    for (int64_t i = 0; !bad && i < s->B; i++)
        bad = conv_image(y + i * s->CO * p.pixels, x + i * s->CI * s->H * s->W, w, s, &p, b != NULL,
                         static_cast<char *>(scratch) + p.weight);
    return bad;
}

/* ---- stride 2, kernel 2 x 2: each output pixel has one input pixel ---- */

/* One thread: the four outputs of input pixel p, output channel o. */
template <int TYPE>
__global__ void k_conv_transpose(float *y, const float *x, const void *w, const float *b,
                                 int64_t n, int64_t CI, int64_t HW, int64_t W, int64_t CO)
{
    for (int64_t e = gpu_first<int64_t>(); e < n; e += gpu_step<int64_t>()) {
        int64_t p = e % HW, o = e / HW % CO, image = e / HW / CO;
        float sum[4] = { 0 };
        for (int64_t c = 0; c < CI; c++) {
            float v = x[(image * CI + c) * HW + p];
            for (int i = 0; i < 4; i++) sum[i] += v * gpu_weight<TYPE>(w, (c * CO + o) * 4 + i);
        }
        float *out = y + (image * CO + o) * 4 * HW + p / W * 4 * W + p % W * 2, bias = b ? b[o] : 0;
        out[0] = sum[0] + bias, out[1] = sum[1] + bias;
        out[2 * W] = sum[2] + bias, out[2 * W + 1] = sum[3] + bias;
    }
}

int cuda_conv_transpose2x2(float *y, const float *x, const void *w, gm_dtype wt, const float *b,
                           int64_t B, int64_t CI, int64_t H, int64_t W, int64_t CO)
{
    int64_t n = B * CO * H * W;
    unsigned blocks = gpu_blocks(n, THREADS);
    if (wt == GM_F32)
        LAUNCH((k_conv_transpose<GM_F32>), blocks, THREADS, 0, gpu.stream, y, x, w, b, n, CI, H * W,
               W, CO);
    else if (wt == GM_BF16)
        LAUNCH((k_conv_transpose<GM_BF16>), blocks, THREADS, 0, gpu.stream, y, x, w, b, n, CI,
               H * W, W, CO);
    else if (wt == GM_F16)
        LAUNCH((k_conv_transpose<GM_F16>), blocks, THREADS, 0, gpu.stream, y, x, w, b, n, CI, H * W,
               W, CO);
    else return 1;
    return gpu_status();
}
