/* See words.h. */
#include "words.h"

#include <stdlib.h>
#include <string.h>

int gm_words_add(gm_words *w, const char *text, size_t n)
{
    char **more = realloc(w->item, (size_t)(w->n + 1) * sizeof *more);
    char *copy = more ? malloc(n + 1) : NULL;
    if (more) w->item = more;
    if (!copy) return -1;
    memcpy(copy, text, n);
    copy[n] = 0;
    w->item[w->n++] = copy;
    return 0;
}

int gm_words_split(gm_words *w, const char *text)
{
    for (;;) {
        text += strspn(text, " \t");
        size_t n = strcspn(text, " \t");
        if (!n) return 0;
        if (gm_words_add(w, text, n) != 0) return -1;
        text += n;
    }
}

void gm_words_free(gm_words *w)
{
    for (int64_t i = 0; i < w->n; i++) free(w->item[i]);
    free(w->item);
    *w = (gm_words){ 0 };
}
