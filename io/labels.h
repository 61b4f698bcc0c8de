/* Training labels of a conversation's ids (the authors' dataset.py, _process_conversation). */
#ifndef GM_IO_LABELS_H
#define GM_IO_LABELS_H
#include "tokenizer.h"

#define GM_IGNORED (-100)

/* labels (n): GM_IGNORED but on answer tokens and the </s> that ends each.  ids are gm_encode's
 * of text, a llava_v1 conversation with every answer in place.  An error when an answer holds
 * " ASSISTANT: " or when the rounds do not add up to n. */
int gm_labels(const gm_tokenizer *t, const char *text, const int32_t *ids, int64_t n,
              int32_t *labels, gm_error *e);

#endif
