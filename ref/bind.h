/* Binding a module's linear layers and norms from a checkpoint, by a list of names. */
#ifndef GM_BIND_H
#define GM_BIND_H
#include "weights.h"

/* A layer called name: weight (out, in) in its stored type, or (out) as float where in is 0 (a
 * norm); bias (out) where b is set. */
typedef struct {
    gm_tensor *w, *b;
    const char *name;
    int64_t out, in;
} gm_part;

/* Binds prefix + name + ".weight" and ".bias" for every part; prefix by printf's rules. */
void gm_bind_parts(gm_weights *w, const gm_part *part, size_t n, const char *prefix, ...)
    __attribute__((format(printf, 4, 5)));

/* Size `dim` of a stored tensor that has nd sizes; -1 when there is none such. */
int64_t gm_weight_size(const gm_weights *w, int nd, int dim, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

#define GM_COUNT(list) (sizeof(list) / sizeof *(list))

#endif
