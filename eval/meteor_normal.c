/* METEOR's own cutting of a line into words (English, punctuation kept): one pass over the line for
 * each rule, in the original's order.  edu.cmu.meteor.util.Normalizer, normalizeLine */
#include <stdlib.h>
#include <string.h>
#include "../io/text.h"
#include "../io/unicode.h"
#include "meteor_parts.h"

/* A line of characters.  A run of k >= 2 dots is one character DOTS + k, past Unicode's last. */
enum { DOTS = 0x110000 };
typedef struct { uint32_t *c; int64_t n, room; bool failed; } line;

static void put(line *l, uint32_t c)
{
    if (l->failed) return;
    if (l->n == l->room) {
        int64_t room = 2 * l->room + 64;
        uint32_t *more = realloc(l->c, (size_t)room * sizeof *more);
        if (!more) {
            l->failed = true;
            return;
        }
        l->c = more;
        l->room = room;
    }
    l->c[l->n++] = c;
}

static bool digit(uint32_t c) { return c >= '0' && c <= '9'; }
static bool not_digit(uint32_t c) { return !digit(c); }

static bool alpha(uint32_t c)
{
    static const uint32_t range[][2] = {
        { 'A', 'Z' }, { 'a', 'z' }, { 0xC0, 0xD6 }, { 0xD8, 0xF6 }, { 0xF8, 0x17E },
        { 0x400, 0x527 }, { 0xA640, 0xA66E }, { 0xA67E, 0xA697 }, { 0x1D00, 0x1D7F },
    };
    for (size_t i = 0; i < sizeof range / sizeof *range; i++)
        if (c >= range[i][0] && c <= range[i][1]) return true;
    return false;
}

static bool not_alpha(uint32_t c) { return !alpha(c); }
static bool alnum(uint32_t c) { return alpha(c) || digit(c); }
static bool not_alnum(uint32_t c) { return !alnum(c); }
static bool alnum_or_dot(uint32_t c) { return alnum(c) || c == '.'; }
static bool only_s(uint32_t c) { return c == 's'; }

/* Characters that are no word's become words of their own. */
static void separate(line *out, const line *in)
{
    for (int64_t i = 0; i < in->n; i++) {
        uint32_t c = in->c[i];
        bool stays = alnum(c) || c == ' ' || (c >= '\t' && c <= '\r') || c == '.' || c == '\'' ||
                     c == '`' || c == ',' || c == '-' || c == 0x2018 || c == 0x2019;
        if (!stays) put(out, ' ');
        put(out, c);
        if (!stays) put(out, ' ');
    }
}

/* A run of dots is one word. */
static void join_dots(line *out, const line *in)
{
    for (int64_t i = 0; i < in->n;) {
        int64_t k = 0;
        while (i + k < in->n && in->c[i + k] == '.') k++;
        if (k < 2) {
            put(out, in->c[i++]);
            continue;
        }
        put(out, ' ');
        put(out, (uint32_t)(DOTS + k));
        put(out, ' ');
        i += k;
    }
}

typedef bool (*kind)(uint32_t);

/* Where `mark` stands between a character of kind a and one of kind b: the two with `between` in
 * its place.  Both are used up: of x,y,z only the first comma has a left neighbour, as in
 * replaceAll. */
static void replace_between(line *out, const line *in, kind a, uint32_t mark, kind b,
                            const char *between)
{
    for (int64_t i = 0; i < in->n; i++) {
        put(out, in->c[i]);
        if (i + 2 >= in->n || in->c[i + 1] != mark || !a(in->c[i]) || !b(in->c[i + 2])) continue;
        for (const char *p = between; *p; p++) put(out, (unsigned char)*p);
        put(out, in->c[i + 2]);
        i += 2;
    }
}

/* One kind of quote. */
static void plain_quotes(line *out, const line *in)
{
    for (int64_t i = 0; i < in->n; i++) {
        uint32_t c = in->c[i];
        put(out, c == '`' || c == 0x2018 || c == 0x2019 ? '\'' : c);
    }
}

static void double_quotes(line *out, const line *in)
{
    for (int64_t i = 0; i < in->n; i++) {
        uint32_t c = in->c[i];
        bool two = c == '\'' && i + 1 < in->n && in->c[i + 1] == '\'';
        if (!two && c != 0x201C && c != 0x201D) {
            put(out, c);
            continue;
        }
        put(out, ' ');
        put(out, '"');
        put(out, ' ');
        i += two;
    }
}

static void plain_dashes(line *out, const line *in)
{
    for (int64_t i = 0; i < in->n; i++) put(out, in->c[i] == 0x2013 ? '-' : in->c[i]);
}

static void single_dashes(line *out, const line *in)
{
    for (int64_t i = 0; i < in->n; i++) {
        put(out, in->c[i]);
        i += in->c[i] == '-' && i + 1 < in->n && in->c[i + 1] == '-';
    }
}

/* The word's number in v by its characters, 0 when it is not there. */
static int64_t find(const gm_vocabulary *v, const uint32_t *c, int64_t n)
{
    char text[64];
    size_t used = 0;
    for (int64_t i = 0; i < n; i++) {
        if (used + 4 >= sizeof text || c[i] >= DOTS) return 0;      /* longer than any prefix */
        used += gm_utf8_put(text + used, c[i]);
    }
    return gm_vocabulary_number((gm_vocabulary *)v, text, used, false);
}

/* What becomes of a word that ends with a dot; next: the first character behind it, or 0. */
static void dotted_word(line *out, const uint32_t *c, int64_t n, uint32_t next,
                        const gm_meteor_lists *l)
{
    bool inner = false, letter = false;
    for (int64_t i = 0; i + 1 < n; i++) {
        inner |= c[i] == '.';
        letter |= alpha(c[i]);
    }
    if (inner && letter) {                      /* an abbreviation: without its dots */
        for (int64_t i = 0; i < n; i++)
            if (c[i] != '.') put(out, c[i]);
        return;
    }
    for (int64_t i = 0; i + 1 < n; i++) put(out, c[i]);
    bool stays = find(&l->always, c, n - 1) || (next >= 'a' && next <= 'z') ||
                 (digit(next) && find(&l->numeric, c, n - 1));
    if (!stays) put(out, ' ');
    put(out, '.');
}

static bool delimits(uint32_t c)                /* StringTokenizer's white space */
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f';
}

/* Dots at the ends of words are cut off, unless the word is known to keep its own. */
static void cut_dots(line *out, const line *in, const gm_meteor_lists *l)
{
    for (int64_t i = 0; i < in->n;) {
        int64_t end = i, next;
        while (end < in->n && !delimits(in->c[end])) end++;
        for (next = end; next < in->n && delimits(in->c[next]);) next++;
        const uint32_t *c = in->c + i;
        int64_t n = end - i;
        /* in UTF-16 a character past U+FFFF alone is longer than one, but is no dot */
        if (n > 1 && c[n - 1] == '.') dotted_word(out, c, n, next < in->n ? in->c[next] : 0, l);
        else for (int64_t k = 0; k < n; k++) put(out, c[k]);
        if (n) put(out, ' ');
        i = next;
    }
}

static bool wide_space(uint32_t c)
{
    return c == 0xA0 || (c >= 0x2000 && c <= 0x200A) || c == 0x202F || c == 0x205F || c == 0x3000;
}

/* The words in lower case as UTF-8.  Java's trim takes control characters at the ends away too. */
static char *to_text(const line *l)
{
    gm_text t = { 0 };
    int64_t start = 0, end = l->n;
    while (start < end && (l->c[start] <= ' ' || wide_space(l->c[start]))) start++;
    while (end > start && (l->c[end - 1] <= ' ' || wide_space(l->c[end - 1]))) end--;
    for (int64_t i = start; i < end; i++) {
        char out[8];
        uint32_t c = l->c[i], low[2];
        if (delimits(c) || wide_space(c)) {
            if (t.n && t.s[t.n - 1] != ' ') gm_text_adds(&t, " ");
            continue;
        }
        for (uint32_t k = c; k > DOTS; k--) gm_text_adds(&t, ".");
        if (c > DOTS) continue;
        int parts = gm_lower(c, low);
        for (int k = 0; k < parts; k++) gm_text_add(&t, out, gm_utf8_put(out, low[k]));
    }
    return gm_text_take(&t);
}

/* Without white space and control characters at its ends (Java's trim), between two spaces. */
static void characters(line *out, const char *text)
{
    size_t left = strlen(text), length;
    bool valid;
    while (left && (unsigned char)text[left - 1] <= ' ') left--;
    for (; left && (unsigned char)*text <= ' '; text++) left--;
    put(out, ' ');
    for (; left; text += length, left -= length) put(out, gm_utf8_get(text, left, &length, &valid));
    put(out, ' ');
}

char *gm_meteor_normal(const char *text, const gm_meteor_lists *l)
{
    static void (*const pass[])(line *, const line *) = {
        separate, join_dots, NULL, NULL, NULL, plain_quotes, double_quotes, plain_dashes,
        single_dashes, NULL, NULL, NULL, NULL, NULL, NULL
    };
    static const struct { kind a; uint32_t mark; kind b; const char *between; }
    between[sizeof pass / sizeof *pass] = {
        [2] = { not_digit, ',', not_digit, " , " }, [3] = { digit, ',', not_digit, " , " },
        [4] = { not_digit, ',', digit, " , " },     [9] = { alnum_or_dot, '-', alnum, " " },
        [10] = { not_alpha, '\'', not_alpha, " ' " }, [11] = { not_alnum, '\'', alpha, " ' " },
        [12] = { alpha, '\'', not_alpha, " ' " },   [13] = { alpha, '\'', alpha, " '" },
        [14] = { digit, '\'', only_s, " '" },
    };
    line a = { 0 }, b = { 0 };
    characters(&a, text);
    for (size_t i = 0; i < sizeof pass / sizeof *pass; i++) {
        b.n = 0;
        if (pass[i]) pass[i](&b, &a);
        else
            replace_between(&b, &a, between[i].a, between[i].mark, between[i].b,
                            between[i].between);
        line other = a;
        a = b;
        b = other;
    }
    b.n = 0;
    cut_dots(&b, &a, l);
    bool failed = a.failed || b.failed;
    char *words = failed ? NULL : to_text(&b);
    free(a.c);
    free(b.c);
    return words;
}
