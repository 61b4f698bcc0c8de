/* See name_index.h. */
#include "name_index.h"

#include <stdlib.h>
#include <string.h>

static int by_name(const void *a, const void *b)
{
    const gm_named *x = a, *y = b;
    int c = strcmp(x->name, y->name);
    return c ? c : (x->i > y->i) - (x->i < y->i);
}

const char *gm_names_sort(gm_named *list, int64_t n)
{
    if (n) qsort(list, (size_t)n, sizeof *list, by_name);
    for (int64_t k = 1; k < n; k++) {
        if (strcmp(list[k - 1].name, list[k].name) == 0) return list[k].name;
    }
    return NULL;
}

int64_t gm_names_find(const gm_named *list, int64_t n, const char *name)
{
    int64_t lo = 0, hi = n;
    while (lo < hi) {
        int64_t mid = lo + (hi - lo) / 2;
        int c = strcmp(name, list[mid].name);
        if (c == 0) return list[mid].i;
        if (c < 0) hi = mid;
        else lo = mid + 1;
    }
    return -1;
}
