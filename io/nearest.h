/* What a misspelt word was meant to be. */
#ifndef GM_IO_NEAREST_H
#define GM_IO_NEAREST_H

/* The word of list (n of them) that `found` was probably meant to be, or NULL. */
const char *gm_nearest_word(const char *found, const char *const *list, int n);

#endif
