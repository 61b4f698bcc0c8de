/* Another processor: plain C. */
#include <stddef.h>
#include "cpu_cache.h"
#include "cpu_dots.h"
#include "cpu_few.h"
#include "cpu_product.h"

const cpu_dots *cpu_best_dots(int i) { return (void)i, NULL; }
const cpu_dots8 *cpu_best_dots8(int i) { return (void)i, NULL; }
const cpu_dots_k8 *cpu_best_dots_k8(void) { return NULL; }
cpu_few cpu_best_few(gm_dtype wt) { return (void)wt, NULL; }
cpu_few cpu_best_few8(gm_dtype wt) { return (void)wt, NULL; }
cpu_few cpu_best_few16(void) { return NULL; }
const cpu_products *cpu_best_products(void) { return NULL; }
const char *cpu_amx_state(void) { return "not on this processor"; }
const cpu_products8 *cpu_best_products8(void) { return NULL; }
const cpu_cache_rows *cpu_best_cache(gm_dtype type, int i) { return (void)type, (void)i, NULL; }
