/* CIDEr, clipped and with a penalty for length: pycocoevalcap cider/cider_scorer.py. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "captions.h"
#include "ngrams.h"

static const double SIGMA = 6;

/* All texts of one run: image i's caption is found[i], its references truth[first[i]] .. */
typedef struct {
    /* frequency: in how many images' references a gram is */
    gm_ngrams *found, *truth, frequency;
    int64_t *first, n, ntruth;
    double images;                              /* log of their number */
} corpus_data;

static double weight(const corpus_data *d, const gm_ngram *g)
{
    double df = (double)gm_ngram_count(&d->frequency, g);
    return (double)g->count * (d->images - log(fmax(1, df)));
}

/* Norms per length; returns the number of bigrams, the scorer's idea of the length. */
static double norms(double norm[GM_NGRAM_MOST], const corpus_data *d, const gm_ngrams *g)
{
    double bigrams = 0;
    memset(norm, 0, GM_NGRAM_MOST * sizeof *norm);
    for (int64_t i = 0; i < g->n; i++) {
        double w = weight(d, &g->gram[i]);
        norm[g->gram[i].length - 1] += w * w;
        if (g->gram[i].length == 2) bigrams += (double)g->gram[i].count;
    }
    for (int k = 0; k < GM_NGRAM_MOST; k++) norm[k] = sqrt(norm[k]);
    return bigrams;
}

/* The sum over lengths of the similarity of a caption and one reference. */
static double similarity(const corpus_data *d, const gm_ngrams *found, const gm_ngrams *truth)
{
    double a[GM_NGRAM_MOST], b[GM_NGRAM_MOST], sum[GM_NGRAM_MOST] = { 0 }, all = 0;
    double delta = norms(a, d, found) - norms(b, d, truth);
    for (int64_t i = 0; i < found->n; i++) {
        gm_ngram g = found->gram[i];
        double w = weight(d, &g);
        g.count = gm_ngram_count(truth, &g);
        double r = weight(d, &g);
        sum[g.length - 1] += fmin(w, r) * r;
    }
    for (int k = 0; k < GM_NGRAM_MOST; k++) {
        if (a[k] != 0 && b[k] != 0) sum[k] /= a[k] * b[k];
        all += sum[k] * exp(-(delta * delta) / (2 * SIGMA * SIGMA));
    }
    return all;
}

/* d->frequency from the references. */
static int count_images(corpus_data *d)
{
    int64_t total = 0;
    for (int64_t r = 0; r < d->ntruth; r++) total += d->truth[r].n;
    gm_ngrams *all = &d->frequency;
    all->gram = malloc((size_t)(total + 1) * sizeof *all->gram);
    if (!all->gram) return -1;
    for (int64_t i = 0; i < d->n; i++) {
        /* An image's grams, each once, behind those of the images before. */
        gm_ngrams image = { all->gram + all->n, 0, 0 };
        for (int64_t r = d->first[i]; r < d->first[i + 1]; r++) {
            memcpy(image.gram + image.n, d->truth[r].gram,
                   (size_t)d->truth[r].n * sizeof *image.gram);
            image.n += d->truth[r].n;
        }
        gm_ngrams_merge(&image);
        for (int64_t k = 0; k < image.n; k++) image.gram[k].count = 1;
        all->n += image.n;
    }
    gm_ngrams_merge(all);
    return 0;
}

static int read_texts(corpus_data *d, const gm_caption *c)
{
    gm_vocabulary v = { 0 };
    bool good = true;
    d->found = calloc((size_t)d->n + 1, sizeof *d->found);
    d->truth = calloc((size_t)d->ntruth + 1, sizeof *d->truth);
    d->first = calloc((size_t)d->n + 1, sizeof *d->first);
    good = d->found && d->truth && d->first;
    for (int64_t i = 0, at = 0; good && i < d->n; i++) {
        good = gm_ngrams_of(&d->found[i], &v, c[i].found) == 0;
        for (int64_t r = 0; good && r < c[i].ntruth; r++)
            good = gm_ngrams_of(&d->truth[at++], &v, c[i].truth[r]) == 0;
        d->first[i + 1] = at;
    }
    gm_vocabulary_free(&v);
    return good ? count_images(d) : -1;
}

static void release(corpus_data *d)
{
    for (int64_t i = 0; d->found && i < d->n; i++) gm_ngrams_free(&d->found[i]);
    for (int64_t i = 0; d->truth && i < d->ntruth; i++) gm_ngrams_free(&d->truth[i]);
    gm_ngrams_free(&d->frequency);
    free(d->found);
    free(d->truth);
    free(d->first);
}

int gm_cider(double *corpus, double *each, const gm_caption *c, int64_t n, gm_error *e)
{
    corpus_data d = { .n = n, .images = log((double)n) };
    double sum = 0;
    for (int64_t i = 0; i < n; i++) d.ntruth += c[i].ntruth;
    bool good = read_texts(&d, c) == 0;
    for (int64_t i = 0; good && i < n; i++) {
        double one = 0;
        for (int64_t r = d.first[i]; r < d.first[i + 1]; r++)
            one += similarity(&d, &d.found[i], &d.truth[r]);
        one = 10 * one / GM_NGRAM_MOST / (double)c[i].ntruth;
        if (each) each[i] = one;
        sum += one;
    }
    release(&d);
    if (!good) return gm_fail(e, "CIDEr of %lld captions: out of memory", (long long)n);
    *corpus = n ? sum / (double)n : 0;
    return 0;
}
