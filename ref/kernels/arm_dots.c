/* Which of the NEON kernels this processor runs.  getauxval: Linux. */
#include <stddef.h>
#include <sys/auxv.h>
#include "arm_dots.h"
#include "cpu_cache.h"
#include "cpu_few.h"
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

const cpu_dots_k8 *cpu_best_dots_k8(void) { return NULL; }
cpu_few cpu_best_few(gm_dtype wt) { return (void)wt, NULL; }
cpu_few cpu_best_few8(gm_dtype wt) { return (void)wt, NULL; }
cpu_few cpu_best_few16(void) { return NULL; }
const cpu_products *cpu_best_products(void) { return NULL; }

const cpu_products8 *cpu_best_products8(void)
{
    static const cpu_products8 dotprod = { "neon-dotprod", cpu_tile8_bytes, cpu_tile8_rows,
                                           cpu_product_dotprod, 0 };
    return has_dotprod() ? &dotprod : NULL;
}

const char *cpu_amx_state(void) { return "not on this processor"; }

const cpu_cache_rows *cpu_best_cache(gm_dtype type, int i) { return (void)type, (void)i, NULL; }
