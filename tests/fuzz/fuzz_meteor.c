/* METEOR's files and its alignment.  'j': a jar.  Else texts, a zero byte between two: synsets,
 * irregular forms, prefixes, function words, paraphrases, the caption found, the true one. */
#include <stdlib.h>
#include <string.h>
#include "../../eval/meteor_parts.h"
#include "../../io/zip.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

enum { SYNSETS, FORMS, PREFIXES, FUNCTION, PHRASES, FOUND, TRUE, TEXTS };

static void jar(const uint8_t *data, size_t n)
{
    gm_zip z;
    gm_error e = { "" };
    int bad = gm_zip_open_deflated(&z, data, n, "JAR", &e);
    for (int64_t i = 0; !bad && i < z.n; i++) free(gm_zip_text(&z, z.entry[i].name, "JAR", &e));
    gm_zip_close(&z);
    if (bad && !e.text[0]) abort();
}

static void align(const gm_meteor_lists *l, char *const text[TEXTS])
{
    gm_vocabulary v = { 0 };
    gm_meteor_line line[2];
    gm_meteor_word *word = NULL;
    gm_paraphrases p = { 0 };
    gm_meteor_stats s;
    gm_error e = { "" };
    for (int i = 0; i < 2; i++) {
        char *words = gm_meteor_normal(text[FOUND + i], l);
        if (!words) abort();
        line[i] = (gm_meteor_line){ NULL, 0 };
        if (words[0]) line[i].word = gm_words(&v, words, true, &line[i].n);
        free(words);
    }
    if (gm_meteor_words(&word, &v, l, &e) != 0) abort();
    for (const char *at = text[PHRASES]; *at; at += *at == '\n') {
        size_t k = strcspn(at, "\n");
        if (gm_paraphrases_line(&p, &v, at, k) != 0) abort();
        at += k;
    }
    if (gm_paraphrases_sort(&p) != 0) abort();
    gm_meteor_known known = { word, &p, GM_METEOR_STAGES };
    if (gm_meteor_align(&s, &known, line) != 0) abort();
    for (int side = 0; side < 2; side++) {
        double sum = 0;
        for (int i = 0; i < GM_METEOR_STAGES; i++) sum += s.content[side][i] + s.function[side][i];
        if (sum > s.length[side] || s.chunks > sum) abort();
        free((void *)line[side].word);
    }
    gm_paraphrases_free(&p);
    gm_meteor_words_free(word, v.n);
    gm_vocabulary_free(&v);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    char *text[TEXTS];
    gm_meteor_lists l = { 0 };
    gm_error e = { "" };
    if (n && data[0] == 'j') {
        jar(data + 1, n - 1);
        return 0;
    }
    for (int i = 0; i < TEXTS; i++) {
        const uint8_t *end = n ? memchr(data, 0, n) : NULL;
        size_t k = end ? (size_t)(end - data) : n;
        if (!(text[i] = malloc(k + 1))) abort();
        if (k) memcpy(text[i], data, k);
        text[i][k] = 0;
        data += end ? k + 1 : k;
        n -= end ? k + 1 : k;
    }
    int bad = gm_meteor_read_synsets(&l, text[SYNSETS], "S", &e) != 0 ||
              gm_meteor_read_exceptions(&l, text[FORMS], "X", &e) != 0 ||
              gm_meteor_read_prefixes(&l, text[PREFIXES], &e) != 0 ||
              gm_meteor_read_function(&l, text[FUNCTION], &e) != 0;
    if (bad != (e.text[0] != 0)) abort();
    if (!bad) align(&l, text);
    gm_meteor_lists_free(&l);
    for (int i = 1; i < TEXTS; i++) free(text[i]);
    return 0;
}
