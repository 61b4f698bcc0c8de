#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "../ref/kernels/typed.h"
#include "compare.h"
#include "numbers.h"

const gm_dtype TYPES[3] = { GM_F32, GM_BF16, GM_F16 };

float *numbers(int64_t n, uint32_t seed)
{
    float *x = aligned_alloc(64, ((size_t)n * sizeof *x + 127) / 64 * 64);
    ck_assert(x != NULL);
    for (int64_t i = 0; i < n; i++) {
        seed = seed * 1664525u + 1013904223u;
        x[i] = (float)(seed >> 8) * 0x1p-23f - 1.0f;
    }
    return x;
}

float *unset(int64_t n)
{
    float *y = numbers(n, 0);
    for (int64_t i = 0; i < n; i++) y[i] = NAN;
    return y;
}

void *narrow(const float *x, gm_dtype type, int64_t n)
{
    float *room = numbers(n, 0);
    if (type == GM_F32) memcpy(room, x, (size_t)n * sizeof *x);
    else for (int64_t i = 0; i < n; i++)
        ((uint16_t *)(void *)room)[i] = type == GM_BF16 ? gm_to_bf16(x[i]) : gm_to_f16(x[i]);
    return room;
}

void *scratch_of(size_t bytes) { return numbers((int64_t)(bytes / sizeof(float)) + 1, 0); }

uint8_t *some_keys(const gm_attn *s)
{
    uint8_t *keep = malloc((size_t)(s->B * s->TK));
    ck_assert(keep != NULL);
    for (int64_t i = 0; i < s->B * s->TK; i++) keep[i] = i % s->TK == 0 || i % 3 > 0;
    return keep;
}

void hide_keys(float *k, float *v, const gm_attn *s)
{
    int64_t row = s->NKV * s->HD;
    for (int64_t i = 0; i < s->B * s->KS; i++) {
        int64_t j = i % s->KS;
        int out = j >= s->TK || (s->keep && !s->keep[i / s->KS * s->TK + j]) ||
                  (s->causal && s->TQ > 1 && j >= s->TQ + s->past - 1);
        for (int64_t d = 0; out && d < row; d++) k[i * row + d] = v[i * row + d] = NAN;
    }
}

void equal(float *got, float *want, int64_t n, double terms)
{
    char line[400];
    gm_comparison c = gm_compare(got, want, n, 4 * GM_EPS * terms, 4 * GM_EPS);
    ck_assert_msg(c.verdict == GM_PASS, "%s", gm_comparison_text(line, sizeof line, &c));
    free(got);
    free(want);
}
