/* Finding names: a sorted list of (name, number). */
#ifndef GM_IO_NAME_INDEX_H
#define GM_IO_NAME_INDEX_H
#include <stdint.h>

typedef struct { const char *name; int64_t i; } gm_named;

/* Sorts by name, then number; returns the first name that occurs twice, or NULL. */
const char *gm_names_sort(gm_named *list, int64_t n);
/* The number beside name, -1 when it is not there. */
int64_t gm_names_find(const gm_named *list, int64_t n, const char *name);

#endif
