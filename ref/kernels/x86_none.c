/* Another processor: plain C. */
#include <stddef.h>
#include "cpu_dots.h"
#include "cpu_few.h"
#include "cpu_product.h"

const cpu_dots *cpu_dots_x86(void) { return NULL; }
const cpu_dots8 *cpu_dots8_x86(void) { return NULL; }
const cpu_dots_k8 *cpu_dots_k8_x86(void) { return NULL; }
cpu_few cpu_few_x86(gm_dtype wt) { return (void)wt, NULL; }
cpu_few8 cpu_few8_x86(gm_dtype wt) { return (void)wt, NULL; }
cpu_few8 cpu_few16_x86(void) { return NULL; }
const cpu_products *cpu_products_x86(void) { return NULL; }
const char *cpu_amx_state(void) { return "not on this processor"; }
cpu_product8 cpu_product8_x86(void) { return NULL; }
