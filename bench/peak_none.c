/* Another processor: no instruction of this kind is known. */
#include "bench.h"

double bench_peak(const char *instruction)
{
    (void)instruction;
    return 0;
}
