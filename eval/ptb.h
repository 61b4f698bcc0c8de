/* Captions cut into words as the Penn Treebank does: the rules of Stanford's PTBTokenizer 3.4.1,
 * which pycocoevalcap runs (-preserveLines -lowerCase). */
#ifndef GM_EVAL_PTB_H
#define GM_EVAL_PTB_H
#include "../ref/error.h"

/* The caption's tokens, lower case, one space between two, without the punctuation that
 * pycocoevalcap drops (ptbtokenizer.py); malloc'ed, NULL when out of memory. An empty caption gives
 * "". Bytes that are not UTF-8 separate words. next: the caption with words that follows in the
 * original's input, NULL when there is none: whether "A." is a letter at a sentence's end is seen
 * by the word behind it. */
char *gm_ptb_tokens(const char *caption, const char *next, gm_error *e);

#endif
