/* See bind.h. */
#include "bind.h"

#include <stdio.h>

void gm_bind_parts(gm_weights *w, const gm_part *part, size_t n, const char *prefix, ...)
{
    char start[200];
    va_list a;
    va_start(a, prefix);
    vsnprintf(start, sizeof start, prefix, a);
    va_end(a);
    for (const gm_part *p = part; p < part + n; p++) {
        const int64_t dim[2] = { p->out, p->in };
        if (p->in) *p->w = gm_weight(w, 2, dim, "%s%s.weight", start, p->name);
        else *p->w = gm_weight_f32(w, 1, dim, "%s%s.weight", start, p->name);
        if (p->b) *p->b = gm_weight_f32(w, 1, dim, "%s%s.bias", start, p->name);
    }
}

int64_t gm_weight_size(const gm_weights *w, int nd, int dim, const char *format, ...)
{
    char name[240];
    va_list a;
    va_start(a, format);
    vsnprintf(name, sizeof name, format, a);
    va_end(a);
    gm_tensor x = gm_weights_look(w, name);
    return x.data && x.nd == nd ? x.dim[dim] : -1;
}
