/* Products by Intel's AMX, of bfloat16 matrices and with 8-bit activations.  Run on emulated tiles
 * only (tests/amx_emulated.c): no machine that has AMX was at hand.  Off unless GLAMM_AMX=1 is in
 * the environment.  Compiled with -mamx-tile, -mamx-bf16, -mamx-int8 and AVX-512 (Makefile); the
 * kernel must allow a process the tiles' registers (arch_prctl). */
#include <immintrin.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "amx_product.h"
#include "amx_product8.h"

enum { ASK_FOR_STATE = 0x1023, TILE_DATA = 18 };    /* asm/prctl.h: ARCH_REQ_XCOMP_PERM */
enum { BF16 = 22, TILES = 24, INT8 = 25 };          /* bits of edx, CPUID leaf 7 */

static int has_amx(int bit)
{
    uint32_t a = 7, b, c = 0, d;
    if (!__builtin_cpu_supports("avx512f") || !__builtin_cpu_supports("avx512bw") ||
        !__builtin_cpu_supports("avx512vl") || !__builtin_cpu_supports("avx512dq"))
        return 0;
    __asm__("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
    return (d >> TILES & 1) && (d >> bit & 1);
}

static int asked_for(void)
{
    const char *asked = getenv("GLAMM_AMX");
    return asked && strcmp(asked, "1") == 0;
}

static int ready(int bit)
{
    return asked_for() && has_amx(bit) && syscall(SYS_arch_prctl, ASK_FOR_STATE, TILE_DATA) == 0;
}

const char *cpu_amx_state(void)
{
    if (!has_amx(BF16) && !has_amx(INT8)) return "not on this processor";
    return asked_for() ? "asked for, never run on a processor"
                       : "off (GLAMM_AMX=1), never run on a processor";
}

const cpu_products *cpu_products_amx(void)
{
    static const cpu_products amx = { "amx-bf16", amx_bytes, amx_pack, amx_product };
    return ready(BF16) ? &amx : NULL;
}

const cpu_products8 *cpu_products8_amx(void)
{
    static const cpu_products8 amx = { "amx-int8", amx_bytes8, amx_pack8, amx_product8, 0 };
    return ready(INT8) ? &amx : NULL;
}
