/* What evaluation makes of an answer: gm_answer_clean of prompts.h (eval/gcg/infer.py,
 * inference). */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include "prompts.h"
#include "unicode.h"

/* A text being cleaned, and where each of its bytes stood in the answer without newlines. */
typedef struct { char *s; size_t *from, n; } traced;

/* text.replace("\n", ""); returns the new length.  The authors' replace("  ", " ") after it has no
 * effect, for white space is collapsed at the end. */
static size_t without_newlines(char *out, const char *text)
{
    size_t n = 0;
    for (; *text; text++)
        if (*text != '\n') out[n++] = *text;
    out[n] = 0;
    return n;
}

static void keep(traced *t, size_t *n, size_t i)
{
    t->s[*n] = t->s[i];
    t->from[(*n)++] = t->from[i];
}

/* re.sub("<.*?>", "") */
static void remove_tags(traced *t)
{
    size_t n = 0;
    bool closed = true;         /* a > may still follow */
    for (size_t i = 0; i < t->n; i++) {
        const char *end = t->s[i] == '<' && closed ? memchr(t->s + i, '>', t->n - i) : NULL;
        if (end) {
            i = (size_t)(end - t->s);
            continue;
        }
        if (t->s[i] == '<') closed = false;
        keep(t, &n, i);
    }
    t->n = n;
}

static void remove_word(traced *t, const char *word)
{
    size_t n = 0, k = strlen(word);
    for (size_t i = 0; i < t->n;) {
        if (t->n - i >= k && memcmp(t->s + i, word, k) == 0) i += k;
        else keep(t, &n, i++);
    }
    t->n = n;
}

/* " ".join(s.split()) */
static void collapse_space(traced *t)
{
    size_t n = 0;
    bool gap = false;           /* white space since the last word */
    for (size_t i = 0, k; i < t->n; i += k) {
        bool valid;
        if (gm_is_space(gm_utf8_get(t->s + i, t->n - i, &k, &valid))) {
            gap = true;
            continue;
        }
        if (gap && n) {         /* the gap is at least one byte wide: n < i */
            t->s[n] = ' ';
            t->from[n++] = t->from[i - 1];
        }
        gap = false;
        for (size_t j = 0; j < k; j++) keep(t, &n, i + j);
    }
    t->n = n;
}

static void strip_byte(traced *t, char byte)
{
    while (t->n && t->s[t->n - 1] == byte) t->n--;
    size_t skip = 0;
    while (skip < t->n && t->s[skip] == byte) skip++;
    t->n -= skip;
    memmove(t->s, t->s + skip, t->n);
    memmove(t->from, t->from + skip, t->n * sizeof *t->from);
}

/* The first byte of t that stood at or after `from`. */
static size_t lower_bound(const traced *t, size_t from)
{
    size_t low = 0, high = t->n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (t->from[middle] < from) low = middle + 1;
        else high = middle;
    }
    return low;
}

static gm_span span_of(const traced *t, size_t start, size_t end)
{
    gm_span p = { lower_bound(t, start), lower_bound(t, end), -1 };
    while (p.start < p.end && t->s[p.start] == ' ') p.start++;
    while (p.start < p.end && t->s[p.end - 1] == ' ') p.end--;
    return p;
}

/* Spans of the phrases of text + cut, the kept part of the answer; returns how many. */
static int64_t find_spans(gm_span *span, const char *text, size_t cut, const traced *t)
{
    int64_t n = 0, seen = 0;
    const char *seg = strstr(text, "[SEG]");            /* the seen-th one */
    const char *open = strstr(text + cut, "<p>");
    for (const char *close; open && (close = strstr(open + 3, "</p>"));) {
        gm_span s = span_of(t, (size_t)(open + 3 - text), (size_t)(close - text));
        open = strstr(close + 4, "<p>");
        for (; seg && seg < close; seen++) seg = strstr(seg + 5, "[SEG]");
        if (seg && (!open || seg < open)) s.mask = seen;
        span[n++] = s;
    }
    return n;
}

int gm_answer_clean(const char *text, char **caption, gm_span **span, int64_t *nspans, gm_error *e)
{
    static const char marker[] = "ASSISTANT: ";
    size_t room = strlen(text) + 1, cut = 0;
    char *line = malloc(room);
    traced t = { malloc(room), malloc(room * sizeof *t.from), 0 };
    *caption = NULL;
    *span = malloc((room / strlen("<p></p>") + 1) * sizeof **span);
    *nspans = 0;
    if (!line || !t.s || !t.from || !*span) {
        free(line);
        free(t.s);
        free(t.from);
        free(*span);
        *span = NULL;
        return gm_fail(e, "out of memory for an answer of %zu bytes", room - 1);
    }
    size_t n = without_newlines(line, text);
    for (const char *m = line; (m = strstr(m, marker));) {
        m += strlen(marker);
        cut = (size_t)(m - line);
    }
    for (size_t i = cut; i < n; i++) {
        t.s[t.n] = line[i];
        t.from[t.n++] = i;
    }
    remove_tags(&t);
    remove_word(&t, "[SEG]");
    collapse_space(&t);
    strip_byte(&t, '\'');
    strip_byte(&t, ' ');
    t.s[t.n] = 0;
    *nspans = find_spans(*span, line, cut, &t);
    *caption = t.s;
    free(t.from);
    free(line);
    return 0;
}
