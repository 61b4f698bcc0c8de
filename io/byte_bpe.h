/* Byte-level BPE, as GPT-2 and its heirs have it: pieces are spelt in 256 visible characters, one
 * for each byte; text is cut into words; neighbours are merged by a list of pairs, the earliest first.
 * Facts: openai/gpt-2 src/encoder.py; llama.cpp src/llama-vocab.cpp, llm_tokenizer_bpe. */
#ifndef GM_IO_BYTE_BPE_H
#define GM_IO_BYTE_BPE_H
#include "bpe.h"
#include "gguf.h"
#include "text.h"

typedef struct {
    int32_t *left, *right, *made;       /* (n) ids of pieces: earlier ones are merged first */
    int64_t n;
    int32_t *slot;                      /* (nslots) open addressing: a merge or -1; a power of 2 */
    size_t nslots;
    int32_t byte[256];                  /* ids of the bytes' pieces, -1 for none */
    bool digits_alone;                  /* each digit is a word */
} gm_merges;

/* Reads tokenizer.ggml.{tokens, token_type, merges, pre} of a file whose tokenizer.ggml.model is
 * gpt2; every piece is of the base (pieces.h).  p and m must be { 0 }; release both, also after an
 * error.  Refuses: another model or pre-tokenizer than smollm and gpt-2, pieces that are there
 * twice, merges of or into what is no piece. */
int gm_merges_read(gm_merges *m, gm_pieces *p, const gm_gguf *g, gm_error *e);
void gm_merges_drop(gm_merges *m);

/* Appends the ids of text (n > 0 bytes); bytes that are not UTF-8 count as U+FFFD, a byte without a
 * piece is left out (as llama.cpp does). */
int gm_byte_encode(const gm_merges *m, const char *text, size_t n, gm_ids *out, gm_error *e);
/* Appends the bytes that a piece stands for; those of a control or user-defined one as they are. */
void gm_byte_decode(const gm_piece *q, gm_text *out);

#endif
