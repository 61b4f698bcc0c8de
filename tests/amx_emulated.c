/* The products for AMX on tiles in plain C: their source is what x86_amx.c compiles.  What faults
 * on a processor aborts here: sizes that do not fit, a tile that was not configured. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "amx_emulated.h"

enum { TILES = 8, SIDE = 16, WIDE = 64 };

typedef struct { int rows, bytes; uint8_t at[SIDE][WIDE]; } tile;
static tile tiles[TILES];

static void fault(const char *why)
{
    fprintf(stderr, "emulated AMX: %s\n", why);
    abort();
}

static tile *configured(int t)
{
    if (t < 0 || t >= TILES || !tiles[t].rows) fault("a tile that was not configured");
    return &tiles[t];
}

/* 64 bytes: the palette, 16 16-bit widths from byte 16, 16 numbers of rows from byte 48. */
static void _tile_loadconfig(const void *shape)
{
    const uint8_t *p = shape;
    memset(tiles, 0xff, sizeof tiles);                      /* what is not loaded is seen */
    if (p[0] != 1 || p[1] != 0) fault("palette");
    for (int t = 0; t < TILES; t++) {
        tiles[t].bytes = p[16 + 2 * t] | p[17 + 2 * t] << 8;
        tiles[t].rows = p[48 + t];
        if (tiles[t].bytes > WIDE || tiles[t].rows > SIDE) fault("a tile too large");
    }
}

static void _tile_release(void) { memset(tiles, 0, sizeof tiles); }

static void _tile_zero(int t) { memset(configured(t)->at, 0, sizeof tiles[t].at); }

static void _tile_loadd(int t, const void *from, int64_t stride)
{
    _tile_zero(t);
    for (int r = 0; r < tiles[t].rows; r++)
        memcpy(tiles[t].at[r], (const char *)from + r * stride, (size_t)tiles[t].bytes);
}

static void _tile_stored(int t, void *to, int64_t stride)
{
    for (int r = 0; r < configured(t)->rows; r++)
        memcpy((char *)to + r * stride, tiles[t].at[r], (size_t)tiles[t].bytes);
}

/* Sums c (M, N) of a (M, K words), b (K, N words). */
static void fit(const tile *c, const tile *a, const tile *b)
{
    if (c == a || c == b || a == b) fault("one tile twice");
    if (c->rows != a->rows || a->bytes / 4 != b->rows || c->bytes != b->bytes)
        fault("tiles that do not fit");
}

static uint16_t half_at(const tile *t, int r, int i)
{
    return (uint16_t)(t->at[r][2 * i] | t->at[r][2 * i + 1] << 8);
}

static void _tile_dpbf16ps(int to, int first, int second)
{
    tile *c = configured(to);
    const tile *a = configured(first), *b = configured(second);
    fit(c, a, b);
    for (int m = 0; m < c->rows; m++)
        for (int n = 0; n < c->bytes / 4; n++) {
            float sum;
            memcpy(&sum, c->at[m] + 4 * n, 4);
            for (int k = 0; k < b->rows; k++)
                for (int i = 0; i < 2; i++)
                    sum += gm_from_bf16(half_at(a, m, 2 * k + i)) *
                           gm_from_bf16(half_at(b, k, 2 * n + i));
            memcpy(c->at[m] + 4 * n, &sum, 4);
        }
}

/* Signed bytes. */
static void _tile_dpbssd(int to, int first, int second)
{
    tile *c = configured(to);
    const tile *a = configured(first), *b = configured(second);
    fit(c, a, b);
    for (int m = 0; m < c->rows; m++)
        for (int n = 0; n < c->bytes / 4; n++) {
            int32_t sum;
            memcpy(&sum, c->at[m] + 4 * n, 4);
            for (int k = 0; k < b->rows; k++)
                for (int i = 0; i < 4; i++)
                    sum += (int8_t)a->at[m][4 * k + i] * (int8_t)b->at[k][4 * n + i];
            memcpy(c->at[m] + 4 * n, &sum, 4);
        }
}

#include "../ref/kernels/amx_product.h"
#include "../ref/kernels/amx_product8.h"

const cpu_products amx_emulated = { "emulated", amx_bytes, amx_pack, amx_product };
const cpu_products8 amx_emulated8 = { "emulated", amx_bytes8, amx_pack8, amx_product8,
                                       0 };
