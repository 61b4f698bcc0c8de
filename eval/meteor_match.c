/* METEOR's matchers: every way in which words of two lines may be matched.
 * edu.cmu.meteor.aligner.ExactMatcher, StemMatcher, SynonymMatcher, ParaphraseMatcher */
#include <stdlib.h>
#include "meteor_parts.h"

typedef struct {
    gm_meteor_matches *m;
    const gm_meteor_known *k;
    const gm_meteor_line *line;         /* found, true */
} matcher;

static int add(gm_meteor_matches *m, gm_meteor_match match)
{
    if (m->n == m->room) {
        int64_t room = 2 * m->room + 64;
        gm_meteor_match *more = realloc(m->match, (size_t)room * sizeof *more);
        if (!more) return -1;
        m->match = more;
        m->room = room;
    }
    m->match[m->n++] = match;
    for (int k = 0; k < 2; k++)
        for (int64_t i = 0; i < match.length[k]; i++) m->covered[k][match.start[k] + i]++;
    return 0;
}

static bool same_synset(const gm_meteor_word *a, const gm_meteor_word *b)
{
    for (int64_t i = 0, j = 0; i < a->nsets && j < b->nsets;) {
        if (a->set[i] == b->set[j]) return true;
        if (a->set[i] < b->set[j]) i++;
        else j++;
    }
    return false;
}

/* Whether two words match in this stage; in the later ones only words that differ. */
static bool words_match(const gm_meteor_word *a, const gm_meteor_word *b, int stage)
{
    if (stage == 0) return a->hash == b->hash;
    if (a->hash == b->hash) return false;
    return stage == 1 ? a->stem == b->stem : same_synset(a, b);
}

static int single_words(const matcher *s, int stage)
{
    for (int64_t t = 0; t < s->line[1].n; t++) {
        const gm_meteor_word *b = &s->k->word[s->line[1].word[t] - 1];
        for (int64_t f = 0; f < s->line[0].n; f++) {
            const gm_meteor_word *a = &s->k->word[s->line[0].word[f] - 1];
            if (!words_match(a, b, stage)) continue;
            if (add(s->m, (gm_meteor_match){ { f, t }, { 1, 1 }, stage }) != 0) return -1;
        }
    }
    return 0;
}

/* The first phrase of [low, high) whose word at `depth` is not before `word`. Those that end there
 * come first. */
static int64_t lower_bound(const gm_paraphrases *p, int64_t low, int64_t high, int32_t depth,
                           int64_t word)
{
    while (low < high) {
        int64_t middle = low + (high - low) / 2;
        const gm_paraphrase *f = &p->phrase[middle];
        if (f->nfrom <= depth || p->words[f->from + depth] < word) low = middle + 1;
        else high = middle;
    }
    return low;
}

/* Matches of one phrase, found at `at` of line `side`, with what it may become in the other. */
static int add_phrase(const matcher *s, int side, int64_t at, const gm_paraphrase *f)
{
    const gm_meteor_line *other = &s->line[1 - side];
    const int32_t *to = s->k->phrases->words + f->to;
    for (int64_t i = 0; i + f->nto <= other->n; i++) {
        int32_t same = 0;
        while (same < f->nto && other->word[i + same] == to[same]) same++;
        if (same < f->nto) continue;
        gm_meteor_match match = { .stage = 3 };
        match.start[side] = at;
        match.length[side] = f->nfrom;
        match.start[1 - side] = i;
        match.length[1 - side] = f->nto;
        if (add(s->m, match) != 0) return -1;
    }
    return 0;
}

/* Phrases of line `side`: at each place the shortest first, then in the table's order. */
static int phrases(const matcher *s, int side)
{
    const gm_paraphrases *p = s->k->phrases;
    const gm_meteor_line *line = &s->line[side];
    for (int64_t at = 0; at < line->n; at++) {
        int64_t low = 0, high = p->n;
        for (int32_t depth = 0; at + depth < line->n && low < high; depth++) {
            int64_t word = line->word[at + depth];
            low = lower_bound(p, low, high, depth, word);
            high = lower_bound(p, low, high, depth, word + 1);
            for (int64_t i = low; i < high && p->phrase[i].nfrom == depth + 1; i++)
                if (add_phrase(s, side, at, &p->phrase[i]) != 0) return -1;
        }
    }
    return 0;
}

/* Brings the matches of one place in the true line together, else in their order. */
static int sort_by_place(gm_meteor_matches *m, int64_t n)
{
    gm_meteor_match *sorted = malloc((size_t)(m->n + 1) * sizeof *sorted);
    m->first = calloc((size_t)n + 2, sizeof *m->first);
    if (!sorted || !m->first) {
        free(sorted);
        return -1;
    }
    int64_t *at = m->first;             /* counts, then the next free place of each */
    for (int64_t i = 0; i < m->n; i++) at[m->match[i].start[1] + 1]++;
    for (int64_t i = 0; i < n; i++) at[i + 1] += at[i];
    for (int64_t i = 0; i < m->n; i++) sorted[at[m->match[i].start[1]]++] = m->match[i];
    for (int64_t i = n; i > 0; i--) at[i] = at[i - 1];
    at[0] = 0;
    free(m->match);
    m->match = sorted;
    m->room = m->n;
    return 0;
}

static bool same_lines(const gm_meteor_known *k, const gm_meteor_line line[2])
{
    if (line[0].n != line[1].n) return false;
    for (int64_t i = 0; i < line[0].n; i++)
        if (k->word[line[0].word[i] - 1].hash != k->word[line[1].word[i] - 1].hash) return false;
    return true;
}

int gm_meteor_match_lines(gm_meteor_matches *m, const gm_meteor_known *k,
                          const gm_meteor_line line[2])
{
    *m = (gm_meteor_matches){ 0 };
    for (int i = 0; i < 2; i++) {
        m->covered[i] = calloc((size_t)line[i].n + 1, sizeof *m->covered[i]);
        if (!m->covered[i]) return -1;
    }
    matcher s = { m, k, line };
    int stages = same_lines(k, line) ? 1 : k->stages;
    for (int stage = 0; stage < stages; stage++) {
        int bad = stage < 3 ? single_words(&s, stage) : phrases(&s, 1) || phrases(&s, 0);
        if (bad) return -1;
    }
    return sort_by_place(m, line[1].n);
}

void gm_meteor_matches_free(gm_meteor_matches *m)
{
    free(m->match);
    free(m->first);
    free(m->covered[0]);
    free(m->covered[1]);
    *m = (gm_meteor_matches){ 0 };
}
