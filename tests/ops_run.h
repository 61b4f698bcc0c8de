/* Runs the cases of golden/ops on any table of kernels. */
#ifndef GM_OPS_RUN_H
#define GM_OPS_RUN_H
#include "compare.h"
#include "ops_cases.h"

/* One case's outcome.  error: a broken rule of kernels.h (a guard overwritten, an input changed, an
 * element never written, other bits on the second run, a non-zero return); then c and other say
 * nothing. */
typedef struct {
    const char *op, *name;
    const void *got;    /* n elements of all outputs, one after the other; valid in the callback */
    int64_t n;
    const char *out, *other_out;    /* the outputs that c and other are about: the worst ones */
    gm_comparison c;                /* against PyTorch: the stored elements */
    gm_comparison other; /* against the other table: the same elements; n is 0 without one */
    char error[200];
} ops_report;

/* What a table may do.  All 0: computes in float, gives the same bits on every run. */
typedef struct {
    gm_dtype precision; /* GM_BF16, GM_F16: tolerances by that type's eps (moves and decisions stay
                           exact) */
    int unsteady;                   /* two runs may differ; both must be right */
} ops_terms;

typedef void (*ops_report_fn)(void *user, const ops_report *r);

/* How many slots there are (scratch sizes do not count), and their names, in the table's order. */
int ops_count(void);
const char *ops_name(int i);
/* 1 when k fills the slot itself. */
int ops_has(const gm_kernels *k, const char *op);

/* Runs op's cases (NULL: all) on k, a full table, and reports each: compares with PyTorch's values
 * and, where against is not NULL, with what it gives, under the same tolerances.  Returns how many
 * did not pass; *ran (or NULL) how many ran: none is a failure of the caller. */
int64_t ops_run(const ops_cases *cases, const gm_kernels *k, const gm_kernels *against,
                const char *op, ops_report_fn report, void *user, int64_t *ran);

/* The same for one loaded case; 1 when it passed.  report may be NULL. */
int ops_run_case(const gm_kernels *k, const gm_kernels *against, ops_case *c,
                 const ops_terms *terms, ops_report_fn report, void *user);
/* eps of a type: twice the largest relative error of one rounding. */
double ops_eps(gm_dtype precision);
/* What a size is multiplied by: 4 eps; for norms and losses of n terms, and for their gradients, at
 * least sqrt(n) roundings of a float accumulator (docs/TOLERANCE.md). */
double ops_allowance(ops_case *c, gm_dtype precision);

/* Calls the case's slot; each output has its data.  Non-zero when the kernel or the case says no.
 */
int ops_call(const gm_kernels *k, ops_case *c, void *scratch);
/* Fills an input of a backward slot with the forward slot's output on the case's other inputs. */
int ops_forward(const ops_case *c, ops_input *y);
/* Bytes of scratch the slot asks for in this case. */
size_t ops_scratch(const gm_kernels *k, ops_case *c);

#endif
