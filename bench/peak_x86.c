/* What one core reaches with one instruction and nothing else: twelve sums in registers, more than
 * its latency.  Inline assembler, so that no compiler puts anything between. */
#include "bench.h"

enum { SUMS = 12, TIMES = 1 << 21 };

#define CLOBBERED "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", \
                  "xmm10", "xmm11", "xmm12", "xmm13"
/* One of the sums: reg is ymm or zmm. */
#define ADD(instruction, reg, i) instruction " %%" reg "12, %%" reg "13, %%" reg #i "\n"

/* A function of this name: 1e9 operations a second, two for each of `products` in a sum. */
#define PEAK(name, instruction, clear, reg, products)                                        \
    static double name(void)                                                                 \
    {                                                                                        \
        __asm__ volatile(clear " %%" reg "12, %%" reg "12, %%" reg "12\n"                    \
                         clear " %%" reg "13, %%" reg "13, %%" reg "13\n" : : : CLOBBERED);  \
        double start = bench_now();                                                          \
        for (int t = 0; t < TIMES; t++)                                                      \
            __asm__ volatile(                                                                \
                ADD(instruction, reg, 0) ADD(instruction, reg, 1) ADD(instruction, reg, 2)   \
                ADD(instruction, reg, 3) ADD(instruction, reg, 4) ADD(instruction, reg, 5)   \
                ADD(instruction, reg, 6) ADD(instruction, reg, 7) ADD(instruction, reg, 8)   \
                ADD(instruction, reg, 9) ADD(instruction, reg, 10) ADD(instruction, reg, 11) \
                : : : CLOBBERED);                                                            \
        return 2e-9 * (products) * SUMS * TIMES / (bench_now() - start);                     \
    }

PEAK(peak_f32, "vfmadd231ps", "vpxord", "zmm", 16)
PEAK(peak_f32_narrow, "vfmadd231ps", "vxorps", "ymm", 8)        /* without AVX-512 */
PEAK(peak_bf16, "vdpbf16ps", "vpxord", "zmm", 16 * 2)
PEAK(peak_int8, "vpdpbusd", "vpxord", "zmm", 16 * 4)

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
