/* Inside the context: shared by context.c, memory.c, taps.c and the fronts (ops.c), nobody else. */
#ifndef GM_CONTEXT_H
#define GM_CONTEXT_H
#include "nodes.h"

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
/* Frees every live block from number `from` on, but for those that hold the data of keep[0 .. n) or
 * are among `held` (may be NULL). */
void gm_blocks_end(gm_blocks *b, int64_t from, const gm_tensor *keep, int n, const gm_nodes *held);
/* Frees the block at p, if it is one. */
void gm_blocks_release(gm_blocks *b, const void *p);
void gm_blocks_trim(gm_blocks *b);

typedef struct { char *name; int64_t calls; } gm_tap_count;

typedef struct { gm_record *record; int64_t n, room; } gm_record_list;
/* Copies r, and its args (args_bytes long).  false when out of memory. */
bool gm_record_append(gm_record_list *l, const gm_record *r, size_t args_bytes);
/* Forgets all records from number n on. */
void gm_record_cut(gm_record_list *l, int64_t n);

/* Before the record of this number nothing reads the tensor whose gradient is dw. */
typedef struct { int64_t record; gm_tensor dw; } gm_first;

/* Reverse mode (tape.c). */
typedef struct {
    bool on, checkpointing;
    bool inside;                        /* a checkpointed block: what it calls is not one */
    int64_t block_at;                   /* inside: the number that its record will have */
    gm_first *first;                    /* by record: where wanted tensors are first read */
    int64_t firsts, room_firsts;
    void (*on_final)(void *user, gm_tensor dw);
    void *final_user;
    gm_record_list list;
    gm_nodes nodes;                     /* what records hold, and what they lead to */
} gm_tape;

struct gm_ctx {
    const gm_kernels *k;
    gm_blocks blocks;
    bool failed, stepping;
    char error[1024];
    gm_tap_fn tap;
    void *tap_user;
    bool tap_off;                       /* a block runs again: its modules were tapped before */
    gm_tap_count *tap_counts;
    int64_t ntaps, room_taps;
    gm_progress_fn progress;
    void *progress_user;
    bool recording;
    double started;                     /* of the op that is being recorded */
    gm_record_list records;
    gm_tape tape;
};

/* What a front computed, for the tape. */
void gm_tape_record(gm_ctx *c, const gm_record *r, size_t args_bytes);
/* tape_ops.c: adds to the gradients of r's inputs, dy being its output's.  The kernel's status. */
int gm_backward_op(gm_ctx *c, const gm_record *r, const float *dy);
/* Whether gm_backward_op knows the op. */
bool gm_differentiable(const char *op);
/* The gradient of x, zeroed when it is new; NULL when x does not lead to a wanted tensor. */
float *gm_gradient(gm_ctx *c, gm_tensor x);

#endif
