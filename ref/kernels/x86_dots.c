/* Which of the x86 kernels this processor runs.  Compiler builtins: gcc and clang. */
#include <stddef.h>
#include "cpu_cache.h"
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

const cpu_dots *cpu_best_dots(int i)
{
    const cpu_dots *here[2] = { NULL };
    int n = 0;
    if (has_avx512()) here[n++] = &cpu_dots_avx512;
    if (has_avx2()) here[n++] = &cpu_dots_avx2;
    return i < n ? here[i] : NULL;
}

const cpu_dots8 *cpu_best_dots8(int i)
{
    const cpu_dots8 *here[2] = { NULL };
    int n = 0;
    if (has_avx512() && __builtin_cpu_supports("avx512vnni")) here[n++] = &cpu_dots8_vnni;
    if (has_avx2()) here[n++] = &cpu_dots8_avx2;
    return i < n ? here[i] : NULL;
}

const cpu_dots_k8 *cpu_best_dots_k8(void) { return has_avx2() ? &cpu_dots_k8_avx2 : NULL; }

cpu_few cpu_best_few(gm_dtype wt)
{
    return has_avx512() && (wt == GM_BF16 || gm_block_bytes(wt)) ? cpu_few_avx512 : NULL;
}

cpu_few cpu_best_few8(gm_dtype wt)
{
    return has_avx512() && __builtin_cpu_supports("avx512vnni") && gm_block_bytes(wt)
               ? cpu_few_vnni : NULL;
}

cpu_few cpu_best_few16(void)
{
    return has_avx512() && __builtin_cpu_supports("avx512bf16") ? cpu_few_bf16 : NULL;
}

const cpu_products *cpu_best_products(void)
{
    static const cpu_products bf16 = { "avx512-bf16", cpu_tile_bytes, cpu_tile_rows,
                                       cpu_product_bf16 };
    const cpu_products *amx = cpu_products_amx();
    if (amx) return amx;
    return has_avx512() && __builtin_cpu_supports("avx512bf16") ? &bf16 : NULL;
}

const cpu_products8 *cpu_best_products8(void)
{
    static const cpu_products8 vnni = { "avx512-vnni", cpu_tile8_bytes, cpu_tile8_rows,
                                        cpu_product_vnni, 1 };
    const cpu_products8 *amx = cpu_products8_amx();
    if (amx) return amx;
    return has_avx512() && __builtin_cpu_supports("avx512vnni") ? &vnni : NULL;
}

const cpu_cache_rows *cpu_best_cache(gm_dtype type, int i)
{
    const cpu_cache_rows *here[2] = { NULL };
    int n = 0;
    if (has_avx512()) here[n++] = &cpu_cache_avx512[type == GM_F16];
    if (has_avx2()) here[n++] = &cpu_cache_avx2[type == GM_F16];
    return i < n ? here[i] : NULL;
}
