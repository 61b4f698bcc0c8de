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

/* Symbols are stretches of the text in a doubly linked list; one that was merged into its left
 * neighbour has length 0. */
typedef struct { int32_t start, length, left, right; } symbol;

/* A possible merge of symbol `left` with what stood right of it, `length` bytes together; stale
 * when they have changed since. */
typedef struct { float score; int32_t left, right, length; } merge;

typedef struct {
    const gm_pieces *pieces;
    const char *text;
    symbol *symbol; int32_t nsymbols;
    merge *heap; int64_t nheap;         /* below 3 nsymbols: each merge makes 2 new pairs */
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
    const symbol *l = &b->symbol[left], *r = &b->symbol[right];
    int32_t length = l->length + r->length;
    int32_t id = gm_pieces_find(b->pieces, b->text + l->start, (size_t)length);
    if (id < 0 || b->pieces->piece[id].type != GM_PIECE_NORMAL) return;
    push(b, (merge){ b->pieces->piece[id].score, left, right, length });
}

static void merge_all(bpe *b)
{
    for (int32_t i = 0; i + 1 < b->nsymbols; i++) consider(b, i, i + 1);
    while (b->nheap > 0) {
        merge m = pop(b);
        symbol *l = &b->symbol[m.left], *r = &b->symbol[m.right];
        if (!l->length || !r->length || l->length + r->length != m.length) continue;
        l->length = m.length;
        l->right = r->right;
        if (r->right >= 0) b->symbol[r->right].left = m.left;
        r->length = 0;
        consider(b, l->left, m.left);
        consider(b, m.left, l->right);
    }
}

/* The ids of what is left; a symbol is looked up among all pieces, whatever their type. */
static int emit(const bpe *b, gm_ids *out, gm_error *e)
{
    for (int32_t i = 0; i >= 0; i = b->symbol[i].right) {
        const symbol *s = &b->symbol[i];
        int32_t id = gm_pieces_find(b->pieces, b->text + s->start, (size_t)s->length);
        if (id >= 0 && id < b->pieces->nbase && b->pieces->piece[id].type != GM_PIECE_UNKNOWN) {
            if (gm_ids_add(out, id, e) != 0) return -1;
            continue;
        }
        for (int32_t k = 0; k < s->length; k++)
            if (gm_ids_add(out, b->pieces->byte[(unsigned char)b->text[s->start + k]], e) != 0)
                return -1;
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
    bpe b = { .pieces = p };
    int bad = -1;
    if (n > INT32_MAX / 4) return gm_fail(e, "a text of %zu bytes is too long", n);
    normalise(&norm, text, n, &b.nsymbols);
    b.text = norm.s;
    b.symbol = malloc((size_t)b.nsymbols * sizeof *b.symbol);
    b.heap = malloc(3 * (size_t)b.nsymbols * sizeof *b.heap);
    if (norm.failed || !b.symbol || !b.heap) {
        gm_fail(e, "out of memory for a text of %zu bytes", n);
    } else {
        size_t at = 0, k;
        for (int32_t i = 0; i < b.nsymbols; i++, at += k) {
            bool valid;
            gm_utf8_get(norm.s + at, norm.n - at, &k, &valid);
            int32_t next = i + 1 < b.nsymbols ? i + 1 : -1;
            b.symbol[i] = (symbol){ (int32_t)at, (int32_t)k, i - 1, next };
        }
        merge_all(&b);
        bad = emit(&b, out, e);
    }
    free(b.heap);
    free(b.symbol);
    gm_text_drop(&norm);
    return bad;
}
