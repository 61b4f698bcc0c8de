/* The memory that a training configuration will take, printed. */
#ifndef CLI_TRAIN_PLAN_H
#define CLI_TRAIN_PLAN_H
#include "../train/config.h"

/* Every stage that can be opened yet (with init, or after another stage, the model is not there),
 * on stdout. */
int print_train_plan(const gm_train_plan *p, gm_error *e);
/* The same of a file, for glamm info --train: the exit status. */
int print_train_plan_of(const char *path);

#endif
