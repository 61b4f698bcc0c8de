/* Which of the x86 kernels this processor runs.  Compiler builtins: gcc and clang. */
#include <stddef.h>
#include "cpu_dots.h"

const cpu_dots *cpu_dots_x86(void)
{
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq"))
        return &cpu_dots_avx512;
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") ? &cpu_dots_avx2 : NULL;
}
