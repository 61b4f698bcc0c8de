/* A list of texts that grows. */
#ifndef GM_TRAIN_WORDS_H
#define GM_TRAIN_WORDS_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct { char **item; int64_t n; } gm_words;
/* Appends a copy of n bytes; -1 when out of memory. */
int gm_words_add(gm_words *w, const char *text, size_t n);
/* Appends the parts of text between blanks; -1 when out of memory. */
int gm_words_split(gm_words *w, const char *text);
void gm_words_free(gm_words *w);

#endif
