/* Oracle: a KV cache of 16 bits. */
#include "ref_table.h"
#include "typed.h"

int ref_place16(void *y, gm_dtype yt, const float *x, int64_t B, int64_t N, int64_t at, int64_t M)
{
    uint16_t *to = y;
    for (int64_t r = 0; r < B; r++)
        for (int64_t i = 0; i < M; i++)
            to[r * N + at + i] = yt == GM_BF16 ? gm_to_bf16(x[r * M + i]) : gm_to_f16(x[r * M + i]);
    return 0;
}

static int64_t elements(const gm_attn *s) { return s->B * s->KS * s->NKV * s->HD; }

/* Doubles first, which ref_attention asks for; then keys and values as float. */
size_t ref_attention16_scratch(gm_dtype kt, const gm_attn *s)
{
    (void)kt;
    return ref_attention_scratch(s) + (size_t)(2 * elements(s)) * sizeof(float);
}

int ref_attention16(float *y, const float *q, const void *k, const void *v, gm_dtype kt,
                    const gm_attn *s, void *scratch)
{
    int64_t n = elements(s);
    float *keys = (float *)((char *)scratch + ref_attention_scratch(s)), *values = keys + n;
    for (int64_t i = 0; i < n; i++) {
        keys[i] = gm_typed(k, kt, i);
        values[i] = gm_typed(v, kt, i);
    }
    return ref_attention(y, q, keys, values, s, scratch);
}
