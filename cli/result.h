/* One answered question as files: JSON, mask PNGs, an overlay; and its return from there. */
#ifndef CLI_RESULT_H
#define CLI_RESULT_H
#include <jansson.h>
#include "settings.h"

/* Everything that decides an answer: stored with it, and compared when a run resumes.
 * turn: how many questions of the same conversation came before.  Owner: json_decref. */
json_t *request_json(const char *model, const char *image, const model_settings *ms,
                     const ask_settings *as, const question *q, int64_t turn, gm_error *e);

/* The answer to a request (referenced, not copied).  name: its files are NAME.mask0.png ..;
 * NULL: none are written. */
json_t *result_json(json_t *request, const char *name, const gm_answer *a, double total_seconds,
                    gm_error *e);

/* A free name for a result about image in folder out, malloc'ed: base, base-2, ...; not one in
 * `used` (a JSON object, to which it is added), nor one whose NAME.json is about another image or
 * not ours. */
char *result_name(json_t *used, const char *out, const char *base, const char *image, gm_error *e);

/* out/NAME.json when this version answered this very request and all files are there, else NULL. */
json_t *result_stored(const char *out, const char *name, const json_t *request);

/* Writes overlay and masks, then NAME.json (last, so that it stands for a complete result). */
int result_write(const char *out, const char *name, const json_t *result, const gm_image *im,
                 const gm_answer *a, const question *q, gm_error *e);

/* ---- text models (run_text.c) ---- */

/* Asks the model at path as->prompt and prints the answer, or one JSON object.  The exit status. */
int run_text(const char *path, const model_settings *ms, const ask_settings *as, bool json);

#endif
