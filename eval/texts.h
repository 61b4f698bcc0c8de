/* Lists of texts, and the ids and files that evaluation reads. */
#ifndef GM_EVAL_TEXTS_H
#define GM_EVAL_TEXTS_H
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include "../io/rle.h"

typedef struct { char **text; int64_t n; } gm_texts;

int gm_texts_add(gm_texts *t, const char *s, gm_error *e);
/* Appends a printf text; what is wrong with single images is gathered so. */
int gm_texts_note(gm_texts *t, gm_error *e, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* A JSON list of strings; what: names it in messages. */
int gm_texts_read(gm_texts *t, const json_t *list, const char *what, gm_error *e);
void gm_texts_free(gm_texts *t);

/* An id as text: a string as it is, a whole number in decimal (into number); NULL for others. */
const char *gm_id_text(const json_t *id, char number[32]);

/* Equal but for case, the width of white space, and white space beside "." and ",": where it stands
 * depends on the tokenizer (golden/oracle/nano_cases.py norm). */
bool gm_texts_same(const char *a, const char *b);

/* Finds ids: places of a list, sorted by text. */
typedef struct { const char *id; int64_t place; } gm_id;
typedef struct { gm_id *id; int64_t n; } gm_ids;
/* Sorts; *twice: an id that is there more than once, or NULL. */
void gm_ids_sort(gm_ids *s, const char **twice);
/* The place of an id, -1 when it is not there. */
int64_t gm_ids_find(const gm_ids *s, const char *id);

#endif
