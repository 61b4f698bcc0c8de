/* METEOR's paraphrases: a table of millions of pairs, of which those are kept whose words all occur
 * in the captions.  edu.cmu.meteor.aligner.ParaphraseTransducer */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include "../io/os.h"
#include "meteor_parts.h"

enum { CHUNK = 1 << 20 };

static int out_of_memory(gm_error *e)
{
    return gm_fail(e, "out of memory for METEOR's paraphrases");
}

/* The words of one line behind p->words; their number, 0 when one is unknown, -1 without memory. */
static int32_t add_words(gm_paraphrases *p, gm_vocabulary *v, const char *s, size_t n)
{
    int64_t before = p->nwords;
    for (size_t i = 0, k; i < n; i += k) {
        k = 0;
        while (i < n && strchr(" \t\r\f", s[i])) i++;
        while (i + k < n && !strchr(" \t\r\f", s[i + k])) k++;
        int64_t number = k ? gm_vocabulary_number(v, s + i, k, false) : 0;
        if (k && !number) {
            p->nwords = before;
            return 0;
        }
        if (k && p->nwords == p->room) {
            int64_t room = p->room + p->room / 2 + 1024;
            int32_t *more = realloc(p->words, (size_t)room * sizeof *more);
            if (!more) return -1;
            p->words = more;
            p->room = room;
        }
        if (k) p->words[p->nwords++] = (int32_t)number;
    }
    return (int32_t)(p->nwords - before);
}

static int add_phrase(gm_paraphrases *p, gm_paraphrase f)
{
    if (p->n == p->phrases) {
        int64_t room = p->phrases + p->phrases / 2 + 256;
        gm_paraphrase *more = realloc(p->phrase, (size_t)room * sizeof *more);
        if (!more) return -1;
        p->phrase = more;
        p->phrases = room;
    }
    p->phrase[p->n++] = f;
    return 0;
}

int gm_paraphrases_line(gm_paraphrases *p, gm_vocabulary *v, const char *s, size_t n)
{
    int place = (int)(p->lines++ % 3);          /* probability, phrase, what it may become */
    if (place == 1) {
        p->nwords = p->kept;
        p->current = (gm_paraphrase){ .from = p->kept, .nfrom = add_words(p, v, s, n) };
        return p->current.nfrom < 0 ? -1 : 0;
    }
    if (place == 0 || p->current.nfrom == 0) return 0;
    p->current.to = p->nwords;
    p->current.nto = add_words(p, v, s, n);
    if (p->current.nto <= 0) return p->current.nto;
    p->kept = p->nwords;
    return add_phrase(p, p->current);
}

typedef struct { const int32_t *from; int64_t place; int32_t n; } sorted;

static int compare(const void *a, const void *b)
{
    const sorted *x = a, *y = b;
    for (int32_t i = 0; i < x->n && i < y->n; i++)
        if (x->from[i] != y->from[i]) return x->from[i] < y->from[i] ? -1 : 1;
    if (x->n != y->n) return x->n < y->n ? -1 : 1;
    return x->place < y->place ? -1 : 1;
}

int gm_paraphrases_sort(gm_paraphrases *p)
{
    sorted *s = malloc(((size_t)p->n + 1) * sizeof *s);
    gm_paraphrase *phrase = malloc(((size_t)p->n + 1) * sizeof *phrase);
    if (!s || !phrase) {
        free(s);
        free(phrase);
        return -1;
    }
    for (int64_t i = 0; i < p->n; i++)
        s[i] = (sorted){ p->words + p->phrase[i].from, i, p->phrase[i].nfrom };
    qsort(s, (size_t)p->n, sizeof *s, compare);
    for (int64_t i = 0; i < p->n; i++) phrase[i] = p->phrase[s[i].place];
    free(s);
    free(p->phrase);
    p->phrase = phrase;
    p->phrases = p->n;
    return 0;
}

/* Lines of a chunk; what is left of the last, without its end, moves to the front.  Its length, -1
 * without memory. */
static int64_t read_lines(gm_paraphrases *p, gm_vocabulary *v, char *chunk, size_t n)
{
    char *at = chunk, *end;
    while ((end = memchr(at, '\n', n - (size_t)(at - chunk))) != NULL) {
        if (gm_paraphrases_line(p, v, at, (size_t)(end - at)) != 0) return -1;
        at = end + 1;
    }
    size_t left = n - (size_t)(at - chunk);
    memmove(chunk, at, left);
    return (int64_t)left;
}

static int read_table(gm_paraphrases *p, gm_vocabulary *v, gzFile file, char *chunk,
                      const char *path, gm_error *e)
{
    int64_t left = 0;
    int got = 0, status;
    while (left < CHUNK && (got = gzread(file, chunk + left, (unsigned)(CHUNK - left))) > 0) {
        left = read_lines(p, v, chunk, (size_t)left + (size_t)got);
        if (left < 0) return out_of_memory(e);
    }
    gzerror(file, &status);
    if (got < 0 || status == Z_BUF_ERROR)
        return gm_fail(e, "%s: the packed bytes are damaged or cut off", path);
    if (left == CHUNK) return gm_fail(e, "%s: a line is longer than %d bytes", path, CHUNK);
    if (left && gm_paraphrases_line(p, v, chunk, (size_t)left) != 0) return out_of_memory(e);
    if (p->lines == 0 || p->lines % 3 != 0)
        return gm_fail(e, "%s: wanted groups of three lines, found %lld lines", path,
                       (long long)p->lines);
    return 0;
}

int gm_paraphrases_read(gm_paraphrases *p, gm_vocabulary *v, const char *folder, gm_error *e)
{
    char *path = gm_path_join(folder, "data/paraphrase-en.gz"), *chunk = malloc(CHUNK);
    gzFile file = path && chunk ? gzopen(path, "rb") : NULL;
    int bad = 0;
    *p = (gm_paraphrases){ 0 };
    if (!path || !chunk) bad = out_of_memory(e);
    else if (!file) bad = gm_fail(e, "%s: cannot be opened: %s", path, strerror(errno));
    else bad = read_table(p, v, file, chunk, path, e);
    if (!bad && gm_paraphrases_sort(p) != 0) bad = out_of_memory(e);
    if (file) gzclose(file);
    free(chunk);
    free(path);
    return bad;
}

void gm_paraphrases_free(gm_paraphrases *p)
{
    free(p->words);
    free(p->phrase);
    *p = (gm_paraphrases){ 0 };
}
