/* See error.h. */
#include "error.h"

#include <stdarg.h>
#include <stdio.h>

int gm_fail(gm_error *e, const char *format, ...)
{
    if (!e || e->text[0]) return -1;
    va_list a;
    va_start(a, format);
    vsnprintf(e->text, sizeof e->text, format, a);
    va_end(a);
    return -1;
}
