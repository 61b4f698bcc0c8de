/* See bpe.h. */
#include "bpe.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include "text.h"
#include "unicode.h"

int gm_ids_add(gm_ids *ids, int32_t id, gm_error *e)
{
    if (ids->n == ids->room) {
        int64_t room = ids->room ? 2 * ids->room : 64;
        int32_t *more = realloc(ids->id, (size_t)room * sizeof *more);
        if (!more) return gm_fail(e, "out of memory for %lld token ids", (long long)room);
        ids->id = more;
        ids->room = room;
    }
    ids->id[ids->n++] = id;
    return 0;
}

/* A possible merge of symbol `left` with what stood right of it, `length` bytes together; stale
 * when they have changed since. */
typedef struct { float score; int32_t left, right, length, id; } merge;

typedef struct {
    gm_symbol *symbol;
    const char *text;
    gm_joiner join;
    const void *table;
    merge *heap; int64_t nheap;         /* below 3 symbols: each merge makes 2 new pairs */
} bpe;

/* Highest score first, then leftmost: symbols are numbered from left to right. */
static bool before(const merge *a, const merge *b)
{
    return a->score > b->score || (a->score == b->score && a->left < b->left);
}

static void push(bpe *b, merge m)
{
    int64_t i = b->nheap++;
    for (; i > 0 && before(&m, &b->heap[(i - 1) / 2]); i = (i - 1) / 2)
        b->heap[i] = b->heap[(i - 1) / 2];
    b->heap[i] = m;
}

static merge pop(bpe *b)
{
    merge top = b->heap[0], last = b->heap[--b->nheap];
    int64_t i = 0;
    for (int64_t child; (child = 2 * i + 1) < b->nheap; i = child) {
        if (child + 1 < b->nheap && before(&b->heap[child + 1], &b->heap[child])) child++;
        if (!before(&b->heap[child], &last)) break;
        b->heap[i] = b->heap[child];
    }
    b->heap[i] = last;
    return top;
}

static void consider(bpe *b, int32_t left, int32_t right)
{
    if (left < 0 || right < 0) return;
    const gm_symbol *l = &b->symbol[left], *r = &b->symbol[right];
    merge m = { .left = left, .right = right, .length = l->length + r->length };
    if (b->join(b->table, b->text, l, r, &m.score, &m.id)) push(b, m);
}

int gm_bpe_merge(gm_symbol *symbol, int32_t n, const char *text, gm_joiner join, const void *table,
                 gm_error *e)
{
    bpe b = { .symbol = symbol, .text = text, .join = join, .table = table };
    b.heap = malloc((3 * (size_t)n + 1) * sizeof *b.heap);
    if (!b.heap) return gm_fail(e, "out of memory for the merges of %ld symbols", (long)n);
    for (int32_t i = 0; i < n; i++) consider(&b, i, symbol[i].right);
    while (b.nheap > 0) {
        merge m = pop(&b);
        gm_symbol *l = &symbol[m.left], *r = &symbol[m.right];
        if (!l->length || !r->length || l->length + r->length != m.length) continue;
        l->length = m.length;
        l->id = m.id;
        l->right = r->right;
        if (r->right >= 0) symbol[r->right].left = m.left;
        r->length = 0;
        consider(&b, l->left, m.left);
        consider(&b, m.left, l->right);
    }
    free(b.heap);
    return 0;
}

/* ---- SentencePiece ---- */

/* Two symbols become a normal piece; the piece's score decides. */
static bool join_pieces(const void *table, const char *text, const gm_symbol *left,
                        const gm_symbol *right, float *score, int32_t *id)
{
    const gm_pieces *p = table;
    *id = gm_pieces_find(p, text + left->start, (size_t)(left->length + right->length));
    if (*id < 0 || p->piece[*id].type != GM_PIECE_NORMAL) return false;
    *score = p->piece[*id].score;
    return true;
}

/* The ids of what is left; a symbol is looked up among all pieces, whatever their type. */
static int emit(const gm_pieces *p, const char *text, const gm_symbol *symbol, gm_ids *out,
                gm_error *e)
{
    for (int32_t i = 0; i >= 0; i = symbol[i].right) {
        const gm_symbol *s = &symbol[i];
        if (s->id >= 0 && s->id < p->nbase && p->piece[s->id].type != GM_PIECE_UNKNOWN) {
            if (gm_ids_add(out, s->id, e) != 0) return -1;
            continue;
        }
        for (int32_t k = 0; k < s->length; k++)
            if (gm_ids_add(out, p->byte[(unsigned char)text[s->start + k]], e) != 0) return -1;
    }
    return 0;
}

static void normalise(gm_text *out, const char *s, size_t n, int32_t *characters)
{
    static const char mark[] = "\xE2\x96\x81", broken[] = "\xEF\xBF\xBD";
    gm_text_adds(out, mark);
    *characters = 1;
    for (size_t i = 0, k; i < n; i += k, ++*characters) {
        bool valid;
        gm_utf8_get(s + i, n - i, &k, &valid);
        if (!valid) gm_text_adds(out, broken);
        else if (s[i] == ' ') gm_text_adds(out, mark);
        else gm_text_add(out, s + i, k);
    }
}

int gm_bpe_encode(const gm_pieces *p, const char *text, size_t n, gm_ids *out, gm_error *e)
{
    gm_text norm = { 0 };
    int32_t count = 0;
    int bad = -1;
    if (n > INT32_MAX / 4) return gm_fail(e, "a text of %zu bytes is too long", n);
    normalise(&norm, text, n, &count);
    gm_symbol *symbol = malloc((size_t)count * sizeof *symbol);
    if (norm.failed || !symbol) {
        gm_fail(e, "out of memory for a text of %zu bytes", n);
    } else {
        size_t at = 0, k;
        for (int32_t i = 0; i < count; i++, at += k) {
            bool valid;
            gm_utf8_get(norm.s + at, norm.n - at, &k, &valid);
            symbol[i] = (gm_symbol){ (int32_t)at, (int32_t)k, i - 1, i + 1 < count ? i + 1 : -1,
                                     gm_pieces_find(p, norm.s + at, k) };
        }
        bad = gm_bpe_merge(symbol, count, norm.s, join_pieces, p, e);
        if (!bad) bad = emit(p, norm.s, symbol, out, e);
    }
    free(symbol);
    gm_text_drop(&norm);
    return bad;
}
