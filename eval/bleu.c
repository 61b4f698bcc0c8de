/* BLEU 1 to 4: pycocoevalcap bleu/bleu_scorer.py, compute_score(option="closest"). */
#include <math.h>
#include <stdlib.h>
#include "captions.h"
#include "ngrams.h"

/* What the smoothing adds to matches and to possible matches: 0 / 0 stays 0. */
static const double TINY = 1e-15, SMALL = 1e-9;

typedef struct { double matched[GM_BLEU_MOST], possible[GM_BLEU_MOST], found, truth; } counts;

static void score(double bleu[GM_BLEU_MOST], const counts *c)
{
    double product = 1, ratio = (c->found + TINY) / (c->truth + SMALL);
    for (int k = 0; k < GM_BLEU_MOST; k++) {
        product *= (c->matched[k] + TINY) / (c->possible[k] + SMALL);
        bleu[k] = pow(product, 1. / (k + 1));
        if (ratio < 1) bleu[k] *= exp(1 - 1 / ratio);
    }
}

/* Clipped matches of found with its n references; the reference length is the closest, the shorter
 * of two as close. */
static counts count(const gm_ngrams *found, const gm_ngrams *truth, int64_t n)
{
    counts c = { .found = (double)found->words };
    int64_t nearest = INT64_MAX;
    for (int k = 0; k < GM_BLEU_MOST; k++) c.possible[k] = fmax(0, (double)(found->words - k));
    for (int64_t i = 0; i < found->n; i++) {
        int64_t most = 0;
        for (int64_t r = 0; r < n; r++) {
            int64_t here = gm_ngram_count(&truth[r], &found->gram[i]);
            if (here > most) most = here;
        }
        if (most > found->gram[i].count) most = found->gram[i].count;
        c.matched[found->gram[i].length - 1] += (double)most;
    }
    for (int64_t r = 0; r < n; r++) {
        int64_t far = llabs(truth[r].words - found->words);
        if (far > nearest || (far == nearest && (double)truth[r].words > c.truth)) continue;
        nearest = far;
        c.truth = (double)truth[r].words;
    }
    return c;
}

static int image(counts *one, gm_vocabulary *v, const gm_caption *c)
{
    gm_ngrams found = { 0 }, *truth = calloc((size_t)c->ntruth + 1, sizeof *truth);
    bool good = truth && gm_ngrams_of(&found, v, c->found) == 0;
    for (int64_t r = 0; good && r < c->ntruth; r++)
        good = gm_ngrams_of(&truth[r], v, c->truth[r]) == 0;
    if (good) *one = count(&found, truth, c->ntruth);
    for (int64_t r = 0; truth && r < c->ntruth; r++) gm_ngrams_free(&truth[r]);
    gm_ngrams_free(&found);
    free(truth);
    return good ? 0 : -1;
}

int gm_bleu(double corpus[GM_BLEU_MOST], double *each, const gm_caption *c, int64_t n, gm_error *e)
{
    gm_vocabulary v = { 0 };
    counts all = { .found = 0 }, one;
    bool good = true;
    for (int64_t i = 0; good && i < n; i++) {
        good = image(&one, &v, &c[i]) == 0;
        if (!good) break;
        if (each) score(each + i * GM_BLEU_MOST, &one);
        for (int k = 0; k < GM_BLEU_MOST; k++) {
            all.matched[k] += one.matched[k];
            all.possible[k] += one.possible[k];
        }
        all.found += one.found;
        all.truth += one.truth;
    }
    gm_vocabulary_free(&v);
    if (!good) return gm_fail(e, "BLEU of %lld captions: out of memory", (long long)n);
    for (int k = 0; k < GM_BLEU_MOST; k++) corpus[k] = 0;
    if (n) score(corpus, &all);
    return 0;
}
