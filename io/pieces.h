/* The vocabulary: SentencePiece's pieces, then the added tokens, found by id and by text. */
#ifndef GM_IO_PIECES_H
#define GM_IO_PIECES_H
#include <stddef.h>
#include <stdint.h>
#include "../ref/error.h"

/* SentencePiece's numbers; GM_PIECE_ADDED is ours. */
typedef enum {
    GM_PIECE_NORMAL = 1, GM_PIECE_UNKNOWN, GM_PIECE_CONTROL, GM_PIECE_USER_DEFINED, GM_PIECE_UNUSED,
    GM_PIECE_BYTE, GM_PIECE_ADDED
} gm_piece_type;

typedef struct {
    char *text;                 /* 0-terminated */
    size_t length;
    float score;
    gm_piece_type type;
} gm_piece;

typedef struct {
    gm_piece *piece;            /* (n) by id */
    int64_t n, nbase;           /* all, and those of tokenizer.model */
    int64_t room;
    char *base_text;            /* the texts of the first nbase; added tokens own theirs */
    size_t base_used;
    int32_t *slot;              /* (nslots) open addressing: id or -1; nslots a power of 2 */
    size_t nslots;
    int32_t byte[256];          /* ids of the byte pieces */
    int32_t unk;                /* the one piece of type GM_PIECE_UNKNOWN */
} gm_pieces;

/* Reads the protobuf of tokenizer.model (QUIRKS A1; sentencepiece_model.proto).  p must be { 0 }.
 * Refuses what would need other rules than LLaMA's: not BPE, a charsmap, no dummy prefix, removed
 * white space, user-defined or unused pieces, byte pieces missing.  name is for messages. */
int gm_pieces_read(gm_pieces *p, const uint8_t *model, size_t size, const char *name, gm_error *e);
/* Appends q with a copy of its text: an added token's own, any other's in base_text, which must have
 * room for it and its 0.  Empty, with a zero byte, or there already: an error. */
int gm_pieces_append(gm_pieces *p, gm_piece q, const char *name, gm_error *e);
/* Appends an added token; its id is the position. */
int gm_pieces_add(gm_pieces *p, const char *text, size_t length, const char *name, gm_error *e);
/* The id of text, -1 when there is none. */
int32_t gm_pieces_find(const gm_pieces *p, const char *text, size_t length);
void gm_pieces_drop(gm_pieces *p);

#endif
