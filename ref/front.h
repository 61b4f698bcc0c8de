/* What every op front does before and after its kernel; for ops_*.c only. */
#ifndef GM_FRONT_H
#define GM_FRONT_H
#include "context.h"
#include "ops.h"

/* True when the op may run: no error yet, inputs a and b present (b only if needed: pass a again
 * otherwise), `ok` holds.  Else sets the error "op: wanted WANT, found (shape) and (shape)". */
bool gm_front(gm_ctx *c, const char *op, bool ok, const char *want, gm_tensor a, gm_tensor b);

/* The kernel's verdict: records r (op, y filled in here) and returns y, or sets the error. */
gm_tensor gm_front_end(gm_ctx *c, const char *op, int status, gm_tensor y, gm_record r,
                       size_t args_bytes);

/* Leading sizes folded: all but the last `tail` sizes multiplied. */
int64_t gm_rows(gm_tensor x, int tail);
bool gm_same_shape(gm_tensor a, gm_tensor b);
bool gm_is_float(gm_tensor x);              /* f32 */
bool gm_is_weight(gm_tensor x);             /* f32, bf16 or f16 */
bool gm_is_matrix(gm_tensor x);             /* (N, K) of these, or quantised */
bool gm_is_vector(gm_tensor x, int64_t n);  /* f32 (n) */
/* True when each of rows (i32) is one of 0 .. R - 1; else sets the error. */
bool gm_rows_exist(gm_ctx *c, const char *op, gm_tensor rows, int64_t R);
/* A new f32 tensor of x's sizes. */
gm_tensor gm_like(gm_ctx *c, gm_tensor x);
/* Scratch for a kernel, given back by gm_scratch_end. */
void *gm_scratch(gm_ctx *c, size_t bytes);
void gm_scratch_end(gm_ctx *c, gm_mark m);

#endif
