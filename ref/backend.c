/* See backend.h.  The one file of the model that may ask what it was built for. */
#include "backend.h"

#include <omp.h>
#include <string.h>

int gm_backend(gm_kernels *k, const char *name, gm_error *e)
{
    if (!name || strcmp(name, "cpu") == 0)
        gm_kernels_inherit(k, gm_kernels_cpu(), gm_kernels_ref());
    else if (strcmp(name, "ref") == 0) *k = *gm_kernels_ref();
    else return gm_fail(e, "backend %s: wanted cpu or ref", name);
    return 0;
}

int gm_backend_threads(int n)
{
    int before = omp_get_max_threads();
    if (n > 0) omp_set_num_threads(n);
    return before;
}
