/* Another processor: plain C. */
#include <stddef.h>
#include "cpu_dots.h"

const cpu_dots *cpu_dots_x86(void) { return NULL; }
