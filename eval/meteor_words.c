/* What METEOR's matchers know of a word: two hashes (it compares words by String.hashCode), whether
 * it is a function word, its synsets. */
#include <libstemmer.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include "../io/unicode.h"
#include "meteor_parts.h"

/* java.lang.String.hashCode: over UTF-16 units, wrapping at 32 bits. */
static int32_t java_hash(const char *s, size_t n)
{
    uint32_t h = 0;
    size_t length;
    bool valid;
    for (; n; s += length, n -= length) {
        uint32_t c = gm_utf8_get(s, n, &length, &valid);
        if (c >= 0x10000) {
            h = 31 * h + 0xD800 + ((c - 0x10000) >> 10);
            c = 0xDC00 + (c & 0x3FF);
        }
        h = 31 * h + c;
    }
    return (int32_t)h;
}

/* Adds the synsets of the word s (n bytes), if it has any. */
static int add_sets(gm_meteor_word *w, const gm_meteor_lists *l, const char *s, size_t n)
{
    int64_t number = gm_vocabulary_number((gm_vocabulary *)&l->synonym, s, n, false);
    if (!number) return 0;
    const char *at = l->set[number - 1];
    int64_t *more = realloc(w->set, ((size_t)w->nsets + strlen(at) / 2 + 1) * sizeof *more);
    if (!more) return -1;
    w->set = more;
    for (char *end;; at = end) {
        int64_t set = strtoll(at, &end, 10);
        if (end == at) return 0;
        w->set[w->nsets++] = set;
    }
}

static bool ends_with(const char *s, size_t n, const char *end, size_t k)
{
    return n >= k && memcmp(s + n - k, end, k) == 0;
}

/* Regular endings: the first that leads to a word with synsets decides.  SynonymDictionary.morph */
static int add_regular(gm_meteor_word *w, const gm_meteor_lists *l, const char *s, size_t n)
{
    static const char *const rule[][2] = {
        { "s", "" },      { "ses", "s" },   { "xes", "x" }, { "zes", "z" }, { "ches", "ch" },
        { "shes", "sh" }, { "men", "man" }, { "ies", "y" }, { "es", "e" },  { "es", "" },
        { "ed", "e" },    { "ed", "" },     { "ing", "e" }, { "ing", "" },  { "er", "" },
        { "est", "" },    { "er", "e" },    { "est", "e" },
    };
    char base[256];
    if (ends_with(s, n, "ss", 2) || n <= 2 || n + 2 > sizeof base) return 0;
    for (size_t i = 0; i < sizeof rule / sizeof *rule; i++) {
        size_t cut = strlen(rule[i][0]), add = strlen(rule[i][1]);
        if (!ends_with(s, n, rule[i][0], cut)) continue;
        memcpy(base, s, n - cut);
        memcpy(base + n - cut, rule[i][1], add);
        size_t length = n - cut + add;
        if (gm_vocabulary_number((gm_vocabulary *)&l->synonym, base, length, false))
            return add_sets(w, l, base, length);
    }
    return 0;
}

static int compare(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

/* Synsets of the word and of what it comes from: the listed words of an irregular form, else by its
 * ending. */
static int find_sets(gm_meteor_word *w, const gm_meteor_lists *l, const char *s)
{
    size_t n = strlen(s);
    int bad = add_sets(w, l, s, n);
    int64_t form = gm_vocabulary_number((gm_vocabulary *)&l->form, s, n, false);
    if (!form && !bad) bad = add_regular(w, l, s, n);
    for (int64_t i = form ? l->first[form - 1] : 0; i && !bad; i = l->pair[i - 1].next) {
        const char *base = l->base.word[l->pair[i - 1].base - 1];
        bad = add_sets(w, l, base, strlen(base));
    }
    if (w->nsets) qsort(w->set, (size_t)w->nsets, sizeof *w->set, compare);
    return bad;
}

int gm_meteor_words(gm_meteor_word **word, const gm_vocabulary *v, const gm_meteor_lists *l,
                    gm_error *e)
{
    gm_meteor_word *all = calloc((size_t)v->n + 1, sizeof *all);
    struct sb_stemmer *stemmer = sb_stemmer_new("english", "UTF_8");
    int bad = all && stemmer ? 0 : -1;
    for (int64_t i = 0; i < v->n && !bad; i++) {
        const char *s = v->word[i];
        size_t n = strlen(s);
        const sb_symbol *stem = n < INT_MAX ? sb_stemmer_stem(stemmer, (const sb_symbol *)s, (int)n)
                                            : NULL;
        if (!stem) bad = -1;
        else all[i].stem = java_hash((const char *)stem, (size_t)sb_stemmer_length(stemmer));
        all[i].hash = java_hash(s, n);
        all[i].function = gm_vocabulary_number((gm_vocabulary *)&l->function, s, n, false) != 0;
        if (!bad) bad = find_sets(&all[i], l, s);
    }
    if (stemmer) sb_stemmer_delete(stemmer);
    if (!bad) *word = all;
    else gm_meteor_words_free(all, v->n);
    return bad ? gm_fail(e, "out of memory for %lld words", (long long)v->n) : 0;
}

void gm_meteor_words_free(gm_meteor_word *word, int64_t n)
{
    for (int64_t i = 0; word && i < n; i++) free(word[i].set);
    free(word);
}
