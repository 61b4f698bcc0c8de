/* Metrics over captions, as pycocoevalcap computes them.  Formulas and sources: docs/EVAL.md. */
#ifndef GM_EVAL_CAPTIONS_H
#define GM_EVAL_CAPTIONS_H
#include "../ref/error.h"

/* One image: the caption found and the true ones (at least one), tokenised (ptb.h). */
typedef struct {
    const char *found;
    const char *const *truth;
    int64_t ntruth;
} gm_caption;

/* Each fills the score of n images together, and each image's in `each` (n of them, may be NULL).
 * They fail only when out of memory; no image: 0. */

enum { GM_BLEU_MOST = 4 };
/* corpus[k], each[image * GM_BLEU_MOST + k]: BLEU of n-grams up to length k + 1. */
int gm_bleu(double corpus[GM_BLEU_MOST], double *each, const gm_caption *c, int64_t n, gm_error *e);
int gm_rouge_l(double *corpus, double *each, const gm_caption *c, int64_t n, gm_error *e);
int gm_cider(double *corpus, double *each, const gm_caption *c, int64_t n, gm_error *e);

#endif
