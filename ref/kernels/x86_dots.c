/* Which of the x86 kernels this processor runs.  Compiler builtins: gcc and clang. */
#include <stddef.h>
#include "cpu_dots.h"
#include "cpu_few.h"
#include "cpu_product.h"

static int has_avx512(void)
{
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq");
}

static int has_avx2(void)
{
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
           __builtin_cpu_supports("f16c");
}

const cpu_dots *cpu_dots_x86(void)
{
    return has_avx512() ? &cpu_dots_avx512 : has_avx2() ? &cpu_dots_avx2 : NULL;
}

const cpu_dots8 *cpu_dots8_x86(void)
{
    if (has_avx512() && __builtin_cpu_supports("avx512vnni")) return &cpu_dots8_vnni;
    return has_avx2() ? &cpu_dots8_avx2 : NULL;
}

const cpu_dots_k8 *cpu_dots_k8_x86(void) { return has_avx2() ? &cpu_dots_k8_avx2 : NULL; }

cpu_few cpu_few_x86(gm_dtype wt)
{
    return has_avx512() && (wt == GM_BF16 || gm_block_bytes(wt)) ? cpu_few_avx512 : NULL;
}

cpu_few8 cpu_few8_x86(gm_dtype wt)
{
    return has_avx512() && __builtin_cpu_supports("avx512vnni") && gm_block_bytes(wt)
               ? cpu_few_vnni : NULL;
}

cpu_few8 cpu_few16_x86(void)
{
    return has_avx512() && __builtin_cpu_supports("avx512bf16") ? cpu_few_bf16 : NULL;
}

const cpu_products *cpu_products_x86(void)
{
    static const cpu_products bf16 = { "avx512-bf16", cpu_tile_bytes, cpu_tile_rows,
                                       cpu_product_bf16 };
    const cpu_products *amx = cpu_products_amx();
    if (amx) return amx;
    return has_avx512() && __builtin_cpu_supports("avx512bf16") ? &bf16 : NULL;
}

cpu_product8 cpu_product8_x86(void)
{
    return has_avx512() && __builtin_cpu_supports("avx512vnni") ? cpu_product_vnni : NULL;
}
