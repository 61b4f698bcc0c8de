/* See ngrams.h. */
#include "ngrams.h"
#include <stdlib.h>
#include <string.h>
#include "../io/unicode.h"

static uint64_t hash(const char *s, size_t n)
{
    uint64_t h = 14695981039346656037u;             /* FNV-1a */
    for (size_t i = 0; i < n; i++) h = (h ^ (unsigned char)s[i]) * 1099511628211u;
    return h;
}

static int64_t *place(const gm_vocabulary *v, const char *s, size_t n)
{
    int64_t i = (int64_t)(hash(s, n) % (uint64_t)v->slots);
    for (;; i = (i + 1) % v->slots) {
        const char *word = v->slot[i] ? v->word[v->slot[i] - 1] : NULL;
        if (!word || (strncmp(word, s, n) == 0 && word[n] == 0)) return &v->slot[i];
    }
}

/* Room for one word more; the table stays at most half full. */
static int grow(gm_vocabulary *v)
{
    if (v->n < v->room) return 0;
    int64_t room = v->room ? 2 * v->room : 1024;
    char **word = realloc(v->word, (size_t)room * sizeof *word);
    if (!word) return -1;
    v->word = word;
    int64_t *slot = calloc((size_t)room * 2, sizeof *slot);
    if (!slot) return -1;
    free(v->slot);
    v->slot = slot;
    v->slots = room * 2;
    v->room = room;
    for (int64_t i = 0; i < v->n; i++) *place(v, word[i], strlen(word[i])) = i + 1;
    return 0;
}

int64_t gm_vocabulary_number(gm_vocabulary *v, const char *s, size_t n, bool add)
{
    if (!add) return v->n ? *place(v, s, n) : 0;
    if (grow(v) != 0) return 0;
    int64_t *at = place(v, s, n);
    if (*at) return *at;
    char *copy = malloc(n + 1);
    if (!copy) return 0;
    memcpy(copy, s, n);
    copy[n] = 0;
    v->word[v->n] = copy;
    return *at = ++v->n;
}

/* The next word from *s on, its length in *n; false at the end. */
static bool next_word(const char **s, size_t *n)
{
    size_t left = strlen(*s), start = 0, length;
    bool valid;
    gm_strip_left(*s, &start, left);
    *s += start;
    left -= start;
    for (*n = 0; *n < left; *n += length)
        if (gm_is_space(gm_utf8_get(*s + *n, left - *n, &length, &valid)) && valid) break;
    return *n > 0;
}

int64_t *gm_words(gm_vocabulary *v, const char *text, bool single, int64_t *n)
{
    int64_t *list = malloc((strlen(text) + 1) * sizeof *list);
    *n = 0;
    for (size_t length; list; text += length) {
        if (single) length = strcspn(text, " ");
        else if (!next_word(&text, &length)) return list;
        list[*n] = gm_vocabulary_number(v, text, length, true);
        if (!list[(*n)++]) break;
        if (single && !text[length]) return list;
        length += single;
    }
    free(list);
    return NULL;
}

void gm_vocabulary_free(gm_vocabulary *v)
{
    for (int64_t i = 0; i < v->n; i++) free(v->word[i]);
    free(v->word);
    free(v->slot);
    *v = (gm_vocabulary){ 0 };
}

static int compare(const void *a, const void *b)
{
    const gm_ngram *x = a, *y = b;
    for (int i = 0; i < GM_NGRAM_MOST; i++)
        if (x->word[i] != y->word[i]) return x->word[i] < y->word[i] ? -1 : 1;
    return 0;
}

void gm_ngrams_merge(gm_ngrams *g)
{
    int64_t kept = 0;
    if (g->n == 0) return;
    qsort(g->gram, (size_t)g->n, sizeof *g->gram, compare);
    for (int64_t i = 1; i < g->n; i++) {
        if (compare(&g->gram[kept], &g->gram[i]) == 0) g->gram[kept].count += g->gram[i].count;
        else g->gram[++kept] = g->gram[i];
    }
    g->n = kept + 1;
}

int gm_ngrams_of(gm_ngrams *g, gm_vocabulary *v, const char *text)
{
    int64_t words, *list = gm_words(v, text, false, &words);
    *g = (gm_ngrams){ list ? malloc((size_t)(words * GM_NGRAM_MOST + 1) * sizeof *g->gram) : NULL,
                      0, words };
    for (int64_t i = 0; g->gram && i < words; i++) {
        for (int64_t length = 1; length <= GM_NGRAM_MOST && i + length <= words; length++) {
            gm_ngram *gram = &g->gram[g->n++];
            *gram = (gm_ngram){ { 0 }, length, 1 };
            memcpy(gram->word, list + i, (size_t)length * sizeof *list);
        }
    }
    free(list);
    if (!g->gram) return -1;
    gm_ngrams_merge(g);
    return 0;
}

int64_t gm_ngram_count(const gm_ngrams *g, const gm_ngram *gram)
{
    if (g->n == 0) return 0;
    const gm_ngram *found = bsearch(gram, g->gram, (size_t)g->n, sizeof *gram, compare);
    return found ? found->count : 0;
}

void gm_ngrams_free(gm_ngrams *g)
{
    free(g->gram);
    *g = (gm_ngrams){ 0 };
}
