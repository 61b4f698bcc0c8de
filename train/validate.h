/* Validation: the loss over fixed records, and answers drawn. */
#ifndef GM_TRAIN_VALIDATE_H
#define GM_TRAIN_VALIDATE_H
#include "trainer.h"

/* Means over the first t->o->val_samples usable records of val, one at a time, without gradients or
 * dropout; total is the mean over the records.  No usable one is an error. */
int gm_validate(gm_trainer *t, gm_train_report *r, gm_error *e);

/* The first t->o->pictures records of val that have masks or boxes: the model answers their first
 * question, by free generation, into folder/NNNNNNNN-K.png (update, picture) with a .txt beside it:
 * question, wanted and found answer. */
int gm_validate_draw(gm_trainer *t, const char *folder, gm_error *e);

#endif
