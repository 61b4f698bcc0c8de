/* Byte-pair encoding of one stretch of text: merging, and SentencePiece's rules for it (byte_bpe.h
 * has GPT-2's). */
#ifndef GM_IO_BPE_H
#define GM_IO_BPE_H
#include <stdbool.h>
#include "pieces.h"

typedef struct { int32_t *id; int64_t n, room; } gm_ids;

int gm_ids_add(gm_ids *ids, int32_t id, gm_error *e);

/* A stretch of the text in a doubly linked list; one that was merged into its left neighbour has
 * length 0.  left, right: -1 for none.  id: its piece, -1 for none. */
typedef struct { int32_t start, length, left, right, id; } gm_symbol;

/* Whether two neighbours may become one piece, with which score and id. */
typedef bool (*gm_joiner)(const void *table, const char *text, const gm_symbol *left,
                          const gm_symbol *right, float *score, int32_t *id);
/* Merges the pair of the highest score, the leftmost of equals, until none may.  O(n log n). */
int gm_bpe_merge(gm_symbol *symbol, int32_t n, const char *text, gm_joiner join, const void *table,
                 gm_error *e);

/* Appends the ids of text (n > 0 bytes): one mark U+2581 in front, spaces as marks, bytes that are
 * not UTF-8 as U+FFFD; then the adjacent pair that makes the normal piece of the highest score is
 * merged, the leftmost of equals, until none is left; what is no piece goes out as its bytes
 * (bpe_model.cc, Model::SampleEncode; normalizer.cc).  O(n log n); about 100 bytes a character. */
int gm_bpe_encode(const gm_pieces *p, const char *text, size_t n, gm_ids *out, gm_error *e);

#endif
