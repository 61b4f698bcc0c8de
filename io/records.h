/* Large JSON files of records: the elements of their lists are found without parsing them, and
 * parsed one at a time.  A file of a gigabyte costs 16 bytes a record. */
#ifndef GM_IO_RECORDS_H
#define GM_IO_RECORDS_H
#include "json.h"

typedef struct gm_records gm_records;

/* The elements of the list that the whole file is (keys 0), or of the lists under these keys of the
 * object that it is; a list that is not there is an error.  Brackets and texts must close; what is
 * wrong inside an element shows when it is read. */
gm_records *gm_records_open(const char *path, const char *const *key, int keys, gm_error *e);
/* The same from bytes, which must outlive it; name is for messages. */
gm_records *gm_records_parse(const uint8_t *bytes, size_t n, const char *name,
                             const char *const *key, int keys, gm_error *e);
void gm_records_close(gm_records *r);

int64_t gm_records_count(const gm_records *r, int list);
/* Element i, an object; NULL with an error (without the file's name). json_decref it. */
json_t *gm_records_get(const gm_records *r, int list, int64_t i, gm_error *e);
/* The whole number under a key of element i, without parsing the rest; false when there is none. */
bool gm_records_int(const gm_records *r, int list, int64_t i, const char *key, int64_t *v);

/* Numbers and the elements that have them, sorted by number, then by place. */
typedef struct { int64_t id, place; } gm_record_id;
void gm_record_ids_sort(gm_record_id *ids, int64_t n);
/* Of the elements of a list whose key is a whole number; *n of them, malloc'ed. */
gm_record_id *gm_records_ids(const gm_records *r, int list, const char *key, int64_t *n,
                             gm_error *e);
/* The first of them that has the number, and in *count how many have; NULL for none. */
const gm_record_id *gm_record_find(const gm_record_id *ids, int64_t n, int64_t id, int64_t *count);

#endif
