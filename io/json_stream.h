/* Long JSON files read one list element at a time, so that memory does not grow with the file; and
 * read again at the place where an element was found. */
#ifndef GM_IO_JSON_STREAM_H
#define GM_IO_JSON_STREAM_H
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include "../ref/error.h"

typedef enum {
    GM_JSON_WHOLE,              /* an object, whose lists are gone through; or a list */
    GM_JSON_LINES               /* JSON Lines: values one after another */
} gm_json_form;

typedef struct gm_json_stream gm_json_stream;
gm_json_stream *gm_json_stream_open(const char *path, gm_json_form form, gm_error *e);
/* The same over n bytes in memory, which must live on; name is for messages. */
gm_json_stream *gm_json_stream_bytes(const char *bytes, size_t n, const char *name,
                                     gm_json_form form, gm_error *e);
void gm_json_stream_free(gm_json_stream *s);

/* The next element of a list that stands directly in the file's object, *key its list's name; of a
 * file that is a list, or of JSON Lines, with *key "".  What is no list is passed over.
 * 1: *element (json_decref it), 0: the file's end, -1: an error that says where. */
int gm_json_next(gm_json_stream *s, const char **key, json_t **element, gm_error *e);

/* Was there a list of this name so far, be it empty? */
bool gm_json_had_list(const gm_json_stream *s, const char *key);

/* Where the last element lies: bytes [offset, offset + length) of the file. */
typedef struct { uint64_t offset, length; } gm_json_place;
gm_json_place gm_json_here(const gm_json_stream *s);
/* The object there, read from the file; length 0: the whole file. */
json_t *gm_json_read_at(const char *path, gm_json_place p, gm_error *e);
/* The first byte of a file that is no white space, -1 when there is none. */
int gm_json_first_byte(const char *path);

#endif
