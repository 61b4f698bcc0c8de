/* A tokenizer for made-up checkpoints: LLaMA's control and byte pieces, single characters, and fillers
 * that no text reaches.  See synth.h; the format: sentencepiece_model.proto, QUIRKS A1. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "../io/os.h"
#include "../io/pieces.h"
#include "../ref/kernels/typed.h"
#include "export_files.h"
#include "synth.h"

enum { BYTES = 256, FIRST_CHAR = 33, LAST_CHAR = 126 };
static const char SPACE[] = "\xE2\x96\x81";

static void put_varint(FILE *f, uint64_t v)
{
    for (; v >= 128; v >>= 7) fputc((int)((v & 127) | 128), f);
    fputc((int)v, f);
}

/* Field 1 of the model: {1: text, 2: score, 3: type}. */
static void put_piece(FILE *f, const char *text, float score, gm_piece_type type)
{
    size_t n = strlen(text);
    uint32_t bits = gm_bits_of_float(score);
    put_varint(f, 1 << 3 | 2);
    put_varint(f, 2 + n + 5 + 2);       /* texts are shorter than 128 bytes */
    put_varint(f, 1 << 3 | 2);
    put_varint(f, n);
    fwrite(text, 1, n, f);
    put_varint(f, 2 << 3 | 5);
    for (int i = 0; i < 4; i++) fputc((int)(bits >> (8 * i) & 255), f);
    put_varint(f, 3 << 3 | 0);
    put_varint(f, type);
}

/* A message of n (field, value) pairs as field `number`. */
static void put_settings(FILE *f, uint64_t number, const int (*set)[2], int n)
{
    uint64_t bytes = 0;
    for (int i = 0; i < n; i++) bytes += set[i][0] < 16 ? 2 : 3;
    put_varint(f, number << 3 | 2);
    put_varint(f, bytes);
    for (int i = 0; i < n; i++) {
        put_varint(f, (uint64_t)set[i][0] << 3);
        put_varint(f, (uint64_t)set[i][1]);
    }
}

static void put_all(FILE *f, int64_t n)
{
    static const int trainer[][2] = { { 3, 2 }, { 35, 1 } };                /* BPE, byte fallback */
    static const int normalizer[][2] = { { 3, 1 }, { 4, 0 } };  /* dummy prefix; white space stays */
    char text[40];
    put_piece(f, "<unk>", 0, GM_PIECE_UNKNOWN);
    put_piece(f, "<s>", 0, GM_PIECE_CONTROL);
    put_piece(f, "</s>", 0, GM_PIECE_CONTROL);
    int64_t id = 3;
    for (int b = 0; b < BYTES; b++, id++) {
        snprintf(text, sizeof text, "<0x%02X>", (unsigned)b);
        put_piece(f, text, 0, GM_PIECE_BYTE);
    }
    put_piece(f, SPACE, -(float)id, GM_PIECE_NORMAL);
    id++;
    for (int c = FIRST_CHAR; c <= LAST_CHAR; c++, id++) {
        snprintf(text, sizeof text, "%c", c);
        put_piece(f, text, -(float)id, GM_PIECE_NORMAL);
    }
    for (; id < n; id++) {
        snprintf(text, sizeof text, "%spiece%lld", SPACE, (long long)id);
        put_piece(f, text, -(float)id, GM_PIECE_NORMAL);
    }
    put_settings(f, 2, trainer, 2);
    put_settings(f, 3, normalizer, 2);
}

int gm_synth_tokenizer(const char *folder, int64_t n, gm_error *e)
{
    static const char *const added[] = {
        "<im_start>", "<im_end>", "<bbox>", "<point>", "[SEG]", "<p>", "</p>"
    };
    gm_writer w;
    char *path = gm_path_join(folder, "tokenizer.model");
    int bad = path ? gm_create(&w, path, e) : gm_fail(e, "%s: out of memory", folder);
    if (!bad) {
        put_all(w.file, n);
        bad = gm_commit(&w, e);
    }
    free(path);
    json_t *o = json_object();
    for (int i = 0; i < 7; i++) json_object_set_new(o, added[i], json_integer(n + i));
    if (!bad) bad = export_json(folder, "added_tokens.json", o, e);
    json_decref(o);
    return bad;
}
