/* BERT's tokeniser for uncased models: transformers' BertTokenizerFast. */
#ifndef GM_EVAL_WORDPIECE_H
#define GM_EVAL_WORDPIECE_H
#include "../ref/error.h"

typedef struct gm_wordpiece gm_wordpiece;

/* vocab.txt: one piece a line, its number is its id.  NULL with an error. */
gm_wordpiece *gm_wordpiece_open(const char *path, gm_error *e);
/* The same from text (0-terminated); name is for messages. */
gm_wordpiece *gm_wordpiece_parse(const char *text, const char *name, gm_error *e);
void gm_wordpiece_free(gm_wordpiece *w);
int64_t gm_wordpiece_size(const gm_wordpiece *w);

/* The ids of text between [CLS] and [SEP], `most` (>= 2) in all at the most; malloc'ed, *n of them,
 * NULL when out of memory.  Bytes that are not UTF-8 count as nothing.  Several threads may call
 * it. */
int32_t *gm_wordpiece_ids(const gm_wordpiece *w, const char *text, int64_t most, int64_t *n);

#endif
