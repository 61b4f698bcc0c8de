/* See constants.h. */
#include "constants.h"

#include <math.h>
#include <stdlib.h>

#include "kernels/typed.h"

#define ROPE_BASE 10000.0f

static gm_tensor upload(gm_ctx *c, float *host, int nd, const int64_t *dim)
{
    gm_tensor x = GM_NONE;
    if (host) x = gm_from(c, GM_F32, host, nd, dim);
    else gm_set_error(c, "out of memory for a small table");
    free(host);
    return x;
}

/* Up from the start in the first half, down from the end in the second (ATen RangeFactories
 * linspace). */
gm_tensor gm_linspace(gm_ctx *c, float lo, float hi, int64_t n)
{
    float *v = malloc((size_t)(n + 1) * sizeof *v);
    float step = n > 1 ? (hi - lo) / (float)(n - 1) : 0;
    for (int64_t i = 0; v && i < n; i++)
        v[i] = i < n / 2 ? lo + step * (float)i : hi - step * (float)(n - 1 - i);
    if (v && n == 1) v[0] = lo;
    return upload(c, v, 1, GM_DIMS(n));
}

gm_tensor gm_pixel_centres(gm_ctx *c, int64_t n, bool bf16)
{
    float *v = malloc((size_t)(n + 1) * sizeof *v);
    for (int64_t i = 0; v && i < n; i++) {
        float x = ((float)i + 0.5f) / (float)n;
        x = 2 * (bf16 ? gm_from_bf16(gm_to_bf16(x)) : x) - 1;
        v[i] = bf16 ? gm_from_bf16(gm_to_bf16(x)) : x;
    }
    return upload(c, v, 1, GM_DIMS(n));
}

float gm_rope_angle(int64_t position, int64_t i, int64_t HD)
{
    float power = powf(ROPE_BASE, (float)(2 * i) / (float)HD);
    return (float)position * (1.0f / power);
}

gm_tensor gm_rope_table(gm_ctx *c, int64_t at, int64_t T, int64_t HD)
{
    float *v = malloc((size_t)(T * HD / 2 + 1) * sizeof *v);
    for (int64_t t = 0; v && t < T; t++)
        for (int64_t i = 0; i < HD / 2; i++) v[t * (HD / 2) + i] = gm_rope_angle(at + t, i, HD);
    return upload(c, v, 2, GM_DIMS(T, HD / 2));
}
