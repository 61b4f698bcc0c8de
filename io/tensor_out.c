/* See tensor_out.h. */
#include "tensor_out.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include "../ref/kernels/typed.h"
#include "file.h"
#include "quantise.h"
#include "weights.h"

enum { CHUNK = 1 << 20 };               /* values that are converted at once, where rows allow it */

size_t gm_out_bytes(const gm_out_tensor *t)
{
    return gm_type_bytes(t->type, gm_numel(t->x));
}

uint32_t gm_crc32(uint32_t crc, const void *bytes, size_t n)
{
    const size_t most = 1u << 30;       /* zlib counts in 32 bits */
    for (size_t at = 0; at < n; at += most) {
        size_t part = n - at < most ? n - at : most;
        crc = (uint32_t)crc32(crc, (const Bytef *)bytes + at, (uInt)part);
    }
    return crc;
}

static int put(FILE *f, const void *bytes, size_t n, uint32_t *crc)
{
    if (crc) *crc = gm_crc32(*crc, bytes, n);
    return n == 0 || fwrite(bytes, 1, n, f) == n ? 0 : -1;
}

/* n floats as t's type, in place. */
static void narrow(float *x, gm_dtype type, int64_t n)
{
    if (gm_block_bytes(type)) {
        gm_quantise(x, type, x, n);
        return;
    }
    uint16_t (*round_to)(float) = type == GM_BF16 ? gm_to_bf16 : gm_to_f16;
    uint16_t *y = (uint16_t *)x;
    if (type == GM_F32) return;
    for (int64_t i = 0; i < n; i++) y[i] = round_to(x[i]);
}

/* The row of x that becomes row r. */
static int64_t source_row(const gm_out_tensor *t, int64_t r)
{
    int64_t wide = t->heads ? t->x.dim[0] / t->heads : 0;
    if (!wide) return r;
    return r / wide * wide + r % 2 * (wide / 2) + r % wide / 2;
}

int gm_out_write(FILE *f, const gm_out_tensor *t, uint32_t *crc)
{
    int64_t n = gm_numel(t->x), in = t->x.nd ? t->x.dim[t->x.nd - 1] : 1;
    if (crc) *crc = 0;
    if (t->type == t->x.type && !t->a && !t->heads && !t->make)
        return put(f, t->x.data, gm_out_bytes(t), crc);
    int64_t rows = in ? n / in : 0, step = in && in < CHUNK ? CHUNK / in : 1;
    float *block = malloc((size_t)(step * in + 1) * sizeof *block);
    int bad = block ? 0 : -1;
    for (int64_t r = 0; !bad && r < rows; r += step) {
        int64_t k = rows - r < step ? rows - r : step;
        for (int64_t i = 0; i < k; i++) {
            int64_t from = source_row(t, r + i);
            if (t->make) t->make(t->user, block + i * in, from);
            else
                gm_to_float(block + i * in,
                            (const char *)t->x.data + gm_type_bytes(t->x.type, from * in),
                            t->x.type, in);
            if (t->a) gm_lora_row(block + i * in, t->a, t->b, in, t->rank, t->scale, from);
        }
        narrow(block, t->type, k * in);
        bad = put(f, block, gm_type_bytes(t->type, k * in), crc);
    }
    free(block);
    return bad;
}
