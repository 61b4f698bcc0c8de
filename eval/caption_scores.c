/* See caption_scores.h: pycocoevalcap eval.py. */
#include "caption_scores.h"

#include <stdlib.h>
#include <string.h>
#include "meteor.h"
#include "ptb.h"

/* text[i] of n becomes its tokens, out[i] (malloc'ed); the tokeniser sees one after another. */
static int tokenise(char **out, const char *const *text, int64_t n, gm_error *e)
{
    const char *next = NULL;
    for (int64_t i = n - 1; i >= 0; i--) {
        if (!(out[i] = gm_ptb_tokens(text[i], next, e))) return -1;
        if (text[i][strspn(text[i], " \n")]) next = text[i];
    }
    return 0;
}

static void free_all(char **text, int64_t n)
{
    for (int64_t i = 0; text && i < n; i++) free(text[i]);
    free(text);
}

static int metrics(gm_caption_scores *all, gm_caption_scores *each, const gm_caption *c, int64_t n,
                   const char *folder, gm_error *e)
{
    double *bleu = malloc((size_t)(n + 1) * (GM_BLEU_MOST + 3) * sizeof *bleu);
    if (!bleu) return gm_fail(e, "out of memory for %lld captions", (long long)n);
    double *rouge = bleu + n * GM_BLEU_MOST, *cider = rouge + n, *meteor = cider + n;
    int bad = gm_bleu(all->bleu, bleu, c, n, e);
    if (!bad) bad = gm_rouge_l(&all->rouge, rouge, c, n, e);
    if (!bad) bad = gm_cider(&all->cider, cider, c, n, e);
    if (!bad) bad = gm_meteor(&all->meteor, meteor, c, n, folder, e);
    all->es = !folder;
    for (int64_t i = 0; !bad && i < n; i++) {
        memcpy(each[i].bleu, bleu + i * GM_BLEU_MOST, sizeof each[i].bleu);
        each[i].rouge = rouge[i];
        each[i].cider = cider[i];
        each[i].meteor = meteor[i];
        each[i].es = !folder;
    }
    free(bleu);
    return bad;
}

int gm_score_captions(gm_caption_scores *all, gm_caption_scores *each, const char *const *found,
                      const gm_texts *truth, int64_t n, const char *meteor, gm_error *e)
{
    int64_t ntruth = 0, at = 0;
    for (int64_t i = 0; i < n; i++) ntruth += truth[i].n;
    const char **flat = calloc((size_t)ntruth + 1, sizeof *flat);
    char **f = calloc((size_t)n + 1, sizeof *f), **t = calloc((size_t)ntruth + 1, sizeof *t);
    gm_caption *c = calloc((size_t)n + 1, sizeof *c);
    int bad = flat && f && t && c ? 0
                                  : gm_fail(e, "out of memory for %lld captions", (long long)n);
    for (int64_t i = 0; !bad && i < n; i++)
        for (int64_t k = 0; k < truth[i].n; k++) flat[at++] = truth[i].text[k];
    if (!bad) bad = tokenise(f, found, n, e) || tokenise(t, flat, ntruth, e);
    at = 0;
    for (int64_t i = 0; !bad && i < n; at += truth[i++].n)
        c[i] = (gm_caption){ f[i], (const char *const *)&t[at], truth[i].n };
    if (!bad) bad = metrics(all, each, c, n, meteor, e);
    free(flat);
    free_all(f, n);
    free_all(t, ntruth);
    free(c);
    return bad ? -1 : 0;
}
