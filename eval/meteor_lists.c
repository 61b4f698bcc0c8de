/* The word lists inside METEOR's jar: function words, prefixes that keep their dot, irregular
 * forms, synsets (WordNet 3.0).  edu.cmu.meteor.aligner.SynonymDictionary, Normalizer.nbpList */
#include <stdlib.h>
#include <string.h>
#include "../io/os.h"
#include "../io/zip.h"
#include "meteor_parts.h"

static const char SPACE[] = " \t\n\r\f";        /* java.util.StringTokenizer's */

static int out_of_memory(gm_error *e)
{
    return gm_fail(e, "out of memory for METEOR's word lists");
}

/* The next line of *text, its end cut by a 0 in place; NULL at the end. */
static char *next_line(char **text)
{
    char *start = *text;
    if (!*start) return NULL;
    size_t n = strcspn(start, "\r\n"), end = start[n] == '\r' && start[n + 1] == '\n' ? 2 : 1;
    *text = start + n + (start[n] ? end : 0);
    start[n] = 0;
    return start;
}

/* The word at *s, its length in *n; *s moves on behind it.  NULL at the line's end. */
static const char *next_word(const char **s, size_t *n)
{
    const char *word = *s + strspn(*s, SPACE);
    *n = strcspn(word, SPACE);
    *s = word + *n;
    return *n ? word : NULL;
}

static int add(gm_vocabulary *v, const char *s, size_t n, gm_error *e)
{
    return gm_vocabulary_number(v, s, n, true) ? 0 : out_of_memory(e);
}

int gm_meteor_read_function(gm_meteor_lists *l, const char *text, gm_error *e)
{
    for (;; text++) {
        size_t n = strcspn(text, "\r\n");
        if (n && add(&l->function, text, n, e) != 0) return -1;
        text += n;
        if (!*text) return 0;
    }
}

int gm_meteor_read_prefixes(gm_meteor_lists *l, const char *text, gm_error *e)
{
    static const char NUMERIC[] = "#NUMERIC_ONLY#";
    char *copy = gm_copy_text(text), *at = copy;
    int bad = copy ? 0 : out_of_memory(e);
    for (const char *line; !bad && (line = next_line(&at)) != NULL;) {
        size_t n, k;
        const char *word = next_word(&line, &n), *mark = next_word(&line, &k);
        if (!word || word[0] == '#') continue;
        bool numeric = mark && k == strlen(NUMERIC) && memcmp(mark, NUMERIC, k) == 0;
        bad = add(numeric ? &l->numeric : &l->always, word, n, e);
    }
    free(copy);
    return bad;
}

/* One irregular form of the word with number `base`. */
static int add_pair(gm_meteor_lists *l, const char *form, size_t n, int64_t base, gm_error *e)
{
    int64_t number = gm_vocabulary_number(&l->form, form, n, true), i = l->npairs;
    if (!number) return out_of_memory(e);
    if ((i & (i - 1)) == 0) {                   /* room doubles; no more forms than pairs */
        size_t room = i ? 2 * (size_t)i : 1;
        void *pair = realloc(l->pair, room * sizeof *l->pair);
        if (pair) l->pair = pair;
        int64_t *first = realloc(l->first, room * sizeof *first);
        if (first) l->first = first;
        if (!pair || !first) return out_of_memory(e);
        memset(first + i, 0, (room - (size_t)i) * sizeof *first);
    }
    l->pair[i].base = base;
    l->pair[i].next = l->first[number - 1];
    l->first[number - 1] = ++l->npairs;
    return 0;
}

/* A line with a word, then one with its irregular forms. */
int gm_meteor_read_exceptions(gm_meteor_lists *l, const char *text, const char *name, gm_error *e)
{
    char *copy = gm_copy_text(text), *at = copy, *word;
    int bad = copy ? 0 : out_of_memory(e);
    while (!bad && (word = next_line(&at)) != NULL) {
        const char *forms = next_line(&at), *form;
        size_t n;
        if (!forms) {
            bad = gm_fail(e, "%s: ends behind the word %.60s, without its forms", name, word);
            break;
        }
        int64_t base = gm_vocabulary_number(&l->base, word, strlen(word), true);
        if (!base) bad = out_of_memory(e);
        while (!bad && (form = next_word(&forms, &n)) != NULL) bad = add_pair(l, form, n, base, e);
    }
    free(copy);
    return bad;
}

/* A line with a word, then one with the numbers of its synsets; of a word that comes twice the last
 * counts. */
int gm_meteor_read_synsets(gm_meteor_lists *l, char *text, const char *name, gm_error *e)
{
    char *at = text, *word;
    int64_t room = 0;
    free(l->synsets);
    l->synsets = text;
    while ((word = next_line(&at)) != NULL) {
        char *numbers = next_line(&at);
        if (!numbers || numbers[strspn(numbers, "0123456789 \t\f")])
            return gm_fail(e, "%s: wanted numbers of synsets behind the word %.60s", name, word);
        int64_t i = gm_vocabulary_number(&l->synonym, word, strlen(word), true);
        if (i > room) {
            room = 2 * i;
            char **more = realloc(l->set, (size_t)room * sizeof *more);
            if (!more) return out_of_memory(e);
            l->set = more;
        }
        if (!i) return out_of_memory(e);
        l->set[i - 1] = numbers;
    }
    return 0;
}

static int read_jar(gm_meteor_lists *l, const gm_zip *z, const char *name, gm_error *e)
{
    char *function = gm_zip_text(z, "function/english.words", name, e);
    char *prefixes = function ? gm_zip_text(z, "nonbreaking/english.prefixes", name, e) : NULL;
    char *forms = prefixes ? gm_zip_text(z, "synonym/english.exceptions", name, e) : NULL;
    char *synsets = forms ? gm_zip_text(z, "synonym/english.synsets", name, e) : NULL;
    int bad = !synsets || gm_meteor_read_synsets(l, synsets, name, e) != 0 ||
              gm_meteor_read_function(l, function, e) != 0 ||
              gm_meteor_read_prefixes(l, prefixes, e) != 0 ||
              gm_meteor_read_exceptions(l, forms, name, e) != 0;
    free(function);
    free(prefixes);
    free(forms);
    return bad ? -1 : 0;
}

int gm_meteor_lists_read(gm_meteor_lists *l, const char *folder, gm_error *e)
{
    *l = (gm_meteor_lists){ 0 };
    if (!folder) return 0;
    char *path = gm_path_join(folder, "meteor-1.5.jar");
    if (!path) return out_of_memory(e);
    size_t size = 0;
    gm_zip z = { 0 };
    const uint8_t *bytes = gm_map(path, &size, e);
    int bad = bytes ? gm_zip_open_deflated(&z, bytes, size, path, e) : -1;
    if (!bad) bad = read_jar(l, &z, path, e);
    l->full = !bad;
    gm_zip_close(&z);
    if (bytes) gm_unmap(bytes, size);
    free(path);
    return bad;
}

void gm_meteor_lists_free(gm_meteor_lists *l)
{
    gm_vocabulary *const all[] = { &l->function, &l->always, &l->numeric,
                                   &l->synonym,  &l->form,   &l->base };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) gm_vocabulary_free(all[i]);
    free(l->synsets);
    free(l->set);
    free(l->pair);
    free(l->first);
    *l = (gm_meteor_lists){ 0 };
}
