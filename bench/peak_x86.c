/* What one core reaches with one instruction and nothing else: twelve sums in registers, more than
 * its latency.  Inline assembler, so that no compiler puts anything between. */
#include "bench.h"

enum { SUMS = 12, TIMES = 1 << 21 };

#define CLOBBERED "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", \
                  "xmm10", "xmm11", "xmm12", "xmm13"

static void clear(void)
{
    __asm__ volatile("vpxord %%zmm12, %%zmm12, %%zmm12\n"
                     "vpxord %%zmm13, %%zmm13, %%zmm13\n" : : : CLOBBERED);
}

/* 16 products in each sum: GFLOP/s. */
static double peak_f32(void)
{
    clear();
    double start = bench_now();
    for (int t = 0; t < TIMES; t++)
        __asm__ volatile(
            "vfmadd231ps %%zmm12, %%zmm13, %%zmm0\n"
            "vfmadd231ps %%zmm12, %%zmm13, %%zmm1\n"
            "vfmadd231ps %%zmm12, %%zmm13, %%zmm2\n"
            "vfmadd231ps %%zmm12, %%zmm13, %%zmm3\n"
            "vfmadd231ps %%zmm12, %%zmm13, %%zmm4\n"
            "vfmadd231ps %%zmm12, %%zmm13, %%zmm5\n"
            "vfmadd231ps %%zmm12, %%zmm13, %%zmm6\n"
            "vfmadd231ps %%zmm12, %%zmm13, %%zmm7\n"
            "vfmadd231ps %%zmm12, %%zmm13, %%zmm8\n"
            "vfmadd231ps %%zmm12, %%zmm13, %%zmm9\n"
            "vfmadd231ps %%zmm12, %%zmm13, %%zmm10\n"
            "vfmadd231ps %%zmm12, %%zmm13, %%zmm11\n" : : : CLOBBERED);
    return 32e-9 * SUMS * TIMES / (bench_now() - start);
}

/* Of processors without AVX-512: 8. */
static double peak_f32_narrow(void)
{
    __asm__ volatile("vxorps %%ymm12, %%ymm12, %%ymm12\n"
                     "vxorps %%ymm13, %%ymm13, %%ymm13\n" : : : CLOBBERED);
    double start = bench_now();
    for (int t = 0; t < TIMES; t++)
        __asm__ volatile(
            "vfmadd231ps %%ymm12, %%ymm13, %%ymm0\n"
            "vfmadd231ps %%ymm12, %%ymm13, %%ymm1\n"
            "vfmadd231ps %%ymm12, %%ymm13, %%ymm2\n"
            "vfmadd231ps %%ymm12, %%ymm13, %%ymm3\n"
            "vfmadd231ps %%ymm12, %%ymm13, %%ymm4\n"
            "vfmadd231ps %%ymm12, %%ymm13, %%ymm5\n"
            "vfmadd231ps %%ymm12, %%ymm13, %%ymm6\n"
            "vfmadd231ps %%ymm12, %%ymm13, %%ymm7\n"
            "vfmadd231ps %%ymm12, %%ymm13, %%ymm8\n"
            "vfmadd231ps %%ymm12, %%ymm13, %%ymm9\n"
            "vfmadd231ps %%ymm12, %%ymm13, %%ymm10\n"
            "vfmadd231ps %%ymm12, %%ymm13, %%ymm11\n" : : : CLOBBERED);
    return 16e-9 * SUMS * TIMES / (bench_now() - start);
}

/* 16 x 2 products in each sum. */
static double peak_bf16(void)
{
    clear();
    double start = bench_now();
    for (int t = 0; t < TIMES; t++)
        __asm__ volatile(
            "vdpbf16ps %%zmm12, %%zmm13, %%zmm0\n"
            "vdpbf16ps %%zmm12, %%zmm13, %%zmm1\n"
            "vdpbf16ps %%zmm12, %%zmm13, %%zmm2\n"
            "vdpbf16ps %%zmm12, %%zmm13, %%zmm3\n"
            "vdpbf16ps %%zmm12, %%zmm13, %%zmm4\n"
            "vdpbf16ps %%zmm12, %%zmm13, %%zmm5\n"
            "vdpbf16ps %%zmm12, %%zmm13, %%zmm6\n"
            "vdpbf16ps %%zmm12, %%zmm13, %%zmm7\n"
            "vdpbf16ps %%zmm12, %%zmm13, %%zmm8\n"
            "vdpbf16ps %%zmm12, %%zmm13, %%zmm9\n"
            "vdpbf16ps %%zmm12, %%zmm13, %%zmm10\n"
            "vdpbf16ps %%zmm12, %%zmm13, %%zmm11\n" : : : CLOBBERED);
    return 64e-9 * SUMS * TIMES / (bench_now() - start);
}

/* 16 x 4 products in each sum. */
static double peak_int8(void)
{
    clear();
    double start = bench_now();
    for (int t = 0; t < TIMES; t++)
        __asm__ volatile(
            "vpdpbusd %%zmm12, %%zmm13, %%zmm0\n"
            "vpdpbusd %%zmm12, %%zmm13, %%zmm1\n"
            "vpdpbusd %%zmm12, %%zmm13, %%zmm2\n"
            "vpdpbusd %%zmm12, %%zmm13, %%zmm3\n"
            "vpdpbusd %%zmm12, %%zmm13, %%zmm4\n"
            "vpdpbusd %%zmm12, %%zmm13, %%zmm5\n"
            "vpdpbusd %%zmm12, %%zmm13, %%zmm6\n"
            "vpdpbusd %%zmm12, %%zmm13, %%zmm7\n"
            "vpdpbusd %%zmm12, %%zmm13, %%zmm8\n"
            "vpdpbusd %%zmm12, %%zmm13, %%zmm9\n"
            "vpdpbusd %%zmm12, %%zmm13, %%zmm10\n"
            "vpdpbusd %%zmm12, %%zmm13, %%zmm11\n" : : : CLOBBERED);
    return 128e-9 * SUMS * TIMES / (bench_now() - start);
}

double bench_peak(const char *instruction)
{
    bool wide = __builtin_cpu_supports("avx512f");
    if (instruction[1] == 'f') /* vfmadd231ps */
        return wide ? peak_f32() : __builtin_cpu_supports("fma") ? peak_f32_narrow() : 0;
    if (!wide) return 0;
    if (instruction[1] == 'd') /* vdpbf16ps, vpdpbusd */
        return __builtin_cpu_supports("avx512bf16") ? peak_bf16() : 0;
    return __builtin_cpu_supports("avx512vnni") ? peak_int8() : 0;
}
