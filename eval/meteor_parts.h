/* The parts of METEOR: words, their lists, phrases, the alignment of two lines. */
#ifndef GM_EVAL_METEOR_PARTS_H
#define GM_EVAL_METEOR_PARTS_H
#include "captions.h"
#include "ngrams.h"

/* ---- Word lists of the jar ---- */

typedef struct {
    bool full;                          /* read, not empty */
    gm_vocabulary function;             /* function words */
    gm_vocabulary always, numeric;      /* what keeps its dot: ever; before digits */
    gm_vocabulary synonym;              /* words with synsets */
    char *synsets, **set;               /* the list; set[i]: the synsets of word number i + 1 */
    gm_vocabulary form, base;           /* irregular forms ("men") and what they come from */
    struct { int64_t base, next; } *pair;       /* of one form: chained, next - 1 is the place */
    int64_t *first, npairs;             /* of form number i + 1: its first pair, from 1 */
} gm_meteor_lists;

/* Lists from folder/meteor-1.5.jar; folder NULL: empty ones.  gm_meteor_lists_free in any case. */
int gm_meteor_lists_read(gm_meteor_lists *l, const char *folder, gm_error *e);
void gm_meteor_lists_free(gm_meteor_lists *l);

/* Readers of the jar's texts (0-terminated); name is for messages. */
int gm_meteor_read_function(gm_meteor_lists *l, const char *text, gm_error *e);
int gm_meteor_read_prefixes(gm_meteor_lists *l, const char *text, gm_error *e);
int gm_meteor_read_exceptions(gm_meteor_lists *l, const char *text, const char *name, gm_error *e);
/* Takes text (malloc'ed) over, in any case. */
int gm_meteor_read_synsets(gm_meteor_lists *l, char *text, const char *name, gm_error *e);

/* ---- Text ---- */

/* The line's words as METEOR cuts them, lower case, one space between two; malloc'ed, NULL when out
 * of memory.  edu.cmu.meteor.util.Normalizer, normalizeLine, then toLowerCase */
char *gm_meteor_normal(const char *text, const gm_meteor_lists *l);

/* ---- What is known of a word ---- */

typedef struct {
    int32_t hash, stem;         /* String.hashCode of word and stem: what the jar compares */
    bool function;
    int64_t *set, nsets;        /* synsets, ascending */
} gm_meteor_word;

/* word[i]: of vocabulary number i + 1; malloc'ed. */
int gm_meteor_words(gm_meteor_word **word, const gm_vocabulary *v, const gm_meteor_lists *l,
                    gm_error *e);
void gm_meteor_words_free(gm_meteor_word *word, int64_t n);

/* ---- Paraphrases ---- */

typedef struct { int64_t from, to; int32_t nfrom, nto; } gm_paraphrase;     /* places in .words */
typedef struct {
    int32_t *words;                     /* vocabulary numbers, one phrase behind the other */
    int64_t nwords, room;
    gm_paraphrase *phrase;                  /* sorted by their `from` words, then as in the file */
    int64_t n, phrases;                 /* phrases: room */
    int64_t lines, kept;                /* while reading: lines so far, words that stay */
    gm_paraphrase current;
} gm_paraphrases;

/* From folder/data/paraphrase-en.gz the pairs whose words are all in v.  gm_paraphrases_free in any
 * case. */
int gm_paraphrases_read(gm_paraphrases *p, gm_vocabulary *v, const char *folder, gm_error *e);
/* Its parts: the table's lines one after the other, and the sorting; -1 when out of memory. */
int gm_paraphrases_line(gm_paraphrases *p, gm_vocabulary *v, const char *s, size_t n);
int gm_paraphrases_sort(gm_paraphrases *p);
void gm_paraphrases_free(gm_paraphrases *p);

/* ---- Alignment ---- */

enum { GM_METEOR_STAGES = 4 };          /* exact, stem, synonym, paraphrase */

/* [0] of the caption found, [1] of the true one. */
typedef struct {
    double length[2], functions[2], chunks;
    double content[2][GM_METEOR_STAGES], function[2][GM_METEOR_STAGES];     /* matched words */
} gm_meteor_stats;

typedef struct { const int64_t *word; int64_t n; } gm_meteor_line;      /* vocabulary numbers */

typedef struct { int64_t start[2], length[2]; int stage; } gm_meteor_match;
/* Every way in which words of the two lines match, those of a place in the true line together:
 * match[first[i] .. first[i + 1]); covered[k][i]: how many cover word i of line k. */
typedef struct {
    gm_meteor_match *match;
    int64_t n, room, *first, *covered[2];
} gm_meteor_matches;

typedef struct {
    const gm_meteor_word *word;
    const gm_paraphrases *phrases;
    int stages;
} gm_meteor_known;

/* line[0] found, line[1] true.  -1 when out of memory; release in any case. */
int gm_meteor_match_lines(gm_meteor_matches *m, const gm_meteor_known *k,
                          const gm_meteor_line line[2]);
void gm_meteor_matches_free(gm_meteor_matches *m);

/* The best alignment's statistics; -1 when out of memory.  Aligner.align */
int gm_meteor_align(gm_meteor_stats *s, const gm_meteor_known *k, const gm_meteor_line line[2]);

#endif
