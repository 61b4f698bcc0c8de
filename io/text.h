/* A text that grows. */
#ifndef GM_IO_TEXT_H
#define GM_IO_TEXT_H
#include <stdbool.h>
#include <stddef.h>

/* Starts as { 0 }.  s is 0-terminated once something was appended.  A failed allocation sets
 * `failed` and drops what comes after; callers look once, at the end. */
typedef struct {
    char *s;
    size_t n, room;
    bool failed;
} gm_text;

void gm_text_add(gm_text *t, const char *s, size_t n);
void gm_text_adds(gm_text *t, const char *s);
/* What Python's str.lower makes of n bytes of UTF-8 (unicode.h, gm_lower); what is none stays. */
void gm_text_add_lower(gm_text *t, const char *s, size_t n);
/* The text, malloc'ed ("" when nothing was appended), now the caller's; NULL when out of memory. */
char *gm_text_take(gm_text *t);
void gm_text_drop(gm_text *t);

#endif
