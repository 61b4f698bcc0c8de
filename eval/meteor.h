/* METEOR 1.5 for English, as pycocoevalcap runs its jar (-l en -norm).  Rules: docs/EVAL.md. */
#ifndef GM_EVAL_METEOR_H
#define GM_EVAL_METEOR_H
#include "captions.h"

/* corpus: of the summed statistics, not the mean.  each: of n images (may be NULL).  folder: that
 * of pycocoevalcap's meteor.py, with meteor-1.5.jar and data/paraphrase-en.gz, which are read as they
 * are; NULL: exact and stem matches alone, every word a content word, which is another number
 * ("METEOR(es)").  Fails when a file cannot be read or memory runs out. */
int gm_meteor(double *corpus, double *each, const gm_caption *c, int64_t n, const char *folder,
              gm_error *e);

#endif
