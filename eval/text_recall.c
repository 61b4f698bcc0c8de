/* Mask recall over images: eval/gcg/evaluate.py evaluate_recall_with_mapping. */
#include "text_recall.h"
#include <stdlib.h>
#include <string.h>
#include "ngrams.h"

/* Texts, each once, and where every image's start among the numbers. */
typedef struct {
    gm_vocabulary texts;
    int64_t *number, n;                 /* of labels, then phrases, image by image */
    float *vector;                      /* (texts, C) */
    int64_t C;
} table;

static int add_texts(table *t, const char *const *text, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        int64_t number = gm_vocabulary_number(&t->texts, text[i], strlen(text[i]), true);
        if (!number) return -1;
        t->number[t->n++] = number - 1;
    }
    return 0;
}

/* Every text once through BERT. */
static int embed(table *t, const gm_recall_texts *image, int64_t n, gm_bert *b, gm_error *e)
{
    int64_t all = 1;
    int bad = 0;
    for (int64_t i = 0; i < n; i++) all += image[i].L + image[i].P;
    t->number = malloc((size_t)all * sizeof *t->number);
    for (int64_t i = 0; t->number && !bad && i < n; i++)
        bad = add_texts(t, image[i].label, image[i].L) != 0 ||
              add_texts(t, image[i].phrase, image[i].P) != 0;
    t->C = gm_bert_width(b);
    t->vector = malloc((size_t)(t->texts.n + 1) * (size_t)t->C * sizeof *t->vector);
    if (bad || !t->number || !t->vector)
        return gm_fail(e, "out of memory for the labels of %lld images", (long long)n);
    return gm_bert_embed(t->vector, b, (const char *const *)t->texts.word, t->texts.n, e);
}

/* One image, whose texts start at number[0]; -1 when out of memory. */
static int64_t count(const gm_recall_texts *m, const table *t, const int64_t *number,
                     gm_recall_mode mode, bool *outside)
{
    if (!m->iou) return 0;
    double *iou = malloc((size_t)(m->T * m->F + 1) * sizeof *iou);
    double *similarity = malloc((size_t)(m->L * m->P + 1) * sizeof *similarity);
    int64_t found = -1;
    if (iou && similarity) {
        memcpy(iou, m->iou, (size_t)(m->T * m->F) * sizeof *iou);
        for (int64_t i = 0; i < m->L * m->P; i++)
            similarity[i] = gm_cosine(t->vector + number[i / m->P] * t->C,
                                      t->vector + number[m->L + i % m->P] * t->C, t->C);
        gm_recall_image one = { iou, similarity, m->T, m->F, m->L, m->P };
        found = gm_recall_found(&one, mode, outside);
    }
    free(iou);
    free(similarity);
    return found;
}

int gm_text_recall(double *recall, int64_t *found, int64_t *outside, const gm_recall_texts *image,
                   int64_t n, gm_bert *b, gm_recall_mode mode, gm_error *e)
{
    table t = { .n = 0 };
    int64_t right = 0, wanted = 0, out = 0, at = 0;
    int bad = embed(&t, image, n, b, e);
    for (int64_t i = 0; !bad && i < n; i++) {
        bool beside = false;
        int64_t k = count(&image[i], &t, t.number + at, mode, &beside);
        if (k < 0) bad = gm_fail(e, "out of memory for the labels of %lld images", (long long)n);
        gm_recall_image size = { NULL, NULL, image[i].T, image[i].F, image[i].L, image[i].P };
        at += image[i].L + image[i].P;
        right += k;
        wanted += gm_recall_wanted(&size, mode);
        out += beside;
        if (found) found[i] = k;
    }
    *recall = wanted ? (double)right / (double)wanted : 0;
    if (outside) *outside = out;
    gm_vocabulary_free(&t.texts);
    free(t.number);
    free(t.vector);
    return bad;
}
