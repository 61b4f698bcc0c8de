/* One error: the first thing that went wrong, said once, in words a user can act on. */
#ifndef GM_ERROR_H
#define GM_ERROR_H
#include "glamm.h"

/* Sets e->text (printf style) unless it already holds an error; returns -1, so that a caller can
 * `return gm_fail(e, ...)`.  e may be NULL. */
int gm_fail(gm_error *e, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
