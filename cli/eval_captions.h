/* The numbers of captions, which grounded captions, captions and regions share. */
#ifndef CLI_EVAL_CAPTIONS_H
#define CLI_EVAL_CAPTIONS_H
#include "../eval/caption_scores.h"
#include "eval.h"

/* What METEOR is called without its word lists: another number. */
#define METEOR_ES "METEOR(es)"

/* METEOR as a number of the table; without the word lists it is unknown, and METEOR(es) follows. */
eval_number *eval_add_meteor(eval_result *r, const gm_caption_scores *s);

/* BLEU 1 to 4 and ROUGE-L as numbers of the table. */
void eval_add_bleu_rouge(eval_result *r, const gm_caption_scores *s);
/* {"Bleu_1": .., "METEOR": .., ..}; of one item Bleu_4 alone.  NULL when out of memory. */
json_t *eval_caption_json(const gm_caption_scores *s, bool item);
/* o gains "caption" and "caption_per_image", as golden/eval/expected.json has them. */
int eval_put_captions(json_t *o, const gm_caption_scores *all, const gm_caption_scores *each,
                      const char *const *id, int64_t n);

#endif
