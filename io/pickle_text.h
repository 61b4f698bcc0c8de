/* The text forms inside pickles of protocol 0, and names for messages. */
#ifndef GM_IO_PICKLE_TEXT_H
#define GM_IO_PICKLE_TEXT_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Decimal numbers of exactly n bytes. */
bool gm_pickle_int(const char *s, size_t n, int64_t *v);
bool gm_pickle_float(const char *s, size_t n, double *v);
/* 'text' with Python's escapes -> bytes; out has room for n + 1. */
bool gm_pickle_unquote(const char *s, size_t n, char *out, size_t *length);
/* raw-unicode-escape (only \uXXXX and \UXXXXXXXX are special, other bytes are Latin-1) -> UTF-8;
 * out has room for 2 n + 1. */
bool gm_pickle_unescape(const char *s, size_t n, char *out, size_t *length);
/* "NEWOBJ" and so on; "unknown" for bytes that no protocol defines. */
const char *gm_pickle_opcode_name(uint8_t op);

#endif
