/* The cases of golden/ops: inputs made by hash, values computed by PyTorch in float64. */
#ifndef GM_OPS_CASES_H
#define GM_OPS_CASES_H
#include <jansson.h>
#include "../ref/kernels.h"

typedef struct {
    json_t *list;                   /* cases.json; its format: golden/make_ops.py */
    float *values;                  /* values.bin */
    int64_t nvalues;
} ops_cases;

enum { OPS_INPUTS = 16, OPS_OUTPUTS = 5 };

/* data lies at an address that is aligned to its element only: kernels may not ask for more. */
typedef struct {
    const char *name;
    gm_dtype type;
    int64_t n;
    size_t bytes;
    void *block, *data;
} ops_input;

typedef enum { OPS_EACH, OPS_BITS, OPS_INTS } ops_rule;

/* One output.  want has every stride-th element, nstored of them (int32 bits under OPS_INTS);
 * magnitude as many, NULL but for OPS_EACH.  An input of the same name is what the output holds
 * before the call: gradients are added to it.  An output that is not wanted is not listed. */
typedef struct {
    const char *name;
    ops_rule rule;
    int64_t n, stride, nstored;
    int alike;                      /* the wanted values do not vary, and that is no fault */
    const float *want, *magnitude;
    void *data;                     /* where the kernel writes, set before each call */
} ops_output;

typedef struct {
    const char *op, *name;
    json_t *json;
    double number;                  /* the slot's scalar; 0 when it has none */
    ops_input input[OPS_INPUTS];
    int ninputs;
    ops_output output[OPS_OUTPUTS];
    int noutputs;
    char error[160];                /* "" or what the case lacks */
} ops_case;

/* 0, or -1 with the reason in error (at least 200 bytes).  Close also after a failure. */
int ops_cases_open(ops_cases *c, const char *folder, char *error);
void ops_cases_close(ops_cases *c);

/* Case i with its inputs filled; 0, or -1 with the reason in out->error.  Free also after a
 * failure. */
int ops_case_load(ops_case *out, const ops_cases *c, int64_t i);
void ops_case_free(ops_case *c);

/* A size by name; 0 and c->error when the case lacks it. */
int64_t ops_size(ops_case *c, const char *name);
/* An input by name; NULL when the case has none (an optional one). */
const ops_input *ops_in(const ops_case *c, const char *name);

#endif
