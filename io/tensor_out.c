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

/* y = n floats as a type. */
static void narrow(void *y, const float *x, gm_dtype type, int64_t n)
{
    uint16_t (*round_to)(float) = type == GM_BF16 ? gm_to_bf16 : gm_to_f16;
    if (type == GM_F32) memcpy(y, x, (size_t)n * sizeof *x);
    else if (gm_block_bytes(type)) gm_quantise(y, type, x, n);
    else
        for (int64_t i = 0; i < n; i++) ((uint16_t *)y)[i] = round_to(x[i]);
}

/* The row of x that becomes row r. */
static int64_t source_row(const gm_out_tensor *t, int64_t r)
{
    int64_t wide = t->heads ? t->x.dim[0] / t->heads : 0;
    if (!wide) return r;
    return r / wide * wide + r % 2 * (wide / 2) + r % wide / 2;
}

/* Row r in float, then as t's type into y. */
static void make_row(void *y, float *row, const gm_out_tensor *t, int64_t r, int64_t in)
{
    int64_t from = source_row(t, r);
    if (t->make) t->make(t->user, row, from);
    else
        gm_to_float(row, (const char *)t->x.data + gm_type_bytes(t->x.type, from * in), t->x.type,
                    in);
    if (t->a) gm_lora_row(row, t->a, t->b, in, t->rank, t->scale, from);
    narrow(y, row, t->type, in);
}

int gm_out_write(FILE *f, const gm_out_tensor *t, uint32_t *crc)
{
    int64_t n = gm_numel(t->x), in = t->x.nd ? t->x.dim[t->x.nd - 1] : 1;
    if (crc) *crc = 0;
    if (t->type == t->x.type && !t->a && !t->heads && !t->make)
        return put(f, t->x.data, gm_out_bytes(t), crc);
    int64_t rows = in ? n / in : 0, step = in && in < CHUNK ? CHUNK / in : 1;
    float *block = malloc((size_t)(step * in + 1) * sizeof *block);
    char *out = malloc(gm_type_bytes(t->type, step * in) + 1);
    int bad = block && out ? 0 : -1;
    for (int64_t r = 0; !bad && r < rows; r += step) {
        int64_t k = rows - r < step ? rows - r : step;
        #pragma omp parallel for if (k * in > CHUNK / 16)
        for (int64_t i = 0; i < k; i++)
            make_row(out + gm_type_bytes(t->type, i * in), block + i * in, t, r + i, in);
        bad = put(f, out, gm_type_bytes(t->type, k * in), crc);
    }
    free(block);
    free(out);
    return bad;
}
