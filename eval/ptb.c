/* See ptb.h: cuts with ptb_next, writes each token as the original does (PTBLexer's
 * normalisations), drops punctuation. */
#include "ptb.h"
#include <stdlib.h>
#include <string.h>
#include "../io/text.h"
#include "../io/unicode.h"
#include "ptb_rules.h"

static const char *const DROPPED[] = { "''", "'", "``", "`", ".", "?", "!", ",", ":", "-", "--",
                                       "...", ";" };

static bool dropped(const char *token)
{
    for (size_t i = 0; i < sizeof DROPPED / sizeof *DROPPED; i++)
        if (strcmp(token, DROPPED[i]) == 0) return true;
    return false;
}

static const char *bracket(uint32_t c)
{
    switch (c) {
    case '(': return "-lrb-";
    case ')': return "-rrb-";
    case '[': return "-lsb-";
    case ']': return "-rsb-";
    case '{': return "-lcb-";
    case '}': return "-rcb-";
    default: return NULL;
    }
}

static const char *quote(uint32_t c, ptb_kind kind)
{
    switch (c) {
    case '\'': return kind == PTB_LEFT ? "`" : "'";
    case '"': return kind == PTB_LEFT ? "``" : "''";
    case 0x91: case 0x2018: case 0x201B: case 0x2039: return "`";
    case 0x92: case 0x2019: case 0x203A: return "'";
    case 0x93: case 0x201C: case 0xAB: return "``";
    case 0x94: case 0x201D: case 0xBB: return "''";
    default: return NULL;
    }
}

static const char *fraction_or_money(uint32_t c)
{
    switch (c) {
    case 0xBC: return "1/4";
    case 0xBD: return "1/2";
    case 0xBE: return "3/4";
    case 0x2153: return "1/3";
    case 0x2154: return "2/3";
    case 0xA2: return "cents";
    case 0xA3: return "#";
    case 0x80: case 0xA4: case 0x20A0: case 0x20AC: return "$";
    default: return NULL;
    }
}

/* What character c becomes in a token of this kind; NULL: its own lower case. */
static const char *written(uint32_t c, ptb_kind kind)
{
    switch (kind) {
    case PTB_WORD: return c == 0xAD ? "" : NULL;
    case PTB_LEFT: case PTB_RIGHT: return quote(c, kind);
    case PTB_SPACED: return c == ' ' ? "\xC2\xA0" : c == '(' || c == ')' ? bracket(c) : NULL;
    case PTB_BRACKET: return bracket(c);
    case PTB_MONEY: case PTB_FRACTION: return fraction_or_money(c);
    default: return NULL;
    }
}

/* The entity at p (n characters left) that a token of this kind writes as a character, or 0. */
static uint32_t entity(const uint32_t *p, ptb_kind kind, int64_t *length)
{
    static const struct { const char *name; uint32_t c; } LIST[] = {
        { "&amp;", '&' }, { "&apos;", '\'' }, { "&quot;", '"' }, { "&lt;", '<' }, { "&gt;", '>' }
    };
    size_t first = kind == PTB_AMP ? 0 : kind == PTB_BRACKET ? 3 : 1;
    size_t last = kind == PTB_AMP ? 0 : kind == PTB_BRACKET ? 4 : 2;
    if (*p != '&' || kind == PTB_PLAIN || kind == PTB_WORD || kind == PTB_SPACED) return 0;
    for (size_t i = first; i <= last; i++) {
        *length = ptb_literal(p, (const char *const[]){ LIST[i].name, NULL });
        if (*length) return LIST[i].c;
    }
    return 0;
}

static void write_token(gm_text *t, const uint32_t *p, const ptb_match *m)
{
    size_t start = t->n;
    if (m->kind == PTB_DASH) gm_text_adds(t, "--");
    if (m->kind == PTB_DOTS) gm_text_adds(t, "...");
    if (m->kind == PTB_DASH || m->kind == PTB_DOTS) return;
    for (int64_t i = 0, step = 1; i < m->length; i += step) {
        uint32_t c = entity(p + i, m->kind, &step), low[2];
        if (!c) {
            c = p[i];
            step = 1;
        }
        const char *other = written(c, m->kind);
        if (other) {
            gm_text_adds(t, other);
            continue;
        }
        int n = gm_lower(c, low);
        for (int k = 0; k < n; k++) {
            char utf8[4];
            gm_text_add(t, utf8, gm_utf8_put(utf8, low[k]));
        }
    }
    if (t->n == start) gm_text_adds(t, "-");             /* soft hyphens alone */
}

/* Appends the characters of s to p, at most `most`; line ends become spaces. */
static int64_t append(uint32_t *p, int64_t n, const char *s, int64_t most)
{
    size_t left = strlen(s);
    for (int64_t i = 0; left && i < most; i++) {
        size_t length;
        bool valid;
        uint32_t c = gm_utf8_get(s, left, &length, &valid);
        p[n++] = valid && !ptb_newline(c) ? c : ' ';
        s += length;
        left -= length;
    }
    return n;
}

/* The *n characters of the caption, then a newline and the start of the next one, then zeros;
 * malloc'ed. */
static uint32_t *characters(const char *caption, const char *next, int64_t *n)
{
    enum { AHEAD = 64 };
    uint32_t *p = calloc(strlen(caption) + AHEAD + 8, sizeof *p);
    if (!p) return NULL;
    *n = append(p, 0, caption, INT64_MAX);
    if (!next) return p;
    p[*n] = '\n';
    int64_t end = append(p, *n + 1, next, AHEAD);
    if (end < *n + 1 + AHEAD) p[end] = '\n';
    return p;
}

char *gm_ptb_tokens(const char *caption, const char *next, gm_error *e)
{
    gm_text out = { 0 }, token = { 0 };
    int64_t n = 0;
    uint32_t *p = characters(caption, next, &n);
    for (int64_t i = 0; i < n;) {
        ptb_match m = ptb_next(p + i);
        token.n = 0;
        if (m.kind != PTB_SKIP) {
            write_token(&token, p + i, &m);
            if (token.s && !dropped(token.s)) {
                if (out.n) gm_text_add(&out, " ", 1);
                gm_text_add(&out, token.s, token.n);
            }
        }
        i += m.length;
    }
    free(p);
    gm_text_drop(&token);
    char *s = gm_text_take(&out);
    if (!s || !p) {
        free(s);
        gm_fail(e, "out of memory for a caption");
        return NULL;
    }
    return s;
}
