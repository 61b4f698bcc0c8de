/* The tokeniser's rules in the original's order: of all that match, the longest wins. */
#include <stddef.h>
#include "ptb_rules.h"

#define LITERAL(p, ...) ptb_literal(p, (const char *const[]){ __VA_ARGS__, NULL })

/* Words. */

/* A letter of a word: one character or an entity such as &eacute;. */
static int64_t letter(const uint32_t *p)
{
    if (ptb_letter(*p) || ptb_mark(*p) || *p == 0xAD) return 1;
    if (*p != '&' || !ptb_one_of(p[1] | 32, "aeiou")) return 0;
    int64_t n = LITERAL(p + 2, "acute;", "grave;", "uml;");
    return n ? n + 2 : 0;
}

/* Letters and digits, a letter first. */
static int64_t letters(const uint32_t *p)
{
    int64_t n = letter(p), one = n;
    while (one) {
        one = letter(p + n);
        if (!one) one = ptb_digit(p[n]);
        n += one;
    }
    return n;
}

static int64_t word(const uint32_t *p)
{
    int64_t n = letters(p), more;
    while (n && ptb_one_of(p[n], ".!?") && (more = letters(p + n + 1)) > 0) n += 1 + more;
    return n;
}

/* 's 'm 'd 're 've 'll */
static int64_t clitic(const uint32_t *p)
{
    return LITERAL(p, "^s", "^m", "^d", "^re", "^ve", "^ll");
}

/* n't */
static int64_t not(const uint32_t *p)
{
    int64_t n = (*p | 32) == 'n' ? ptb_apostrophe_or_quote(p + 1) : 0;
    return n && (p[n + 1] | 32) == 't' ? n + 2 : 0;
}

/* What stands in front of n't: plain letters that do not end with n. */
static int64_t before_not(const uint32_t *p)
{
    int64_t n = 0, last;
    while (ptb_alpha(p[n]) || p[n] == 0xAD) n++;
    n--;
    for (last = n - 1; last >= 0 && p[last] == 0xAD;) last--;
    return last >= 0 && ptb_alpha(p[last]) && (p[last] | 32) != 'n' && not(p + n) ? n : 0;
}

/* Words with an apostrophe that are not cut. */
static int64_t whole(const uint32_t *p)
{
    int64_t n, best = LITERAL(p, "^n^", "^n", "l^", "d^", "j^", "dunkin^", "somethin^", "ol^",
                              "^em", "^till",
                              "^til", "^cause", "cont'd.", "cont'd", "nor'easter", "c'mon", "e'er",
                              "s'mores", "ev'ry", "li'l", "nat'l");
    n = ptb_apostrophe(p);
    if (n && p[n] >= '2' && p[n] <= '9' && p[n + 1] == '0' && (p[n + 2] | 32) == 's') best = n + 3;
    if (*p == 'n' || (*p >= 'A' && *p <= 'X' && *p != 'I')) {
        int64_t first = 1 + ptb_apostrophe_or_quote(p + 1);
        for (n = first; first > 1 && ptb_letter(p[n]);) n++;
        if (n >= first + 2 && n > best) best = n;
    }
    for (n = 0; ptb_letter(p[n]);) n++;
    if (n >= 2 && ptb_one_of(p[n - 1] | 32, "aeiouy")) {
        int64_t quote = ptb_apostrophe_or_quote(p + n);
        n += quote;
        if (quote && (ptb_one_of(p[n], "aeiou") || (p[n] >= 'A' && p[n] <= 'Z'))) {
            while (ptb_letter(p[n])) n++;
            if (n > best) best = n;
        }
    }
    return best;
}

static bool letter_or_digit(uint32_t c)
{
    return ptb_letter(c) || ptb_digit(c);
}

static int64_t thing_part(const uint32_t *p)
{
    int64_t n = 0, quote = ptb_one_of(*p | 32, "dol") ? ptb_apostrophe_or_quote(p + 1) : 0;
    if (quote && letter_or_digit(p[1 + quote]) && letter_or_digit(p[2 + quote])) n = 1 + quote;
    while (letter_or_digit(p[n])) n++;
    return n;
}

/* Letters and digits joined by hyphens; d' o' l' in front of a part. */
static int64_t thing(const uint32_t *p)
{
    int64_t n = thing_part(p), more;
    while (n && (p[n] == '-' || p[n] == '_' || p[n] == 0x58A || p[n] == 0x2010 || p[n] == 0x2011) &&
           (more = thing_part(p + n + 1)) > 0)
        n += 1 + more;
    return n;
}

/* 1.5-inch, ex-U.S. */
static int64_t hyphenated(const uint32_t *p)
{
    int64_t n = 1, joined = 0;
    if (!ptb_alnum(*p)) return 0;
    while (ptb_alnum(p[n]) || p[n] == '.' || p[n] == ',' || p[n] == 0xAD) n++;
    while (p[n] == '-') {
        int64_t acronym = ptb_acronym(p + n + 1), run = 0;
        while (ptb_alnum(p[n + 1 + run]) || p[n + 1 + run] == 0xAD) run++;
        if (acronym > 1 && p[n + 1 + acronym] == '.') run = acronym + 1;
        if (!run) break;
        n += 1 + run;
        joined = n;
    }
    return joined;
}

/* AT&T, A+B: capitals. */
static int64_t capitals(const uint32_t *p)
{
    int64_t n = 0, joined = 0;
    for (;;) {
        int64_t run = 0;
        while (p[n + run] >= 'A' && p[n + run] <= 'Z') run++;
        if (!run) return joined;
        if (n) joined = n + run;
        n += run;
        int64_t amp = LITERAL(p + n, "&amp;", "&", "+");
        if (!amp) return joined;
        n += amp;
    }
}

static int64_t slash_part(const uint32_t *p)
{
    int64_t n = 0;
    while (ptb_alnum(p[n])) n++;
    for (int i = 0; n && i < 2 && p[n] == '-' && ptb_alpha(p[n + 1]); i++)
        for (n++; ptb_alpha(p[n]);) n++;
    return n;
}

/* and/or, at most three parts. */
static int64_t slashed(const uint32_t *p)
{
    int64_t n = slash_part(p), joined = 0;
    for (int i = 0; n && i < 2; i++) {
        int64_t slash = p[n] == '\\' ? 2 : 1, part;
        if (p[n + slash - 1] != '/' || (part = slash_part(p + n + slash)) == 0) break;
        n += slash + part;
        joined = n;
    }
    return joined;
}

static int64_t smiley(const uint32_t *p)
{
    int64_t n = ptb_one_of(*p, "<>");
    if (!ptb_one_of(p[n], ":;=")) return 0;
    n++;
    if (ptb_one_of(p[n], "-o*'") && ptb_one_of(p[n + 1], "()DPdpO\\{@|[]")) n++;
    return ptb_one_of(p[n], "()DPdpO\\{@|[]") ? n + 1 : 0;
}

static int64_t asian_smiley(const uint32_t *p)
{
    static const char EYES[] = "-^x=~<>'";
    if (ptb_one_of(*p, EYES) && p[1] == '_' && ptb_one_of(p[2], EYES)) return 3;
    if (*p != '(' || !ptb_one_of(p[1], EYES)) return 0;
    int64_t n = 2 + ptb_one_of(p[2], "_.");
    if (ptb_one_of(p[n], EYES) && p[n + 1] == ')') return n + 2;
    return p[1] != '-' && p[2] == '-' && ptb_one_of(p[3], "^x=~<>'`") && p[4] == ')' ? 5 : 0;
}

/* Characters that stay together when repeated; `most` of them. */
static int64_t repeated(const uint32_t *p, const char *set, int64_t most)
{
    int64_t n = 0;
    while (n < most && ptb_one_of(p[n], set)) n++;
    return n;
}

static int64_t dots(const uint32_t *p)
{
    int64_t n = repeated(p, ".", 5), spaced = 0;
    if (n >= 3) return n;
    if (*p == 0x85 || *p == 0x2026) return 1;
    for (n = 0; n < 8 && p[n] == '.' && (p[n + 1] == ' ' || p[n + 1] == 0xA0);) n += 2;
    if (n >= 4) spaced = p[n] == '.' ? n + 1 : n >= 6 ? n - 1 : 0;
    return spaced;
}

static int64_t quotes(const uint32_t *p)
{
    static const uint32_t LIST[] = { '`', 0x91, 0x92, 0x93, 0x94, 0x2018, 0x2019, 0x201A, 0x201B,
                                     0x201C, 0x201D,
                                     0x201E, 0x201F, 0x2039, 0x203A, 0xAB, 0xBB };
    int64_t n = 0;
    for (size_t i = 0; n < 2 && i < sizeof LIST / sizeof *LIST; i++) {
        if (p[n] != LIST[i]) continue;
        n++;
        i = (size_t)-1;
    }
    if (n == 0 && p[0] == '\'' && p[1] == '\'') return 2;
    return n ? n : ptb_apostrophe(p);
}

static int64_t dollar(const uint32_t *p)
{
    int64_t n = 0;
    while (p[n] >= 'A' && p[n] <= 'Z') n++;
    return p[n] == '$' ? n + 1 : *p == '#';
}

static bool one_of_code(uint32_t c, const uint32_t *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (c == list[i]) return true;
    return false;
}

static bool money(uint32_t c)
{
    static const uint32_t LIST[] = { 0xA2, 0xA3, 0xA4, 0xA5, 0x80, 0x20A0, 0x20AC, 0x60B, 0xE3F,
                                     0x20A4, 0xFFE0,
                                     0xFFE1, 0xFFE5, 0xFFE6 };
    return one_of_code(c, LIST, sizeof LIST / sizeof *LIST);
}

static bool fraction(uint32_t c)
{
    return (c >= 0xBC && c <= 0xBE) || (c >= 0x2153 && c <= 0x215E);
}

static int64_t script_number(const uint32_t *p)
{
    int64_t sign = *p == 0x207A || *p == 0x207B || *p == 0x208A || *p == 0x208B, n = sign;
    while (p[n] == 0x2070 || p[n] == 0xB9 || p[n] == 0xB2 || p[n] == 0xB3 ||
           (p[n] >= 0x2074 && p[n] <= 0x2079))
        n++;
    if (n > sign) return n;
    while (p[n] >= 0x2080 && p[n] <= 0x2089) n++;
    return n > sign ? n : 0;
}

static bool space(uint32_t c)
{
    return ptb_space(c) || ptb_newline(c);
}

/* An abbreviation of letters and dots, spaces, a word that starts a sentence or a tag: the total,
 * or 0. */
static int64_t sentence_end(const uint32_t *p, int64_t acronym)
{
    static const char *const STARTS[] = {
        "About", "According", "Additionally", "After", "An", "As", "At", "A", "But", "Earlier",
        "Here", "Her", "He", "However", "If", "In", "It", "Last", "Many", "More", "Mr.", "Ms.",
        "Now", "Once", "One", "Other", "Our", "She", "Since", "Some", "So", "Such", "That", "These",
        "There", "Then", "They", "Their", "The", "This", "When", "While", "What", "We", "Yet", "You"
    };
    int64_t n = acronym + 1;
    if (!acronym || p[acronym] != '.' || !space(p[n])) return 0;
    while (space(p[n])) n++;
    int64_t tag = ptb_tag(p + n);
    if (tag && space(p[n + tag])) return n + tag + 1;
    for (size_t i = 0; i < sizeof STARTS / sizeof *STARTS; i++) {
        int64_t start = LITERAL(p + n, STARTS[i]);
        if (start && space(p[n + start])) return n + start + 1;
    }
    return 0;
}

/* The rules. */

typedef struct { const uint32_t *p; ptb_match best; } search;

/* A rule found a token of n characters that looks at `ahead` more. */
static void found(search *s, int64_t n, int64_t ahead, ptb_kind kind)
{
    if (n > 0 && n + ahead > s->best.total) s->best = (ptb_match){ n, n + ahead, kind };
}

static bool in_sentence(uint32_t c)
{
    return c == ',' || c == ';' || c == ':' || c == 0x3001;
}

/* The same with a dot, where a comma or the like follows. */
static void found_with_dot(search *s, int64_t n, ptb_kind kind)
{
    if (n > 0 && s->p[n] == '.' && in_sentence(s->p[n + 1])) found(s, n + 1, 1, kind);
}

static void find_words(search *s)
{
    const uint32_t *p = s->p;
    int64_t n;
    found(s, LITERAL(p, "c++", "c#", "f#"), 0, PTB_PLAIN);
    if ((n = LITERAL(p, "cannot", "'twas")) > 0) found(s, n - 3, 3, PTB_PLAIN);
    if ((n = LITERAL(p, "'tis", "more'n", "gonna", "gotta", "lemme", "gimme", "wanna")) > 0)
        found(s, n - 2, 2, PTB_PLAIN);
    found(s, ptb_tag(p), 0, PTB_SPACED);
    found(s, LITERAL(p, "&md;", "&mdash;", "&ndash;"), 0, PTB_DASH);
    if (*p == 0x96 || *p == 0x97 || (*p >= 0x2013 && *p <= 0x2015)) found(s, 1, 0, PTB_DASH);
    found(s, LITERAL(p, "&amp;"), 0, PTB_AMP);
    n = word(p);
    if (n) found(s, n, clitic(p + n), PTB_WORD);
    int64_t front = before_not(p);
    found(s, front, front ? not(p + front) : 0, PTB_WORD);
    found(s, n, 0, PTB_WORD);
    found(s, whole(p), 0, PTB_PLAIN);
    int64_t y = LITERAL(p, "y^");
    if (y && ptb_letter(p[y])) found(s, y, 1, PTB_PLAIN);
    found(s, ptb_url(p), 0, PTB_PLAIN);
    found(s, ptb_site(p), 0, PTB_PLAIN);
    found(s, ptb_mail(p), 0, PTB_PLAIN);
    if (*p == '@' && (ptb_alpha(p[1]) || p[1] == '_')) {
        for (n = 2; ptb_alnum(p[n]) || p[n] == '_';) n++;
        found(s, n, 0, PTB_PLAIN);
    }
    for (n = 1; *p == '#' && letter(p + n);) n += letter(p + n);
    if (n > 1) found(s, n, 0, PTB_PLAIN);
    n = clitic(p);
    if (!ptb_alpha(p[n])) found(s, n, 1, PTB_RIGHT);
    found(s, not(p), 0, PTB_RIGHT);
}

static void find_numbers(search *s)
{
    const uint32_t *p = s->p;
    int64_t n;
    found(s, ptb_date(p), 0, PTB_PLAIN);
    found(s, ptb_number(p), 0, PTB_WORD);
    found(s, script_number(p), 0, PTB_PLAIN);
    found(s, ptb_fraction(p), 0, PTB_SPACED);
    if (fraction(*p)) found(s, 1, 0, PTB_FRACTION);
    found(s, LITERAL(p, "-rrb-", "-lrb-", "-rcb-", "-lcb-", "-rsb-", "-lsb-", "c.d.s", "pro-",
                     "anti-", "s&p-500",
                     "s&amp;p-500", "s&ls", "s&amp;ls", "cap^n", "c^est"), 0, PTB_AMP);
    found(s, slashed(p), 0, PTB_PLAIN);
    found(s, dollar(p), 0, PTB_PLAIN);
    if (money(*p)) found(s, 1, 0, PTB_MONEY);
    n = ptb_acronym(p);
    int64_t total = sentence_end(p, n), dot = n > 1;
    /* A lone letter loses its dot there; both give a dot of their own, which is dropped. */
    found(s, total ? n + dot : 0, total - n - dot, PTB_PLAIN);
    if (space(p[n])) found(s, n, 1, PTB_PLAIN);
    n = ptb_before_number(p);
    int64_t gap = space(p[n]);
    if (n && ptb_digit(p[n + gap])) found(s, n, gap + 1, PTB_PLAIN);
    found(s, ptb_abbreviation(p), 0, PTB_PLAIN);
    n = ptb_apostrophe(p);
    if (n && ptb_digit(p[n]) && ptb_digit(p[n + 1]) && space(p[n + 2]))
        found(s, n + 2, 1, PTB_PLAIN);
    n = ptb_file(p);
    if (space(p[n]) || ptb_one_of(p[n], ".?!,")) found(s, n, 1, PTB_PLAIN);
    found_with_dot(s, word(p), PTB_WORD);
    found(s, ptb_phone(p), 0, PTB_SPACED);
}

static void find_marks(search *s)
{
    const uint32_t *p = s->p;
    int64_t n = LITERAL(p, "\"", "&quot;");
    if (ptb_alnum(p[n]) || p[n] == '$') found(s, n, 1, PTB_LEFT);
    found(s, n, 0, PTB_RIGHT);
    found(s, LITERAL(p, "&lt;"), 0, PTB_BRACKET);
    found(s, LITERAL(p, "&gt;"), 0, PTB_BRACKET);
    n = smiley(p);
    if (!ptb_alpha(p[n])) found(s, n, 1, PTB_SPACED);
    found(s, asian_smiley(p), 0, PTB_SPACED);
    if (ptb_one_of(*p, "<>()[]{}")) found(s, 1, 0, PTB_BRACKET);
    n = repeated(p, "-", INT64_MAX);
    found(s, n, 0, n == 3 || n == 4 ? PTB_DASH : PTB_PLAIN);
    found(s, dots(p), 0, PTB_DOTS);
    found(s, repeated(p, "@", INT64_MAX), 0, PTB_PLAIN);
    found(s, repeated(p, "#", INT64_MAX), 0, PTB_PLAIN);
    found(s, repeated(p, "_", INT64_MAX), 0, PTB_PLAIN);
    found(s, repeated(p, "*", INT64_MAX), 0, PTB_PLAIN);
    found(s, LITERAL(p, "\\*\\*\\*", "\\*\\*", "\\*"), 0, PTB_PLAIN);
    found(s, repeated(p, "?!", INT64_MAX), 0, PTB_PLAIN);
    if (ptb_one_of(*p, ",;:.=/")) found(s, 1, 0, PTB_PLAIN);
    n = hyphenated(p);
    found_with_dot(s, n, PTB_WORD);
    found(s, n, 0, PTB_WORD);
    n = thing(p);
    found_with_dot(s, n, PTB_PLAIN);
    found(s, n, 0, PTB_PLAIN);
    n = capitals(p);
    found_with_dot(s, n, PTB_AMP);
    found(s, n, 0, PTB_AMP);
    if (*p == '\'' && ptb_alpha(p[1]) && !ptb_one_of(p[2], " \t\n\r") && p[2] != 0xA0)
        found(s, 1, 2, PTB_LEFT);
    found(s, clitic(p), 0, PTB_RIGHT);
    found(s, quotes(p), 0, PTB_RIGHT);
    found(s, LITERAL(p, "<<", ">>"), 0, PTB_PLAIN);
    if (ptb_one_of(*p, "+%&~^|\\") || ptb_symbol(*p)) found(s, 1, 0, PTB_PLAIN);
    found(s, LITERAL(p, "&nbsp;"), 0, PTB_SKIP);
    found(s, 1, 0, PTB_SKIP);
}

ptb_match ptb_next(const uint32_t *p)
{
    search s = { p, { 0, 0, PTB_SKIP } };
    if (space(*p)) return (ptb_match){ 1, 1, PTB_SKIP };
    find_words(&s);
    find_numbers(&s);
    find_marks(&s);
    return s.best;
}
