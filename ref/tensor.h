/* Tensors, the context that owns them, taps.
 *
 * A tensor is a small value: pointer, sizes, type.  dim[0] is the outermost, as PyTorch prints it;
 * tensors are contiguous.  Memory belongs to the context: every block allocated since a gm_scope is
 * given back by gm_scope_end, but for the one that is kept.  Freed blocks are reused.
 *
 * The first error sticks in the context; every later operation returns an empty tensor at once, so
 * model code checks nothing and the caller looks once, at gm_ok. */
#ifndef GM_TENSOR_H
#define GM_TENSOR_H
#include <stdarg.h>
#include <stdbool.h>
#include "error.h"
#include "kernels.h"

#define GM_MAX_DIMS 4

typedef struct gm_tensor {
    void *data;                 /* NULL: no tensor (GM_NONE) */
    int64_t dim[GM_MAX_DIMS];
    int nd;
    gm_dtype type;
} gm_tensor;

#define GM_NONE ((gm_tensor){ 0 })

typedef struct gm_ctx gm_ctx;
typedef struct { int64_t blocks; } gm_mark;

/* Where blocks come from; a GPU backend or a test (failing allocator, guard bytes) puts its own.
 * cache: keep freed blocks for reuse (off under a sanitizer, so that it sees every use after free).
 */
typedef struct {
    void *(*alloc)(void *user, size_t bytes);       /* 64-byte aligned, or NULL */
    void (*free)(void *user, void *p, size_t bytes);
    void *user;
    bool cache;
    /* For blocks that the host cannot read: the crossings, in the order in which they are asked for;
     * 0 or -1.  NULL: memcpy. */
    int (*upload)(void *user, void *device, const void *host, size_t bytes);
    int (*download)(void *user, void *host, const void *device, size_t bytes);
    /* Around a run of operations in which nothing is downloaded: a device may take them down and
     * launch them as one.  end: 0 or -1.  NULL: nothing. */
    void (*begin)(void *user);
    int (*end)(void *user);
} gm_memory;

/* kernels: a full table (backend.c).  memory NULL, or without alloc: the host heap.  NULL when out
 * of memory. */
gm_ctx *gm_ctx_new(const gm_kernels *kernels, const gm_memory *memory);
void gm_ctx_free(gm_ctx *c);
bool gm_ok(const gm_ctx *c);
/* The sticky error's text; "" when there is none.  gm_clear forgets it. */
const char *gm_error_text(const gm_ctx *c);
void gm_clear(gm_ctx *c);
/* Sets the sticky error unless one is set. */
void gm_set_error(gm_ctx *c, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* New tensors.  Contents of gm_new are undefined.  gm_from copies n = product(dim) host values in.
 */
gm_tensor gm_new(gm_ctx *c, gm_dtype type, int nd, const int64_t *dim);
gm_tensor gm_from(gm_ctx *c, gm_dtype type, const void *host, int nd, const int64_t *dim);
/* The same from a malloc'ed buffer, which is freed; NULL there is the error of its malloc. */
gm_tensor gm_from_owned(gm_ctx *c, gm_dtype type, void *host, int nd, const int64_t *dim);
/* Copies a tensor's values to the host (for the CPU a memcpy). */
void gm_to_host(gm_ctx *c, void *host, gm_tensor x);
/* The same values in malloc'ed host memory (free its data); GM_NONE with the error set. */
gm_tensor gm_host_copy(gm_ctx *c, gm_tensor x);
/* x = 0; f32, or an even number of 16-bit elements. */
void gm_zero(gm_ctx *c, gm_tensor x);
/* True when tensors lie where the host cannot read them. */
bool gm_on_device(const gm_ctx *c);
/* Around one step of decoding: between them no value is read on the host (gm_memory's begin, end),
 * so rows are not looked at and taps do not check. */
void gm_step_begin(gm_ctx *c);
void gm_step_end(gm_ctx *c);
#define GM_DIMS(...) ((const int64_t[]){ __VA_ARGS__ })

int64_t gm_numel(gm_tensor x);
/* Bytes of an element; 0 for the quantised types. */
size_t gm_type_size(gm_dtype type);
/* Bytes of n elements (whole blocks), and of a tensor. */
size_t gm_type_bytes(gm_dtype type, int64_t n);
size_t gm_bytes(gm_tensor x);
const char *gm_type_name(gm_dtype type);
/* The same values under other sizes; -1 for at most one size means "the rest". */
gm_tensor gm_reshape(gm_ctx *c, gm_tensor x, int nd, const int64_t *dim);
/* "(2, 3, 4)", for messages; buf of at least 100 bytes. */
const char *gm_shape_text(char *buf, gm_tensor x);

gm_mark gm_scope(gm_ctx *c);
gm_tensor gm_scope_end(gm_ctx *c, gm_mark m, gm_tensor keep);   /* GM_NONE keeps nothing */
void gm_scope_keep(gm_ctx *c, gm_mark m, const gm_tensor *keep, int n);
/* Gives the block of a tensor of this context back before its scope ends; no scope that began after
 * it was made may be open. */
void gm_give_back(gm_ctx *c, gm_tensor x);
/* Gives cached free blocks back to the system. */
void gm_trim(gm_ctx *c);
/* Bytes in live blocks now, and the most ever held (live and cached). */
void gm_memory_use(const gm_ctx *c, size_t *live, size_t *peak);

/* ---- taps: every module's output under its PyTorch path ---- */

/* Called with the module's path (the second call of one module in a forward pass is "path#1") and
 * its output, which a tap may overwrite in place.  x.data is host memory: of a tensor on a device it
 * is a copy, which goes back afterwards. */
typedef void (*gm_tap_fn)(void *user, gm_ctx *c, const char *name, gm_tensor x);
void gm_set_tap(gm_ctx *c, gm_tap_fn fn, void *user);
bool gm_tapped(const gm_ctx *c);
/* Also checks that x is finite: if not, the sticky error names the module. */
void gm_tap(gm_ctx *c, gm_tensor x, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* Starts the numbering (#1, #2, ...) anew; at the start of a forward pass. */
void gm_taps_restart(gm_ctx *c);

/* After each block of a tower: the share of its blocks that are done.  fn NULL: nobody listens. */
typedef void (*gm_progress_fn)(void *user, double done);
void gm_set_progress(gm_ctx *c, gm_progress_fn fn, void *user);
void gm_progress(gm_ctx *c, int64_t done, int64_t of);

/* ---- the record: what was computed from what ---- */

typedef struct {
    const char *op;                    /* slot name */
    gm_tensor y, x[6];                 /* output; inputs and weights in the front's order */
    double number[4];                  /* scalars and flags in the front's order */
    const void *args;                  /* gm_conv or gm_attn, owned by the record, or NULL */
    double seconds, flops;             /* flops 0 where it is not a sum */
} gm_record;

/* For profiles: while on, every front appends its record.  Tensors that scopes have freed since are
 * addresses only.  (Gradients have records of their own: tape.h.) */
void gm_record_start(gm_ctx *c);
int64_t gm_records(const gm_ctx *c, const gm_record **first);
void gm_record_stop(gm_ctx *c);

#endif
