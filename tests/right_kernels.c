/* Right kernels, built differently from the oracle: float arithmetic, sums in lanes and blocks, an
 * online softmax, Welford's variance, a convolution as a matrix product on gathered columns;
 * gradients scattered to where they belong, not gathered by owner.
 * make verify must raise no alarm:
 *
 *     make verify KERNELS=tests/right_kernels.c */
#include <kernels.h>
#include <math.h>
#include <string.h>

enum { LANES = 16, KEYS = 8 };

static float widen(const void *w, gm_dtype type, int64_t i);

/* Element k of a block of 256: the value's bits, and the scale's, are gathered one after the other. */
static float widen_k(const uint8_t *block, gm_dtype type, int k)
{
    int part = k / 32, l = k % 32, value = 0, bits = type == GM_Q5_K ? 5 : 4;
    if (type == GM_Q6_K) {
        int at = k / 128 * 64 + k % 64, shift = k % 128 / 64 * 4, run = k % 128 / 32;
        for (int i = 0; i < 4; i++) value += (block[at] >> (shift + i) & 1) << i;
        for (int i = 0; i < 2; i++)
            value += (block[128 + k / 128 * 32 + l] >> (2 * run + i) & 1) << (4 + i);
        return widen(block + 208, GM_F16, 0) * (float)(int8_t)block[192 + k / 16] *
               (float)(value - 32);
    }
    const uint8_t *packed = block + 4, *low = block + (bits == 5 ? 48 : 16) + part / 2 * 32;
    for (int i = 0; i < 4; i++) value += (low[l] >> (part % 2 * 4 + i) & 1) << i;
    if (bits == 5) value += (block[16 + l] >> part & 1) << 4;
    int scale = packed[part % 4] % 64, least = packed[part % 4 + 4] % 64;
    if (part >= 4) {
        scale = packed[part + 4] % 16 + packed[part - 4] / 64 * 16;
        least = packed[part + 4] / 16 + packed[part] / 64 * 16;
    }
    return widen(block, GM_F16, 0) * (float)scale * (float)value -
           widen(block, GM_F16, 1) * (float)least;
}

/* Element i of a weight; quantised ones: their block's scale is an f16 of its own. */
static float widen(const void *w, gm_dtype type, int64_t i)
{
    if (type == GM_F32) return ((const float *)w)[i];
    if (type == GM_Q4_K || type == GM_Q5_K || type == GM_Q6_K) {
        int size = type == GM_Q4_K ? 144 : type == GM_Q5_K ? 176 : 210;
        return widen_k((const uint8_t *)w + i / 256 * size, type, (int)(i % 256));
    }
    if (type == GM_Q8_0 || type == GM_Q4_0 || type == GM_Q4_1) {
        int size = type == GM_Q8_0 ? 34 : type == GM_Q4_0 ? 18 : 20, k = (int)(i % 32);
        const uint8_t *block = (const uint8_t *)w + i / 32 * size, *q = block + size - 16;
        float d = widen(block, GM_F16, 0), m = type == GM_Q4_1 ? widen(block, GM_F16, 1) : 0;
        if (type == GM_Q8_0) return d * (float)(int8_t)block[2 + k];
        int nibble = (q[k % 16] >> k / 16 * 4 & 15) - (type == GM_Q4_0 ? 8 : 0);
        return d * (float)nibble + m;
    }
    uint16_t h = ((const uint16_t *)w)[i];
    if (type == GM_BF16) {
        uint32_t bits = (uint32_t)h << 16;
        float f;
        memcpy(&f, &bits, sizeof f);
        return f;
    }
    int exponent = h >> 10 & 31, fraction = h & 1023;
    float f = exponent == 31 ? (fraction ? NAN : INFINITY)
            : exponent ? ldexpf((float)(1024 + fraction), exponent - 25)
                       : ldexpf((float)fraction, -24);
    return h >> 15 ? -f : f;
}

/* Adds the upper half of the lanes to the lower one until one is left. */
static float fold(float *lane)
{
    for (int half = LANES / 2; half > 0; half /= 2)
        for (int l = 0; l < half; l++) lane[l] += lane[l + half];
    return lane[0];
}

static float dot(const float *x, const void *w, gm_dtype type, int64_t at, int64_t n)
{
    float lane[LANES] = { 0 };
    for (int64_t i = 0; i < n; i++) lane[i % LANES] += x[i] * widen(w, type, at + i);
    return fold(lane);
}

static int linear(float *y, const float *x, const void *w, gm_dtype wt, const float *b,
                  int64_t R, int64_t N, int64_t K, void *scratch)
{
    (void)scratch;
    if (wt == GM_I32 || wt == GM_I64 || wt == GM_U8) return 1;
    #pragma omp parallel for
    for (int64_t n = 0; n < N; n++)                     /* columns outside: weights are read once */
        for (int64_t r = 0; r < R; r++)
            y[r * N + n] = dot(x + r * K, w, wt, n * K, K) + (b ? b[n] : 0);
    return 0;
}

/* Sum of a[i step_a] b[i step_b], b of a type. */
static float strided_dot(const float *a, int64_t step_a, const void *b, gm_dtype type, int64_t at,
                         int64_t step_b, int64_t n)
{
    float lane[LANES] = { 0 };
    for (int64_t i = 0; i < n; i++)
        lane[i % LANES] += a[i * step_a] * widen(b, type, at + i * step_b);
    return fold(lane);
}

static int linear_backward(float *dx, float *dw, float *db, const float *dy, const float *x,
                           const void *w, gm_dtype wt, int64_t R, int64_t N, int64_t K,
                           void *scratch)
{
    const float one = 1;
    (void)scratch;
    if (wt == GM_I32 || wt == GM_I64 || wt == GM_U8) return 1;
    for (int64_t o = 0; dx && o < R * K; o++)
        dx[o] += strided_dot(dy + o / K * N, 1, w, wt, o % K, K, N);
    for (int64_t o = 0; dw && o < N * K; o++)
        dw[o] += strided_dot(dy + o / K, N, x, GM_F32, o % K, K, R);
    for (int64_t n = 0; db && n < N; n++) db[n] += strided_dot(dy + n, N, &one, GM_F32, 0, 0, R);
    return 0;
}

static size_t conv2d_scratch(gm_dtype wt, const gm_conv *s)
{
    (void)wt;
    return (size_t)(s->CI * s->KH * s->KW) * sizeof(float);
}

/* Where in x output pixel p (of all images) reads its value k of CI KH KW; -1 in the padding. */
static int64_t read_at(const gm_conv *s, int64_t p, int64_t k)
{
    int64_t HW = s->HO * s->WO, channel = p / HW * s->CI + k / (s->KH * s->KW);
    int64_t row = p % HW / s->WO * s->stride - s->pad + k / s->KW % s->KH;
    int64_t column = p % s->WO * s->stride - s->pad + k % s->KW;
    if (row < 0 || row >= s->H || column < 0 || column >= s->W) return -1;
    return (channel * s->H + row) * s->W + column;
}

/* One column of CI KH KW values at a time, then a dot product with every filter. */
static int conv2d(float *y, const float *x, const void *w, gm_dtype wt, const float *b,
                  const gm_conv *s, void *scratch)
{
    float *column = scratch;
    int64_t K = s->CI * s->KH * s->KW, HW = s->HO * s->WO;
    if (wt != GM_F32 && wt != GM_BF16 && wt != GM_F16) return 1;
    for (int64_t p = 0; p < s->B * HW; p++) {
        for (int64_t k = 0; k < K; k++)
            column[k] = read_at(s, p, k) >= 0 ? x[read_at(s, p, k)] : 0;
        for (int64_t o = 0; o < s->CO; o++)
            y[(p / HW * s->CO + o) * HW + p % HW] = dot(column, w, wt, o * K, K) + (b ? b[o] : 0);
    }
    return 0;
}

/* One output pixel and filter at a time: its tap values go to dw, its weights to dx. */
static int conv2d_backward(float *dx, float *dw, float *db, const float *dy, const float *x,
                           const void *w, gm_dtype wt, const gm_conv *s, void *scratch)
{
    int64_t K = s->CI * s->KH * s->KW, HW = s->HO * s->WO;
    (void)scratch;
    if (wt != GM_F32 && wt != GM_BF16 && wt != GM_F16) return 1;
    for (int64_t p = 0; p < s->B * HW; p++)
        for (int64_t o = 0; o < s->CO; o++) {
            float g = dy[(p / HW * s->CO + o) * HW + p % HW];
            if (db) db[o] += g;
            for (int64_t k = 0; k < K; k++) {
                int64_t at = read_at(s, p, k);
                if (dx && at >= 0) dx[at] += g * widen(w, wt, o * K + k);
                if (dw && at >= 0) dw[o * K + k] += g * x[at];
            }
        }
    return 0;
}

/* Welford: mean and sum of squares in one pass, without their cancellation. */
static int layernorm(float *y, const float *x, const float *w, const float *b, int64_t R,
                     int64_t C, float eps)
{
    for (int64_t r = 0; r < R; r++) {
        double mean = 0, square = 0;
        for (int64_t i = 0; i < C; i++) {
            double d = x[r * C + i] - mean;
            mean += d / (double)(i + 1);
            square += d * (x[r * C + i] - mean);
        }
        float scale = (float)(1 / sqrt(square / (double)C + eps));
        for (int64_t i = 0; i < C; i++)
            y[r * C + i] = (float)(x[r * C + i] - mean) * scale * w[i] + b[i];
    }
    return 0;
}

static int rmsnorm(float *y, const float *x, const float *w, int64_t R, int64_t C, float eps)
{
    for (int64_t r = 0; r < R; r++) {
        float scale = 1 / sqrtf(dot(x + r * C, x, GM_F32, r * C, C) / (float)C + eps);
        for (int64_t i = 0; i < C; i++) y[r * C + i] = x[r * C + i] * scale * w[i];
    }
    return 0;
}

static int rmsnorm_backward(float *dx, float *dw, const float *dy, const float *x, const float *w,
                            int64_t R, int64_t C, float eps)
{
    for (int64_t r = 0; r < R; r++) {
        const float *xr = x + r * C, *dyr = dy + r * C;
        float scale = 1 / sqrtf(dot(xr, xr, GM_F32, 0, C) / (float)C + eps), lane[LANES] = { 0 };
        for (int64_t i = 0; i < C; i++) lane[i % LANES] += w[i] * dyr[i] * (xr[i] * scale);
        float along = fold(lane) / (float)C;
        for (int64_t i = 0; dw && i < C; i++) dw[i] += dyr[i] * (xr[i] * scale);
        for (int64_t i = 0; dx && i < C; i++)
            dx[r * C + i] += (w[i] * dyr[i] - xr[i] * scale * along) * scale;
    }
    return 0;
}

/* Maximum and sum together: the sum is rescaled when a larger value comes. */
static int softmax(float *y, const float *x, int64_t R, int64_t C)
{
    for (int64_t r = 0; r < R; r++) {
        const float *xr = x + r * C;
        float max = -INFINITY, sum = 0;
        for (int64_t i = 0; i < C; i++) {
            if (xr[i] == -INFINITY) continue;
            float larger = xr[i] > max ? xr[i] : max;
            sum = sum * expf(max - larger) + expf(xr[i] - larger);
            max = larger;
        }
        for (int64_t i = 0; i < C; i++) y[r * C + i] = expf(xr[i] - max) / sum;
    }
    return 0;
}

static int softmax_backward(float *dx, const float *dy, const float *y, int64_t R, int64_t C)
{
    for (int64_t r = 0; dx && r < R; r++) {
        float sum = dot(dy + r * C, y, GM_F32, r * C, C);
        for (int64_t i = r * C; i < (r + 1) * C; i++) dx[i] += y[i] * dy[i] - y[i] * sum;
    }
    return 0;
}

static int cross_entropy_backward(float *dx, const float *dy, const float *x, const int32_t *label,
                                  int64_t R, int64_t C)
{
    float rows = 0;
    for (int64_t r = 0; r < R; r++) rows += label[r] >= 0;
    for (int64_t r = 0; dx && r < R; r++) {
        const float *xr = x + r * C;
        float max = xr[0], lane[LANES] = { 0 };
        if (label[r] < 0) continue;
        for (int64_t i = 1; i < C; i++)
            if (xr[i] > max) max = xr[i];
        for (int64_t i = 0; i < C; i++) lane[i % LANES] += expf(xr[i] - max);
        float sum = fold(lane);
        for (int64_t i = 0; i < C; i++)
            dx[r * C + i] += (expf(xr[i] - max) / sum - (i == label[r])) * (*dy / rows);
    }
    return 0;
}

static float score(const gm_attn *s, const float *q, const float *k, int64_t b, int64_t i,
                   int64_t j)
{
    if ((s->keep && !s->keep[b * s->TK + j]) || (s->causal && j > i + s->past)) return -INFINITY;
    float sum = s->scale * dot(q, k, GM_F32, 0, s->HD);
    if (!s->rel_h) return sum;
    int64_t down = i / s->GW - j / s->GW + s->GH - 1, right = i % s->GW - j % s->GW + s->GW - 1;
    return sum + dot(q, s->rel_h, GM_F32, down * s->HD, s->HD)
               + dot(q, s->rel_w, GM_F32, right * s->HD, s->HD);
}

/* One query: keys in blocks, no row of scores; what is summed so far is rescaled when a larger
 * score comes. */
static void attend(float *y, const float *q, const float *k, const float *v, const gm_attn *s,
                   int64_t b, int64_t i)
{
    int64_t apart = s->NKV * s->HD;
    float max = -INFINITY, total = 0, p[KEYS];
    for (int64_t d = 0; d < s->HD; d++) y[d] = 0;
    for (int64_t from = 0; from < s->TK; from += KEYS) {
        int64_t n = s->TK - from < KEYS ? s->TK - from : KEYS;
        float larger = max;
        for (int64_t j = 0; j < n; j++) {
            p[j] = score(s, q, k + (from + j) * apart, b, i, from + j);
            if (p[j] > larger || isnan(p[j])) larger = p[j];
        }
        if (larger == -INFINITY) continue;
        float shrink = expf(max - larger);
        total *= shrink;
        for (int64_t d = 0; d < s->HD; d++) y[d] *= shrink;
        for (int64_t j = 0; j < n; j++) {
            if (p[j] == -INFINITY) continue;            /* the value of a hidden key is not read */
            float weight = expf(p[j] - larger);
            total += weight;
            for (int64_t d = 0; d < s->HD; d++) y[d] += weight * v[(from + j) * apart + d];
        }
        max = larger;
    }
    for (int64_t d = 0; d < s->HD; d++) y[d] /= total;
}

static int attention(float *y, const float *q, const float *k, const float *v, const gm_attn *s,
                     void *scratch)
{
    (void)scratch;
    #pragma omp parallel for
    for (int64_t row = 0; row < s->B * s->TQ * s->NH; row++) {      /* batch, query, head */
        int64_t h = row % s->NH, i = row / s->NH % s->TQ, b = row / (s->NH * s->TQ);
        int64_t at = (b * s->KS * s->NKV + h / (s->NH / s->NKV)) * s->HD;
        attend(y + row * s->HD, q + row * s->HD, k + at, v + at, s, b, i);
    }
    return 0;
}

/* Maximum of a query's scores, and sum of exp(score - maximum), in one pass. */
static void soften(float *max, float *total, const float *q, const float *k, const gm_attn *s,
                   int64_t b, int64_t i)
{
    *max = -INFINITY;
    *total = 0;
    for (int64_t j = 0; j < s->TK; j++) {
        float p = score(s, q, k + j * s->NKV * s->HD, b, i, j);
        if (p == -INFINITY) continue;
        float larger = p > *max || isnan(p) ? p : *max;
        *total = *total * expf(*max - larger) + expf(p - larger);
        *max = larger;
    }
}

/* Every pair of a query and a key adds its share to whatever it reads. */
static int attention_backward(float *dq, float *dk, float *dv, float *drel_h, float *drel_w,
                              const float *dy, const float *q, const float *k, const float *v,
                              const float *y, const gm_attn *s, void *scratch)
{
    int64_t apart = s->NKV * s->HD;
    (void)scratch;
    for (int64_t row = 0; row < s->B * s->TQ * s->NH; row++) {      /* batch, query, head */
        int64_t h = row % s->NH, i = row / s->NH % s->TQ, b = row / (s->NH * s->TQ);
        int64_t from = (b * s->KS * s->NKV + h / (s->NH / s->NKV)) * s->HD, at = row * s->HD;
        float max, total, mean = dot(dy + at, y, GM_F32, at, s->HD);
        soften(&max, &total, q + at, k + from, s, b, i);
        for (int64_t j = 0; j < s->TK; j++) {
            int64_t key = from + j * apart;
            float p = score(s, q + at, k + key, b, i, j);
            if (p == -INFINITY) continue;
            p = expf(p - max) / total;
            float ds = p * (dot(dy + at, v, GM_F32, key, s->HD) - mean);
            int64_t down = s->rel_h ? (i / s->GW - j / s->GW + s->GH - 1) * s->HD : 0;
            int64_t right = s->rel_h ? (i % s->GW - j % s->GW + s->GW - 1) * s->HD : 0;
            for (int64_t d = 0; d < s->HD; d++) {
                if (dv) dv[key + d] += p * dy[at + d];
                if (dk) dk[key + d] += ds * s->scale * q[at + d];
                if (dq) dq[at + d] += ds * s->scale * k[key + d];
                if (dq && s->rel_h) dq[at + d] += ds * (s->rel_h[down + d] + s->rel_w[right + d]);
                if (drel_h) drel_h[down + d] += ds * q[at + d];
                if (drel_w) drel_w[right + d] += ds * q[at + d];
            }
        }
    }
    return 0;
}

static const gm_kernels table = {
    .name = "right, but different",
    .linear = linear,
    .conv2d = conv2d,
    .conv2d_scratch = conv2d_scratch,
    .layernorm = layernorm,
    .rmsnorm = rmsnorm,
    .softmax = softmax,
    .attention = attention,
    .linear_backward = linear_backward,
    .conv2d_backward = conv2d_backward,
    .rmsnorm_backward = rmsnorm_backward,
    .softmax_backward = softmax_backward,
    .attention_backward = attention_backward,
    .cross_entropy_backward = cross_entropy_backward,
};

const gm_plugin glamm_plugin = { .size = sizeof(gm_kernels), .kernels = &table };
