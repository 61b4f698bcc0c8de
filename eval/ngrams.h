/* Words as numbers, and the n-grams of a text. */
#ifndef GM_EVAL_NGRAMS_H
#define GM_EVAL_NGRAMS_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { GM_NGRAM_MOST = 4 };

/* Numbers for words, from 1 in the order they come. Starts as { 0 }. */
typedef struct {
    char **word;
    int64_t n, room;
    int64_t *slot;              /* a hash table of numbers, 0: free */
    int64_t slots;
} gm_vocabulary;

/* The numbers of text's words; malloc'ed, *n of them; NULL when out of memory. Words lie between
 * white space as str.split has it, or (single) between any two spaces, where nothing is a word too,
 * as str.split(" ") has it. */
int64_t *gm_words(gm_vocabulary *v, const char *text, bool single, int64_t *n);
/* The number of the word s (n bytes): of a new word when add, else 0. 0 when out of memory too. */
int64_t gm_vocabulary_number(gm_vocabulary *v, const char *s, size_t n, bool add);
void gm_vocabulary_free(gm_vocabulary *v);

/* word: the numbers of `length` words, then 0s. */
typedef struct { int64_t word[GM_NGRAM_MOST], length, count; } gm_ngram;
/* The different n-grams of a text of `words` words, sorted; lengths 1 to GM_NGRAM_MOST. */
typedef struct { gm_ngram *gram; int64_t n, words; } gm_ngrams;

/* -1 when out of memory. */
int gm_ngrams_of(gm_ngrams *g, gm_vocabulary *v, const char *text);
/* How often gram occurs in g. */
int64_t gm_ngram_count(const gm_ngrams *g, const gm_ngram *gram);
/* Sorts grams and adds up the counts of equal ones. */
void gm_ngrams_merge(gm_ngrams *g);
void gm_ngrams_free(gm_ngrams *g);

#endif
