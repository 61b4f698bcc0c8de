/* tokenizer.model: a protobuf, read by hand (pieces.h).  Layout: google/sentencepiece,
 * src/sentencepiece_model.proto; wire format: protobuf.dev/programming-guides/encoding. */
#include "pieces.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* ---- the table ---- */

static uint64_t hash(const char *s, size_t n)
{
    uint64_t h = 14695981039346656037u;                 /* FNV-1a */
    for (size_t i = 0; i < n; i++) h = (h ^ (unsigned char)s[i]) * 1099511628211u;
    return h ^ h >> 32;
}

/* The slot that holds text, or the empty one where it belongs. */
static size_t slot_of(const gm_pieces *p, const char *text, size_t length)
{
    size_t i = (size_t)hash(text, length) & (p->nslots - 1);
    for (; p->slot[i] >= 0; i = (i + 1) & (p->nslots - 1)) {
        const gm_piece *q = &p->piece[p->slot[i]];
        if (q->length == length && memcmp(q->text, text, length) == 0) break;
    }
    return i;
}

int32_t gm_pieces_find(const gm_pieces *p, const char *text, size_t length)
{
    return p->nslots ? p->slot[slot_of(p, text, length)] : -1;
}

static int grow_slots(gm_pieces *p)
{
    size_t nslots = p->nslots ? 2 * p->nslots : 1024;
    int32_t *slot = malloc(nslots * sizeof *slot);
    if (!slot) return -1;
    free(p->slot);
    p->slot = slot;
    p->nslots = nslots;
    memset(slot, 0xFF, nslots * sizeof *slot);          /* all -1 */
    for (int64_t i = 0; i < p->n; i++)
        slot[slot_of(p, p->piece[i].text, p->piece[i].length)] = (int32_t)i;
    return 0;
}

int gm_pieces_append(gm_pieces *p, gm_piece q, const char *name, gm_error *e)
{
    long long id = p->n;
    if (q.length == 0) return gm_fail(e, "%s: piece %lld is empty", name, id);
    if (memchr(q.text, 0, q.length))
        return gm_fail(e, "%s: piece %lld holds a zero byte", name, id);
    if (p->n >= INT32_MAX) return gm_fail(e, "%s: too many pieces", name);
    if (p->n == p->room) {
        int64_t room = p->room ? 2 * p->room : 512;
        gm_piece *more = realloc(p->piece, (size_t)room * sizeof *more);
        if (!more) return gm_fail(e, "%s: out of memory for %lld pieces", name, (long long)room);
        p->piece = more;
        p->room = room;
    }
    if (2 * (size_t)(p->n + 1) > p->nslots && grow_slots(p) != 0)
        return gm_fail(e, "%s: out of memory for %lld pieces", name, id);
    size_t at = slot_of(p, q.text, q.length);
    if (p->slot[at] >= 0)
        return gm_fail(e, "%s: pieces %ld and %lld are both \"%s\"", name, (long)p->slot[at], id,
                       p->piece[p->slot[at]].text);
    char *text = q.type == GM_PIECE_ADDED ? malloc(q.length + 1) : p->base_text + p->base_used;
    if (!text) return gm_fail(e, "%s: out of memory", name);
    if (q.type != GM_PIECE_ADDED) p->base_used += q.length + 1;
    memcpy(text, q.text, q.length);
    text[q.length] = 0;
    q.text = text;
    p->piece[p->n] = q;
    p->slot[at] = (int32_t)p->n++;
    return 0;
}

int gm_pieces_add(gm_pieces *p, const char *text, size_t length, const char *name, gm_error *e)
{
    return gm_pieces_append(p, (gm_piece){ (char *)text, length, 0, GM_PIECE_ADDED }, name, e);
}

void gm_pieces_drop(gm_pieces *p)
{
    for (int64_t i = 0; i < p->n; i++)
        if (p->piece[i].type == GM_PIECE_ADDED) free(p->piece[i].text);
    free(p->base_text);
    free(p->piece);
    free(p->slot);
    *p = (gm_pieces){ 0 };
}

/* ---- protobuf ---- */

enum { VARINT = 0, FIXED64 = 1, BYTES = 2, FIXED32 = 5 };

typedef struct { const uint8_t *p, *end; } span;
typedef struct {
    uint64_t number, wire, value;       /* value: of a varint or a fixed */
    span bytes;                         /* of a BYTES field */
} field;

static bool varint(span *s, uint64_t *value)
{
    *value = 0;
    for (int shift = 0; shift < 64 && s->p < s->end; shift += 7) {
        uint8_t b = *s->p++;
        *value |= (uint64_t)(b & 0x7F) << shift;
        if (!(b & 0x80)) return true;
    }
    return false;
}

/* The next field of s: 1, 0 at the end, -1 when it is cut short or of no known kind. */
static int next_field(span *s, field *f)
{
    uint64_t key;
    if (s->p == s->end) return 0;
    if (!varint(s, &key)) return -1;
    f->number = key >> 3;
    f->wire = key & 7;
    f->value = 0;
    size_t left = (size_t)(s->end - s->p);
    size_t want = f->wire == FIXED64 ? 8 : f->wire == FIXED32 ? 4 : 0;
    if (f->wire == VARINT) return varint(s, &f->value) ? 1 : -1;
    if (f->wire == BYTES) {
        if (!varint(s, &f->value) || f->value > (uint64_t)(s->end - s->p)) return -1;
        f->bytes = (span){ s->p, s->p + f->value };
        s->p = f->bytes.end;
        return 1;
    }
    if (!want || left < want) return -1;
    for (size_t i = 0; i < want; i++) f->value |= (uint64_t)s->p[i] << 8 * i;
    s->p += want;
    return 1;
}

static int broken(const char *name, const char *what, gm_error *e)
{
    return gm_fail(e, "%s: not a SentencePiece model: %s is cut short or malformed", name, what);
}

/* message SentencePiece { 1 piece, 2 score, 3 type } */
static int read_piece(gm_pieces *p, span s, const char *name, gm_error *e)
{
    gm_piece q = { (char *)s.p, 0, 0, GM_PIECE_NORMAL };
    long long id = p->n;
    field f;
    int more;
    while ((more = next_field(&s, &f)) > 0) {
        if (f.number == 1 && f.wire == BYTES) {
            q.text = (char *)f.bytes.p;
            q.length = (size_t)f.value;
        } else if (f.number == 2 && f.wire == FIXED32) {
            uint32_t bits = (uint32_t)f.value;
            memcpy(&q.score, &bits, sizeof q.score);
        } else if (f.number == 3 && f.wire == VARINT) {
            if (f.value < GM_PIECE_NORMAL || f.value > GM_PIECE_BYTE)
                return gm_fail(e, "%s: piece %lld has the unknown type %llu", name, id,
                               (unsigned long long)f.value);
            q.type = (gm_piece_type)f.value;
        }
    }
    if (more < 0) return broken(name, "a piece", e);
    if (q.score != q.score)
        return gm_fail(e, "%s: the score of piece %lld is not a number", name, id);
    if (q.type == GM_PIECE_USER_DEFINED || q.type == GM_PIECE_UNUSED)
        return gm_fail(e, "%s: piece %lld is user-defined or unused: wanted LLaMA's kinds", name,
                       id);
    if (q.type == GM_PIECE_UNKNOWN) {
        if (p->unk >= 0)
            return gm_fail(e, "%s: pieces %ld and %lld both stand for the unknown", name,
                           (long)p->unk, id);
        p->unk = (int32_t)id;
    }
    return gm_pieces_append(p, q, name, e);
}

/* The settings that change how text is cut: a trainer's or a normalizer's field, the value it has
 * when it is absent, and the one value that LLaMA's rules cover. */
typedef struct { uint64_t number, value, wanted; const char *what; } setting;

static int read_settings(span s, setting *set, size_t n, const char *name, const char *where,
                         gm_error *e)
{
    field f;
    int more;
    while ((more = next_field(&s, &f)) > 0)
        for (size_t i = 0; i < n; i++)
            if (set[i].number == f.number) set[i].value = f.value;      /* a text's length */
    return more < 0 ? broken(name, where, e) : 0;
}

static int check_settings(const setting *set, size_t n, const char *name, gm_error *e)
{
    for (size_t i = 0; i < n; i++)
        if (set[i].value != set[i].wanted)
            return gm_fail(e, "%s: wanted LLaMA's rules: %s %llu, found %llu", name, set[i].what,
                           (unsigned long long)set[i].wanted, (unsigned long long)set[i].value);
    return 0;
}

/* <0x00> .. <0xFF>, by their text as SentencePiece does (model_interface.cc, ByteToPiece). */
static int find_bytes(gm_pieces *p, const char *name, gm_error *e)
{
    static const char digit[] = "0123456789ABCDEF";
    for (int b = 0; b < 256; b++) {
        char text[] = { '<', '0', 'x', digit[b >> 4], digit[b & 15], '>', 0 };
        p->byte[b] = gm_pieces_find(p, text, 6);
        if (p->byte[b] < 0 || p->piece[p->byte[b]].type != GM_PIECE_BYTE)
            return gm_fail(e, "%s: wanted the 256 byte pieces, found no %s", name, text);
    }
    int64_t bytes = 0;
    for (int64_t i = 0; i < p->n; i++) bytes += p->piece[i].type == GM_PIECE_BYTE;
    if (bytes == 256) return 0;
    return gm_fail(e, "%s: wanted 256 byte pieces, found %lld", name, (long long)bytes);
}

int gm_pieces_read(gm_pieces *p, const uint8_t *model, size_t size, const char *name, gm_error *e)
{
    setting trainer[] = { { 3, 1, 2, "model_type (BPE)" },
                          { 24, 0, 0, "treat_whitespace_as_suffix" },
                          { 35, 0, 1, "byte_fallback" } };
    setting normal[] = { { 2, 0, 0, "length of precompiled_charsmap" },
                         { 3, 1, 1, "add_dummy_prefix" },
                         { 4, 1, 0, "remove_extra_whitespaces" },
                         { 5, 1, 1, "escape_whitespaces" } };
    span s = { model, model + size };
    field f;
    int more;
    p->unk = -1;
    p->base_text = malloc(size + 1);    /* with zeros: each text has a tag and a length */
    if (!p->base_text) return gm_fail(e, "%s: out of memory for %zu bytes", name, size);
    while ((more = next_field(&s, &f)) > 0) {
        if (f.wire != BYTES) continue;
        if (f.number == 1 && read_piece(p, f.bytes, name, e) != 0) return -1;
        if (f.number == 2 && read_settings(f.bytes, trainer, 3, name, "the trainer's part", e) != 0)
            return -1;
        if (f.number == 3 &&
            read_settings(f.bytes, normal, 4, name, "the normalizer's part", e) != 0)
            return -1;
    }
    if (more < 0) return broken(name, "a field", e);
    if (p->n == 0) return gm_fail(e, "%s: not a SentencePiece model: no pieces in it", name);
    if (check_settings(trainer, 3, name, e) != 0 || check_settings(normal, 4, name, e) != 0)
        return -1;
    if (p->unk < 0) return gm_fail(e, "%s: no piece stands for the unknown", name);
    p->nbase = p->n;
    return find_bytes(p, name, e);
}
