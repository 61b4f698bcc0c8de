/* WordPiece: the text is cleaned, put into lower case without accents, cut at white space and
 * punctuation; each word becomes the longest pieces that the vocabulary has.
 * Source: tokenizers 0.13 normalizers/bert.rs, pre_tokenizers/bert.rs, models/wordpiece/mod.rs */
#include "wordpiece.h"
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>
#include "../io/os.h"
#include "../io/text.h"
#include "../io/unicode.h"
#include "ngrams.h"

enum { LONGEST = 100 };                 /* characters of a word; a longer one is [UNK] */
enum { UNK, CLS, SEP, PAD, MASK, SPECIALS };
static const char *const SPECIAL[SPECIALS] = { "[UNK]", "[CLS]", "[SEP]", "[PAD]", "[MASK]" };

struct gm_wordpiece {
    gm_vocabulary pieces;
    int32_t special[SPECIALS];          /* ids; -1: none */
};

/* Ids so far. */
typedef struct { int32_t *id; int64_t n, most; } ids;

gm_wordpiece *gm_wordpiece_parse(const char *text, const char *name, gm_error *e)
{
    gm_wordpiece *w = calloc(1, sizeof *w);
    int bad = w ? 0 : gm_fail(e, "%s: out of memory", name);
    for (int64_t lines = 1; !bad && *text; lines++) {
        size_t n = strcspn(text, "\n"), end = n && text[n - 1] == '\r' ? n - 1 : n;
        int64_t number = gm_vocabulary_number(&w->pieces, text, end, true);
        if (!number) bad = gm_fail(e, "%s: out of memory", name);
        else if (number != lines)
            bad = gm_fail(e, "%s: line %lld: the piece of line %lld again", name,
                          (long long)lines, (long long)number);
        text += n + (text[n] != 0);
    }
    for (int i = 0; !bad && i < SPECIALS; i++) {
        const char *s = SPECIAL[i];
        w->special[i] = (int32_t)gm_vocabulary_number(&w->pieces, s, strlen(s), false) - 1;
        if (w->special[i] < 0 && i <= SEP)
            bad = gm_fail(e, "%s: wanted BERT's pieces, one a line; there is no %s", name, s);
    }
    if (!bad) return w;
    gm_wordpiece_free(w);
    return NULL;
}

gm_wordpiece *gm_wordpiece_open(const char *path, gm_error *e)
{
    size_t size;
    char *text = gm_read_text(path, &size, e);
    gm_wordpiece *w = text ? gm_wordpiece_parse(text, path, e) : NULL;
    free(text);
    return w;
}

void gm_wordpiece_free(gm_wordpiece *w)
{
    if (w) gm_vocabulary_free(&w->pieces);
    free(w);
}

int64_t gm_wordpiece_size(const gm_wordpiece *w)
{
    return w->pieces.n;
}

static bool chinese(uint32_t c)
{
    return (c >= 0x4E00 && c <= 0x9FFF) || (c >= 0x3400 && c <= 0x4DBF) ||
           (c >= 0x20000 && c <= 0x2A6DF) || (c >= 0x2A700 && c <= 0x2B73F) ||
           (c >= 0x2B740 && c <= 0x2B81F) || (c >= 0x2B920 && c <= 0x2CEAF) ||
           (c >= 0xF900 && c <= 0xFAFF) || (c >= 0x2F800 && c <= 0x2FA1F);
}

static bool dropped(uint32_t c)
{
    utf8proc_category_t k = utf8proc_category((utf8proc_int32_t)c);
    if (c == '\t' || c == '\n' || c == '\r') return false;
    return c == 0 || c == GM_NOT_UTF8 || k == UTF8PROC_CATEGORY_CC || k == UTF8PROC_CATEGORY_CF ||
           k == UTF8PROC_CATEGORY_CO || k == UTF8PROC_CATEGORY_CS;
}

static bool punctuation(uint32_t c)
{
    utf8proc_category_t k = utf8proc_category((utf8proc_int32_t)c);
    if (c < 0x80) return (c > ' ' && c < '0') || (c > '9' && c < 'A') || (c > 'Z' && c < 'a') ||
                         (c > 'z' && c < 0x7F);
    return k >= UTF8PROC_CATEGORY_PC && k <= UTF8PROC_CATEGORY_PO;
}

static void put(gm_text *t, uint32_t c)
{
    char out[4];
    gm_text_add(t, out, gm_utf8_put(out, c));
}

/* text (n bytes) without control characters, white space as spaces, Chinese characters apart. */
static void clean(gm_text *t, const char *text, size_t n)
{
    size_t length;
    bool valid;
    for (; n; text += length, n -= length) {
        uint32_t c = gm_utf8_get(text, n, &length, &valid);
        if (!valid || dropped(c)) continue;
        if (chinese(c)) gm_text_adds(t, " ");
        put(t, gm_is_space(c) ? ' ' : c);
        if (chinese(c)) gm_text_adds(t, " ");
    }
}

/* Canonical decomposition (NFD) of `from`, marks dropped, in lower case. */
static void plain(gm_text *t, const gm_text *from)
{
    const utf8proc_uint8_t *s = (const utf8proc_uint8_t *)from->s;
    utf8proc_ssize_t room = (utf8proc_ssize_t)from->n * 4 + 16, n;      /* at most 4 for one */
    utf8proc_int32_t *c = malloc((size_t)room * sizeof *c);
    n = c ? utf8proc_decompose(s, (utf8proc_ssize_t)from->n, c, room, UTF8PROC_DECOMPOSE) : -1;
    t->failed |= n < 0 || n > room;
    for (utf8proc_ssize_t i = 0; i < n && n <= room; i++) {
        uint32_t low[2];
        if (utf8proc_category(c[i]) == UTF8PROC_CATEGORY_MN) continue;
        int parts = gm_lower((uint32_t)c[i], low);
        for (int k = 0; k < parts; k++) put(t, low[k]);
    }
    free(c);
}

static void add_id(ids *y, int32_t id)
{
    if (y->n < y->most) y->id[y->n++] = id;
}

/* One word's pieces; [UNK] alone when some part of it has none. */
static void add_word(ids *y, const gm_wordpiece *w, const char *s, size_t n)
{
    char piece[2 + 4 * LONGEST] = "##";
    size_t characters = 0;
    int64_t before = y->n;
    for (size_t i = 0; i < n; i++) characters += ((unsigned char)s[i] & 0xC0) != 0x80;
    for (size_t at = 0; at < n && characters <= LONGEST;) {
        int64_t number = 0;
        size_t end = n + 1, head = at ? 2 : 0;
        while (!number && end-- > at + 1) {
            if (end < n && ((unsigned char)s[end] & 0xC0) == 0x80) continue;    /* inside one */
            memcpy(piece + 2, s + at, end - at);
            number = gm_vocabulary_number((gm_vocabulary *)&w->pieces, piece + 2 - head,
                                          end - at + head, false);
        }
        if (!number) {
            characters = LONGEST + 1;
            break;
        }
        add_id(y, (int32_t)(number - 1));
        at = end;
    }
    if (characters <= LONGEST) return;
    y->n = before;
    add_id(y, w->special[UNK]);
}

/* Words between spaces; punctuation characters are words of their own. */
static void add_words(ids *y, const gm_wordpiece *w, const char *s, size_t n)
{
    size_t start = 0, length;
    bool valid;
    for (size_t at = 0; at < n; at += length) {
        uint32_t c = gm_utf8_get(s + at, n - at, &length, &valid);
        bool space = c == ' ', alone = punctuation(c);
        if (!space && !alone) continue;
        if (at > start) add_word(y, w, s + start, at - start);
        if (alone) add_word(y, w, s + at, length);
        start = at + length;
    }
    if (n > start) add_word(y, w, s + start, n - start);
}

/* Text in which no special piece is written out. */
static int add_plain(ids *y, const gm_wordpiece *w, const char *text, size_t n)
{
    gm_text cleaned = { 0 }, low = { 0 };
    clean(&cleaned, text, n);
    if (cleaned.n) plain(&low, &cleaned);
    bool failed = cleaned.failed || low.failed;
    if (!failed && low.n) add_words(y, w, low.s, low.n);
    gm_text_drop(&cleaned);
    gm_text_drop(&low);
    return failed ? -1 : 0;
}

/* Which special piece stands at s, SPECIALS for none. */
static int special_at(const gm_wordpiece *w, const char *s)
{
    int i = 0;
    while (i < SPECIALS &&
           (w->special[i] < 0 || strncmp(s, SPECIAL[i], strlen(SPECIAL[i])) != 0)) i++;
    return i;
}

int32_t *gm_wordpiece_ids(const gm_wordpiece *w, const char *text, int64_t most, int64_t *n)
{
    int64_t longest = 4 * (int64_t)strlen(text) + 2;    /* one character becomes at most 4 */
    ids y = { .most = (most < longest ? most : longest) };
    y.id = malloc((size_t)y.most * sizeof *y.id);
    if (!y.id) return NULL;
    y.most--;                                           /* room for the end */
    add_id(&y, w->special[CLS]);
    int bad = 0;
    while (!bad && *text) {
        size_t k = 0;
        while (text[k] && special_at(w, text + k) == SPECIALS) k++;
        if (k) bad = add_plain(&y, w, text, k);
        text += k;
        if (!*text) break;
        int special = special_at(w, text);
        add_id(&y, w->special[special]);
        text += strlen(SPECIAL[special]);
    }
    y.most++;
    add_id(&y, w->special[SEP]);
    *n = y.n;
    if (!bad) return y.id;
    free(y.id);
    return NULL;
}
