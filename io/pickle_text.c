/* See pickle_text.h.  Source: CPython Lib/pickletools.py (names), the string literal rules of
 * Python. */
#include "pickle_text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "unicode.h"

bool gm_pickle_int(const char *s, size_t n, int64_t *v)
{
    char buf[32], *end;
    if (n == 0 || n >= sizeof buf) return false;
    memcpy(buf, s, n);
    buf[n] = 0;
    errno = 0;
    *v = strtoll(buf, &end, 10);
    return end == buf + n && errno == 0;
}

bool gm_pickle_float(const char *s, size_t n, double *v)
{
    char buf[64], *end;
    if (n == 0 || n >= sizeof buf) return false;
    memcpy(buf, s, n);
    buf[n] = 0;
    *v = strtod(buf, &end);
    return end == buf + n;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

/* n hex digits at s (end bounds them) -> value, or -1. */
static int64_t hex(const char *s, const char *end, int n)
{
    int64_t v = 0;
    if (end - s < n) return -1;
    for (int i = 0; i < n; i++) {
        int d = hex_digit(s[i]);
        if (d < 0) return -1;
        v = v << 4 | d;
    }
    return v;
}

bool gm_pickle_unquote(const char *s, size_t n, char *out, size_t *length)
{
    static const char from[] = "\\'\"abfnrtv", to[] = "\\'\"\a\b\f\n\r\t\v";
    if (n < 2 || (s[0] != '\'' && s[0] != '"') || s[n - 1] != s[0]) return false;
    const char *end = s + n - 1;
    char *o = out;
    for (s++; s < end;) {
        if (*s != '\\') {
            *o++ = *s++;
            continue;
        }
        if (++s == end) return false;
        const char *known = *s ? strchr(from, *s) : NULL;
        if (known) {
            *o++ = to[known - from];
            s++;
        } else if (*s == 'x') {
            int64_t v = hex(s + 1, end, 2);
            if (v < 0) return false;
            *o++ = (char)v;
            s += 3;
        } else if (*s >= '0' && *s <= '7') {
            int v = 0;
            for (int i = 0; i < 3 && s < end && *s >= '0' && *s <= '7'; i++)
                v = v * 8 + (*s++ - '0');
            *o++ = (char)v;
        } else {
            *o++ = '\\';                        /* an unknown escape stays as it is */
        }
    }
    *length = (size_t)(o - out);
    return true;
}

bool gm_pickle_unescape(const char *s, size_t n, char *out, size_t *length)
{
    const char *end = s + n;
    char *o = out;
    while (s < end) {
        int digits = end - s >= 2 && s[0] == '\\' ? (s[1] == 'u' ? 4 : s[1] == 'U' ? 8 : 0) : 0;
        if (!digits) {
            o += gm_utf8_put(o, (unsigned char)*s++);
            continue;
        }
        int64_t c = hex(s + 2, end, digits);
        if (c < 0 || c > 0x10ffff) return false;
        o += gm_utf8_put(o, (uint32_t)c);
        s += 2 + digits;
    }
    *length = (size_t)(o - out);
    return true;
}

const char *gm_pickle_opcode_name(uint8_t op)
{
    static const char *const name[256] = {
        [0x28] = "MARK", [0x29] = "EMPTY_TUPLE", [0x2e] = "STOP", [0x30] = "POP",
        [0x31] = "POP_MARK", [0x32] = "DUP", [0x42] = "BINBYTES", [0x43] = "SHORT_BINBYTES",
        [0x46] = "FLOAT", [0x47] = "BINFLOAT", [0x49] = "INT", [0x4a] = "BININT",
        [0x4b] = "BININT1", [0x4c] = "LONG", [0x4d] = "BININT2", [0x4e] = "NONE",
        [0x50] = "PERSID", [0x51] = "BINPERSID", [0x52] = "REDUCE", [0x53] = "STRING",
        [0x54] = "BINSTRING", [0x55] = "SHORT_BINSTRING", [0x56] = "UNICODE",
        [0x58] = "BINUNICODE", [0x5d] = "EMPTY_LIST", [0x61] = "APPEND", [0x62] = "BUILD",
        [0x63] = "GLOBAL", [0x64] = "DICT", [0x65] = "APPENDS", [0x67] = "GET", [0x68] = "BINGET",
        [0x69] = "INST", [0x6a] = "LONG_BINGET", [0x6c] = "LIST", [0x6f] = "OBJ", [0x70] = "PUT",
        [0x71] = "BINPUT", [0x72] = "LONG_BINPUT", [0x73] = "SETITEM", [0x74] = "TUPLE",
        [0x75] = "SETITEMS", [0x7d] = "EMPTY_DICT", [0x80] = "PROTO", [0x81] = "NEWOBJ",
        [0x82] = "EXT1", [0x83] = "EXT2", [0x84] = "EXT4", [0x85] = "TUPLE1", [0x86] = "TUPLE2",
        [0x87] = "TUPLE3", [0x88] = "NEWTRUE", [0x89] = "NEWFALSE", [0x8a] = "LONG1",
        [0x8b] = "LONG4", [0x8c] = "SHORT_BINUNICODE", [0x8d] = "BINUNICODE8",
        [0x8e] = "BINBYTES8", [0x8f] = "EMPTY_SET", [0x90] = "ADDITEMS", [0x91] = "FROZENSET",
        [0x92] = "NEWOBJ_EX", [0x93] = "STACK_GLOBAL", [0x94] = "MEMOIZE", [0x95] = "FRAME",
        [0x96] = "BYTEARRAY8", [0x97] = "NEXT_BUFFER", [0x98] = "READONLY_BUFFER",
    };
    return name[op] ? name[op] : "unknown";
}
