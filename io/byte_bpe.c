/* See byte_bpe.h. */
#include "byte_bpe.h"

#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>
#include "unicode.h"

/* ---- bytes and their characters ---- */

static bool is_visible(int b)
{
    return (b >= 33 && b <= 126) || (b >= 161 && b <= 172) || b >= 174;
}

/* Visible bytes of Latin-1 stand for themselves, the others for U+0100, U+0101, ... in order. */
static uint32_t char_of(uint8_t byte)
{
    uint32_t next = 256;
    if (is_visible(byte)) return byte;
    for (int b = 0; b < byte; b++) next += !is_visible(b);
    return next;
}

/* -1 for a character that stands for no byte. */
static int byte_of(uint32_t c)
{
    if (c < 256) return is_visible((int)c) ? (int)c : -1;
    for (int b = 0; b < 256; b++)
        if (!is_visible(b) && c-- == 256) return b;
    return -1;
}

void gm_byte_decode(const gm_piece *q, gm_text *out)
{
    if (q->type != GM_PIECE_NORMAL) {
        gm_text_add(out, q->text, q->length);
        return;
    }
    for (size_t i = 0, k; i < q->length; i += k) {
        bool valid;
        int b = byte_of(gm_utf8_get(q->text + i, q->length - i, &k, &valid));
        char byte = (char)b;
        if (b < 0) gm_text_add(out, q->text + i, k);
        else gm_text_add(out, &byte, 1);
    }
}

/* ---- the list of merges ---- */

static uint64_t hash(int32_t left, int32_t right)
{
    uint64_t h = ((uint64_t)(uint32_t)left << 32 | (uint32_t)right) * 0x9E3779B97F4A7C15u;
    return h ^ h >> 32;
}

/* The slot of a pair, or the empty one where it belongs. */
static size_t slot_of(const gm_merges *m, int32_t left, int32_t right)
{
    size_t i = (size_t)hash(left, right) & (m->nslots - 1);
    for (; m->slot[i] >= 0; i = (i + 1) & (m->nslots - 1))
        if (m->left[m->slot[i]] == left && m->right[m->slot[i]] == right) break;
    return i;
}

static const gm_gguf_value *texts(const gm_gguf *g, const char *key, gm_error *e)
{
    const gm_gguf_value *v = gm_gguf_find(g, key);
    if (v && v->array && v->type == GM_GGUF_TEXT) return v;
    gm_fail(e, "%s: %s: wanted a list of texts, found %s", g->path, key, v ? "another" : "none");
    return NULL;
}

static int read_pieces(gm_pieces *p, const gm_gguf *g, gm_error *e)
{
    const gm_gguf_value *v = texts(g, "tokenizer.ggml.tokens", e),
                        *types = gm_gguf_find(g, "tokenizer.ggml.token_type");
    if (!v) return -1;
    if (types && (!types->array || types->type != GM_GGUF_I32 || types->n != v->n))
        return gm_fail(e, "%s: tokenizer.ggml.token_type: wanted a number for each of %llu tokens",
                       g->path, (unsigned long long)v->n);
    size_t length, room = 1;
    const uint8_t *at = v->data;
    for (uint64_t i = 0; i < v->n; i++, room += length + 1) gm_gguf_next_text(&at, &length);
    p->base_text = malloc(room);
    if (!p->base_text) return gm_fail(e, "%s: out of memory for %zu bytes", g->path, room);
    at = v->data;
    p->unk = -1;
    for (uint64_t i = 0; i < v->n; i++) {
        int type = types ? types->data[4 * i] : GM_PIECE_NORMAL;
        gm_piece q = { .type = (gm_piece_type)type };
        q.text = (char *)gm_gguf_next_text(&at, &q.length);
        if (type < GM_PIECE_NORMAL || type > GM_PIECE_BYTE)
            return gm_fail(e, "%s: token %llu has the unknown type %d", g->path,
                           (unsigned long long)i, type);
        if (gm_pieces_append(p, q, g->path, e) != 0) return -1;
    }
    p->nbase = p->n;
    return 0;
}

/* "LEFT RIGHT"; neither holds a space, which is spelt U+0120. */
static int read_merge(gm_merges *m, const gm_pieces *p, const char *s, size_t n, const gm_gguf *g,
                      gm_error *e)
{
    const char *space = n > 1 ? memchr(s + 1, ' ', n - 1) : NULL;
    size_t k = space ? (size_t)(space - s) : 0, rest = space ? n - k - 1 : 0;
    char joined[1024];
    int32_t left = space ? gm_pieces_find(p, s, k) : -1,
            right = rest ? gm_pieces_find(p, space + 1, rest) : -1, made = -1;
    if (left >= 0 && right >= 0 && n <= sizeof joined) {
        memcpy(joined, s, k);
        memcpy(joined + k, space + 1, rest);
        made = gm_pieces_find(p, joined, n - 1);
    }
    if (made < 0)
        return gm_fail(e, "%s: merge %lld: wanted two tokens that make a third, found \"%.*s\"",
                       g->path, (long long)m->n, n < 100 ? (int)n : 100, s);
    size_t at = slot_of(m, left, right);
    if (m->slot[at] >= 0) return 0;             /* the first counts */
    m->left[m->n] = left;
    m->right[m->n] = right;
    m->made[m->n] = made;
    m->slot[at] = (int32_t)m->n++;
    return 0;
}

static int read_merges(gm_merges *m, const gm_pieces *p, const gm_gguf *g, gm_error *e)
{
    const gm_gguf_value *v = texts(g, "tokenizer.ggml.merges", e);
    size_t length;
    if (!v) return -1;
    if (v->n >= (uint64_t)1 << 24) return gm_fail(e, "%s: too many merges", g->path);
    size_t n = (size_t)v->n + 1;
    for (m->nslots = 2; m->nslots < 2 * n;) m->nslots *= 2;
    m->left = malloc(n * sizeof *m->left);
    m->right = malloc(n * sizeof *m->right);
    m->made = malloc(n * sizeof *m->made);
    m->slot = malloc(m->nslots * sizeof *m->slot);
    if (!m->left || !m->right || !m->made || !m->slot)
        return gm_fail(e, "%s: out of memory for %zu merges", g->path, n);
    memset(m->slot, 0xFF, m->nslots * sizeof *m->slot);         /* all -1 */
    const uint8_t *at = v->data;
    for (uint64_t i = 0; i < v->n; i++) {
        const char *s = gm_gguf_next_text(&at, &length);
        if (read_merge(m, p, s, length, g, e) != 0) return -1;
    }
    return 0;
}

static bool is_text(const gm_gguf *g, const char *key, const char *want)
{
    size_t n = 0;
    const gm_gguf_value *v = gm_gguf_find(g, key);
    const uint8_t *s = v && v->type == GM_GGUF_TEXT && !v->array ? gm_gguf_bytes(v, &n) : NULL;
    return s && n == strlen(want) && memcmp(s, want, n) == 0;
}

int gm_merges_read(gm_merges *m, gm_pieces *p, const gm_gguf *g, gm_error *e)
{
    m->digits_alone = is_text(g, "tokenizer.ggml.pre", "smollm");
    if (!is_text(g, "tokenizer.ggml.model", "gpt2"))
        return gm_fail(e, "%s: tokenizer.ggml.model: only gpt2 is read in a text model", g->path);
    if (!m->digits_alone && !is_text(g, "tokenizer.ggml.pre", "gpt-2"))
        return gm_fail(e, "%s: tokenizer.ggml.pre: only smollm and gpt-2 are read", g->path);
    if (read_pieces(p, g, e) != 0 || read_merges(m, p, g, e) != 0) return -1;
    for (int b = 0; b < 256; b++) {
        char text[4];
        size_t n = gm_utf8_put(text, char_of((uint8_t)b));
        m->byte[b] = gm_pieces_find(p, text, n);
    }
    return 0;
}

void gm_merges_drop(gm_merges *m)
{
    free(m->left);
    free(m->right);
    free(m->made);
    free(m->slot);
    *m = (gm_merges){ 0 };
}

/* ---- words ---- */

typedef enum { END, SPACE, LETTER, NUMBER, OTHER } kind;

static kind kind_of(uint32_t c)
{
    if (gm_is_space(c) && !(c >= 0x1C && c <= 0x1F)) return SPACE;
    switch (utf8proc_category((utf8proc_int32_t)c)) {
    case UTF8PROC_CATEGORY_LU: case UTF8PROC_CATEGORY_LL: case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LM: case UTF8PROC_CATEGORY_LO:
        return LETTER;
    case UTF8PROC_CATEGORY_ND: case UTF8PROC_CATEGORY_NL: case UTF8PROC_CATEGORY_NO:
        return NUMBER;
    default:
        return OTHER;
    }
}

typedef struct { const char *s; size_t n; bool digits_alone; } words;

/* The kind of the character at `at` and its length.  Where digits stand alone a word ends at
 * one. */
static kind look(const words *w, size_t at, size_t *length)
{
    bool valid;
    *length = 0;
    if (at >= w->n) return END;
    kind k = kind_of(gm_utf8_get(w->s + at, w->n - at, length, &valid));
    return k == NUMBER && w->digits_alone ? END : k;
}

/* The bytes of 's 't 'm 'd 're 've 'll at s, or 0. */
static size_t contraction(const char *s, size_t n)
{
    static const char *const endings[] = { "'s", "'t", "'m", "'d", "'re", "'ve", "'ll" };
    for (int i = 0; i < 7; i++) {
        size_t k = strlen(endings[i]);
        if (k <= n && memcmp(s, endings[i], k) == 0) return k;
    }
    return 0;
}

/* Where the word that starts at `at` ends:
 * 's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+ */
static size_t word_end(const words *w, size_t at)
{
    size_t k, next;
    kind first = look(w, at, &k);
    if (first == END) return at + k;                            /* a digit that stands alone */
    if ((next = contraction(w->s + at, w->n - at))) return at + next;
    size_t from = w->s[at] == ' ' ? at + 1 : at;
    kind run = look(w, from, &k);
    if (run != SPACE && run != END) {
        while (look(w, from, &k) == run) from += k;
        return from;
    }
    size_t last = at, end = at, count = 0;
    for (; look(w, end, &k) == SPACE; end += k, count++) last = end;
    return count > 1 && look(w, end, &k) != END ? last : end;
}

/* ---- encoding ---- */

static bool join(const void *table, const char *text, const gm_symbol *left, const gm_symbol *right,
                 float *score, int32_t *id)
{
    const gm_merges *m = table;
    (void)text;
    int32_t i = left->id < 0 || right->id < 0 ? -1 : m->slot[slot_of(m, left->id, right->id)];
    if (i < 0) return false;
    *score = -(float)i;                                         /* exact: below 2^24 */
    *id = m->made[i];
    return true;
}

/* A symbol for each byte, tied to its neighbours within the word. */
static void spell(gm_symbol *symbol, const gm_merges *m, const words *w)
{
    for (size_t at = 0, end; at < w->n; at = end) {
        end = word_end(w, at);
        for (size_t i = at; i < end; i++) {
            int32_t here = (int32_t)i;
            symbol[i] = (gm_symbol){ here, 1, i > at ? here - 1 : -1, i + 1 < end ? here + 1 : -1,
                                     m->byte[(uint8_t)w->s[i]] };
        }
    }
}

int gm_byte_encode(const gm_merges *m, const char *text, size_t n, gm_ids *out, gm_error *e)
{
    gm_text clean = { 0 };
    if (n > INT32_MAX / 4) return gm_fail(e, "a text of %zu bytes is too long", n);
    for (size_t i = 0, k; i < n; i += k) {
        bool valid;
        gm_utf8_get(text + i, n - i, &k, &valid);
        if (valid) gm_text_add(&clean, text + i, k);
        else gm_text_adds(&clean, "\xEF\xBF\xBD");
    }
    gm_symbol *symbol = clean.failed ? NULL : malloc(clean.n * sizeof *symbol);
    int bad = symbol ? 0 : gm_fail(e, "out of memory for a text of %zu bytes", n);
    if (!bad) {
        spell(symbol, m, &(words){ clean.s, clean.n, m->digits_alone });
        bad = gm_bpe_merge(symbol, (int32_t)clean.n, clean.s, join, m, e);
    }
    for (size_t i = 0; !bad && i < clean.n; i++)
        if (symbol[i].length && symbol[i].id >= 0) bad = gm_ids_add(out, symbol[i].id, e);
    free(symbol);
    gm_text_drop(&clean);
    return bad;
}
