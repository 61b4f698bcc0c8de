/* Stored predictions, found by id and read one at a time. */
#ifndef GM_EVAL_PREDICTIONS_H
#define GM_EVAL_PREDICTIONS_H
#include "texts.h"

typedef struct gm_predictions gm_predictions;

/* path: a folder, or one file.  A .json file that is an object is one prediction, called like the
 * file; a list holds predictions {key: ID, ..}, and so does every line of a .jsonl file.  keys: the
 * names that an id may have, ended by NULL.  Later predictions of the same id, elements without an
 * id and the rest of a file after broken JSON are problems and do not count. */
gm_predictions *gm_predictions_open(const char *path, const char *const *keys, gm_texts *problems,
                                    gm_error *e);
void gm_predictions_free(gm_predictions *p);

/* The prediction of an id; NULL with *e untouched when there is none, with an error when it cannot
 * be read.  Different ids may be asked for at once from several threads. */
json_t *gm_predictions_get(gm_predictions *p, const char *id, gm_error *e);
/* Where the prediction of an id is or would be, for messages: into text. */
const char *gm_predictions_where(const gm_predictions *p, const char *id, char text[600]);
/* How many predictions were never asked for; *first: the first one's id. */
int64_t gm_predictions_left(const gm_predictions *p, const char **first);

#endif
