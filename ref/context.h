/* Inside the context: shared by context.c, memory.c, taps.c and the fronts (ops.c), nobody else. */
#ifndef GM_CONTEXT_H
#define GM_CONTEXT_H
#include "tensor.h"

typedef struct { void *p; size_t bytes; } gm_block;

typedef struct {
    gm_memory source;
    gm_block *live, *spare;             /* in order of allocation; freed ones kept for reuse */
    int64_t nlive, nspare, room_live, room_spare;
    size_t live_bytes, spare_bytes, peak_bytes;
} gm_blocks;

void gm_blocks_init(gm_blocks *b, const gm_memory *source);
void gm_blocks_free(gm_blocks *b);
/* A block of at least bytes, or NULL. */
void *gm_blocks_new(gm_blocks *b, size_t bytes);
/* Frees every live block from number `from` on, but for those that hold the data of keep[0 .. n).
 */
void gm_blocks_end(gm_blocks *b, int64_t from, const gm_tensor *keep, int n);
void gm_blocks_trim(gm_blocks *b);

typedef struct { char *name; int64_t calls; } gm_tap_count;

struct gm_ctx {
    const gm_kernels *k;
    gm_blocks blocks;
    bool failed, stepping;
    char error[1024];
    gm_tap_fn tap;
    void *tap_user;
    gm_tap_count *tap_counts;
    int64_t ntaps, room_taps;
    bool recording, record_tensors;
    double started;                     /* of the op that is being recorded */
    gm_record *records;
    int64_t nrecords, room_records;
};

/* Appends a record; args (args_bytes long) is copied into the context. */
void gm_append_record(gm_ctx *c, const gm_record *r, size_t args_bytes);

#endif
