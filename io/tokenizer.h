/* SentencePiece BPE of tokenizer.model plus added tokens, by the legacy rules of the pinned
 * transformers (docs/TEXT.md, QUIRKS A1, A2). */
#ifndef GM_IO_TOKENIZER_H
#define GM_IO_TOKENIZER_H
#include "folder.h"

#define GM_IMAGE_ID (-200)

typedef struct gm_tokenizer gm_tokenizer;

/* path, a folder or a GGUF pair, holds tokenizer.model and added_tokens.json (absent: no added
 * tokens). */
gm_tokenizer *gm_tokenizer_open(const char *path, gm_error *e);
gm_tokenizer *gm_tokenizer_in(const gm_folder *d, gm_error *e);
/* The same from bytes (fuzzing); added_json may be NULL. */
gm_tokenizer *gm_tokenizer_parse(const uint8_t *model, size_t n, const char *added_json,
                                 const char *name, gm_error *e);
/* Of a text model: the byte-level BPE of a GGUF's keys (byte_bpe.h).  Its control and user-defined
 * tokens are cut out of the text as they stand; <image> is text. */
gm_tokenizer *gm_tokenizer_gguf(const gm_gguf *g, gm_error *e);
void gm_tokenizer_free(gm_tokenizer *t);

int64_t gm_tokenizer_size(const gm_tokenizer *t);
/* -1 when there is no such piece. */
int32_t gm_token_id(const gm_tokenizer *t, const char *piece);
/* The token that ends an answer; -1 for none. */
int32_t gm_token_eos(const gm_tokenizer *t);
/* A piece's type (gm_piece_type of pieces.h; 0 when there is no such id) and score. */
int gm_token_facts(const gm_tokenizer *t, int32_t id, float *score);
/* NULL when there is no such id. */
const char *gm_token_piece(const gm_tokenizer *t, int32_t id);

/* BOS (a text model's only where its file asks for it) + ids of text, malloc'ed.  <image> (the
 * literal) splits the text and becomes GM_IMAGE_ID. */
int gm_encode(const gm_tokenizer *t, const char *text, int32_t **ids, int64_t *n, gm_error *e);
/* The pinned decode(skip_special_tokens=False), ids of GM_IMAGE_ID dropped; malloc'ed. */
char *gm_decode(const gm_tokenizer *t, const int32_t *ids, int64_t n, gm_error *e);

#endif
