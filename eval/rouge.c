/* ROUGE-L: pycocoevalcap rouge/rouge.py. */
#include <math.h>
#include <stdlib.h>
#include "captions.h"
#include "ngrams.h"

static const double BETA = 1.2;

/* The length of the longest common subsequence; row: nb + 1 numbers of scratch. */
static int64_t common(const int64_t *a, int64_t na, const int64_t *b, int64_t nb, int64_t *row)
{
    for (int64_t j = 0; j <= nb; j++) row[j] = 0;
    for (int64_t i = 0; i < na; i++) {
        int64_t corner = 0;                                 /* row[j] of the word before */
        for (int64_t j = 0; j < nb; j++) {
            int64_t above = row[j + 1];
            if (a[i] == b[j]) row[j + 1] = corner + 1;
            else if (row[j] > above) row[j + 1] = row[j];
            corner = above;
        }
    }
    return row[nb];
}

/* One image; -1 when out of memory.  The best precision and the best recall may come from two
 * references. */
static double image(gm_vocabulary *v, const gm_caption *c)
{
    double precision = 0, recall = 0, square = BETA * BETA;
    int64_t n, *found = gm_words(v, c->found, true, &n);
    int64_t *row = found ? malloc((size_t)(n + 1) * sizeof *row) : NULL;
    bool good = row;
    for (int64_t r = 0; good && r < c->ntruth; r++) {
        int64_t m, *truth = gm_words(v, c->truth[r], true, &m);
        good = truth;
        if (!good) break;
        double same = (double)common(truth, m, found, n, row);
        precision = fmax(precision, same / (double)n);
        recall = fmax(recall, same / (double)m);
        free(truth);
    }
    free(found);
    free(row);
    if (!good) return -1;
    if (precision == 0 || recall == 0) return 0;
    return (1 + square) * precision * recall / (recall + square * precision);
}

int gm_rouge_l(double *corpus, double *each, const gm_caption *c, int64_t n, gm_error *e)
{
    gm_vocabulary v = { 0 };
    double sum = 0, one = 0;
    for (int64_t i = 0; one >= 0 && i < n; i++) {
        one = image(&v, &c[i]);
        if (each) each[i] = one;
        sum += one;
    }
    gm_vocabulary_free(&v);
    if (one < 0) return gm_fail(e, "ROUGE-L of %lld captions: out of memory", (long long)n);
    *corpus = n ? sum / (double)n : 0;
    return 0;
}
