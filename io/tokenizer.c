/* Text to ids and back (tokenizer.h): the slow LlamaTokenizer of transformers 4.28; of a text
 * model, the rules of byte_bpe.h.
 * Cutting at added tokens: tokenization_utils.py, PreTrainedTokenizer.tokenize and _decode;
 * decoding of a run: models/llama/tokenization_llama.py, convert_tokens_to_string;
 * <image>: model/llava/mm_utils.py, tokenizer_image_token. */
#include "tokenizer.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include "byte_bpe.h"
#include "os.h"
#include "text.h"
#include "unicode.h"

#define MAX_TEXT ((size_t)1 << 24)      /* bytes of one text: bounds the memory of encoding */
#define MAX_ADDED 8192
static const char space_mark[] = "\xE2\x96\x81";        /* U+2581, a space inside pieces */

struct gm_tokenizer {
    gm_pieces pieces;
    gm_merges merges;           /* of a text model; else empty, and SentencePiece's rules hold */
    int32_t bos, eos;           /* -1: no text starts with one */
    int32_t special[3];         /* <s> </s> <unk>, which are cut out without stripping */
    int32_t *cut; int64_t ncut; /* ids that text is cut at: special and added, longest first */
    bool starts[256];           /* bytes that start one of them */
};

/* ---- opening ---- */

static bool is_special(const gm_tokenizer *t, int32_t id)
{
    return id == t->special[0] || id == t->special[1] || id == t->special[2];
}

/* added_tokens.json maps token -> id; ids continue after the pieces without a gap. */
static int add_tokens(gm_tokenizer *t, const char *json, const char *name, gm_error *e)
{
    json_error_t why;
    json_t *root = json_loads(json, JSON_REJECT_DUPLICATES, &why);
    if (!root) return gm_fail(e, "%s: added_tokens.json, line %d: %s", name, why.line, why.text);
    size_t n = json_is_object(root) ? json_object_size(root) : MAX_ADDED + 1;
    const char **text = n <= MAX_ADDED ? calloc(n + 1, sizeof *text) : NULL;
    int bad = 0;
    if (!text)
        bad = gm_fail(e, "%s: added_tokens.json: wanted an object of at most %d tokens", name,
                      MAX_ADDED);
    const char *key;
    json_t *value;
    long long base = t->pieces.nbase;
    if (text) json_object_foreach(root, key, value) {
        long long id = json_is_integer(value) ? json_integer_value(value) : -1;
        if (id < base || id >= base + (long long)n || text[id - base]) {
            bad = gm_fail(e, "%s: added_tokens.json: %s: wanted its own id in %lld .. %lld, "
                          "found %lld", name, key, base, base + (long long)n - 1, id);
            break;
        }
        text[id - base] = key;
    }
    for (size_t i = 0; !bad && i < n; i++)
        bad = gm_pieces_add(&t->pieces, text[i], strlen(text[i]), name, e);
    free(text);
    json_decref(root);
    return bad;
}

static bool is_cut(const gm_tokenizer *t, int32_t id)
{
    if (t->merges.n) return t->pieces.piece[id].type != GM_PIECE_NORMAL;
    return is_special(t, id) || id >= t->pieces.nbase;
}

/* The tokens that text is cut at, longest first: the first that fits at a place is the longest. */
static int list_cuts(gm_tokenizer *t, const char *name, gm_error *e)
{
    const gm_piece *p = t->pieces.piece;
    t->cut = malloc((size_t)t->pieces.n * sizeof *t->cut);
    if (!t->cut) return gm_fail(e, "%s: out of memory", name);
    for (int32_t id = 0; id < t->pieces.n; id++) {
        if (!is_cut(t, id)) continue;
        int64_t at = t->ncut++;
        for (; at > 0 && p[t->cut[at - 1]].length < p[id].length; at--) t->cut[at] = t->cut[at - 1];
        t->cut[at] = id;
        t->starts[(unsigned char)p[id].text[0]] = true;
    }
    return 0;
}

gm_tokenizer *gm_tokenizer_parse(const uint8_t *model, size_t n, const char *added_json,
                                 const char *name, gm_error *e)
{
    static const char *const special[3] = { "<s>", "</s>", "<unk>" };
    gm_tokenizer *t = calloc(1, sizeof *t);
    if (!t) {
        gm_fail(e, "%s: out of memory", name);
        return NULL;
    }
    int bad = gm_pieces_read(&t->pieces, model, n, name, e);
    for (int i = 0; !bad && i < 3; i++) {
        t->special[i] = gm_pieces_find(&t->pieces, special[i], strlen(special[i]));
        if (t->special[i] < 0)
            bad = gm_fail(e, "%s: wanted the piece %s, found none", name, special[i]);
    }
    t->bos = t->special[0];
    t->eos = t->special[1];
    if (!bad && added_json) bad = add_tokens(t, added_json, name, e);
    if (!bad) bad = list_cuts(t, name, e);
    if (!bad) return t;
    gm_tokenizer_free(t);
    return NULL;
}

/* An id that a key names; the key may be absent, and then the id stays. */
static int id_of(int32_t *id, const gm_tokenizer *t, const gm_gguf *g, const char *key, gm_error *e)
{
    int64_t v = *id;
    if (gm_gguf_int(g, key, &v, e) != 0) return -1;
    if (v < -1 || v >= t->pieces.n)
        return gm_fail(e, "%s: %s: wanted a token, found %lld", g->path, key, (long long)v);
    *id = (int32_t)v;
    return 0;
}

gm_tokenizer *gm_tokenizer_gguf(const gm_gguf *g, gm_error *e)
{
    gm_tokenizer *t = calloc(1, sizeof *t);
    int64_t add_bos = 0;
    if (!t) {
        gm_fail(e, "%s: out of memory", g->path);
        return NULL;
    }
    t->bos = t->eos = t->special[0] = t->special[1] = t->special[2] = -1;
    int bad = gm_merges_read(&t->merges, &t->pieces, g, e);
    if (!bad && !t->merges.n) bad = gm_fail(e, "%s: wanted merges, found none", g->path);
    bad = bad || gm_gguf_int(g, "tokenizer.ggml.add_bos_token", &add_bos, e);
    bad = bad || (add_bos && id_of(&t->bos, t, g, "tokenizer.ggml.bos_token_id", e));
    bad = bad || id_of(&t->eos, t, g, "tokenizer.ggml.eos_token_id", e);
    bad = bad || list_cuts(t, g->path, e);
    if (!bad) return t;
    gm_tokenizer_free(t);
    return NULL;
}

gm_tokenizer *gm_tokenizer_in(const gm_folder *d, gm_error *e)
{
    gm_tokenizer *t = NULL;
    if (d->alone) return gm_tokenizer_gguf(&d->pack, e);
    char *name = gm_path_join(d->path, "tokenizer.model");
    size_t n = 0, m;
    char *model = gm_folder_text(d, "tokenizer.model", &n, e);
    char *json = gm_folder_text(d, "added_tokens.json", &m, e);
    if (!name) gm_fail(e, "%s: out of memory", d->path);
    else if (!model) gm_fail(e, "%s: there is no such file", name);
    else if (json || !e->text[0])
        t = gm_tokenizer_parse((const uint8_t *)model, n, json, name, e);
    free(json);
    free(model);
    free(name);
    return t;
}

gm_tokenizer *gm_tokenizer_open(const char *path, gm_error *e)
{
    gm_folder d;
    gm_tokenizer *t = gm_folder_open(&d, path, e) == 0 ? gm_tokenizer_in(&d, e) : NULL;
    gm_folder_close(&d);
    return t;
}

void gm_tokenizer_free(gm_tokenizer *t)
{
    if (!t) return;
    gm_pieces_drop(&t->pieces);
    gm_merges_drop(&t->merges);
    free(t->cut);
    free(t);
}

int64_t gm_tokenizer_size(const gm_tokenizer *t)
{
    return t->pieces.n;
}

int32_t gm_token_id(const gm_tokenizer *t, const char *piece)
{
    return gm_pieces_find(&t->pieces, piece, strlen(piece));
}

int32_t gm_token_eos(const gm_tokenizer *t)
{
    return t->eos;
}

int gm_token_facts(const gm_tokenizer *t, int32_t id, float *score)
{
    if (id < 0 || id >= t->pieces.n) return 0;
    *score = t->pieces.piece[id].score;
    return (int)t->pieces.piece[id].type;
}

const char *gm_token_piece(const gm_tokenizer *t, int32_t id)
{
    return id >= 0 && id < t->pieces.n ? t->pieces.piece[id].text : NULL;
}

/* ---- encoding ---- */

/* The token to cut at that starts at s (n bytes left), or -1. */
static int32_t cut_at(const gm_tokenizer *t, const char *s, size_t n)
{
    if (!t->starts[(unsigned char)*s]) return -1;
    for (int64_t i = 0; i < t->ncut; i++) {
        const gm_piece *p = &t->pieces.piece[t->cut[i]];
        if (p->length <= n && memcmp(s, p->text, p->length) == 0) return t->cut[i];
    }
    return -1;
}

/* One stretch between cuts; after, before: an added token there takes the white space. */
static int encode_stretch(const gm_tokenizer *t, const char *s, size_t n, bool after, bool before,
                          gm_ids *out, gm_error *e)
{
    size_t start = 0, end = n;
    if (after) gm_strip_left(s, &start, end);
    if (before) gm_strip_right(s, start, &end);
    if (start == end) return 0;
    return t->merges.n ? gm_byte_encode(&t->merges, s + start, end - start, out, e)
                       : gm_bpe_encode(&t->pieces, s + start, end - start, out, e);
}

/* BOS and the ids of n bytes without <image>. */
static int encode_chunk(const gm_tokenizer *t, const char *s, size_t n, bool bos, gm_ids *out,
                        gm_error *e)
{
    int64_t base = t->pieces.nbase;
    bool after = false;
    size_t start = 0;
    if (bos && t->bos >= 0 && gm_ids_add(out, t->bos, e) != 0) return -1;
    for (size_t i = 0; i < n;) {
        int32_t id = cut_at(t, s + i, n - i);
        if (id < 0) {
            i++;
            continue;
        }
        if (encode_stretch(t, s + start, i - start, after, id >= base, out, e) != 0) return -1;
        if (gm_ids_add(out, id, e) != 0) return -1;
        i += t->pieces.piece[id].length;
        start = i;
        after = id >= base;
    }
    return encode_stretch(t, s + start, n - start, after, false, out, e);
}

int gm_encode(const gm_tokenizer *t, const char *text, int32_t **ids, int64_t *n, gm_error *e)
{
    gm_ids out = { 0 };
    int bad = 0;
    *ids = NULL;
    *n = 0;
    if (strlen(text) > MAX_TEXT)
        return gm_fail(e, "a text of %zu bytes is too long: at most %zu", strlen(text), MAX_TEXT);
    for (bool first = true; !bad; first = false) {
        const char *image = t->merges.n ? NULL : strstr(text, "<image>");
        bad = encode_chunk(t, text, image ? (size_t)(image - text) : strlen(text), first, &out, e);
        if (!image) break;
        if (!bad) bad = gm_ids_add(&out, GM_IMAGE_ID, e);
        text = image + strlen("<image>");
    }
    if (bad) {
        free(out.id);
        return -1;
    }
    *ids = out.id;
    *n = out.n;
    return 0;
}

/* ---- decoding ---- */

/* Bytes that stood in byte pieces, as UTF-8; what is not becomes U+FFFD, as does a zero byte, which
 * would end the text. */
static void add_bytes(gm_text *out, const char *s, size_t n)
{
    for (size_t i = 0, k; i < n; i += k) {
        bool valid;
        gm_utf8_get(s + i, n - i, &k, &valid);
        if (valid && s[i]) gm_text_add(out, s + i, k);
        else gm_text_adds(out, "\xEF\xBF\xBD");
    }
}

/* SentencePiece's Decode of ids[0..n) (sentencepiece_processor.cc): a space for each mark, but for
 * one at the very start; byte pieces joined; control pieces are silent. */
static void decode_pieces(const gm_tokenizer *t, const int32_t *ids, int64_t n, gm_text *out)
{
    const gm_pieces *p = &t->pieces;
    gm_text bytes = { 0 };
    bool start = true;                          /* nothing but silence so far: a mark may go */
    for (int64_t i = 0; i < n; i++) {
        const gm_piece *q = &p->piece[ids[i]];
        if (q->type == GM_PIECE_BYTE) {
            char b = (char)strtol(q->text + 3, NULL, 16);
            gm_text_add(&bytes, &b, 1);
            if (i + 1 < n && p->piece[ids[i + 1]].type == GM_PIECE_BYTE) continue;
            add_bytes(out, bytes.s, bytes.n);
            bytes.n = 0;
            start = false;
        } else if (q->type != GM_PIECE_CONTROL) {
            const char *s = q->text;
            if (start && strncmp(s, space_mark, 3) == 0) s += 3;
            start = false;
            for (const char *mark; (mark = strstr(s, space_mark)); s = mark + 3) {
                gm_text_add(out, s, (size_t)(mark - s));
                gm_text_adds(out, " ");
            }
            gm_text_adds(out, s);
        }
    }
    out->failed |= bytes.failed;
    gm_text_drop(&bytes);
}

/* A run without added tokens.  The space goes in front of the text that a special token ends, not
 * behind it: convert_tokens_to_string adds it before it decodes what is pending. */
static void decode_run(const gm_tokenizer *t, const int32_t *ids, int64_t n, gm_text *out)
{
    int64_t start = 0;
    for (int64_t i = 0; i < n; i++) {
        if (!is_special(t, ids[i])) continue;
        if (i > 0 && !is_special(t, ids[i - 1])) gm_text_adds(out, " ");
        decode_pieces(t, ids + start, i - start, out);
        gm_text_adds(out, t->pieces.piece[ids[i]].text);
        start = i + 1;
    }
    decode_pieces(t, ids + start, n - start, out);
}

/* A text model's: all the bytes in a row. */
static void decode_bytes(const gm_tokenizer *t, const int32_t *ids, int64_t n, gm_text *out)
{
    gm_text bytes = { 0 };
    for (int64_t i = 0; i < n; i++) gm_byte_decode(&t->pieces.piece[ids[i]], &bytes);
    add_bytes(out, bytes.s, bytes.n);
    out->failed |= bytes.failed;
    gm_text_drop(&bytes);
}

char *gm_decode(const gm_tokenizer *t, const int32_t *ids, int64_t n, gm_error *e)
{
    gm_text out = { 0 };
    int32_t *kept = malloc((size_t)(n + 1) * sizeof *kept);
    int64_t m = 0, base = t->pieces.nbase;
    for (int64_t i = 0; kept && i < n; i++) {
        if (ids[i] == GM_IMAGE_ID) continue;
        if (ids[i] < 0 || ids[i] >= t->pieces.n) {
            gm_fail(e, "cannot decode: token id %ld is not in 0 .. %lld", (long)ids[i],
                    (long long)t->pieces.n - 1);
            free(kept);
            return NULL;
        }
        kept[m++] = ids[i];
    }
    if (kept && t->merges.n) decode_bytes(t, kept, m, &out);
    for (int64_t i = 0, end; i < m && kept && !t->merges.n; i = end) {
        if (i) gm_text_adds(&out, " ");
        end = i + 1;
        if (kept[i] >= base) {
            gm_text_adds(&out, t->pieces.piece[kept[i]].text);
            continue;
        }
        while (end < m && kept[end] < base) end++;
        decode_run(t, kept + i, end - i, &out);
    }
    char *s = kept ? gm_text_take(&out) : NULL;
    free(kept);
    if (!s) gm_fail(e, "out of memory for the text of %lld tokens", (long long)n);
    return s;
}
