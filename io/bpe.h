/* SentencePiece's BPE on one stretch of text. */
#ifndef GM_IO_BPE_H
#define GM_IO_BPE_H
#include "pieces.h"

typedef struct { int32_t *id; int64_t n, room; } gm_ids;

int gm_ids_add(gm_ids *ids, int32_t id, gm_error *e);

/* Appends the ids of text (n > 0 bytes): one mark U+2581 in front, spaces as marks, bytes that are
 * not UTF-8 as U+FFFD; then the adjacent pair that makes the normal piece of the highest score is
 * merged, the leftmost of equals, until none is left; what is no piece goes out as its bytes
 * (bpe_model.cc, Model::SampleEncode; normalizer.cc).  O(n log n); about 100 bytes a character. */
int gm_bpe_encode(const gm_pieces *p, const char *text, size_t n, gm_ids *out, gm_error *e);

#endif
