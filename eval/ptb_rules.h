/* The rules of the tokeniser: what a token may be, and how it is written. */
#ifndef GM_EVAL_PTB_RULES_H
#define GM_EVAL_PTB_RULES_H
#include <stdbool.h>
#include <stdint.h>

typedef enum {
    PTB_SKIP,                   /* spaces, and characters that the tokeniser deletes */
    PTB_PLAIN,
    PTB_WORD,                   /* without its soft hyphens */
    PTB_LEFT, PTB_RIGHT,        /* a quote that opens, that closes */
    PTB_DASH, PTB_DOTS,         /* "--", "..." */
    PTB_SPACED,                 /* spaces in it become no-break spaces, () become -lrb- -rrb- */
    PTB_AMP,                    /* &amp; becomes & */
    PTB_BRACKET, PTB_MONEY, PTB_FRACTION
} ptb_kind;

/* A token of `length` characters; `total` adds what the rule wants to see behind it. */
typedef struct { int64_t length, total; ptb_kind kind; } ptb_match;

/* The token at p: of all rules the one with the largest total, the first of equals. p ends with
 * zeros and does not start with one. */
ptb_match ptb_next(const uint32_t *p);

/* ptb_chars.c */
bool ptb_letter(uint32_t c);            /* Unicode's letters below U+10000 */
bool ptb_digit(uint32_t c);
bool ptb_mark(uint32_t c);              /* part of words, but not a letter */
bool ptb_symbol(uint32_t c);            /* a token alone; 0x80 and above */
bool ptb_space(uint32_t c);
bool ptb_newline(uint32_t c);
static inline bool ptb_alpha(uint32_t c) { return (c | 32) >= 'a' && (c | 32) <= 'z' && c < 128; }
static inline bool ptb_alnum(uint32_t c) { return ptb_alpha(c) || (c >= '0' && c <= '9'); }
static inline bool ptb_one_of(uint32_t c, const char *set)
{
    for (; *set; set++)
        if (c == (unsigned char)*set) return true;
    return false;
}

/* ptb_names.c: addresses, abbreviations, numbers; each returns the length at p or 0. */
int64_t ptb_url(const uint32_t *p);
int64_t ptb_site(const uint32_t *p);
int64_t ptb_mail(const uint32_t *p);
int64_t ptb_tag(const uint32_t *p);                     /* <b>, </b>, <!-- --> */
int64_t ptb_file(const uint32_t *p);                    /* 12.png */
int64_t ptb_number(const uint32_t *p);
int64_t ptb_date(const uint32_t *p);
int64_t ptb_fraction(const uint32_t *p);
int64_t ptb_phone(const uint32_t *p);
/* without its last dot: "U.S", "e.g", "a" */
int64_t ptb_acronym(const uint32_t *p);
int64_t ptb_abbreviation(const uint32_t *p);            /* with its dot */
int64_t ptb_before_number(const uint32_t *p);           /* "no.", "fig.", with the dot */
/* The length of the first word of list that is at p; in a word, capitals must be capitals, other
 * letters may be, and ^ is any apostrophe. */
int64_t ptb_literal(const uint32_t *p, const char *const *list);
int64_t ptb_apostrophe(const uint32_t *p);              /* ' U+2019 &apos; */
int64_t ptb_apostrophe_or_quote(const uint32_t *p);     /* these and ` U+2018 U+201B */

#endif
