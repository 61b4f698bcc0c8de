/* Which of the NEON kernels this processor runs.  getauxval: Linux. */
#include <stddef.h>
#include <sys/auxv.h>
#include "arm_dots.h"
#include "cpu_product.h"

enum { DOT_PRODUCT = 1 << 20 };         /* asm/hwcap.h: HWCAP_ASIMDDP */

static int has_dotprod(void) { return (getauxval(AT_HWCAP) & DOT_PRODUCT) != 0; }

const cpu_dots *cpu_best_dots(int i) { return i ? NULL : &cpu_dots_neon; }

const cpu_dots8 *cpu_best_dots8(int i)
{
    const cpu_dots8 *here[2] = { NULL };
    int n = 0;
    if (has_dotprod()) here[n++] = &cpu_dots8_dotprod;
    here[n++] = &cpu_dots8_neon;
    return i < n ? here[i] : NULL;
}

const cpu_products *cpu_best_products(void) { return NULL; }

cpu_product8 cpu_best_product8(void) { return has_dotprod() ? cpu_product_dotprod : NULL; }

const char *cpu_amx_state(void) { return "not on this processor"; }
