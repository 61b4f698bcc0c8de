/* All scores of a set of captions, as pycocoevalcap's COCOEvalCap gives them. */
#ifndef GM_EVAL_CAPTION_SCORES_H
#define GM_EVAL_CAPTION_SCORES_H
#include "captions.h"
#include "texts.h"

/* es: meteor is of exact and stem matches alone (meteor.h). */
typedef struct { double bleu[GM_BLEU_MOST], rouge, cider, meteor; bool es; } gm_caption_scores;

/* found[i] and truth[i] (at least one text) of n items, as they were written; `each` has room for
 * n.  Tokenised in this order, which is that of the original's input.  meteor: the folder of
 * METEOR's files, or NULL (es). */
int gm_score_captions(gm_caption_scores *all, gm_caption_scores *each, const char *const *found,
                      const gm_texts *truth, int64_t n, const char *meteor, gm_error *e);

#endif
