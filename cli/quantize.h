/* The questions of glamm quantize about a user's own images. */
#ifndef CLI_QUANTIZE_H
#define CLI_QUANTIZE_H
#include "../ref/model_open.h"
#include "../train/sample.h"
#include "settings.h"
#include "terminal.h"

/* Asks m what the arguments (as glamm run's) ask, and makes a sample of every answer: its text, its
 * masks, its boxes.  *s grows, malloc'ed; *n samples are to be freed after an error, too.  An image
 * that cannot be read is an error. */
int quantize_ask(gm_sample **s, int64_t *n, gm_model *m, char *const *path, int paths,
                 int64_t max_tokens, terminal *t, gm_error *e);

#endif
