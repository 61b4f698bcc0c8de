/* See constants.h. */
#include "constants.h"

#include <math.h>
#include <stdlib.h>

#include "kernels/typed.h"

/* Up from the start in the first half, down from the end in the second (ATen RangeFactories
 * linspace). */
gm_tensor gm_linspace(gm_ctx *c, float lo, float hi, int64_t n)
{
    float *v = malloc((size_t)(n + 1) * sizeof *v);
    float step = n > 1 ? (hi - lo) / (float)(n - 1) : 0;
    for (int64_t i = 0; v && i < n; i++)
        v[i] = i < n / 2 ? lo + step * (float)i : hi - step * (float)(n - 1 - i);
    if (v && n == 1) v[0] = lo;
    return gm_from_owned(c, GM_F32, v, 1, GM_DIMS(n));
}

gm_tensor gm_pixel_centres(gm_ctx *c, int64_t n, bool bf16)
{
    float *v = malloc((size_t)(n + 1) * sizeof *v);
    for (int64_t i = 0; v && i < n; i++) {
        float x = ((float)i + 0.5f) / (float)n;
        x = 2 * (bf16 ? gm_from_bf16(gm_to_bf16(x)) : x) - 1;
        v[i] = bf16 ? gm_from_bf16(gm_to_bf16(x)) : x;
    }
    return gm_from_owned(c, GM_F32, v, 1, GM_DIMS(n));
}

float gm_rope_angle(int64_t position, int64_t i, int64_t HD, float base)
{
    float power = powf(base, (float)(2 * i) / (float)HD);
    return (float)position * (1.0f / power);
}

gm_tensor gm_rope_table(gm_ctx *c, int64_t at, int64_t T, int64_t HD, float base)
{
    float *v = malloc((size_t)(T * HD / 2 + 1) * sizeof *v);
    for (int64_t t = 0; v && t < T; t++)
        for (int64_t i = 0; i < HD / 2; i++)
            v[t * (HD / 2) + i] = gm_rope_angle(at + t, i, HD, base);
    return gm_from_owned(c, GM_F32, v, 2, GM_DIMS(T, HD / 2));
}
