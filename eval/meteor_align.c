/* METEOR's alignment: of all matches a set that shares no word, found by a beam search over the
 * true line's words.  edu.cmu.meteor.aligner.Aligner, Constants.PARTIAL_COMPARE_TOTAL */
#include <stdlib.h>
#include <string.h>
#include "meteor_parts.h"

enum { BEAM = 40, NONE = -1 };

/* What a path has decided so far: its keys.  Only those of the best BEAM are worked out (state). */
typedef struct {
    int64_t order;              /* in the list: equal paths keep it */
    int64_t weight[2];          /* matched words, weighed and cut to whole numbers each time */
    int64_t chunks, distance;
    int64_t next;               /* the first true word that is open */
    int64_t end;                /* the found word behind the last match, NONE after a gap */
    int64_t parent, taken;      /* state it goes on from; the match it adds to it, or NONE */
} path;

typedef struct {
    int64_t *match;             /* (true words): the match that starts there, or NONE */
    bool *used[2];              /* words taken */
} state;

typedef struct {
    const gm_meteor_matches *m;
    int64_t n[2];               /* words of the two lines */
    size_t bytes;               /* of one state */
    path *path;                 /* candidates */
    int64_t npaths;
    state now[BEAM], then[BEAM];
    char *arrays;               /* of both */
} search;

static int make_room(search *s)
{
    int64_t most = 0;
    for (int64_t i = 0; i < s->n[1]; i++) {
        int64_t matches = s->m->first[i + 1] - s->m->first[i];
        if (matches > most) most = matches;
    }
    size_t numbers = (size_t)s->n[1] * sizeof(int64_t);
    s->bytes = (numbers + (size_t)(s->n[0] + s->n[1])) / sizeof(int64_t) * sizeof(int64_t) +
               sizeof(int64_t);                         /* the next one is aligned */
    s->path = malloc((size_t)(BEAM * (most + 1)) * sizeof *s->path);
    s->arrays = malloc(2 * BEAM * s->bytes);
    if (!s->path || !s->arrays) return -1;
    for (int i = 0; i < 2 * BEAM; i++) {
        char *at = s->arrays + (size_t)i * s->bytes;
        state *one = i < BEAM ? &s->now[i] : &s->then[i - BEAM];
        one->match = (int64_t *)at;
        one->used[0] = (bool *)(at + numbers);
        one->used[1] = one->used[0] + s->n[0];
    }
    return 0;
}

/* Appends a copy, which is returned. */
static path *append(search *s, const path *p, int64_t parent, int64_t taken)
{
    path *new = &s->path[s->npaths];
    *new = *p;
    new->order = s->npaths++;
    new->parent = parent;
    new->taken = taken;
    return new;
}

/* Most words first, then fewest chunks, then the shortest way. */
static int compare(const void *a, const void *b)
{
    const path *x = a, *y = b;
    int64_t more = y->weight[0] + y->weight[1] - x->weight[0] - x->weight[1];
    if (!more) more = x->chunks - y->chunks;
    if (!more) more = x->distance - y->distance;
    if (!more) more = x->order - y->order;
    return more < 0 ? -1 : more > 0;
}

static bool is_free(const state *p, const gm_meteor_match *m)
{
    for (int k = 0; k < 2; k++)
        for (int64_t i = 0; i < m->length[k]; i++)
            if (p->used[k][m->start[k] + i]) return false;
    return true;
}

static void use(state *p, const gm_meteor_match *m, int64_t number)
{
    for (int k = 0; k < 2; k++)
        for (int64_t i = 0; i < m->length[k]; i++) p->used[k][m->start[k] + i] = true;
    p->match[m->start[1]] = number;
}

/* Takes a match into the path's count. */
static void count(path *p, const gm_meteor_match *m)
{
    for (int k = 0; k < 2; k++)
        p->weight[k] = (int64_t)((double)p->weight[k] + (double)m->length[k] * (m->stage ? .5 : 1));
    if (p->end != NONE && m->start[0] != p->end) p->chunks++;
    p->next = m->start[1] + m->length[1];
    p->end = m->start[0] + m->length[0];
}

static int64_t way(const gm_meteor_match *m)
{
    return llabs(m->start[1] - m->start[0]);
}

/* All that may follow path p, number k of the best, at true word i.  The distance of a match goes
 * to the path without it, so that later matches of the same word are charged for the earlier ones: as
 * the original has it. */
static void extend(search *s, path p, int64_t k, int64_t i)
{
    const gm_meteor_matches *m = s->m;
    const state *here = &s->now[k];
    if (here->used[1][i]) {
        if (i >= p.next) {                      /* a match that was settled before the search */
            if (here->match[p.next] == NONE) return;
            const gm_meteor_match *fixed = &m->match[here->match[p.next]];
            count(&p, fixed);
            p.distance += way(fixed);
        }
        append(s, &p, k, NONE);
        return;
    }
    for (int64_t j = m->first[i]; j < m->first[i + 1]; j++) {
        if (!is_free(here, &m->match[j])) continue;
        count(append(s, &p, k, j), &m->match[j]);
        p.distance += way(&m->match[j]);
    }
    p.chunks += p.end != NONE;                  /* a word without a match ends a chunk */
    p.end = NONE;
    p.next++;
    append(s, &p, k, NONE);
}

/* Matches that nothing competes with are settled. */
static void settle(state *p, const search *s)
{
    const gm_meteor_matches *m = s->m;
    for (int64_t t = 0; t < s->n[1]; t++) {
        if (m->first[t + 1] - m->first[t] != 1) continue;
        const gm_meteor_match *one = &m->match[m->first[t]];
        bool alone = true;
        for (int k = 0; k < 2; k++)
            for (int64_t i = 0; i < one->length[k]; i++)
                alone &= m->covered[k][one->start[k] + i] == 1;
        if (alone) use(p, one, m->first[t]);
    }
}

/* The best candidates become `best`, their states s->now; how many. */
static int64_t choose(path best[BEAM], search *s)
{
    int64_t n = s->npaths < BEAM ? s->npaths : BEAM;
    qsort(s->path, (size_t)s->npaths, sizeof *s->path, compare);
    memcpy(best, s->path, (size_t)n * sizeof *best);
    for (int64_t k = 0; k < n; k++) {
        memcpy(s->then[k].match, s->now[best[k].parent].match, s->bytes);   /* all three arrays */
        if (best[k].taken != NONE) use(&s->then[k], &s->m->match[best[k].taken], best[k].taken);
    }
    for (int k = 0; k < BEAM; k++) {
        state other = s->now[k];
        s->now[k] = s->then[k];
        s->then[k] = other;
    }
    s->npaths = 0;
    return n;
}

/* The best path's state. */
static const state *beam_search(search *s)
{
    path best[BEAM] = { { .end = NONE } };
    int64_t n = 1;
    memset(s->now[0].match, 0xFF, (size_t)s->n[1] * sizeof(int64_t));       /* NONE */
    memset(s->now[0].used[0], 0, (size_t)(s->n[0] + s->n[1]));
    settle(&s->now[0], s);
    for (int64_t i = 0; i < s->n[1]; i++) {
        for (int64_t k = 0; k < n; k++) extend(s, best[k], k, i);
        if (s->npaths == 0) append(s, &best[0], 0, NONE);
        n = choose(best, s);
    }
    for (int64_t k = 0; k < n; k++) {
        best[k].chunks += best[k].end != NONE;
        append(s, &best[k], k, NONE);
    }
    choose(best, s);
    return &s->now[0];
}

static void add_match(gm_meteor_stats *st, const gm_meteor_match *m, const gm_meteor_known *k,
                      const gm_meteor_line line[2])
{
    for (int side = 0; side < 2; side++) {
        for (int64_t i = 0; i < m->length[side]; i++) {
            int64_t word = line[side].word[m->start[side] + i];
            double *counts = k->word[word - 1].function ? st->function[side] : st->content[side];
            counts[m->stage]++;
        }
    }
}

/* Runs of matches that are neighbours in both lines.  Aligner.getCountAndChunks */
static int64_t chunks_of(const state *best, const search *s)
{
    int64_t chunks = 0, end = NONE;
    for (int64_t t = 0; t < s->n[1];) {
        if (best->match[t] == NONE) {
            chunks += end != NONE;
            end = NONE;
            t++;
            continue;
        }
        const gm_meteor_match *m = &s->m->match[best->match[t]];
        chunks += end != NONE && m->start[0] != end;
        t = m->start[1] + m->length[1];
        end = m->start[0] + m->length[0];
    }
    return chunks + (end != NONE);
}

int gm_meteor_align(gm_meteor_stats *st, const gm_meteor_known *k, const gm_meteor_line line[2])
{
    gm_meteor_matches m;
    search s = { .m = &m, .n = { line[0].n, line[1].n } };
    *st = (gm_meteor_stats){ .length = { (double)line[0].n, (double)line[1].n } };
    for (int side = 0; side < 2; side++)
        for (int64_t i = 0; i < line[side].n; i++)
            st->functions[side] += k->word[line[side].word[i] - 1].function;
    int bad = gm_meteor_match_lines(&m, k, line);
    if (!bad) bad = make_room(&s);
    if (!bad) {
        const state *best = beam_search(&s);
        for (int64_t t = 0; t < line[1].n; t++)
            if (best->match[t] != NONE) add_match(st, &m.match[best->match[t]], k, line);
        st->chunks = (double)chunks_of(best, &s);
    }
    free(s.path);
    free(s.arrays);
    gm_meteor_matches_free(&m);
    return bad;
}
