/* amx_emulated.c; one thread. */
#ifndef GM_AMX_EMULATED_H
#define GM_AMX_EMULATED_H
#include "../ref/kernels/cpu_product.h"

extern const cpu_products amx_emulated;
extern const cpu_products8 amx_emulated8;

#endif
