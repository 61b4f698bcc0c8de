/* Runs the cases of golden/ops on any table of kernels. */
#ifndef GM_OPS_RUN_H
#define GM_OPS_RUN_H
#include "compare.h"
#include "ops_cases.h"

/* One case's outcome.  error: a broken rule of kernels.h (a guard overwritten, an input changed, an
 * element never written, other bits on the second run, a non-zero return); then c says nothing. */
typedef struct {
    const char *op, *name;
    const void *got;                /* c.n elements, valid during the callback */
    int64_t n;
    gm_comparison c;                /* against PyTorch, or against the other table */
    char error[200];
} ops_report;

typedef void (*ops_report_fn)(void *user, const ops_report *r);

/* How many slots there are (scratch sizes do not count), and their names, in the table's order. */
int ops_count(void);
const char *ops_name(int i);
/* 1 when k fills the slot itself. */
int ops_has(const gm_kernels *k, const char *op);

/* Runs op's cases (NULL: all) on k, a full table, and reports each.  against NULL: compares with
 * PyTorch's values; else with what `against` gives, under the same tolerances.  Returns how many did not
 * pass; *ran (or NULL) how many ran: none is a failure of the caller. */
int64_t ops_run(const ops_cases *cases, const gm_kernels *k, const gm_kernels *against, const char *op,
                ops_report_fn report, void *user, int64_t *ran);

/* Calls the case's slot; y has c->n elements.  Non-zero when the kernel or the case says no. */
int ops_call(const gm_kernels *k, ops_case *c, void *y, void *scratch);
/* Bytes of scratch the slot asks for in this case. */
size_t ops_scratch(const gm_kernels *k, ops_case *c);

#endif
