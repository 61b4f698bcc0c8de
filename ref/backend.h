/* Choosing a kernel table by name. */
#ifndef GM_BACKEND_H
#define GM_BACKEND_H
#include "error.h"
#include "kernels.h"

/* Fills *k with every slot of backend "ref" or "cpu" (NULL: "cpu"); an unknown name is an error. */
int gm_backend(gm_kernels *k, const char *name, gm_error *e);
/* OpenMP threads for what the calling thread does from now on, 0: as many as before.  Returns how
 * many it had. */
int gm_backend_threads(int n);

#endif
