/* Small helpers over jansson: duplicate keys are errors, messages name the file. */
#ifndef GM_IO_JSON_H
#define GM_IO_JSON_H
#include <jansson.h>
#include <stdbool.h>
#include "../ref/error.h"

/* The JSON object in text (n bytes); name is for messages.  NULL with an error; json_decref it. */
json_t *gm_json_object(const char *text, size_t n, const char *name, gm_error *e);
/* The same from a file. */
json_t *gm_json_read(const char *path, gm_error *e);

/* Values of o (NULL or without the key, or with null: the value stays and 0 is returned).  Wrong
 * types and integers outside lo..hi are errors. */
int gm_json_int(const json_t *o, const char *key, int64_t lo, int64_t hi, int64_t *v,
                const char *name, gm_error *e);
int gm_json_float(const json_t *o, const char *key, float *v, const char *name, gm_error *e);
int gm_json_bool(const json_t *o, const char *key, bool *v, const char *name, gm_error *e);
/* NULL when absent or not a string. */
const char *gm_json_text(const json_t *o, const char *key);

#endif
