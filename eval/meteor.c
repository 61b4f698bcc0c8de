/* Scores of METEOR 1.5.  edu.cmu.meteor.scorer.MeteorScorer, MeteorStats; the protocol of
 * pycocoevalcap/meteor/meteor.py */
#include "meteor.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "../io/os.h"
#include "../io/text.h"
#include "meteor_parts.h"

/* English, task "rank". */
static const double ALPHA = .85, BETA = .2, GAMMA = .6, DELTA = .75;
static const double WEIGHT[GM_METEOR_STAGES] = { 1, .6, .8, .6 };

/* One caption found or true. */
typedef struct { int64_t *word, n; } text;

typedef struct {
    gm_meteor_lists lists;
    gm_vocabulary vocabulary;
    gm_meteor_word *word;
    gm_paraphrases phrases;
    text *found, *truth;                /* truth: image by image, at first[image] .. */
    int64_t *first, images, ntruth, truths;     /* truths: room */
} meteor;

static int out_of_memory(gm_error *e)
{
    return gm_fail(e, "out of memory for METEOR");
}

/* Matched words of one line. */
static double matched(const gm_meteor_stats *s, int side)
{
    double sum = 0;
    for (int i = 0; i < GM_METEOR_STAGES; i++) sum += s->content[side][i] + s->function[side][i];
    return sum;
}

/* Every word matched, in one piece. */
static bool perfect(const gm_meteor_stats *s)
{
    return matched(s, 0) == s->length[0] && matched(s, 1) == s->length[1] && s->chunks == 1;
}

/* Precision (side 0), recall (side 1). */
static double share(const gm_meteor_stats *s, int side)
{
    double f = s->functions[side], sum = 0;
    double length = DELTA * (s->length[side] - f) + (1 - DELTA) * f;
    for (int i = 0; i < GM_METEOR_STAGES; i++) sum += s->content[side][i] * WEIGHT[i] * DELTA;
    for (int i = 0; i < GM_METEOR_STAGES; i++)
        sum += s->function[side][i] * WEIGHT[i] * (1 - DELTA);
    return sum / length;
}

static double score(const gm_meteor_stats *s)
{
    double precision = share(s, 0), recall = share(s, 1);
    double mean = 1 / ((1 - ALPHA) / precision + ALPHA / recall);
    double pieces = perfect(s) ? 0 : s->chunks / ((matched(s, 0) + matched(s, 1)) / 2);
    double value = mean * (1 - GAMMA * pow(pieces, BETA));
    return isnan(value) ? 0 : fmax(value, 0);
}

/* A perfect image adds no chunk. */
static void add_stats(gm_meteor_stats *sum, const gm_meteor_stats *s)
{
    for (int side = 0; side < 2; side++) {
        sum->length[side] += s->length[side];
        sum->functions[side] += s->functions[side];
        for (int i = 0; i < GM_METEOR_STAGES; i++) {
            sum->content[side][i] += s->content[side][i];
            sum->function[side][i] += s->function[side][i];
        }
    }
    if (!perfect(s)) sum->chunks += s->chunks;
}

/* text's words, by number. */
static int cut(text *t, const char *line, meteor *m)
{
    char *words = gm_meteor_normal(line, &m->lists);
    if (!words) return -1;
    if (words[0]) t->word = gm_words(&m->vocabulary, words, true, &t->n);
    int bad = words[0] && !t->word;
    free(words);
    return bad ? -1 : 0;
}

static int cut_found(text *t, const char *caption, meteor *m)
{
    gm_text clean = { 0 };              /* meteor.py: "|||" taken out, then "  " made " " */
    for (const char *s = caption; *s;) {
        if (strncmp(s, "|||", 3) == 0) s += 3;
        else gm_text_add(&clean, s++, 1);
    }
    char *line = gm_text_take(&clean);
    int bad = line ? cut(t, line, m) : -1;      /* spaces between words do not count */
    free(line);
    return bad;
}

/* A true caption; "|||" inside makes two of it, as the jar reads its line. */
static int cut_truth(meteor *m, const char *caption)
{
    char *copy = gm_copy_text(caption), *at = copy, *end;
    int bad = copy ? 0 : -1;
    while (!bad && at) {
        if (m->ntruth == m->truths) {
            int64_t room = 2 * m->truths + 64;
            text *more = realloc(m->truth, (size_t)room * sizeof *more);
            if (!more) break;
            m->truth = more;
            m->truths = room;
        }
        if ((end = strstr(at, "|||")) != NULL) *end = 0;
        text *t = &m->truth[m->ntruth++];
        *t = (text){ 0 };
        bad = cut(t, at, m);
        at = end ? end + 3 : NULL;
    }
    free(copy);
    return bad || at ? -1 : 0;
}

static int cut_all(meteor *m, const gm_caption *c, int64_t n)
{
    m->images = n;
    m->found = calloc((size_t)n + 1, sizeof *m->found);
    m->first = calloc((size_t)n + 1, sizeof *m->first);
    if (!m->found || !m->first) return -1;
    for (int64_t i = 0; i < n; i++) {
        if (cut_found(&m->found[i], c[i].found, m) != 0) return -1;
        for (int64_t k = 0; k < c[i].ntruth; k++)
            if (cut_truth(m, c[i].truth[k]) != 0) return -1;
        m->first[i + 1] = m->ntruth;
    }
    return 0;
}

/* The best true caption's statistics, the first of equals. */
static int score_image(gm_meteor_stats *best, const meteor *m, int64_t i)
{
    gm_meteor_known known = { m->word, &m->phrases, m->lists.full ? GM_METEOR_STAGES : 2 };
    double most = -1;
    *best = (gm_meteor_stats){ .chunks = 0 };
    for (int64_t k = m->first[i]; k < m->first[i + 1]; k++) {
        gm_meteor_stats s;
        gm_meteor_line line[2] = { { m->found[i].word, m->found[i].n },
                                   { m->truth[k].word, m->truth[k].n } };
        if (gm_meteor_align(&s, &known, line) != 0) return -1;
        if (score(&s) <= most) continue;
        most = score(&s);
        *best = s;
    }
    return 0;
}

static int score_all(double *corpus, double *each, const meteor *m, gm_error *e)
{
    gm_meteor_stats *s = calloc((size_t)m->images + 1, sizeof *s), sum = { .chunks = 0 };
    int failed = !s;
    #pragma omp parallel for schedule(dynamic, 8) reduction(| : failed)
    for (int64_t i = 0; i < (s ? m->images : 0); i++) failed |= score_image(&s[i], m, i) != 0;
    for (int64_t i = 0; !failed && i < m->images; i++) {
        add_stats(&sum, &s[i]);
        if (each) each[i] = score(&s[i]);
    }
    *corpus = score(&sum);
    free(s);
    return failed ? out_of_memory(e) : 0;
}

static void release(meteor *m)
{
    for (int64_t i = 0; m->found && i < m->images; i++) free(m->found[i].word);
    for (int64_t i = 0; i < m->ntruth; i++) free(m->truth[i].word);
    free(m->found);
    free(m->truth);
    free(m->first);
    gm_meteor_words_free(m->word, m->vocabulary.n);
    gm_paraphrases_free(&m->phrases);
    gm_vocabulary_free(&m->vocabulary);
    gm_meteor_lists_free(&m->lists);
}

int gm_meteor(double *corpus, double *each, const gm_caption *c, int64_t n, const char *folder,
              gm_error *e)
{
    meteor m = { .images = 0 };
    int bad = gm_meteor_lists_read(&m.lists, folder, e);
    if (!bad && cut_all(&m, c, n) != 0) bad = out_of_memory(e);
    if (!bad) bad = gm_meteor_words(&m.word, &m.vocabulary, &m.lists, e);
    if (!bad && folder) bad = gm_paraphrases_read(&m.phrases, &m.vocabulary, folder, e);
    if (!bad) bad = score_all(corpus, each, &m, e);
    release(&m);
    return bad;
}
