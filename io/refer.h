/* REFER's files (RefCOCO and its kin): which pickle of a folder, which refs of a split, and the
 * values of a pickle.  Source: groundingLMM dataset/utils/refcoco_refer.py. */
#ifndef GM_IO_REFER_H
#define GM_IO_REFER_H
#include <stdbool.h>
#include "pickle.h"

/* The folder's refs(AUTHOR).p, malloc'ed: refs(umd).p where the folder is called refcocog,
 * refs(unc).p elsewhere, as the release takes them; else the only one there is. */
char *gm_refer_pickle(const char *folder, gm_error *e);
/* Does a ref whose split is `of` belong to the wanted one?  testA, testB, testC: the letter is in
 * it; test: the word is; others: the same.  getRefIds */
bool gm_refer_in_split(const char *of, const char *wanted);

/* A whole number of the pickle; false for others. */
bool gm_refer_number(const gm_pickle_value *v, int64_t *i);
/* A text of the pickle, malloc'ed; NULL for others. */
char *gm_refer_text(const gm_pickle_value *v);

#endif
