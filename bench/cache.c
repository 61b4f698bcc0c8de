/* Decoding's other reader of memory: one query of LLaMA-7B's heads against the keys and values kept
 * so far, several layers one after the other. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "bench.h"
#include "../io/os.h"
#include "../ref/backend.h"

enum { KEYS = 2048, HEADS = 32, WIDTH = 128, LAYERS = 6, ROUNDS = 9 };  /* 200 MB in 16 bits */

int bench_cache(bench_result *r, bool quick)
{
    const gm_dtype type = (gm_dtype)r->which;
    gm_kernels k;
    gm_error e = { "" };
    double seconds[ROUNDS], ratio[ROUNDS], rate[ROUNDS];
    const int64_t C = HEADS * WIDTH;
    const size_t bytes = gm_type_bytes(type, KEYS * C);
    gm_attn s = { .B = 1, .TQ = 1, .TK = KEYS, .KS = KEYS, .NH = HEADS, .NKV = HEADS, .HD = WIDTH,
                  .scale = 0.088f, .causal = 1, .past = KEYS - 1 };
    (void)quick;
    if (gm_backend(&k, "cpu", &e)) return -1;
    char *kept = bench_random(type, 3, GM_DIMS(2 * LAYERS, KEYS, C), 1).data;
    gm_tensor q = bench_random(GM_F32, 1, &C, 1), y = bench_random(GM_F32, 1, &C, 1);
    void *scratch = gm_aligned_alloc(type == GM_F32 ? k.attention_scratch(&s)
                                                    : k.attention16_scratch(type, &s));
    double before = bench_read_seconds(kept, 2 * LAYERS * bytes);
    for (int i = 0; i < ROUNDS; i++) {
        double start = bench_now();
        for (int l = 0; l < LAYERS; l++) {
            void *keys = kept + (size_t)(2 * l) * bytes, *values = (char *)keys + bytes;
            if (type == GM_F32) k.attention(y.data, q.data, keys, values, &s, scratch);
            else k.attention16(y.data, q.data, keys, values, type, &s, scratch);
        }
        seconds[i] = bench_now() - start;
        double after = bench_read_seconds(kept, 2 * LAYERS * bytes);
        rate[i] = 2e-9 * (double)(2 * LAYERS * bytes) / (before + after);
        ratio[i] = 1e-9 * (double)(2 * LAYERS * bytes) / seconds[i] / rate[i];
        before = after;
    }
    r->seconds = bench_median(seconds, ROUNDS) / LAYERS;
    r->gb = 2e-9 * (double)bytes;
    strcpy(r->limit, "reading");
    r->ratio = bench_median(ratio, ROUNDS);
    snprintf(r->note, sizeof r->note, "reading alone %.1f GB/s", bench_median(rate, ROUNDS));
    free(kept), free(q.data), free(y.data), free(scratch);
    return 0;
}
