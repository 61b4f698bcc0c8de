/* What both products by AMX share.  Who includes this has defined the intrinsics _tile_*: x86_amx.c
 * by <immintrin.h>, tests/amx_emulated.c in plain C, so that the same source runs anywhere. */
#ifndef GM_AMX_TILES_H
#define GM_AMX_TILES_H
#include "cpu_product.h"

/* A tile has up to 16 rows of 64 bytes.  Tiles 0 to 3 hold the sums of 32 x 32 outputs, 4 and 5 two
 * times 16 rows of x, 6 and 7 two times 16 outputs of w. */
enum { AMX_SIDE = 16, AMX_ROWS = 2 * AMX_SIDE };

/* The operand of ldtilecfg.  Static and constant where it is used: gcc 12 takes the intrinsic to
 * read eight bytes and drops other stores. */
typedef struct {
    uint8_t palette, start, zero[14];
    uint16_t bytes[16];
    uint8_t rows[16];
} amx_shape;

/* gcc 12 does not know that a tile's load reads memory: stores before this are done before it. */
static inline void amx_stored(void) { __asm__ volatile("" ::: "memory"); }

static inline int64_t amx_up(int64_t n, int64_t to) { return (n + to - 1) / to * to; }

#endif
