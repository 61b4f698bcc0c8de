/* Products of bfloat16 matrices by Intel's AMX.  Never run so far: no machine that has it was at
 * hand.  Off unless GLAMM_AMX=1 is in the environment.  Compiled with -mamx-tile -mamx-bf16
 * (Makefile); the kernel must allow a process the tiles' registers (arch_prctl). */
#include <immintrin.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "amx_product.h"

enum { ASK_FOR_STATE = 0x1023, TILE_DATA = 18 };    /* asm/prctl.h: ARCH_REQ_XCOMP_PERM */

/* Eight tiles of 16 rows of 64 bytes (palette 1): 0 to 3 sums, 4 and 5 x, 6 and 7 w. */
static void amx_begin(void)
{
    struct { uint8_t palette, start, zero[14]; uint16_t bytes[16]; uint8_t rows[16]; } shape = {
        .palette = 1
    };
    for (int i = 0; i < 8; i++) shape.bytes[i] = 64, shape.rows[i] = 16;
    _tile_loadconfig(&shape);
}

static void amx_end(void) { _tile_release(); }

/* A tile's number is part of its instruction. */
static inline void amx_zero(int i, int j)
{
    switch (2 * i + j) {
    case 0: _tile_zero(0); break;
    case 1: _tile_zero(1); break;
    case 2: _tile_zero(2); break;
    default: _tile_zero(3);
    }
}

static inline void amx_load_x(int i, const uint16_t *x, int64_t stride)
{
    if (i == 0) _tile_loadd(4, x, stride);
    else _tile_loadd(5, x, stride);
}

static inline void amx_load_w(int j, const uint32_t *w, int64_t stride)
{
    if (j == 0) _tile_loadd(6, w, stride);
    else _tile_loadd(7, w, stride);
}

static inline void amx_multiply(int i, int j)
{
    switch (2 * i + j) {
    case 0: _tile_dpbf16ps(0, 4, 6); break;
    case 1: _tile_dpbf16ps(1, 4, 7); break;
    case 2: _tile_dpbf16ps(2, 5, 6); break;
    default: _tile_dpbf16ps(3, 5, 7);
    }
}

static inline void amx_store(int i, int j, float *y, int64_t stride)
{
    switch (2 * i + j) {
    case 0: _tile_stored(0, y, stride); break;
    case 1: _tile_stored(1, y, stride); break;
    case 2: _tile_stored(2, y, stride); break;
    default: _tile_stored(3, y, stride);
    }
}

/* CPUID leaf 7: bits 22 (bf16) and 24 (tiles) of edx. */
static int has_amx(void)
{
    uint32_t a = 7, b, c = 0, d;
    if (!__builtin_cpu_supports("avx512f")) return 0;
    __asm__("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
    return (d >> 22 & 1) && (d >> 24 & 1);
}

static int asked_for(void)
{
    const char *asked = getenv("GLAMM_AMX");
    return asked && strcmp(asked, "1") == 0;
}

const char *cpu_amx_state(void)
{
    if (!has_amx()) return "not on this processor";
    return asked_for() ? "asked for, never run before" : "off (GLAMM_AMX=1), never run before";
}

const cpu_products *cpu_products_amx(void)
{
    static const cpu_products amx = { "amx-bf16", amx_bytes, amx_pack, amx_product };
    if (!asked_for() || !has_amx()) return NULL;
    return syscall(SYS_arch_prctl, ASK_FOR_STATE, TILE_DATA) == 0 ? &amx : NULL;
}
