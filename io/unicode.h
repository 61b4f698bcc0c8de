/* UTF-8, white space and lower case as Python's str has them. */
#ifndef GM_IO_UNICODE_H
#define GM_IO_UNICODE_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GM_NOT_UTF8 0xFFFD

/* The character at s (n >= 1 bytes left) and its length.  A byte that starts no valid character
 * (truncated, overlong, surrogate, above U+10FFFF) counts alone and reads as GM_NOT_UTF8 with
 * *valid false: SentencePiece's rule (util.cc, DecodeUTF8). */
uint32_t gm_utf8_get(const char *s, size_t n, size_t *length, bool *valid);
/* Writes c to out (4 bytes at most), returns its length. */
size_t gm_utf8_put(char *out, uint32_t c);

/* What str.strip and str.split take as white space: U+00A0, U+3000 and the others too. */
bool gm_is_space(uint32_t c);
/* s[*start, *end) without white space at its start, at its end. */
void gm_strip_left(const char *s, size_t *start, size_t end);
void gm_strip_right(const char *s, size_t start, size_t *end);

/* One character's str.lower() (Unicode 14): 1 or, for U+0130, 2 characters.  The one rule left out
 * is the final sigma, which Python writes otherwise at a word's end. */
int gm_lower(uint32_t c, uint32_t out[2]);

#endif
