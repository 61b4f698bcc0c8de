/* See text.h. */
#include "text.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "unicode.h"

void gm_text_add(gm_text *t, const char *s, size_t n)
{
    if (t->failed) return;
    if (n >= SIZE_MAX / 2 - t->n) {
        t->failed = true;
        return;
    }
    if (t->n + n + 1 > t->room) {
        size_t room = 2 * (t->n + n + 1);
        char *more = realloc(t->s, room);
        if (!more) {
            t->failed = true;
            return;
        }
        t->s = more;
        t->room = room;
    }
    if (n) memcpy(t->s + t->n, s, n);
    t->n += n;
    t->s[t->n] = 0;
}

void gm_text_adds(gm_text *t, const char *s)
{
    gm_text_add(t, s, strlen(s));
}

void gm_text_add_lower(gm_text *t, const char *s, size_t n)
{
    for (size_t at = 0, k; at < n; at += k) {
        bool valid;
        uint32_t low[2], c = gm_utf8_get(s + at, n - at, &k, &valid);
        char bytes[4];
        int m = valid ? gm_lower(c, low) : 0;
        for (int i = 0; i < m; i++) gm_text_add(t, bytes, gm_utf8_put(bytes, low[i]));
        if (!valid) gm_text_add(t, s + at, k);
    }
}

char *gm_text_take(gm_text *t)
{
    gm_text_add(t, "", 0);
    char *s = t->failed ? NULL : t->s;
    if (!s) free(t->s);
    *t = (gm_text){ 0 };
    return s;
}

void gm_text_drop(gm_text *t)
{
    free(t->s);
    *t = (gm_text){ 0 };
}
