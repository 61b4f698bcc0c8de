/* Plain float loops: the oracle's own source with a float wherever it has a double, so one float
 * accumulator to a sum, terms one after the other, expf and its like.  No tolerance may fail these
 * (docs/TOLERANCE.md).  Literals are floats by a flag of gcc's:
 *
 *     make verify KERNELS=tests/plain_kernels.c \
 *         KFLAGS='-O2 -fopenmp -fsingle-precision-constant' */
#include <kernels.h>
#include <math.h>
#include <stddef.h>
#include <string.h>
#include <tgmath.h>                     /* exp of a float is expf */
#include "../ref/kernels/typed.h"

#define double float
#include "../ref/kernels/ref_attention.c"
#include "../ref/kernels/ref_cache.c"
#include "../ref/kernels/ref_loss.c"
#include "../ref/kernels/ref_maps.c"
#include "../ref/kernels/ref_moves.c"
#include "../ref/kernels/ref_space.c"
#include "../ref/kernels/ref_sums.c"
#include "../ref/kernels/ref_table.c"

gm_plugin glamm_plugin = { .size = sizeof(gm_kernels) };

__attribute__((constructor)) static void fill(void)
{
    glamm_plugin.kernels = gm_kernels_ref();
}
