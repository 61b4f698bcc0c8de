/* Convolutions as matrix products.  Patches are laid out as columns for a tile of output rows and a
 * block of input channels at a time, never for a whole map. */
#include <cblas.h>
#include "cpu_table.h"
#include "cpu_vec.h"

/* Output pixels of a tile (whole rows, at least one), and bytes of its columns and of expanded
 * weights. */
enum { TILE_PIXELS = 2048, COLUMN_BYTES = 16 << 20 };

/* 1x1 with stride 1 and no padding: the map itself is the matrix of columns. */
static int is_pointwise(const gm_conv *s)
{
    return s->KH == 1 && s->KW == 1 && s->stride == 1 && s->pad == 0;
}

static int64_t tile_rows(const gm_conv *s)
{
    if (is_pointwise(s)) return s->HO;
    int64_t rows = TILE_PIXELS / s->WO;
    return cpu_min(s->HO, rows > 0 ? rows : 1);
}

/* Input channels of a block. */
static int64_t block_channels(gm_dtype wt, const gm_conv *s)
{
    int64_t pixels = is_pointwise(s) ? 1 : tile_rows(s) * s->WO;
    int64_t widest = wt != GM_F32 && s->CO > pixels ? s->CO : pixels;
    int64_t fit = COLUMN_BYTES / ((int64_t)sizeof(float) * widest * s->KH * s->KW);
    return cpu_min(s->CI, fit > 0 ? fit : 1);
}

/* Floats of the columns, in whole cache lines; the expanded weights follow. */
static size_t column_floats(gm_dtype wt, const gm_conv *s)
{
    if (is_pointwise(s)) return 0;
    return ((size_t)(block_channels(wt, s) * s->KH * s->KW * tile_rows(s) * s->WO) + 15) &
           ~(size_t)15;
}

size_t cpu_conv2d_scratch(gm_dtype wt, const gm_conv *s)
{
    size_t weights = wt == GM_F32 ? 0 : (size_t)(s->CO * block_channels(wt, s) * s->KH * s->KW);
    return (column_floats(wt, s) + weights) * sizeof(float);
}

/* Outputs low .. high of a row read inside the map, at their place times stride plus shift. */
static void inside(int64_t *low, int64_t *high, const gm_conv *s, int64_t shift)
{
    *low = 0, *high = s->WO;
    while (*low < *high && *low * s->stride + shift < 0) ++*low;
    while (*high > *low && (*high - 1) * s->stride + shift >= s->W) --*high;
}

/* One row of columns: what tap (i, j) of channel x (H, W) reads for output rows top .. top +
 * rows. */
static void column(float *dst, const float *x, const gm_conv *s, int64_t i, int64_t j, int64_t top,
                   int64_t rows)
{
    int64_t shift = j - s->pad, low, high;
    inside(&low, &high, s, shift);
    for (int64_t r = 0; r < rows; r++, dst += s->WO) {
        int64_t from = (top + r) * s->stride - s->pad + i;
        if (from < 0 || from >= s->H || low == high) {
            memset(dst, 0, (size_t)s->WO * sizeof(float));
            continue;
        }
        const float *src = x + from * s->W + shift;
        memset(dst, 0, (size_t)low * sizeof(float));
        if (s->stride == 1) memcpy(dst + low, src + low, (size_t)(high - low) * sizeof(float));
        else for (int64_t o = low; o < high; o++) dst[o] = src[o * s->stride];
        memset(dst + high, 0, (size_t)(s->WO - high) * sizeof(float));
    }
}

/* col (n KH KW, rows WO) of channels first .. first + n of one image x. */
static void columns(float *col, const float *x, const gm_conv *s, int64_t first, int64_t n,
                    int64_t top, int64_t rows)
{
    int64_t taps = s->KH * s->KW, pixels = rows * s->WO;
    #pragma omp parallel for if (n * taps * pixels > CPU_GRAIN)
    for (int64_t k = 0; k < n * taps; k++)
        column(col + k * pixels, x + (first + k / taps) * s->H * s->W, s, k % taps / s->KW,
               k % s->KW, top, rows);
}

/* dst (CO, n KH KW) = channels first .. first + n of w, as float. */
static void expand(float *dst, const void *w, gm_dtype wt, const gm_conv *s, int64_t first,
                   int64_t n)
{
    int64_t taps = s->KH * s->KW;
    #pragma omp parallel for if (s->CO * n * taps > CPU_GRAIN)
    for (int64_t o = 0; o < s->CO; o++)
        cpu_widen(dst + o * n * taps, w, wt, (o * s->CI + first) * taps, n * taps);
}

/* Output rows top .. top + rows of one image: y (CO, HO, WO), x (CI, H, W); y starts as the
 * bias. */
static void tile(float *y, const float *x, const void *w, gm_dtype wt, const gm_conv *s,
                 int64_t top, int64_t rows, float beta, float *scratch)
{
    int64_t taps = s->KH * s->KW, pixels = rows * s->WO, block = block_channels(wt, s);
    float *wide = scratch + column_floats(wt, s);
    for (int64_t first = 0; first < s->CI; first += block, beta = 1.0f) {
        int64_t n = cpu_min(block, s->CI - first), ldw = wt == GM_F32 ? s->CI * taps : n * taps;
        const float *a = wide, *b = scratch;
        if (wt == GM_F32) a = (const float *)w + first * taps;
        else expand(wide, w, wt, s, first, n);
        if (is_pointwise(s)) b = x + first * s->H * s->W;
        else columns(scratch, x, s, first, n, top, rows);
        cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, (int)s->CO, (int)pixels,
                    (int)(n * taps), 1.0f, a, (int)ldw, b, (int)pixels, beta, y + top * s->WO,
                    (int)(s->HO * s->WO));
    }
}

/* y (B, CO, pixels) = the bias of each channel. */
static void start(float *y, const float *b, int64_t B, int64_t CO, int64_t pixels)
{
    if (!b) return;
    #pragma omp parallel for if (B * CO * pixels > CPU_GRAIN)
    for (int64_t o = 0; o < B * CO; o++)
        for (int64_t p = 0; p < pixels; p++) y[o * pixels + p] = b[o % CO];
}

int cpu_conv2d(float *y, const float *x, const void *w, gm_dtype wt, const float *b,
               const gm_conv *s, void *scratch)
{
    if (!gm_is_weight_type(wt) || s->HO * s->WO > INT32_MAX || s->CI * s->KH * s->KW > INT32_MAX)
        return 1;
    int64_t step = tile_rows(s);
    start(y, b, s->B, s->CO, s->HO * s->WO);
    for (int64_t image = 0; image < s->B; image++)
        for (int64_t top = 0; top < s->HO; top += step)
            tile(y + image * s->CO * s->HO * s->WO, x + image * s->CI * s->H * s->W, w, wt, s, top,
                 cpu_min(step, s->HO - top), b ? 1.0f : 0.0f, scratch);
    return 0;
}

/* ---- convolution, backward: columns and blocks as forward ---- */

size_t cpu_conv2d_backward_scratch(gm_dtype wt, const gm_conv *s)
{
    return cpu_conv2d_scratch(wt, s);
}

/* dx (H, W) of one channel += the row of columns that tap (i, j) read. */
static void column_backward(float *dx, const float *col, const gm_conv *s, int64_t i, int64_t j,
                            int64_t top, int64_t rows)
{
    int64_t shift = j - s->pad, low, high;
    inside(&low, &high, s, shift);
    for (int64_t r = 0; r < rows; r++, col += s->WO) {
        int64_t from = (top + r) * s->stride - s->pad + i;
        if (from < 0 || from >= s->H || low == high) continue;
        float *dst = dx + from * s->W + shift;
        if (s->stride == 1) cpu_accumulate(dst + low, col + low, high - low);
        else for (int64_t o = low; o < high; o++) dst[o * s->stride] += col[o];
    }
}

/* A task is a channel with all its taps: they overlap. */
static void columns_backward(float *dx, const float *col, const gm_conv *s, int64_t first,
                             int64_t n, int64_t top, int64_t rows)
{
    int64_t taps = s->KH * s->KW, pixels = rows * s->WO;
    #pragma omp parallel for if (n * taps * pixels > CPU_GRAIN)
    for (int64_t c = 0; c < n; c++)
        for (int64_t k = 0; k < taps; k++)
            column_backward(dx + (first + c) * s->H * s->W, col + (c * taps + k) * pixels, s,
                            k / s->KW, k % s->KW, top, rows);
}

/* What output rows top .. top + rows of one image say of channels first .. first + n of dx
 * (CI, H, W): columns w^T dy, added where they were read. */
static void input_gradient(float *dx, const float *dy, const void *w, gm_dtype wt, const gm_conv *s,
                           int64_t first, int64_t n, int64_t top, int64_t rows, float *scratch)
{
    int64_t taps = s->KH * s->KW, pixels = rows * s->WO;
    int64_t ldw = wt == GM_F32 ? s->CI * taps : n * taps;
    float *wide = scratch + column_floats(wt, s), *col = scratch, beta = 0;
    const float *a = (const float *)w + first * taps;
    if (wt != GM_F32) expand(wide, w, wt, s, first, n), a = wide;
    if (is_pointwise(s)) col = dx + first * s->H * s->W, beta = 1;
    cblas_sgemm(CblasRowMajor, CblasTrans, CblasNoTrans, (int)(n * taps), (int)pixels, (int)s->CO,
                1.0f, a, (int)ldw, dy + top * s->WO, (int)(s->HO * s->WO), beta, col, (int)pixels);
    if (!is_pointwise(s)) columns_backward(dx, col, s, first, n, top, rows);
}

/* The same of dw (CO, CI KH KW): dy columns^T. */
static void weight_gradient(float *dw, const float *dy, const float *x, const gm_conv *s,
                            int64_t first, int64_t n, int64_t top, int64_t rows, float *scratch)
{
    int64_t taps = s->KH * s->KW, pixels = rows * s->WO;
    const float *col = scratch;
    if (is_pointwise(s)) col = x + first * s->H * s->W;
    else columns(scratch, x, s, first, n, top, rows);
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (int)s->CO, (int)(n * taps), (int)pixels,
                1.0f, dy + top * s->WO, (int)(s->HO * s->WO), col, (int)pixels, 1.0f,
                dw + first * taps, (int)(s->CI * taps));
}

/* db (CO) += sums of dy (B, CO, pixels). */
static void bias_gradient(float *db, const float *dy, int64_t B, int64_t CO, int64_t pixels)
{
    #pragma omp parallel for if (B * CO * pixels > CPU_GRAIN)
    for (int64_t o = 0; o < (db ? CO : 0); o++) {
        double sum = db[o];
        for (int64_t image = 0; image < B; image++)
            sum += cpu_sum(dy + (image * CO + o) * pixels, pixels);
        db[o] = (float)sum;
    }
}

int cpu_conv2d_backward(float *dx, float *dw, float *db, const float *dy, const float *x,
                        const void *w, gm_dtype wt, const gm_conv *s, void *scratch)
{
    if (!gm_is_weight_type(wt) || s->HO * s->WO > INT32_MAX || s->CI * s->KH * s->KW > INT32_MAX)
        return 1;
    int64_t step = tile_rows(s), block = block_channels(wt, s);
    for (int64_t image = 0; image < s->B; image++) {
        const float *dyi = dy + image * s->CO * s->HO * s->WO;
        const float *xi = x + image * s->CI * s->H * s->W;
        for (int64_t top = 0; top < s->HO; top += step)
            for (int64_t first = 0; first < s->CI; first += block) {
                int64_t rows = cpu_min(step, s->HO - top), n = cpu_min(block, s->CI - first);
                if (dx)
                    input_gradient(dx + image * s->CI * s->H * s->W, dyi, w, wt, s, first, n, top,
                                   rows, scratch);
                if (dw) weight_gradient(dw, dyi, xi, s, first, n, top, rows, scratch);
            }
    }
    bias_gradient(db, dy, s->B, s->CO, s->HO * s->WO);
    return 0;
}

/* A task of the transposed convolution: 16 output channels (64 rows of the product) by 128 pixels;
 * weights of 16 bits are expanded 64 input channels at a time. */
enum { UP_CHANNELS = 16, UP_ROWS = 4 * UP_CHANNELS, UP_PIXELS = 128, UP_BLOCK = 64 };

/* t (4 channels, UP_PIXELS) = w[:, channels]^T x[:, pixels]; w (CI, 4 CO) from column `at`. */
static void up_product(float *t, const float *x, const void *w, gm_dtype wt, int64_t CI, int64_t HW,
                       int64_t CO, int64_t at, int64_t rows, int64_t pixels)
{
    float wide[UP_BLOCK * UP_ROWS];
    int64_t block = wt == GM_F32 ? CI : UP_BLOCK;
    for (int64_t c = 0; c < CI; c += block) {
        int64_t n = cpu_min(block, CI - c);
        for (int64_t i = 0; wt != GM_F32 && i < n; i++)
            cpu_widen(wide + i * rows, w, wt, (c + i) * 4 * CO + at, rows);
        const float *a = wt == GM_F32 ? (const float *)w + at : wide;
        cblas_sgemm(CblasRowMajor, CblasTrans, CblasNoTrans, (int)rows, (int)pixels, (int)n, 1.0f,
                    a, (int)(wt == GM_F32 ? 4 * CO : rows), x + c * HW, (int)HW, c ? 1.0f : 0.0f, t,
                    UP_PIXELS);
    }
}

/* One channel of the product, rows (i, j), to its places in y (2H, 2W). */
static void up_scatter(float *y, const float *t, float bias, int64_t W, int64_t first,
                       int64_t pixels)
{
    for (int64_t p = 0, n; p < pixels; p += n) {                /* a run within one input row */
        int64_t row = (first + p) / W, column0 = (first + p) % W;
        n = cpu_min(W - column0, pixels - p);
        for (int64_t i = 0; i < 2; i++) {
            float *dst = y + (2 * row + i) * 2 * W + 2 * column0;
            const float *left = t + 2 * i * UP_PIXELS + p, *right = left + UP_PIXELS;
            for (int64_t k = 0; k < n; k++) {
                dst[2 * k] = left[k] + bias;
                dst[2 * k + 1] = right[k] + bias;
            }
        }
    }
}

int cpu_conv_transpose2x2(float *y, const float *x, const void *w, gm_dtype wt, const float *b,
                          int64_t B, int64_t CI, int64_t H, int64_t W, int64_t CO)
{
    int64_t HW = H * W, tiles = (HW + UP_PIXELS - 1) / UP_PIXELS,
            groups = (CO + UP_CHANNELS - 1) / UP_CHANNELS;
    if (!gm_is_weight_type(wt) || HW > INT32_MAX || 4 * CO > INT32_MAX) return 1;
    #pragma omp parallel for if (B * CI * HW * CO > CPU_GRAIN)
    for (int64_t task = 0; task < B * groups * tiles; task++) { /* task: image, channels, pixels */
        float t[UP_ROWS * UP_PIXELS];
        int64_t first = task % tiles * UP_PIXELS, o = task / tiles % groups * UP_CHANNELS;
        int64_t image = task / (tiles * groups);
        int64_t pixels = cpu_min(UP_PIXELS, HW - first), n = cpu_min(UP_CHANNELS, CO - o);
        up_product(t, x + image * CI * HW + first, w, wt, CI, HW, CO, 4 * o, 4 * n, pixels);
        for (int64_t i = 0; i < n; i++)
            up_scatter(y + (image * CO + o + i) * 4 * HW, t + 4 * i * UP_PIXELS, b ? b[o + i] : 0,
                       W, first, pixels);
    }
    return 0;
}

/* ---- transposed convolution, backward ----
 * With dy laid out as the product had it, t (4 channels, pixels): dx += w t and dw += x t^T. */

/* Tasks of dw: channels out, pixels at a time. */
enum { DOWN_CHANNELS = 8, DOWN_ROWS = 4 * DOWN_CHANNELS, DOWN_PIXELS = 1024 };

/* up_scatter back: t (4 rows, ld apart) of one channel, from its places in dy (2H, 2W). */
static void down_collect(float *t, int64_t ld, const float *dy, int64_t W, int64_t first,
                         int64_t pixels)
{
    for (int64_t p = 0, n; p < pixels; p += n) {                /* a run within one input row */
        int64_t row = (first + p) / W, column0 = (first + p) % W;
        n = cpu_min(W - column0, pixels - p);
        for (int64_t i = 0; i < 2; i++) {
            const float *src = dy + (2 * row + i) * 2 * W + 2 * column0;
            float *left = t + 2 * i * ld + p, *right = left + ld;
            for (int64_t k = 0; k < n; k++) {
                left[k] = src[2 * k];
                right[k] = src[2 * k + 1];
            }
        }
    }
}

/* dx[:, pixels] (CI, HW) += w[:, rows] t, t (rows, UP_PIXELS); w (CI, 4 CO) from column `at`. */
static void down_product(float *dx, const float *t, const void *w, gm_dtype wt, int64_t CI,
                         int64_t HW, int64_t CO, int64_t at, int64_t rows, int64_t pixels)
{
    float wide[UP_BLOCK * UP_ROWS];
    int64_t block = wt == GM_F32 ? CI : UP_BLOCK;
    for (int64_t c = 0; c < CI; c += block) {
        int64_t n = cpu_min(block, CI - c);
        for (int64_t i = 0; wt != GM_F32 && i < n; i++)
            cpu_widen(wide + i * rows, w, wt, (c + i) * 4 * CO + at, rows);
        const float *a = wt == GM_F32 ? (const float *)w + at : wide;
        cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, (int)n, (int)pixels, (int)rows, 1.0f,
                    a, (int)(wt == GM_F32 ? 4 * CO : rows), t, UP_PIXELS, 1.0f, dx + c * HW,
                    (int)HW);
    }
}

static void up_input_gradient(float *dx, const float *dy, const void *w, gm_dtype wt, int64_t B,
                              int64_t CI, int64_t H, int64_t W, int64_t CO)
{
    int64_t HW = H * W, tiles = (HW + UP_PIXELS - 1) / UP_PIXELS;
    #pragma omp parallel for if (B * CI * HW * CO > CPU_GRAIN)
    for (int64_t task = 0; task < B * tiles; task++)            /* task: image, pixels */
        for (int64_t o = 0; o < CO; o += UP_CHANNELS) {
            float t[UP_ROWS * UP_PIXELS];
            int64_t first = task % tiles * UP_PIXELS, image = task / tiles;
            int64_t pixels = cpu_min(UP_PIXELS, HW - first), n = cpu_min(UP_CHANNELS, CO - o);
            for (int64_t i = 0; i < n; i++)
                down_collect(t + 4 * i * UP_PIXELS, UP_PIXELS, dy + (image * CO + o + i) * 4 * HW,
                             W, first, pixels);
            down_product(dx + image * CI * HW + first, t, w, wt, CI, HW, CO, 4 * o, 4 * n, pixels);
        }
}

static void up_weight_gradient(float *dw, const float *dy, const float *x, int64_t B, int64_t CI,
                               int64_t H, int64_t W, int64_t CO)
{
    int64_t HW = H * W;
    #pragma omp parallel for if (B * CI * HW * CO > CPU_GRAIN)
    for (int64_t o = 0; o < CO; o += DOWN_CHANNELS)
        for (int64_t image = 0; image < B; image++)
            for (int64_t first = 0; first < HW; first += DOWN_PIXELS) {
                float t[DOWN_ROWS * DOWN_PIXELS];
                int64_t pixels = cpu_min(DOWN_PIXELS, HW - first);
                int64_t n = cpu_min(DOWN_CHANNELS, CO - o);
                for (int64_t i = 0; i < n; i++)
                    down_collect(t + 4 * i * DOWN_PIXELS, DOWN_PIXELS,
                                 dy + (image * CO + o + i) * 4 * HW, W, first, pixels);
                cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (int)CI, (int)(4 * n),
                            (int)pixels, 1.0f, x + image * CI * HW + first, (int)HW, t, DOWN_PIXELS,
                            1.0f, dw + 4 * o, (int)(4 * CO));
            }
}

int cpu_conv_transpose2x2_backward(float *dx, float *dw, float *db, const float *dy, const float *x,
                                   const void *w, gm_dtype wt, int64_t B, int64_t CI, int64_t H,
                                   int64_t W, int64_t CO)
{
    if (!gm_is_weight_type(wt) || H * W > INT32_MAX || 4 * CO > INT32_MAX) return 1;
    if (dx) up_input_gradient(dx, dy, w, wt, B, CI, H, W, CO);
    if (dw) up_weight_gradient(dw, dy, x, B, CI, H, W, CO);
    bias_gradient(db, dy, B, CO, 4 * H * W);
    return 0;
}
