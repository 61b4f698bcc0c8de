/* Python pickles (protocols 0 to 5) as a tree of values.  Nothing is executed: an opcode or a
 * global that is not known ends the reading with its name and offset.  Also what REFER's .p files
 * need. */
#ifndef GM_IO_PICKLE_H
#define GM_IO_PICKLE_H
#include <stddef.h>
#include <stdint.h>
#include "../ref/error.h"

typedef enum {
    GM_P_NONE, GM_P_BOOL, GM_P_INT, GM_P_LONG, GM_P_FLOAT, GM_P_STR, GM_P_BYTES, GM_P_TUPLE,
    GM_P_LIST, GM_P_DICT, GM_P_GLOBAL, GM_P_CALL, GM_P_PERSID, GM_P_MARK
} gm_pickle_kind;

/* Values may be shared, and a hostile pickle may make cycles: do not walk without a depth limit. */
typedef struct gm_pickle_value {
    gm_pickle_kind kind;
    union {
        int64_t i;                      /* BOOL, INT; GLOBAL: index into the table of known ones */
        double f;
        /* STR, BYTES; LONG: little-endian two's complement */
        struct { const char *s; size_t n; } text;
        /* TUPLE, LIST; DICT: key, value, key, ... */
        struct { struct gm_pickle_value **item; int64_t n, room; } list;
        /* CALL: global(*arg); PERSID: arg */
        struct { int64_t global; struct gm_pickle_value *arg; } call;
    } u;
} gm_pickle_value;

/* Globals that may occur; `dict`: calling it makes a dict (OrderedDict). */
typedef struct { const char *module, *name; int dict; } gm_pickle_global;

typedef struct gm_pickle gm_pickle;
/* Reads one pickle from the start of bytes; *used (may be NULL) says where it ended.  The values
 * live as long as the gm_pickle, the texts point into bytes, which must live as long.  Memory: at
 * most some 100 bytes per byte read.  name is for messages. */
gm_pickle *gm_pickle_read(const uint8_t *bytes, size_t n, const gm_pickle_global *known,
                          int64_t nknown, const char *name, size_t *used, gm_error *e);
const gm_pickle_value *gm_pickle_root(const gm_pickle *p);
/* Every persistent id, in the order read. */
int64_t gm_pickle_persids(const gm_pickle *p, const gm_pickle_value *const **list);
void gm_pickle_free(gm_pickle *p);

/* The value of a text key in a DICT, NULL when there is none (or it is no dict). */
const gm_pickle_value *gm_pickle_get(const gm_pickle_value *dict, const char *key);
int gm_pickle_is(const gm_pickle_value *v, const char *text);

#endif
