#include "labels.h"

#include <stdlib.h>
#include <string.h>

#define ANSWER " ASSISTANT: "

/* Number of ids of s[0 .. length), its BOS included; -1 on error. */
static int64_t count(const gm_tokenizer *t, const char *s, size_t length, gm_error *e)
{
    int32_t *ids = NULL;
    int64_t n = -1;
    char *copy = malloc(length + 1);
    if (!copy) return gm_fail(e, "labels: out of memory");
    memcpy(copy, s, length);
    copy[length] = 0;
    if (gm_encode(t, copy, &ids, &n, e)) n = -1;
    free(copy);
    free(ids);
    return n;
}

/* One round "... ASSISTANT: answer" of `length` bytes at ids[at ..); returns the position after
 * it. */
static int64_t label_round(const gm_tokenizer *t, const char *s, size_t length, int32_t *labels,
                           int64_t at, int64_t n, gm_error *e)
{
    const char *answer = strstr(s, ANSWER);
    if (!answer || answer + strlen(ANSWER) > s + length)
        return gm_fail(e, "labels: a round of the conversation has no \"%s\"", ANSWER);
    answer += strlen(ANSWER);
    const char *second = strstr(answer, ANSWER);
    if (second && second < s + length) return gm_fail(e, "labels: an answer holds \"%s\"", ANSWER);
    int64_t whole = count(t, s, length, e), asked = count(t, s, (size_t)(answer - s), e);
    if (whole < 0 || asked < 0) return -1;
    asked -= 2;                         /* the BOS, and the lone space piece that ends it */
    if (at + asked > n || at + whole > n)
        return gm_fail(e, "labels: the rounds hold more ids than the conversation");
    for (int64_t i = 0; i < asked; i++) labels[at + i] = GM_IGNORED;
    return at + whole;                  /* its BOS stands for the </s> that was split off */
}

int gm_labels(const gm_tokenizer *t, const char *text, const int32_t *ids, int64_t n,
              int32_t *labels, gm_error *e)
{
    int64_t at = 1;
    if (n < 1) return gm_fail(e, "labels: no ids");
    memcpy(labels, ids, (size_t)n * sizeof *labels);
    labels[0] = GM_IGNORED;
    for (const char *s = text; *s;) {
        const char *end = strstr(s, "</s>");
        size_t length = end ? (size_t)(end - s) : strlen(s);
        at = label_round(t, s, length, labels, at, n, e);
        if (at < 0) return -1;
        s += length + (end ? 4 : 0);
    }
    return at == n ? 0
                   : gm_fail(e, "labels: the rounds hold %lld ids, the conversation %lld",
                             (long long)at, (long long)n);
}
