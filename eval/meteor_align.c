/* METEOR's alignment: of all matches a set that shares no word, found by a beam search over the true
 * line's words.  edu.cmu.meteor.aligner.Aligner, Constants.PARTIAL_COMPARE_TOTAL */
#include <stdlib.h>
#include <string.h>
#include "meteor_parts.h"

enum { BEAM = 40, NONE = -1 };

/* What a path has decided so far. */
typedef struct {
    int64_t order;              /* in the list: equal paths keep it */
    int64_t weight[2];          /* matched words, weighed and cut to whole numbers each time */
    int64_t chunks, distance;
    int64_t next;               /* the first true word that is open */
    int64_t end;                /* the found word behind the last match, NONE after a gap */
    int64_t *match;             /* (true words): the match that starts there, or NONE */
    bool *used[2];              /* words taken */
} path;

typedef struct { path *path; int64_t n, room; void *arrays; } paths;

typedef struct {
    const gm_meteor_matches *m;
    int64_t n[2];               /* words of the two lines */
    size_t bytes;               /* of one path's arrays */
} search;

static int make_room(paths *p, const search *s, int64_t room)
{
    *p = (paths){ malloc((size_t)room * sizeof *p->path), 0, room,
                  malloc((size_t)room * s->bytes) };
    if (!p->path || !p->arrays) return -1;
    for (int64_t i = 0; i < room; i++) {
        char *at = (char *)p->arrays + (size_t)i * s->bytes;
        p->path[i].match = (int64_t *)at;
        p->path[i].used[0] = (bool *)(at + (size_t)s->n[1] * sizeof(int64_t));
        p->path[i].used[1] = p->path[i].used[0] + s->n[0];
    }
    return 0;
}

static void free_paths(paths *p)
{
    free(p->path);
    free(p->arrays);
}

/* Appends a copy, which is returned. */
static path *append(paths *to, const path *p, const search *s)
{
    path *new = &to->path[to->n], own = *new;
    *new = *p;
    new->match = own.match;
    new->used[0] = own.used[0];
    new->used[1] = own.used[1];
    memcpy(new->match, p->match, s->bytes);     /* all three arrays */
    new->order = to->n++;
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

static bool is_free(const path *p, const gm_meteor_match *m)
{
    for (int k = 0; k < 2; k++)
        for (int64_t i = 0; i < m->length[k]; i++)
            if (p->used[k][m->start[k] + i]) return false;
    return true;
}

static void use(path *p, const gm_meteor_match *m, int64_t number)
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

/* All that may follow `p` at true word i.  The distance of a match goes to the path without it, so
 * that later matches of the same word are charged for the earlier ones: as the original has it. */
static void extend(paths *to, path *p, int64_t i, const search *s)
{
    const gm_meteor_matches *m = s->m;
    if (p->used[1][i]) {
        if (i >= p->next) {                     /* a match that was settled before the search */
            if (p->match[p->next] == NONE) return;
            const gm_meteor_match *fixed = &m->match[p->match[p->next]];
            count(p, fixed);
            p->distance += way(fixed);
        }
        append(to, p, s);
        return;
    }
    for (int64_t k = m->first[i]; k < m->first[i + 1]; k++) {
        if (!is_free(p, &m->match[k])) continue;
        path *new = append(to, p, s);
        use(new, &m->match[k], k);
        count(new, &m->match[k]);
        p->distance += way(&m->match[k]);
    }
    p->chunks += p->end != NONE;                /* a word without a match ends a chunk */
    p->end = NONE;
    p->next++;
    append(to, p, s);
}

/* Matches that nothing competes with are settled. */
static void settle(path *p, const search *s)
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

static int beam_search(paths *now, paths *then, const search *s)
{
    int64_t most = 0;
    for (int64_t i = 0; i < s->n[1]; i++) {
        int64_t matches = s->m->first[i + 1] - s->m->first[i];
        if (matches > most) most = matches;
    }
    if (make_room(now, s, BEAM * (most + 1)) != 0 || make_room(then, s, BEAM * (most + 1)) != 0)
        return -1;
    path *start = &now->path[now->n++];
    start->order = start->weight[0] = start->weight[1] = start->chunks = start->distance = 0;
    start->next = 0;
    start->end = NONE;
    memset(start->match, 0xFF, (size_t)s->n[1] * sizeof *start->match);     /* NONE */
    memset(start->used[0], 0, (size_t)(s->n[0] + s->n[1]));
    settle(start, s);
    for (int64_t i = 0; i < s->n[1]; i++) {
        qsort(now->path, (size_t)now->n, sizeof *now->path, compare);
        then->n = 0;
        for (int64_t k = 0; k < BEAM && k < now->n; k++) extend(then, &now->path[k], i, s);
        if (then->n == 0) append(then, &now->path[0], s);
        paths other = *now;
        *now = *then;
        *then = other;
    }
    qsort(now->path, (size_t)now->n, sizeof *now->path, compare);
    if (now->n > BEAM) now->n = BEAM;
    for (int64_t k = 0; k < now->n; k++) {
        now->path[k].chunks += now->path[k].end != NONE;
        now->path[k].order = k;
    }
    qsort(now->path, (size_t)now->n, sizeof *now->path, compare);
    return 0;
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
static int64_t chunks_of(const path *best, const search *s)
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
    paths now = { 0 }, then = { 0 };
    *st = (gm_meteor_stats){ .length = { (double)line[0].n, (double)line[1].n } };
    for (int side = 0; side < 2; side++)
        for (int64_t i = 0; i < line[side].n; i++)
            st->functions[side] += k->word[line[side].word[i] - 1].function;
    int bad = gm_meteor_match_lines(&m, k, line);
    search s = { &m, { line[0].n, line[1].n },
                 (size_t)line[1].n * sizeof(int64_t) + (size_t)(line[0].n + line[1].n) };
    s.bytes = (s.bytes + sizeof(int64_t)) / sizeof(int64_t) * sizeof(int64_t);  /* aligned, not 0 */
    if (!bad) bad = beam_search(&now, &then, &s);
    if (!bad) {
        const path *best = &now.path[0];
        for (int64_t t = 0; t < line[1].n; t++)
            if (best->match[t] != NONE) add_match(st, &m.match[best->match[t]], k, line);
        st->chunks = (double)chunks_of(best, &s);
    }
    free_paths(&now);
    free_paths(&then);
    gm_meteor_matches_free(&m);
    return bad;
}
